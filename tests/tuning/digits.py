"""A small search that other processes import."""

from __future__ import annotations

import os
import time
from typing import Annotated, Literal

import numpy as np

import kfront
from kfront import layers, tuning

X = np.random.default_rng(0).normal(size=(256, 8)).astype("float32")
Y = (np.abs(X).sum(axis=1) > 6.4).astype("int32")
EPOCHS = 6


def build_model(
    units: Annotated[int, tuning.Range(4, 32, log=True)],
    rate: Annotated[float, tuning.Range(1e-3, 1e-1, log=True)],
    activation: Literal["relu", "tanh"],
    normed: bool,
) -> kfront.Model:
    parts = [layers.Dense(units, activation=activation), layers.Dropout(0.1)]
    parts += [layers.BatchNormalization()] if normed else []
    model = kfront.Sequential([kfront.Input((8,)), *parts, layers.Dense(2)])
    loss = kfront.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(kfront.optimizers.Adam(rate), loss, metrics=["accuracy"])
    return model


class Slow(kfront.callbacks.Callback):
    """Makes epochs so long that a kill meets one."""

    def on_epoch_end(self, epoch: int, logs: object = None) -> None:
        time.sleep(float(os.environ.get("KFRONT_TEST_PAUSE", "0")))


def train(model: kfront.Model, trial: object, callbacks: list[kfront.callbacks.Callback]) -> object:
    trial.set_user_attr("process", os.getpid())  # type: ignore[attr-defined]
    size = trial.params.get("batch_size", 32)  # type: ignore[attr-defined]
    return model.fit(X, Y, batch_size=size, epochs=EPOCHS, callbacks=[*callbacks, Slow()], verbose=0)


def make(folder: object, **options: object) -> tuning.Search:
    return tuning.Search(build_model, train, folder, objective="accuracy", **options)  # type: ignore[arg-type]


if __name__ == "__main__":  # a process that others kill
    import sys

    make(sys.argv[1]).run(int(sys.argv[2]), workers=int(sys.argv[3]))
