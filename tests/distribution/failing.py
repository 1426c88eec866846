"""Several processes of which one fails, in a way that the first argument names; each prints how it ended, as JSON.

python failing.py ENGINE WAY ADDRESS COUNT ID
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time

ENGINE, WAY, ADDRESS, COUNT, MINE = (*sys.argv[1:4], *map(int, sys.argv[4:6]))
os.environ["KERAS_BACKEND"] = ENGINE
os.environ.setdefault("XLA_FLAGS", "--xla_force_host_platform_device_count=1")

import numpy as np

import kfront
from kfront import distribution as D
from kfront import layers

BAD = COUNT - 1  # the process that fails
X, Y = np.ones((64, 6), "float32"), np.ones((64, 4), "float32")


class Fail(kfront.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        time.sleep(0.02)
        if MINE != BAD or batch != 5:
            return
        if WAY == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        if WAY == "stopped":
            os.kill(os.getpid(), signal.SIGSTOP)
        if WAY == "raises":
            raise ValueError("no more disk")
        if WAY == "ends":
            sys.exit(0)
        if WAY == "another call":
            self.model.evaluate(X, Y, verbose=0)

    def on_epoch_end(self, epoch, logs=None):
        if WAY == "other seeds" and MINE == BAD:
            random.seed(99)


def batches():
    for i in range(200):
        other = MINE == BAD and i > 5
        size = 7 if WAY == "other sizes" and other else 8
        yield X[:size] * (2 if WAY == "other data" and other else 1), Y[:size]


def own_loop(model):
    optimizer, weights = kfront.optimizers.SGD(0.1), model.trainable_variables
    for i in range(200):
        if MINE == BAD and i == 5:
            os.kill(os.getpid(), signal.SIGKILL)
        grads = kfront.grad(lambda: kfront.ops.mean(model(X[:8]) ** 2), wrt=weights)()
        optimizer.apply(grads, weights)


def main():
    D.initialize(ADDRESS, COUNT, MINE)
    with D.DataParallel().scope():
        model = kfront.Sequential([kfront.Input((6,)), layers.Dense(8), layers.Dense(4)])
        model.compile("adam", "mse")
        if WAY == "other settings":
            model.fit(X, Y, batch_size=4 if MINE == BAD else 8, verbose=0)
        if WAY == "other epochs":
            model.fit(X, Y, epochs=1 + (MINE == BAD), verbose=0)
        if WAY == "killed in an own loop":
            own_loop(model)
        began = time.monotonic()
        try:
            model.fit(batches(), steps_per_epoch=40, epochs=5, verbose=0, callbacks=[Fail()])
        finally:
            print(json.dumps({"seconds": time.monotonic() - began}), flush=True)


if __name__ == "__main__":
    main()
