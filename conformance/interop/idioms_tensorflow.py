"""Idioms of TensorFlow: tapes, functions, modules, checkpoints, SavedModels, datasets, strategies."""

from __future__ import annotations

import copy
import tempfile
import zlib
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

import kfront

from .idioms import Rows

__all__ = ["ROWS"]

L = kfront.layers
TAPE, FUNCTION, MODULE, FILES, DATA = (
    Rows(f"tf.{name}") for name in ("GradientTape", "function", "Module", "train", "data")
)


class Made(NamedTuple):
    """A layer and an input.

    Attributes:
        layer: the layer, a `tf.Module` either way.
        make: makes another like it, with other weights.
        x: an input.
    """

    layer: Any
    make: Callable[[int], Any]
    x: Any

    @property
    def weights(self) -> list[Any]:
        """What is trained, in one order."""
        return list(self.layer.trainable_variables)

    def loss(self, x: Any = None) -> Any:
        """A scalar of the output."""
        return tf.reduce_mean(self.layer(self.x if x is None else x) ** 2)


class Linear(tf.Module):
    """A linear map and an activation, as a module of TensorFlow."""

    def __init__(self, kernel: Any, bias: Any, activation: Any = None) -> None:
        super().__init__()
        self.kernel, self.bias, self.activation = tf.Variable(kernel), tf.Variable(bias), activation

    def __call__(self, x: Any) -> Any:
        """Apply it."""
        x = x @ self.kernel + self.bias
        return x if self.activation is None else self.activation(x)

    @property
    def trainable_variables(self) -> Any:
        """In the order of a layer."""
        return (self.kernel, self.bias)


class Stack(tf.Module):
    """Modules one after the other."""

    def __init__(self, *parts: Any) -> None:
        super().__init__()
        self.parts = list(parts)

    def __call__(self, x: Any) -> Any:
        """Apply it."""
        for part in self.parts:
            x = part(x)
        return x

    @property
    def trainable_variables(self) -> Any:
        """In the order of a model."""
        return tuple(v for part in self.parts for v in part.trainable_variables)


def drawn(name: str, *shape: int) -> np.ndarray:
    """Numbers that depend on a name and a shape only."""
    return np.random.default_rng(zlib.crc32(f"{name}{shape}".encode())).normal(size=shape).astype("float32") * 0.5


def pair(
    ours: Callable[[], Any], own: Callable[..., Any], shapes: list[tuple[int, ...]], x: np.ndarray
) -> tuple[Callable[[], Made], Callable[[], Made]]:
    """Makers of ours and of the engine's own, with equal weights."""

    def weights(seed: int) -> list[np.ndarray]:
        return [drawn(f"weight {seed} {i}", *shape) for i, shape in enumerate(shapes)]

    def make_ours(seed: int = 0) -> Any:
        layer = ours()
        layer(tf.constant(x))
        layer.set_weights(weights(seed))
        return layer

    def make_own(seed: int = 0) -> Any:
        return own(*weights(seed))

    return (
        lambda: Made(make_ours(), make_ours, tf.constant(x)),
        lambda: Made(make_own(), make_own, tf.constant(x)),
    )


LINEAR = pair(lambda: L.Dense(3), Linear, [(4, 3), (3,)], drawn("x", 5, 4))
MLP = pair(
    lambda: kfront.Sequential([kfront.Input((4,)), L.Dense(6, activation="tanh"), L.Dense(2)]),
    lambda a, b, c, d: Stack(Linear(a, b, tf.tanh), Linear(c, d)),
    [(4, 6), (6,), (6, 2), (2,)],
    drawn("x", 8, 4),
)


# ---- tapes -----------------------------------------------------------------------------------------------------------


@TAPE.of("gradient by the variables", LINEAR)
@TAPE.of("gradient by the variables: a model", MLP)
def _(s: Made) -> Any:
    with tf.GradientTape() as tape:
        loss = s.loss()
    return loss, tape.gradient(loss, s.weights)


@TAPE.of("persistent tape", MLP)
def _(s: Made) -> Any:
    with tf.GradientTape(persistent=True) as tape:
        loss = s.loss()
        twice = 2 * loss
    return tape.gradient(loss, s.weights), tape.gradient(twice, s.weights)


