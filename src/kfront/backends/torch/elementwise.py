"""Elementwise ops and casts on torch; each name is the op of that name in `kfront.ops`."""

from __future__ import annotations

import itertools

import numpy as np
import torch
from torch.autograd.function import FunctionCtx

from kfront.backends.torch.common import TORCH, native
from kfront.core.dtypes import WEAK, standardize
from kfront.core.typing import DTypeLike

Tensor = torch.Tensor
_INTS = frozenset((torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64, torch.bool))
_UNSIGNED_MASK = {"uint16": 0xFFFF, "uint32": 0xFFFFFFFF}
_SIGNED = frozenset((torch.int8, torch.int16, torch.int32, torch.int64))


# ---- one operand -----------------------------------------------------------------------------------------------------

exp, expm1, exp2 = torch.exp, torch.expm1, torch.exp2
log, log1p, log2, log10 = torch.log, torch.log1p, torch.log2, torch.log10
sqrt, rsqrt, reciprocal = torch.sqrt, torch.rsqrt, torch.reciprocal
sin, cos, tan = torch.sin, torch.cos, torch.tan
sinh, cosh, tanh = torch.sinh, torch.cosh, torch.tanh
arcsin, arccos, arctan = torch.asin, torch.acos, torch.atan
arcsinh, arccosh, arctanh = torch.asinh, torch.acosh, torch.atanh
erf, erfinv, lgamma = torch.erf, torch.erfinv, torch.lgamma
sigmoid, square = torch.sigmoid, torch.square
isnan, isinf, isfinite = torch.isnan, torch.isinf, torch.isfinite
isposinf, isneginf = torch.isposinf, torch.isneginf
erfc, i0, nextafter = torch.erfc, torch.i0, torch.nextafter
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


def cast(x: Tensor, dtype: DTypeLike) -> Tensor:
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


def nan_to_num(x: Tensor, nan: Tensor | float, posinf: Tensor | float | None, neginf: Tensor | float | None) -> Tensor:
    if isinstance(nan, Tensor) or isinstance(posinf, Tensor) or isinstance(neginf, Tensor):
        ends = torch.finfo(x.dtype)
        x = torch.where(torch.isnan(x), nan, x)
        x = torch.where(torch.isposinf(x), ends.max if posinf is None else posinf, x)
        return torch.where(torch.isneginf(x), ends.min if neginf is None else neginf, x)
    return torch.nan_to_num(x, nan, posinf, neginf)


# ---- two operands ----------------------------------------------------------------------------------------------------

add, subtract, multiply, divide = torch.add, torch.sub, torch.mul, torch.div
power, mod = torch.pow, torch.remainder
maximum, minimum = torch.maximum, torch.minimum
arctan2, logaddexp = torch.atan2, torch.logaddexp
logical_and, logical_or = torch.logical_and, torch.logical_or
bitwise_and, bitwise_or, bitwise_xor = torch.bitwise_and, torch.bitwise_or, torch.bitwise_xor
left_shift, right_shift = torch.bitwise_left_shift, torch.bitwise_right_shift


class _IncompleteGamma(torch.autograd.Function):
    """torch's kernel, which has a derivative by the second argument only.

    https://github.com/pytorch/pytorch/issues/46737
    """

    generate_vmap_rule = True

    @staticmethod
    def forward(a: Tensor, x: Tensor) -> Tensor:
        return torch.special.gammainc(a, x)

    @staticmethod
    def setup_context(ctx: FunctionCtx, inputs: tuple[Tensor, Tensor], output: Tensor) -> None:
        ctx.save_for_backward(*inputs)
        ctx.save_for_forward(*inputs)

    @staticmethod
    def jvp(ctx: FunctionCtx, da: Tensor, dx: Tensor) -> Tensor:
        a, x = ctx.saved_tensors
        return da * _slope_by_shape(a, x) + dx * _slope_by_limit(a, x)

    @staticmethod
    def backward(ctx: FunctionCtx, *upstream: Tensor) -> tuple[Tensor | None, ...]:
        a, x = ctx.saved_tensors
        slopes = (_slope_by_shape, _slope_by_limit)
        return tuple(upstream[0] * f(a, x) if w else None for f, w in zip(slopes, ctx.needs_input_grad, strict=True))


