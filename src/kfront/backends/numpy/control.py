"""Control flow in plain Python."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from kfront.core import tree


def cond(pred: Any, true_fn: Callable[[], Any], false_fn: Callable[[], Any]) -> Any:
    return true_fn() if pred else false_fn()


def while_loop(cond: Any, body: Any, loop_vars: Any, maximum_iterations: Any = None) -> Any:
    many = isinstance(loop_vars, (tuple, list))
    values = tuple(loop_vars) if many else (loop_vars,)
    steps = 0
    while (maximum_iterations is None or steps < maximum_iterations) and cond(*values):
        out = body(*values)
        values = tuple(out) if isinstance(out, (tuple, list)) else (out,)
        steps += 1
    return type(loop_vars)(values) if isinstance(loop_vars, list) else values if many else values[0]


def fori_loop(lower: Any, upper: Any, body_fun: Any, init_val: Any) -> Any:
    value = init_val
    for i in range(int(lower), int(upper)):
        value = body_fun(np.int32(i), value)
    return value


def scan(f: Any, init: Any, xs: Any = None, length: Any = None, reverse: bool = False, unroll: Any = 1) -> Any:
    leaves = [np.asarray(x) for x in tree.flatten(xs)] if xs is not None else []
    n = len(leaves[0]) if leaves else int(length)
    carry, ys = init, []
    for i in reversed(range(n)) if reverse else range(n):
        x = tree.pack_sequence_as(xs, [v[i] for v in leaves]) if xs is not None else None
        carry, y = f(carry, x)
        ys.append(y)
    return carry, _stacked(ys[::-1] if reverse else ys)


def _stacked(ys: list[Any]) -> Any:
    if not ys:
        return None
    return tree.map_structure(lambda *v: None if v[0] is None else np.stack(v), *ys)


def vectorized_map(function: Any, elements: Any) -> Any:
    leaves = [np.asarray(x) for x in tree.flatten(elements)]
    rows = range(len(leaves[0]))
    return _stacked([function(tree.pack_sequence_as(elements, [v[i] for v in leaves])) for i in rows])


def custom_gradient(f: Callable[..., Any]) -> Callable[..., Any]:
    def run(*args: Any, **kwargs: Any) -> Any:
        return f(*args, **kwargs)[0]

    return run


def stop_gradient(variable: Any) -> Any:
    return variable
