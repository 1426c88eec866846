"""Idioms of whole programs on TensorFlow: gradients by `v.value`, loops, strategies, XLA, precision, files, records."""

from __future__ import annotations

import pathlib
import tempfile
from typing import Any

import numpy as np
import tensorflow as tf

import kfront

from .idioms import Rows
from .idioms_tensorflow import LINEAR, MLP, Made, Stack, drawn, pair

__all__ = ["ROWS"]

L = kfront.layers
VALUES, TAPE, LOOPS, FUNCTION, XLA = (
    Rows(f"tf.{name}") for name in ("Variable", "GradientTape", "loops", "function", "XLA")
)
STRATEGY, FILES, DATA, MODULE, SUMMARY = (
    Rows(f"tf.{name}") for name in ("distribute", "saved_model", "data", "Module", "summary")
)


class Conv(tf.Module):
    """A convolution with an activation, as a module of TensorFlow."""

    def __init__(self, kernel: Any, bias: Any) -> None:
        super().__init__()
        self.kernel, self.bias = tf.Variable(kernel), tf.Variable(bias)

    def __call__(self, x: Any) -> Any:
        """Apply it."""
        return tf.nn.relu(tf.nn.conv2d(x, self.kernel, 1, "VALID") + self.bias)

    @property
    def trainable_variables(self) -> Any:
        """In the order of a layer."""
        return (self.kernel, self.bias)


class Table(tf.Module):
    """Rows of a table."""

    def __init__(self, table: Any) -> None:
        super().__init__()
        self.table = tf.Variable(table)

    def __call__(self, x: Any) -> Any:
        """Look up."""
        return tf.gather(self.table, tf.cast(x, tf.int32))

    @property
    def trainable_variables(self) -> Any:
        """In the order of a layer."""
        return (self.table,)


CONV = pair(lambda: L.Conv2D(2, 3, activation="relu"), Conv, [(3, 3, 2, 2), (2,)], drawn("image", 2, 5, 5, 2))
EMBEDDING = pair(lambda: L.Embedding(6, 3), Table, [(6, 3)], np.array([[0.0, 2.0, 2.0], [5.0, 1.0, 0.0]], "float32"))


def held(s: Made) -> list[Any]:
    """The `tf.Variable`s: of a Variable its value."""
    return [v if isinstance(v, tf.Variable) else v.value for v in s.weights]


def descend(s: Made, by: list[Any], rate: float = 0.1) -> Any:
    """One step of gradient descent."""
    with tf.GradientTape() as tape:
        loss = s.loss()
    for v, g in zip(by, tape.gradient(loss, by), strict=True):
        v.assign_sub(rate * tf.convert_to_tensor(g))
    return loss


# ---- tf.Variables ----------------------------------------------------------------------------------------------------


@VALUES.of("what it is", LINEAR)
@VALUES.of("what it is: a model", MLP)
def _(s: Made) -> Any:
    kinds = [(isinstance(v, tf.Variable), tf.is_tensor(v), kfront.ops.is_tensor(v)) for v in held(s)]
    return kinds, [(v.trainable, v.shape.as_list(), v.dtype.name) for v in held(s)]


@VALUES.of("gradient", LINEAR)
@VALUES.of("gradient: a model", MLP)
@VALUES.of("gradient: convolution", CONV)
def _(s: Made) -> Any:
    with tf.GradientTape() as tape:
        loss = s.loss()
    return loss, tape.gradient(loss, held(s))


@VALUES.of("sparse gradient", EMBEDDING)
def _(s: Made) -> Any:
    with tf.GradientTape() as tape:
        loss = s.loss()
    found = tape.gradient(loss, held(s)[0])
    return isinstance(found, tf.IndexedSlices), tf.convert_to_tensor(found)


@VALUES.of("watch", MLP)
def _(s: Made) -> Any:
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(held(s)[1:])
        loss = s.loss()
    return [g is None for g in tape.gradient(loss, held(s))]


@VALUES.of("watched_variables are they", MLP)
def _(s: Made) -> Any:
    with tf.GradientTape() as tape:
        s.loss()
    mine = {v.ref() for v in held(s)}
    return sorted(v.ref() in mine for v in tape.watched_variables())


@VALUES.of("tf.gradients in a graph", LINEAR)
@VALUES.of("tf.gradients in a graph: a model", MLP)
def _(s: Made) -> Any:
    return tf.function(lambda: tf.gradients(s.loss(), held(s)))()


