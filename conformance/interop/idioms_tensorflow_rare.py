"""Idioms of TensorFlow that few programs use: signatures, containers, raw ops, constants, gradients by rule."""

from __future__ import annotations

import logging
import tempfile
from typing import Any

import numpy as np
import tensorflow as tf

import kfront

from .idioms import Rows
from .idioms_tensorflow import LINEAR, MLP, Made
from .idioms_tensorflow_loops import CONV, EMBEDDING, held

__all__ = ["ROWS"]

FUNCTION, MODULE, FILES, TAPE, VALUES, GRAPH = (
    Rows(f"tf.{name}") for name in ("function", "Module", "saved_model", "GradientTape", "Variable", "graph")
)


# ---- functions -------------------------------------------------------------------------------------------------------


@FUNCTION.of("input_signature with a batch that is not known", LINEAR)
@FUNCTION.of("input_signature with a batch that is not known: a model", MLP)
def _(s: Made) -> Any:
    traces: list[int] = []

    @tf.function(input_signature=[tf.TensorSpec((None, 4))])
    def run(x: Any) -> Any:
        traces.append(1)
        return s.layer(x)

    return run(s.x), run(s.x[:2]), len(traces)


@FUNCTION.of("input_signature with a rank that is not known", EMBEDDING)
def _(s: Made) -> Any:
    run = tf.function(lambda x: s.layer(x), input_signature=[tf.TensorSpec(None)])
    return run(s.x), run(s.x[0])


@FUNCTION.of("the variables of a concrete function", MLP)
def _(s: Made) -> Any:
    found = tf.function(s.layer).get_concrete_function(tf.TensorSpec((None, 4)))
    mine = {v.ref() for v in held(s)}
    return len(found.variables), all(v.ref() in mine for v in found.variables), found.structured_outputs.shape.as_list()


@FUNCTION.of("a layer itself, without a word of AutoGraph", LINEAR)
@FUNCTION.of("a layer itself, without a word of AutoGraph: a model", MLP)
def _(s: Made) -> Any:
    said: list[str] = []
    listen = logging.Handler()
    listen.emit = lambda record: said.append(record.getMessage())
    tf.get_logger().addHandler(listen)
    try:
        out = tf.function(s.layer)(s.x)
    finally:
        tf.get_logger().removeHandler(listen)
    return said, out


@FUNCTION.of("py_function beside a layer, differentiated", LINEAR)
def _(s: Made) -> Any:
    @tf.function
    def run() -> Any:
        with tf.GradientTape() as tape:
            out = tf.py_function(lambda x: tf.sin(x), [s.layer(s.x)], tf.float32)
            loss = tf.reduce_sum(out)
        return tape.gradient(loss, held(s))

    return run()


@FUNCTION.of("gradient through a while_loop", LINEAR)
def _(s: Made) -> Any:
    @tf.function
    def run() -> Any:
        with tf.GradientTape() as tape:
            _, out = tf.while_loop(lambda i, y: i < 3, lambda i, y: (i + 1, y + s.layer(s.x)), (0, tf.zeros((5, 3))))
            loss = tf.reduce_sum(out**2)
        return tape.gradient(loss, held(s))

    return run()


@FUNCTION.of("AutoGraph: if and for over tensors", MLP)
def _(s: Made) -> Any:
    @tf.function
    def run(x: Any, n: Any) -> Any:
        out = tf.zeros((8, 2))
        for i in tf.range(n):
            if i % 2 == 0:
                out += s.layer(x)
            else:
                out -= 0.5 * s.layer(x)
        return out

    return run(s.x, tf.constant(3))


@FUNCTION.of("a function made of tf.Module's method, jitted", CONV)
def _(s: Made) -> Any:
    class Net(tf.Module):
        def __init__(self) -> None:
            super().__init__()
            self.part = s.layer

        @tf.function(jit_compile=True)
        def __call__(self, x: Any) -> Any:
            return self.part(x) * 2

    return Net()(s.x)


# ---- containers and files --------------------------------------------------------------------------------------------


class Net(tf.Module):
    """Layers in a list, a tuple, a dict, and a dict of lists."""

    def __init__(self, parts: list[Any]) -> None:
        super().__init__()
        self.many, self.pair = [parts[0]], (parts[1],)
        self.named = {"a": parts[2], "b": [parts[3]]}


@MODULE.of("layers in lists, tuples and dicts", LINEAR)
def _(s: Made) -> Any:
    net = Net([s.make(i) for i in range(4)])
    return len(net.trainable_variables), len(net.variables), len({v.ref() for v in net.trainable_variables})


@MODULE.of("with_name_scope around a layer", LINEAR)
def _(s: Made) -> Any:
    class Scoped(tf.Module):
        @tf.Module.with_name_scope
        def __call__(self, x: Any) -> Any:
            return s.layer(x)

    return Scoped(name="scoped")(s.x)


