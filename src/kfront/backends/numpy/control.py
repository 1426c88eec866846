"""Control flow in plain Python."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from kfront.backends.typing import Closure
from kfront.core import tree
from kfront.core.typing import Nested

if TYPE_CHECKING:
    from kfront.core.variable import Variable


def cond(
    pred: Nested[np.ndarray], true_fn: Callable[[], Nested[np.ndarray]], false_fn: Callable[[], Nested[np.ndarray]]
) -> Nested[np.ndarray]:
    return true_fn() if pred else false_fn()


def while_loop(
    cond: Closure[np.ndarray], body: Closure[np.ndarray], loop_vars: Nested[np.ndarray], maximum_iterations: Any = None
) -> Nested[np.ndarray]:
    many = isinstance(loop_vars, (tuple, list))
    values = tuple(loop_vars) if many else (loop_vars,)
    steps = 0
    while (maximum_iterations is None or steps < maximum_iterations) and cond(*values):
        out = body(*values)
        values = tuple(out) if isinstance(out, (tuple, list)) else (out,)
        steps += 1
    return type(loop_vars)(values) if isinstance(loop_vars, list) else values if many else values[0]


def fori_loop(
    lower: Nested[np.ndarray], upper: Nested[np.ndarray], body_fun: Closure[np.ndarray], init_val: Nested[np.ndarray]
) -> Nested[np.ndarray]:
    value = init_val
    for i in range(int(lower), int(upper)):
        value = body_fun(np.int32(i), value)
    return value


def scan(
    f: Closure[np.ndarray],
    init: Nested[np.ndarray],
    xs: Nested[np.ndarray] | None = None,
    length: Any = None,
    reverse: bool = False,
    unroll: int | bool = 1,
) -> Nested[np.ndarray]:
    leaves = [np.asarray(x) for x in tree.flatten(xs)] if xs is not None else []
    n = len(leaves[0]) if leaves else int(length)
    carry, ys = init, []
    for i in reversed(range(n)) if reverse else range(n):
        x = tree.pack_sequence_as(xs, [v[i] for v in leaves]) if xs is not None else None
        carry, y = f(carry, x)
        ys.append(y)
    return carry, _stacked(ys[::-1] if reverse else ys)


def _stacked(ys: list[Any]) -> Nested[np.ndarray]:
    if not ys:
        return None
    return tree.map_structure(lambda *v: None if v[0] is None else np.stack(v), *ys)


def vectorized_map(function: Closure[np.ndarray], elements: Nested[np.ndarray]) -> Nested[np.ndarray]:
    leaves = [np.asarray(x) for x in tree.flatten(elements)]
    rows = range(len(leaves[0]))
    return _stacked([function(tree.pack_sequence_as(elements, [v[i] for v in leaves])) for i in rows])


def custom_gradient(f: Closure[np.ndarray]) -> Closure[np.ndarray]:
    def run(*args: object, **kwargs: object) -> Nested[np.ndarray]:
        return f(*args, **kwargs)[0]

    return run


def stop_gradient(variable: Variable) -> Nested[np.ndarray]:
    return variable
