"""Control flow in plain Python: MLX has no loops or branches, so compiled ones must not depend on values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mlx.core as mx
import numpy as np

from kfront.backends.typing import Closure, Pair
from kfront.core import tree
from kfront.core.errors import UnsupportedError
from kfront.core.operators import VariableBase
from kfront.core.typing import Nested
from kfront_mlx.common import known, lift
from kfront_mlx.native import Journal, store

# ---- values ----------------------------------------------------------------------------------------------------------


def array(x: Any) -> mx.array:
    """A leaf as an array; Python floats become float32, ints int32."""
    if isinstance(x, mx.array):
        return x
    if isinstance(x, VariableBase):
        return x.value
    if type(x) is int:
        return mx.array(x, mx.int32 if -(2**31) <= x < 2**31 else mx.int64)
    return mx.array(x) if isinstance(x, (bool, float, complex)) else lift(np.asarray(x))


def arrays(x: Nested[Any]) -> Nested[mx.array]:
    """`x` with arrays for Variables and Python numbers; None stays."""
    return tree.map_structure(lambda v: None if v is None else array(v), x)


def _truth(x: Any, who: str) -> bool:
    x = array(x)
    if not known(x):
        raise UnsupportedError(
            f"[{who}] expected a condition whose value is known, got one that is traced: MLX has no branches and loops "
            "in compiled code; compile with `run_eagerly=True`, or use `ops.where`."
        )
    return bool(x.item())


# ---- branches and loops ----------------------------------------------------------------------------------------------


def cond(
    pred: Any, true_fn: Callable[[], Nested[mx.array]], false_fn: Callable[[], Nested[mx.array]]
) -> Nested[mx.array]:
    """One branch or the other; both, and a choice between their results, where the condition is traced."""
    pred = array(pred)
    if known(pred):
        return true_fn() if pred.item() else false_fn()
    return _both(pred, true_fn, false_fn)


def _both(pred: mx.array, true_fn: Closure[mx.array], false_fn: Closure[mx.array]) -> Nested[mx.array]:
    outcomes = []
    for fn in (true_fn, false_fn):
        with Journal() as journal:
            out = arrays(fn())
            outcomes.append((out, {id(v): (v, v._value) for v in journal.written()}))
    (yes, written), (no, others) = outcomes
    chosen = pred.astype(mx.bool_)
    for i in {**written, **others}:
        variable = (written.get(i) or others[i])[0]
        new = [side[i][1] if i in side else variable._value for side in (written, others)]
        store(variable, mx.where(chosen, *new))
    return tree.map_structure(lambda a, b: None if a is None else mx.where(chosen, a, b), yes, no)


def while_loop(
    cond: Closure[mx.array], body: Closure[mx.array], loop_vars: Nested[mx.array], maximum_iterations: Any = None
) -> Nested[mx.array]:
    many = isinstance(loop_vars, (tuple, list))
    values = arrays(tuple(loop_vars) if many else (loop_vars,))
    steps = 0
    while (maximum_iterations is None or steps < int(maximum_iterations)) and _truth(cond(*values), "while_loop"):
        out = body(*values)
        values = arrays(tuple(out) if many and isinstance(out, (tuple, list)) else (out,))
        steps += 1
    return list(values) if isinstance(loop_vars, list) else values if many else values[0]


def fori_loop(lower: Any, upper: Any, body_fun: Closure[mx.array], init_val: Nested[mx.array]) -> Nested[mx.array]:
    low, high = (array(v) for v in (lower, upper))
    if not (known(low) and known(high)):
        raise UnsupportedError("[fori_loop] expected known bounds, got traced ones: MLX has no loops in compiled code.")
    value = arrays(init_val)
    for i in range(int(low.item()), int(high.item())):
        value = arrays(body_fun(mx.array(i, low.dtype), value))
    return value


def scan(
    f: Closure[mx.array],
    init: Nested[mx.array],
    xs: Nested[mx.array] | None = None,
    length: Any = None,
    reverse: bool = False,
    unroll: int | bool = 1,
) -> Pair[mx.array]:
    xs = arrays(xs)
    leaves = [x for x in tree.flatten(xs) if x is not None]
    n = leaves[0].shape[0] if leaves else int(length)
    carry, ys = arrays(init), []
    for i in reversed(range(n)) if reverse else range(n):
        carry, y = f(carry, tree.map_structure(lambda x, i=i: None if x is None else x[i], xs))
        carry = arrays(carry)
        ys.append(arrays(y))
    return carry, stacked(ys[::-1] if reverse else ys)


def stacked(ys: list[Any]) -> Nested[mx.array]:
    """Results of the steps, one along the first axis for each."""
    if not ys:
        return None
    return tree.map_structure(lambda *v: None if v[0] is None else mx.stack(list(v)), *ys)


# ---- transforms ------------------------------------------------------------------------------------------------------


def vectorized_map(function: Closure[mx.array], elements: Nested[mx.array]) -> Nested[mx.array]:
    """`function` of all elements at once by `mx.vmap`; what it assigns must not depend on them."""
    batch = arrays(elements)
    seen: list[Any] = []
    written: list[Any] = []

    def run(*leaves: mx.array) -> list[mx.array]:
        with Journal(traced=True) as journal:
            out = arrays(function(tree.pack_sequence_as(batch, list(leaves))))
            written[:] = journal.written()
            seen[:] = [out]
            return [x for x in tree.flatten(out) if x is not None] + [v._value for v in written]

    leaves = tree.flatten(batch)
    found = mx.vmap(run)(*leaves)
    count = len(found) - len(written)
    for v, x in zip(written, found[count:], strict=True):
        store(v, x[0])
    results = iter(found[:count])
    return tree.map_structure(lambda x: None if x is None else next(results), seen[0])


def custom_gradient(f: Closure[mx.array]) -> Closure[mx.array]:
    """`f` returns (output, gradient function of the upstream gradients)."""

    def call(*args: Any, **kwargs: Any) -> Any:
        leaves = tree.flatten((args, kwargs))
        places = [i for i, x in enumerate(leaves) if isinstance(x, (mx.array, VariableBase))]
        like: list[Any] = []

        def run(tensors: Any) -> tuple[Any, Any]:
            new = list(leaves)
            for i, x in zip(places, tensors, strict=True):
                new[i] = x
            now, named = tree.pack_sequence_as((args, kwargs), new)
            return f(*now, **named)

        @mx.custom_function
        def flat(*tensors: mx.array) -> list[mx.array]:
            out = arrays(run(tensors)[0])
            like[:] = [out]
            return tree.flatten(out)

        @flat.vjp
        def _(primals: Any, cotangents: Any, outputs: Any) -> list[mx.array]:
            primals = list(primals) if isinstance(primals, (tuple, list)) else [primals]
            upstream = list(cotangents) if isinstance(cotangents, (tuple, list)) else [cotangents]
            found = run(primals)[1](*upstream)
            found = list(found) if isinstance(found, (tuple, list)) else [found]
            found += [None] * (len(primals) - len(found))
            return [
                mx.zeros_like(p) if g is None else array(g).astype(p.dtype) for p, g in zip(primals, found, strict=True)
            ]

        if not places:
            return f(*args, **kwargs)[0]
        found = flat(*(array(leaves[i]) for i in places))
        return tree.pack_sequence_as(like[0], found)

    return call


def stop_gradient(variable: Any) -> Any:
    return mx.stop_gradient(variable)
