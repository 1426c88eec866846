"""The table: shapes, indexing, creation and conversion."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import ml_dtypes
import numpy as np

from .entry import Entry, Kink, bools, floats, ints, tol

__all__ = ["entries"]

_EXACT = tol(0, 0)


def _entry(name: str, reference: Callable[..., Any], domain: Any = "any", **kwargs: Any) -> Entry:
    return Entry(name, reference, _EXACT, domain, **kwargs)


# ---- shapes --------------------------------------------------------------------------------------------------------


def _pad(x: Any, pad_width: Any, mode: str = "constant", constant_values: Any = None) -> Any:
    extra = {"constant_values": constant_values or 0} if mode == "constant" else {}
    return np.pad(x, pad_width, mode, **extra)  # type: ignore[call-overload]


def _joining() -> list[Entry]:
    c = _entry("concatenate", np.concatenate)
    c([floats(2, 3), floats(4, 3)], axis=0).also("float64", "float16", "bfloat16").edge(
        [floats(2, 3), ints(2, 4)], axis=-1
    )
    c([floats(2, 3), floats(2, 1), floats(2, 2)], axis=1).edge([bools(3), ints(2, dtype="int8")]).edge(
        [floats(0, 3), floats(1, 3)]
    )
    s = _entry("stack", np.stack)
    s([floats(3), floats(3)])([floats(2, 3), floats(2, 3)], axis=-1).edge(
        [floats(2, 3), ints(2, 3, dtype="int8")], axis=1
    )
    s.edge([bools(2), bools(2)]).edge([floats(), floats()])
    a = _entry("append", np.append)
    a(floats(2, 3), floats(2, 3)).edge(floats(2, 3), ints(2, 3), axis=1)(floats(2, 3), floats(1, 3), axis=0)
    h, v, d, k = (_entry(n, getattr(np, n)) for n in ("hstack", "vstack", "dstack", "column_stack"))
    k([floats(3), floats(3)])([floats(2, 3), floats(2)]).edge([floats(2), ints(2, 1)])(
        [floats(2, 3, 2), floats(2, 1, 2)]
    )
    h([floats(2, 3), floats(2, 1)])([floats(3), floats(2)]).edge([floats(), floats()]).edge([ints(2), bools(1)])
    v([floats(3), floats(3)])([floats(2, 3), floats(1, 3)]).edge([floats(3), ints(1, 3)])
    d([floats(2, 3), floats(2, 3)])([floats(3), floats(3)])([floats(2, 3, 1), floats(2, 3, 2)])
    m = _entry("meshgrid", lambda *x, indexing="xy": np.meshgrid(*x, indexing=indexing))
    m(floats(3), floats(2))(floats(3), floats(2), floats(4), indexing="ij").edge(ints(2), floats(3)).edge(floats(2))
    return [c, s, a, h, v, d, k, m]


def _cutting() -> list[Entry]:
    s = _entry("split", np.split)
    s.fixed(floats(6, 4), 3)(floats(6, 4), [1, 4])(floats(6, 4), 2, axis=1).edge(ints(4), 2).edge(
        floats(5, 2), (2,), axis=-2
    ).edge(floats(3, 4), [-1], axis=1).edge(floats(3, 4), [3, 1], axis=-1).edge(floats(2, 3), [2, 9], axis=1)
    a = _entry("array_split", np.array_split)
    a.fixed(floats(7, 2), 3)(floats(7, 2), [2, 3])(floats(2, 5), 2, axis=1)
    u = _entry("unstack", lambda x, num=None, axis=0: [np.take(x, i, axis) for i in range(x.shape[axis])])
    u(floats(2, 3), axis=1)(floats(2, 3), num=2).fixed(floats(2, 3)).edge(ints(3, 2), axis=-1)
    d = _entry("diagonal", np.diagonal)
    d(floats(3, 4))(floats(2, 3, 4), offset=1, axis1=1, axis2=2)(floats(3, 4), offset=-1).edge(ints(4, 3), offset=2)
    d(floats(3, 4, 2), 0, -2, -1).edge(floats(2, 2), offset=2)
    g = _entry("diag", np.diag)
    g(floats(3))(floats(3), k=1)(floats(3), k=-2)(floats(3, 4), k=1).edge(ints(3)).edge(bools(2))
    t = Entry("trace", np.trace, tol(2, 2, 4))
    t(floats(3, 4)).also("float64", "float16").edge(ints(2, 3, 3, dtype="int8"), axis1=1, axis2=2)(
        floats(3, 3, 2), offset=-1
    )
    lo, up = _entry("tril", np.tril), _entry("triu", np.triu)
    for e in (lo, up):
        e(floats(3, 4))(floats(2, 3, 3), k=-1).edge(ints(3, 4), k=1).edge(bools(2, 2)).edge(
            floats(3, 3, dtype="bfloat16")
        )
        e.edge(np.array([[math.nan, math.inf], [math.nan, 1.0]], "float32"))
    return [s, a, u, d, g, t, lo, up]


def _moving() -> list[Entry]:
    t = _entry("transpose", np.transpose)
    t(floats(2, 3, 4))(floats(2, 3, 4), (2, 0, 1))(floats(2, 3, 4), (0, -1, 1)).edge(ints(3)).edge(floats())
    sw, mv = _entry("swapaxes", np.swapaxes), _entry("moveaxis", np.moveaxis)
    sw(floats(2, 3, 4), 0, -1).edge(ints(2, 3), 1, 0)
    mv(floats(2, 3, 4), 0, -1)(floats(2, 3, 4), (0, 1), (-1, 0)).edge(ints(2, 3, 1), -1, 0)
    f, r = _entry("flip", np.flip), _entry("roll", np.roll)
    f(floats(2, 3))(floats(2, 3), axis=1)(floats(2, 3, 2), axis=(0, -1)).edge(bools(4)).edge(ints(2, 2), axis=0)
    r(floats(2, 3), 1)(floats(2, 3), -2, axis=1)(floats(4, 3), (1, 2), axis=(0, 1)).edge(ints(5), 7).edge(bools(3), 1)
    r(floats(3, 2), 1, axis=0)
    o = _entry("rot90", np.rot90)
    o(floats(2, 3))(floats(2, 3, 4), k=2, axes=(0, 2))(floats(2, 3), k=3).edge(ints(2, 2), k=-1)(
        floats(2, 3, 2), axes=(2, 1)
    )
    rp, tl = _entry("repeat", np.repeat), _entry("tile", np.tile)
    rp(floats(2, 3), 2)(floats(2, 3), 2, axis=1)(floats(2, 3), [1, 2, 3], axis=1).edge(ints(3), 3).edge(
        bools(2, 1), 2, axis=0
    )
    rp(floats(2, 3), 2, axis=-2)
    tl(floats(2, 3), (2, 1))(floats(3), (2, 2))(floats(2, 3), 2).edge(ints(2), 3).edge(floats(2, 3, 1), (1, 2))
    return [t, sw, mv, f, r, o, rp, tl]


def _reshaping() -> list[Entry]:
    r = _entry("reshape", np.reshape)
    r.fixed(floats(2, 6), (3, 4))(floats(2, 6), (-1, 3))(floats(2, 6), -1).edge(ints(4), (2, 2)).edge(
        floats(0, 3), (3, 0)
    )
    r.fixed(floats(1, 1), ())
    rv = _entry("ravel", np.ravel)
    rv(floats(2, 3)).edge(floats()).edge(bools(2, 2))
    b = _entry("broadcast_to", np.broadcast_to)
    b.fixed(floats(3), (2, 3)).fixed(floats(2, 1, 3), (4, 2, 5, 3)).edge(ints(1, 2), (3, 2)).edge(
        np.asarray(True), (2,)
    )
    ex = _entry("expand_dims", lambda x, axis: np.expand_dims(x, axis))
    ex(floats(2, 3), 1)(floats(2, 3), (0, -1)).edge(ints(3), -1).edge(floats(), 0)
    sq = _entry("squeeze", np.squeeze)
    sq.fixed(floats(2, 1, 3, 1))(floats(2, 1, 3, 1), axis=1)(floats(2, 1, 3, 1), axis=(1, -1)).fixed(ints(1, 1))
    p = _entry("pad", _pad, "real")
    p(floats(2, 3), 1)(floats(2, 3), ((1, 2), (0, 1)))(floats(2, 3), ((1, 0), (2, 2)), constant_values=5).also(
        "bfloat16", "float16"
    )
    for mode in ("reflect", "symmetric", "edge", "wrap"):
        p.fixed(floats(4, 5), ((1, 2), (2, 3)), mode=mode).edge(ints(4), (1, 2), mode=mode)
    p.edge(ints(4), (1, 2)).edge(ints(2, 2, dtype="int8"), 1, constant_values=3).edge(floats(0, 2), 1)
    p.edge(ints(3), 1, constant_values=77.0)
    sh = Entry("shape", lambda x: [np.asarray(n) for n in x.shape], domain="fixed", smooth=False)
    sh.fixed(floats(2, 3)).edge(floats())
    sz = Entry("size", np.size, domain="fixed", smooth=False)
    sz(floats(2, 3)).edge(floats()).edge(floats(0, 2))
    nd = Entry("ndim", np.ndim, domain="fixed", smooth=False)
    nd(floats(2, 3)).edge(floats())
    return [r, rv, b, ex, sq, p, sh, sz, nd]


# ---- indexing ------------------------------------------------------------------------------------------------------

_KEYS: tuple[Any, ...] = (
    0, -1, slice(None), slice(1, None), (slice(None), 1), (Ellipsis, 0), (None, 1), (slice(None, None, 2), None),
    (0, slice(None), slice(0, 2)), (Ellipsis, slice(None, None, -1)), (1, Ellipsis, 2), (slice(-2, None), Ellipsis),
    (slice(None), slice(3, 0, -2)), (slice(5, 2),),
)  # fmt: skip


def _indexing() -> list[Entry]:
    index = ("any", "index")
    t = _entry("take", np.take, index)
    t.fixed(floats(5, 3), ints(2, 2, low=-5, high=5))(floats(5, 3), ints(4, low=0, high=5), axis=0).also(
        "float64", "bfloat16"
    )
    t(floats(5, 3), ints(2, 2, low=-3, high=3, dtype="int8"), axis=-1).edge(floats(5, 3), 1, axis=0).edge(
        bools(4), ints(2, low=0, high=4)
    )
    t.edge(ints(4), ints(0, low=0)).edge(floats(0, 3), ints(0, 2), axis=0).edge(floats(2, 0), ints(0), axis=-1).edge(
        ints(5, 2), ints(3, low=0, high=5, dtype="uint8"), axis=0
    )
    t.edge(ints(5, 2), ints(3, low=0, high=5, dtype="int64"), axis=0)
    a = _entry("take_along_axis", np.take_along_axis, index)
    a(floats(3, 4), ints(3, 2, low=0, high=4), axis=1)(floats(3, 4), ints(1, 4, low=0, high=3), axis=0)
    a.fixed(floats(3, 4), ints(5, low=0, high=12), axis=None).edge(ints(2, 3), ints(2, 3, low=-3, high=3), axis=-1)
    g = _entry("get_item", lambda x, key: x[key], ("any", "fixed"))
    for key in _KEYS:
        first = key[0] if isinstance(key, tuple) else key
        (g.fixed if isinstance(first, int) or first == slice(5, 2) else g)(floats(3, 4, 5), key)
    g.fixed(floats(3, 4), np.array([0, 2, 1], "int32")).fixed(
        floats(3, 4), (slice(None), np.array([[0, 2], [1, 1]], "int32"))
    )
    two = np.array([[0, 2], [1, 1]], "int32")
    g.fixed(floats(3, 4, 2), (two, two[::-1])).fixed(floats(3, 2, 4), (two, slice(None), two))
    g.edge(ints(4), slice(None, None, -1)).edge(bools(2, 2), (0, 1))
    s = _entry("slice", lambda x, start, shape: x[_block(x, start, shape)])
    s.fixed(floats(4, 5), (1, 2), (2, 3)).edge(ints(4), (0,), (2,)).edge(floats(2, 3), (0, 1), (2, 0))
    s.edge(floats(4, 5), (3, -1), (2, 3)).edge(floats(4, 5), (1, 2), (-1, 2)).edge(floats(4, 5), (-2, 9), (1, 1))
    return [t, a, g, s, *_writing()]


def _block(x: Any, start: Any, shape: Any) -> Any:
    """By XLA's rules: https://openxla.org/xla/operation_semantics#dynamicslice, and negative places as in JAX."""
    sizes = [n - a if k == -1 else k for n, a, k in zip(x.shape, start, shape, strict=True)]
    places = [np.clip(a + n * (a < 0), 0, n - k) for n, a, k in zip(x.shape, start, sizes, strict=True)]
    return tuple(slice(a, a + k) for a, k in zip(places, sizes, strict=True))


