"""Loops and branches of an engine: called with the arguments in this order, never with symbolic values."""

from __future__ import annotations

from typing import Any

from kfront.core import shapes
from kfront.core.dtypes import keep
from kfront.core.op import op


def _unknown(*args: object, **kwargs: object) -> tuple[int, ...]:
    return ()


@op(0, None, _unknown, name="cond", home="core", call_args=("pred", "true_fn", "false_fn"))
def engine_cond(pred: object, true_fn: object, false_fn: object) -> Any:
    """The engine's form of `kfront.ops.cond`.

    Args:
        pred: scalar bool tensor.
        true_fn: function without arguments, called if `pred` is true.
        false_fn: function without arguments, called otherwise.

    Returns:
        What the function returned.

    Example:

    >>> from kfront import ops
    >>> float(ops.cond(ops.array(True), lambda: ops.array(1.0), lambda: ops.array(2.0)))
    1.0
    """


@op(0, None, _unknown, name="while_loop", home="core", call_args=("loop_vars",))
def engine_while_loop(cond: object, body: object, loop_vars: object, maximum_iterations: object = None) -> Any:
    """The engine's form of `kfront.ops.while_loop`.

    Args:
        cond: function of the loop variables that returns a scalar bool tensor.
        body: function of the loop variables that returns their next values.
        loop_vars: tuple of nested tensors.
        maximum_iterations: int, or None for no limit.

    Returns:
        The loop variables after the last iteration.

    Example:

    >>> from kfront import ops
    >>> [int(i) for i in ops.while_loop(lambda i: i < 5, lambda i: (i + 2,), (ops.array(0),))]
    [6]
    """


@op(0, None, _unknown, name="fori_loop", home="core", call_args=("init_val",))
def engine_fori_loop(lower: object, upper: object, body_fun: object, init_val: object) -> Any:
    """The engine's form of `kfront.ops.fori_loop`.

    Args:
        lower: scalar integer: the first index.
        upper: scalar integer: the index before which the loop ends.
        body_fun: function (index, value) -> next value.
        init_val: nested tensors.

    Returns:
        The last value.

    Example:

    >>> from kfront import ops
    >>> int(ops.fori_loop(0, 4, lambda i, total: total + i, ops.array(0)))
    6
    """


@op(0, None, _unknown, name="scan", home="core", call_args=("f", "init", "xs"))
def engine_scan(
    f: object, init: object, xs: object = None, length: object = None, reverse: bool = False, unroll: object = 1
) -> Any:
    """The engine's form of `kfront.ops.scan`.

    Args:
        f: function (carry, x) -> (next carry, y).
        init: nested tensors: the first carry.
        xs: nested tensors of shape (n, ...), of which `f` gets one slice at a time, or None.
        length: n, if `xs` is None.
        reverse: whether the last slice is the first to be used.
        unroll: int: how many iterations are compiled as one.

    Returns:
        Tuple (last carry, stacked ys).

    Example:

    >>> from kfront import ops
    >>> total, sums = ops.scan(lambda c, x: (c + x, c + x), ops.array(0.0), ops.array([1.0, 2.0]))
    >>> float(total), ops.convert_to_numpy(sums).tolist()
    (3.0, [1.0, 3.0])
    """


@op(0, None, _unknown, name="vectorized_map", home="core", call_args=("elements",))
def engine_vectorized_map(function: object, elements: object) -> Any:
    """The engine's form of `kfront.ops.vectorized_map`.

    Args:
        function: takes one element of each tensor.
        elements: nested tensors of shape (n, ...).

    Returns:
        The stacked results.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.vectorized_map(lambda x: x * x, ops.array([1.0, 2.0, 3.0]))).tolist()
    [1.0, 4.0, 9.0]
    """


@op(0, None, _unknown, name="custom_gradient", home="core")
def engine_custom_gradient(f: object) -> Any:
    """The engine's form of `kfront.ops.custom_gradient`.

    Args:
        f: function that returns a pair (result, function from the result's gradient to the arguments' gradients).

    Returns:
        A function of the arguments of `f` that returns the result.

    Example:

    >>> from kfront import ops
    >>> @ops.custom_gradient
    ... def clipped(x):
    ...     return x * 1.0, lambda upstream: ops.clip(upstream, -1.0, 1.0)
    >>> float(clipped(ops.array(3.0)))
    3.0
    """


@op(dtype=keep, shape=shapes.same, zeros="kept", home="core")
def stop_gradient(variable: object) -> Any:
    """The same values, through which no gradient flows.

    Args:
        variable: tensor.

    Returns:
        tensor of the same shape and dtype.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.stop_gradient([1.0, 2.0])).tolist()
    [1.0, 2.0]
    """