@TAPE.of("watch chosen variables", MLP)
def _(s: Made) -> Any:
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(s.weights[0])
        loss = s.loss()
    return [g is None for g in tape.gradient(loss, s.weights)]


@TAPE.of("watch the input", MLP)
@TAPE.of("watch the input: Dense", LINEAR)
def _(s: Made) -> Any:
    with tf.GradientTape() as tape:
        tape.watch(s.x)
        loss = s.loss()
    return tape.gradient(loss, s.x)


@TAPE.of("watched_variables", MLP)
def _(s: Made) -> Any:
    with tf.GradientTape() as tape:
        s.loss()
    return sorted(v.shape.as_list() for v in tape.watched_variables())


@TAPE.of("tape in a tape", MLP)
def _(s: Made) -> Any:
    with tf.GradientTape() as outer:
        with tf.GradientTape() as inner:
            loss = s.loss()
        norm = tf.add_n([tf.reduce_sum(g**2) for g in inner.gradient(loss, s.weights)])
    return outer.gradient(norm, s.weights[:1])


@TAPE.of("jacobian by the input", LINEAR)
@TAPE.of("batch_jacobian: a model", MLP)
def _(s: Made) -> Any:
    with tf.GradientTape() as tape:
        tape.watch(s.x)
        out = s.layer(s.x)
    return tape.batch_jacobian(out, s.x)


@TAPE.of("stop_recording", MLP)
def _(s: Made) -> Any:
    with tf.GradientTape() as tape:
        loss = s.loss()
        with tape.stop_recording():
            other = s.loss()
    return tape.gradient(loss, s.weights), other


@TAPE.of("gradient descent by hand", MLP)
@TAPE.of("gradient descent by hand: Dense", LINEAR)
def _(s: Made) -> Any:
    losses = []
    for _ in range(3):
        with tf.GradientTape() as tape:
            loss = s.loss()
        for v, g in zip(s.weights, tape.gradient(loss, s.weights), strict=True):
            v.assign_sub(0.1 * g)
        losses.append(loss)
    return losses, s.layer(s.x)


@TAPE.of("clip_by_global_norm", MLP)
def _(s: Made) -> Any:
    with tf.GradientTape() as tape:
        loss = s.loss()
    return tf.clip_by_global_norm(tape.gradient(loss, s.weights), 0.1)


@TAPE.of("ForwardAccumulator by the input", MLP)
def _(s: Made) -> Any:
    with tf.autodiff.ForwardAccumulator(s.x, tf.ones_like(s.x)) as forward:
        out = s.layer(s.x)
    return forward.jvp(out)


@TAPE.of("recompute_grad", MLP)
def _(s: Made) -> Any:
    run = tf.recompute_grad(lambda x: s.layer(x))
    with tf.GradientTape() as tape:
        tape.watch(s.x)
        loss = tf.reduce_sum(run(s.x))
    return tape.gradient(loss, s.x)


@TAPE.of("custom_gradient around a layer's output", LINEAR)
def _(s: Made) -> Any:
    clipped = tf.custom_gradient(lambda y: (y, lambda g: tf.clip_by_value(g, -0.1, 0.1)))
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(clipped(s.layer(s.x)) ** 2)
    return tape.gradient(loss, s.weights)


# ---- functions -------------------------------------------------------------------------------------------------------


@FUNCTION.of("a call", LINEAR)
@FUNCTION.of("a call: a model", MLP)
def _(s: Made) -> Any:
    run = tf.function(lambda x: s.layer(x))
    first = run(s.x)
    s.weights[0].assign(tf.zeros_like(s.weights[0]))
    return first, run(s.x), run.experimental_get_tracing_count()


@FUNCTION.of("a layer itself", LINEAR)
@FUNCTION.of("a layer itself: a model", MLP)
def _(s: Made) -> Any:
    return tf.function(s.layer.__call__)(s.x)