@FILES.of("Checkpoint of lists and dicts of layers", LINEAR)
def _(s: Made) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        path = tf.train.Checkpoint(parts=[s.layer, {"a": s.make(1)}]).save(f"{folder}/c")
        fresh = [s.make(5), {"a": s.make(6)}]
        tf.train.Checkpoint(parts=fresh).restore(path).assert_consumed()
    return fresh[0](s.x), fresh[1]["a"](s.x)


@FILES.of("Checkpoint with an optimizer's variables and a step", MLP)
def _(s: Made) -> Any:
    step, slots = tf.Variable(3), [tf.Variable(v * 2) for v in held(s)]
    with tempfile.TemporaryDirectory() as folder:
        path = tf.train.Checkpoint(net=s.layer, step=step, slots=slots).write(f"{folder}/c")
        for v in [step, *slots, *held(s)]:
            v.assign(v * 0)
        tf.train.Checkpoint(net=s.layer, step=step, slots=slots).read(path).expect_partial()
    return step, slots, s.layer(s.x)


@FILES.of("SavedModel that is differentiated after it was loaded", MLP)
def _(s: Made) -> Any:
    net = tf.Module()
    net.part = s.layer
    net.run = tf.function(lambda x: net.part(x), input_signature=[tf.TensorSpec((None, 4))])
    with tempfile.TemporaryDirectory() as folder:
        tf.saved_model.save(net, folder)
        back = tf.saved_model.load(folder)
    with tf.GradientTape() as tape:
        tape.watch(s.x)
        loss = tf.reduce_sum(back.run(s.x) ** 2)
    return back.run(s.x), tape.gradient(loss, s.x)


# ---- derivatives and values ------------------------------------------------------------------------------------------


@TAPE.of("custom_gradient with the variables that it reads", LINEAR)
def _(s: Made) -> Any:
    @tf.custom_gradient
    def run(x: Any) -> Any:
        out = s.layer(x)

        def grad(upstream: Any, variables: Any = None) -> Any:
            return upstream @ tf.ones((3, 4)), [tf.ones_like(v) * 2 for v in variables]

        return out, grad

    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(run(s.x))
    return tape.gradient(loss, held(s))


@TAPE.of("recompute_grad of a layer, in a function", MLP)
def _(s: Made) -> Any:
    @tf.function
    def run() -> Any:
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.recompute_grad(s.layer)(s.x) ** 2)
        return tape.gradient(loss, held(s))

    return run()


@VALUES.of("a raw op that updates in place", LINEAR)
def _(s: Made) -> Any:
    kernel = held(s)[0]
    tf.raw_ops.ResourceApplyGradientDescent(var=kernel.handle, alpha=0.5, delta=tf.ones((4, 3)))
    return s.layer(s.x), s.weights[0]


@VALUES.of("tf.nest, tf.stack and tf.group over them", MLP)
def _(s: Made) -> Any:
    norms = tf.nest.map_structure(tf.norm, {"w": held(s)})
    tf.group(*[v.assign(v * 2) for v in held(s)])
    return norms, tf.stack([tf.reduce_sum(v) for v in held(s)]), s.layer(s.x)


@VALUES.of("read by index, and compared", LINEAR)
def _(s: Made) -> Any:
    kernel = held(s)[0]
    return kernel[0], kernel[:, 1:], tf.reduce_all(kernel == kernel), kernel.shape.rank, tf.convert_to_tensor(kernel)


@VALUES.of("EMA by ExponentialMovingAverage in a function", LINEAR)
def _(s: Made) -> Any:
    average = tf.train.ExponentialMovingAverage(0.9)
    run = tf.function(lambda: average.apply(held(s)) and None)
    run()
    for v in held(s):
        v.assign(v + 1)
    run()
    return [average.average(v) for v in held(s)]


# ---- graphs ----------------------------------------------------------------------------------------------------------


@GRAPH.of("variables become constants", MLP)
def _(s: Made) -> Any:
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    found = tf.function(s.layer).get_concrete_function(tf.TensorSpec((8, 4)))
    frozen = convert_variables_to_constants_v2(found)
    return len(frozen.variables), frozen(s.x)[0]


@GRAPH.of("check_numerics finds what is not finite", LINEAR)
def _(s: Made) -> Any:
    held(s)[1].assign([np.nan, 0.0, 0.0])
    try:
        tf.debugging.check_numerics(s.layer(s.x), "here")
    except tf.errors.InvalidArgumentError as error:
        return "here" in str(error)
    return False


@GRAPH.of("ops on a chosen device", LINEAR)
def _(s: Made) -> Any:
    with tf.device("/CPU:0"):
        out = s.layer(s.x)
    return out, out.device.endswith("CPU:0")


@GRAPH.of("is_tensor and is_symbolic_tensor", LINEAR)
def _(s: Made) -> Any:
    seen: list[Any] = []
    tf.function(lambda x: seen.append(tf.is_symbolic_tensor(s.layer(x))) or x)(s.x)
    return tf.is_tensor(s.layer(s.x)), kfront.ops.is_tensor(s.layer(s.x)), seen


ROWS = [*FUNCTION, *MODULE, *FILES, *TAPE, *VALUES, *GRAPH]
