"""Elementwise ops, reductions, creation and casts on torch; each name is the op of that name in `kfront.ops`."""

from __future__ import annotations

import builtins
from typing import Any

import torch

from kfront.backends.torch.common import TORCH, axes_of, current_device, native
from kfront.core.dtypes import WEAK, result_type, standardize
from kfront.core.sparse import sparse_bincount

Tensor = torch.Tensor
_INTS = frozenset((torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64, torch.bool))
_UNSIGNED_MASK = {"uint16": 0xFFFF, "uint32": 0xFFFFFFFF}
_SIGNED = frozenset((torch.int8, torch.int16, torch.int32, torch.int64))

# ---- elementwise, one operand ----------------------------------------------------------------------------------------

exp, expm1, exp2 = torch.exp, torch.expm1, torch.exp2
log, log1p, log2, log10 = torch.log, torch.log1p, torch.log2, torch.log10
sqrt, rsqrt, reciprocal = torch.sqrt, torch.rsqrt, torch.reciprocal
sin, cos, tan = torch.sin, torch.cos, torch.tan
sinh, cosh, tanh = torch.sinh, torch.cosh, torch.tanh
arcsin, arccos, arctan = torch.asin, torch.acos, torch.atan
arcsinh, arccosh, arctanh = torch.asinh, torch.acosh, torch.atanh
erf, erfinv = torch.erf, torch.erfinv
sigmoid, square = torch.sigmoid, torch.square
isnan, isinf, isfinite = torch.isnan, torch.isinf, torch.isfinite
isposinf, isneginf = torch.isposinf, torch.isneginf
erfc, sinc, i0, nextafter = torch.erfc, torch.sinc, torch.i0, torch.nextafter
to_complex = torch.complex
logical_not, bitwise_invert = torch.logical_not, torch.bitwise_not
relu, negative = torch.relu, torch.neg
deg2rad, rad2deg = torch.deg2rad, torch.rad2deg


floor, ceil = torch.floor, torch.ceil


def abs(x: Tensor) -> Tensor:
    return x if x.dtype is torch.bool else torch.abs(x)


def sign(x: Tensor) -> Tensor:
    if x.is_floating_point():
        return torch.where(torch.isnan(x), x, torch.sign(x))  # torch.sign gives 0 for NaN
    return torch.sign(x)


def complex_parts(x: Tensor) -> tuple[Tensor, Tensor]:
    return x.real, x.imag


def view(x: Tensor, dtype: str | None = None) -> Tensor:
    return x if dtype is None else x.view(native(dtype))


def trunc(x: Tensor) -> Tensor:
    return torch.trunc(x) if x.is_floating_point() else x


def round(x: Tensor, decimals: int = 0) -> Tensor:
    if x.dtype not in _INTS:
        return torch.round(x, decimals=decimals) if decimals else torch.round(x)
    if decimals >= 0:
        return x
    return torch.round(x.to(torch.float64), decimals=decimals).to(x.dtype)


def cast(x: Tensor, dtype: Any) -> Tensor:
    to = TORCH.get(dtype) if type(dtype) is str else None
    if to is None:
        dtype = standardize(dtype)
        to = TORCH[dtype]
    mask = _UNSIGNED_MASK.get(dtype)
    if mask is not None and x.dtype in _SIGNED:
        return torch.bitwise_and(x.to(torch.int64), mask).to(to)
    if x.is_complex() and not to.is_complex:
        x = torch.real(x) if to is not torch.bool else x
    return x.to(to)


def nan_to_num(x: Tensor, nan: Any = 0.0, posinf: Any = None, neginf: Any = None) -> Tensor:
    if isinstance(nan, Tensor) or isinstance(posinf, Tensor) or isinstance(neginf, Tensor):
        ends = torch.finfo(x.dtype)
        x = torch.where(torch.isnan(x), nan, x)
        x = torch.where(torch.isposinf(x), ends.max if posinf is None else posinf, x)
        return torch.where(torch.isneginf(x), ends.min if neginf is None else neginf, x)
    return torch.nan_to_num(x, nan, posinf, neginf)


# ---- elementwise, two operands ---------------------------------------------------------------------------------------

add, subtract, multiply, divide = torch.add, torch.sub, torch.mul, torch.div
power, mod = torch.pow, torch.remainder
maximum, minimum = torch.maximum, torch.minimum
arctan2, logaddexp = torch.atan2, torch.logaddexp  # torch.hypot has NaN as gradient at (0, 0)
logical_and, logical_or = torch.logical_and, torch.logical_or
bitwise_and, bitwise_or, bitwise_xor = torch.bitwise_and, torch.bitwise_or, torch.bitwise_xor
left_shift, right_shift = torch.bitwise_left_shift, torch.bitwise_right_shift


def floor_divide(x1: Any, x2: Any) -> Tensor:
    if type(x1) in WEAK:  # torch.floor_divide has no derivative, which is 0
        return torch.floor_divide(x1, x2.detach())
    return torch.div(x1, x2, rounding_mode="floor")


def equal(x1: Any, x2: Any) -> Tensor:
    return torch.eq(x2, x1) if type(x1) in WEAK else torch.eq(x1, x2)


