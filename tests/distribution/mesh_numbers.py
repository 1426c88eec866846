"""Trains models on meshes of torch and JAX, in 1 to 4 processes, and gives what comes out."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import time

import numpy as np

import kfront
from kfront import distribution as D
from kfront import layers

BATCH, TIME, WORDS = 16, 12, 32


def mlp():
    return kfront.Sequential(
        [
            kfront.Input((32,)),
            layers.Dense(64, "gelu", name="up"),
            layers.Dropout(0.1),
            layers.Dense(32, "tanh", name="down"),
            layers.Dense(10, name="head"),
        ]
    )


def cnn():
    return kfront.Sequential(
        [
            kfront.Input((8, 8, 3)),
            layers.Conv2D(8, 3, padding="same", use_bias=False),
            layers.BatchNormalization(),
            layers.Activation("tanh"),
            layers.AveragePooling2D(2),
            layers.DepthwiseConv2D(3, padding="same", activation="gelu"),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dense(10, name="head"),
        ]
    )


def lstm():
    return kfront.Sequential(
        [
            kfront.Input((TIME,), dtype="int32"),
            layers.Embedding(WORDS, 16, mask_zero=True),
            layers.LSTM(16),
            layers.Dense(10, name="head"),
        ]
    )


def transformer():
    tokens = kfront.Input((TIME,), dtype="int32")
    x = layers.Embedding(WORDS, 32)(tokens)
    x = layers.Dropout(0.1)(x)
    for _ in range(2):
        h = layers.LayerNormalization()(x)
        x = x + layers.Dropout(0.1)(layers.MultiHeadAttention(4, 8)(h, h, use_causal_mask=True))
        h = layers.LayerNormalization()(x)
        h = layers.Dense(32, name=None)(layers.Dense(64, "gelu")(h))
        x = x + layers.Dropout(0.1)(h)
    x = layers.GlobalAveragePooling1D()(layers.LayerNormalization()(x))
    return kfront.Model(tokens, layers.Dense(10, name="head")(x))


RULES = {
    ".*(up|dense_?[02468]?)/kernel": ("batch", "model"),
    ".*up/bias": ("model",),
    ".*(down|dense_[13579])/kernel": ("model", "batch"),
    ".*embeddings": ("batch", "model"),
    ".*(query|key|value)/kernel": ("batch", "model", None),
    ".*(query|key|value)/bias": ("model", None),
    ".*attention_output/kernel": ("model", None, "batch"),
    ".*lstm_cell/kernel": ("batch", "model"),
    ".*/conv2d/kernel": (None, None, None, "model"),
    ".*gamma": ("batch",),
}


def data(name, count, dtype):
    rng = np.random.default_rng(0)
    y = rng.integers(0, 10, count).astype("int32")
    if name == "mlp":
        return rng.normal(size=(count, 32)).astype(dtype), y
    if name == "cnn":
        return rng.normal(size=(count, 8, 8, 3)).astype(dtype), y
    return rng.integers(0, WORDS, (count, TIME)).astype("int32"), y


def digest(arrays):
    return hashlib.sha256(b"".join(np.ascontiguousarray(a).tobytes() for a in arrays)).hexdigest()[:16]


def on_mesh(shape):
    if shape[0] * shape[1] == 1:
        return contextlib.nullcontext()
    devices = D.list_devices()
    devices = devices[:: len(devices) // (shape[0] * shape[1])]  # as many of each process
    layouts = D.LayoutMap(D.DeviceMesh(tuple(shape), ["batch", "model"], devices))
    for key, axes in RULES.items():
        layouts[key] = axes
    return D.ModelParallel(layout_map=layouts, batch_dim_name="batch").scope()


@contextlib.contextmanager
def counting(found):
    """Collectives of torch that are run inside, by name."""
    from torch.distributed.tensor.debug import CommDebugMode

    with CommDebugMode() as mode:
        yield
    found.update({str(k).split(".")[-1].strip("_"): n for k, n in mode.get_comm_counts().items()})


def train(name, shape, dtype, steps=50, jit="auto", counted=False):
    """Weights at the start, the loss of each step, and what evaluation and prediction give."""
    kfront.utils.set_random_seed(7)
    x, y = data(name, BATCH * steps, dtype)
    with on_mesh(shape):
        model = globals()[name]()
        start = digest([w.numpy() for w in model.weights])
        optimizer = kfront.optimizers.Adam(3e-3, global_clipnorm=0.5)
        loss = kfront.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(optimizer, loss, metrics=["accuracy"], jit_compile=jit)
        losses, times, counts = [], [], {}
        for i in range(steps):
            rows = slice(i * BATCH, (i + 1) * BATCH)
            begun = time.perf_counter()
            with counting(counts) if i == 2 and counted else contextlib.nullcontext():
                losses.append(float(model.train_on_batch(x[rows], y[rows])[0]))
            times.append(time.perf_counter() - begun)
        tests = [float(t) for t in model.evaluate(x[:41], y[:41], batch_size=BATCH, verbose=0)]
        outputs = model.predict(x[:41], batch_size=BATCH, verbose=0)
    ms = [round(1e3 * t, 1) for t in (times[0], float(np.median(times)))]
    out = {"start": start, "losses": losses, "tests": tests, "outputs": outputs.tolist()}
    return {**out, "ms": ms, "collectives": counts}


def work(job):
    """All models on all meshes in all dtypes, in one of the processes."""
    if job["count"] > 1:
        D.initialize(job["address"], job["count"], job["id"])
    if "compiler" in job:  # a backend of torch.compile that needs no C++ compiler
        import torch

        torch.compile = functools.partial(torch.compile, backend=job["compiler"], fullgraph=True)
    kfront.config.set_process_timeout(120)  # a compiler may keep a busy machine for long
    kfront.config.set_portable_random(True)
    found = []
    for dtype in job["dtypes"]:
        kfront.config.set_floatx(dtype)
        if kfront.config.backend() == "jax":
            import jax

            jax.config.update("jax_enable_x64", dtype == "float64")
        for shape in job["meshes"]:
            found.append([dtype, shape, {name: train(name, shape, dtype, **job["how"]) for name in job["models"]}])
    print(json.dumps(found), flush=True)
