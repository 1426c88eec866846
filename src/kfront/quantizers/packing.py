"""Small whole numbers, several to a byte: four of 2 bits, five of three values."""

from __future__ import annotations

import numpy as np

from kfront import ops
from kfront.core.errors import DTypeError
from kfront.core.shapes import axis_of
from kfront.core.typing import Tensor, TensorLike
from kfront.ops.primitives.dtypes import dtype_of

__all__ = ["pack_int2", "pack_ternary", "unpack_int2", "unpack_ternary"]


def pack_int2(arr: TensorLike, axis: int = 0, dtype: str = "int8") -> tuple[Tensor, tuple[int, ...], int]:
    """Four numbers of 2 bits in each byte: the first in the lowest bits.

    Args:
        arr: tensor of `dtype` with values from -2 to 1 (int8), or 0 to 3 (uint8).
        axis: axis along which neighbours share a byte.
        dtype: "int8" or "uint8".

    Returns:
        (packed, its shape, the size of the axis before); what is missing of four is filled up with zeros.

    Raises:
        DTypeError: for another dtype.

    Example:

    >>> import kfront, numpy as np
    >>> packed, shape, size = kfront.quantizers.pack_int2(np.array([-2, 1, 0, -1, 1], "int8"))
    >>> kfront.ops.convert_to_numpy(packed).tolist(), shape, size
    ([-58, 1], (2,), 5)
    """
    x = ops.convert_to_tensor(arr)
    if dtype not in ("int8", "uint8") or dtype_of(x) != dtype:
        raise DTypeError(f"[pack_int2] expected a tensor of dtype int8 or uint8, as `dtype` says, got {dtype_of(x)}.")
    packed, size = _packed(ops.mod(ops.cast(x, "int32"), 4), axis, 4, 4)
    if dtype == "int8":
        packed = ops.where(ops.greater(packed, 127), ops.subtract(packed, 256), packed)
    packed = ops.cast(packed, dtype)
    return packed, tuple(packed.shape), size


def unpack_int2(packed: TensorLike, orig_len: int, axis: int = 0, dtype: str = "int8") -> Tensor:
    """What `pack_int2` packed.

    Args:
        packed: tensor of `dtype`.
        orig_len: size of the axis before packing.
        axis: the axis.
        dtype: "int8" (values from -2 to 1) or "uint8" (0 to 3).

    Raises:
        DTypeError: for another dtype.

    Example:

    >>> import kfront, numpy as np
    >>> kfront.ops.convert_to_numpy(kfront.quantizers.unpack_int2(np.array([-58, 1], "int8"), 5)).tolist()
    [-2, 1, 0, -1, 1]
    """
    x = ops.convert_to_tensor(packed)
    if dtype not in ("int8", "uint8") or dtype_of(x) != dtype:
        raise DTypeError(f"[unpack_int2] expected a tensor of dtype int8 or uint8, as `dtype` says, got {dtype_of(x)}.")
    digits = _unpacked(ops.mod(ops.cast(x, "int32"), 256), orig_len, axis, 4, 4)
    if dtype == "int8":
        digits = ops.where(ops.greater(digits, 1), ops.subtract(digits, 4), digits)
    return ops.cast(digits, dtype)


def pack_ternary(arr: TensorLike, axis: int = 0) -> tuple[Tensor, tuple[int, ...], int]:
    """Five numbers of -1, 0 and 1 in each byte, as digits of a number of base 3, the first one the lowest.

    Args:
        arr: tensor of such numbers, of any dtype; others are rounded and cut off.
        axis: axis along which neighbours share a byte.

    Returns:
        (packed uint8, its shape, the size of the axis before); what is missing of five is filled up with zeros.

    Example:

    >>> import kfront, numpy as np
    >>> packed, shape, size = kfront.quantizers.pack_ternary(np.array([1, -1, 0, 1, 1, -1], "int8"))
    >>> kfront.ops.convert_to_numpy(packed).tolist(), shape, size
    ([227, 120], (2,), 6)
    """
    trits = ops.clip(ops.round(ops.cast(ops.convert_to_tensor(arr), "float32")), -1.0, 1.0)
    packed, size = _packed(ops.add(ops.cast(trits, "int32"), 1), axis, 5, 3, fill=1)
    packed = ops.cast(packed, "uint8")
    return packed, tuple(packed.shape), size


def unpack_ternary(packed: TensorLike, orig_len: int, axis: int = 0) -> Tensor:
    """What `pack_ternary` packed, as int8.

    Args:
        packed: uint8 tensor.
        orig_len: size of the axis before packing.
        axis: the axis.

    Example:

    >>> import kfront, numpy as np
    >>> kfront.ops.convert_to_numpy(kfront.quantizers.unpack_ternary(np.array([227, 120], "uint8"), 6)).tolist()
    [1, -1, 0, 1, 1, -1]
    """
    digits = _unpacked(ops.cast(ops.convert_to_tensor(packed), "int32"), orig_len, axis, 5, 3)
    return ops.cast(ops.subtract(digits, 1), "int8")


def _packed(digits: Tensor, axis: int, count: int, base: int, fill: int = 0) -> tuple[Tensor, int]:
    """Numbers of `count` digits of that base along an axis, the lowest first, and the size of the axis before."""
    axis = axis_of(axis, len(digits.shape))
    size = digits.shape[axis]
    pads = [(0, -size % count if i == axis else 0) for i in range(len(digits.shape))]
    digits = ops.pad(digits, pads, constant_values=fill)
    shape = (*digits.shape[:axis], -1, count, *digits.shape[axis + 1 :])
    weights = np.array([base**i for i in range(count)], "int32").reshape(-1, *[1] * (len(digits.shape) - axis - 1))
    return ops.sum(ops.multiply(ops.reshape(digits, shape), weights), axis + 1), size


def _unpacked(packed: Tensor, size: int, axis: int, count: int, base: int) -> Tensor:
    """The digits of numbers along an axis, the lowest first."""
    axis = axis_of(axis, len(packed.shape))
    weights = np.array([base**i for i in range(count)], "int32").reshape(-1, *[1] * (len(packed.shape) - axis - 1))
    digits = ops.mod(ops.floor_divide(ops.expand_dims(packed, axis + 1), weights), base)
    whole = ops.reshape(digits, (*packed.shape[:axis], -1, *packed.shape[axis + 1 :]))
    return ops.take(whole, np.arange(size), axis=axis)
