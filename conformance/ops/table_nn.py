"""The table: softmax and its family, convolution, pooling, normalization, attention, losses, recurrence, signals."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np

from . import reference as ref
from .entry import Entry, Kink, floats, ints, tol

__all__ = ["entries"]

_ALL = ("float64", "float16", "bfloat16")
_SUMS = tol(4, 4, 16)  # long sums of products, in which terms cancel


# ---- along an axis -------------------------------------------------------------------------------------------------


def _log_softmax(x: Any, axis: Any = -1) -> Any:
    x = x * 1.0 - np.max(x, axis, keepdims=True)
    return x - np.log(np.sum(np.exp(x), axis, keepdims=True))


def _sparsemax(x: Any, axis: int = -1) -> Any:
    x = np.moveaxis(x * 1.0, axis, -1)
    ordered = np.flip(np.sort(x, -1), -1)
    total = np.cumsum(ordered, -1)
    places = np.arange(1, x.shape[-1] + 1)
    count = np.sum(1 + places * ordered > total, -1, keepdims=True)
    tau = (np.take_along_axis(total, count - 1, -1) - 1) / count
    return np.moveaxis(np.maximum(x - tau, 0), -1, axis)


def _glu(x: Any, axis: int = -1) -> Any:
    a, b = np.split(x, 2, axis)
    return a * ref.sigmoid(b)


def _along() -> list[Entry]:
    s = Entry("softmax", ref.softmax, tol(16, 4), far=True)
    g = Entry("log_softmax", _log_softmax, tol(8, 4, 2), far=True)
    for e in (s, g):
        e(floats(3, 4)).also(*_ALL)
        for axis in (-1, 0, (0, 2), None):
            e(floats(2, 3, 4, low=-9, high=9), axis=axis)
        e.edge(ints(2, 3)).edge(np.array([[1e4, -1e4, 0.0], [-math.inf, 0.0, 1.0]], "float32")).edge(floats(0, 3))
    m = Entry("sparsemax", _sparsemax, tol(8, 4, 4), "real")
    m(floats(3, 5)).also("float64")(floats(3, 5), axis=0).edge(ints(2, 3))
    u = Entry("glu", _glu, tol(8, 4), far=True)
    u(floats(3, 4)).also(*_ALL).fixed(floats(4, 3), axis=0).edge(ints(2, 4))
    return [s, g, m, u]


# ---- windows -------------------------------------------------------------------------------------------------------

_SPACE = (7, 6, 5)
_FORMATS = ("channels_last", "channels_first")


def _image(rank: int, layout: str, channels: int, dtype: str = "float32") -> np.ndarray:
    space = _SPACE[:rank] if rank < 3 else (4, 3, 5)
    shape = (2, *space, channels) if layout == "channels_last" else (2, channels, *space)
    return floats(*shape, dtype=dtype)


def _convolutions() -> list[Entry]:
    c = Entry("conv", ref.conv, _SUMS, "float", lead=True, far=True)
    d = Entry("depthwise_conv", ref.depthwise_conv, _SUMS, "float", lead=True, far=True)
    t = Entry("conv_transpose", ref.conv_transpose, _SUMS, "float", lead=True, far=True)
    s = Entry("separable_conv", ref.separable_conv, _SUMS, "float", lead=True)
    c(floats(2, 5, 3), floats(3, 3, 4)).also(*_ALL)
    d(floats(2, 5, 3), floats(3, 3, 2)).also(*_ALL)
    t(floats(2, 4, 3), floats(3, 2, 3)).also(*_ALL)
    s(floats(2, 5, 3), floats(3, 3, 2), floats(1, 6, 2)).also("float64")
    for layout, rank, padding in itertools.product(_FORMATS, (1, 2, 3), ("valid", "same")):
        kw = {"padding": padding, "data_format": layout}
        for stride, dilation, k, inputs in ((1, 1, 3, 4), (2, 1, 2, 4), (1, 2, 2, 4), (2, 1, 3, 2)):
            add = c if rank < 3 and dilation == 1 else c.edge
            add(_image(rank, layout, 4), floats(*(k,) * rank, inputs, 2), strides=stride, dilation_rate=dilation, **kw)
        for stride, dilation, k in ((1, 1, 3), (2, 1, 3), (1, 2, 2), (3, 1, 2)):
            add = t if rank < 3 and dilation == 1 else t.edge
            add(_image(rank, layout, 2), floats(*(k,) * rank, 3, 2), strides=stride, dilation_rate=dilation, **kw)
            if rank < 3:
                d(_image(rank, layout, 3), floats(*(k,) * rank, 3, 2), strides=1 if dilation > 1 else min(stride, 2),
                  dilation_rate=dilation, **kw)  # fmt: skip
        if rank < 3:
            s.edge(_image(rank, layout, 4), floats(*(3,) * rank, 4, 2), floats(*(1,) * rank, 8, 3), **kw)
    c(floats(2, 8, 9, 3), floats(3, 2, 3, 4), strides=(2, 1), padding="same").edge(floats(0, 5, 3), floats(3, 3, 4))
    c.edge(floats(2, 8, 9, 3), floats(3, 2, 3, 4), dilation_rate=(1, 2), padding="same")
    t(floats(2, 5, 4, 3), floats(3, 2, 2, 3), strides=(2, 1), padding="same")
    for padding in ("valid", "same"):
        t(floats(2, 5, 3), floats(3, 2, 3), strides=2, padding=padding, output_padding=1)
        t(floats(2, 5, 3), floats(4, 2, 3), strides=3, padding=padding, output_padding=0)
    return [c, d, t, s]


def _biased_conv() -> Entry:
    def biased(x: Any, k: Any, bias: Any, strides: Any, padding: str, data_format: str, dilation_rate: Any) -> Any:
        y = ref.conv(x, k, strides, padding, data_format, dilation_rate)
        return y + (bias.reshape(-1, *(1,) * (y.ndim - 2)) if data_format == "channels_first" else bias)

    e = Entry("biased_conv", biased, _SUMS, "float", far=True)
    plain = (1, "valid", "channels_last", 1)
    e(floats(2, 5, 3), floats(3, 3, 4), floats(4), *plain).also(*_ALL)
    for layout, rank, padding in itertools.product(_FORMATS, (1, 2, 3), ("valid", "same")):
        add = e if rank < 3 else e.edge
        kernel = floats(*(3,) * rank, 2, 6)  # in two groups
        add(_image(rank, layout, 4), kernel, floats(6), 2, padding, layout, 1)
    return e.edge(floats(0, 5, 3), floats(3, 3, 4), floats(4), *plain)


def _pooling() -> list[Entry]:
    m = Entry("max_pool", ref.max_pool, tol(0, 0), "float", far=True)
    a = Entry("average_pool", ref.average_pool, tol(4, 4, 2), "float", far=True)
    for e in (m, a):
        e(floats(2, 6, 3), 2).also(*_ALL)
        for layout, rank, padding in itertools.product(_FORMATS, (1, 2, 3), ("valid", "same")):
            for pool, stride in ((2, None), (3, 2), (2, 1)):
                add = e if rank < 3 else e.edge
                add(_image(rank, layout, 2), pool, stride, padding=padding, data_format=layout)
        e(floats(2, 6, 7, 3), (2, 3), (1, 2), padding="same").edge(floats(0, 6, 3), 2)
        e.edge(floats(2, 1, 1, 1, 3), 3, padding="same").edge(floats(2, 1, 1, 3), (3, 5), padding="same")
    m.kinks = (Kink((np.ones((1, 3, 1)), 2, 1), (np.array([[[1.0], [1.0], [0.0]]]),)),)  # the first of equals
    m.edge(-floats(1, 3, 1, low=1, high=2), 2, 2, "same").edge(ints(2, 6, 3), 2)
    return [m, a]


# ---- normalization -------------------------------------------------------------------------------------------------


def _shaped(w: Any, x: Any, axes: tuple[int, ...]) -> Any:
    sizes = [n if i in axes else 1 for i, n in enumerate(x.shape)]
    return w.reshape(sizes) if w.ndim < x.ndim and w.size == np.prod(sizes) else w


def _moments(x: Any, axes: Any, keepdims: bool = False, synchronized: bool = False) -> Any:
    axes = tuple(axes) if isinstance(axes, list) else axes
    return np.mean(x, axes, keepdims=keepdims), np.var(x, axes, keepdims=keepdims)


def _batch(
    x: Any, mean: Any, variance: Any, axis: int, offset: Any = None, scale: Any = None, epsilon: float = 1e-3
) -> Any:
    a = axis % x.ndim
    mean, variance, offset, scale = (
        None if w is None else _shaped(w, x, (a,)) for w in (mean, variance, offset, scale)
    )
    y = (x - mean) / np.sqrt(variance + epsilon)
    y = y if scale is None else y * scale
    return y if offset is None else y + offset


def _layer(x: Any, gamma: Any = None, beta: Any = None, axis: Any = -1, epsilon: float = 1e-7) -> Any:
    axes = tuple(a % x.ndim for a in ((axis,) if isinstance(axis, int) else axis))
    y = (x - np.mean(x, axes, keepdims=True)) / np.sqrt(np.var(x, axes, keepdims=True) + epsilon)
    y = y if gamma is None else y * _shaped(gamma, x, axes)
    return y if beta is None else y + _shaped(beta, x, axes)


def _rms(x: Any, scale: Any = None, axis: Any = -1, epsilon: float = 1e-7) -> Any:
    axes = tuple(a % x.ndim for a in ((axis,) if isinstance(axis, int) else axis))
    y = x / np.sqrt(np.mean(np.square(x), axes, keepdims=True) + epsilon)
    return y if scale is None else y * _shaped(scale, x, axes)


def _normalize(x: Any, axis: Any = -1, order: Any = 2, epsilon: float = 1e-7) -> Any:
    axes = (axis,) if isinstance(axis, int) else tuple(axis)
    size = np.sum(np.abs(x * 1.0) ** order, axes, keepdims=True) ** (1 / order)
    return x / np.maximum(size, epsilon)


def _normalization() -> list[Entry]:
    m = Entry("moments", _moments, tol(8, 4, 4), far=True)
    m(floats(2, 3, 4), [0, 2]).also("float64")(floats(2, 3, 4), 1, keepdims=True)(floats(8, 3), [0]).also(
        "float16", "bfloat16"
    )
    b = Entry("batch_normalization", _batch, tol(8, 6, 8), "float", far=False)
    b(floats(2, 3, 4), floats(4), floats(4, low=0.1), -1).also(*_ALL)
    b(floats(2, 3, 4), floats(3), floats(3, low=0.1), 1, offset=floats(3), scale=floats(3), epsilon=0.1)
    b(floats(2, 4), floats(4), floats(4, low=0.1), -1, floats(4), floats(4))(
        floats(2, 4), floats(4), floats(4, low=0.1), 1, None, floats(4)
    )
    b.edge(floats(2, 3, 4), floats(1), floats(1, low=0.1), -1).edge(
        floats(2, 3, 4), floats(4), floats(4, low=0.1), -1, floats(1), floats(1)
    )
    y = Entry("layer_normalization", _layer, tol(8, 6, 8), ("float", "fixed"), far=True)
    y(floats(2, 3, 4)).also(*_ALL)(floats(2, 3, 4), floats(4), floats(4)).also("float16")
    y(floats(2, 3, 4), floats(3), floats(3), axis=1, epsilon=0.1)(floats(2, 3, 4), floats(3, 4), None, axis=[1, 2])
    y.edge(floats(2, 3, 4), floats(3, 4), floats(4)).edge(floats(3, 4), floats(1), floats(4))
    r = Entry("rms_normalization", _rms, tol(8, 6, 8), ("float", "fixed"), far=True)
    r(floats(2, 3, 4), floats(4)).also(*_ALL)(floats(2, 3, 4))(floats(2, 3, 4), floats(3), axis=1, epsilon=0.1)
    r.edge(floats(3, 4), floats(1)).edge(floats(2, 3, 4), floats(3, 4)).edge(floats(2, 3, 4), floats())
    n = Entry("normalize", _normalize, tol(8, 4), far=True)
    n(floats(3, 4)).also(*_ALL)(floats(3, 4), axis=0, order=1)(floats(3, 4), order=3)(
        floats(2, 3, 4), axis=[1, 2]
    ).edge(ints(2, 3))
    n.edge(np.zeros((2, 3), "float32"))
    n.kinks = (Kink((np.zeros(2), -1, 2, 0.5), (np.full(2, 2.0),)),)
    return [m, b, y, r, n, _attention()]


def _attention() -> Entry:
    a = Entry("dot_product_attention", ref.attention, tol(8, 6, 16), ("float", "float", "float", "fixed"), far=100.0)
    a.far_slack = 1e-2, "scores of 1e4: products of 1e2 by 1e2 cancel to 0, to within half an ulp of 1e4 or so"
    q, k = (lambda: floats(2, 3, 4, 2)), (lambda: floats(2, 5, 4, 2))
    a(q(), k(), k()).also(*_ALL)
    for kw in (
        {"is_causal": True}, {"scale": 0.3}, {"bias": floats(2, 4, 3, 5)}, {"attn_logits_soft_cap": 1.0},
        {"mask": np.arange(30).reshape(2, 1, 3, 5) % 3 > 0}, {"mask": np.arange(5) < 3, "is_causal": True},
    ):  # fmt: skip
        a(q(), k(), k(), **kw)
    return a(q(), floats(2, 5, 2, 2), floats(2, 5, 2, 2))(floats(1, 3, 1, 2), floats(1, 3, 1, 2), floats(1, 3, 1, 4))


def _segments(q: Any, k: Any, v: Any, ids: Any, is_causal: bool = False, scale: Any = None) -> Any:
    return ref.attention(q, k, v, None, (ids[:, None, :, None] == ids[:, None, None, :]), scale, is_causal)


def _packed() -> list[Entry]:
    s = Entry("segment_attention", _segments, tol(8, 6, 16), ("float", "float", "float", "fixed"), far=100.0)
    s.far_slack = 1e-2, "scores of 1e4, as those of dot_product_attention"
    ids = np.array([[1, 1, 2, 2, 2], [1, 2, 2, 3, 0]], "int32")
    s(floats(2, 5, 2, 4), floats(2, 5, 2, 4), floats(2, 5, 2, 4), ids).also(*_ALL)
    s(floats(2, 5, 4, 3), floats(2, 5, 2, 3), floats(2, 5, 2, 3), ids, is_causal=True)
    apart = np.array([[1, 2, 1, 2, 2]], "int32")
    return [s(floats(1, 5, 2, 4), floats(1, 5, 2, 4), floats(1, 5, 2, 4), apart, is_causal=True, scale=0.3)]


# ---- places of tokens ----------------------------------------------------------------------------------------------


def _rotary(x: Any, at: Any, base: float = 10000.0, factor: float = 1.0, interleaved: bool = False) -> Any:
    """Pairs as complex numbers, turned."""
    half = x.shape[-1] // 2
    angles = (at[..., None] / factor * np.power(base, -np.arange(half) / half))[:, :, None]
    pairs = (slice(0, None, 2), slice(1, None, 2)) if interleaved else (slice(0, half), slice(half, None))
    turned = (x[..., pairs[0]] + 1j * x[..., pairs[1]]) * np.exp(1j * angles)
    out = np.empty((*turned.shape[:-1], 2 * half), turned.real.dtype)
    out[..., pairs[0]], out[..., pairs[1]] = turned.real, turned.imag
    return out


def _places() -> list[Entry]:
    p = Entry("token_positions", lambda x: np.arange(x.shape[1], dtype="int32")[None], smooth=False)
    p(floats(2, 3, 4)).edge(ints(3, 2)).edge(floats(0, 1))
    r = Entry("rotary_embedding", _rotary, tol(8, 4, 4), ("float", "fixed"), far=100.0)
    r(floats(2, 3, 4, 6), ints(2, 3, low=0, high=9)).also(*_ALL)(floats(2, 3, 1, 2), np.arange(3, dtype="int32")[None])
    r(floats(2, 3, 2, 4), ints(2, 3, low=0, high=9), interleaved=True)
    return [p, r(floats(2, 2, 3, 4), ints(1, 2, low=0, high=9), base=100.0, factor=2.0)]


# ---- encodings and losses ------------------------------------------------------------------------------------------


def _one_hot(x: Any, num_classes: int, axis: int = -1, dtype: Any = None, sparse: bool = False) -> Any:
    return np.moveaxis(x[..., None] == np.arange(num_classes), -1, axis)


def _multi_hot(x: Any, num_classes: Any = None, axis: int = -1, dtype: Any = None, sparse: bool = False) -> Any:
    return np.max(_one_hot(x, num_classes, axis), 1 if x.ndim > 1 else 0)


_SMALL = 1e-7


def _logs(output: Any, from_logits: bool, axis: int) -> Any:
    if from_logits:
        return _log_softmax(output, axis)
    return np.log(np.clip(output / np.sum(output, axis, keepdims=True), _SMALL, 1 - _SMALL))


def _categorical(target: Any, output: Any, from_logits: bool = False, axis: int = -1) -> Any:
    return -np.sum(target * _logs(output, from_logits, axis), axis)


def _sparse(target: Any, output: Any, from_logits: bool = False, axis: int = -1) -> Any:
    logs = np.moveaxis(_logs(output, from_logits, axis), axis, -1)
    if target.ndim == output.ndim:
        target = np.squeeze(target, axis)
    inside = (target >= 0) & (target < logs.shape[-1])
    picked = np.take_along_axis(logs, np.where(inside, target, 0)[..., None], -1)[..., 0]
    return np.where(inside, -picked, 0)


def _binary(target: Any, output: Any, from_logits: bool = False) -> Any:
    if from_logits:
        return np.maximum(output, 0) - output * target + np.log1p(np.exp(-np.abs(output)))
    output = np.clip(output, _SMALL, 1 - _SMALL)
    return -(target * np.log(output) + (1 - target) * np.log1p(-output))


def _probabilities(*shape: int) -> np.ndarray:
    x = floats(*shape, low=0.05, high=1)
    return x / np.sum(x, -1, keepdims=True)


def _losses() -> list[Entry]:
    o = Entry("one_hot", _one_hot, domain="index", smooth=False)
    o(ints(2, 3, low=-1, high=4), 4).edge(ints(2, 3, low=0, high=4), 4, axis=1, dtype="int32")
    o.edge(ints(3, low=0, high=4, dtype="uint8"), 4, axis=0).edge(
        ints(3, low=0, high=4, dtype="int64"), 4, dtype="bool"
    )
    h = Entry("multi_hot", _multi_hot, domain="index", smooth=False)
    h(ints(2, 3, low=0, high=4), 4, dtype="int32").fixed(ints(3, low=0, high=4), 4)
    c = Entry("categorical_crossentropy", _categorical, tol(8, 6, 4), "float", far=False)
    s = Entry("sparse_categorical_crossentropy", _sparse, tol(8, 6, 4), ("index", "float"))
    b = Entry("binary_crossentropy", _binary, tol(8, 6, 4), "float")
    c(_probabilities(3, 4), floats(3, 4), from_logits=True).also(*_ALL)(_probabilities(3, 4), _probabilities(3, 4))
    c(_probabilities(3, 4), floats(3, 4), True, 0).edge(
        np.eye(3, dtype="float32"), np.eye(3, k=1, dtype="float32") + np.eye(3, k=-2, dtype="float32")
    )
    s(ints(3, low=0, high=4), floats(3, 4), from_logits=True).also(*_ALL)(ints(3, low=0, high=4), _probabilities(3, 4))
    s(ints(3, 1, low=0, high=4), floats(3, 4), from_logits=True)(ints(2, 4, low=0, high=3), floats(2, 3, 4), True, 1)
    s.edge(np.array([-1, 7, 2], "int32"), floats(3, 4), from_logits=True).edge(
        np.array([0, 3], "int64"), floats(2, 4), True
    )
    b(_probabilities(3, 4), floats(3, 4), from_logits=True).also(*_ALL)(_probabilities(3, 4), _probabilities(3, 4))
    b.edge(np.array([0.0, 1.0, 1.0], "float32"), np.array([0.0, 1.0, 0.0], "float32"))
    b.edge(np.array([0.0, 1.0, 1.0], "float32"), np.array([1e4, -1e4, 1e4], "float32"), True)
    b.edge(np.array([-1.0, 2.0, np.nan], "float32"), floats(3, low=0.1, high=0.9))
    b.edge(np.array([0.0, 1.0], "float32"), np.array([np.nan, 0.5], "float32"))
    b.kinks = (Kink((np.array([0.0, 1.0]), np.array([0.0, 0.0]), True), ([0.0, 0.0], [0.5, -0.5])),)
    p = Entry(
        "psnr", lambda x, y, m: 20 * math.log10(m) - 10 * np.log10(np.mean((x - y) ** 2.0)), tol(8, 4, 2), "float"
    )
    p(floats(3, 4), floats(3, 4), 2.0).also("float64").edge(ints(3, 4), ints(3, 4), 1.0)
    return [o, h, c, s, b, p]


# ---- recurrence, segments, signals ---------------------------------------------------------------------------------


def _recurrent() -> list[Entry]:
    low = tol(16, 8, 8)
    m = Entry("lstm_sequence", ref.lstm, low, ("float",) * 6 + ("fixed",))
    weights = lambda k: (floats(3, k * 2), floats(2, k * 2), floats(k * 2))  # noqa: E731
    h = lambda: floats(2, 2, low=-1, high=1)  # noqa: E731
    lengths = np.array([2, 4], "int32")
    m(floats(2, 4, 3), h(), h(), *weights(4)).also("float64", "float16", "bfloat16")
    m(floats(2, 4, 3), h(), h(), *weights(4), lengths)(
        floats(2, 4, 3), h(), h(), *weights(4), lengths, go_backwards=True
    )
    m(floats(2, 4, 3), h(), h(), *weights(4), go_backwards=True)(floats(2, 1, 3), h(), h(), *weights(4)[:2])
    m.edge(floats(2, 4, 3), h(), h(), *weights(4), np.array([0, 4], "int32"))
    g = Entry("gru_sequence", ref.gru, low, ("float",) * 5 + ("fixed",))
    g(floats(2, 4, 3), h(), *weights(3)).also("float64", "float16", "bfloat16")
    for reset, back, n in itertools.product((True, False), (False, True), (None, lengths)):
        k, r, b = weights(3)
        bias = floats(2, 6) if reset else b
        g(floats(2, 4, 3), h(), k, r, bias, n, reset_after=reset, go_backwards=back)
    g(floats(2, 4, 3), h(), *weights(3)[:2])
    return [m, g]


def _segment(fill: Any, combine: Any) -> Any:
    def run(data: Any, ids: Any, num_segments: Any = None, sorted: bool = False) -> Any:
        n = int(ids.max()) + 1 if num_segments is None else num_segments
        low = np.iinfo(data.dtype).min if fill and data.dtype.kind in "iu" else fill
        out = np.full((n, *data.shape[1:]), low, data.dtype)
        inside = (ids >= 0) & (ids < n)
        combine.at(out, ids[inside], data[inside])
        return out

    return run


def _signals() -> list[Entry]:
    s = Entry("segment_sum", _segment(0, np.add), tol(4, 4, 4), ("real", "index"))
    x = Entry("segment_max", _segment(-math.inf, np.maximum), tol(0, 0), ("real", "index"), raw=True)
    x.kinks = (Kink((np.ones(3), np.array([0, 0, 1]), 2), ([0.5, 0.5, 1.0],)),)
    for e in (s, x):
        e(floats(5, 2), np.array([0, 2, 0, 1, 2], "int32"), 3).also(*_ALL)(
            floats(5), np.array([0, 0, 1, 1, 2], "int32"), 3, sorted=True
        )
        e.edge(floats(5), np.array([0, 0, 1, 1, 3], "int32"), 5)
        e.edge(ints(4), np.array([0, 1, 0, 3], "int32"), 5).edge(floats(4), np.array([0, -1, 5, 1], "int64"), 2)

    def parts(z: Any) -> Any:
        return z.real, z.imag

    real = tol(8, 4, 8)
    f = Entry("fft", lambda z: parts(np.fft.fft(z[0] + 1j * z[1])), real, "real")
    f((floats(2, 4), floats(2, 4))).also("float64")((floats(5), floats(5))).edge((ints(4), ints(4)))
    f2 = Entry("fft2", lambda z: parts(np.fft.fft2(z[0] + 1j * z[1])), real, "real")
    i2 = Entry("ifft2", lambda z: parts(np.fft.ifft2(z[0] + 1j * z[1])), real, "real")
    for e in (f2, i2):
        e((floats(2, 4), floats(2, 4))).also("float64")((floats(2, 3, 4), floats(2, 3, 4)))
    r = Entry("rfft", lambda x, n=None: parts(np.fft.rfft(x, n)), real, "real")
    r(floats(2, 5)).also("float64")(floats(2, 6), 8)(floats(6), 4).edge(ints(4))
    ir = Entry("irfft", lambda z, n=None: np.fft.irfft(z[0] + 1j * z[1], n), real, "real")
    ir((floats(2, 4), floats(2, 4))).also("float64")((floats(3), floats(3)), 5)((floats(2, 3), floats(2, 3)), 8)
    return [s, x, f, f2, i2, r, ir]


def entries() -> list[Entry]:
    """The entries of this file."""
    return [
        *_packed(),
        *_places(),
        *_along(),
        *_convolutions(),
        _biased_conv(),
        *_pooling(),
        *_normalization(),
        *_losses(),
        *_recurrent(),
        *_signals(),
    ]
