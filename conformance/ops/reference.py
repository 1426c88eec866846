"""Plain NumPy forms of convolution, pooling, recurrence and attention: short loops that are easy to check."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

__all__ = [
    "attention",
    "average_pool",
    "back",
    "conv",
    "conv_transpose",
    "depthwise_conv",
    "gru",
    "last",
    "lstm",
    "max_pool",
    "separable_conv",
    "sigmoid",
    "softmax",
]


def sigmoid(x: Any) -> Any:
    """1 / (1 + exp(-x))."""
    x = x * 1.0
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1, e) / (1 + e)


def softmax(x: Any, axis: Any = -1) -> Any:
    """exp(x) over its sum."""
    x = x * 1.0
    e = np.exp(x - np.max(x, axis, keepdims=True))
    return e / np.sum(e, axis, keepdims=True)


# ---- windows -------------------------------------------------------------------------------------------------------


def _tuple(value: Any, n: int) -> tuple[int, ...]:
    return (value,) * n if isinstance(value, int) else tuple(value)


def last(x: Any, data_format: Any) -> Any:
    """Channels moved to the end."""
    return np.moveaxis(x, 1, -1) if data_format == "channels_first" else x


def back(x: Any, data_format: Any) -> Any:
    """Channels moved back to where they were."""
    return np.moveaxis(x, -1, 1) if data_format == "channels_first" else x


def _windows(x: Any, size: Any, strides: Any, dilation: Any, padding: str, fill: float) -> Any:
    """(offset, slice of x) for each place of a window; x has channels last."""
    spatial = x.shape[1:-1]
    pads, outs = [], []
    for n, k, s, d in zip(spatial, size, strides, dilation, strict=True):
        reach = (k - 1) * d + 1
        if padding == "same":
            out = math.ceil(n / s)
            total = max((out - 1) * s + reach - n, 0)
            pads.append((total // 2, total - total // 2))
        else:
            out = (n - reach) // s + 1
            pads.append((0, 0))
        outs.append(out)
    x = np.pad(x, [(0, 0), *pads, (0, 0)], constant_values=fill)
    for offset in np.ndindex(*size):
        cut = tuple(
            slice(o * d, o * d + (m - 1) * s + 1, s) for o, d, m, s in zip(offset, dilation, outs, strides, strict=True)
        )
        yield offset, x[(slice(None), *cut, slice(None))]


def conv(
    x: Any, kernel: Any, strides: Any = 1, padding: str = "valid", data_format: Any = None, dilation_rate: Any = 1
) -> Any:
    """Grouped cross-correlation."""
    n = x.ndim - 2
    x = last(x, data_format)
    size, (per_group, filters) = kernel.shape[:n], kernel.shape[n:]
    groups = x.shape[-1] // per_group
    out: Any = 0.0
    for offset, part in _windows(x, size, _tuple(strides, n), _tuple(dilation_rate, n), padding, 0.0):
        w = kernel[offset].reshape(per_group, groups, filters // groups)
        p = part.reshape(*part.shape[:-1], groups, per_group)
        out = out + np.einsum("...gc,cgf->...gf", p, w).reshape(*part.shape[:-1], filters)
    return back(out, data_format)


def depthwise_conv(
    x: Any, kernel: Any, strides: Any = 1, padding: str = "valid", data_format: Any = None, dilation_rate: Any = 1
) -> Any:
    """Cross-correlation of each channel with its own filters."""
    n = x.ndim - 2
    x = last(x, data_format)
    out: Any = 0.0
    for offset, part in _windows(x, kernel.shape[:n], _tuple(strides, n), _tuple(dilation_rate, n), padding, 0.0):
        out = out + (part[..., None] * kernel[offset]).reshape(*part.shape[:-1], -1)
    return back(out, data_format)


def separable_conv(
    x: Any,
    depthwise: Any,
    pointwise: Any,
    strides: Any = 1,
    padding: str = "valid",
    data_format: Any = None,
    dilation_rate: Any = 1,
) -> Any:
    """Depthwise, then windows of 1."""
    return conv(
        depthwise_conv(x, depthwise, strides, padding, data_format, dilation_rate), pointwise, 1, "valid", data_format
    )


def _transpose_cut(n: int, k: int, s: int, d: int, padding: str, extra: Any) -> tuple[int, int]:
    """(elements cut in front of the full result, length of the result)."""
    reach = (k - 1) * d + 1
    if extra is None:
        length = n * s if padding == "same" else n * s + max(reach - s, 0)
        return (max(reach - s, 0) // 2 if padding == "same" else 0), length
    length = (n - 1) * s + reach + extra - (2 * (reach // 2) if padding == "same" else 0)
    return (max((n - 1) * s + reach - length, 0) // 2 if padding == "same" else 0), length


def conv_transpose(
    x: Any,
    kernel: Any,
    strides: Any = 1,
    padding: str = "valid",
    output_padding: Any = None,
    data_format: Any = None,
    dilation_rate: Any = 1,
) -> Any:
    """Every element puts a scaled copy of the kernel into the result."""
    n = x.ndim - 2
    x = last(x, data_format)
    strides, dilation = _tuple(strides, n), _tuple(dilation_rate, n)
    extra = (None,) * n if output_padding is None else _tuple(output_padding, n)
    spatial, size = x.shape[1:-1], kernel.shape[:n]
    cuts = [_transpose_cut(*v) for v in zip(spatial, size, strides, dilation, (padding,) * n, extra, strict=True)]
    room = [
        max((m - 1) * s + (k - 1) * d + 1, c + w)
        for m, s, k, d, (c, w) in zip(spatial, strides, size, dilation, cuts, strict=True)
    ]
    full = np.zeros((x.shape[0], *room, kernel.shape[n]))
    for offset in np.ndindex(*size):
        at = tuple(
            slice(o * d, o * d + (m - 1) * s + 1, s)
            for o, d, m, s in zip(offset, dilation, spatial, strides, strict=True)
        )
        full[(slice(None), *at)] += x @ kernel[offset].T
    return back(full[(slice(None), *(slice(c, c + w) for c, w in cuts))], data_format)


def _pooled(x: Any, pool_size: Any, strides: Any, padding: str, data_format: Any, fill: float) -> Any:
    n = x.ndim - 2
    x = last(np.asarray(x, "float64"), data_format)
    size = _tuple(pool_size, n)
    steps = size if strides is None else _tuple(strides, n)
    parts = [p for _, p in _windows(x, size, steps, (1,) * n, padding, fill)]
    return np.stack(parts)


def max_pool(x: Any, pool_size: Any, strides: Any = None, padding: str = "valid", data_format: Any = None) -> Any:
    """Largest of each window; padding never wins."""
    return back(np.max(_pooled(x, pool_size, strides, padding, data_format, -math.inf), 0), data_format)


def average_pool(x: Any, pool_size: Any, strides: Any = None, padding: str = "valid", data_format: Any = None) -> Any:
    """Mean of each window; padding does not count."""
    return back(np.nanmean(_pooled(x, pool_size, strides, padding, data_format, math.nan), 0), data_format)


# ---- sequences -----------------------------------------------------------------------------------------------------


def _steps(length: int, go_backwards: bool) -> Any:
    return range(length - 1, -1, -1) if go_backwards else range(length)


def lstm(
    x: Any,
    h: Any,
    c: Any,
    kernel: Any,
    recurrent: Any,
    bias: Any = None,
    lengths: Any = None,
    go_backwards: bool = False,
) -> Any:
    """Gates in the order input, forget, cell, output."""
    outputs = []
    for t in _steps(x.shape[1], go_backwards):
        z = x[:, t] @ kernel + h @ recurrent + (0 if bias is None else bias)
        i, f, g, o = np.split(z, 4, -1)
        c_new = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h_new = sigmoid(o) * np.tanh(c_new)
        valid = np.ones((len(x), 1), bool) if lengths is None else (t < lengths)[:, None]
        h, c = np.where(valid, h_new, h), np.where(valid, c_new, c)
        outputs.append(np.where(valid, h_new, 0))
    return np.stack(outputs, 1), h, c


def gru(
    x: Any,
    h: Any,
    kernel: Any,
    recurrent: Any,
    bias: Any = None,
    lengths: Any = None,
    reset_after: bool = True,
    go_backwards: bool = False,
) -> Any:
    """Gates in the order update, reset, candidate."""
    units = h.shape[-1]
    both = bias is not None and bias.ndim == 2
    b_in = 0 if bias is None else bias[0] if both else bias
    b_state = bias[1] if both else 0
    outputs = []
    for t in _steps(x.shape[1], go_backwards):
        xz, xr, xh = np.split(x[:, t] @ kernel + b_in, 3, -1)
        if reset_after:
            hz, hr, hh = np.split(h @ recurrent + b_state, 3, -1)
            z, r = sigmoid(xz + hz), sigmoid(xr + hr)
            new = np.tanh(xh + r * hh)
        else:
            hz, hr = np.split(h @ recurrent[:, : 2 * units], 2, -1)
            z, r = sigmoid(xz + hz), sigmoid(xr + hr)
            new = np.tanh(xh + (r * h) @ recurrent[:, 2 * units :])
        h_new = z * h + (1 - z) * new
        valid = np.ones((len(x), 1), bool) if lengths is None else (t < lengths)[:, None]
        h = np.where(valid, h_new, h)
        outputs.append(np.where(valid, h_new, 0))
    return np.stack(outputs, 1), h


def attention(
    query: Any,
    key: Any,
    value: Any,
    bias: Any = None,
    mask: Any = None,
    scale: Any = None,
    is_causal: bool = False,
    flash_attention: Any = None,
    attn_logits_soft_cap: Any = None,
) -> Any:
    """softmax(Q K^T) V with heads in axis 2."""
    times = query.shape[2] // key.shape[2]
    key, value = np.repeat(key, times, 2), np.repeat(value, times, 2)
    scale = 1 / math.sqrt(query.shape[-1]) if scale is None else scale
    scores = np.einsum("btnh,bsnh->bnts", query, key) * scale
    if attn_logits_soft_cap is not None:
        scores = attn_logits_soft_cap * np.tanh(scores / attn_logits_soft_cap)
    scores = scores if bias is None else scores + bias
    allowed = np.ones(scores.shape[-2:], bool)
    if is_causal:
        allowed = np.tril(allowed)
    allowed = allowed if mask is None else allowed & mask
    return np.einsum("bnts,bsnh->btnh", softmax(np.where(allowed, scores, -1e30)), value)