def not_equal(x1: Any, x2: Any) -> Tensor:
    return torch.ne(x2, x1) if type(x1) in WEAK else torch.ne(x1, x2)


def less(x1: Any, x2: Any) -> Tensor:
    return torch.gt(x2, x1) if type(x1) in WEAK else torch.lt(x1, x2)


def less_equal(x1: Any, x2: Any) -> Tensor:
    return torch.ge(x2, x1) if type(x1) in WEAK else torch.le(x1, x2)


def greater(x1: Any, x2: Any) -> Tensor:
    return torch.lt(x2, x1) if type(x1) in WEAK else torch.gt(x1, x2)


def greater_equal(x1: Any, x2: Any) -> Tensor:
    return torch.le(x2, x1) if type(x1) in WEAK else torch.ge(x1, x2)


where = torch.where


def nonzero(x: Tensor) -> tuple[Tensor, ...]:
    return tuple(i.to(torch.int32) for i in torch.nonzero(x, as_tuple=True))


def clip(x: Any, x_min: Any, x_max: Any) -> Tensor:
    if x_min is None and x_max is None:
        return x
    low, high = isinstance(x_min, Tensor), isinstance(x_max, Tensor)
    if low or high or not isinstance(x, Tensor):
        x_min = x_min if x_min is None or low else torch.as_tensor(x_min)
        x_max = x_max if x_max is None or high else torch.as_tensor(x_max)
        x = x if isinstance(x, Tensor) else torch.as_tensor(x)
    return torch.clamp(x, x_min, x_max)


# ---- reductions ------------------------------------------------------------------------------------------------------


def sum(x: Tensor, axis: Any = None, keepdims: bool = False) -> Tensor:
    if axis == ():
        return x
    return torch.sum(x, axis, keepdims, dtype=x.dtype)


def mean(x: Tensor, axis: Any = None, keepdims: bool = False) -> Tensor:
    if axis == ():
        return x
    return torch.mean(x, axis, keepdims)


def prod(x: Tensor, axis: Any = None, keepdims: bool = False, dtype: Any = None) -> Tensor:
    kind = x.dtype if dtype is None else native(dtype)
    if type(axis) is int:
        return torch.prod(x, axis, keepdims, dtype=kind)
    for a in sorted(axes_of(axis, x.ndim), reverse=True):
        x = torch.prod(x, a, keepdims, dtype=kind)
    return x.to(kind)


def max(x: Tensor, axis: Any = None, keepdims: bool = False, initial: Any = None) -> Tensor:
    return _extreme(torch.amax, torch.maximum, x, axis, keepdims, initial)


def min(x: Tensor, axis: Any = None, keepdims: bool = False, initial: Any = None) -> Tensor:
    return _extreme(torch.amin, torch.minimum, x, axis, keepdims, initial)


amax, amin = max, min


def _extreme(reduce: Any, pick: Any, x: Tensor, axis: Any, keepdims: bool, initial: Any) -> Tensor:
    if initial is None:
        return x if axis == () else reduce(x, () if axis is None else axis, keepdims)
    start = torch.as_tensor(initial, dtype=x.dtype, device=x.device)
    axes = axes_of(axis, x.ndim)
    if x.numel() == 0:
        shape = [1 if i in axes else n for i, n in enumerate(x.shape)]
        out = start.expand(shape)
        return out if keepdims else out.reshape([n for i, n in enumerate(shape) if i not in axes])
    return pick(reduce(x, axes, keepdims) if axes else x, start)


def argmax(x: Tensor, axis: Any = None, keepdims: bool = False) -> Tensor:
    if x.dtype is torch.bool:
        x = x.to(torch.uint8)
    return torch.argmax(x, axis, keepdims).to(torch.int32)


def argmin(x: Tensor, axis: Any = None, keepdims: bool = False) -> Tensor:
    if x.dtype is torch.bool:
        x = x.to(torch.uint8)
    return torch.argmin(x, axis, keepdims).to(torch.int32)


def all(x: Tensor, axis: Any = None, keepdims: bool = False) -> Tensor:
    if axis == ():
        return x
    return torch.all(x, tuple(axis) if axis.__class__ is list else axis, keepdims)


def any(x: Tensor, axis: Any = None, keepdims: bool = False) -> Tensor:
    if axis == ():
        return x
    return torch.any(x, tuple(axis) if axis.__class__ is list else axis, keepdims)


def count_nonzero(x: Any, axis: Any = None) -> Tensor:
    some = torch.as_tensor(x) != 0
    return some.to(torch.int32) if axis == () else torch.sum(some, axis, dtype=torch.int32)


def var(x: Tensor, axis: Any = None, keepdims: bool = False) -> Tensor:
    if axis == ():
        return torch.zeros_like(x)
    return torch.var(x, axis, correction=0, keepdim=keepdims)


def std(x: Tensor, axis: Any = None, keepdims: bool = False) -> Tensor:
    if axis == ():
        return torch.zeros_like(x)
    return torch.std(x, axis, correction=0, keepdim=keepdims)


