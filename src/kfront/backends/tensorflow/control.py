"""Control flow: graph ops when a graph is built, plain Python or TensorFlow's eager loops otherwise."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

Tensor = Any


def _tensors(tree: Any) -> Any:
    """A nested structure with kfront Variables read and Python numbers converted."""
    from kfront.core.state import state

    def one(x: Any) -> Any:
        return x if isinstance(x, (tf.Tensor, tf.TensorArray)) else state.backend.convert(x)

    return tf.nest.map_structure(one, tree)


def cond(pred: Any, true_fn: Callable[[], Any], false_fn: Callable[[], Any]) -> Any:
    """The result of one of two functions."""
    if isinstance(pred, bool):
        return true_fn() if pred else false_fn()
    pred = pred.value if hasattr(pred, "_is_variable") else pred
    if isinstance(pred, tf.Tensor):
        if pred.dtype != tf.bool:
            pred = tf.cast(pred, tf.bool)
        if pred.shape.rank != 0:
            pred = tf.squeeze(pred)
    else:
        pred = tf.convert_to_tensor(bool(pred))
    return tf.cond(pred, true_fn, false_fn)


def while_loop(
    cond: Callable[..., Any], body: Callable[..., Any], loop_vars: Any, maximum_iterations: int | None = None
) -> Any:
    """Repeat `body` as long as `cond` holds; sizes that change are found and left open."""
    single = not isinstance(loop_vars, (tuple, list))
    values = (loop_vars,) if single else tuple(loop_vars)
    values = _tensors(values)

    def step(*args: Any) -> tuple[Any, ...]:
        out = body(*args)
        return _tensors((out,) if single or not isinstance(out, (tuple, list)) else tuple(out))

    def test(*args: Any) -> Any:
        return cond(*args)

    out = tf.while_loop(
        test, step, values, shape_invariants=_invariants(step, values), maximum_iterations=maximum_iterations
    )
    return out[0] if single else type(loop_vars)(out) if type(loop_vars) in (tuple, list) else out


def _invariants(step: Callable[..., Any], values: tuple[Any, ...]) -> Any:
    """Shapes of loop variables with the sizes left open that one run of the body changes (graphs only)."""
    if tf.executing_eagerly():
        return None
    found: list[Any] = []

    def probe(*args: Any) -> None:
        found.append(tf.nest.map_structure(_shape_of, step(*args)))

    specs = tf.nest.map_structure(lambda x: tf.TensorSpec(_shape_of(x), x.dtype), values)
    if any(isinstance(x, tf.TensorArray) for x in tf.nest.flatten(values)):
        return None
    scratch = tf.__internal__.FuncGraph("kfront_probe")
    with scratch.as_default():
        probe(*tf.nest.map_structure(lambda s: tf.compat.v1.placeholder(s.dtype, s.shape), specs))
    before = [_shape_of(x) for x in tf.nest.flatten(values)]
    after = tf.nest.flatten(found[-1])
    if all(_same(a, b) for a, b in zip(before, after, strict=True)):
        return None
    return tf.nest.pack_sequence_as(values, [_common(a, b) for a, b in zip(before, after, strict=True)])


def _shape_of(x: Any) -> tf.TensorShape:
    return x.shape if isinstance(x, tf.Tensor) else tf.TensorShape(None)


def _same(a: tf.TensorShape, b: tf.TensorShape) -> bool:
    return a.rank is None or (a.rank == b.rank and a.as_list() == b.as_list())


def _common(a: tf.TensorShape, b: tf.TensorShape) -> tf.TensorShape:
    if a.rank != b.rank:
        return tf.TensorShape(None)
    return tf.TensorShape([x if x == y else None for x, y in zip(a.as_list(), b.as_list(), strict=True)])


def fori_loop(lower: Any, upper: Any, body_fun: Callable[[Any, Any], Any], init_val: Any) -> Any:
    """Run `body_fun(i, value)` for each i."""
    start = tf.convert_to_tensor(lower)
    limit = tf.cast(upper, start.dtype)
    values = _tensors(init_val)

    def step(i: Any, value: Any) -> tuple[Any, Any]:
        return i + 1, _tensors(body_fun(i, value))

    invariants = _invariants(step, (start, values))
    return tf.while_loop(lambda i, _: i < limit, step, (start, values), shape_invariants=invariants)[1]


def scan(
    f: Callable[[Any, Any], tuple[Any, Any]],
    init: Any,
    xs: Any = None,
    length: int | None = None,
    reverse: bool = False,
    unroll: Any = 1,
) -> tuple[Any, Any]:
    """Carry a value along the first axis of `xs`, and stack what `f` gives at each step."""
    carry = _tensors(init)
    xs = None if xs is None else _tensors(xs)
    leaves = tf.nest.flatten(xs) if xs is not None else []
    static = leaves[0].shape[0] if leaves else length
    if (
        tf.executing_eagerly()
        or unroll is True
        or (isinstance(unroll, int) and static is not None and unroll >= static)
    ):
        return _scan_unrolled(f, carry, xs, static, reverse)
    return _scan_loop(f, carry, xs, static if static is not None else tf.shape(leaves[0])[0], reverse)


def _scan_unrolled(f: Any, carry: Any, xs: Any, n: int, reverse: bool) -> tuple[Any, Any]:
    parts = None if xs is None else tf.nest.map_structure(lambda x: tf.unstack(x, n), xs)
    outs = []
    for i in range(n - 1, -1, -1) if reverse else range(n):
        x = None if xs is None else tf.nest.map_structure_up_to(xs, lambda p, i=i: p[i], parts)
        carry, y = f(carry, x)
        carry = _tensors(carry)
        outs.append(None if y is None else _tensors(y))
    if not outs or outs[0] is None:
        return carry, None
    outs = outs[::-1] if reverse else outs
    return carry, tf.nest.map_structure(lambda *ys: tf.stack(ys), *outs)


def _scan_loop(f: Any, carry: Any, xs: Any, n: Any, reverse: bool) -> tuple[Any, Any]:
    inputs = None if xs is None else tf.nest.map_structure(lambda x: _array(x.dtype, n).unstack(x), xs)
    spec = _step_outputs(f, carry, xs)
    arrays = None if spec is None else tf.nest.map_structure(lambda s: tf.TensorArray(s.dtype, size=n), spec)

    def body(step: Any, value: Any, written: Any) -> tuple[Any, Any, Any]:
        i = n - 1 - step if reverse else step
        x = None if inputs is None else tf.nest.map_structure(lambda a: a.read(i), inputs)
        value_, y = f(value, x)
        if written is not None:
            y = _tensors(y)
            written = tf.nest.map_structure(lambda a, v: a.write(i, v), written, y)
        return step + 1, _tensors(value_), written

    if arrays is None:
        out = tf.while_loop(lambda s, *_: s < n, lambda s, v: body(s, v, None)[:2], (tf.constant(0), carry))
        return out[1], None
    out = tf.while_loop(lambda s, *_: s < n, body, (tf.constant(0), carry, arrays), maximum_iterations=n)
    stacked = tf.nest.map_structure(lambda a, s: _with_shape(a.stack(), s.shape), out[2], spec)
    return out[1], stacked


def _array(dtype: Any, n: Any) -> tf.TensorArray:
    return tf.TensorArray(dtype, size=n, clear_after_read=False)


def _with_shape(x: Tensor, shape: tf.TensorShape) -> Tensor:
    if shape.rank is not None:
        x.set_shape(tf.TensorShape([None]).concatenate(shape))
    return x


def _step_outputs(f: Any, carry: Any, xs: Any) -> Any:
    """Specs of the second result of `f`, found by tracing one step aside."""
    scratch = tf.__internal__.FuncGraph("kfront_probe")
    with scratch.as_default():
        value = tf.nest.map_structure(lambda c: tf.compat.v1.placeholder(c.dtype, c.shape), carry)
        x = None if xs is None else tf.nest.map_structure(lambda v: tf.compat.v1.placeholder(v.dtype, v.shape[1:]), xs)
        y = f(value, x)[1]
        y = None if y is None else _tensors(y)
        return None if y is None else tf.nest.map_structure(lambda t: tf.TensorSpec(t.shape, t.dtype), y)


def vectorized_map(function: Callable[[Any], Any], elements: Any) -> Any:
    """Apply a function to each element of the first axis, all at once."""
    return tf.vectorized_map(function, _tensors(elements))


def switch(index: Any, branches: Any, *operands: Any) -> Any:
    """The result of one of several functions; the index is held in range."""
    index = tf.clip_by_value(tf.cast(index, tf.int32), 0, len(branches) - 1)
    return tf.switch_case(index, [lambda b=b: b(*operands) for b in branches])


def custom_gradient(f: Callable[..., Any]) -> Callable[..., Any]:
    """A function that brings its own gradient: it returns (result, gradient function)."""

    def inner(*args: Any) -> Any:
        out, grad = f(*args)

        def backward(*upstream: Any, variables: Any = None) -> Any:
            found = grad(*upstream)
            return found if variables is None else (found, [None] * len(variables))

        return out, backward

    wrapped = tf.custom_gradient(inner)

    def call(*args: Any, **kwargs: Any) -> Any:
        return wrapped(*_tensors(args), **kwargs)

    return call
