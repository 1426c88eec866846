"""JAX: control flow. What a branch or body assigns to Variables is carried through the loop and stays assigned.

On concrete values a branch is chosen in Python, and short loops run in Python too: `lax` would trace and compile the
body again at each call, as it is a new closure each time.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from kfront.backends.jax.common import ARRAY, compiled
from kfront.backends.jax.native import Journal, store, strong
from kfront.core.variable import bind

_EAGER_STEPS = 200  # loops up to this length run in Python on concrete values
_probe = compiled()(lambda: jnp.zeros(()))


def _arrays(x: Any) -> Any:
    """`x` with arrays for Variables and Python numbers."""
    return jax.tree_util.tree_map(_array, x)


def _array(x: Any) -> Any:
    if type(x) is ARRAY:
        return x
    return strong(jnp.asarray(x.value if hasattr(x, "_is_variable") else x))


def _eager(*values: Any) -> bool:
    """Whether all values are concrete and nothing is being staged out."""
    return all(type(x) is ARRAY for x in jax.tree_util.tree_leaves(values)) and type(_probe()) is ARRAY


def _written_by(fn: Callable[..., Any], *args: Any) -> list[Any]:
    """The Variables that `fn` assigns."""
    found: list[Any] = []

    def run(*args: Any) -> Any:
        with Journal() as journal:
            out = _arrays(fn(*args))
            found.extend(journal.written())
        return out

    jax.eval_shape(run, *args)
    return found


def _pure(fn: Callable[..., Any], written: Sequence[Any]) -> Callable[..., Any]:
    """`fn` as a function (values of `written`, *args) -> (their new values, output)."""

    def run(values: Sequence[Any], *args: Any) -> tuple[list[Any], Any]:
        with bind(written, values), Journal():
            out = _arrays(fn(*args))
            return [strong(v._value) for v in written], out

    return run


def _keep(written: Sequence[Any], values: Sequence[Any]) -> None:
    for v, x in zip(written, values, strict=True):
        store(v, x)


def _now(written: Sequence[Any]) -> list[Any]:
    return [v._value for v in written]


# ---- branches --------------------------------------------------------------------------------------------------------


def cond(pred: Any, true_fn: Callable[[], Any], false_fn: Callable[[], Any]) -> Any:
    """One branch or the other."""
    pred = _array(pred)
    if type(pred) is ARRAY:
        return true_fn() if pred else false_fn()
    written = list(dict.fromkeys(_written_by(true_fn) + _written_by(false_fn)))
    values, out = lax.cond(
        pred.astype(bool), _pure(true_fn, written), _pure(false_fn, written), _now(written)
    )
    _keep(written, values)
    return out


def switch(index: Any, branches: Sequence[Callable[..., Any]], *operands: Any) -> Any:
    """The branch of that number; the number is clamped."""
    index = _array(index)
    if type(index) is ARRAY:
        return branches[builtins.min(builtins.max(int(index), 0), len(branches) - 1)](*operands)
    operands = _arrays(operands)
    written = list(dict.fromkeys(v for b in branches for v in _written_by(b, *operands)))
    values, out = lax.switch(index, [_pure(b, written) for b in branches], _now(written), *operands)
    _keep(written, values)
    return out


# ---- loops -----------------------------------------------------------------------------------------------------------


def while_loop(
    cond: Callable[..., Any], body: Callable[..., Any], loop_vars: Any, maximum_iterations: int | None = None
) -> Any:
    """Run `body(*loop_vars)` while `cond(*loop_vars)`."""
    several = isinstance(loop_vars, (tuple, list))

    def step(now: tuple[Any, ...]) -> tuple[Any, ...]:
        new = body(*now)
        return _arrays(tuple(new) if several and isinstance(new, (tuple, list)) else (new,))

    now = _arrays(tuple(loop_vars) if several else (loop_vars,))
    done, go_on = 0, True
    if _eager(now):
        now, done, go_on = _while_eager(cond, step, now, maximum_iterations)
    if go_on:
        now = _while_traced(cond, step, now, done, maximum_iterations)
    return now if several else now[0]


def _while_eager(cond: Any, step: Any, now: Any, most: Any) -> tuple[Any, int, bool]:
    """Up to `_EAGER_STEPS` steps: (values, how many, whether there may be more to do)."""
    for i in range(_EAGER_STEPS):
        if most is not None and i >= most:
            return now, i, False
        pred = cond(*now)
        if isinstance(pred, jax.core.Tracer):  # depends on a traced value that the functions close over
            return now, i, True
        if not pred:
            return now, i, False
        now = step(now)
    return now, _EAGER_STEPS, True


def _while_traced(cond: Any, step: Any, now: Any, done: int, most: Any) -> Any:
    written = _written_by(step, now)
    pure = _pure(step, written)

    def test(carry: Any) -> Any:
        values, i, now = carry
        with bind(written, values), Journal():
            go_on = _array(cond(*now)).astype(bool).reshape(())
        return go_on if most is None else go_on & (i < most)

    def run(carry: Any) -> Any:
        values, i, now = carry
        values, now = pure(values, now)
        return values, i + 1, now

    values, _, now = lax.while_loop(test, run, (_now(written), jnp.int32(done), now))
    _keep(written, values)
    return now


def fori_loop(lower: Any, upper: Any, body_fun: Callable[[Any, Any], Any], init_val: Any) -> Any:
    """Run `value = body_fun(i, value)` for i from `lower` to `upper` - 1."""
    lower, upper, value = _array(lower), _array(upper), _arrays(init_val)
    if _eager(lower, upper, value) and upper - lower <= _EAGER_STEPS:
        for i in range(int(lower), int(upper)):
            value = _arrays(body_fun(jnp.asarray(i, lower.dtype), value))
        return value
    written = _written_by(body_fun, lower, value)
    pure = _pure(body_fun, written)

    def run(i: Any, carry: Any) -> Any:
        return pure(carry[0], i, carry[1])

    low, high = (
        int(v) if type(v) is ARRAY else v for v in (lower, upper)
    )  # known bounds can be differentiated
    values, value = lax.fori_loop(low, high, run, (_now(written), value))
    _keep(written, values)
    return value


def scan(
    f: Callable[[Any, Any], Any],
    init: Any,
    xs: Any = None,
    length: int | None = None,
    reverse: bool = False,
    unroll: int | bool = 1,
) -> tuple[Any, Any]:
    """Run `carry, y = f(carry, x)` along the first axis of `xs`: (last carry, all ys stacked)."""
    init, xs = _arrays(init), _arrays(xs)
    leaves = jax.tree_util.tree_leaves(xs)
    n = leaves[0].shape[0] if leaves else length
    if (
        n
        and n <= _EAGER_STEPS
        and all(x.shape[0] == n for x in leaves)
        and length in (None, n)
        and _eager(init, xs)
    ):
        return _scan_eager(f, init, xs, n, reverse)
    first = jax.tree_util.tree_map(lambda x: jax.ShapeDtypeStruct(x.shape[1:], x.dtype), xs)
    written = _written_by(f, init, first)
    pure = _pure(f, written)

    def run(carry: Any, x: Any) -> Any:
        values, (state, y) = pure(carry[0], carry[1], x)
        return (values, state), y

    (values, carry), ys = lax.scan(
        run, (_now(written), init), xs, length=length, reverse=reverse, unroll=unroll
    )
    _keep(written, values)
    return carry, ys


def _scan_eager(f: Any, carry: Any, xs: Any, n: int, reverse: bool) -> tuple[Any, Any]:
    parts = jax.tree_util.tree_map(list, xs)
    structure = jax.tree_util.tree_structure(xs)
    columns = structure.flatten_up_to(parts) if structure.num_leaves else []
    ys = []
    for i in range(n - 1, -1, -1) if reverse else range(n):
        carry, y = f(carry, jax.tree_util.tree_unflatten(structure, [c[i] for c in columns]))
        carry = _arrays(carry)
        ys.append(_arrays(y))
    if reverse:
        ys.reverse()
    return carry, jax.tree_util.tree_map(lambda *y: jnp.stack(y), *ys)


def map(f: Callable[[Any], Any], xs: Any) -> Any:
    """`f` of each element along the first axis, stacked."""
    return scan(lambda carry, x: (carry, f(x)), (), xs)[1]


def associative_scan(f: Callable[[Any, Any], Any], elems: Any, reverse: bool = False, axis: int = 0) -> Any:
    """All prefix combinations by an associative function."""
    return lax.associative_scan(f, _arrays(elems), reverse, axis)


# ---- transforms ------------------------------------------------------------------------------------------------------


def vectorized_map(function: Callable[[Any], Any], elements: Any) -> Any:
    """`function` of all elements along the first axis at once; what it assigns must not depend on them."""
    written: list[Any] = []

    def run(x: Any) -> Any:
        with Journal() as journal:
            out = _arrays(function(x))
            written[:] = journal.written()
            return out, [v._value for v in written]

    out, values = jax.vmap(run, out_axes=(0, None))(_arrays(elements))
    _keep(written, values)
    return out


def custom_gradient(f: Callable[..., Any]) -> Callable[..., Any]:
    """`f` returns (output, gradient function of the upstream gradients)."""
    wrapped = jax.custom_gradient(f)

    def call(*args: Any, **kwargs: Any) -> Any:
        return wrapped(*_values(args), **_values(kwargs))

    return call


def _values(x: Any) -> Any:
    return jax.tree_util.tree_map(lambda v: v.value if hasattr(v, "_is_variable") else v, x)
