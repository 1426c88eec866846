"""What training has besides steps: weights of samples, clipping, accumulation, averages, scaled losses."""

from __future__ import annotations

import json

import numpy as np

import kfront
from kfront import distribution as D
from kfront import layers, optimizers

RNG = np.random.default_rng(0)
X = RNG.normal(size=(21, 6)).astype("float32")
Y = RNG.integers(0, 4, 21)


def split(shape=(2, 1)):
    layouts = D.LayoutMap(D.DeviceMesh(shape, ["batch", "model"]))
    layouts[".*dense_a/kernel"] = ("batch", "model")
    layouts[".*dense_a/bias"] = ("model",)
    layouts[".*dense_b/kernel"] = ("model", "batch")
    return D.ModelParallel(layout_map=layouts, batch_dim_name="batch")


def net():
    kfront.utils.set_random_seed(3)
    return kfront.Sequential(
        [
            kfront.Input((6,)),
            layers.Dense(8, "tanh", name="dense_a"),
            layers.BatchNormalization(),
            layers.Dropout(0.2, seed=4),
            layers.Dense(4, name="dense_b", kernel_constraint="max_norm", bias_regularizer="l2"),
        ]
    )


def make(optimizer="sgd", **how):
    model = net()
    loss = kfront.losses.SparseCategoricalCrossentropy(from_logits=True)
    metrics = ["accuracy", kfront.metrics.SparseTopKCategoricalAccuracy(2)]
    model.compile(optimizer() if callable(optimizer) else optimizer, loss, metrics=metrics, **how)
    return model


def numbers(model, **how):
    """21 samples in batches of 6 leave one of 3, which two processes cannot divide."""
    more = {"batch_size": 6, "epochs": 2, "verbose": 0, "validation_data": (X[:7], Y[:7]), **how}
    history = model.fit(X, Y, **more).history
    tests = model.evaluate(X, Y, batch_size=6, verbose=0)
    return [*history.values(), tests, model.predict(X, batch_size=6, verbose=0), *model.get_weights()]


def same(got, wanted, tolerance=2e-5):
    for a, b in zip(got, wanted, strict=True):
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


WEIGHTS = {0: 1.0, 1: 2.0, 2: 0.5, 3: 1.0}


def together():
    """Clipping, accumulation, averages and a scaled loss at once."""
    how = {"clipnorm": 0.05, "gradient_accumulation_steps": 2, "use_ema": True, "ema_momentum": 0.5}
    return optimizers.LossScaleOptimizer(optimizers.AdamW(0.01, **how), initial_scale=8.0)


CASES = {
    "all together": (lambda: make(together, steps_per_execution=2), {"class_weight": WEIGHTS}),
    "adam": (lambda: make(lambda: optimizers.Adam(0.01, global_clipnorm=0.1)), {}),
    "class_weight": (make, {"class_weight": WEIGHTS}),
    "sample_weight": (make, {"sample_weight": np.linspace(0.1, 1, 21)}),
    "clipnorm": (lambda: make(lambda: optimizers.RMSprop(0.01, clipnorm=0.05)), {}),
    "clipvalue": (lambda: make(lambda: optimizers.SGD(0.1, momentum=0.9, clipvalue=0.01)), {}),
    "accumulation": (lambda: make(lambda: optimizers.AdamW(0.01, gradient_accumulation_steps=2)), {}),
    "averages": (lambda: make(lambda: optimizers.Adam(0.01, use_ema=True, ema_momentum=0.5)), {}),
    "loss scale": (lambda: make(lambda: optimizers.LossScaleOptimizer(optimizers.SGD(0.1), initial_scale=8.0)), {}),
    "several steps": (lambda: make(steps_per_execution=2), {}),
    "adafactor": (lambda: make(lambda: optimizers.Adafactor(0.01)), {}),
    "lion": (lambda: make(lambda: optimizers.Lion(0.001)), {}),
    "ftrl": (lambda: make(lambda: optimizers.Ftrl(0.01)), {}),
    "lamb": (lambda: make(lambda: optimizers.Lamb(0.01)), {}),
    "muon": (lambda: make(lambda: optimizers.Muon(0.01)), {}),
}


def trained(name):
    build, how = CASES[name]
    return numbers(build(), **how)


def half(policy):
    """Losses in mixed precision."""
    kfront.config.set_dtype_policy(policy)
    try:
        return make().fit(X[:18], Y[:18], batch_size=6, epochs=3, verbose=0).history["loss"]
    finally:
        kfront.config.set_dtype_policy("float32")


def work(job):
    """Each case on one device and on a mesh."""
    kfront.config.set_portable_random(True)
    alone = {name: trained(name) for name in job["cases"]}, half("mixed_bfloat16")
    with split(job["mesh"]).scope():
        for name in job["cases"]:
            same(trained(name), alone[0][name])
        np.testing.assert_allclose(half("mixed_bfloat16"), alone[1], rtol=0.02)
    print(json.dumps([*job["cases"], "mixed precision"]))