def cumsum(x: Tensor, axis: Any = None, dtype: Any = None) -> Tensor:
    if axis is None:
        x, axis = x.reshape(-1), 0
    return torch.cumsum(x, axis, dtype=x.dtype if dtype is None else native(dtype))


def cumprod(x: Tensor, axis: Any = None, dtype: Any = None) -> Tensor:
    if axis is None:
        x, axis = x.reshape(-1), 0
    return torch.cumprod(x, axis, dtype=x.dtype if dtype is None else native(dtype))


def logsumexp(x: Tensor, axis: Any = None, keepdims: bool = False) -> Tensor:
    return torch.logsumexp(x, tuple(range(x.ndim)) if axis is None else axis, keepdims)


def sort(x: Tensor, axis: Any = -1) -> Tensor:
    if axis is None:
        x, axis = x.reshape(-1), 0
    return torch.sort(x, axis)[0]


def argsort(x: Tensor, axis: Any = -1) -> Tensor:
    if axis is None:
        x, axis = x.reshape(-1), 0
    return torch.argsort(x, dim=axis, stable=True).to(torch.int32)


def top_k(x: Tensor, k: int, sorted: bool = True) -> tuple[Tensor, Tensor]:
    # Which of equal values torch.topk takes is not defined, the other engines take the first. A stable sort does too
    # but is 20 times slower on the CPU: there it is kept for values that are equal among the first k + 1.
    # https://docs.pytorch.org/docs/stable/generated/torch.topk.html
    if x.dtype is not torch.bool and 16 < x.shape[-1] > k and x.is_cpu and not torch.compiler.is_compiling():
        best, indices = torch.topk(x.detach(), k + 1, -1, True, True)
        if not bool(torch.any(best[..., 1:] == best[..., :-1])):
            indices = indices[..., :k]
            return torch.gather(x, -1, indices), indices.to(torch.int32)
    values, indices = torch.sort(x, dim=-1, descending=True, stable=True)
    return values[..., :k], indices[..., :k].to(torch.int32)


def searchsorted(sorted_sequence: Tensor, values: Tensor, side: str = "left") -> Tensor:
    if values.dtype is not sorted_sequence.dtype:
        kind = torch.promote_types(values.dtype, sorted_sequence.dtype)
        values, sorted_sequence = values.to(kind), sorted_sequence.to(kind)
    return torch.searchsorted(sorted_sequence.contiguous(), values.contiguous(), side=side, out_int32=True)


def bincount(x: Tensor, weights: Tensor | None = None, minlength: int = 0, sparse: bool = False) -> Tensor:
    minlength = minlength or 0
    if x.ndim == 1 and weights is None and not sparse:
        return torch.bincount(x, minlength=minlength).to(torch.int32)
    size = minlength if x.numel() == 0 else builtins.max(int(x.max()) + 1, minlength)
    if sparse:
        return sparse_bincount(x, weights, size)
    index = x.to(torch.int64)
    if weights is None:
        source = torch.ones_like(x, dtype=torch.int32)
    else:
        source = weights if weights.shape == x.shape else weights.expand(x.shape)
    out = torch.zeros((*x.shape[:-1], size), dtype=source.dtype, device=x.device)
    return out.scatter_add(-1, index, source)


# ---- creation --------------------------------------------------------------------------------------------------------


def zeros(shape: Any, dtype: Any = None) -> Tensor:
    return torch.zeros(shape, dtype=native(dtype), device=current_device())


def ones(shape: Any, dtype: Any = None) -> Tensor:
    return torch.ones(shape, dtype=native(dtype), device=current_device())


def full(shape: Any, fill_value: Any, dtype: Any = None) -> Tensor:
    kind = native(dtype)
    if isinstance(fill_value, (bool, int, float, complex)):
        return torch.full(shape, fill_value, dtype=kind, device=current_device())
    fill_value = fill_value.value if hasattr(fill_value, "_is_variable") else fill_value
    return torch.as_tensor(fill_value, device=current_device()).to(kind).expand(shape).clone()


def _tensor(x: Any) -> Tensor:
    """Operands of ops without a dtype rule may be Python scalars."""
    return x if isinstance(x, Tensor) else torch.tensor(x, dtype=native(result_type(type(x))))


def zeros_like(x: Any, dtype: Any = None) -> Tensor:
    return torch.zeros_like(_tensor(x), dtype=None if dtype is None else native(dtype))


def ones_like(x: Any, dtype: Any = None) -> Tensor:
    return torch.ones_like(_tensor(x), dtype=None if dtype is None else native(dtype))


def arange(start: Any, stop: Any, step: Any, dtype: Any) -> Tensor:
    kind = native(dtype)
    if kind is torch.bool:
        return torch.arange(start, stop, step, device=current_device()).to(kind)
    return torch.arange(start, stop, step, dtype=kind, device=current_device())


def eye(N: int, M: int | None = None, k: int = 0, dtype: Any = None) -> Tensor:
    M = N if M is None else M
    if not k:
        return torch.eye(N, M, dtype=native(dtype), device=current_device())
    rows = torch.arange(N, device=current_device())[:, None]
    return (torch.arange(M, device=current_device()) - rows == k).to(native(dtype))
