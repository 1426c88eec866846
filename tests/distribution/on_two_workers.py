"""Trains under TensorFlow's own strategy for several processes, and prints losses and weights as JSON."""

from __future__ import annotations

import contextlib
import json
import os

import numpy as np
import tensorflow as tf

import kfront
from kfront import layers

RNG = np.random.default_rng(0)
X = RNG.normal(size=(24, 6)).astype("float32")
Y = RNG.normal(size=(24, 4)).astype("float32")


def work(job):
    """Three epochs of three steps, evaluation and prediction: every process is given whole batches."""
    together = job["count"] > 1
    if together:
        task = {"type": "worker", "index": job["id"]}
        os.environ["TF_CONFIG"] = json.dumps({"cluster": {"worker": job["workers"]}, "task": task})
    strategy = tf.distribute.MultiWorkerMirroredStrategy() if together else None
    with contextlib.nullcontext() if strategy is None else strategy.scope():
        kfront.utils.set_random_seed(3)
        model = kfront.Sequential([kfront.Input((6,)), layers.Dense(8, "tanh"), layers.Dense(4)])
        model.compile(kfront.optimizers.Adam(0.01, global_clipnorm=1.0), "mse", metrics=["mae"])
    found = model.fit(X, Y, batch_size=8, epochs=3, verbose=0).history
    tests = model.evaluate(X, Y, batch_size=8, verbose=0)
    outputs = model.predict(X, batch_size=8, verbose=0)
    numbers = [
        *found["loss"],
        *found["mae"],
        *tests,
        *outputs.ravel(),
        *np.concatenate([w.ravel() for w in model.get_weights()]),
    ]
    print(json.dumps([float(n) for n in numbers]), flush=True)
