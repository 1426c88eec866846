"""What `tf.distribute` strategies make of models: run with kfront or with Keras, in a process of two CPU devices.

``python strategy_cases.py kfront FILE [CASE …]`` prints the results as JSON, with ``keras`` those of Keras on
TensorFlow, which `strategy_values.json` keeps. ``worker INDEX PORT PORT`` runs `fit` in one of two processes.
"""

from __future__ import annotations

import json
import os
import sys

if sys.argv[1] == "worker":
    index, *ports = map(int, sys.argv[2:])
    workers = [f"localhost:{port}" for port in ports]
    os.environ["TF_CONFIG"] = json.dumps({"cluster": {"worker": workers}, "task": {"type": "worker", "index": index}})
if sys.argv[1] != "keras":
    import kfront

    kfront.install_as_keras()
import keras
import numpy as np
import tensorflow as tf
from keras import layers

if sys.argv[1] == "worker":
    STRATEGY = tf.distribute.MultiWorkerMirroredStrategy()
else:
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    STRATEGY = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
RNG = np.random.default_rng(0)
X = RNG.normal(size=(21, 4)).astype("float32")  # batches of 8, 8 and 5: the last is not split evenly
Y = (X.sum(1, keepdims=True) + RNG.normal(size=(21, 1))).astype("float32")
W = RNG.uniform(0.5, 2, 21).astype("float32")


def made(*parts, optimizer=lambda: keras.optimizers.SGD(0.05, momentum=0.9), loss="mse", cls=keras.Sequential, **more):
    """A model that is made and compiled in the scope, with weights from NumPy."""
    with STRATEGY.scope():
        model = cls([keras.Input((4,)), *(parts or (layers.Dense(6, activation="tanh"), layers.Dense(1)))])
        model.compile(optimizer(), loss, metrics=["mae"], **more)
    rng = np.random.default_rng(1)
    for v in model.trainable_variables:
        v.assign((rng.normal(size=v.shape) * 0.3).astype("float32"))
    return model


def after(model, *data, **more):
    """What training and the other loops give."""
    data = data or (X, Y)
    history = model.fit(*data, **{"batch_size": 8, "epochs": 1, "shuffle": False, "verbose": 0, **more}).history
    found = model.evaluate(X, Y, batch_size=8, verbose=0), model.predict(X, batch_size=8, verbose=0)
    return [history, *found, [v.numpy() for v in model.variables if "seed" not in v.path]]


class OwnStep(keras.Sequential):
    """A step as TensorFlow's users write it."""

    def train_step(self, data):
        """Train on a batch."""
        x, y = data
        with tf.GradientTape() as tape:
            loss = self.compute_loss(x, y, self(x, training=True))
        gradients = tape.gradient(loss, [v.value for v in self.trainable_variables])
        self.optimizer.apply_gradients(zip(gradients, self.trainable_variables, strict=True))
        return {"own": loss}


class Adds(layers.Layer):
    """Adds a loss."""

    def call(self, x):
        """Nothing."""
        self.add_loss(0.1 * keras.ops.mean(x**2))
        return x


def loop():
    """A loop over a distributed dataset, with `strategy.run`."""
    model = made()
    with STRATEGY.scope():
        loss_of, optimizer = keras.losses.MeanSquaredError(), keras.optimizers.SGD(0.05)
    data = tf.data.Dataset.from_tensor_slices((X[:16], Y[:16])).batch(8)

    def step(batch):
        x, y = batch
        with tf.GradientTape() as tape:
            loss = loss_of(y, model(x, training=True))
        optimizer.apply(tape.gradient(loss, model.trainable_variables), model.trainable_variables)
        return loss

    @tf.function
    def whole(batch):
        return STRATEGY.reduce(tf.distribute.ReduceOp.SUM, STRATEGY.run(step, args=(batch,)), axis=None)

    return [whole(batch) for batch in STRATEGY.experimental_distribute_dataset(data)], model.get_weights()


def kinds():
    """What a variable is of."""
    model = made(layers.Dense(2), layers.BatchNormalization(), layers.Dropout(0.5), layers.Dense(1))
    model.fit(X, Y, batch_size=8, verbose=0)

    def kind(v):
        held = v.value
        name = "_".join(v.path.split("/")[-1].split("_")[-2:])
        return [name, type(held).__name__, str(held.aggregation), str(held.synchronization), held.trainable]

    out = sorted(map(kind, model.variables)), sorted(map(kind, model.metrics_variables))
    return [*out, kind(model.optimizer.learning_rate), model.distribute_strategy is STRATEGY]


def files():
    """A model that is saved and read in the scope and outside of it.

    Statistics of layers are those of each replica's own part, and a file has the first one's: hence the tolerance.
    """
    model = made(layers.Dense(2), layers.BatchNormalization(), layers.Dense(1))
    model.fit(X, Y, batch_size=8, verbose=0, shuffle=False)
    model.save(sys.argv[2])
    outside = keras.models.load_model(sys.argv[2])
    with STRATEGY.scope():
        inside = keras.models.load_model(sys.argv[2])
    out = [type(m.weights[0].value).__name__ for m in (outside, inside)]
    same = [np.allclose(m.predict(X, verbose=0), model.predict(X, verbose=0), atol=0.01) for m in (outside, inside)]
    return [out, same, inside.fit(X, Y, batch_size=8, shuffle=False, verbose=0).history]


CASES = {
    "fit": lambda: after(made(), epochs=2),
    "statistics": lambda: after(made(layers.Dense(3), layers.BatchNormalization(), layers.Dense(1)), X[:16], Y[:16]),
    "regularizer": lambda: after(made(layers.Dense(3, kernel_regularizer="l2"), Adds(), layers.Dense(1))),
    "weights": lambda: after(made(), sample_weight=W),
    "sum": lambda: after(
        made(loss=keras.losses.MeanSquaredError(reduction="sum"), optimizer=lambda: keras.optimizers.SGD(1e-3))
    ),
    "adam": lambda: after(made(optimizer=lambda: keras.optimizers.Adam(0.05)), validation_data=(X, Y), epochs=2),
    "eager": lambda: after(made(run_eagerly=True), X[:8], Y[:8]),
    "one row": lambda: after(made(), X[:9], Y[:9]),
    "dataset": lambda: after(
        made(), tf.data.Dataset.from_tensor_slices((X, Y)).batch(8), batch_size=None, shuffle=True
    ),
    "own step": lambda: after(made(cls=OwnStep), X[:16], Y[:16])[1:],
    "loop": loop,
    "kinds": kinds,
    "files": files,
}


def plain(x):
    """Results as JSON."""
    if isinstance(x, dict):
        return {k: plain(v) for k, v in sorted(x.items())}
    if isinstance(x, (list, tuple)):
        return [plain(v) for v in x]
    return x if isinstance(x, (str, bool)) else np.round(np.asarray(x, "float64"), 5).tolist()


if sys.argv[1] == "worker":
    print(json.dumps(plain({name: CASES[name]() for name in ("fit", "adam")})))
else:
    print(json.dumps({name: plain(CASES[name]()) for name in sys.argv[3:] or CASES}))