def _slope_by_limit(a: Tensor, x: Tensor) -> Tensor:
    """The density of the gamma distribution."""
    density = torch.exp(torch.special.xlogy(a - 1, x) - x - torch.lgamma(a))
    return torch.where(torch.isinf(x), 0.0, density)


_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(32)
_CUTS = (0.0, 0.02, 0.2, 1.0)  # of the interval, from its upper end: there the integrand bends most


def _slope_by_shape(a: Tensor, x: Tensor) -> Tensor:
    """The integral of (v - digamma(s)) exp(s v - exp(v)) / gamma(s) up to v = log(x), for s = a + 1, and the rest.

    The function for a is that for a + 1 and one term more (https://dlmf.nist.gov/8.8#E5), which saves small shapes.
    Outside of the interval the integrand is below a rounding error.
    """
    s, log = (a + 1).double(), torch.log(torch.where(x > 0, x, 1.0)).double()
    mean, size = torch.digamma(s), torch.lgamma(s)
    total = torch.exp((s - 1) * log - torch.exp(log) - size) * (log - mean)
    top = torch.minimum(log, torch.log(s + 10 * torch.sqrt(s) + 40))
    length = top - torch.minimum(torch.log(s), top) + 9 / torch.sqrt(s) + 38 / s
    nodes, weights = (torch.as_tensor(n, device=s.device)[(...,) + (None,) * s.dim()] for n in (_NODES, _WEIGHTS))
    for start, end in itertools.pairwise(_CUTS):
        half = length * (end - start) / 2
        v = top - length * (start + end) / 2 + half * nodes
        total = total + half * (weights * (v - mean) * torch.exp(s * v - torch.exp(v) - size)).sum(0)
    return torch.where((x > 0) & torch.isfinite(x), total.to(x.dtype), 0.0)


def gammainc(x1: Tensor, x2: Tensor) -> Tensor:
    dtype = x1.dtype
    wide = torch.promote_types(dtype, torch.float32)
    a, x = torch.broadcast_tensors(x1.to(wide), x2.to(wide))
    found = _IncompleteGamma.apply(a, x)
    return torch.where((a >= 0) & (x >= 0), found, torch.nan).to(dtype)  # the kernel gives 0 for some of these


def floor_divide(x1: Tensor, x2: Tensor) -> Tensor:
    if type(x1) in WEAK:  # torch.floor_divide has no derivative, which is 0
        return torch.floor_divide(x1, x2.detach())
    return torch.div(x1, x2, rounding_mode="floor")


def equal(x1: Tensor, x2: Tensor) -> Tensor:
    return torch.eq(x2, x1) if type(x1) in WEAK else torch.eq(x1, x2)


def not_equal(x1: Tensor, x2: Tensor) -> Tensor:
    return torch.ne(x2, x1) if type(x1) in WEAK else torch.ne(x1, x2)


def less(x1: Tensor, x2: Tensor) -> Tensor:
    return torch.gt(x2, x1) if type(x1) in WEAK else torch.lt(x1, x2)


def less_equal(x1: Tensor, x2: Tensor) -> Tensor:
    return torch.ge(x2, x1) if type(x1) in WEAK else torch.le(x1, x2)


def greater(x1: Tensor, x2: Tensor) -> Tensor:
    return torch.lt(x2, x1) if type(x1) in WEAK else torch.gt(x1, x2)


def greater_equal(x1: Tensor, x2: Tensor) -> Tensor:
    return torch.le(x2, x1) if type(x1) in WEAK else torch.ge(x1, x2)


where = torch.where


def clip(x: Tensor, x_min: Tensor | float | None, x_max: Tensor | float | None) -> Tensor:
    if x_min is None and x_max is None:
        return x
    low, high = isinstance(x_min, Tensor), isinstance(x_max, Tensor)
    if low or high or not isinstance(x, Tensor):
        x_min = x_min if x_min is None or low else torch.as_tensor(x_min)
        x_max = x_max if x_max is None or high else torch.as_tensor(x_max)
        x = x if isinstance(x, Tensor) else torch.as_tensor(x)
    return torch.clamp(x, x_min, x_max)
