"""What the image ops share: layouts, the dtype they compute in, windows along an axis, sizes that may be unknown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, overload

import numpy as np

from kfront.core.arguments import is_whole
from kfront.core.dtypes import FLOATS, at_least_single
from kfront.core.errors import ArgumentError, ArgumentTypeError, ShapeError
from kfront.core.typing import Scalar, Size, Tensor, TensorLike
from kfront.ops import primitives as p
from kfront.ops.arithmetic import clip
from kfront.ops.casting import saturate_cast


def spatial_axes(images: Any, layout: str, rank: int = 2) -> tuple[tuple[int, ...], int]:
    """The spatial axes and the channel axis of an image (or volume), or of a batch of them.

    Raises:
        ShapeError: if the rank is neither that of an image nor of a batch.
    """
    n = len(images.shape)
    if n not in (rank + 1, rank + 2):
        raise ShapeError(
            f"expected `images` of rank {rank + 1} (one) or {rank + 2} (a batch), got shape {tuple(images.shape)}."
        )
    first = n - rank - 1
    if layout == "channels_last":
        return tuple(range(first, first + rank)), n - 1
    return tuple(range(first + 1, n)), first


def pair(name: str, length: int = 2, least: int | None = None) -> Callable[[Any], Any]:
    """A function for `prepare` that makes a tuple of `length` ints of an int or a sequence; None stays.

    So do tensors in TensorFlow's graphs.
    """

    def above(value: tuple[int, ...]) -> tuple[int, ...]:
        if least is not None and any(isinstance(v, int) and v < least for v in value):
            raise ArgumentError(f"expected `{name}` >= {least}, got {value!r}.")
        return value

    def check(value: Any) -> tuple[int, ...] | None:
        if value is None:
            return None
        if isinstance(value, (int, np.integer)):
            return above((int(value),) * length)
        if isinstance(value, (str, float)) or not hasattr(value, "__len__") or len(value) != length:
            raise ArgumentTypeError(f"expected `{name}` to be an int or {length} ints, got {value!r}.")
        if not all(is_whole(v) for v in value):
            raise ArgumentTypeError(f"expected `{name}` to be ints, got {value!r}.")
        return above(tuple(int(v) if hasattr(type(v), "__index__") else v for v in value))

    return check


def compute_dtype(x: TensorLike) -> str:
    """The dtype in which images are computed, see `at_least_single`."""
    return at_least_single(p.dtype_of(x))


def half_away(x: TensorLike) -> Tensor:
    """The nearest integer, halves away from zero."""
    return p.multiply(p.sign(x), p.floor(p.add(p.abs(x), 0.5)))


def restore(y: Any, dtype: str, rounding: Callable[[Tensor], Tensor] = p.round) -> Tensor:
    """Computed values in the dtype of the images: integers are rounded and kept in range."""
    if p.dtype_of(y) == dtype:
        return y
    return p.cast(y, dtype) if dtype in FLOATS else saturate_cast(rounding(y), dtype)


def integer_part(y: TensorLike, dtype: str) -> Tensor:
    """As `restore`, with fractions cut off."""
    return restore(y, dtype, lambda x: x)


@overload
def larger(a: Size, b: Size) -> Size: ...
@overload
def larger(a: Scalar, b: Scalar) -> Scalar: ...
def larger(a: Scalar, b: Scalar) -> Scalar:
    """The larger of two sizes (or steps)."""
    return max(a, b) if isinstance(a, (int, float)) and isinstance(b, (int, float)) else p.maximum(a, b)


def smaller(a: Size, b: Size) -> Size:
    """The smaller of two sizes."""
    return min(a, b) if isinstance(a, int) and isinstance(b, int) else p.minimum(a, b)


def highest(n: Size) -> Size:
    """The last position along an axis of length `n`."""
    return n - 1


def share(n: Size, numerator: int, denominator: int) -> int | Tensor:
    """``n * numerator // denominator`` of a size."""
    return n * numerator // denominator


def in_proportion(h: Size, w: Size, size: Sequence[int], crop: bool) -> tuple[Size, Size]:
    """Height and width of the largest window inside an image, or the smallest around it, in the proportion of `size`.

    A window inside has one row and one column at least.
    """
    pick = smaller if crop else larger
    return pick(h, larger(share(w, size[0], size[1]), 1)), pick(w, larger(share(h, size[1], size[0]), 1))


def along(x: TensorLike, rank: int, axis: int) -> Tensor:
    """A vector as a tensor of `rank` axes of length 1 but for `axis`."""
    return p.reshape(x, tuple(-1 if i == axis else 1 for i in range(rank)))


def window(x: Any, axis: int, start: Any, length: Any, fill: Any = 0) -> Tensor:
    """`length` places from `start` on (may be negative) along an axis; places outside hold `fill`.

    The result of known `start`, `length` and size is a slice that is padded; of others, elements picked by position.
    """
    n = p.dim(x, axis)
    if all(isinstance(v, int) for v in (n, start, length)):
        stop = start + length
        before, after = max(0, -start), max(0, stop - n)
        if start > 0 or stop < n:
            x = p.get_item(x, p.key_on(len(x.shape), axis, slice(max(0, start), min(n, stop))))
        if not before and not after:
            return x
        widths = tuple((before, after) if i == axis else (0, 0) for i in range(len(x.shape)))
        return p.pad(x, widths, "constant", fill or None)
    places = p.add(p.arange(length), start)
    inside = clip(places, 0, highest(n))
    return p.where(
        along(p.equal(places, inside), len(x.shape), axis), p.take(x, inside, axis), p.cast(fill, p.dtype_of(x))
    )


def two_of_three(
    name: str, before: TensorLike, after: object, target: TensorLike, labels: tuple[str, str, str]
) -> None:
    """Check that exactly two of the three are given."""
    if sum(v is not None for v in (before, after, target)) != 2:
        given = ", ".join(f"{k}={v}" for k, v in zip(labels, (before, after, target), strict=True))
        raise ArgumentError(f"[{name}] expected exactly two of {', '.join(labels)}, got {given}.")
