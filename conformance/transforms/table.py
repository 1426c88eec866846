"""Transforms: each, and each inside others, gives on every engine what finite differences in NumPy give.

A row is a transform, what is done with it, and what should come out; it is run with every function of `FUNCTIONS`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

import kfront
from kfront.backends import current, get
from kfront.core.errors import UnsupportedError

from ..ops.running import quiet
from ..suite import Case, close

__all__ = ["FUNCTIONS", "TRANSFORMS", "cases"]

X = np.array([0.3, -1.2, 0.7], "float32")
W = np.array([[0.5, -0.4, 1.1], [0.2, 0.9, -0.6]], "float32")
D = np.array([1.0, -0.5, 2.0], "float32")  # a direction
ROWS = np.stack([X, X + 0.5])


def _ops() -> Any:
    from kfront import ops

    return ops


def _polynomial(x: Any, w: Any) -> Any:
    return _ops().sum(x**3) + _ops().sum(w * w)


def _matmul(x: Any, w: Any) -> Any:
    return _ops().sum(_ops().tanh(_ops().matmul(w, x)))


def _softmax(x: Any, w: Any) -> Any:
    return _ops().logsumexp(x * w[0]) - x[1]


def _branches(x: Any, w: Any) -> Any:
    return _ops().sum(_ops().where(x > 0, x * x * w[1], _ops().exp(x)))


def _loop(x: Any, w: Any) -> Any:
    return _ops().sum(_ops().fori_loop(0, 3, lambda i, v: _ops().sin(v) + x, x))


def _scan(x: Any, w: Any) -> Any:
    total, each = _ops().scan(lambda carry, row: (_ops().sin(carry) + row * x, _ops().sum(carry * x)), x, w)
    return _ops().sum(total) + _ops().sum(each)


def _scan_in_numpy(x: np.ndarray, w: np.ndarray) -> np.ndarray:
    carry, out = x, 0.0
    for row in w:
        carry, out = np.sin(carry) + row * x, out + np.sum(carry * x)
    return carry.sum() + out


# name: (function of (x, w) made of ops, the same in NumPy)
FUNCTIONS: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "polynomial": (_polynomial, lambda x, w: (x**3).sum() + (w * w).sum()),
    "matmul": (_matmul, lambda x, w: np.tanh(w @ x).sum()),
    "softmax": (_softmax, lambda x, w: np.log(np.exp(x * w[0]).sum()) - x[1]),
    "branches": (_branches, lambda x, w: np.where(x > 0, x * x * w[1], np.exp(x)).sum()),
    "scan": (_scan, _scan_in_numpy),
    "loop": (_loop, lambda x, w: (np.sin(np.sin(np.sin(x) + x) + x) + x).sum()),
}


class Truth(NamedTuple):
    """What NumPy finds for a function in float64."""

    name: str
    value: Any
    by_x: np.ndarray
    by_w: np.ndarray
    hessian: np.ndarray


def _differences(f: Callable[[Any], Any], x: Any, step: float) -> np.ndarray:
    """Derivatives of a scalar or vector by each element of `x`, along the last axes."""
    x = np.asarray(x, "float64")
    out = []
    for i in np.ndindex(x.shape):
        d = np.zeros_like(x)
        d[i] = step
        out.append((f(x + d) - f(x - d)) / (2 * step))
    return np.stack(out, -1).reshape(*np.shape(out[0]), *x.shape)


@functools.cache
def truth(name: str, shift: float = 0.0) -> Truth:
    """Value and derivatives of a function at X + shift and W."""
    plain, x, w = FUNCTIONS[name][1], X.astype("float64") + shift, W.astype("float64")

    def slope(v: Any) -> np.ndarray:
        return _differences(lambda u: plain(u, w), v, 1e-4)

    by_w = _differences(lambda u: plain(x, u), w, 1e-4)
    return Truth(name, plain(x, w), slope(x), by_w, _differences(slope, x, 1e-3))


# ---- rows ----------------------------------------------------------------------------------------------------------

Want = Callable[[Truth], Any]


class Point(NamedTuple):
    """What a row works with: a function of (x, w), the same of x alone, and tensors of the engine."""

    f: Callable[[Any, Any], Any]
    g: Callable[[Any], Any]
    x: Any
    w: Any
    d: Any
    rows: Any

    def slope(self, g: Callable[[Any], Any]) -> Callable[[Any], Any]:
        """The slope of a function along the direction, as a function."""
        return lambda v: _ops().sum(kfront.grad(g)(v) * self.d)


class Row(NamedTuple):
    """What is done with a transform.

    Attributes:
        label: in words.
        call: gives the results.
        want: what they should be.
        differentiates: whether an engine has to differentiate for it.
    """

    label: str
    call: Callable[[Point], Any]
    want: Want
    differentiates: bool = True


def _by_variable(p: Point) -> Any:
    v = kfront.Variable(p.x)
    return kfront.grad(lambda: p.g(v * 1.0), wrt=v)()


def _pulled(p: Point) -> Any:
    value, pull = kfront.vjp(p.f, p.x, p.w)
    return value, pull(2.0)


def _jvp(g: Any, p: Point) -> Any:
    return kfront.jvp(g, (p.x,), (p.d,))


def _jit(f: Any) -> Any:
    """Compiled where that is quick: what torch generates takes it a minute."""
    return kfront.jit(f, jit_compile=False) if current().name == "torch" else kfront.jit(f)


def _cubes(double: bool = False) -> Any:
    """The sum of cubes, with a gradient that is stated: as it is, or twice that."""

    @kfront.custom_gradient
    def cubes(x: Any) -> Any:
        def grad(*args: Any, upstream: Any = None) -> Any:
            return (args[0] if upstream is None else upstream) * (6.0 if double else 3.0) * x * x

        return x * x * x, grad

    return lambda x: _ops().sum(cubes(x))


def _each_row(attribute: str) -> Want:
    return lambda t: np.stack([getattr(truth(t.name, shift), attribute) for shift in (0.0, 0.5)])


TRANSFORMS: dict[str, list[Row]] = {
    "grad": [
        Row("by the first argument", lambda p: kfront.grad(p.f)(p.x, p.w), lambda t: t.by_x),
        Row("by two", lambda p: kfront.grad(p.f, argnums=(0, 1))(p.x, p.w), lambda t: (t.by_x, t.by_w)),
        Row("by a Variable", _by_variable, lambda t: t.by_x),
        Row("of grad", lambda p: kfront.grad(p.slope(p.g))(p.x), lambda t: t.hessian @ D),
        Row("of jvp", lambda p: kfront.grad(lambda v: _jvp(p.g, p._replace(x=v))[1])(p.x), lambda t: t.hessian @ D),
        Row("of vmap", lambda p: kfront.grad(lambda v: _ops().sum(kfront.vmap(p.g)(v)))(p.rows), _each_row("by_x")),
    ],
    "value_and_grad": [
        Row(
            "of two arguments",
            lambda p: kfront.value_and_grad(p.f, argnums=(0, 1))(p.x, p.w),
            lambda t: (t.value, t.by_x, t.by_w),
        ),
        Row(
            "with more results",
            lambda p: kfront.value_and_grad(lambda v: (p.g(v), v * 2.0), has_aux=True)(p.x),
            lambda t: (t.value, X * 2.0, t.by_x),
        ),
        Row("of grad", lambda p: kfront.value_and_grad(p.slope(p.g))(p.x), lambda t: (t.by_x @ D, t.hessian @ D)),
    ],
    "vjp": [
        Row("pulled back", _pulled, lambda t: (t.value, 2 * t.by_x, 2 * t.by_w)),
        Row("of grad", lambda p: kfront.vjp(kfront.grad(p.g), p.x)[1](p.d), lambda t: (t.hessian @ D,)),
    ],
    "jvp": [
        Row("along a direction", lambda p: _jvp(p.g, p), lambda t: (t.value, t.by_x @ D)),
        Row("of grad", lambda p: _jvp(kfront.grad(p.g), p), lambda t: (t.by_x, t.hessian @ D)),
        Row(
            "of jvp",
            lambda p: _jvp(lambda v: _jvp(p.g, p._replace(x=v))[1], p),
            lambda t: (t.by_x @ D, D @ t.hessian @ D),
        ),
    ],
    "jacobian": [
        Row("of a scalar", lambda p: kfront.jacobian(p.g)(p.x), lambda t: t.by_x),
        Row("of grad", lambda p: kfront.jacobian(kfront.grad(p.g))(p.x), lambda t: t.hessian),
    ],
    "hessian": [
        Row("by the first argument", lambda p: kfront.hessian(p.g)(p.x), lambda t: t.hessian),
        Row("inside jit", lambda p: _jit(kfront.hessian(p.g))(p.x), lambda t: t.hessian),
    ],
    "vmap": [
        Row("over rows", lambda p: kfront.vmap(p.g)(p.rows), _each_row("value"), False),
        Row(
            "over columns",
            lambda p: kfront.vmap(p.f, in_axes=(1, None))(_ops().transpose(p.rows), p.w),
            _each_row("value"),
            False,
        ),
        Row("of grad", lambda p: kfront.vmap(kfront.grad(p.g))(p.rows), _each_row("by_x")),
        Row("of hessian", lambda p: kfront.vmap(kfront.hessian(p.g))(p.rows), _each_row("hessian")),
        Row(
            "of value and hessian",
            lambda p: kfront.vmap(lambda v: (p.g(v), kfront.hessian(p.g)(v)))(p.rows),
            lambda t: (_each_row("value")(t), _each_row("hessian")(t)),
        ),
    ],
    "jit": [
        Row("of the function", lambda p: _jit(p.f)(p.x, p.w), lambda t: t.value, False),
        Row("of grad", lambda p: _jit(kfront.grad(p.f))(p.x, p.w), lambda t: t.by_x),
        Row("of vmap of grad", lambda p: _jit(kfront.vmap(kfront.grad(p.g)))(p.rows), _each_row("by_x")),
        Row("inside grad of grad", lambda p: kfront.grad(p.slope(_jit(p.g)))(p.x), lambda t: t.hessian @ D),
    ],
    "checkpoint": [
        Row("of the function", lambda p: kfront.checkpoint(p.f)(p.x, p.w), lambda t: t.value, False),
        Row("inside grad", lambda p: kfront.grad(kfront.checkpoint(p.f))(p.x, p.w), lambda t: t.by_x),
        Row(
            "inside grad of grad",
            lambda p: kfront.grad(p.slope(kfront.checkpoint(p.g)))(p.x),
            lambda t: t.hessian @ D,
        ),
    ],
    "custom_gradient": [
        Row("inside grad", lambda p: kfront.grad(_cubes())(p.x), lambda t: 3 * X**2),
        Row("is what it says", lambda p: kfront.grad(_cubes(True))(p.x), lambda t: 6 * X**2),
        Row("inside grad of grad", lambda p: kfront.grad(p.slope(_cubes()))(p.x), lambda t: 6 * X * D),
        Row("inside jit of grad", lambda p: _jit(kfront.grad(_cubes()))(p.x), lambda t: 3 * X**2),
        Row("inside vmap of grad", lambda p: kfront.vmap(kfront.grad(_cubes()))(p.rows), lambda t: 3 * ROWS**2),
    ],
}


# ---- cases ---------------------------------------------------------------------------------------------------------


def cases(backends: list[str], quick: bool) -> Iterator[Case]:
    """Every row with every function on every engine; with one function in turn when `quick`."""
    names = list(FUNCTIONS)
    for transform, rows in TRANSFORMS.items():
        for k, row in enumerate(rows):
            chosen = names[k % len(names) :][:1] if quick or transform == "custom_gradient" else names
            for b in backends:
                if row.differentiates and not get(b).trainable:
                    yield Case("transforms", f"{transform}/{row.label}: clear error", b, _refused(b, row))
                    continue
                for name in chosen:
                    yield Case("transforms", f"{transform}/{row.label}: {name}", b, _check(b, row, name))


def _run(backend: str, row: Row, name: str) -> list[np.ndarray]:
    f = FUNCTIONS[name][0]
    with quiet(), kfront.backend_scope(backend) as b:
        x, w, d, rows = (b.convert(v) for v in (X, W, D, ROWS))
        results = row.call(Point(f, lambda v: f(v, w), x, w, d, rows))
        return [np.asarray(b.to_numpy(y)) for y in kfront.tree.flatten(results)]


def _check(backend: str, row: Row, name: str) -> Callable[[], None]:
    def check() -> None:
        want = row.want(truth(name))
        parts = want if isinstance(want, tuple) else (want,)
        got = _run(backend, row, name)
        assert len(got) == len(parts), f"{len(got)} results, expected {len(parts)}"
        for g, w in zip(got, parts, strict=True):
            close(g, np.asarray(w), 1e-3, 2e-4)  # second differences of float64; results are float32

    return check


def _refused(backend: str, row: Row) -> Callable[[], None]:
    def check() -> None:
        try:
            _run(backend, row, "polynomial")
        except UnsupportedError:
            return
        raise AssertionError("expected UnsupportedError of a backend that does not differentiate")

    return check
