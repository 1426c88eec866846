"""Makes `keras2_files.tar.xz`: files of tf.keras (Keras 2) with inputs, predictions and losses of further training.

Run ``python keras2_side.py`` where the package `tf_keras` is installed; the tests need only the archive.
"""

from __future__ import annotations

import io
import os
import sys
import tarfile
import tempfile
from collections.abc import Callable
from typing import Any

import numpy as np

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
from tests.saving import models

ARCHIVE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "keras2_files.tar.xz")


def functions(tf: Any, x: Any) -> dict[str, Callable[[], Any]]:
    """TensorFlow functions on an input of shape (None, 4, 6)."""
    return {
        "add": lambda: 1.0 + x,
        "subtract": lambda: 1.0 - x,
        "multiply": lambda: 2 * x * x,
        "divide": lambda: x / 2.0,
        "floordiv": lambda: x // 2.0,
        "power": lambda: abs(x) ** 2.0,
        "mod": lambda: -x % 2.0,
        "compare": lambda: tf.where(tf.logical_and(x > 0.0, x <= 1.0), x, 0.5),
        "matmul": lambda: tf.matmul(x, x, transpose_b=True),
        "matmul_constant": lambda: x @ tf.ones((6, 2)),
        "reshape": lambda: tf.reshape(tf.transpose(x, [0, 2, 1]), (-1, 24)),
        "squeeze": lambda: tf.squeeze(tf.expand_dims(x, -1), -1),
        "concat": lambda: tf.concat([x, x + 1.0], axis=-1),
        "stack": lambda: tf.stack([x, x], axis=1),
        "unstack": lambda: tf.unstack(x, axis=1)[1],
        "split": lambda: tf.split(x, 2, axis=-1)[1],
        "split_sizes": lambda: tf.split(x, [1, 3, 2], axis=-1)[1],
        "tile": lambda: tf.tile(x, [1, 2, 1]),
        "repeat": lambda: tf.repeat(tf.reverse(x, [1]), 2, axis=1),
        "cast": lambda: tf.cast(tf.cast(x, "int32"), tf.float32),
        "identity": lambda: tf.identity(x) + tf.ones_like(x),
        "clip": lambda: tf.clip_by_value(x, -1.0, 1.0),
        "one_hot": lambda: tf.one_hot(tf.cast(abs(x), "int32"), 3),
        "gather": lambda: tf.gather(x, [0, 2], axis=1),
        "cumsum": lambda: tf.cumsum(x, axis=1),
        "pad": lambda: tf.pad(x, [[0, 0], [1, 1], [0, 0]]),
        "l2": lambda: tf.math.l2_normalize(x, axis=-1),
        "reduce": lambda: tf.reduce_sum(x, axis=1, keepdims=True) + tf.reduce_mean(x, [1], keepdims=True),
        "maximum": lambda: tf.maximum(tf.reduce_max(x, axis=-1), 0.0),
        "argmax": lambda: tf.argmax(x, axis=-1),
        "softmax": lambda: tf.nn.softmax(x, axis=1),
        "gelu": lambda: tf.nn.gelu(x) + tf.nn.silu(x) + tf.nn.leaky_relu(x, alpha=0.1),
        "unary": lambda: tf.tanh(tf.exp(x)) + tf.sigmoid(tf.sqrt(abs(x))) + tf.sin(x) + tf.math.erf(x),
        "top_k": lambda: tf.math.top_k(x, 2)[0],
        "slices": lambda: x[..., 1:5:2] + x[:, :1, 2:4],
        "newaxis": lambda: x[:, tf.newaxis, 0],
        "slice": lambda: tf.slice(x, [0, 1, 1], [-1, 2, -1]),
        "roll": lambda: tf.roll(x, 1, axis=1),
        "variance": lambda: tf.math.reduce_variance(x, axis=1),
        "broadcast": lambda: tf.stop_gradient(x) + tf.broadcast_to(1.0, (1, 4, 6)),
    }


def _shared(k: Any) -> Any:
    a, b = k.Input((4,), name="a"), k.Input((4,), name="b")
    layer = k.layers.Dense(4, activation="relu", kernel_regularizer="l2", name="twice")
    inner = k.Sequential([k.layers.Dense(3, name="first"), k.layers.BatchNormalization()], name="inner")
    x = k.layers.Concatenate()([inner(layer(a)), inner(layer(b))])
    return k.Model([a, b], [k.layers.Dense(2, name="left")(x), k.layers.Dense(1, name="right")(x)])


def _nested(k: Any) -> Any:
    i = k.Input((4,))
    inner = k.Model(i, k.layers.Dense(4, activation="tanh")(i), name="inner")
    x = k.Input((4,))
    return k.Model(x, k.layers.Dense(2)(inner(inner(x))))


def _states(k: Any) -> Any:
    x, h, c = k.Input((5, 3)), k.Input((4,)), k.Input((4,))
    y = k.layers.LSTM(4, return_sequences=True)(x, initial_state=[h, c])
    return k.Model([x, h, c], k.layers.GRU(2, reset_after=False)(y))


