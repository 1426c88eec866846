"""What the files of the adapter share: dtypes, axes, where values are known."""

from __future__ import annotations

import copyreg
from collections.abc import Sequence
from typing import Any

import ml_dtypes
import mlx.core as mx
import numpy as np

from kfront.backends.typing import Axes, Function
from kfront.core.dtypes import standardize
from kfront.core.typing import DTypeLike, ShapeLike

DTYPES: dict[str, mx.Dtype] = {
    name: getattr(mx, "bool_" if name == "bool" else name)
    for name in (
        "bool", "uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64",
        "float16", "bfloat16", "float32", "float64", "complex64",
    )
}  # fmt: skip
NAMES = {dtype: name for name, dtype in DTYPES.items()}
copyreg.pickle(mx.Dtype, lambda dtype: (native, (NAMES[dtype],)))  # layers keep dtypes, and are copied  # type: ignore[arg-type]
HALVES = frozenset((mx.float16, mx.bfloat16))
FLOATING = frozenset((mx.float16, mx.bfloat16, mx.float32, mx.float64))
UNSIGNED = frozenset((mx.uint8, mx.uint16, mx.uint32, mx.uint64))
INTEGERS = frozenset((mx.int8, mx.int16, mx.int32, mx.int64)) | UNSIGNED
_NARROW = {"complex128": "complex64"}


def wide_floats() -> bool:
    """Whether there is float64: on the CPU, not on Apple's GPUs."""
    return mx.default_device() == mx.cpu


def canonical(dtype: DTypeLike) -> str:
    """The name of the dtype that is stored for `dtype`."""
    name = standardize(dtype)
    if name == "float64" and not wide_floats():
        return "float32"
    return _NARROW.get(name, name)


def native(dtype: DTypeLike) -> mx.Dtype:
    """MLX's dtype that is stored for `dtype`."""
    found = DTYPES.get(dtype) if dtype.__class__ is str and dtype != "float64" else None
    return found or DTYPES[canonical(dtype)]


def lift(x: np.ndarray | np.generic, dtype: str | None = None) -> mx.array:
    """An array of a NumPy array, in `dtype` or its own."""
    kind = native(x.dtype.name if dtype is None else dtype)
    if x.dtype == np.complex128:
        x = x.astype(np.complex64)
    if x.dtype.kind in "fiu" and not x.dtype.isnative:
        x = x.astype(x.dtype.newbyteorder("="))
    if dtype is not None and x.dtype.name != NAMES[kind] and x.dtype.kind in "fVc":
        x = x.astype(NAMES[kind])  # MLX would take float64 for float32 on the way
    return mx.array(np.ascontiguousarray(x) if x.ndim else np.asarray(x), kind)


def to_numpy(x: mx.array) -> np.ndarray:
    """The value; bfloat16, of which the buffer protocol knows nothing, by its bits."""
    if x.dtype == mx.bfloat16:
        return np.array(x.view(mx.uint16)).view(ml_dtypes.bfloat16)
    return np.array(x)


def axes(axis: Axes) -> int | list[int] | None:
    """An axis argument as MLX takes it."""
    return list(axis) if axis.__class__ is tuple else axis


def every_axis(x: mx.array, axis: Axes) -> list[int]:
    """The axes meant, counted from 0."""
    if axis is None:
        return list(range(x.ndim))
    return [a % x.ndim for a in ((axis,) if isinstance(axis, (int, np.integer)) else axis)]


def dims(shape: ShapeLike) -> tuple[int, ...]:
    """A shape as ints; entries may be 0-d arrays whose values are known."""
    return tuple(int(d) for d in (shape if isinstance(shape, (tuple, list)) else (shape,)))


def known(x: object) -> bool:
    """Whether the value of `x` can be read: it is no argument of what `mx.compile` or `mx.vmap` traces."""
    if not isinstance(x, mx.array):
        return True
    try:
        mx.eval(x)
    except ValueError:
        return False
    return True


def per_axis(value: int | Sequence[int], n: int) -> tuple[int, ...]:
    """`value` once per spatial axis."""
    return (value,) * n if isinstance(value, int) else tuple(int(v) for v in value)


def in_float32(fn: Function[mx.array]) -> Function[mx.array]:
    """`fn` with its first operand in float32 where it is a half: sums and decompositions need the digits."""

    def run(x: mx.array, *args: Any) -> Any:
        kind = x.dtype
        if kind not in HALVES:
            return fn(x, *args)
        args = tuple(a.astype(mx.float32) if isinstance(a, mx.array) and a.dtype == kind else a for a in args)
        out = fn(x.astype(mx.float32), *args)
        if isinstance(out, tuple):
            return tuple(v.astype(kind) if v.dtype == mx.float32 else v for v in out)
        return out.astype(kind) if out.dtype == mx.float32 else out

    return run


def summed(fn: Function[mx.array]) -> Function[mx.array]:
    """As `in_float32`; on the CPU, where MLX adds up one by one, float32 in float64."""
    half = in_float32(fn)

    def run(x: mx.array, *args: Any) -> mx.array:
        if x.dtype == mx.float32 and wide_floats():
            return fn(x.astype(mx.float64), *args).astype(mx.float32)
        return half(x, *args)

    return run


def limits(dtype: mx.Dtype) -> tuple[Any, Any]:
    """What no number of a dtype is below, and above."""
    if dtype == mx.bool_:
        return False, True
    if dtype in FLOATING:
        return -np.inf, np.inf
    info = mx.iinfo(dtype)
    return info.min, info.max


def number(value: float, dtype: mx.Dtype) -> mx.array:
    """A 0-d array."""
    return mx.array(value, dtype)
