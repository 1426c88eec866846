"""The table: special functions, complex numbers, statistics, NaN-aware reductions, rearrangements, windows, CTC."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from . import reference as ref
from .entry import Entry, Kink, bools, floats, ints, tol

__all__ = ["entries"]

INF, NAN = math.inf, math.nan
_EXACT = tol(0, 0)
_ALL = ("float64", "float16", "bfloat16")
_SUM = tol(8, 4, 8)


# ---- special functions ---------------------------------------------------------------------------------------------


def _half_of(x: Any) -> Any:
    return x.astype("int64") if x.dtype == bool else x


_EDGE = np.array([-INF, -1e4, -3.0, -0.5, 0.0, 0.5, 3.0, 1e4, INF, NAN], "float32")
_BESSEL = tol(16, 4, reason="the polynomials are good to 2e-7, and exp(x) in float32 to x times half an ulp")
# name: (reference, range, tolerance, edge values, values far out, {kink: slope})
_FINITE = _EDGE[np.isfinite(_EDGE)]
_UNARY: dict[str, tuple[Any, ...]] = {
    "fabs": (np.fabs, (-3, 3), _EXACT, _EDGE, (-1e4, 1e4), {0.0: 0.0}),
    "cbrt": (np.cbrt, (0.3, 3), tol(8), _EDGE, (-1e4, 1e4), {}),
    "erfc": (np.vectorize(math.erfc, otypes=["float64"]), (-2, 3), tol(16, 4), _EDGE, (-1e4, 1e4), {}),
    "sinc": (np.sinc, (-0.9, 0.9), tol(16, 4, 2), np.array([0.0, 0.5, -2.5, 1.0, NAN], "float32"), (), {0.0: 0.0}),
    "i0": (np.i0, (-3, 3), _BESSEL, np.array([0.0, 3.75, -5.0, 20.0], "float32"), (), {0.0: 0.0}),
    "signbit": (np.signbit, (-3, 3), _EXACT, np.array([-0.0, 0.0, -INF, INF, 1.0], "float32"), (), {}),
}


def _special() -> list[Entry]:
    out = []
    for name, (fn, (low, high), tolerance, edge, far, kinks) in _UNARY.items():
        e = Entry(name, lambda x, fn=fn: fn(_half_of(x)), tolerance, far=far, smooth=name not in ("signbit", "i0"))
        if name == "signbit":
            e.reference, e.domain = (lambda x: np.signbit(x * 1.0)), "real"
        e(floats(2, 3, low=low, high=high)).also("float16", "bfloat16").edge(edge).edge(
            np.array([-3, 0, 1, 2], "int32")
        ).edge(floats(0))
        if name != "i0":  # a polynomial for float32
            e.edge(floats(3, low=low, high=high, dtype="float64"))
        e.kinks = tuple(Kink((np.array([p]),), (np.array([s]),)) for p, s in kinks.items())
        out.append(e)
    return out


def _pairs() -> list[Entry]:
    fmax, fmin = (Entry(n, getattr(np, n), _EXACT, scalars=True, far=(-1e4, 1e4)) for n in ("fmax", "fmin"))
    tie, nan = np.array([1.0]), np.array([NAN])
    for e in (fmax, fmin):
        e.kinks = (Kink((tie, tie), ([0.5], [0.5])), Kink((nan, tie), ([0.0], [1.0])))
        e.edge(np.array([1.0, NAN, NAN, INF], "float32"), np.array([NAN, 2.0, NAN, 1.0], "float32"))
    la = Entry("logaddexp2", np.logaddexp2, tol(8, 4), scalars=True, far=(-1e4, 1e4))
    ld = Entry("ldexp", lambda x, n: x * 2.0**n, tol(4, 2), ("float", "int"))
    ld(floats(2, 3), ints(3)).also(*_ALL).edge(ints(3), 2)
    fm = Entry("fmod", np.fmod, tol(2, 2, 2), "real", scalars=True)
    for e in (fmax, fmin, la, fm):
        e(floats(2, 3, low=0.5, high=3), floats(2, 3, low=0.5, high=3)).also(*_ALL)(
            floats(2, 1, low=0.5), floats(1, 3, low=0.5)
        )
        e.edge(floats(3, low=0.5), 2).edge(ints(3, low=1), ints(3, low=1))
    fm.samples[0], fm.samples[4] = fm.samples[4], fm.samples[0]
    fm.edge(floats(5, low=-9, high=9), -2.0).edge(ints(5, low=-9, high=9), 4)
    g, c = (Entry(n, getattr(np, n), domain="int", smooth=False) for n in ("gcd", "lcm"))
    for e in (g, c):
        e(ints(5, low=1, high=30), ints(5, low=1, high=30)).edge(ints(2, 1, low=-9), ints(3, low=1)).edge(
            np.array([0, 6, 0]), np.array([0, 0, 4])
        )
    i = Entry("isin", lambda x, y, assume_unique=False, invert=False: np.isin(x, y, invert=invert), smooth=False)
    i(ints(2, 3), ints(4)).edge(floats(3), np.array([0.5, 1.0], "float32"), invert=True).edge(ints(3), 2)
    n = Entry("nextafter", np.nextafter, _EXACT, "fixed", smooth=False, raw=True)
    n(np.array([0.0, 1.0, -1.0], "float32"), np.array([1.0, INF, 0.0], "float32"))
    s = Entry(
        "select",
        lambda conditions, choices, default=0: np.select(conditions, choices, default),
        _EXACT,
        ("bool", "fixed"),
    )
    s([bools(3), bools(3)], [floats(3), floats(3)])([bools(2, 3)], [floats(3)], 1.5).edge([bools(3)], [ints(3)], 7)
    return [fmax, fmin, la, ld, fm, g, c, i, n, s]


# ---- complex numbers and bytes -------------------------------------------------------------------------------------


def _complex(*shape: int) -> np.ndarray:
    return (floats(*shape) + 1j * floats(*shape)).astype("complex64")


def _joined(re: Any, im: Any) -> Any:
    y = np.empty(np.broadcast(re, im).shape, "complex128")
    y.real, y.imag = re, im
    return y


def _complex_numbers() -> list[Entry]:
    off = {"smooth": False}
    c = tol(8, 4)
    r, i, j, a, p = (
        Entry(n, fn, c, "fixed", **off)
        for n, fn in (
            ("real", np.real), ("imag", np.imag), ("conj", np.conj), ("angle", lambda x: np.angle(x * 1)), ("isreal", np.isreal),
        )
    )  # fmt: skip
    for e in (r, i, j, a, p):
        e(_complex(2, 3)).edge(floats(3))
    a.edge(ints(3))
    p.edge(np.array([1 + 0j, 1 + 2j], "complex64"))
    t = Entry("to_complex", _joined, c, "fixed", **off)
    t(floats(3), floats(3))
    cp = Entry("complex_parts", lambda x: (x.real, x.imag), c, "fixed", **off)
    cp(_complex(2, 2))
    po = Entry(
        "polar", lambda length, angle: _joined(length * np.cos(angle), length * np.sin(angle)), c, "fixed", **off
    )
    po(floats(3, low=0.1), floats(3))
    vc = Entry("view_as_complex", lambda x: x[..., 0] + 1j * x[..., 1], c, "fixed", **off)
    vc(floats(3, 2)).edge(floats(2, 2, 2))
    vr = Entry("view_as_real", lambda x: np.stack([x.real, x.imag], -1), c, "fixed", **off)
    vr(_complex(3))
    v = Entry("view", lambda x, dtype=None: x.view(dtype or x.dtype), _EXACT, "fixed", raw=True, **off)
    v(floats(2, 4), "int32").edge(floats(2, 4), "uint8").edge(ints(2, 4, low=0, dtype="uint8"), "int16").edge(ints(3))
    return [r, i, j, a, p, t, cp, po, vc, vr, v]


# ---- statistics and NaN --------------------------------------------------------------------------------------------


def _holes(*shape: int) -> np.ndarray:
    x = floats(*shape)
    x.ravel()[::3] = NAN
    return x


def _cdist(x: Any, y: Any) -> Any:
    return np.sqrt(np.sum((x[..., :, None, :] - y[..., None, :, :]) ** 2.0, -1))


def _unique(x: Any, sorted: bool = True, return_index: bool = False, return_inverse: bool = False,
            return_counts: bool = False, axis: Any = None, size: Any = None, fill_value: Any = None) -> Any:  # fmt: skip
    out = np.unique(x, return_index, return_inverse, return_counts, axis)
    if size is None:
        return out
    fill = out[0] if fill_value is None else fill_value
    return np.concatenate([out, np.full(max(size - len(out), 0), fill)])[:size]


def _statistics() -> list[Entry]:
    c = Entry("corrcoef", np.corrcoef, tol(16, 8, 8), "real")
    c(floats(3, 5)).also("float64").edge(floats(5)).edge(ints(2, 4))
    d = Entry("cdist", _cdist, tol(16, 8, 4), "real")
    d(floats(3, 4), floats(2, 4)).also(*_ALL)(floats(2, 3, 2), floats(2, 4, 2))
    d.kinks = (Kink((np.ones((1, 2)), np.ones((1, 2))), (np.zeros((1, 2)), np.zeros((1, 2)))),)
    r = Entry("correlate", lambda x, y, mode="valid": np.correlate(x * 1.0, y * 1.0, mode), tol(8, 4, 8), "real")
    for mode in ("valid", "same", "full"):
        r.fixed(floats(6), floats(3), mode).fixed(floats(5), floats(4), mode).edge(ints(3), ints(5), mode)
    r.samples = [s._replace(batch=()) for s in r.samples]
    t = Entry("trapezoid", lambda y, x=None, dx=1.0, axis=-1: np.trapezoid(y, x, dx, axis), _SUM, "real")
    t(floats(3, 4)).also(*_ALL)(floats(3, 4), np.array([0.0, 0.5, 2.0, 3.0], "float32"))(floats(3, 4), dx=0.5, axis=0)
    h = Entry(
        "histogram", lambda x, bins=10, range=None: np.histogram(x, bins, range), tol(8, 4, 2), "real", smooth=False
    )
    h(floats(20)).edge(floats(3, 4), 4, (-1.0, 1.0)).edge(ints(9), 3)
    g = Entry("geomspace", lambda a, b, num=50, endpoint=True, dtype=None, axis=0: np.geomspace(a, b, num, endpoint, None, axis),
              tol(16, 8), "float", smooth=False)  # fmt: skip
    g(floats(2, low=1), floats(2, low=1), 4)(1, 100, 3)(1.0, 8.0, 3, False).edge(
        floats(2, low=1), floats(2, low=1), 3, axis=-1
    )
    u = Entry("unique", _unique, smooth=False, compiles=False)
    u.fixed(ints(8, low=0, high=4)).fixed(
        ints(2, 4, low=0, high=3), return_index=True, return_inverse=True, return_counts=True
    )
    u.fixed(np.array([[1, 2], [1, 2], [0, 5]], "int32"), axis=0).fixed(ints(6, low=0, high=3), size=5).fixed(floats(4))
    return [c, d, r, t, h, g, u]


def _nan_reductions() -> list[Entry]:
    out = []
    for name in ("nanprod", "nanvar", "nanstd", "nanmedian"):
        e = Entry(name, getattr(np, name), tol(8, 6, 4), "real")
        e(floats(3, 4)).also(*_ALL)(_holes(3, 4), axis=1).edge(_holes(3, 4), axis=0, keepdims=True).edge(
            ints(3, 2), axis=0
        )
        e.samples = [s._replace(smooth=s.smooth and not np.isnan(s.args[0]).any()) for s in e.samples]
        out.append(e)
    out[0].edge(np.array([NAN, NAN], "float32"))
    for name in ("nanargmax", "nanargmin"):
        e = Entry(name, getattr(np, name), domain="real", smooth=False)
        out.append(
            e(floats(3, 4))
            .edge(_holes(3, 4), axis=1)
            .edge(_holes(3, 4), axis=0, keepdims=True)
            .edge(ints(3, 2), axis=0)
        )
    for name in ("nancumsum", "nancumprod"):
        fn = getattr(np, name)
        e = Entry(name, lambda x, axis=None, dtype=None, fn=fn: fn(x, axis), tol(8, 8, 4), "real")
        out.append(e(floats(3, 4)).also(*_ALL).edge(_holes(3, 4), axis=1).edge(ints(4)))
    for name in ("percentile", "nanpercentile", "nanquantile"):
        scale = 1.0 if name == "nanquantile" else 100.0
        e = Entry(name, _q(getattr(np, name)), tol(16, 6, 8), ("real", "fixed"))
        for method in ("linear", "lower", "higher", "midpoint", "nearest"):
            e(floats(3, 5), 0.3 * scale, axis=1, method=method)
        e(floats(3, 5), np.array([0.1, 0.55]) * scale, axis=0).edge(
            floats(3, 5), 0.3 * scale, axis=(0, 1), keepdims=True
        ).edge(ints(7), 0.25 * scale)
        if name != "percentile":
            e.edge(_holes(3, 5), 0.4 * scale, axis=1).edge(_holes(4), 0.5 * scale)
        out.append(e)
    return out


def _q(fn: Callable[..., Any]) -> Callable[..., Any]:
    return lambda x, q, axis=None, method="linear", keepdims=False: fn(
        x * 1.0, q, axis, method=method, keepdims=keepdims
    )


# ---- rearrangements ------------------------------------------------------------------------------------------------


def _depth(x: Any, k: int, data_format: Any = "channels_last") -> Any:
    x = ref.last(x, data_format)
    n, h, w, c = x.shape
    blocks = (
        x.reshape(n, h, w, k, k, c // k**2)
        if data_format != "channels_first"
        else np.moveaxis(x.reshape(n, h, w, c // k**2, k, k), 3, -1)
    )
    return ref.back(blocks.transpose(0, 1, 3, 2, 4, 5).reshape(n, h * k, w * k, -1), data_format)


def _space(x: Any, k: int, data_format: Any = "channels_last") -> Any:
    x = ref.last(x, data_format)
    n, h, w, c = x.shape
    blocks = x.reshape(n, h // k, k, w // k, k, c).transpose(0, 1, 3, 2, 4, 5)
    if data_format == "channels_first":
        blocks = np.moveaxis(blocks, -1, 3)
    return ref.back(blocks.reshape(n, h // k, w // k, -1), data_format)


def _two(v: Any) -> tuple[int, int]:
    return (v, v) if isinstance(v, int) else tuple(v)


def _patches(x: Any, kernel: Any, dilation: Any, padding: Any, stride: Any) -> Any:
    """(row, column, patch) positions of the padded image, as flat indices, of shape (elements, patches)."""
    (kh, kw), (dh, dw), (ph, pw), (sh, sw) = map(_two, (kernel, dilation, padding, stride))
    h, w = x[0] + 2 * ph, x[1] + 2 * pw
    rows = np.arange(0, h - (kh - 1) * dh, sh)
    columns = np.arange(0, w - (kw - 1) * dw, sw)
    at = np.add.outer(np.add.outer(np.arange(kh) * dh * w, np.arange(kw) * dw), np.add.outer(rows * w, columns))
    return at.reshape(kh * kw, -1), h, w, ph, pw


def _unfold(x: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> Any:
    at, _, _, ph, pw = _patches(x.shape[2:], kernel_size, dilation, padding, stride)
    padded = np.pad(x, ((0, 0), (0, 0), (ph, ph), (pw, pw))).reshape(*x.shape[:2], -1)
    return padded[:, :, at].reshape(x.shape[0], -1, at.shape[1])


def _fold(x: Any, output_size: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> Any:
    size = _two(output_size)
    at, h, w, ph, pw = _patches(size, kernel_size, dilation, padding, stride)
    y = np.zeros((x.shape[0], x.shape[1] // len(at), h * w), x.dtype)
    np.add.at(y, (slice(None), slice(None), at), x.reshape(x.shape[0], -1, *at.shape))
    return y.reshape(*y.shape[:2], h, w)[:, :, ph : ph + size[0], pw : pw + size[1]]


def _rearranged(x: Any, pattern: str, **lengths: int) -> Any:
    forms = {
        "b h w c -> b (h w) c": lambda: x.reshape(x.shape[0], -1, x.shape[3]),
        "b (h w) -> b w h": lambda: x.reshape(x.shape[0], lengths["h"], -1).transpose(0, 2, 1),
        "... i j -> ... j i": lambda: np.swapaxes(x, -1, -2),
        "a b -> b 1 a": lambda: x.T[:, None],
    }
    return forms[pattern]()


def _blocks() -> list[Entry]:
    lr, ud, df = (Entry(n, getattr(np, n), _EXACT, "any") for n in ("fliplr", "flipud", "diagflat"))
    lr(floats(2, 3)).edge(bools(2, 2))
    ud(floats(2, 3)).edge(ints(4))
    df(floats(2, 2))(floats(3), k=-1).edge(ints(2))
    v = Entry("vander", np.vander, tol(8, 8), "real")
    v(floats(3)).also("float64")(floats(3), N=2)(floats(2), 4, True).edge(ints(3))
    out = [lr, ud, df, v]
    for name, axis, shape in (("vsplit", 0, (4, 2)), ("hsplit", 1, (3, 4)), ("dsplit", 2, (2, 3, 4))):
        e = Entry(name, lambda x, where, axis=axis: np.split(x, where, 0 if x.ndim == 1 else axis), _EXACT, "any")
        out.append(e.fixed(floats(*shape), 2).fixed(floats(*shape), [1]).edge(floats(*shape), (1, 3)))
    d, s = Entry("depth_to_space", _depth, _EXACT, "any"), Entry("space_to_depth", _space, _EXACT, "any")
    d(floats(2, 2, 3, 8), 2)(floats(2, 8, 2, 3), 2, "channels_first").edge(ints(1, 1, 1, 9), 3)
    s(floats(2, 4, 6, 3), 2)(floats(2, 3, 4, 6), 2, "channels_first").edge(ints(1, 3, 3, 1), 3)
    u, f = Entry("unfold", _unfold, _EXACT, "real"), Entry("fold", _fold, tol(4, 4, 2), "real")
    u(floats(2, 3, 4, 5), 2)(floats(2, 1, 5, 4), (2, 3), 1, 1, 2)(floats(1, 2, 5, 5), 2, dilation=2)
    f(floats(2, 4, 12), (4, 5), 2)(floats(2, 12, 4), (4, 4), (2, 3), stride=(2, 1))
    r = Entry("rearrange", _rearranged, _EXACT, "any")
    r(floats(2, 3, 4, 2), "b h w c -> b (h w) c")(floats(2, 12), "b (h w) -> b w h", h=3)(
        floats(2, 3, 4), "... i j -> ... j i"
    )
    r(floats(2, 3), "a b -> b 1 a")
    return [*out, d, s, u, f, r]


# ---- pooling, segments, normalization, signals ---------------------------------------------------------------------


def _adaptive(reduce: Callable[..., Any]) -> Callable[..., Any]:
    def run(x: Any, output_size: Any, data_format: Any = None) -> Any:
        x = ref.last(x, data_format)
        for axis in range(1, x.ndim - 1):
            m = output_size if isinstance(output_size, int) else output_size[axis - 1]
            n = x.shape[axis]
            bins = [(i * n // m, -((-(i + 1) * n) // m)) for i in range(m)]
            x = np.stack([reduce(np.take(x, range(a, b), axis), axis) for a, b in bins], axis)
        return ref.back(x, data_format)

    return run


def _trained(x: Any, offset: Any, scale: Any, axis: int, epsilon: float) -> Any:
    axes = tuple(i for i in range(x.ndim) if i != axis % x.ndim)
    line = [x.shape[i] if i == axis % x.ndim else 1 for i in range(x.ndim)]
    mean, variance = np.mean(x, axes), np.var(x, axes)
    y = (x - mean.reshape(line)) / np.sqrt(variance.reshape(line) + epsilon)
    y = y if scale is None else y * scale.reshape(line)
    return (y if offset is None else y + offset.reshape(line)), mean, variance


def _segments(start: float, combine: Any) -> Callable[..., Any]:
    def run(data: Any, ids: Any, num_segments: Any = None, sorted: bool = False) -> Any:
        n = int(ids.max()) + 1 if num_segments is None else num_segments
        first = np.iinfo(data.dtype).max if start == INF and data.dtype.kind in "iu" else start
        out = np.full((n, *data.shape[1:]), first, data.dtype)
        inside = (ids >= 0) & (ids < n)
        combine.at(out, ids[inside], data[inside])
        return out

    return run


def _layers() -> list[Entry]:
    a = Entry("adaptive_average_pool", _adaptive(np.mean), tol(8, 4, 4), "float", lead=True)
    m = Entry("adaptive_max_pool", _adaptive(np.max), _EXACT, "float", lead=True)
    for e in (a, m):
        e(floats(2, 7, 3), 3).also("float64")(floats(2, 5, 6, 2), (2, 4))(floats(2, 2, 5), 2, "channels_first")
        e.edge(floats(1, 4, 5, 3, 1), 2)
    b = Entry("batch_normalization_train", _trained, tol(8, 8, 8), "float", outputs=(0,), lead=True)
    b(floats(4, 3), floats(3), floats(3), -1, 1e-3).also(*_ALL)(floats(2, 3, 4), floats(3), None, 1, 0.1)
    b(floats(2, 3, 3, 4), None, floats(4), -1, 1e-3)(floats(2, 4, 3, 3), floats(4), floats(4), 1, 1e-3)
    s = Entry("segment_min", _segments(INF, np.minimum), _EXACT, ("real", "index"), raw=True)
    p = Entry("segment_prod", _segments(1.0, np.multiply), tol(4, 4), ("real", "index"))
    for e in (s, p):
        e(floats(5, 2), np.array([0, 2, 0, 1, 2], "int32"), 3).also("float64").edge(
            ints(4), np.array([0, 1, 0, 3], "int32"), 5
        )
        e.edge(floats(4), np.array([0, -1, 5, 1], "int64"), 2)
    return [a, m, b, s, p]


def _windows_of(x: Any, length: int, stride: int) -> Any:
    starts = range(0, x.shape[-1] - length + 1, stride)
    return np.stack([x[..., i : i + length] for i in starts], -2)


def _stft(x: Any, length: int, stride: int, fft: int, window: Any = "hann", center: bool = True) -> Any:
    if center:
        x = np.pad(x, [(0, 0)] * (x.ndim - 1) + [(fft // 2, fft // 2)], "reflect")
    z = np.fft.rfft(_windows_of(x, fft, stride) * _taper(window, length, fft), fft)
    return z.real, z.imag


def _taper(window: Any, length: int, fft: int) -> Any:
    if window is None:
        return np.ones(fft)
    a = {"hann": 0.5, "hamming": 0.54}[window]
    w = a - (1 - a) * np.cos(2 * np.pi * np.arange(length) / length)
    left = (fft - length) // 2
    return np.pad(w, (left, fft - length - left))


def _istft(
    z: Any, length: int, stride: int, fft: int, size: Any = None, window: Any = "hann", center: bool = True
) -> Any:
    frames = np.fft.irfft(z[0] + 1j * z[1], fft)
    w = _taper(window, length, fft)
    total = (frames.shape[-2] - 1) * stride + fft
    y, norm = np.zeros((*frames.shape[:-2], total)), np.zeros(total)
    for i in range(frames.shape[-2]):
        y[..., i * stride : i * stride + fft] += frames[..., i, :] * w
        norm[i * stride : i * stride + fft] += w**2
    y = y / np.where(norm > 1e-10, norm, 1.0)
    y = y[..., fft // 2 :] if center else y
    if size is not None:
        return np.pad(y, [(0, 0)] * (y.ndim - 1) + [(0, max(size - y.shape[-1], 0))])[..., :size]
    return y[..., : y.shape[-1] - fft // 2] if center else y


def _signals() -> list[Entry]:
    x = Entry("extract_sequences", _windows_of, _EXACT, "any")
    x(floats(2, 7), 3, 2)(floats(8), 4, 1).edge(ints(1, 5), 5, 1)
    real = tol(8, 4, 16)
    s = Entry("stft", _stft, real, "real")
    s(floats(2, 12), 4, 2, 4).also("float64")(floats(12), 4, 3, 6, "hamming")(floats(2, 8), 4, 2, 4, None, False)
    i = Entry("istft", _istft, real, "real")
    i.fixed((floats(2, 5, 3), floats(2, 5, 3)), 4, 2, 4).fixed((floats(4, 3), floats(4, 3)), 4, 1, 4, 6)
    out = [x, s, i]
    for name in ("bartlett", "blackman", "hamming", "hanning"):
        e = Entry(name, getattr(np, name), tol(4, 2, 4), smooth=False)
        out.append(e(7)(1)(4))
    k = Entry("kaiser", np.kaiser, tol(16, 4, 8), smooth=False)
    return [*out, k(7, 3.0)(1, 2.0)]


# ---- CTC -----------------------------------------------------------------------------------------------------------


def _ctc_loss(target: Any, output: Any, target_length: Any, output_length: Any, mask_index: int = 0) -> Any:
    out = []
    for labels, logits, n, steps in zip(target, output, target_length, output_length, strict=True):
        logs = logits - np.log(np.sum(np.exp(logits), -1, keepdims=True))
        line = [mask_index]
        for label in labels[:n]:
            line += [int(label), mask_index]
        alpha = np.full(len(line), -INF)
        alpha[:2] = logs[0, line[:2]]
        for t in range(1, steps):
            new = np.full(len(line), -INF)
            for s in range(len(line)):
                skip = s > 1 and line[s] != mask_index and line[s] != line[s - 2]
                before = [alpha[s - k] for k in (0, 1, 2) if s >= k and (k < 2 or skip)]
                new[s] = np.logaddexp.reduce(before) + logs[t, line[s]]
            alpha = new
        out.append(-np.logaddexp.reduce(alpha[-2:]))
    return np.array(out)


def _greedy(inputs: Any, lengths: Any, merge_repeated: bool, mask_index: int) -> Any:
    batch, steps, _ = inputs.shape
    decoded = np.full((1, batch, steps), -1)
    scores = np.zeros((batch, 1))
    for b in range(batch):
        best, last = [], None
        for t in range(lengths[b]):
            c = int(np.argmax(inputs[b, t]))
            scores[b] -= np.max(inputs[b, t])
            if c != mask_index and not (merge_repeated and c == last):
                best.append(c)
            last = c
        decoded[0, b, : len(best)] = best
    return decoded, scores


def _ctc() -> list[Entry]:
    c = Entry("ctc_loss", _ctc_loss, tol(16, 8, 4), ("fixed", "float", "fixed"))
    target, lengths = np.array([[1, 2, 2], [3, 1, 0]], "int32"), np.array([3, 2], "int32")
    c(target, floats(2, 6, 4), lengths, np.array([6, 5], "int32")).also("float64")
    g = Entry("ctc_greedy_decode", _greedy, tol(4, 4, 4), "fixed", smooth=False)
    g(floats(2, 6, 3), np.array([6, 4], "int32"), True, 0).edge(floats(2, 6, 3), np.array([6, 4], "int32"), False, 2)
    d = Entry("ctc_decode", lambda x, n, **kw: _greedy(x, n, kw.get("merge_repeated", True), kw.get("mask_index", 0)),
              tol(4, 4, 4), "fixed", smooth=False)  # fmt: skip
    return [
        c,
        g,
        d(floats(2, 6, 3), np.array([6, 4], "int32")).edge(floats(2, 5, 3), np.array([5, 2], "int32"), mask_index=2),
    ]


def entries() -> list[Entry]:
    """The entries of this file."""
    parts = (_special, _pairs, _complex_numbers, _statistics, _nan_reductions, _blocks, _layers, _signals, _ctc)
    return [e for part in parts for e in part()]