def _slice_update(x: Any, start: Any, updates: Any) -> Any:
    out = np.array(x)
    out[_block(x, start, updates.shape)] = updates
    return out


def _scatter(indices: Any, values: Any, shape: Any) -> Any:
    out = np.zeros(shape, values.dtype)
    np.add.at(out, tuple(np.moveaxis(indices, -1, 0)), values)
    return out


def _scatter_update(x: Any, indices: Any, updates: Any, reduction: Any = None) -> Any:
    out, where = np.array(x), tuple(np.moveaxis(indices, -1, 0))
    if reduction is None:
        out[where] = updates
    else:
        {"add": np.add, "max": np.maximum, "min": np.minimum, "mul": np.multiply}[reduction].at(out, where, updates)
    return out


def _writing() -> list[Entry]:
    u = _entry("slice_update", _slice_update, ("any", "any"), raw=True)
    u.fixed(floats(4, 5), (1, 2), floats(2, 3)).edge(ints(4, 5), (3, 0), floats(1, 2)).edge(
        floats(3, dtype="bfloat16"), (0,), floats(2)
    )
    u.edge(floats(4, 5), (3, -1), floats(2, 2)).edge(floats(4, 5), (-2, 9), floats(1, 1))
    s = Entry("scatter", _scatter, tol(2, 2), ("index", "real"))
    s(np.array([[0], [3], [1]], "int32"), floats(3), (4,))(
        np.array([[0, 1], [2, 0], [0, 1]], "int32"), floats(3), (3, 2)
    )
    s.edge(np.array([[0, -1], [-3, 0]], "int32"), floats(2), (3, 2))
    s.edge(np.array([[0], [2], [0]], "int32"), ints(3, 2), (3, 2))(np.array([[0], [2]], "int64"), floats(2, 2), (3, 2))
    c = Entry("scatter_update", _scatter_update, tol(2, 2), ("real", "index", "real"))
    c(floats(4, 3), np.array([[0], [2]], "int32"), floats(2, 3))(
        floats(4, 3), np.array([[0, 1], [2, 2]], "int32"), floats(2)
    )
    for mode in ("add", "max", "min", "mul"):
        c(floats(4), np.array([[0], [1], [3]], "int32"), floats(3), reduction=mode)
        c.edge(ints(4), np.array([[0], [0], [3]], "int32"), ints(3), reduction=mode)
    c.edge(ints(4, dtype="int8"), np.array([[1]], "int64"), floats(1))
    last = np.array([[-1], [0]], "int32")
    c.edge(floats(4, 3), last, floats(2, 3)).edge(floats(4), last, floats(2), reduction="mul")
    twice = np.array([[0], [0]])  # the last update wins, and has the gradient
    c.kinks = (
        Kink((np.ones(3), twice, np.array([2.0, 3.0])), ([0.0, 1.0, 1.0], [0.0, 1.0])),
        Kink((np.ones(2), twice, np.array([0.0, 3.0]), "mul"), ([0.0, 1.0], [3.0, 0.0])),
        Kink((np.ones(2), twice, np.ones(2), "max"), ([1 / 3, 1.0], [1 / 3, 1 / 3])),
    )
    r = Entry(
        "unravel_index", lambda i, shape: np.unravel_index(i % math.prod(shape), shape), domain="int", smooth=False
    )
    r(ints(4, low=0, high=12), (3, 4)).edge(ints(2, 2, low=0, high=8, dtype="int64"), (2, 2, 2))
    n = _entry("nonzero", np.nonzero, "number", smooth=False, compiles=False)
    n.fixed(ints(2, 3, low=0, high=2)).edge(bools(4)).edge(floats(3))
    return [u, s, c, r, n]


