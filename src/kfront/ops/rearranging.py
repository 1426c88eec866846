"""Blocks and patches of images, and einops patterns."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from kfront.core.errors import ArgumentError, ShapeError
from kfront.core.op import in_front_of, op
from kfront.core.shapes import known
from kfront.core.typing import Tensor, TensorLike
from kfront.ops import primitives as p
from kfront.ops.primitives.arguments import data_format


def _image(name: str, x: Tensor, block_size: object) -> None:
    if len(x.shape) != 4:
        raise ShapeError(f"[{name}] expected `x` of rank 4 (images), got shape {tuple(x.shape)}.")
    if not isinstance(block_size, int) or block_size < 2:
        raise ArgumentError(f"[{name}] expected `block_size` to be an int >= 2, got {block_size!r}.")


@op(prepare={"data_format": data_format}, fuse=True, home="nn")
def depth_to_space(x: Tensor, block_size: int, data_format: str | None = "channels_last") -> Tensor:
    """Channels become blocks of pixels: images get larger.

    Args:
        x: tensor of shape (batch, height, width, channels), or (batch, channels, height, width).
        block_size: height and width of a block.
        data_format: "channels_last" or "channels_first".

    Returns:
        tensor with `block_size` times the height and width and channels / block_size^2.

    Example:

    >>> from kfront import ops
    >>> tuple(ops.depth_to_space(ops.ones((1, 2, 2, 4)), 2).shape)
    (1, 4, 4, 1)
    """
    _image("depth_to_space", x, block_size)
    k = block_size
    if data_format == "channels_first":
        n, c, h, w = p.shape(x)
        _divides("depth_to_space", c, k * k, "channels")
        x = p.transpose(p.reshape(x, (n, c // (k * k), k, k, h, w)), (0, 1, 4, 2, 5, 3))
        return p.reshape(x, (n, c // (k * k), h * k, w * k))
    n, h, w, c = p.shape(x)
    _divides("depth_to_space", c, k * k, "channels")
    x = p.transpose(p.reshape(x, (n, h, w, k, k, c // (k * k))), (0, 1, 3, 2, 4, 5))
    return p.reshape(x, (n, h * k, w * k, c // (k * k)))


@op(prepare={"data_format": data_format}, fuse=True, home="nn")
def space_to_depth(x: Tensor, block_size: int, data_format: str | None = "channels_last") -> Tensor:
    """Blocks of pixels become channels: images get smaller.

    Args:
        x: tensor of shape (batch, height, width, channels), or (batch, channels, height, width).
        block_size: height and width of a block.
        data_format: "channels_last" or "channels_first".

    Returns:
        tensor with height and width divided by `block_size` and channels * block_size^2.

    Example:

    >>> from kfront import ops
    >>> tuple(ops.space_to_depth(ops.ones((1, 4, 4, 1)), 2).shape)
    (1, 2, 2, 4)
    """
    _image("space_to_depth", x, block_size)
    k = block_size
    if data_format == "channels_first":
        n, c, h, w = p.shape(x)
        _divides("space_to_depth", h, k, "height")
        _divides("space_to_depth", w, k, "width")
        x = p.transpose(p.reshape(x, (n, c, h // k, k, w // k, k)), (0, 1, 3, 5, 2, 4))
        return p.reshape(x, (n, c * k * k, h // k, w // k))
    n, h, w, c = p.shape(x)
    _divides("space_to_depth", h, k, "height")
    _divides("space_to_depth", w, k, "width")
    x = p.transpose(p.reshape(x, (n, h // k, k, w // k, k, c)), (0, 1, 3, 2, 4, 5))
    return p.reshape(x, (n, h // k, w // k, c * k * k))


def _divides(name: str, n: Tensor, k: int, what: str) -> None:
    if known(n) is not None and n % k:
        raise ShapeError(f"[{name}] expected {what} that {k} divides, got {n}.")


def _pair(value: Any, what: str) -> tuple[int, int]:
    if isinstance(value, int):
        return value, value
    out = tuple(int(v) for v in value)
    if len(out) != 2:
        raise ArgumentError(f"expected `{what}` to be an int or a pair of ints, got {value!r}.")
    return out  # type: ignore[return-value]


def _places(size: Any, kernel: Any, dilation: Any, padding: Any, stride: Any) -> list[int]:
    return [
        (n + 2 * p - d * (k - 1) - 1) // s + 1
        for n, k, d, p, s in zip(size, kernel, dilation, padding, stride, strict=True)
    ]


@op(fuse=True, home="nn")
def unfold(
    x: Tensor,
    kernel_size: int | Sequence[int],
    dilation: int | Sequence[int] = 1,
    padding: int | Sequence[int] = 0,
    stride: int | Sequence[int] = 1,
) -> Tensor:
    """Patches of images as columns (im2col).

    Args:
        x: tensor of shape (batch, channels, height, width) of known height and width.
        kernel_size: int or pair: size of a patch.
        dilation: int or pair: distance of a patch's elements.
        padding: int or pair: zeros on either side.
        stride: int or pair: distance of patches.

    Returns:
        tensor of shape (batch, channels * patch elements, patches).

    Raises:
        ShapeError: `x` has another rank, or a height or width that is not known.

    Example:

    >>> from kfront import ops
    >>> tuple(ops.unfold(ops.ones((1, 3, 4, 4)), 2).shape)
    (1, 12, 9)
    """
    kernel, dilation, padding, stride = _pairs(kernel_size, dilation, padding, stride)
    size = [known(d) for d in x.shape[2:]]
    if len(size) != 2 or None in size:
        raise ShapeError(f"[unfold] expected images (batch, channels, height, width) of known size, got {x.shape}.")
    rows, columns = _places(size, kernel, dilation, padding, stride)
    x = p.pad(x, ((0, 0), (0, 0), (padding[0],) * 2, (padding[1],) * 2))
    parts = []
    for i in range(kernel[0]):
        for j in range(kernel[1]):
            top, left = i * dilation[0], j * dilation[1]
            down = slice(top, top + (rows - 1) * stride[0] + 1, stride[0])
            across = slice(left, left + (columns - 1) * stride[1] + 1, stride[1])
            parts.append(p.get_item(x, (slice(None), slice(None), down, across)))
    y = p.stack(parts, 2)
    n, c = p.dim(x, 0), p.dim(x, 1)
    return p.reshape(y, (n, c * len(parts), rows * columns))


def _pairs(kernel: TensorLike, dilation: object, padding: object, stride: object) -> list[tuple[int, int]]:
    named = {"kernel_size": kernel, "dilation": dilation, "padding": padding, "stride": stride}
    pairs = {k: _pair(v, k) for k, v in named.items()}
    for name, pair in pairs.items():
        if min(pair) < (name != "padding"):
            raise ArgumentError(f"expected `{name}` of at least {int(name != 'padding')}, got {pair}.")
    return [*pairs.values()]


@op(fuse=True, home="nn")
def fold(
    x: Tensor,
    output_size: int | Sequence[int],
    kernel_size: int | Sequence[int],
    dilation: int | Sequence[int] = 1,
    padding: int | Sequence[int] = 0,
    stride: int | Sequence[int] = 1,
) -> Tensor:
    """Images of patches in columns; overlapping elements add up (col2im). The transpose of `unfold`.

    Args:
        x: tensor of shape (batch, channels * patch elements, patches).
        output_size: int or pair: height and width of the images.
        kernel_size: int or pair: size of a patch.
        dilation: int or pair: distance of a patch's elements.
        padding: int or pair: zeros on either side that `unfold` added.
        stride: int or pair: distance of patches.

    Returns:
        tensor of shape (batch, channels, height, width).

    Raises:
        ShapeError: `x` has another number of patches or patch elements than the other arguments give.

    Example:

    >>> from kfront import ops
    >>> tuple(ops.fold(ops.ones((1, 12, 9)), 4, 2).shape)
    (1, 3, 4, 4)
    """
    kernel, dilation, padding, stride = _pairs(kernel_size, dilation, padding, stride)
    size = _pair(output_size, "output_size")
    rows, columns = _places(size, kernel, dilation, padding, stride)
    elements = kernel[0] * kernel[1]
    n, c = p.dim(x, 0), p.dim(x, 1) // elements
    if known(x.shape[2]) not in (None, rows * columns) or (known(x.shape[1]) or 0) % elements:
        raise ShapeError(f"[fold] expected `x` of shape (batch, c * {elements}, {rows * columns}), got {x.shape}.")
    height, width = size[0] + 2 * padding[0], size[1] + 2 * padding[1]
    i, j = np.arange(kernel[0]) * dilation[0], np.arange(kernel[1]) * dilation[1]
    r, s = np.arange(rows) * stride[0], np.arange(columns) * stride[1]
    ids = (i[:, None, None, None] + r[:, None]) * width + (j[:, None, None] + s)
    flat = p.transpose(p.reshape(x, (n, c, elements * rows * columns)), (2, 0, 1))
    y = p.segment_sum(flat, p.convert_to_tensor(ids.ravel().astype("int32")), height * width)
    y = p.reshape(p.transpose(y, (1, 2, 0)), (n, c, height, width))
    return p.get_item(y, (slice(None), slice(None), *(slice(p, p + d) for p, d in zip(padding, size, strict=True))))


def _groups(side: str, pattern: str) -> list[list[str]]:
    """Axes of one side of a pattern, each a list of names; "1" is the empty list."""
    tokens = re.findall(r"\([^()]*\)|[^\s()]+", side)
    if "".join(tokens).replace(" ", "") != side.replace(" ", ""):
        raise ArgumentError(f"[rearrange] expected balanced parentheses, got {pattern!r}.")
    out = []
    for token in tokens:
        names = token.strip("()").split()
        bad = [n for n in names if n != "1" and n != "..." and not n.isidentifier()]
        if bad:
            raise ArgumentError(f"[rearrange] expected names of axes, got {bad[0]!r} in {pattern!r}.")
        out.append([n for n in names if n != "1"])
    return out


@op(name="rearrange", home="einops", call_args=("x", "pattern"))
def _rearrange(x: Any, pattern: str, axes_lengths: dict[str, int]) -> Tensor:
    left, arrow, right = pattern.partition("->")
    if not arrow:
        raise ArgumentError(f"[rearrange] expected a pattern with '->', got {pattern!r}.")
    before, after = _groups(left, pattern), _groups(right, pattern)
    before, after = _spread(before, after, len(x.shape), pattern)
    names = [n for g in before for n in g]
    if sorted(names) != sorted(n for g in after for n in g) or len(set(names)) != len(names):
        raise ArgumentError(f"[rearrange] expected the same axes on both sides, each once, got {pattern!r}.")
    lengths = _lengths(x, before, axes_lengths, pattern)
    x = p.reshape(x, [lengths[n] for n in names])
    flat = [n for g in after for n in g]
    x = p.transpose(x, tuple(names.index(n) for n in flat))
    return p.reshape(x, [_product([lengths[n] for n in g]) for g in after])


@in_front_of(_rearrange)
def rearrange(tensor: TensorLike, pattern: str, **axes_lengths: int) -> Tensor:
    """Transpose, split and join axes by a pattern of their names, as einops does (Rogozhnikov, ICLR 2022).

    Args:
        tensor: tensor.
        pattern: such as "b h w c -> b (h w) c"; parentheses join axes, "1" is an axis of length 1, "..." any others.
        **axes_lengths: lengths of axes that a pattern splits.

    Returns:
        tensor of the new shape.

    Raises:
        ArgumentError: if the pattern is malformed or a length is not known.
        ShapeError: if it does not fit the tensor.

    Example:

    >>> from kfront import ops
    >>> ops.shape(ops.rearrange(ops.zeros((2, 12)), "b (h w) -> b w h", h=3))
    (2, 4, 3)
    """
    return _rearrange(tensor, pattern, axes_lengths)


def _spread(
    before: list[list[str]], after: list[list[str]], rank: int, pattern: str
) -> tuple[list[list[str]], list[list[str]]]:
    if ["..."] in before:
        extra = [f"_axis{i}" for i in range(rank - len(before) + 1)]
        at = before.index(["..."])
        before = [*before[:at], *([n] for n in extra), *before[at + 1 :]]
        out: list[list[str]] = []
        for group in after:
            if group == ["..."]:
                out.extend([n] for n in extra)
            else:
                out.append([m for n in group for m in (extra if n == "..." else [n])])
        after = out
    if len(before) != rank:
        raise ShapeError(f"[rearrange] expected a tensor of rank {len(before)} for {pattern!r}, got rank {rank}.")
    return before, after


def _lengths(x: TensorLike, groups: Any, given: dict[str, int], pattern: str) -> dict[str, Any]:
    lengths: dict[str, object] = {}
    for axis, group in enumerate(groups):
        n = p.dim(x, axis)
        open_names = [m for m in group if m not in given]
        lengths |= {m: given[m] for m in group if m in given}
        rest = 1
        for m in group:
            rest *= given.get(m, 1)
        if len(open_names) > 1:
            raise ArgumentError(f"[rearrange] expected the length of {open_names[0]!r} or others for {pattern!r}.")
        if isinstance(n, int) and (n % rest or (not open_names and n != rest)):
            raise ShapeError(f"[rearrange] expected axis {axis} of length {rest} (times), got {n}, for {pattern!r}.")
        if open_names:
            lengths[open_names[0]] = n // rest
    return lengths


def _product(dims: Sequence[object]) -> Any:
    out: Any = 1
    for d in dims:
        out = out * d
    return out
