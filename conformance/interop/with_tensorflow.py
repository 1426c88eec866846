"""A kfront model in TensorFlow's hands: trackable, and its variables are sources of a tape."""

from __future__ import annotations

import pathlib
import tempfile
from typing import Any

import numpy as np

from ..suite import close
from .common import RATE, Check, batches, compiled, fit, fitted, made, outputs, running_mean

__all__ = ["CHECKS"]

SAME = 1e-5


def _cross_entropy(p: Any, y: Any) -> Any:
    import tensorflow as tf

    return -tf.reduce_mean(tf.math.log(tf.gather(p, y, batch_dims=1)))


def checkpoint(family: str) -> None:
    """`tf.train.Checkpoint` saves and restores the weights, with other objects beside the model."""
    import tensorflow as tf

    model, steps = made(family), tf.Variable(5)
    want, values = outputs(model, family), [v.numpy() for v in model.variables]
    with tempfile.TemporaryDirectory() as folder:
        path = tf.train.Checkpoint(model=model, steps=steps).save(str(pathlib.Path(folder) / "c"))
        for v in model.variables:
            v.assign(np.zeros(v.shape))
        steps.assign(0)
        tf.train.Checkpoint(model=model, steps=steps).restore(path).assert_consumed()
        assert np.array_equal(outputs(model, family), want) and int(steps) == 5
        for v, value in zip(model.variables, values, strict=True):
            assert np.array_equal(v.numpy(), value), v.path
        other = made(family)
        for v in other.variables:
            v.assign(np.zeros(v.shape))
        tf.train.Checkpoint(model=other).restore(path).expect_partial()
        assert np.array_equal(outputs(other, family), want), "restored into another model"


def tape(family: str) -> None:
    """A loop with `GradientTape` over `trainable_variables` gives the losses of `fit`."""
    import tensorflow as tf

    model, losses = made(family), []
    for x, y in batches(family):
        with tf.GradientTape() as record:
            loss = _cross_entropy(model(tf.constant(x), training=True), y)
        for v, g in zip(model.trainable_variables, record.gradient(loss, model.trainable_variables), strict=True):
            v.assign_sub(RATE * tf.convert_to_tensor(g))
        losses.append(float(loss))
    _as_fitted(model, losses, family)


def graph_loop(family: str) -> None:
    """The same with a step under `tf.function` with unknown batch size, and kfront's optimizer."""
    import tensorflow as tf

    model = compiled(family)
    model.optimizer.build(model.trainable_variables)
    first = batches(family)[0]
    signature = [tf.TensorSpec([None, *a.shape[1:]], a.dtype) for a in first]

    @tf.function(input_signature=signature)
    def step(x: Any, y: Any) -> Any:
        with tf.GradientTape() as record:
            loss = _cross_entropy(model(x, training=True), y)
        grads = record.gradient(loss, model.trainable_variables)
        model.optimizer.apply_gradients(zip(grads, model.trainable_variables, strict=True))
        return loss

    losses = [float(step(tf.constant(x), tf.constant(y))) for x, y in batches(family)]
    _as_fitted(model, losses, family)
    assert step.experimental_get_tracing_count() == 1


def _as_fitted(model: Any, losses: list[float], family: str) -> None:
    close(running_mean(losses), fitted("tensorflow", family), SAME, what="losses")
    trained = compiled(family)
    fit(trained, family)
    for v, w in zip(model.variables, trained.variables, strict=True):
        close(v.numpy(), w.numpy(), 1e-4, 1e-5, v.path)


def saved_model(family: str) -> None:
    """A SavedModel of a model's call gives the same for any batch size."""
    import tensorflow as tf

    model = made(family)
    x = batches(family)[0][0]
    model.serve = tf.function(
        lambda v: model(v, training=False), input_signature=[tf.TensorSpec([None, *x.shape[1:]], x.dtype)]
    )
    with tempfile.TemporaryDirectory() as folder:
        tf.saved_model.save(model, folder)
        again = tf.saved_model.load(folder)
        close(again.serve(tf.constant(x)), outputs(model, family), SAME, SAME)
        close(again.serve(tf.constant(x[:3])), outputs(model, family)[:3], SAME, SAME)


def nested(family: str) -> None:
    """In a `tf.Module` a model's variables are those of the module."""
    import tensorflow as tf

    class Net(tf.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = made(family)
            self.scale = tf.Variable(2.0)

        def __call__(self, x: Any) -> Any:
            return self.body(x) * self.scale

    net = Net()
    x = tf.constant(batches(family)[0][0])
    close(tf.function(net)(x), 2 * outputs(net.body, family), SAME, SAME)
    with tf.GradientTape() as record:
        loss = tf.reduce_sum(net(x) ** 2)
    grads = record.gradient(loss, [net.scale, *net.body.trainable_variables])
    assert all(g is not None for g in grads)
    with tempfile.TemporaryDirectory() as folder:
        path = tf.train.Checkpoint(net=net).save(str(pathlib.Path(folder) / "c"))
        want = outputs(net.body, family)
        net.scale.assign(0.0)
        net.body.trainable_variables[0].assign(np.zeros(net.body.trainable_variables[0].shape))
        tf.train.Checkpoint(net=net).restore(path).assert_consumed()
        assert np.array_equal(outputs(net.body, family), want) and float(net.scale) == 2.0


CHECKS: dict[str, Check] = {
    "tf.train.Checkpoint": checkpoint,
    "GradientTape loop": tape,
    "tf.function loop": graph_loop,
    "SavedModel": saved_model,
    "in a tf.Module": nested,
}
