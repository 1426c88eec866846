"""How Hypothesis draws the arguments of ops whose arguments hang together: a function of `Draw` for each family."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .draw import KEEP, OMIT, Call, Draw
from .entry import DTYPES

AXIS = "axis"


# ---- shapes --------------------------------------------------------------------------------------------------------


def alike(d: Draw, joined: bool, least: int = 1) -> Call:
    """A list of tensors to join along an axis, or to stack."""
    shape = d.shape(least)
    axis = d.axis(len(shape) + (not joined))
    arrays = []
    for i in range(d.number(1, 3)):
        own = list(shape)
        if joined:
            own[axis] = d.number(0, 3)
        arrays.append(d.array(tuple(own), i))
    return (arrays,), {AXIS: axis} if d.pick(True, False) or joined else {}


def stacked(d: Draw, least: int) -> Call:
    shape = d.shape(least)
    return ([d.array(shape, i) for i in range(d.number(1, 3))],), {}


def split(d: Draw, even: bool) -> Call:
    x = d.array(d.shape(1))
    axis = d.axis(x.ndim)
    n = x.shape[axis]
    counts = [k for k in (1, 2, 3, 4) if not even or n % k == 0]
    where = d.pick(*counts, tuple(sorted(d.number(0, n) for _ in range(2))))
    return (x, where), {AXIS: axis}


def unstacked(d: Draw) -> Call:
    x = d.array(d.shape(1, smallest=1))
    return (x,), {AXIS: d.axis(x.ndim)}


def two_axes(d: Draw, names: tuple[str, str], **choices: tuple[Any, ...]) -> Call:
    x = d.array(d.shape(2, smallest=1))
    a = d.axis(x.ndim)
    b = d.pick(*(i for i in range(-x.ndim, x.ndim) if i % x.ndim != a % x.ndim))
    kwargs = {names[0]: a, names[1]: b} if d.pick(False, True) else {}
    return (x,), kwargs | d.some(**choices)


def swapped(d: Draw) -> Call:
    x = d.array(d.shape(1))
    return (x, d.axis(x.ndim), d.axis(x.ndim)), {}


def permuted(d: Draw) -> Call:
    x = d.array(d.shape())
    order = permutation(d, x.ndim)
    return (x, order if d.pick(True, False) else None), {}


def permutation(d: Draw, n: int) -> tuple[int, ...]:
    left, out = list(range(n)), []
    while left:
        out.append(left.pop(d.number(0, len(left) - 1)))
    return tuple(out)


def flipped(d: Draw) -> Call:
    x = d.array(d.shape())
    return (x,), {AXIS: d.axes(x.ndim)}


def rolled(d: Draw) -> Call:
    x = d.array(d.shape(1))
    if d.pick(True, False):
        return (x, d.number(-5, 5)), d.some(axis=(OMIT, d.axis(x.ndim)))
    axes = tuple(sorted({d.number(0, x.ndim - 1), d.number(0, x.ndim - 1)}))
    return (x, tuple(d.number(-3, 3) for _ in axes)), {AXIS: axes}


def turned(d: Draw) -> Call:
    x = d.array(d.shape(2))
    axes = permutation(d, x.ndim)[:2]
    return (x,), d.some(k=(OMIT, -1, 0, 2, 3), axes=(OMIT, axes))


def repeated(d: Draw) -> Call:
    x = d.array(d.shape(1))
    axis = d.axis(x.ndim)
    counts = [d.number(0, 2) for _ in range(x.shape[axis])]
    if counts and d.pick(False, True):
        return (x, counts), {AXIS: axis}
    return (x, d.number(0, 3)), d.some(axis=(OMIT, axis))


def tiled(d: Draw) -> Call:
    return (d.array(d.shape(1, 3)), tuple(d.number(0, 2) for _ in range(d.number(1, 4)))), {}


def reshaped(d: Draw) -> Call:
    shape = d.shape()
    x = d.array(shape)
    new = permutation(d, len(shape))
    target = [shape[i] for i in new] + [1] * d.number(0, 1)
    if target and x.size and d.pick(False, True):
        target[d.number(0, len(target) - 1)] = -1
    return (x, tuple(target)), {}


def broadcast(d: Draw) -> Call:
    whole = d.shape()
    return (d.array(d.part_of(whole)), whole), {}


def expanded(d: Draw) -> Call:
    x = d.array(d.shape(0, 3))
    if d.pick(True, False):
        return (x, d.axis(x.ndim + 1)), {}
    return (x, permutation(d, x.ndim + 2)[:2]), {}


def squeezed(d: Draw) -> Call:
    shape = list(d.shape(1))
    where = d.number(0, len(shape) - 1)
    shape[where] = 1
    return (d.array(tuple(shape)),), {AXIS: where - (len(shape) if d.pick(False, True) else 0)}


def padded(d: Draw) -> Call:
    mode = d.pick("constant", "reflect", "symmetric", "edge", "wrap")
    x = d.array(d.shape(1, 4, 0 if mode == "constant" else 2))
    most = 3 if mode == "constant" else 1
    pairs = tuple((d.number(0, most), d.number(0, most)) for _ in x.shape)
    more = {"constant_values": 3} if mode == "constant" and d.pick(False, True) else {}
    return (x, pairs), {"mode": mode} | more


def taken(d: Draw) -> Call:
    x = d.array(d.shape(1, 4, 1))
    axis = d.axis(x.ndim)
    if d.pick(False, True):
        return (x, d.index(d.shape(0, 2), x.size)), {}
    return (x, d.index(d.shape(0, 2), x.shape[axis])), {AXIS: axis}


def taken_along(d: Draw) -> Call:
    x = d.array(d.shape(1, 4, 1))
    axis = d.axis(x.ndim)
    shape = list(x.shape)
    shape[axis] = d.number(0, 3)
    return (x, d.index(tuple(shape), x.shape[axis])), {AXIS: axis}


def key(d: Draw) -> Call:
    x = d.array(d.shape(1, 4, 1))
    parts: list[Any] = []
    for n in x.shape[: d.number(0, x.ndim)]:
        step = d.pick(None, 1, 2, -1, -2)
        ends = tuple(d.pick(None, d.number(-n - 1, n + 1)) for _ in range(2))
        parts.append(d.pick(slice(None), slice(*ends, step), d.number(-n, n - 1)))
    if d.pick(False, True):
        parts.insert(d.number(0, len(parts)), None)
    if d.pick(False, True):
        parts.append(Ellipsis)
    return (x, tuple(parts)), {}


def cut(d: Draw) -> Call:
    x = d.array(d.shape(1, 4))
    starts = tuple(d.number(0, n) for n in x.shape)
    return (x, starts, tuple(d.number(0, n - a) for n, a in zip(x.shape, starts, strict=True))), {}


def overwritten(d: Draw) -> Call:
    (x, starts, sizes), _ = cut(d)
    return (x, starts, d.array(sizes, 1)), {}


def places(d: Draw, shape: tuple[int, ...], repeated: bool) -> np.ndarray:
    """Coordinates of some elements (or slices) of a shape."""
    depth = d.number(1, len(shape))
    total = math.prod(shape[:depth])
    count = d.number(0, min(4, total) if not repeated else 4)
    rng = np.random.Generator(np.random.Philox(key=d.number(0, 999)))
    flat = rng.choice(total, count, replace=repeated)
    return np.stack(np.unravel_index(flat, shape[:depth]), -1).astype("int32")


def scattered(d: Draw) -> Call:
    shape = d.shape(1, 3, 1)
    at = places(d, shape, True)
    return (at, d.array((len(at), *shape[at.shape[-1] :]), 1), shape), {}


def updated(d: Draw) -> Call:
    x = d.array(d.shape(1, 3, 1))
    how = d.pick(OMIT, "add", "max", "min", "mul")
    at = places(d, x.shape, how is not OMIT)
    return (x, at, d.array((len(at), *x.shape[at.shape[-1] :]), 2)), {} if how is OMIT else {"reduction": how}


def segmented(d: Draw) -> Call:
    x = d.array(d.shape(1, 3))
    n = d.number(1, 4)
    return (x, d.index((x.shape[0],), n, 1, 0), n), {}


def created(d: Draw) -> Call:
    return (d.shape(),), d.some(dtype=(OMIT, *DTYPES))


def filled(d: Draw) -> Call:
    return (d.shape(), d.pick(2.5, -1.0, 3)), {"dtype": d.pick("float32", "float16", "bfloat16", "float64")}


def eye(d: Draw) -> Call:
    dtypes = (OMIT, "int32", "bool", "float16")
    return (d.number(0, 4), d.pick(None, 0, 2, 5)), d.some(k=(OMIT, -2, 1, 3), dtype=dtypes)


def steps(d: Draw) -> Call:
    start, step = d.number(-4, 4), d.pick(1, 2, -1, 0.5, -0.25)
    return (start, d.number(-4, 4), step), d.some(dtype=(OMIT, "float32", "float16", "float64"))


def between(d: Draw) -> Call:
    whole = d.shape(0, 3, 1)
    kwargs = {"num": d.number(0, 5)} | d.some(endpoint=(OMIT, False), axis=(OMIT, 0, -1))
    return (d.array(whole, 0), d.array(d.part_of(whole), 1)), kwargs


def ranked(d: Draw) -> Call:
    x = d.array(d.shape(1, 4, 1))
    return (x, d.number(1, x.shape[-1])), {}


def partitioned(d: Draw) -> Call:
    x = d.array(d.shape(1, 4, 1))
    axis = d.axis(x.ndim)
    return (x, d.number(0, x.shape[axis] - 1)), {AXIS: axis}


def searched(d: Draw) -> Call:
    line = np.sort(d.array((d.number(1, 5),), 0))
    return (line, d.array(d.shape(0, 3), 1, dtype=line.dtype.name)), d.some(side=(OMIT, "left", "right"))


def binned(d: Draw) -> Call:
    x = d.array(d.shape(0, 3), 0)
    return (x, np.unique(d.array((d.number(1, 4),), 1, dtype=x.dtype.name))), {}


def counted(d: Draw) -> Call:
    x = d.index((d.number(1, 6),), 4, 0, 0)
    weights = d.array(x.shape, 1, dtype="float32") if d.pick(False, True) else None
    return (x,), {"weights": weights, "minlength": d.number(0, 6)}


def quantile(d: Draw, scale: float) -> Call:
    x = d.array(d.shape(smallest=1))
    axis = d.axes(x.ndim)
    kwargs = ({} if axis is None else {AXIS: axis}) | d.some(keepdims=KEEP)
    q = d.pick(0.5, 0.0, 1.0, 0.3, np.array([0.1, 0.55])) * scale
    return (x, q), kwargs | d.some(method=(OMIT, "lower", "higher", "midpoint", "nearest"))


def averaged(d: Draw) -> Call:
    x = d.array(d.shape(1, 4, 1))
    axis = d.axis(x.ndim)
    weights = d.array(
        d.pick(x.shape, (x.shape[axis],)), 1, 0.1, 2.0, dtype=x.dtype.name if "float" in x.dtype.name else "float32"
    )
    return (x,), {AXIS: axis} | d.some(weights=(OMIT, weights))


def differences(d: Draw) -> Call:
    x = d.array(d.shape(1, 4, 2))
    return (x,), d.some(n=(OMIT, 1), axis=(OMIT, d.axis(x.ndim)))


# ---- windows -------------------------------------------------------------------------------------------------------


def image(d: Draw, rank: int, layout: str, channels: int, place: int = 0, least: int = 4) -> np.ndarray:
    space = tuple(d.number(least, 6 if rank < 3 else least + 1) for _ in range(rank))
    n = d.number(1, 2)
    return d.array((n, *space, channels) if layout == "channels_last" else (n, channels, *space), place)


def layout_of(d: Draw) -> str:
    return d.pick("channels_last", "channels_first")


def each_axis(d: Draw, rank: int, *choices: int) -> Any:
    return d.pick(d.pick(*choices), tuple(d.pick(*choices) for _ in range(rank)))


def steps_of(d: Draw, rank: int, most: int = 3) -> dict[str, Any]:
    """Strides or dilation, of which engines allow one to be above 1."""
    if d.pick(False, True):
        return {"dilation_rate": each_axis(d, rank, 1, 2)}
    return {"strides": each_axis(d, rank, *range(1, most + 1))}


def conv(d: Draw, transposed: bool = False, biased: bool = False) -> Call:
    rank, layout = d.pick(1, 2, 3), layout_of(d)
    groups = 1 if transposed else d.pick(1, 1, 2)
    inputs, outputs = d.number(1, 2) * groups, d.number(1, 2) * groups
    kernel = tuple(d.number(1, 3) for _ in range(rank))
    ends = (outputs, inputs) if transposed else (inputs // groups, outputs)
    steps = steps_of(d, rank)
    x = image(d, rank, layout, inputs, least=5 if "dilation_rate" in steps else 4)
    arrays: tuple[Any, ...] = (x, d.array((*kernel, *ends), 1))
    if biased:
        arrays, steps = (*arrays, d.array((outputs,), 2)), {"strides": 1, "dilation_rate": 1} | steps
    return arrays, steps | {"padding": d.pick("valid", "same"), "data_format": layout}


def depthwise(d: Draw, separable: bool = False) -> Call:
    rank, layout, inputs, multiple = d.pick(1, 2), layout_of(d), d.number(1, 3), d.number(1, 2)
    kernel = tuple(d.number(1, 3) for _ in range(rank))
    arrays = [image(d, rank, layout, inputs, least=5), d.array((*kernel, inputs, multiple), 1)]
    if separable:
        arrays.append(d.array((*(1,) * rank, inputs * multiple, 2), 2))
    steps = {"dilation_rate": d.pick(1, 2)} if d.pick(False, True) else {"strides": d.pick(1, 2)}
    return tuple(arrays), steps | {"padding": d.pick("valid", "same"), "data_format": layout}


def pooled(d: Draw) -> Call:
    rank, layout = d.pick(1, 2, 3), layout_of(d)
    size = each_axis(d, rank, 1, 2, 3)
    kwargs = {"padding": d.pick("valid", "same"), "data_format": layout}
    return (image(d, rank, layout, 2), size), kwargs | d.some(strides=(OMIT, each_axis(d, rank, 1, 2, 3)))


def pooled_to(d: Draw) -> Call:
    rank, layout = d.pick(1, 2), layout_of(d)
    return (image(d, rank, layout, 2), each_axis(d, rank, 1, 2, 3), layout), {}


def patches(d: Draw, rank: int) -> Call:
    layout = layout_of(d)
    size = tuple(d.number(1, 3) for _ in range(rank)) if d.pick(False, True) else d.number(1, 3)
    steps = {"strides": each_axis(d, rank, 1, 2)} if d.pick(False, True) else {}
    return (image(d, rank, layout, 2, least=4), size), steps | {
        "padding": d.pick("valid", "same"),
        "data_format": layout,
    }


def tiles(d: Draw) -> Call:
    size, grid = (d.number(1, 3), d.number(1, 3)), (d.number(1, 3), d.number(1, 3))
    return (d.array((d.number(1, 2), *grid, math.prod(size) * d.number(1, 3))), size), {"data_format": "channels_last"}


def folds(d: Draw) -> Call:
    shape = (d.number(1, 2), d.number(1, 3), d.number(5, 6), d.number(5, 6))
    kwargs = {"dilation": each_axis(d, 2, 1, 2), "padding": each_axis(d, 2, 0, 1), "stride": each_axis(d, 2, 1, 2)}
    return (d.array(shape), each_axis(d, 2, 1, 2, 3)), kwargs


def folded(d: Draw) -> Call:
    size, kernel, stride = (d.number(3, 5), d.number(3, 5)), (d.number(1, 3), d.number(1, 3)), d.pick(1, 2)
    count = math.prod((n - k) // stride + 1 for n, k in zip(size, kernel, strict=True))
    return (d.array((d.number(1, 2), 2 * math.prod(kernel), count)), size, kernel), {"stride": stride}


def blocks(d: Draw, apart: bool) -> Call:
    n, k, layout = d.number(1, 2), d.number(2, 3), layout_of(d)
    h, w, c = (d.number(1, 2) for _ in range(3))
    h, w, c = (h * k, w * k, c) if apart else (h, w, c * k * k)
    return (d.array((n, h, w, c) if layout == "channels_last" else (n, c, h, w)), k, layout), {}


def pixels(d: Draw, channels: int = 3, **choices: tuple[Any, ...]) -> Call:
    layout = layout_of(d)
    x = image(d, 2, layout, channels, least=3)
    return (x[0] if d.pick(False, True) else x,), {"data_format": layout} | d.some(**choices)


def resized(d: Draw) -> Call:
    (x,), kwargs = pixels(d, 2)
    how = d.pick("bilinear", "nearest", "bicubic", "lanczos3", "lanczos5")
    size = d.number(1, 7), d.number(1, 7)
    return (x, size), kwargs | {"interpolation": how} | ({"antialias": d.pick(False, True)} if how != "nearest" else {})


def cropped(d: Draw, padded: bool) -> Call:
    (x,), kwargs = pixels(d, 2)
    word = "padding" if padded else "cropping"
    return (x,), kwargs | {f"{side}_{word}": d.number(0, 1) for side in ("top", "bottom", "left", "right")}


def coordinates(d: Draw) -> Call:
    x = d.array(d.shape(1, 3, 1))
    at = d.array((x.ndim, d.number(0, 5)), 1, -4.0, 6.0)
    modes = ("constant", "nearest", "wrap", "mirror", "reflect")
    return (x, at, d.pick(1, 0)), {"fill_mode": d.pick(*modes), "fill_value": d.pick(0.0, 0.5)}


def sequences(d: Draw) -> Call:
    x = d.array((*d.shape(0, 2, 1), d.number(4, 8)))
    return (x, d.number(1, 4), d.number(1, 3)), {}


# ---- normalization, losses, recurrence ------------------------------------------------------------------------------


def moments(d: Draw) -> Call:
    x = d.array(d.shape(1, 4, 1))
    axes = d.axes(x.ndim)
    return (x, list(range(x.ndim)) if axes is None else axes), d.some(keepdims=KEEP)


def batch_norm(d: Draw) -> Call:
    x = d.array(d.shape(2, 4, 1))
    a = d.axis(x.ndim)
    line = (x.shape[a],)
    return (x, d.array(line, 1), d.array(line, 2), a), {
        "offset": d.pick(None, d.array(line, 3)), "scale": d.pick(None, d.array(line, 4)), "epsilon": d.pick(1e-3, 0.1),
    }  # fmt: skip


def batch_norm_train(d: Draw) -> Call:
    x = d.array(d.shape(2, 4, 2))
    a = d.axis(x.ndim)
    line = (x.shape[a],)
    return (x, d.pick(None, d.array(line, 1)), d.pick(None, d.array(line, 2)), a, d.pick(1e-3, 0.1)), {}


def scaled_norm(d: Draw, offset: bool) -> Call:
    x = d.array(d.shape(1, 4, 1))
    a = d.axis(x.ndim)
    weights = [d.pick(None, d.array((x.shape[a],), i + 1, dtype=x.dtype.name)) for i in range(1 + offset)]
    return (x, *weights), {AXIS: a, "epsilon": d.pick(1e-3, 0.1)}


def at_places(d: Draw) -> Call:
    batch, length, heads, half = (d.number(1, 3) for _ in range(4))
    places = np.arange(length, dtype="int32")[None] * d.pick(1, 3)
    x = d.array((batch, length, heads, 2 * half))
    return (x, places), d.some(base=(OMIT, 100.0), factor=(OMIT, 2.0), interleaved=(OMIT, True))


def normalized(d: Draw) -> Call:
    x = d.array(d.shape(1, 4, 1))
    return (x,), d.some(axis=(OMIT, d.axis(x.ndim)), order=(OMIT, 1, 3))


def normed(d: Draw) -> Call:
    x = d.array(d.shape(1, 4, 1))
    if x.ndim > 1 and d.pick(False, True):
        pair = permutation(d, x.ndim)[:2]
        return (x,), {AXIS: pair} | d.some(ord=(OMIT, "fro", "nuc", 1, -1, 2, -2, math.inf, -math.inf), keepdims=KEEP)
    return (x,), {AXIS: d.axis(x.ndim)} | d.some(ord=(OMIT, 1, 2, 3, math.inf, -math.inf), keepdims=KEEP)


def attended(d: Draw) -> Call:
    n, t, s, heads, size = (d.number(1, 3) for _ in range(5))
    groups = d.pick(1, heads)
    kwargs = d.some(scale=(OMIT, 0.3), is_causal=(OMIT, True), mask=(OMIT, np.tril(np.ones((n, 1, t, s), bool))))
    return (d.array((n, t, heads, size), 0), d.array((n, s, groups, size), 1), d.array((n, s, groups, size), 2)), kwargs


def packed(d: Draw) -> Call:
    n, length, heads, size = (d.number(1, 3) for _ in range(4))
    groups = d.pick(1, heads)
    shapes = [(n, length, h, size) for h in (heads, groups, groups)]
    ids = np.arange(n * length, dtype="int32").reshape(n, length) // d.pick(1, 2)
    kwargs = d.some(scale=(OMIT, 0.3), is_causal=(OMIT, True))
    return (*(d.array(shape, i) for i, shape in enumerate(shapes)), ids), kwargs


def hot(d: Draw, most: int, axis: bool) -> Call:
    x = d.index(d.shape(1, most, 1), 4, 0, -1 if axis else 0)
    dtypes = (OMIT, "int32", "bool", "float16")
    return (x, d.number(1, 5) if axis else 4), d.some(dtype=dtypes) | (
        d.some(axis=(OMIT, d.axis(x.ndim + 1))) if axis else {}
    )


def loss(d: Draw, sparse: bool) -> Call:
    shape = (*d.shape(1, 3, 1), d.number(2, 4))
    logits = d.pick(True, False)
    output = d.array(shape, 1, -2.0 if logits else 0.05, 2.0 if logits else 0.95)
    target = d.index(shape[:-1], shape[-1], 0, 0) if sparse else d.array(shape, 0, 0.05, 0.95, output.dtype.name)
    return (target, output), {"from_logits": logits}


def lstm(d: Draw) -> Call:
    n, t, i, u = (d.number(1, 3) for _ in range(4))
    shapes = ((n, t, i), (n, u), (n, u), (i, 4 * u), (u, 4 * u), (4 * u,))
    lengths = np.array([d.number(0, t) for _ in range(n)], "int32")
    return tuple(d.array(s, k) for k, s in enumerate(shapes)), d.some(lengths=(OMIT, lengths), go_backwards=KEEP)


def gru(d: Draw) -> Call:
    n, t, i, u = (d.number(1, 3) for _ in range(4))
    reset = d.pick(True, False)
    shapes = ((n, t, i), (n, u), (i, 3 * u), (u, 3 * u), (2, 3 * u) if reset else (3 * u,))
    lengths = np.array([d.number(0, t) for _ in range(n)], "int32")
    arrays = tuple(d.array(s, k) for k, s in enumerate(shapes))
    return arrays, {"reset_after": reset} | d.some(lengths=(OMIT, lengths), go_backwards=KEEP)


def top(d: Draw) -> Call:
    n, classes = d.number(1, 4), d.number(1, 5)
    return (d.index((n,), classes, 0, 0), d.array((n, classes), 1), d.number(1, classes)), {}


# ---- products and linear algebra -----------------------------------------------------------------------------------


def product(d: Draw) -> Call:
    k = d.number(0, 4)
    batch = d.shape(0, 3)
    a = d.pick((k,), (*batch, d.number(0, 3), k))
    b = d.pick((k,), (*d.part_of(batch), k, d.number(0, 3)))
    return (d.array(a, 0), d.array(b, 1)), {}


def dot(d: Draw) -> Call:
    k = d.number(1, 3)
    a = (*d.shape(0, 2, 1), k)
    b = d.pick((k,), (*d.shape(0, 1, 1), k, d.number(1, 3)))
    return (d.array(a, 0), d.array(b, 1)), {}


def einsum(d: Draw) -> Call:
    sizes = {c: d.number(1, 3) for c in "bijk"}
    text = d.pick("ij,jk->ik", "bij,bjk->bik", "...i,...i->...", "ij->ji", "ii->i", "ij,kj->", "i,j->ji", "bij,jk->bik")
    lead = d.shape(0, 2, 1) if "..." in text else ()
    shapes = [(*lead, *(sizes[c] for c in t.strip("."))) for t in text.partition("->")[0].split(",")]
    return (text, *(d.array(s, i) for i, s in enumerate(shapes))), {}


def tensordot(d: Draw) -> Call:
    axes = d.number(0, 2)
    shared = tuple(d.number(1, 3) for _ in range(axes))
    return (d.array((*d.shape(0, 2, 1), *shared), 0), d.array((*shared, *d.shape(0, 2, 1)), 1)), {"axes": axes}


def cross(d: Draw) -> Call:
    batch = d.shape(0, 2, 1)
    return tuple(d.array((*batch, d.pick(3, 2)), i) for i in range(2)), {}


def looked_up(d: Draw) -> Call:
    rows = d.number(1, 5)
    return (d.index(d.shape(0, 3), rows, 0, 0), d.array((rows, d.number(1, 3)), 1)), {}


def matrices(d: Draw, kind: str, count: int = 1) -> Any:
    """Square matrices that are well conditioned: regular, positive definite, or triangular."""
    n = d.number(1, 4)
    x = d.array((*d.shape(0, 2, 1), n, n), 0, -1.0, 1.0, d.pick("float32", "float64")).astype("float64")
    eye = np.eye(n)
    out = {"regular": lambda: x + 3 * eye, "positive": lambda: x @ np.swapaxes(x, -1, -2) + 2 * eye,
           "triangular": lambda: np.tril(x) + 3 * eye}[kind]()  # fmt: skip
    return out.astype(d.pick("float32", "float64"))


def square(d: Draw, kind: str, **choices: tuple[Any, ...]) -> Call:
    return (matrices(d, kind),), d.some(**choices)


def solved(d: Draw, kind: str, **choices: tuple[Any, ...]) -> Call:
    a = matrices(d, kind)
    b = d.array(
        (*a.shape[:-1], d.number(1, 3)) if a.ndim > 2 or d.pick(False, True) else a.shape[:-1], 1, dtype=a.dtype.name
    )
    return (a, b), d.some(**choices)


def tall(d: Draw, **choices: tuple[Any, ...]) -> Call:
    return (
        d.array((*d.shape(0, 2, 1), d.number(1, 4), d.number(1, 4)), 0, dtype=d.pick("float32", "float64")),
    ), d.some(**choices)


def overdetermined(d: Draw) -> Call:
    n = d.number(1, 3)
    a = d.array((n + 2, n), 0, dtype="float32") + np.eye(n + 2, n, dtype="float32") * 3
    return (a, d.array(d.pick((n + 2,), (n + 2, 2)), 1, dtype="float32")), {}


def halves(d: Draw, *rest: tuple[Any, ...], least: int = 1) -> Call:
    """Real and imaginary part."""
    shape = (*d.shape(0, 2, 1), *(d.number(2, 5) for _ in range(least)))
    kind = d.kind(0)
    return ((d.array(shape, 0, dtype=kind), d.array(shape, 1, dtype=kind)), *(d.pick(*v) for v in rest)), {}


def spectrum(d: Draw) -> Call:
    return (d.array((*d.shape(0, 2, 1), d.number(2, 6))), d.pick(None, 4, 7)), {}


def framed(d: Draw) -> Call:
    fft = d.pick(4, 6)
    x = d.array((*d.shape(0, 2, 1), d.number(fft, 12)))
    return (x, d.pick(4, 3), d.number(1, 3), fft), d.some(window=(OMIT, "hamming", None), center=(OMIT, False))


def correlated(d: Draw) -> Call:
    return (d.array((d.number(3, 6),), 0), d.array((d.number(1, 3),), 1), d.pick("valid", "same", "full")), {}


def chosen(d: Draw) -> Call:
    shape = d.shape(0, 3)
    n = d.number(1, 3)
    return ([d.array(shape, i, dtype="bool") for i in range(n)], [d.array(shape, n) for _ in range(n)]), d.some(
        default=(OMIT, 1.5)
    )


def among(d: Draw) -> Call:
    x = d.array(d.shape(0, 3), 0, -3, 3)
    return (x, d.array((d.number(1, 4),), 1, -3, 3, x.dtype.name)), d.some(invert=KEEP)


def meshed(d: Draw) -> Call:
    return tuple(d.array((d.number(1, 3),), i) for i in range(d.number(1, 3))), d.some(indexing=(OMIT, "ij"))


def powers(d: Draw) -> Call:
    return (d.array((d.number(1, 4),)),), d.some(N=(OMIT, 1, 3), increasing=KEEP)


def curve(d: Draw) -> Call:
    x = d.array(d.shape(1, 3, 2))
    return (x,), {AXIS: d.axis(x.ndim)} | d.some(dx=(OMIT, 0.5))


def distances(d: Draw) -> Call:
    k, batch = d.number(1, 3), d.shape(0, 1, 1)
    return (d.array((*batch, d.number(1, 4), k), 0), d.array((*batch, d.number(1, 3), k), 1)), {}


def at_corner(d: Draw, least: int, axis: int) -> Call:
    shape = list(d.shape(least, 4, 1))
    shape[axis] = 4
    return (d.array(tuple(shape)), d.pick(2, (1, 3), 4)), {}


def unraveled(d: Draw) -> Call:
    shape = d.shape(1, 3, 1)
    return (d.array(d.shape(0, 2), 0, 0, math.prod(shape) - 1), shape), {}


def scan(d: Draw) -> Call:
    from . import table_control as control

    x = d.array(d.shape(1, 3, 1), 0, dtype="float32")
    return (control._carry, np.zeros(x.shape[1:], "float32"), x), d.some(reverse=KEEP)


def associative(d: Draw) -> Call:
    from . import table_control as control

    x = d.array(d.shape(1, 3, 1), 0, 0.5, 1.5, "float32")
    return (d.pick(control._add, control._multiply), x), {AXIS: d.axis(x.ndim)} | d.some(reverse=KEEP)


def with_function(d: Draw, name: str, *front: Any) -> Call:
    from . import table_control as control

    return (*front, getattr(control, name), d.array(d.shape(1, 3, 1), 0, dtype="float32")), {}


def branch(d: Draw, flags: tuple[Any, ...], dtype: str) -> Call:
    return (np.asarray(d.pick(*flags), dtype), d.array(d.shape(0, 3), 1, dtype="float32")), {}
