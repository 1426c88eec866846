"""`cast`, and what is known of dtypes and of the dtype of a tensor."""

# pyright: reportReturnType=false
# (primitives have no body: each engine has its own)

from __future__ import annotations

import math
from typing import Any

from kfront.core import shapes
from kfront.core.dtypes import is_float, result_type, static_rule
from kfront.core.op import op
from kfront.core.spec import KerasTensor
from kfront.core.state import state
from kfront.core.typing import DTypeLike, Tensor, TensorLike
from kfront.ops.primitives.arguments import dtype_name


@static_rule
def _cast_rule(dtypes: tuple[object, ...], dtype: DTypeLike) -> tuple[object, object]:
    return None, dtype


_cast_rule.keeps = True  # type: ignore[attr-defined]


@op(dtype=_cast_rule, shape=shapes.same, prepare={"dtype": dtype_name}, zeros="kept", home="core")
def cast(x: TensorLike, dtype: DTypeLike) -> Tensor:
    """The same values in another dtype.

    Args:
        x: tensor of any shape.
        dtype: dtype name; floating to integer truncates, to bool is `x != 0`.

    Returns:
        tensor of the shape of `x`.

    Raises:
        DTypeError: if there is no such dtype.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.cast(ops.array([1.7, -1.7]), "int32")).tolist()
    [1, -1]
    """


def dtype_of(x: Any) -> str:
    """The dtype name of a tensor, symbolic or native, or of a Python scalar."""
    if isinstance(x, KerasTensor):
        return x.dtype
    if isinstance(x, (bool, int, float)):
        return result_type(type(x))
    return state.backend.dtype_name(x.dtype)


# tables, because torch.compile cannot look into ml_dtypes.finfo
_LARGEST = {
    "float16": 65504.0,
    "bfloat16": 2.0**128 - 2.0**120,
    "float32": 2.0**128 - 2.0**104,
    "float64": 1.7976931348623157e308,
    "float8_e4m3fn": 448.0,
    "float8_e5m2": 57344.0,
}
_PRECISION = {"float16": 11, "bfloat16": 8, "float32": 24, "float64": 53, "float8_e4m3fn": 4, "float8_e5m2": 3}


def limits(dtype: str) -> tuple[Any, Any]:
    """Smallest and largest finite number of a dtype, as Python numbers."""
    if dtype == "bool":
        return 0, 1
    if dtype in _LARGEST:
        return -_LARGEST[dtype], _LARGEST[dtype]
    bits = int(dtype.lstrip("uint"))
    return (0, 2**bits - 1) if dtype.startswith("u") else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)


def eps(dtype: str) -> float:
    """Distance from 1 to the next larger number of a floating dtype."""
    return 2.0 ** (1 - _PRECISION[dtype])


def float_inside(bound: Any, dtype: str) -> float:
    """The number of a floating dtype nearest to an integer bound that does not lie outside of it."""
    if isinstance(bound, float):
        return bound
    size = -bound if bound < 0 else bound
    cut = max(size.bit_length() - _PRECISION[dtype], 0)
    return math.copysign(size >> cut << cut, bound)


def is_floating(x: TensorLike) -> bool:
    """Whether the dtype of a tensor is a real floating one."""
    return is_float(dtype_of(x))
