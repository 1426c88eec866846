"""Functions that make few bits of many, and back."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kfront import ops
from kfront.backends import backend_scope, current
from kfront.core.dtypes import at_least_single, is_float, standardize
from kfront.core.errors import ArgumentError, DTypeError, ShapeError
from kfront.core.options import positive, whole
from kfront.core.shapes import axis_of
from kfront.core.typing import AnyCallable, Tensor, TensorLike
from kfront.ops.primitives.dtypes import dtype_of, limits


def _on_host(function: AnyCallable, inputs: TensorLike, *args: object) -> tuple[Tensor, ...]:
    """A function run by NumPy, its results as tensors of the current backend."""
    b = current()
    with backend_scope("numpy") as host:
        found = function(host.convert(b.to_numpy(b.convert(inputs))), *args)
    return tuple(b.convert(x) for x in found)


def _range(value_range: Sequence[float]) -> tuple[float, float]:
    if not isinstance(value_range, Sequence) or len(value_range) != 2:
        raise ArgumentError(f"[quantizers] expected `value_range` to be two numbers, got {value_range!r}.")
    return value_range[0], value_range[1]


def _rounded(x: Tensor, value_range: Sequence[float], dtype: str) -> Tensor:
    """The nearest values of a range, halves to the even neighbour."""
    low, high = _range(value_range)
    return ops.cast(ops.clip(ops.round(x), low, high), dtype)


def abs_max_quantize(
    inputs: TensorLike,
    axis: int | Sequence[int] | None,
    value_range: Sequence[float] = (-127, 127),
    dtype: str = "int8",
    epsilon: float = 1e-7,
    to_numpy: bool = False,
) -> tuple[Tensor, Tensor]:
    """Symmetric quantization: the largest absolute value is scaled to the end of the range.

    Args:
        inputs: floating tensor.
        axis: axes along which the largest value is looked for; all if None.
        value_range: smallest and largest quantized value.
        dtype: dtype of the quantized tensor.
        epsilon: added to the largest value, which may be 0.
        to_numpy: whether NumPy computes, which spares the memory of the device.

    Returns:
        (quantized, scale): ``quantized / scale`` is about `inputs`; the scale has size 1 on the axes, shape () if
        `axis` is None, and the dtype of the inputs.

    Raises:
        DTypeError: if `inputs` are not floating.

    Example:

    >>> import kfront
    >>> q, scale = kfront.quantizers.abs_max_quantize([[1.0, -2.0]], axis=-1)
    >>> kfront.ops.convert_to_numpy(q).tolist(), round(float(scale[0, 0]), 2)
    ([[64, -127]], 63.5)
    """
    if to_numpy:
        return _on_host(abs_max_quantize, inputs, axis, value_range, dtype, epsilon)  # type: ignore[return-value]
    x = ops.convert_to_tensor(inputs)
    given = dtype_of(x)
    if not is_float(given):
        raise DTypeError(f"[abs_max_quantize] expected a floating tensor, got dtype {given}.")
    x = ops.cast(x, at_least_single(given))
    largest = ops.max(ops.abs(x), axis=axis, keepdims=axis is not None)
    scale = ops.divide(value_range[1], ops.add(largest, epsilon))
    return _rounded(ops.multiply(x, scale), value_range, standardize(dtype)), ops.cast(scale, given)


def to_ternary(weight: Tensor, threshold: float | None) -> tuple[Tensor, Tensor]:
    """A floating weight as -1, 0 and 1, and their scale.

    Args:
        weight: the weight.
        threshold: up to which absolute value it counts as 0, with a scale of 1; if None, half of the mean absolute
            value, which is the scale then.
    """
    size = ops.abs(weight)
    if threshold is None:
        scale = ops.mean(size)
        bound = ops.multiply(scale, 0.5)
    else:
        scale = ops.ones_like(ops.mean(size))
        bound = ops.multiply(scale, threshold)
    return ops.where(ops.greater(size, bound), ops.sign(weight), ops.zeros_like(weight)), scale


def abs_max_quantize_grouped_with_zero_point(
    inputs: TensorLike,
    block_size: int,
    value_range: Sequence[int] = (-8, 7),
    dtype: str = "int8",
    epsilon: float = 1e-7,
    to_numpy: bool = False,
) -> tuple[Tensor, Tensor, Tensor]:
    """Asymmetric quantization of a matrix in blocks of rows: each block has a scale and a zero point per column.

    Args:
        inputs: floating tensor of shape (rows, columns).
        block_size: rows in a block; the last one is filled up with zeros (the only one if `to_numpy` says so, too).
        value_range: smallest and largest quantized value.
        dtype: dtype of the quantized tensor and the zero points.
        epsilon: added to the width of a block's values.
        to_numpy: whether NumPy computes, which spares the memory of the device.

    Returns:
        (quantized, scale, zero_point), of shapes (rows, columns) and twice (ceil(rows / block_size), columns):
        ``(quantized - zero_point) * scale`` is about `inputs`. A block of equal values has a scale of 2 / width.

    Raises:
        ShapeError: if `inputs` is no matrix.
        ArgumentError: if `block_size` is not positive.

    Example:

    >>> import kfront
    >>> q, scale, zero = kfront.quantizers.abs_max_quantize_grouped_with_zero_point([[0.0], [1.5], [3.0]], 128)
    >>> kfront.ops.convert_to_numpy(q)[:, 0].tolist(), round(float(scale[0, 0]), 2), int(zero[0, 0])
    ([-8, 0, 7], 0.2, -8)
    """
    name = "[abs_max_quantize_grouped_with_zero_point]"
    x = ops.convert_to_tensor(inputs)
    if len(x.shape) != 2:
        raise ShapeError(f"{name} expected a matrix, got shape {tuple(x.shape)}.")
    if isinstance(block_size, bool) or not isinstance(block_size, int) or block_size < 1:
        raise ArgumentError(f"{name} expected `block_size` to be a positive int, got {block_size!r}.")
    rows = x.shape[0]
    if to_numpy:  # a block with fewer rows is filled up as well, for which one row of zeros is enough
        return _on_host(_quantize_grouped, x, min(block_size, rows + 1), value_range, dtype, epsilon)  # type: ignore[return-value]
    return _quantize_grouped(x, min(block_size, rows), value_range, dtype, epsilon)


def _quantize_grouped(
    x: Tensor, block_size: int, value_range: Sequence[int], dtype: str, epsilon: float
) -> tuple[Tensor, Tensor, Tensor]:
    given, (rows, columns) = dtype_of(x), x.shape
    x = ops.cast(x, "float32")
    groups = -(-rows // block_size)
    x = ops.pad(x, ((0, groups * block_size - rows), (0, 0)))
    blocks = ops.reshape(x, (groups, block_size, columns))
    low, high = ops.min(blocks, axis=1, keepdims=True), ops.max(blocks, axis=1, keepdims=True)
    flat = ops.cast(ops.equal(low, high), "float32")
    low, high = ops.subtract(low, flat), ops.add(high, flat)
    smallest, largest = value_range
    scale = ops.divide(ops.add(ops.subtract(high, low), epsilon), largest - smallest)
    zero = ops.clip(ops.round(ops.subtract(smallest, ops.divide(low, scale))), smallest, largest)
    found = _rounded(ops.add(ops.round(ops.divide(blocks, scale)), zero), value_range, dtype)
    quantized = ops.reshape(found, (groups * block_size, columns))[:rows]
    return quantized, ops.cast(ops.squeeze(scale, 1), given), ops.cast(ops.squeeze(zero, 1), dtype)


def dequantize_grouped(quantized: Tensor, scale: Tensor, zero: Tensor, group: Tensor, axis: int = 0) -> Tensor:
    """``(quantized - zero) * scale`` with the scale and zero point of each row's group.

    Args:
        quantized: tensor of shape (rows, columns).
        scale: tensor of shape (groups, columns).
        zero: tensor of shape (groups, columns).
        group: the group of each row, shape (rows,).
        axis: 0; 1 if rows and columns have changed places in all of them.
    """
    group = ops.cast(group, "int32")
    scale, zero = ops.take(scale, group, axis=axis), ops.take(zero, group, axis=axis)
    dtype = scale.dtype
    return ops.multiply(ops.subtract(ops.cast(quantized, dtype), ops.cast(zero, dtype)), scale)


# ---- two numbers in a byte ------------------------------------------------------------------------------------------


def _nibbles(name: str, dtype: str) -> str:
    found = standardize(dtype)
    if found not in ("int8", "uint8"):
        raise DTypeError(f"[{name}] expected dtype int8 or uint8, got {found}.")
    return found


def pack_int4(arr: Tensor | np.ndarray, axis: int = 0, dtype: str = "int8") -> tuple[Tensor, tuple[int, ...], int]:
    """Two numbers of 4 bits in each byte: the first of a pair in the low bits.

    Args:
        arr: tensor of `dtype` with values from -8 to 7 (int8), or 0 to 15 (uint8).
        axis: axis along which neighbours form a pair.
        dtype: "int8" or "uint8".

    Returns:
        (packed, its shape, the size of the axis before); an odd size is filled up with a zero.

    Raises:
        DTypeError: for another dtype.

    Example:

    >>> import kfront, numpy as np
    >>> packed, shape, size = kfront.quantizers.pack_int4(np.array([1, -1, 3], "int8"))
    >>> kfront.ops.convert_to_numpy(packed).tolist(), shape, size
    ([-15, 3], (2,), 3)
    """
    dtype = _nibbles("pack_int4", dtype)
    x = ops.convert_to_tensor(arr)
    if dtype_of(x) != dtype:
        raise DTypeError(f"[pack_int4] expected a tensor of dtype {dtype}, got {dtype_of(x)}.")
    axis = axis_of(axis, len(x.shape))
    size = x.shape[axis]
    if size % 2:
        x = ops.pad(x, [(0, int(i == axis)) for i in range(len(x.shape))])
    low, high = (ops.take(x, np.arange(i, size + size % 2, 2), axis=axis) for i in (0, 1))
    packed = ops.bitwise_or(ops.bitwise_and(low, ops.cast(15, dtype)), ops.left_shift(high, ops.cast(4, dtype)))
    packed = ops.cast(packed, dtype)
    return packed, tuple(packed.shape), size


def unpack_int4(packed: Tensor, orig_len: int, axis: int = 0, dtype: str = "int8") -> Tensor:
    """What `pack_int4` packed.

    Args:
        packed: tensor of `dtype`.
        orig_len: size of the axis before packing.
        axis: the axis.
        dtype: "int8" (values from -8 to 7) or "uint8" (0 to 15).

    Raises:
        DTypeError: for another dtype.

    Example:

    >>> import kfront, numpy as np
    >>> kfront.ops.convert_to_numpy(kfront.quantizers.unpack_int4(np.array([-15, 3], "int8"), 3)).tolist()
    [1, -1, 3]
    """
    dtype = _nibbles("unpack_int4", dtype)
    x = ops.convert_to_tensor(packed)
    if dtype_of(x) != dtype:
        raise DTypeError(f"[unpack_int4] expected a tensor of dtype {dtype}, got {dtype_of(x)}.")
    axis = axis_of(axis, len(x.shape))
    four = ops.cast(4, dtype)
    low = ops.right_shift(ops.left_shift(x, four), four)  # arithmetic for int8: the sign comes along
    both = ops.stack([low, ops.right_shift(x, four)], axis=axis + 1)
    shape = list(x.shape)
    shape[axis] *= 2
    both = ops.cast(ops.reshape(both, shape), dtype)
    return both if shape[axis] == orig_len else ops.take(both, np.arange(orig_len), axis=axis)


# ---- pretending, in training ----------------------------------------------------------------------------------------


def fake_quant_with_min_max_vars(
    inputs: TensorLike,
    min_vals: TensorLike,
    max_vals: TensorLike,
    num_bits: int = 8,
    narrow_range: bool = False,
    axis: int | None = None,
) -> Tensor:
    """The values that `inputs` would have after quantization to a range and back, with gradients through it.

    The range is moved a little so that 0 is one of its values (https://arxiv.org/abs/1712.05877, section 3). Inputs
    within it have slope 1; what lies below or above passes its gradient to the end of the range.

    Args:
        inputs: floating tensor; halves are computed in float32.
        min_vals: start of the range: a scalar, or one per channel, of shape (inputs.shape[axis],).
        max_vals: end of the range, likewise.
        num_bits: bits of the quantized values.
        narrow_range: whether the quantized values start at 1 instead of 0.
        axis: the channel axis, None for one range.

    Returns:
        tensor like `inputs`.

    Example:

    >>> import kfront
    >>> x = kfront.ops.array([-1.0, 0.25, 9.0])
    >>> y = kfront.quantizers.fake_quant_with_min_max_vars(x, 0.0, 3.0, num_bits=2)
    >>> kfront.ops.convert_to_numpy(y).tolist()
    [0.0, 0.0, 3.0]
    """
    who = "fake_quant_with_min_max_vars"
    num_bits = positive(who, "num_bits", num_bits)
    if axis is not None:
        whole(who, "axis", axis)
    x = ops.convert_to_tensor(inputs)
    kind = dtype_of(x)
    if kind in ("float16", "bfloat16"):
        exact = fake_quant_with_min_max_vars(ops.cast(x, "float32"), min_vals, max_vals, num_bits, narrow_range, axis)
        return ops.cast(exact, kind)
    low, high = ops.cast(min_vals, kind), ops.cast(max_vals, kind)
    if axis is not None:
        axis = axis_of(axis, len(x.shape))
        shape = [-1 if i == axis else 1 for i in range(len(x.shape))]
        low, high = ops.reshape(low, shape), ops.reshape(high, shape)
    keep = tuple(i for i in range(len(x.shape)) if i != axis)
    first, last = float(bool(narrow_range)), float(2**num_bits - 1)

    @ops.custom_gradient
    def pretend(x: Tensor, low: Tensor, high: Tensor) -> tuple[Tensor, AnyCallable]:
        scale = ops.divide(ops.subtract(high, low), last - first)
        zero = ops.clip(ops.round(ops.subtract(first, ops.divide(low, scale))), first, last)
        least, most = (ops.multiply(ops.subtract(end, zero), scale) for end in (first, last))
        inside = ops.clip(x, least, most)
        steps = ops.floor(ops.add(ops.divide(ops.subtract(inside, least), scale), 0.5))
        y = ops.add(ops.multiply(steps, scale), least)

        def grad(*args: Tensor, upstream: Tensor | None = None) -> tuple[Tensor, ...]:
            dy = args[0] if upstream is None else upstream
            below, above = ops.cast(ops.less(x, least), dy.dtype), ops.cast(ops.greater(x, most), dy.dtype)
            within = ops.subtract(1.0, ops.add(below, above))
            ends = [ops.sum(ops.multiply(dy, part), axis=keep) for part in (below, above)]
            return ops.multiply(dy, within), ops.reshape(ends[0], low.shape), ops.reshape(ends[1], high.shape)

        return y, grad

    return pretend(x, low, high)


# ---- float8 ----------------------------------------------------------------------------------------------------------


def compute_float8_scale(amax: TensorLike, scale: TensorLike, dtype_max: float, margin: int = 0) -> Tensor:
    """The scale that brings values up to `amax` into the range of a float8 dtype.

    Args:
        amax: largest absolute value seen.
        scale: the scale so far, which is kept where `amax` is not positive and finite.
        dtype_max: largest value of the dtype.
        margin: how many powers of two stay free.

    Returns:
        tensor like `scale`; values are divided by it.

    Reference: Micikevicius et al., 2022, https://arxiv.org/abs/2209.05433.

    Example:

    >>> import kfront
    >>> float(kfront.quantizers.compute_float8_scale(896.0, 1.0, dtype_max=448.0))
    2.0
    """
    amax, scale = ops.convert_to_tensor(amax), ops.convert_to_tensor(scale)
    usable = ops.logical_and(ops.greater(amax, 0.0), ops.isfinite(amax))
    return ops.where(usable, ops.divide(ops.multiply(amax, 2.0**margin), dtype_max), scale)


def compute_float8_amax_history(x: TensorLike, amax_history: TensorLike) -> Tensor:
    """The history of largest absolute values, moved on by one, with that of `x` in front.

    Args:
        x: tensor.
        amax_history: tensor of shape (length,).

    Returns:
        tensor like `amax_history`.

    Example:

    >>> import kfront
    >>> history = kfront.quantizers.compute_float8_amax_history([-3.0, 1.0], [4.0, 5.0, 0.0])
    >>> kfront.ops.convert_to_numpy(history).tolist()
    [3.0, 0.0, 4.0]
    """
    history = ops.convert_to_tensor(amax_history)
    newest = ops.cast(ops.max(ops.abs(ops.convert_to_tensor(x))), history.dtype)
    return ops.concatenate([ops.reshape(newest, (1,)), ops.roll(history, -1)[1:]])


def quantize_and_dequantize(inputs: TensorLike, scale: TensorLike, quantized_dtype: str, compute_dtype: str) -> Tensor:
    """The values that `inputs` have after a conversion to float8 and back.

    Args:
        inputs: floating tensor.
        scale: what values are divided by.
        quantized_dtype: "float8_e4m3fn" or "float8_e5m2".
        compute_dtype: dtype of the result.

    Returns:
        tensor of `compute_dtype` and of the shape of `inputs`.

    Example:

    >>> import kfront
    >>> x = kfront.ops.array([1.06, 1000.0])
    >>> y = kfront.quantizers.quantize_and_dequantize(x, 1.0, "float8_e4m3fn", "float32")
    >>> kfront.ops.convert_to_numpy(y).tolist()
    [1.0, 448.0]
    """
    low, high = limits(standardize(quantized_dtype))
    scale = ops.cast(scale, compute_dtype)
    scaled = ops.divide(ops.cast(inputs, compute_dtype), scale)
    small = ops.cast(ops.clip(scaled, low, high), quantized_dtype)
    return ops.multiply(ops.cast(small, compute_dtype), scale)
