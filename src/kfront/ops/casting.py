"""Changes of dtype that do more than `cast`."""

from __future__ import annotations

from typing import Any

from kfront.core.dtypes import FLOATS, numpy_dtype, standardize
from kfront.core.errors import ShapeError
from kfront.core.op import op
from kfront.core.spec import Abstract, KerasTensor
from kfront.core.typing import DTypeLike, Tensor, TensorLike
from kfront.ops import primitives as p
from kfront.ops.arithmetic import clip
from kfront.ops.primitives.arguments import missing, optional_dtype


@op(home="core")
def saturate_cast(x: TensorLike, dtype: DTypeLike) -> Tensor:
    """Cast with values out of the target's range set to its nearest bound.

    Args:
        x: tensor of any shape.
        dtype: dtype name.

    Returns:
        tensor of the shape of `x`.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.saturate_cast(ops.array([300.0, -5.0]), "uint8")).tolist()
    [255, 0]
    """
    dtype = standardize(dtype)
    have = p.dtype_of(x)
    (low, high), (own_low, own_high) = p.limits(dtype), p.limits(have)
    low, high = max(low, own_low), min(high, own_high)
    if have in FLOATS and dtype not in FLOATS:
        low, high = p.float_inside(low, have), p.float_inside(high, have)
    return p.cast(clip(x, low, high), dtype)


_HALF = ("float16", "bfloat16", "float8_e4m3fn", "float8_e5m2")


def widen(x: Any) -> Tensor:
    """`x` in float32 if it is a half: sums of halves are not accurate."""
    return p.cast(x, "float32") if p.dtype_of(x) in _HALF else x


def _width(dtype: str) -> int:
    return numpy_dtype(dtype).itemsize


@op(prepare={"dtype": optional_dtype}, home="numpy")
def view(x: Tensor, dtype: DTypeLike = None) -> Tensor:
    """The same bytes, read as another dtype.

    Args:
        x: tensor of shape (..., n).
        dtype: dtype name; that of `x` if None.

    Returns:
        tensor whose last axis is longer or shorter when the sizes of the dtypes differ.

    Raises:
        ShapeError: if the last axis does not hold a whole number of elements.

    Example:

    >>> from kfront import ops
    >>> tuple(ops.view(ops.ones((2, 4), "float32"), "int32").shape)
    (2, 4)
    """
    have = p.dtype_of(x)
    if dtype is None or dtype == have:
        return x
    if not isinstance(x, KerasTensor):
        return missing("view")
    old, new, s = _width(have), _width(str(dtype)), tuple(x.shape)
    if old == new:
        return Abstract(s, dtype)
    if not s or (s[-1] is not None and s[-1] * old % new):
        raise ShapeError(f"[view] expected a last axis of whole {dtype} elements, got shape {s} of {have}.")
    return Abstract((*s[:-1], None if s[-1] is None else s[-1] * old // new), dtype)