@FUNCTION.of("a training step", MLP)
@FUNCTION.of("a training step: Dense", LINEAR)
def _(s: Made) -> Any:
    @tf.function
    def step(x: Any) -> Any:
        with tf.GradientTape() as tape:
            loss = s.loss(x)
        for v, g in zip(s.weights, tape.gradient(loss, s.weights), strict=True):
            v.assign_sub(0.1 * g)
        return loss

    return [step(s.x) for _ in range(3)], step.experimental_get_tracing_count()


@FUNCTION.of("compiled by XLA", MLP)
def _(s: Made) -> Any:
    return tf.function(lambda x: s.layer(x), jit_compile=True)(s.x)


@FUNCTION.of("batch size not known", MLP)
def _(s: Made) -> Any:
    run = tf.function(lambda x: s.layer(x), input_signature=[tf.TensorSpec((None, 4))])
    return run(s.x), run(s.x[:3]), run.experimental_get_tracing_count()


@FUNCTION.of("get_concrete_function", MLP)
def _(s: Made) -> Any:
    concrete = tf.function(lambda x: s.layer(x)).get_concrete_function(tf.TensorSpec((None, 4)))
    return concrete(s.x), len(concrete.captured_inputs), concrete.output_shapes.as_list()


@FUNCTION.of("while_loop and cond", MLP)
def _(s: Made) -> Any:
    @tf.function
    def run(x: Any) -> Any:
        out = s.layer(x)
        for _ in tf.range(3):
            out = tf.cond(tf.reduce_sum(out) > 0, lambda: out * 0.5, lambda: out + s.layer(x))
        return out

    return run(s.x)


@FUNCTION.of("map_fn and vectorized_map", MLP)
def _(s: Made) -> Any:
    one = lambda row: s.layer(row[None])[0]  # noqa: E731
    return tf.map_fn(one, s.x), tf.vectorized_map(one, s.x)


@FUNCTION.of("scan", MLP)
def _(s: Made) -> Any:
    return tf.scan(lambda total, row: total + s.layer(row[None])[0], s.x, tf.zeros(2))


# ---- modules ---------------------------------------------------------------------------------------------------------


def holder(s: Made) -> Any:
    """A module with layers in its attributes."""
    module = tf.Module()
    module.one, module.more, module.named = s.layer, [s.make(1)], {"b": s.make(2)}
    return module


@MODULE.of("isinstance", LINEAR)
@MODULE.of("isinstance: a model", MLP)
def _(s: Made) -> Any:
    return isinstance(s.layer, tf.Module)


@MODULE.of("variables of a module that holds layers", LINEAR)
@MODULE.of("variables of a module that holds models", MLP)
def _(s: Made) -> Any:
    return sorted(v.shape.as_list() for v in holder(s).variables)


@MODULE.of("trainable_variables of a module that holds layers", MLP)
def _(s: Made) -> Any:
    module = holder(s)
    with tf.GradientTape() as tape:
        loss = tf.add_n([s.loss(), *(tf.reduce_sum(m(s.x)) for m in (*module.more, *module.named.values()))])
    found = tape.gradient(loss, module.trainable_variables)
    return sorted(float(tf.reduce_sum(g)) for g in found), all(isinstance(v, tf.Variable) for v in module.variables)


@MODULE.of("submodules", LINEAR)
def _(s: Made) -> Any:
    module = holder(s)
    return len(module.submodules), s.layer in module.submodules


@MODULE.of("a layer that is taken out again", LINEAR)
def _(s: Made) -> Any:
    module = holder(s)
    module.more.clear()
    module.one = None
    return len(module.variables)


@MODULE.of("deepcopy", MLP)
def _(s: Made) -> Any:
    twin = copy.deepcopy(s.layer)
    s.weights[0].assign(tf.zeros_like(s.weights[0]))
    return twin(s.x), s.layer(s.x)


# ---- files -----------------------------------------------------------------------------------------------------------


@FILES.of("Checkpoint of a layer", LINEAR)
@FILES.of("Checkpoint of a model", MLP)
def _(s: Made) -> Any:
    other = s.make(1)
    with tempfile.TemporaryDirectory() as folder:
        path = tf.train.Checkpoint(model=s.layer).save(f"{folder}/c")
        tf.train.Checkpoint(model=other).restore(path).assert_consumed()
    return other(s.x)