def _attention(k: Any) -> Any:
    x, y = k.Input((5, 3)), k.Input((6, 3))
    return k.Model([x, y], k.layers.MultiHeadAttention(2, 3)(x, y))


def _frozen(k: Any) -> Any:
    model = k.Sequential([k.layers.Dense(3, input_shape=(4,)), k.layers.BatchNormalization(), k.layers.Dense(1)])
    model.layers[0].trainable = model.layers[1].trainable = False
    return model


SCENARIOS: dict[str, tuple[Callable[[Any], Any], list[tuple[int, ...]]]] = {
    "shared": (_shared, [(4,), (4,)]),
    "nested": (_nested, [(4,)]),
    "states": (_states, [(5, 3), (4,), (4,)]),
    "attention": (_attention, [(5, 3), (6, 3)]),
    "frozen": (_frozen, [(4,)]),
}


def optimizers(k: Any) -> dict[str, Any]:
    """Optimizers of both kinds that Keras 2 has."""
    new, old = k.optimizers, k.optimizers.legacy
    return {
        "sgd": new.SGD(0.05, momentum=0.9, nesterov=True),
        "adam": new.Adam(0.01, amsgrad=True),
        "adamw": new.AdamW(0.01, weight_decay=0.02),
        "rmsprop": new.RMSprop(0.01, momentum=0.5, centered=True),
        "adagrad": new.Adagrad(0.05),
        "adadelta": new.Adadelta(0.5),
        "adamax": new.Adamax(0.01),
        "nadam": new.Nadam(0.01),
        "ftrl": new.Ftrl(0.05),
        "lion": new.Lion(0.01),
        "schedule": new.Adam(new.schedules.ExponentialDecay(0.01, 3, 0.5)),
        "old_sgd": old.SGD(0.05, momentum=0.9, decay=0.1),
        "old_adam": old.Adam(0.01, decay=0.01),
        "old_rmsprop": old.RMSprop(0.01, momentum=0.5),
        "old_adagrad": old.Adagrad(0.05),
    }


def _trained(k: Any, optimizer: Any) -> Any:
    k.utils.set_random_seed(3)
    model = k.Sequential([k.layers.Dense(4, activation="relu", input_shape=(6,)), k.layers.Dense(1)])
    metrics = ["mae", k.metrics.RootMeanSquaredError(name="root")]
    # compiled, Nadam of tf.keras counts its steps only once
    model.compile(optimizer, loss=k.losses.Huber(0.7), metrics=metrics, run_eagerly=True)
    models.continue_training(model)
    return model


class Writer:
    """Puts models and numbers into the archive."""

    def __init__(self, archive: tarfile.TarFile, folder: str) -> None:
        self.archive, self.folder = archive, folder

    def put(self, name: str, model: Any, inputs: list[np.ndarray], losses: Any = ()) -> None:
        """One model with its predictions."""
        path = f"{self.folder}/model.h5"
        model.save(path)
        outputs = models.flat(model(inputs if len(inputs) > 1 else inputs[0], training=False))
        losses = [models.continue_training(model) for _ in losses]
        arrays = {f"in{i}": x for i, x in enumerate(inputs)} | {f"out{i}": x for i, x in enumerate(outputs)}
        buffer = io.BytesIO()
        np.savez(buffer, **arrays, losses=np.array(losses))
        with open(path, "rb") as file:
            contents = {".h5": file.read(), ".npz": buffer.getvalue()}
        for suffix, data in contents.items():
            entry = tarfile.TarInfo(name + suffix)
            entry.size = len(data)
            self.archive.addfile(entry, io.BytesIO(data))


def main() -> None:
    """Write the archive."""
    import tensorflow as tf
    import tf_keras as k

    with tempfile.TemporaryDirectory() as folder, tarfile.open(ARCHIVE, "w:xz", preset=9) as archive:
        writer = Writer(archive, folder)
        for module, case in models.layer_cases():
            try:
                model = models.layer_model(k, module, case)
                arrays = module.input_arrays(case)
                writer.put(f"layer/{case.id}", model, arrays if isinstance(arrays, list) else [arrays])
            except Exception as error:
                print("left out", case.id, type(error).__name__, str(error)[:100])
        x = k.Input((4, 6), name="x")
        for name, function in functions(tf, x).items():
            writer.put(f"function/{name}", k.Model(x, function()), [models.data((3, 4, 6))])
        for name, (build, shapes) in SCENARIOS.items():
            k.utils.set_random_seed(5)
            inputs = [models.data((3, *s), seed=i) for i, s in enumerate(shapes)]
            writer.put(f"scenario/{name}", build(k), inputs)
        for name, optimizer in optimizers(k).items():
            writer.put(f"optimizer/{name}", _trained(k, optimizer), [models.data((4, 6))], losses=(0, 0))


if __name__ == "__main__":
    main()
