"""Trains under TensorFlow's own strategy for several processes, and prints losses and weights as JSON.

python on_two_workers.py ADDRESS,ADDRESS ID    one of them
python on_two_workers.py                       on one device, without a strategy
"""

from __future__ import annotations

import contextlib
import json
import os
import sys

WORKERS = sys.argv[1].split(",") if sys.argv[1:] else []
if WORKERS:
    task = {"type": "worker", "index": int(sys.argv[2])}
    os.environ["TF_CONFIG"] = json.dumps({"cluster": {"worker": WORKERS}, "task": task})
os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ["CUDA_VISIBLE_DEVICES"] = ""

import numpy as np
import tensorflow as tf

import kfront
from kfront import layers

RNG = np.random.default_rng(0)
X = RNG.normal(size=(24, 6)).astype("float32")
Y = RNG.normal(size=(24, 4)).astype("float32")


def main():
    """Three epochs of three steps, evaluation and prediction: every process is given whole batches."""
    strategy = tf.distribute.MultiWorkerMirroredStrategy() if WORKERS else None
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


if __name__ == "__main__":
    main()
