"""The table: blocks and patches of images, splits by axis, einops patterns."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import reference as ref
from .entry import Entry, bools, floats, ints, tol

__all__ = ["entries"]

_EXACT = tol(0, 0)


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


def entries() -> list[Entry]:
    """The entries of this file."""
    return [*_blocks()]