@VALUES.of("assignment", LINEAR)
def _(s: Made) -> Any:
    held(s)[1].assign_add(tf.ones(3))
    held(s)[0].scatter_nd_update([[0, 0]], [5.0])
    return s.layer(s.x), s.weights[1]


@VALUES.of("assignment in a graph", MLP)
def _(s: Made) -> Any:
    tf.function(lambda: [v.assign(v * 0.5) for v in held(s)] and None)()
    return s.layer(s.x)


@VALUES.of("ForwardAccumulator by a weight", LINEAR)
def _(s: Made) -> Any:
    with tf.autodiff.ForwardAccumulator(held(s)[0], tf.ones((4, 3))) as forward:
        out = s.layer(s.x)
    return forward.jvp(out)


@VALUES.of("average of weights", MLP)
def _(s: Made) -> Any:
    average = tf.train.ExponentialMovingAverage(0.9)
    average.apply(held(s))
    descend(s, held(s))
    average.apply(held(s))
    return [average.average(v) for v in held(s)]


@VALUES.of("TF1's optimizer", MLP)
def _(s: Made) -> Any:
    step = tf.compat.v1.train.GradientDescentOptimizer(0.1)
    with tf.GradientTape() as tape:
        loss = s.loss()
    step.apply_gradients(zip(tape.gradient(loss, held(s)), held(s), strict=True))
    return s.layer(s.x)


# ---- tapes -----------------------------------------------------------------------------------------------------------


@TAPE.of("jacobian by the weights", LINEAR)
@TAPE.of("jacobian by the weights: a model", MLP)
def _(s: Made) -> Any:
    with tf.GradientTape() as tape:
        out = s.layer(s.x)
    return tape.jacobian(out, s.weights)


@TAPE.of("jacobian without pfor", LINEAR)
def _(s: Made) -> Any:
    with tf.GradientTape(persistent=True) as tape:
        out = s.layer(s.x)
    return tape.jacobian(out, held(s), experimental_use_pfor=False)


@TAPE.of("Hessian by the input", MLP)
def _(s: Made) -> Any:
    with tf.GradientTape() as outer:
        outer.watch(s.x)
        with tf.GradientTape() as inner:
            inner.watch(s.x)
            loss = s.loss()
        slope = inner.gradient(loss, s.x)
    return outer.jacobian(slope, s.x)


@TAPE.of("unconnected gradients as zeros", MLP)
def _(s: Made) -> Any:
    with tf.GradientTape() as tape:
        out = tf.reduce_sum(s.x)
    return tape.gradient(out, s.weights, unconnected_gradients=tf.UnconnectedGradients.ZERO)


@TAPE.of("output_gradients", LINEAR)
def _(s: Made) -> Any:
    with tf.GradientTape() as tape:
        out = s.layer(s.x)
    return tape.gradient(out, s.weights, output_gradients=tf.reshape(tf.range(15.0), (5, 3)))


@TAPE.of("sources in a dict", LINEAR)
def _(s: Made) -> Any:
    with tf.GradientTape() as tape:
        loss = s.loss()
    return tape.gradient(loss, dict(zip(("kernel", "bias"), s.weights, strict=True)))


@TAPE.of("reset", MLP)
def _(s: Made) -> Any:
    with tf.GradientTape() as tape:
        s.loss()
        tape.reset()
        loss = tf.reduce_sum(s.layer(s.x))
    return tape.gradient(loss, s.weights)


@TAPE.of("gradient penalty", MLP)
def _(s: Made) -> Any:
    with tf.GradientTape() as outer:
        with tf.GradientTape() as inner:
            inner.watch(s.x)
            out = s.layer(s.x)
        norms = tf.norm(inner.gradient(out, s.x), axis=1)
        loss = tf.reduce_mean((norms - 1) ** 2)
    return loss, outer.gradient(loss, s.weights[0])


@TAPE.of("stop_gradient on a part", MLP)
def _(s: Made) -> Any:
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(s.layer(s.x) * tf.stop_gradient(s.layer(s.x)))
    return tape.gradient(loss, s.weights)


@TAPE.of("gradients in a tf.function", MLP)
@TAPE.of("gradients in a tf.function: convolution", CONV)
def _(s: Made) -> Any:
    @tf.function
    def run(x: Any) -> Any:
        with tf.GradientTape() as tape:
            loss = s.loss(x)
        return loss, tape.gradient(loss, s.weights)

    return run(s.x)