# ---- creation ------------------------------------------------------------------------------------------------------


def _of(dtype: Any, default: str = "float32") -> Any:
    return np.dtype(getattr(ml_dtypes, dtype or default, dtype or default))


def _creation() -> list[Entry]:
    out = []
    for name, value in (("zeros", 0), ("ones", 1), ("empty", 0)):
        e = _entry(name, lambda shape, dtype=None, v=value: np.full(shape, v, _of(dtype)), smooth=False)
        e((2, 3))(2, dtype="int8")((), "bfloat16")((0, 2), "float64")((2,), "bool")
        like = _entry(f"{name}_like", lambda x, dtype=None, v=value: np.full(x.shape, v), smooth=False)
        like(floats(2, 3)).edge(ints(2, 3, dtype="int8")).edge(floats(2, 3), dtype="int32").edge(bools(2)).edge(
            floats()
        )
        out += [e, like]
    f = _entry("full", lambda shape, value, dtype=None: np.full(shape, value), smooth=False)
    f((2, 3), 2.5)((2, 3), 2, dtype="int32")((2, 3), floats(3))(3, True, "bool")((0,), 1.0, "bfloat16")
    fl = _entry("full_like", lambda x, value, dtype=None: np.full(x.shape, value), smooth=False)
    fl(floats(2, 3), 1.5).edge(ints(2, 3, dtype="int8"), 3).edge(floats(2, 3), 3, dtype="int32").edge(
        floats(2, 3), floats(3)
    )
    a = Entry("arange", lambda *args, dtype=None: np.arange(*args), tol(2, 2), smooth=False)
    a(5)(5.0)(1, 7, 2)(0, 1, 0.25)(5, 0, -2)(4, dtype="float16")(3, dtype="int64")(0)(1, 2, 0.1, dtype="bfloat16")
    y = _entry("eye", lambda N, M=None, k=0, dtype=None: np.eye(N, M, k), smooth=False)
    y(3)(2, 4, k=1, dtype="int32")(3, k=-1, dtype="bool")(0)
    i = _entry("identity", lambda n, dtype=None: np.eye(n), smooth=False)
    i(3)(2, "int8")
    t = _entry("tri", lambda N, M=None, k=0, dtype=None: np.tri(N, M, k), smooth=False)
    t(3, 4, k=-1)(3, dtype="int32")(2, 3, 5)
    return [*out, f, fl, a, y, i, t, *_spaces(), *_conversion()]