@FILES.of("Checkpoint of a module that holds layers", MLP)
def _(s: Made) -> Any:
    module, other = holder(s), tf.Module()
    other.one, other.more, other.named = s.make(7), [s.make(8)], {"b": s.make(9)}
    with tempfile.TemporaryDirectory() as folder:
        path = tf.train.Checkpoint(module=module).save(f"{folder}/c")
        tf.train.Checkpoint(module=other).restore(path).assert_consumed()
    return other.one(s.x), other.more[0](s.x), other.named["b"](s.x)


@FILES.of("CheckpointManager", MLP)
def _(s: Made) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = tf.train.Checkpoint(model=s.layer, step=tf.Variable(0))
        manager = tf.train.CheckpointManager(checkpoint, folder, max_to_keep=2)
        for _ in range(3):
            checkpoint.step.assign_add(1)
            manager.save()
        s.weights[0].assign(tf.zeros_like(s.weights[0]))
        checkpoint.restore(manager.latest_checkpoint)
        return s.layer(s.x), checkpoint.step, len(manager.checkpoints)


@FILES.of("restore before use", MLP)
def _(s: Made) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        path = tf.train.Checkpoint(model=s.layer).write(f"{folder}/c")
        other = s.make(3)
        tf.train.Checkpoint(model=other).read(path).expect_partial()
    return other(s.x)


@FILES.of("SavedModel of a module that holds a model", MLP)
@FILES.of("SavedModel of a module that holds a layer", LINEAR)
def _(s: Made) -> Any:
    module = tf.Module()
    module.model = s.layer
    module.run = tf.function(lambda x: s.layer(x), input_signature=[tf.TensorSpec((None, 4))])
    with tempfile.TemporaryDirectory() as folder:
        tf.saved_model.save(module, folder)
        loaded = tf.saved_model.load(folder)
        return loaded.run(s.x), loaded.run(s.x[:2])


@FILES.of("SavedModel of a layer with a signature", MLP)
def _(s: Made) -> Any:
    run = tf.function(lambda x: {"out": s.layer(x)}, input_signature=[tf.TensorSpec((None, 4), name="x")])
    with tempfile.TemporaryDirectory() as folder:
        tf.saved_model.save(s.layer, folder, signatures={"serving_default": run})
        return tf.saved_model.load(folder).signatures["serving_default"](x=s.x)["out"]


# ---- data and strategies ---------------------------------------------------------------------------------------------


@DATA.of("Dataset.map", MLP)
@DATA.of("Dataset.map: Dense", LINEAR)
def _(s: Made) -> Any:
    return list(tf.data.Dataset.from_tensor_slices(s.x).batch(4).map(lambda x: s.layer(x)))


@DATA.of("Dataset.map in parallel, cached", MLP)
def _(s: Made) -> Any:
    data = tf.data.Dataset.from_tensor_slices(s.x).batch(2)
    return list(data.map(lambda x: s.layer(x), num_parallel_calls=tf.data.AUTOTUNE).cache().prefetch(1))


@DATA.of("a training loop over a dataset", MLP)
def _(s: Made) -> Any:
    @tf.function
    def step(x: Any) -> Any:
        with tf.GradientTape() as tape:
            loss = s.loss(x)
        for v, g in zip(s.weights, tape.gradient(loss, s.weights), strict=True):
            v.assign_sub(0.1 * g)
        return loss

    return [step(x) for x in tf.data.Dataset.from_tensor_slices(s.x).batch(4).repeat(2)]


@DATA.of("strategy.run in the scope of a MirroredStrategy", MLP)
@DATA.of("strategy.run in the scope of a MirroredStrategy: Dense", LINEAR)
def _(s: Made) -> Any:
    strategy = tf.distribute.MirroredStrategy(["CPU:0"])
    with strategy.scope():
        layer = s.make(0)
        run = tf.function(lambda x: strategy.run(layer, args=(x,)), autograph=False)
        return run(s.x)


ROWS = [*TAPE, *FUNCTION, *MODULE, *FILES, *DATA]