# ---- loops -----------------------------------------------------------------------------------------------------------


@LOOPS.of("gradient descent by tf.Variables", LINEAR)
@LOOPS.of("gradient descent by tf.Variables: a model", MLP)
@LOOPS.of("gradient descent by tf.Variables: rows of a table", EMBEDDING)
def _(s: Made) -> Any:
    return [descend(s, held(s)) for _ in range(4)], s.layer(s.x)


@LOOPS.of("momentum in tf.Variables of its own", MLP)
def _(s: Made) -> Any:
    slots = [tf.Variable(tf.zeros_like(v)) for v in s.weights]

    @tf.function
    def step() -> Any:
        with tf.GradientTape() as tape:
            loss = s.loss()
        for v, slot, g in zip(s.weights, slots, tape.gradient(loss, s.weights), strict=True):
            slot.assign(0.9 * slot + g)
            v.assign_sub(0.05 * slot)
        return loss

    return [step() for _ in range(4)]


@LOOPS.of("gradients added up over batches", MLP)
def _(s: Made) -> Any:
    total = [tf.Variable(tf.zeros_like(v), trainable=False) for v in s.weights]
    for rows in (s.x[:4], s.x[4:]):
        with tf.GradientTape() as tape:
            loss = s.loss(rows)
        for t, g in zip(total, tape.gradient(loss, held(s)), strict=True):
            t.assign_add(g / 2)
    return total


@LOOPS.of("freezing a part", MLP)
def _(s: Made) -> Any:
    before = tf.identity(s.weights[0])
    descend(s, held(s)[2:])
    return tf.reduce_all(before == s.weights[0]), s.layer(s.x)


@LOOPS.of("a loop in a tf.function", MLP)
def _(s: Made) -> Any:
    @tf.function
    def run() -> Any:
        losses = tf.TensorArray(tf.float32, 3)
        for i in tf.range(3):
            with tf.GradientTape() as tape:
                loss = s.loss()
            for v, g in zip(s.weights, tape.gradient(loss, s.weights), strict=True):
                v.assign_sub(0.1 * g)
            losses = losses.write(i, loss)
        return losses.stack()

    return run()


@LOOPS.of("learning rate in a tf.Variable", MLP)
def _(s: Made) -> Any:
    rate, step = tf.Variable(0.1), tf.function(lambda: descend(s, held(s), rate))
    first = step()
    rate.assign(0.0)
    return first, step(), step()


# ---- functions and XLA -----------------------------------------------------------------------------------------------


