"""Several processes of which one fails, in a way that is named; the others must end and name it.

``python failing.py ENGINE COUNT WAY ..``
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import numpy as np
from tests.distribution import processes

import kfront
from kfront import distribution as D
from kfront import layers

WAYS = {  # what one process does -> what the others say, "{n}" being its rank
    "killed": "rank {n} of {count} has stopped",
    "stopped": "rank {n} of {count} has stopped",
    "raises": "rank {n} of {count} failed with ValueError: no more disk",
    "ends": "rank {n} of {count} has ended",
    "another call": "rank {n} of {count} calls evaluate where rank 0 takes step 7",
    "other seeds": "rank {n} of {count} differs from rank 0 (seeds",
    "other settings": "rank {n} of {count} differs from rank 0 (batches: 16 instead of 8, batch size: 4 instead of 8)",
    "other rates": "rank {n} of {count} differs from rank 0 (learning_rate: 0.1 instead of 0.001)",
    "other decay": "rank {n} of {count} differs from rank 0 (weight_decay: 0.01 instead of None)",
    "another rate later": "rank {n} of {count} does not do what rank 0 does",
    "other decay in single steps": "rank {n} of {count} does not do what rank 0 does",
    "other epochs": "rank {n} of {count} differs from rank 0 (epochs: 2 instead of 1)",
    "killed in an own loop": "rank {n} of {count} has stopped",
    "other sizes": "rank {n} of {count} does not do what rank 0 does",
    "other data": "rank {n} of {count} does not do what rank 0 does",
}
X, Y = np.ones((64, 6), "float32"), np.ones((64, 4), "float32")


def tell(what):
    """Print the moment of something."""
    print(json.dumps({what: time.time()}), flush=True)


def moments(text, what):
    """Those that a process has told of."""
    return [json.loads(line)[what] for line in text.splitlines() if line.startswith(f'{{"{what}"')]


class Fail(kfront.callbacks.Callback):
    """Fails in a way after the sixth batch; in none for None."""

    def __init__(self, way):
        super().__init__()
        self.way = way

    def on_train_batch_end(self, batch, logs=None):
        time.sleep(0.2 if self.way == "another rate later" else 0.02)  # that before the epoch ends, which tells too
        if batch != 5 or self.way is None:
            return
        tell("failed")
        if self.way == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.way == "stopped":
            os.kill(os.getpid(), signal.SIGSTOP)
        if self.way == "raises":
            raise ValueError("no more disk")
        if self.way == "ends":
            sys.exit(0)
        if self.way == "another call":
            self.model.evaluate(X, Y, verbose=0)
        if self.way == "another rate later":
            self.model.optimizer.learning_rate = 0.5

    def on_epoch_end(self, epoch, logs=None):
        if self.way == "other seeds":
            tell("failed")
            random.seed(99)


def batches(way):
    for i in range(200):
        size = 7 if way == "other sizes" and i > 5 else 8
        yield X[:size] * (2 if way == "other data" and i > 5 else 1), Y[:size]


def own_loop(model, way):
    optimizer, weights = kfront.optimizers.SGD(0.1), model.trainable_variables
    for i in range(200):
        if way == "killed in an own loop" and i == 5:
            tell("failed")
            os.kill(os.getpid(), signal.SIGKILL)
        grads = kfront.grad(lambda: kfront.ops.mean(model(X[:8]) ** 2), wrt=weights)()
        optimizer.apply(grads, weights)


def single_steps(model):
    for _ in range(200):
        model.train_on_batch(X[:8], Y[:8])
        tell("failed")  # the first step has been compiled
        time.sleep(0.02)


def train(way, mine):
    """Train, differently where `mine` is a way and not None."""
    model = kfront.Sequential([kfront.Input((6,)), layers.Dense(8), layers.Dense(4)])
    rate, decay = 0.1 if mine == "other rates" else 0.001, 0.01 if mine and mine.startswith("other decay") else None
    model.compile(kfront.optimizers.Adam(rate, weight_decay=decay), "mse")
    if way == "other settings":
        model.fit(X, Y, batch_size=4 if mine else 8, verbose=0)
    if way == "other epochs":
        model.fit(X, Y, epochs=2 if mine else 1, verbose=0)
    if way == "killed in an own loop":
        own_loop(model, mine)
    if way == "other decay in single steps":
        single_steps(model)
    model.fit(batches(mine), steps_per_epoch=40, epochs=5, verbose=0, callbacks=[Fail(mine)])


def work(job):
    """What each process does."""
    D.initialize(job["address"], job["count"], job["id"])
    try:
        with D.DataParallel().scope():
            train(job["way"], job["way"] if job["id"] == job["count"] - 1 else None)
    finally:
        tell("ended")


def end(engine, count, ways):
    """Run processes of which the last fails, in each way at the same time; the others end and name it within 30 s."""
    runs = {way: processes.Run(work, engine, count, way=way) for way in ways}
    for way, run in runs.items():
        with run:
            codes, wanted = run.wait(150, range(count - 1)), WAYS[way].format(n=count - 1, count=count)
            failed = moments(run.text(count - 1), "failed")
            for i in range(count - 1):
                text = run.text(i)
                by_jax = engine == "jax" and f"stopped sending heartbeats):\n{count - 1}" in text  # it may come first
                assert codes[i] and (wanted in text or by_jax), (way, codes, text)
                ended = moments(text, "ended")  # one that cannot raise ends without that line
                assert not ended or not failed or ended[0] - failed[0] < 30, (way, failed, ended)
            print(f"  {engine} {count}: {way}", flush=True)


if __name__ == "__main__":
    ENGINE, COUNT, *GIVEN = sys.argv[1:]
    processes.warm(ENGINE)
    end(ENGINE, int(COUNT), GIVEN)