def _spaces() -> list[Entry]:
    def linspace(
        start: Any,
        stop: Any,
        num: int = 50,
        endpoint: bool = True,
        retstep: bool = False,
        dtype: Any = None,
        axis: int = 0,
    ) -> Any:
        y, step = np.linspace(start, stop, num, endpoint, True, None, axis)  # type: ignore[call-overload]
        y = np.floor(y) if dtype and "int" in dtype else y
        return (y, step) if retstep else y

    n = Entry("linspace", linspace, tol(2, 2, 2))
    n(floats(2), floats(2), 4, axis=1)(floats(2, 3), 5.0, 4, axis=-1).edge(floats(2), floats(2), 4, axis=0).also(
        "float64", "float16"
    )
    n.edge(0, 1, 5).edge(0.0, 1.0, 5, endpoint=False).edge(0, 10, 5, dtype="int32").edge(0, 1, 5, retstep=True).edge(
        3.0, 1.0, 1
    )
    n.edge(-4, 5, 4, dtype="int32").edge(-9, 3, 12, False, dtype="int32")  # whole numbers must not fall short of one
    n.edge(0.0, 1.0, 0).edge(floats(2, 3), floats(3), 3, False)
    g = Entry("logspace", lambda a, b, num=50, endpoint=True, base=10, dtype=None, axis=0: np.logspace(a, b, num, endpoint, base, None, axis),
              tol(16, 8), "real")  # fmt: skip
    g(0, 2, 3)(0.0, 1.0, 4, base=2.0)(floats(2), floats(2), 3, axis=1)
    return [n, g]


def _conversion() -> list[Entry]:
    out = []
    for name in ("array", "convert_to_tensor"):
        e = Entry(name, lambda x, dtype=None: np.asarray(x), tol(1, 1), "any")
        e(floats(2, 3))(1)(True)(1.5)([1, 2])([[1.0, 2.0]])([True, False])([1, 2], dtype="float16").edge(
            floats(3), "bfloat16"
        )
        e(ints(3, dtype="int64"))(bools(2)).edge([])
        out.append(e)
    n = _entry("convert_to_numpy", lambda x: x, smooth=False, compiles=False)
    n(floats(2, 3)).also("bfloat16").edge(ints(2))
    t = _entry("is_tensor", lambda x: np.asarray(isinstance(x, np.ndarray)), "fixed", smooth=False, compiles=False)
    t(floats(2))(1.5)
    return [*out, n, t]


def entries() -> list[Entry]:
    """The entries of this file."""
    return [*_joining(), *_cutting(), *_moving(), *_reshaping(), *_indexing(), *_creation()]