@FUNCTION.of("a method of a module that holds a layer", MLP)
def _(s: Made) -> Any:
    class Net(tf.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = s.layer

        @tf.function(input_signature=[tf.TensorSpec((None, 4))])
        def __call__(self, x: Any) -> Any:
            return self.inner(x)

    net = Net()
    return net(s.x), net(s.x[:2]), len(net.trainable_variables)


@FUNCTION.of("retraced for another dtype alone", LINEAR)
def _(s: Made) -> Any:
    run = tf.function(lambda x: s.layer(tf.cast(x, tf.float32)))
    run(s.x), run(s.x), run(tf.cast(s.x, tf.float64))
    return run.experimental_get_tracing_count()


@FUNCTION.of("reduce_retracing", MLP)
def _(s: Made) -> Any:
    run = tf.function(lambda x: s.layer(x), reduce_retracing=True)
    return [run(s.x[:n]) for n in (8, 7, 6, 5)], run.experimental_get_tracing_count()


@FUNCTION.of("run eagerly", MLP)
def _(s: Made) -> Any:
    run = tf.function(lambda x: s.layer(x))
    tf.config.run_functions_eagerly(True)
    try:
        return run(s.x)
    finally:
        tf.config.run_functions_eagerly(False)


@FUNCTION.of("control dependencies", LINEAR)
def _(s: Made) -> Any:
    @tf.function
    def run() -> Any:
        with tf.control_dependencies([held(s)[1].assign_add(tf.ones(3))]):
            return s.layer(s.x)

    return run(), run()


@FUNCTION.of("numpy_function beside a layer", MLP)
def _(s: Made) -> Any:
    return tf.function(lambda x: tf.numpy_function(np.sort, [s.layer(x)], tf.float32))(s.x)


@FUNCTION.of("switch_case", MLP)
def _(s: Made) -> Any:
    run = tf.function(lambda i: tf.switch_case(i, [lambda: s.layer(s.x), lambda: -s.layer(s.x)]))
    return run(tf.constant(0)), run(tf.constant(1))


@XLA.of("a call", LINEAR)
@XLA.of("a call: convolution", CONV)
@XLA.of("a call: rows of a table", EMBEDDING)
def _(s: Made) -> Any:
    return tf.function(lambda x: s.layer(x), jit_compile=True)(s.x)


@XLA.of("gradients", MLP)
@XLA.of("gradients: Dense", LINEAR)
def _(s: Made) -> Any:
    @tf.function(jit_compile=True)
    def run(x: Any) -> Any:
        with tf.GradientTape() as tape:
            loss = s.loss(x)
        return loss, tape.gradient(loss, held(s))

    return run(s.x)


@XLA.of("a training step", MLP)
def _(s: Made) -> Any:
    step = tf.function(lambda: descend(s, held(s)), jit_compile=True)
    return [step() for _ in range(3)], s.layer(s.x)


@XLA.of("a while loop", MLP)
def _(s: Made) -> Any:
    @tf.function(jit_compile=True)
    def run(x: Any) -> Any:
        return tf.while_loop(lambda i, y: i < 3, lambda i, y: (i + 1, y + s.layer(x)), (0, s.layer(x)))[1]

    return run(s.x)


# ---- strategies ------------------------------------------------------------------------------------------------------


def scoped(s: Made) -> tuple[Any, Made]:
    """A strategy, and a layer that is made in its scope."""
    strategy = tf.distribute.MirroredStrategy(["CPU:0"])
    with strategy.scope():
        layer = s.make(0)
    return strategy, Made(layer, s.make, s.x)


@STRATEGY.of("what the variables are", LINEAR)
def _(s: Made) -> Any:
    _, s = scoped(s)
    return [type(v).__name__ for v in held(s)]


@STRATEGY.of("OneDeviceStrategy", MLP)
def _(s: Made) -> Any:
    strategy = tf.distribute.OneDeviceStrategy("CPU:0")
    with strategy.scope():
        layer = s.make(0)
    return strategy.run(lambda: layer(s.x))


@STRATEGY.of("a training step by strategy.run", MLP)
@STRATEGY.of("a training step by strategy.run: Dense", LINEAR)
def _(s: Made) -> Any:
    strategy, s = scoped(s)

    def step(x: Any) -> Any:
        with tf.GradientTape() as tape:
            loss = s.loss(x)
        for v, g in zip(s.weights, tape.gradient(loss, s.weights), strict=True):
            v.assign_sub(0.1 * g)
        return loss

    @tf.function
    def run(x: Any) -> Any:
        return strategy.reduce("SUM", strategy.run(step, args=(x,)), axis=None)

    return [run(s.x) for _ in range(3)], s.layer(s.x)


@STRATEGY.of("experimental_distribute_dataset", MLP)
def _(s: Made) -> Any:
    strategy, s = scoped(s)
    data = strategy.experimental_distribute_dataset(tf.data.Dataset.from_tensor_slices(s.x).batch(4))
    return [strategy.gather(strategy.run(s.layer, args=(x,)), 0) for x in data]


@STRATEGY.of("assigned outside of the scope", LINEAR)
def _(s: Made) -> Any:
    strategy, s = scoped(s)
    s.weights[1].assign(tf.ones(3))
    return strategy.run(lambda: s.layer(s.x)), s.layer(s.x)


# ---- files, data, summaries ------------------------------------------------------------------------------------------


@FILES.of("two signatures", MLP)
def _(s: Made) -> Any:
    spec = tf.TensorSpec((None, 4), name="x")
    module = tf.Module()
    module.layer = s.layer
    one = tf.function(lambda x: {"y": s.layer(x)}, input_signature=[spec])
    two = tf.function(lambda x: {"y": 2 * s.layer(x)}, input_signature=[spec])
    with tempfile.TemporaryDirectory() as folder:
        tf.saved_model.save(module, folder, signatures={"one": one, "two": two})
        found = tf.saved_model.load(folder).signatures
        return sorted(found), found["one"](x=s.x)["y"], found["two"](x=s.x)["y"]


@FILES.of("trained on after it was loaded", MLP)
def _(s: Made) -> Any:
    module = tf.Module()
    module.layer = s.layer
    module.run = tf.function(lambda x: s.layer(x), input_signature=[tf.TensorSpec((None, 4))])
    with tempfile.TemporaryDirectory() as folder:
        tf.saved_model.save(module, folder)
        loaded = tf.saved_model.load(folder)
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(loaded.run(s.x) ** 2)
    watched = sorted(tape.watched_variables(), key=lambda v: v.shape.as_list())
    return loss, tape.gradient(loss, watched)


@FILES.of("weights alone by tf.io", LINEAR)
def _(s: Made) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        path = str(pathlib.Path(folder) / "kernel")
        tf.io.write_file(path, tf.io.serialize_tensor(held(s)[0]))
        return tf.io.parse_tensor(tf.io.read_file(path), tf.float32)


@FILES.of("Checkpoint of the variables in a list", MLP)
def _(s: Made) -> Any:
    other = s.make(1)
    with tempfile.TemporaryDirectory() as folder:
        path = tf.train.Checkpoint(weights=held(s)).write(f"{folder}/c")
        mine = Made(other, s.make, s.x)
        tf.train.Checkpoint(weights=held(mine)).read(path).assert_consumed()
    return other(s.x)


@FILES.of("names in a Checkpoint", LINEAR)
def _(s: Made) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        path = tf.train.Checkpoint(weights=held(s)).write(f"{folder}/c")
        return sorted((name, list(shape)) for name, shape in tf.train.list_variables(path))


@DATA.of("from_generator", MLP)
def _(s: Made) -> Any:
    data = tf.data.Dataset.from_generator(lambda: iter(s.x.numpy()), output_signature=tf.TensorSpec((4,)))
    return [s.layer(x) for x in data.batch(3)]


@DATA.of("filter by a layer", MLP)
def _(s: Made) -> Any:
    data = tf.data.Dataset.from_tensor_slices(s.x)
    return list(data.filter(lambda x: s.layer(x[None])[0, 0] > 0))


@DATA.of("reduce with a layer", MLP)
def _(s: Made) -> Any:
    return tf.data.Dataset.from_tensor_slices(s.x).reduce(tf.zeros(2), lambda total, x: total + s.layer(x[None])[0])


@DATA.of("zip with its own outputs", LINEAR)
def _(s: Made) -> Any:
    data = tf.data.Dataset.from_tensor_slices(s.x).batch(2)
    return list(tf.data.Dataset.zip((data, data.map(s.layer))))


@MODULE.of("modules in modules, with a layer inside", MLP)
def _(s: Made) -> Any:
    outer, inner = tf.Module(), tf.Module()
    outer.inner, inner.layer = inner, s.layer
    return len(outer.trainable_variables), isinstance(outer.submodules, tuple)


@MODULE.of("a stack of layers and modules", LINEAR)
def _(s: Made) -> Any:
    stack = Stack(s.layer, tf.tanh)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(stack(s.x))
    return sorted(float(tf.reduce_sum(g)) for g in tape.gradient(loss, stack.variables))


@MODULE.of("name_scope of a module", LINEAR)
def _(s: Made) -> Any:
    class Net(tf.Module):
        @tf.Module.with_name_scope
        def __call__(self, x: Any) -> Any:
            return s.layer(x)

    return Net(name="net")(s.x)


@SUMMARY.of("scalars and histograms of weights", MLP, needs=("tensorboard",))
def _(s: Made) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        writer = tf.summary.create_file_writer(folder)
        with writer.as_default(step=1):
            written = [tf.summary.scalar("loss", s.loss())]
            written += [tf.summary.histogram("w", v) for v in held(s)]
        writer.close()
        return written, len(list(pathlib.Path(folder).iterdir()))


@SUMMARY.of("in a tf.function", MLP, needs=("tensorboard",))
def _(s: Made) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        writer = tf.summary.create_file_writer(folder)

        @tf.function
        def step(i: Any) -> Any:
            with writer.as_default():
                return tf.summary.scalar("loss", s.loss(), step=i)

        return step(tf.constant(1, tf.int64))


ROWS = [*VALUES, *TAPE, *LOOPS, *FUNCTION, *XLA, *STRATEGY, *FILES, *DATA, *MODULE, *SUMMARY]
