"""The table: images. References are plain loops over pixels, from the definitions."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .entry import Entry, floats, ints, tol

__all__ = ["entries"]

_EXACT = tol(0, 0)
_ALL = ("float64", "float16", "bfloat16")
_PLACES = tol(
    16, 2, 64, "places between pixels are computed from sizes and transforms: rounded relative to the size of an image"
)


def _spatial(fn: Callable[..., Any]) -> Callable[..., Any]:
    """A reference for a batch with channels last, for single images and channels first as well."""

    def run(x: Any, *args: Any, data_format: str | None = None, **kwargs: Any) -> Any:
        single, first = x.ndim == 3, data_format == "channels_first"
        y = x[None] if single else x
        y = fn(np.moveaxis(y, 1, -1) if first else y, *args, **kwargs)
        y = np.moveaxis(y, -1, 1) if first else y
        return y[0] if single else y

    return run


def _whole(y: Any, x: Any, rounding: Callable[[Any], Any] = np.round) -> Any:
    return rounding(y).astype(x.dtype) if x.dtype.kind in "iu" else y


def _away(y: Any) -> Any:
    return np.sign(y) * np.floor(np.abs(y) + 0.5)


# ---- resampling ----------------------------------------------------------------------------------------------------


def _lanczos(r: float, x: float) -> float:
    return float(np.sinc(x) * np.sinc(x / r)) if x < r else 0.0


def _cubic(x: float) -> float:
    if x < 1:
        return 1.5 * x**3 - 2.5 * x**2 + 1
    return -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2 if x < 2 else 0.0


def _kernel(method: str, x: float) -> float:
    if method.startswith("lanczos"):
        return _lanczos(float(method[-1]), x)
    return _cubic(x) if "cubic" in method else max(0.0, 1 - x)


def _resample(x: Any, axis: int, length: int, step: float, offset: float, method: str, antialias: bool) -> Any:
    n = x.shape[axis]
    weights = np.zeros((n, length))
    for j in range(length):
        at = (j + 0.5 - offset) * step - 0.5
        wide = max(step, 1.0) if antialias else 1.0
        w = np.array([_kernel(method, abs(at - i) / wide) for i in range(n)])
        if -0.5 <= at <= n - 0.5 and abs(w.sum()) > 1e-4:
            weights[:, j] = w / w.sum()
    return np.moveaxis(np.tensordot(x, weights, ((axis,), (0,))), -1, axis)


@_spatial
def _resize(x: Any, size: Any, interpolation: str = "bilinear", antialias: bool = False,
            crop_to_aspect_ratio: bool = False, pad_to_aspect_ratio: bool = False, fill_value: float = 0.0) -> Any:  # fmt: skip
    h, w = x.shape[1:3]
    if crop_to_aspect_ratio:
        new_h, new_w = min(h, max(w * size[0] // size[1], 1)), min(w, max(h * size[1] // size[0], 1))
        top, left = (h - new_h) // 2, (w - new_w) // 2
        x = x[:, top : top + new_h, left : left + new_w]
    if pad_to_aspect_ratio:
        top, left = (max(h, w * size[0] // size[1]) - h) // 2, (max(w, h * size[1] // size[0]) - w) // 2
        x = np.pad(x, ((0, 0), (top, top), (left, left), (0, 0)), constant_values=fill_value)
    y = x
    for axis, length in zip((1, 2), size, strict=True):
        n = x.shape[axis]
        if interpolation == "nearest":
            y = np.take(y, [(2 * j + 1) * n // (2 * length) for j in range(length)], axis)
        else:
            y = _resample(y, axis, length, n / length, 0.0, interpolation, antialias)
    return _whole(y, x)


def _scale(x: Any, shape: Any, scale: Any, move: Any, dims: Any, method: str, antialias: bool = True) -> Any:
    y = x
    for axis, s, t in zip(dims, scale, move, strict=True):
        y = _resample(y, axis, shape[axis], 1 / s, t, method, antialias)
    return _whole(y, x)


_LAYOUTS = ("channels_last", "channels_first")


def _resizing() -> list[Entry]:
    r = Entry("resize", _resize, tol(16, 2, 16), "real")
    r(floats(2, 5, 4, 2), (7, 3)).also(*_ALL).edge(ints(2, 5, 4, 2), (3, 4)).edge(ints(4, 4, 2), (2, 2))
    for method, antialias, size in itertools.product(
        ("bilinear", "bicubic", "lanczos3", "lanczos5"), (False, True), ((3, 9), (4, 4))
    ):
        r(floats(2, 6, 5, 1), size, method, antialias)
    for layout in _LAYOUTS:
        r(floats(2, 4, 3, 5), (6, 2), data_format=layout).fixed(floats(4, 3, 5), (6, 2), data_format=layout)
        r(floats(2, 4, 3, 5), (6, 2), "nearest", data_format=layout)
    for size in ((3, 6), (6, 3), (4, 5), (9, 9)):
        r(floats(2, 4, 5, 1), size, crop_to_aspect_ratio=True)
        r(floats(2, 4, 5, 1), size, pad_to_aspect_ratio=True, fill_value=0.5)
    r(floats(2, 1, 1, 1), (3, 4), crop_to_aspect_ratio=True)(floats(2, 1, 5, 1), (4, 1), crop_to_aspect_ratio=True)
    s = Entry(
        "scale_and_translate", _scale, tol(16, 2, 64, "as for `resize`, with scales as operands"), ("real", "fixed")
    )
    scale, move = np.array([0.7, 2.0], "float32"), np.array([0.3, -0.45], "float32")
    for method, antialias in itertools.product(("linear", "cubic", "lanczos3", "lanczos5"), (True, False)):
        s(floats(2, 5, 4, 1), (2, 6, 7, 1), scale, move, (1, 2), method, antialias)
    s.samples = [i._replace(batch=()) for i in s.samples]  # the batch stands in `output_shape` too
    return [r, s]


# ---- places --------------------------------------------------------------------------------------------------------


def _inside(i: int, n: int, mode: str) -> int | None:
    if mode == "constant":
        return i if 0 <= i < n else None
    if mode == "nearest":
        return min(max(i, 0), n - 1)
    if mode == "wrap":
        return i % n
    if mode == "reflect":
        i %= 2 * n
        return min(i, 2 * n - 1 - i)
    i %= max(1, 2 * n - 2)
    return min(i, max(1, 2 * n - 2) - i) if n > 1 else 0


def _value(x: Any, at: Any, order: int, mode: str, fill: float) -> Any:
    """The value of `x` at one place, along its first axes."""
    total: Any = 0.0
    if order == 0:
        corners = [[(int(_away(c)), 1.0)] for c in at]
    else:
        corners = [[(math.floor(c), 1 - (c - math.floor(c))), (math.floor(c) + 1, c - math.floor(c))] for c in at]
    for corner in itertools.product(*corners):
        places = [_inside(i, n, mode) for (i, _), n in zip(corner, x.shape, strict=False)]
        value = fill if None in places else x[tuple(places)]
        total = total + value * math.prod(w for _, w in corner)
    return total


def _map(x: Any, at: Any, order: int, fill_mode: str = "constant", fill_value: float = 0) -> Any:
    flat = at.reshape(len(at), -1)
    y = np.array([_value(x, c, order, fill_mode, fill_value) for c in flat.T])
    return _whole(y.reshape(at.shape[1:]), x, _away)


@_spatial
def _affine(x: Any, t: Any, interpolation: str = "bilinear", fill_mode: str = "constant", fill_value: float = 0) -> Any:
    t = np.broadcast_to(t, (len(x), 8))
    out = np.zeros(x.shape)
    for b, i, j in itertools.product(*map(range, x.shape[:3])):
        a0, a1, a2, b0, b1, b2, c0, c1 = t[b]
        k = c0 * j + c1 * i + 1
        at = (b0 * j + b1 * i + b2) / k, (a0 * j + a1 * i + a2) / k
        out[b, i, j] = _value(x[b], at, int(interpolation == "bilinear"), fill_mode, fill_value)
    return _whole(out, x, _away)


@_spatial
def _perspective(x: Any, start: Any, end: Any, interpolation: str = "bilinear", fill_value: float = 0) -> Any:
    start, end = (np.broadcast_to(p, (len(x), 4, 2)) for p in (start, end))
    rows = []
    for s, e in zip(start, end, strict=True):
        a = [[ex, ey, 1, 0, 0, 0, -ex * sx, -ey * sx] for (sx, _), (ex, ey) in zip(s, e, strict=True)]
        a += [[0, 0, 0, ex, ey, 1, -ex * sy, -ey * sy] for (_, sy), (ex, ey) in zip(s, e, strict=True)]
        rows.append(np.linalg.solve(np.array(a, "float64"), np.concatenate([s[:, 0], s[:, 1]])))
    return _affine(x, np.stack(rows), interpolation, "constant", fill_value)


_MODES = ("constant", "nearest", "wrap", "mirror", "reflect")
_TURN = np.array(  # no place comes near the middle between pixels, or near a pixel, where slopes jump
    [[1.078, 0.099, -0.67, -0.238, 1.0, 0.38, -0.028, -0.11], [0.948, 0.02, 1.288, 0.084, 1.162, -1.694, 0, 0]],
    "float32",
)
_CORNERS = np.array([[0, 0], [0, 4], [5, 0], [5, 4]], "float32")
_MOVED = np.array([[0.25, -0.63], [-0.02, 4.51], [4.55, 0.31], [5.67, 3.9]], "float32")


def _places() -> list[Entry]:
    m = Entry("map_coordinates", _map, _PLACES, ("real", "float"), lead=True)
    m.fixed(floats(5), floats(1, 7, low=-3, high=8), 1).also("float64", "float16")
    for mode, order in itertools.product(_MODES, (0, 1)):
        m.fixed(floats(4, 3), floats(2, 2, 6, low=-5, high=8), order, mode, 0.5)
    m.fixed(floats(3, 2, 4), floats(3, 5, low=-1, high=4), 1, "reflect").edge(ints(6), floats(1, 5, low=0, high=5), 1)
    m.edge(floats(4), np.array([[-0.5, 0.5, 1.5, 2.5, 3.5, 1e9, -1e9]], "float32"), 0)
    m.edge(floats(1), np.array([[-1.5, 0.0, 2.0]], "float32"), 1, "mirror")
    m.samples = [s._replace(batch=()) for s in m.samples]
    a = Entry("affine_transform", _affine, _PLACES, ("real", "fixed"))
    a(floats(2, 4, 5, 2), _TURN).also(*_ALL).fixed(floats(4, 5, 2), _TURN[0]).edge(ints(2, 4, 5, 1), _TURN[1])
    for mode, between in itertools.product(_MODES, ("bilinear", "nearest")):
        a(floats(2, 4, 5, 1), _TURN, between, mode, 0.5)
    a(floats(2, 3, 4, 5), _TURN[1], data_format="channels_first")
    p = Entry("perspective_transform", _perspective, _PLACES, ("real", "fixed"))
    p(floats(2, 4, 5, 2), _CORNERS, _MOVED).also("float64").edge(ints(2, 4, 5, 1), _CORNERS, _MOVED)
    p(floats(2, 4, 5, 1), np.stack([_CORNERS] * 2), np.stack([_MOVED, _MOVED * 1.1]), "nearest", 0.5)
    p(floats(2, 3, 4, 5), _CORNERS, _MOVED, data_format="channels_first").fixed(floats(4, 5, 1), _CORNERS, _MOVED)
    return [m, a, p, Entry("elastic_transform", random=True, smooth=False)]


# ---- colours -------------------------------------------------------------------------------------------------------


@_spatial
def _gray(x: Any) -> Any:
    return _whole(x @ np.array([[0.2989], [0.587], [0.114]]), x, np.trunc)


def _hsv(r: float, g: float, b: float) -> tuple[float, float, float]:
    high, low = max(r, g, b), min(r, g, b)
    d = high - low
    if d == 0:
        hue = 0.0
    elif high == r:
        hue = (g - b) / d % 6
    else:
        hue = (b - r) / d + 2 if high == g else (r - g) / d + 4
    return hue / 6, d / high if high > 0 else 0.0, high


def _rgb(h: float, s: float, v: float) -> tuple[float, float, float]:
    sector, rest = divmod(h % 1 * 6, 1)
    p, q, t = v * (1 - s), v * (1 - s * rest), v * (1 - s * (1 - rest))
    return ((v, t, p), (q, v, p), (p, v, t), (p, q, v), (t, p, v), (v, p, q))[int(sector) % 6]


def _each(fn: Callable[..., Any]) -> Callable[..., Any]:
    return _spatial(lambda x: np.apply_along_axis(lambda c: np.array(fn(*c)), -1, x))


def _colors() -> list[Entry]:
    g = Entry("rgb_to_grayscale", _gray, tol(8, 2, 2), "real")
    h = Entry("rgb_to_hsv", _each(_hsv), tol(16, 2, 4), "float")
    b = Entry("hsv_to_rgb", _each(_rgb), tol(16, 2, 16), "float")
    for e in (g, h, b):
        e(floats(2, 3, 4, 3, low=0.05, high=0.95)).also(*_ALL).fixed(floats(3, 4, 3, low=0.05, high=0.95))
        e(floats(2, 3, 4, 3, low=0.05, high=0.95), data_format="channels_first")
    g.edge(ints(2, 3, 3, low=0, high=256, dtype="uint8"))
    corners = np.array(list(itertools.product((0.0, 0.5, 1.0), repeat=3)), "float32").reshape(3, 9, 3)
    h.edge(corners)
    b.edge(corners)
    return [g, h, b]


# ---- filters, windows, patches --------------------------------------------------------------------------------------


def _gauss(n: int, sigma: float) -> Any:
    w = np.exp(-0.5 * ((np.arange(n) - (n - 1) / 2) / sigma) ** 2)
    return w / w.sum()


def _filtered(x: Any, kernel: Any, same: bool = True) -> Any:
    kh, kw = kernel.shape
    if same:
        pads = ((0, 0), ((kh - 1) // 2, kh // 2), ((kw - 1) // 2, kw // 2), (0, 0))
        x = np.pad(x, pads)
    h, w = x.shape[1] - kh + 1, x.shape[2] - kw + 1
    return sum(kernel[i, j] * x[:, i : i + h, j : j + w] for i in range(kh) for j in range(kw))


@_spatial
def _blur(x: Any, kernel_size: Any = (3, 3), sigma: Any = (1.0, 1.0)) -> Any:
    kernel = np.outer(_gauss(kernel_size[0], sigma[0]), _gauss(kernel_size[1], sigma[1]))
    return _whole(_filtered(x, kernel), x)


def _sobel(x: Any, data_format: str | None = None) -> Any:
    down = np.outer([-1.0, 0, 1], [1, 2, 1])
    parts = [_spatial(lambda v, k=k: _filtered(v, k))(x, data_format=data_format) for k in (down, down.T)]
    return np.stack(parts, -1)


def _ssim(x: Any, y: Any, max_val: float = 1.0, filter_size: int = 11, filter_sigma: float = 1.5, k1: float = 0.01,
          k2: float = 0.03, data_format: str | None = None) -> Any:  # fmt: skip
    kernel = np.outer(_gauss(filter_size, filter_sigma), _gauss(filter_size, filter_sigma))
    if x.ndim == 3:
        return _ssim(x[None], y[None], max_val, filter_size, filter_sigma, k1, k2, data_format)[0]
    if data_format == "channels_first":
        x, y = np.moveaxis(x, 1, -1), np.moveaxis(y, 1, -1)
    mx, my, xx, yy, xy = (_filtered(v, kernel, False) for v in (x, y, x * x, y * y, x * y))
    c1, c2 = (k1 * max_val) ** 2, (k2 * max_val) ** 2
    out = (2 * mx * my + c1) / (mx**2 + my**2 + c1) * (2 * (xy - mx * my) + c2) / (xx - mx**2 + yy - my**2 + c2)
    return out.mean((1, 2, 3))


def _filters() -> list[Entry]:
    g = Entry("gaussian_blur", _blur, tol(16, 2, 8), "real")
    g(floats(2, 5, 4, 2)).also(*_ALL)(floats(2, 5, 6, 1), (5, 3), (0.7, 2.0)).edge(ints(2, 4, 5, 2, low=0, high=99))
    g(floats(2, 2, 5, 4), (4, 2), (1.0, 1.5), data_format="channels_first").fixed(floats(4, 5, 2))
    s = Entry("sobel_edges", _sobel, tol(8, 2, 8), "real")
    s(floats(2, 4, 5, 2)).also(*_ALL)(floats(2, 3, 4, 5), data_format="channels_first").fixed(floats(4, 5, 2))
    loose = tol(16, 8, 4096, "variances are differences of means of squares; divided by small constants")
    i = Entry("ssim", _ssim, loose, "float")
    i(floats(2, 6, 7, 2, low=0, high=1), floats(2, 6, 7, 2, low=0, high=1), filter_size=5).also("float64")
    i(floats(2, 13, 12, 1, low=0, high=255), floats(2, 13, 12, 1, low=0, high=255), 255.0)
    i.fixed(floats(6, 7, 1, low=0, high=1), floats(6, 7, 1, low=0, high=1), 1.0, 3, 0.8, 0.02, 0.05)
    i(floats(2, 1, 6, 7, low=0, high=1), floats(2, 1, 6, 7, low=0, high=1), filter_size=3, data_format="channels_first")
    return [g, s, i]


def _patch(x: Any, size: Any, strides: Any = None, dilation_rate: Any = 1, padding: str = "valid",
           data_format: str | None = None, rank: int | None = None) -> Any:  # fmt: skip
    rank = rank or (2 if isinstance(size, int) else len(size))
    size, rate = ((v,) * rank if isinstance(v, int) else v for v in (size, dilation_rate))
    strides = size if strides is None else (strides,) * rank if isinstance(strides, int) else strides
    if x.ndim == rank + 1:
        return _patch(x[None], size, strides, rate, padding, data_format, rank)[0]
    x = np.moveaxis(x, 1, -1) if data_format == "channels_first" else x
    reach = [(k - 1) * r + 1 for k, r in zip(size, rate, strict=True)]
    if padding == "same":
        counts = [-(-n // s) for n, s in zip(x.shape[1:-1], strides, strict=True)]
        total = [max((c - 1) * s + k - n, 0) for c, s, k, n in zip(counts, strides, reach, x.shape[1:-1], strict=True)]
        x = np.pad(x, ((0, 0), *((t // 2, t - t // 2) for t in total), (0, 0)))
    else:
        counts = [(n - k) // s + 1 for n, k, s in zip(x.shape[1:-1], reach, strides, strict=True)]
    out = np.zeros((len(x), *counts, math.prod(size) * x.shape[-1]), x.dtype)
    for place in itertools.product(*map(range, counts)):
        cut = tuple(slice(p * s, p * s + k, r) for p, s, k, r in zip(place, strides, reach, rate, strict=True))
        out[(slice(None), *place)] = x[(slice(None), *cut)].reshape(len(x), -1)
    return np.moveaxis(out, -1, 1) if data_format == "channels_first" else out


def _cropped(x: Any, top: Any = None, left: Any = None, bottom: Any = None, right: Any = None,
             target_height: Any = None, target_width: Any = None, data_format: Any = None) -> Any:  # fmt: skip
    a = x.ndim - (2 if data_format == "channels_first" else 3)
    for axis, before, after, target in ((a, top, bottom, target_height), (a + 1, left, right, target_width)):
        n = x.shape[axis]
        before = n - target - after if before is None else before
        after = n - target - before if after is None else after
        x = np.take(x, range(before, n - after), axis)
    return x


def _padded(x: Any, top: Any = None, left: Any = None, bottom: Any = None, right: Any = None,
            target_height: Any = None, target_width: Any = None, data_format: Any = None) -> Any:  # fmt: skip
    a = x.ndim - (2 if data_format == "channels_first" else 3)
    for axis, before, after, target in ((a, top, bottom, target_height), (a + 1, left, right, target_width)):
        before = target - x.shape[axis] - after if before is None else before
        after = target - x.shape[axis] - before if after is None else after
        x = np.pad(x, [(before, after) if i == axis else (0, 0) for i in range(x.ndim)])
    return x


def _named(fn: Callable[..., Any]) -> Callable[..., Any]:
    words = ("top", "left", "bottom", "right")

    def run(x: Any, *args: Any, **kwargs: Any) -> Any:
        return fn(x, *args, **{k.split("_")[0] if k.split("_")[0] in words else k: v for k, v in kwargs.items()})

    return run


def _joined(x: Any, size: Any, output_size: Any = None, strides: Any = None, padding: str = "valid",
            data_format: str = "channels_last") -> Any:  # fmt: skip
    first, (h, w) = data_format == "channels_first", (size, size) if isinstance(size, int) else size
    x = np.moveaxis(x, -3, -1) if first else x
    rows, columns = x.shape[-3:-1]
    out = np.zeros((*x.shape[:-3], rows * h, columns * w, x.shape[-1] // (h * w)), x.dtype)
    for i, j in itertools.product(range(rows), range(columns)):
        out[..., i * h : i * h + h, j * w : j * w + w, :] = x[..., i, j, :].reshape(*x.shape[:-3], h, w, -1)
    if padding == "same":
        at = [(n - o) // 2 for n, o in zip(out.shape[-3:-1], output_size, strict=True)]
        out = out[..., at[0] : at[0] + output_size[0], at[1] : at[1] + output_size[1], :]
    return np.moveaxis(out, -1, -3) if first else out


def _windows() -> list[Entry]:
    r = Entry("reconstruct_patches", _joined, _EXACT, "number")
    r(floats(2, 2, 3, 8), 2).also(*_ALL).fixed(floats(2, 3, 12), (2, 3), (4, 9)).edge(ints(1, 2, 4), 2)
    r(floats(2, 2, 3, 12), (2, 3), (3, 8), padding="same")(floats(2, 8, 2, 3), 2, data_format="channels_first")
    p = Entry("extract_patches", _patch, _EXACT, "number")
    v = Entry("extract_patches_3d", lambda x, size, *a, **k: _patch(x, size, *a, rank=3, **k), _EXACT, "number")
    p(floats(2, 5, 6, 2), 2).also(*_ALL)(floats(2, 5, 6, 2), (2, 3), 1, 2).edge(ints(4, 4, 1), 2, 1)
    for layout, padding in itertools.product(_LAYOUTS, ("valid", "same")):
        p(floats(2, 6, 7, 5), 3, 2, padding=padding, data_format=layout)
        v(floats(2, 3, 5, 4, 3), 2, (1, 2, 1), padding=padding, data_format=layout)
    p.fixed(floats(5, 6, 2), (2, 3), padding="same")(floats(2, 4, 5, 3, 2), (2, 3, 1))
    v.fixed(floats(4, 4, 4, 1), (2, 1, 2)).edge(floats(2, 5, 5, 5, 1), 2, 1, 2)
    c, d = (
        Entry("crop_images", _named(_cropped), _EXACT, "number"),
        Entry("pad_images", _named(_padded), _EXACT, "number"),
    )
    for e, word, target in ((c, "cropping", 2), (d, "padding", 9)):
        e(floats(2, 5, 6, 2), 1, 2, 2, 1).also(*_ALL).fixed(
            floats(5, 6, 2), 0, 1, target_height=target, target_width=target
        )
        e(floats(2, 2, 5, 6), target_height=target, target_width=target, data_format="channels_first",
          **{f"bottom_{word}": 1, f"right_{word}": 0})  # fmt: skip
    return [p, v, r, c, d]


def entries() -> list[Entry]:
    """The entries of this file."""
    return [*_resizing(), *_places(), *_colors(), *_filters(), *_windows()]
