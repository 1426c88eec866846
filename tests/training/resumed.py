"""A training run that can be cut off at any step and taken up again; also a script that is killed (`test_resume.py`).

``python tests/training/resumed.py ENGINE DATA FOLDER SAVE_FREQ SEED [STEP]`` trains, prints the weights' checksum, and
kills itself with SIGKILL after STEP batches.
"""

from __future__ import annotations

import hashlib
import os
import random
import signal
import sys

import numpy as np

import kfront
from kfront import callbacks, layers

X = np.random.default_rng(0).normal(size=(22, 4)).astype("float32")
Y = np.random.default_rng(1).normal(size=(22, 2)).astype("float32")
EPOCHS, STEPS = 3, 3
CUT = 2  # batches of an epoch that leaves some to the next one


class Cut(Exception):
    """The run is cut off."""


class After(callbacks.Callback):
    """Calls a function after so many batches."""

    def __init__(self, step, then):
        super().__init__()
        self.left, self.then = step, then

    def on_train_batch_end(self, batch, logs=None):
        self.left -= 1
        if self.left == 0:
            self.then()


class Shuffled(kfront.utils.PyDataset):
    """Shuffles itself after each epoch, as the examples of Keras do, and draws noise."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.order = np.arange(22)

    def __len__(self):
        return STEPS

    def __getitem__(self, i):
        index = self.order[8 * i : 8 * i + 8]
        noise = 0 if self.workers > 1 else np.random.normal(size=(len(index), 4)).astype("float32")
        return X[index] + noise, Y[index]

    def on_epoch_end(self):
        np.random.shuffle(self.order)


def endless():
    while True:
        order = np.random.permutation(22)
        yield from ((X[order[i : i + 8]], Y[order[i : i + 8]]) for i in range(0, 22, 8))


def by_python():
    class Once:
        def __iter__(self):
            order = random.sample(range(22), 22)
            return ((X[order[i : i + 8]], Y[order[i : i + 8]]) for i in range(0, 22, 8))

    return Once()


def torch_loader(workers=0, own=False):
    import torch

    data = torch.utils.data.TensorDataset(torch.from_numpy(X), torch.from_numpy(Y))
    generator = torch.Generator().manual_seed(3) if own else None
    return torch.utils.data.DataLoader(data, 8, shuffle=True, num_workers=workers, generator=generator)


def tf_data():
    import tensorflow as tf

    tf.random.set_seed(1)  # its seed decides too, and other tests set it
    return tf.data.Dataset.from_tensor_slices((X, Y)).shuffle(22, seed=5).batch(8)


def grain_data():
    import grain

    pairs = [(X[i], Y[i]) for i in range(22)]
    return grain.MapDataset.source(pairs).seed(3).shuffle().batch(8).to_iter_dataset()


def stream():
    import datasets

    return datasets.Dataset.from_dict({"a": X.tolist(), "b": Y.tolist()}).to_iterable_dataset().shuffle(3, None, 22)


DATA = {
    "datasets": lambda: {"x": stream(), "y": "b", "batch_size": 8},
    "arrays": lambda: {"x": X, "y": Y, "batch_size": 8},
    "blocks": lambda: {"x": X, "y": Y, "batch_size": 8, "shuffle": "batch"},
    "generator": lambda: {"x": endless(), "steps_per_epoch": STEPS},
    "iterable": lambda: {"x": by_python()},
    "PyDataset": lambda: {"x": Shuffled()},
    "PyDataset, workers": lambda: {"x": Shuffled(workers=2)},
    "torch": lambda: {"x": torch_loader()},
    "torch, own generator": lambda: {"x": torch_loader(own=True)},
    "tf.data": lambda: {"x": tf_data()},
    "grain": lambda: {"x": grain_data()},
    **{
        f"{kind}, cut": lambda make=make: {**make(), "steps_per_epoch": CUT}
        for kind, make in {
            "arrays": lambda: {"x": X, "y": Y, "batch_size": 5},  # 5 batches: 2, 2 and 1
            "iterable": lambda: {"x": by_python()},  # 3 of unknown size
            "PyDataset": lambda: {"x": Shuffled()},
            "torch": lambda: {"x": torch_loader()},
            "tf.data": lambda: {"x": tf_data()},
        }.items()
    },
    "validation": lambda: {
        "x": X,
        "y": Y,
        "batch_size": 8,
        "validation_data": endless(),
        "validation_steps": 2,
    },
}


def model_of(variant="plain"):
    layer = [layers.Input((4,)), layers.Dense(8, "tanh"), layers.BatchNormalization(), layers.Dropout(0.3)]
    model = kfront.Sequential([*layer, layers.GaussianNoise(0.1), layers.Dense(2)])
    if variant == "float16":
        optimizer = kfront.optimizers.LossScaleOptimizer(kfront.optimizers.Adam(0.01), dynamic_growth_steps=4)
    elif variant == "schedule":
        rate = kfront.optimizers.schedules.CosineDecay(0.05, 9, warmup_target=0.1, warmup_steps=3)
        optimizer = kfront.optimizers.SGD(rate, momentum=0.9, gradient_accumulation_steps=2)
    else:
        options = {"use_ema": True, "ema_momentum": 0.8, "ema_overwrite_frequency": 4}
        optimizer = kfront.optimizers.Adam(0.01, **options)
    model.compile(optimizer, "mse", metrics=["mae"], steps_per_execution=2 if variant == "loop" else 1)
    return model


def run(data, folder, save_freq, seed, variant="plain", then=None, extra=()):
    """Train; the model and its History."""
    kfront.utils.set_random_seed(seed)
    if data.startswith("torch"):
        kfront.backends.get("torch").set_random_seed(seed)
    model = model_of(variant)
    listening = [callbacks.BackupAndRestore(folder, save_freq=save_freq)] if folder else []
    listening += [callbacks.ReduceLROnPlateau("loss", patience=1, min_delta=10.0)] if variant != "schedule" else []
    listening += extra
    if then is not None:
        listening.append(After(*then))
    history = model.fit(epochs=EPOCHS, verbose=0, callbacks=listening, **DATA[data]())
    return model, history


def checksum(model):
    everything = [*model.get_weights(), *(v.numpy() for v in model.optimizer.variables)]
    return hashlib.sha256(b"".join(np.ascontiguousarray(w).tobytes() for w in everything)).hexdigest()


if __name__ == "__main__":
    engine, data, folder, save_freq, seed, *step = sys.argv[1:]
    kfront.config.set_backend(engine)
    frequency = save_freq if save_freq == "epoch" else int(save_freq)
    die = (int(step[0]), lambda: os.kill(os.getpid(), signal.SIGKILL)) if step else None
    print(checksum(run(data, folder, frequency, int(seed), then=die)[0]))
