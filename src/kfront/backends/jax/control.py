"""JAX: control flow. What a branch or body assigns to Variables is carried through the loop and stays assigned.

On concrete values a branch is chosen in Python, and short loops run in Python too: `lax` would trace and compile the
body again at each call, as it is a new closure each time.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from kfront.backends.jax.common import ARRAY, tracing
from kfront.backends.jax.native import Journal, store, strong
from kfront.backends.typing import Closure, Pair
from kfront.core.operators import VariableBase
from kfront.core.typing import Nested
from kfront.core.variable import bind

if TYPE_CHECKING:
    from kfront.core.variable import Variable


_EAGER_STEPS = 200  # loops up to this length run in Python on concrete values


def _arrays(x: Array) -> Nested[Array]:
    """`x` with arrays for Variables and Python numbers."""
    return jax.tree_util.tree_map(_array, x)


def _array(x: Array) -> Nested[Array]:
    if type(x) is ARRAY:
        return x
    return strong(jnp.asarray(x.value if isinstance(x, VariableBase) else x))


def _eager(*values: Nested[Array]) -> bool:
    """Whether all values are concrete and nothing is being staged out."""
    return all(type(x) is ARRAY for x in jax.tree_util.tree_leaves(values)) and not tracing()


def _pure(known: Sequence[Variable], missed: dict[int, Variable], fn: Closure[Array]) -> Closure[Array]:
    """`fn` as a function of (values of `known`, *args); other Variables that it assigns are put in `missed`."""
    ids = set(map(id, known))

    def call(values: Sequence[Array], *args: object) -> tuple[list[Array], Nested[Array]]:
        with bind(known, values), Journal() as journal:
            out = _arrays(fn(*args))
            missed.update((id(v), v) for v in journal.written() if id(v) not in ids)
            return [strong(v._value) for v in known], out

    return call


def _carried(run: Callable[[list[Any], Callable[..., Closure[Array]]], Any]) -> Nested[Array]:
    """Run control flow; the Variables that its functions assign are carried through it and hold their new values.

    Args:
        run: called as ``run(written, pure)``; returns (new values of `written`, output). `pure` makes a user's function
            a function of (values of `written`, *args) that returns (their new values, output).
    """
    written: list[Variable] = []
    while True:
        missed: dict[int, Variable] = {}
        values, out = run(written, functools.partial(_pure, tuple(written), missed))
        if not missed:  # the usual case: one pass; what was missed is carried in the next
            break
        written = [*written, *missed.values()]
    for v, x in zip(written, values, strict=True):
        store(v, x)
    return out


def _now(written: Sequence[Variable]) -> list[Array]:
    return [v._value for v in written]


# ---- branches --------------------------------------------------------------------------------------------------------


def cond(
    pred: Nested[Array], true_fn: Callable[[], Nested[Array]], false_fn: Callable[[], Nested[Array]]
) -> Nested[Array]:
    """One branch or the other."""
    pred = _array(pred)
    if type(pred) is ARRAY:
        return true_fn() if pred else false_fn()
    return _carried(lambda written, pure: lax.cond(pred.astype(bool), pure(true_fn), pure(false_fn), _now(written)))


def switch(index: Nested[Array], branches: Sequence[Closure[Array]], *operands: Nested[Array]) -> Nested[Array]:
    """One of several functions; the index is held in range."""
    index = _array(index)
    if type(index) is ARRAY:
        return branches[min(max(int(index), 0), len(branches) - 1)](*operands)
    index, values = index.astype(jnp.int32), _arrays(operands)
    return _carried(lambda written, pure: lax.switch(index, [pure(f) for f in branches], _now(written), *values))


# ---- loops -----------------------------------------------------------------------------------------------------------


def while_loop(
    cond: Closure[Array], body: Closure[Array], loop_vars: Nested[Array], maximum_iterations: int | None = None
) -> Nested[Array]:
    """Run `body(*loop_vars)` while `cond(*loop_vars)`."""
    several = isinstance(loop_vars, (tuple, list))

    def step(now: tuple[Array, ...]) -> tuple[Array, ...]:
        new = body(*now)
        return _arrays(tuple(new) if several and isinstance(new, (tuple, list)) else (new,))

    now = _arrays(tuple(loop_vars) if several else (loop_vars,))
    done, go_on = 0, True
    if not tracing():
        now, done, go_on = _while_eager(cond, step, now, maximum_iterations)
    if go_on and maximum_iterations is not None and _differentiated(now):
        now = _while_bounded(cond, step, now, int(maximum_iterations) - done)
    elif go_on:
        now = _while_traced(cond, step, now, done, maximum_iterations)
    if not several:
        return now[0]
    return list(now) if isinstance(loop_vars, list) else now


def _while_eager(
    cond: Closure[Array], step: Closure[Array], now: Nested[Array], most: int | None
) -> tuple[Any, int, bool]:
    """Steps in Python: (values, how many, whether there may be more to do).

    As many as there are while a gradient is taken, which JAX takes of these steps but not of its own loop.
    """
    for i in itertools.count():
        if most is not None and i >= most:
            return now, i, False
        try:
            if not cond(*now):
                return now, i, False
        except jax.errors.TracerBoolConversionError:  # it depends on a value that is traced
            return now, i, True
        if i == _EAGER_STEPS and _eager(now):
            return now, i, True
        now = step(now)
    return now, 0, False  # not reached: the count has no end


def _differentiated(now: Nested[Array]) -> bool:
    """Whether a gradient is taken of the values."""
    return any(type(x).__name__ in ("JVPTracer", "LinearizeTracer") for x in jax.tree_util.tree_leaves(now))


def _while_bounded(cond: Closure[Array], step: Closure[Array], now: Nested[Array], most: int) -> Nested[Array]:
    """The loop as one of known length, of which the gradient can be taken; steps after its end do nothing."""

    def run(written: list[Variable], pure: Closure[Array]) -> Nested[Array]:
        body = pure(step)

        def once(carry: Nested[Array], _: object) -> Nested[Array]:
            values, now, go_on = carry
            with bind(written, values), Journal():
                go_on = go_on & _array(cond(*now)).astype(bool).reshape(())
            values, now = lax.cond(go_on, body, lambda values, now: (values, now), values, now)
            return (values, now, go_on), None

        (values, out, _), _ = lax.scan(once, (_now(written), now, jnp.bool_(True)), None, length=most)
        return values, out

    return _carried(run)


def _while_traced(
    cond: Closure[Array], step: Closure[Array], now: Nested[Array], done: int, most: int | None
) -> Nested[Array]:
    def run(written: list[Variable], pure: Closure[Array]) -> Nested[Array]:
        body = pure(step)

        def test(carry: Nested[Array]) -> Nested[Array]:
            values, i, now = carry
            with bind(written, values), Journal():
                go_on = _array(cond(*now)).astype(bool).reshape(())
            return go_on if most is None else go_on & (i < most)

        def once(carry: Nested[Array]) -> Nested[Array]:
            values, i, now = carry
            values, now = body(values, now)
            return values, i + 1, now

        values, _, out = lax.while_loop(test, once, (_now(written), jnp.int32(done), now))
        return values, out

    return _carried(run)


def fori_loop(
    lower: Nested[Array], upper: Nested[Array], body_fun: Closure[Array], init_val: Nested[Array]
) -> Nested[Array]:
    """Run `value = body_fun(i, value)` for i from `lower` to `upper` - 1."""
    known = [int(v) if isinstance(v, (int, np.integer)) or type(v) is ARRAY else v for v in (lower, upper)]
    lower, upper, value = _array(lower), _array(upper), _arrays(init_val)
    if _eager(lower, upper, value) and upper - lower <= _EAGER_STEPS:
        for i in range(int(lower), int(upper)):
            value = _arrays(body_fun(jnp.asarray(i, lower.dtype), value))
        return value
    low, high = (v if isinstance(v, int) else _array(v) for v in known)  # known bounds can be differentiated

    def run(written: list[Variable], pure: Closure[Array]) -> Nested[Array]:
        body = pure(body_fun)
        return lax.fori_loop(low, high, lambda i, carry: body(carry[0], i, carry[1]), (_now(written), value))

    return _carried(run)


def scan(
    f: Closure[Array],
    init: Nested[Array],
    xs: Nested[Array] | None = None,
    length: int | None = None,
    reverse: bool = False,
    unroll: int | bool = 1,
) -> Pair[Array]:
    """Run `carry, y = f(carry, x)` along the first axis of `xs`: (last carry, all ys stacked)."""
    init, xs = _arrays(init), _arrays(xs)
    leaves = jax.tree_util.tree_leaves(xs)
    n = leaves[0].shape[0] if leaves else length
    if n and n <= _EAGER_STEPS and all(x.shape[0] == n for x in leaves) and length in (None, n) and _eager(init, xs):
        return _scan_eager(f, init, xs, n, reverse)

    def run(written: list[Variable], pure: Closure[Array]) -> Nested[Array]:
        body = pure(f)

        def once(carry: Nested[Array], x: Array) -> Nested[Array]:
            values, (state, y) = body(carry[0], carry[1], x)
            return (values, state), y

        (values, last), ys = lax.scan(once, (_now(written), init), xs, length=length, reverse=reverse, unroll=unroll)
        return values, (last, ys)

    return _carried(run)


def _scan_eager(f: Closure[Array], carry: Nested[Array], xs: Nested[Array], n: int, reverse: bool) -> Pair[Array]:
    leaves, structure = jax.tree_util.tree_flatten(xs)
    columns = [list(x) for x in leaves]
    ys = []
    for i in range(n - 1, -1, -1) if reverse else range(n):
        carry, y = f(carry, jax.tree_util.tree_unflatten(structure, [c[i] for c in columns]))
        carry = _arrays(carry)
        ys.append(_arrays(y))
    if reverse:
        ys.reverse()
    return carry, jax.tree_util.tree_map(lambda *y: jnp.stack(y), *ys)


# ---- transforms ------------------------------------------------------------------------------------------------------


def vectorized_map(function: Closure[Array], elements: Nested[Array]) -> Nested[Array]:
    """`function` of all elements along the first axis at once; what it assigns must not depend on them."""
    batch = _arrays(elements)
    return _carried(lambda written, pure: jax.vmap(pure(function), (None, 0), (None, 0))(_now(written), batch))


def custom_gradient(f: Closure[Array]) -> Closure[Array]:
    """`f` returns (output, gradient function of the upstream gradients)."""

    def flat(*args: object, **kwargs: object) -> Nested[Array]:
        out, gradient = f(*args, **kwargs)
        return out, lambda upstream: gradient(*jax.tree_util.tree_leaves(upstream))

    wrapped = jax.custom_gradient(flat)

    def call(*args: object, **kwargs: object) -> Nested[Array]:
        return wrapped(*_values(args), **_values(kwargs))

    return call


def _values(x: Array) -> Nested[Array]:
    return jax.tree_util.tree_map(lambda v: v.value if isinstance(v, VariableBase) else v, x)


# ---- gradients -------------------------------------------------------------------------------------------------------


def stop_gradient(variable: Variable) -> Nested[Array]:
    """Nothing flows back from here; an array that is not being traced has nothing to stop."""
    return variable if type(variable) is ARRAY else lax.stop_gradient(variable)
