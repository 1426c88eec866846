"""Control flow: graph ops when a graph is built, plain Python or TensorFlow's eager loops otherwise."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import tensorflow as tf

from kfront.backends.tensorflow.common import raw, target
from kfront.backends.typing import Closure, Pair
from kfront.core.errors import ShapeError
from kfront.core.operators import VariableBase
from kfront.core.state import state
from kfront.core.typing import DTypeLike, Nested

if TYPE_CHECKING:
    from kfront.core.variable import Variable


Tensor = tf.Tensor


def _tensors(tree: Nested[Tensor]) -> Nested[Tensor]:
    """A nested structure with kfront Variables read and Python numbers converted."""

    def one(x: Tensor) -> Nested[Tensor]:
        return x if x is None or isinstance(x, (tf.Tensor, tf.TensorArray)) else state.backend.convert(x)

    return tf.nest.map_structure(one, tree)


def cond(
    pred: Nested[Tensor], true_fn: Callable[[], Nested[Tensor]], false_fn: Callable[[], Nested[Tensor]]
) -> Nested[Tensor]:
    """The result of one of two functions."""
    if isinstance(pred, bool):
        return true_fn() if pred else false_fn()
    pred = pred._tensor if isinstance(pred, VariableBase) else pred
    if isinstance(pred, tf.Tensor):
        if pred.dtype != tf.bool:
            pred = tf.cast(pred, tf.bool)
        if pred.shape.rank != 0:
            pred = tf.squeeze(pred)
    else:
        pred = tf.convert_to_tensor(bool(pred))
    return tf.cond(pred, true_fn, false_fn)


def while_loop(
    cond: Closure[Tensor], body: Closure[Tensor], loop_vars: Nested[Tensor], maximum_iterations: int | None = None
) -> Nested[Tensor]:
    """Repeat `body` as long as `cond` holds."""
    single = not isinstance(loop_vars, (tuple, list))
    values: Any = (loop_vars,) if single else tuple(loop_vars)
    if tf.executing_eagerly():  # a Python number may become of the dtype of what is added to it
        values = tuple(v if type(v) in (int, float) else _tensors((v,))[0] for v in values)
    else:
        values = _tensors(values)

    def step(*args: object) -> tuple[Tensor, ...]:
        out = body(*args)
        return _tensors((out,) if single or not isinstance(out, (tuple, list)) else tuple(out))

    out = _loop(cond, step, values, maximum_iterations)
    return out[0] if single else list(out) if isinstance(loop_vars, list) else tuple(out)


def _loop(
    cond: Closure[Tensor], step: Closure[Tensor], values: tuple[Tensor, ...], most: int | None = None
) -> Nested[Tensor]:
    """`tf.while_loop`; if sizes change on the way, once more with these sizes left open."""
    try:
        return tf.while_loop(cond, step, values, maximum_iterations=most)
    except ValueError as error:
        if "invariant" not in str(error):
            raise
    return tf.while_loop(cond, step, values, _invariants(step, values), maximum_iterations=most)


def _invariants(step: Closure[Tensor], values: tuple[Tensor, ...]) -> Nested[Tensor]:
    """Shapes of loop variables with the sizes left open that one run of the body, traced aside, changes."""
    scratch = tf.__internal__.FuncGraph("kfront_probe")
    with scratch.as_default():
        after = step(*tf.nest.map_structure(lambda v: tf.compat.v1.placeholder(v.dtype, v.shape), values))
    return tf.nest.map_structure(lambda a, b: _common(_shape_of(a), _shape_of(b)), values, after)


def _shape_of(x: Tensor) -> tf.TensorShape:
    return x.shape if isinstance(x, tf.Tensor) else tf.TensorShape(None)


def _common(a: tf.TensorShape, b: tf.TensorShape) -> tf.TensorShape:
    if a.rank != b.rank:
        return tf.TensorShape(None)
    return tf.TensorShape([x if x == y else None for x, y in zip(a.as_list(), b.as_list(), strict=True)])


def fori_loop(
    lower: Nested[Tensor], upper: Nested[Tensor], body_fun: Closure[Tensor], init_val: Nested[Tensor]
) -> Nested[Tensor]:
    """Run `body_fun(i, value)` for each i."""
    if not (tf.executing_eagerly() and type(lower) is type(upper) is int):  # plain ints take any dtype
        upper = tf.cast(upper, (lower := tf.convert_to_tensor(lower)).dtype)

    def step(i: int | Tensor, value: Tensor) -> Pair[Tensor]:
        return i + 1, _tensors(body_fun(i, value))

    return _loop(lambda i, _: i < upper, step, (lower, _tensors(init_val)))[1]


def scan(
    f: Callable[[Nested[Tensor], Nested[Tensor]], Pair[Tensor]],
    init: Nested[Tensor],
    xs: Nested[Tensor] | None = None,
    length: int | None = None,
    reverse: bool = False,
    unroll: int | bool = 1,
) -> Pair[Tensor]:
    """Carry a value along the first axis of `xs`, and stack what `f` gives at each step."""
    carry = _tensors(init)
    xs = None if xs is None else _tensors(xs)
    leaves = tf.nest.flatten(xs) if xs is not None else []
    static = leaves[0].shape[0] if leaves else length
    if target.lite and static is None:
        raise ShapeError(
            "[export] expected a fixed number of steps for 'litert', got None; give it in Input(shape=...) or in "
            "`input_signature`, or pass `enable_select_tf_ops=True`."
        )
    if (
        tf.executing_eagerly()
        or target.lite
        or unroll is True
        or (isinstance(unroll, int) and static is not None and unroll >= static)
    ):
        return _scan_unrolled(f, carry, xs, static, reverse)
    return _scan_loop(f, carry, xs, static if static is not None else tf.shape(leaves[0])[0], reverse)


def _scan_unrolled(
    f: Closure[Tensor], carry: Nested[Tensor], xs: Nested[Tensor], n: int, reverse: bool
) -> Pair[Tensor]:
    columns = [] if xs is None else [tf.unstack(x, n) for x in tf.nest.flatten(xs)]
    outs = []
    for i in range(n - 1, -1, -1) if reverse else range(n):
        carry, y = f(carry, None if xs is None else tf.nest.pack_sequence_as(xs, [c[i] for c in columns]))
        carry = _tensors(carry)
        outs.append(_tensors(y))
    outs = outs[::-1] if reverse else outs
    return carry, tf.nest.map_structure(lambda *ys: None if ys[0] is None else tf.stack(ys), *outs)


def _scan_loop(
    f: Closure[Tensor], carry: Nested[Tensor], xs: Nested[Tensor], n: int | Tensor, reverse: bool
) -> Pair[Tensor]:
    inputs = [] if xs is None else [_array(x.dtype, n).unstack(x) for x in tf.nest.flatten(xs)]
    spec = _step_outputs(f, carry, xs)
    results = [s for s in tf.nest.flatten(spec) if s is not None]
    places = [i for i, s in enumerate(tf.nest.flatten(spec)) if s is not None]

    def body(
        count: int | Tensor, value: Tensor, written: list[Variable]
    ) -> tuple[Nested[Tensor], Nested[Tensor], list[Any]]:
        i = n - 1 - count if reverse else count
        x = None if xs is None else tf.nest.pack_sequence_as(xs, [a.read(i) for a in inputs])
        value, y = f(value, x)
        y = tf.nest.flatten(_tensors(y))
        return count + 1, _tensors(value), [a.write(i, y[p]) for a, p in zip(written, places, strict=True)]

    start = (tf.constant(0), carry, [tf.TensorArray(s.dtype, size=n) for s in results])
    _, carry, arrays = tf.while_loop(lambda count, *_: count < n, body, start, maximum_iterations=n)
    out = [None] * len(tf.nest.flatten(spec))
    for p, a, s in zip(places, arrays, results, strict=True):
        out[p] = _with_shape(a.stack(), s.shape)
    return carry, tf.nest.pack_sequence_as(spec, out)


def _array(dtype: DTypeLike, n: int | Tensor) -> tf.TensorArray:
    return tf.TensorArray(dtype, size=n, clear_after_read=False)


def _with_shape(x: Tensor, shape: tf.TensorShape) -> Tensor:
    if shape.rank is not None:
        x.set_shape(tf.TensorShape([None]).concatenate(shape))
    return x


def _step_outputs(f: Closure[Tensor], carry: Nested[Tensor], xs: Nested[Tensor]) -> Nested[Tensor]:
    """Specs of the second result of `f`, found by tracing one step aside."""
    scratch = tf.__internal__.FuncGraph("kfront_probe")
    with scratch.as_default():
        value = tf.nest.map_structure(lambda c: tf.compat.v1.placeholder(c.dtype, c.shape), carry)
        x = None if xs is None else tf.nest.map_structure(lambda v: tf.compat.v1.placeholder(v.dtype, v.shape[1:]), xs)
        y = _tensors(f(value, x)[1])
        return tf.nest.map_structure(lambda t: None if t is None else tf.TensorSpec(t.shape, t.dtype), y)


def vectorized_map(function: Closure[Tensor], elements: Nested[Tensor]) -> Nested[Tensor]:
    """Apply a function to each element of the first axis, all at once."""
    elements = _tensors(elements)
    if not tf.executing_eagerly():
        return _vectorized(function, elements)
    once = tf.function(lambda x: _vectorized(function, x), autograph=False)
    once._omit_frequent_tracing_warning = True  # as TensorFlow itself would make one for each call, and warn of it
    return once(elements)


def _vectorized(function: Closure[Tensor], elements: Nested[Tensor]) -> Nested[Tensor]:
    try:
        return tf.vectorized_map(function, elements)
    except (ValueError, TypeError) as error:
        if not any(word in str(error) for word in ("handle data", "variant")):
            raise  # it cannot vectorize second derivatives of loops
    with tf.name_scope("one_by_one"):
        signature = _step_outputs(lambda c, x: (c, function(x)), tf.constant(0), elements)
        return tf.map_fn(lambda x: _tensors(function(x)), elements, fn_output_signature=signature)


def switch(index: Nested[Tensor], branches: Any, *operands: Nested[Tensor]) -> Nested[Tensor]:
    """The result of one of several functions; the index is held in range."""
    index = tf.reshape(tf.clip_by_value(tf.cast(index, tf.int32), 0, len(branches) - 1), ())
    return tf.switch_case(index, [lambda b=b: b(*operands) for b in branches])


def custom_gradient(f: Closure[Tensor]) -> Closure[Tensor]:
    """A function that brings its own gradient: it returns (result, gradient function)."""

    def inner(*args: object) -> Nested[Tensor]:
        out, grad = f(*args)

        def backward(*upstream: Nested[Tensor], variables: Nested[Tensor] = None) -> Nested[Tensor]:
            found = grad(*upstream)
            return found if variables is None else (found, [None] * len(variables))

        return out, backward

    wrapped = tf.custom_gradient(inner)

    def call(*args: object, **kwargs: object) -> Nested[Tensor]:
        return wrapped(*_tensors(args), **kwargs)

    return call


# ---- gradients -------------------------------------------------------------------------------------------------------

stop_gradient = raw("StopGradient")
