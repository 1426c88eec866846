"""The table: control flow, and the random ops (what they draw is checked in `randoms`)."""

from __future__ import annotations

from typing import Any

import numpy as np

from .entry import Entry, floats, ints, tol

__all__ = ["entries"]


def _ops() -> Any:
    from kfront import ops

    return ops


def _double(x: Any) -> Any:
    return x * 2.0


def _carry(c: Any, x: Any) -> Any:
    return c * 0.5 + x, c * x


def _carry_alone(c: Any, x: Any) -> Any:
    return c * 0.5, c * 2.0


def _sum_carry(c: Any, x: Any) -> Any:
    return c + x, c


def _add(a: Any, b: Any) -> Any:
    return a + b


def _multiply(a: Any, b: Any) -> Any:
    return a * b


def _scan(f: Any, init: Any, xs: Any = None, length: Any = None, reverse: bool = False, unroll: Any = 1) -> Any:
    xs = [None] * length if xs is None else xs
    if not len(xs):
        return init, np.zeros((0, *np.shape(init)))
    order = range(len(xs) - 1, -1, -1) if reverse else range(len(xs))
    ys: list[Any] = [None] * len(xs)
    for i in order:
        init, ys[i] = f(init, xs[i])
    return init, np.stack(ys)


def _while(cond: Any, body: Any, loop_vars: Any, maximum_iterations: Any = None) -> Any:
    n = 0
    while cond(*loop_vars) and (maximum_iterations is None or n < maximum_iterations):
        loop_vars = body(*loop_vars)
        n += 1
    return loop_vars


def _fori(lower: Any, upper: Any, body: Any, value: Any) -> Any:
    for i in range(int(lower), int(upper)):
        value = body(i, value)
    return value


def _prefix(f: Any, x: Any, reverse: bool = False, axis: int = 0) -> Any:
    if f is _halves:
        return np.stack([x[0] * 1.0, *(x[0] + np.cumsum(x[1:]) * 0.5)])
    fn = np.cumsum if f is _add else np.cumprod
    return np.flip(fn(np.flip(x, axis), axis), axis) if reverse else fn(x, axis)


def _halves(a: Any, b: Any) -> Any:
    return _ops().add(a, _ops().multiply(b, 0.5))


def _below_ten(i: Any, s: Any) -> Any:
    return s < 10.0


def _grow(i: Any, s: Any) -> Any:
    return i + 1, s * 2.0 + 1.0


def _step(i: Any, x: Any) -> Any:
    return x * 1.5


def _cond(pred: Any, x: Any, turned: bool = False) -> Any:
    """`cond` on a tensor through closures, as it is used; results of two orders in memory if `turned`."""
    return _ops().cond(pred, lambda: _ops().transpose(x) if turned else x * 2.0, lambda: x + 1.0)


def _switch(index: Any, x: Any) -> Any:
    return _ops().switch(index, (_double, lambda v: v + 1.0, lambda v: v * v), x)


def _custom(x: Any) -> Any:
    def square(v: Any) -> Any:
        def grad(*args: Any, upstream: Any = None) -> Any:
            return (args[0] if upstream is None else upstream) * 2.0 * v

        return v * v, grad

    return _ops().custom_gradient(square)(x)


def _jvp(x: Any, tangent: Any) -> Any:
    return _ops().jvp(lambda v: v * v * v, (x,), (tangent,))


def _vectorize(a: Any, b: Any, outer: bool = False) -> Any:
    if outer:
        return _ops().vectorize(_ops().outer, signature="(n),(m)->(n,m)")(a, b)
    return _ops().vectorize(lambda v, w: _ops().sum(v * w), signature="(n),(n)->()")(a, b)


CALLS = {
    "cond": _cond,
    "switch": _switch,
    "custom_gradient": _custom,
    "jvp": _jvp,
    "vectorize": _vectorize,
}  # how the entries of these names are called


def _control() -> list[Entry]:
    loop = tol(8, 4, 4)
    c = Entry("cond", lambda p, x, turned=False: (x.T if turned else x * 2) if p else x + 1, loop, "fixed")
    c(np.asarray(True), floats(2, 3)).edge(np.asarray(False), floats(2, 3))
    c.fixed(np.asarray(True), floats(2, 2), turned=True).fixed(np.asarray(0, "int32"), floats(2, 2), turned=True)
    s = Entry("switch", lambda i, x: (x * 2, x + 1, x * x)[int(np.clip(i, 0, 2))], loop, "fixed")
    s(np.asarray(0, "int32"), floats(2, 3))(np.asarray(2, "int32"), floats(2)).edge(np.asarray(9, "int32"), floats(2))
    s.edge(1, floats(2)).edge(-2, floats(2)).edge(np.asarray(-2, "int32"), floats(2))
    w = Entry("while_loop", _while, loop, "fixed", smooth=False)
    w(_below_ten, _grow, (np.asarray(0, "int32"), np.asarray(1.0, "float32")))
    w(_below_ten, _grow, (np.asarray(0, "int32"), np.asarray(1.0, "float32")), maximum_iterations=2)
    f = Entry("fori_loop", _fori, loop, "fixed")
    f(0, 3, _step, floats(2, 3))(2, 2, _step, floats(2))
    n = Entry("scan", _scan, loop, "fixed")
    n(_carry, np.asarray(1.0, "float32"), floats(4))(_carry, floats(3), floats(4, 3), reverse=True).edge(
        _sum_carry, np.asarray(0, "int32"), ints(4)
    )
    n.edge(_carry_alone, floats(3), None, 0).edge(_carry_alone, floats(3), None, 2).edge(
        _carry, floats(3), floats(0, 3)
    )
    n(_carry, floats(3), floats(4, 3))
    n.samples[-1] = n.samples[-1]._replace(batch=(1,), label="steps of an unknown number")
    m = Entry("map", lambda g, x: np.stack([g(v) for v in x]), loop, "fixed")
    m(_double, floats(3, 2))
    v = Entry("vectorized_map", lambda g, x: np.stack([g(i) for i in x]), loop, "fixed")
    v(_double, floats(3, 2))
    a = Entry("associative_scan", _prefix, loop, "fixed")
    a.fixed(_add, floats(5)).fixed(_multiply, floats(4, 3)).fixed(_add, floats(2, 3), reverse=True, axis=1)
    a.fixed(_halves, ints(2)).fixed(_halves, ints(3))
    g = Entry("custom_gradient", lambda x: x * x, loop, "fixed")
    g(floats(2, 3))
    j = Entry("jvp", lambda x, t: (x**3, 3 * x * x * t), loop, "fixed", smooth=False)
    j(floats(2, 3), floats(2, 3))
    z = Entry("vectorize", lambda a, b, outer=False: a[..., None] * b[..., None, :] if outer else np.sum(a * b, -1),
              loop, "fixed")  # fmt: skip
    z.fixed(floats(3, 4), floats(4)).fixed(floats(2, 3), floats(2, 3)).fixed(floats(2, 3), floats(2, 4), outer=True)
    return [c, s, w, f, n, m, v, a, g, j, z]


RANDOM = (
    "beta", "binomial", "categorical", "dropout", "gamma", "normal", "randint", "random_beta", "random_binomial",
    "random_bits", "random_categorical", "random_dropout", "random_gamma", "random_normal", "random_randint",
    "random_shuffle", "random_truncated_normal", "random_uniform", "shuffle", "truncated_normal", "uniform",
)  # fmt: skip


def entries() -> list[Entry]:
    """The entries of this file."""
    return [*_control(), *(Entry(n, random=True, smooth=False) for n in RANDOM)]
