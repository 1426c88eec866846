"""Functions of `K` on shapes: what moves, repeats, pads or resizes, and asks for sizes."""

from __future__ import annotations

import math
from collections.abc import Sequence

from kfront import ops
from kfront.config import floatx
from kfront.core.errors import ShapeError
from kfront.core.typing import Shape, Size, Tensor, TensorLike
from kfront.ops.primitives.arguments import data_format as layout

Pair = tuple[int, int]


def int_shape(x: Tensor) -> Shape:
    """The sizes as far as they are known, None elsewhere."""
    return tuple(x.shape)


def count_params(x: Tensor) -> int:
    """The number of elements."""
    return math.prod(x.shape)


def batch_flatten(x: TensorLike) -> Tensor:
    """All axes but the first as one."""
    return ops.reshape(x, (-1, math.prod(ops.shape(x)[1:])))


def concatenate(tensors: Sequence[Tensor | Sequence[Size]], axis: int = -1) -> Tensor | tuple[Size, ...]:
    """Tensors joined along an axis; or shapes, as `shape` returns them."""
    if any(isinstance(x, tuple) for x in tensors):
        return tuple(size for sizes in tensors for size in sizes)
    return ops.concatenate(tensors, axis=axis)


def flatten(x: TensorLike) -> Tensor:
    """All axes as one."""
    return ops.reshape(x, (-1,))


def gather(reference: TensorLike, indices: TensorLike) -> Tensor:
    """Rows by their numbers."""
    return ops.take(reference, indices, axis=0)


def one_hot(indices: TensorLike, num_classes: int) -> Tensor:
    """Class numbers as rows with a single 1."""
    return ops.one_hot(indices, num_classes, dtype=floatx())


def repeat(x: TensorLike, n: int) -> Tensor:
    """Each row of a matrix n times, as steps of a sequence.

    Raises:
        ShapeError: if `x` is no matrix.
    """
    if ops.ndim(x) != 2:
        raise ShapeError(f"[repeat] expected a tensor of rank 2, got one of rank {ops.ndim(x)}; see `repeat_elements`.")
    return ops.tile(ops.expand_dims(x, 1), (1, n, 1))


def temporal_padding(x: TensorLike, padding: Pair = (1, 1)) -> Tensor:
    """Steps of zeros before and behind sequences."""
    return padded(x, (padding,), "channels_last", 1)


def spatial_2d_padding(
    x: TensorLike, padding: Sequence[Pair] = ((1, 1), (1, 1)), data_format: str | None = None
) -> Tensor:
    """Zeros around images."""
    return padded(x, padding, data_format, 2)


def spatial_3d_padding(
    x: TensorLike, padding: Sequence[Pair] = ((1, 1), (1, 1), (1, 1)), data_format: str | None = None
) -> Tensor:
    """Zeros around volumes."""
    return padded(x, padding, data_format, 3)


def padded(x: TensorLike, padding: Sequence[Pair], data_format: str | None, rank: int) -> Tensor:
    """Zeros around the axes between those of the batch and the channels."""
    if len(padding) != rank or any(len(p) != 2 for p in padding):
        raise ShapeError(f"[padding] expected {rank} pairs of numbers, got {padding}.")
    none = ((0, 0),)
    last = layout(data_format) == "channels_last"
    return ops.pad(x, (*none, *padding, *none) if last else (*none, *none, *padding))


def resize_images(
    x: TensorLike, height_factor: int, width_factor: int, data_format: str, interpolation: str = "nearest"
) -> Tensor:
    """Images larger by factors."""
    first = 1 if layout(data_format) == "channels_last" else 2
    height, width = ops.shape(x)[first : first + 2]
    sizes = height * height_factor, width * width_factor
    return ops.image.resize(x, sizes, interpolation=interpolation, data_format=data_format)


def resize_volumes(x: TensorLike, depth_factor: int, height_factor: int, width_factor: int, data_format: str) -> Tensor:
    """Volumes larger by factors, elements repeated."""
    first = 1 if layout(data_format) == "channels_last" else 2
    for axis, factor in enumerate((depth_factor, height_factor, width_factor), first):
        x = ops.repeat(x, factor, axis=axis)
    return ops.convert_to_tensor(x)
