"""Loops and branches of an engine: called with the arguments in this order, never with symbolic values."""

from __future__ import annotations

from typing import Any

from kfront.core import shapes
from kfront.core.dtypes import keep
from kfront.core.op import op


def _unknown(*args: Any, **kwargs: Any) -> tuple[int, ...]:
    return ()


@op(0, None, _unknown, name="cond", home="core")
def engine_cond(pred: Any, true_fn: Any, false_fn: Any) -> Any:
    """`cond` of the engine."""


@op(0, None, _unknown, name="while_loop", home="core")
def engine_while_loop(cond: Any, body: Any, loop_vars: Any, maximum_iterations: Any = None) -> Any:
    """`while_loop` of the engine."""


@op(0, None, _unknown, name="fori_loop", home="core")
def engine_fori_loop(lower: Any, upper: Any, body_fun: Any, init_val: Any) -> Any:
    """`fori_loop` of the engine."""


@op(0, None, _unknown, name="scan", home="core")
def engine_scan(f: Any, init: Any, xs: Any = None, length: Any = None, reverse: bool = False, unroll: Any = 1) -> Any:
    """`scan` of the engine."""


@op(0, None, _unknown, name="vectorized_map", home="core")
def engine_vectorized_map(function: Any, elements: Any) -> Any:
    """`vectorized_map` of the engine."""


@op(0, None, _unknown, name="custom_gradient", home="core")
def engine_custom_gradient(f: Any) -> Any:
    """`custom_gradient` of the engine."""


@op(dtype=keep, shape=shapes.same, zeros="kept", home="core")
def stop_gradient(variable: Any) -> Any:
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
