"""JAX: elementwise ops and casts."""

from __future__ import annotations

import builtins
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from kfront.backends.jax.common import ARRAY, TRACER, canonical, compiled
from kfront.core.typing import DTypeLike

exp, log, log1p, log2, log10, expm1 = jnp.exp, jnp.log, jnp.log1p, jnp.log2, jnp.log10, jnp.expm1
sqrt, cbrt = jnp.sqrt, jnp.cbrt
sin, cos = jnp.sin, jnp.cos
arcsin, arccos, arctan, arcsinh, arccosh = jnp.arcsin, jnp.arccos, jnp.arctan, jnp.arcsinh, jnp.arccosh
arctanh = jnp.arctanh
floor, ceil, negative = jnp.floor, jnp.ceil, jnp.negative
sign, signbit, trunc, square, reciprocal = jnp.sign, jnp.signbit, jnp.trunc, jnp.square, jnp.reciprocal
isnan, isinf, isfinite = jnp.isnan, jnp.isinf, jnp.isfinite
real, imag, conj = jnp.real, jnp.imag, jnp.conj
divide, equal, not_equal, less, less_equal = jnp.divide, jnp.equal, jnp.not_equal, jnp.less, jnp.less_equal
greater, greater_equal, logical_not = jnp.greater, jnp.greater_equal, jnp.logical_not
bitwise_invert, left_shift, right_shift = jnp.invert, jnp.left_shift, jnp.right_shift
nextafter = jnp.nextafter
where = jnp.where
# Those that jax.numpy has as `ufunc` objects: a compiled function is called in two thirds of the time.
add, subtract, multiply = compiled()(jnp.add), compiled()(jnp.subtract), compiled()(jnp.multiply)
maximum, minimum, logaddexp = compiled()(jnp.maximum), compiled()(jnp.minimum), compiled()(jnp.logaddexp)
logical_and, logical_or, logical_xor = (compiled()(f) for f in (jnp.logical_and, jnp.logical_or, jnp.logical_xor))
bitwise_and, bitwise_or, bitwise_xor = (compiled()(f) for f in (jnp.bitwise_and, jnp.bitwise_or, jnp.bitwise_xor))
_power, _integer_power = compiled()(jnp.power), compiled(1)(lax.integer_pow)


def power(x1: Array, x2: Array) -> Array:
    """A small whole exponent becomes products, which are exact and have exact gradients."""
    kind = x2.__class__
    if kind in (int, float) and -32 <= x2 <= 32 and int(x2) == x2 and hasattr(x1, "dtype"):
        return _integer_power(x1, int(x2)) if x2 >= 0 or jnp.issubdtype(x1.dtype, jnp.inexact) else _power(x1, x2)
    return _power(x1, x2)


@jax.custom_jvp
def _magnitude(x: Array) -> Array:
    return lax.abs(x)


_magnitude.defjvps(lambda tangent, out, x: tangent * lax.sign(x))  # 0 at 0, where lax.abs has 1


@compiled()
def abs(x: Array) -> Array:
    """Absolute value with gradient 0 at 0."""
    return _magnitude(x) if jnp.issubdtype(x.dtype, jnp.floating) else jnp.abs(x)


@compiled()
def exp2(x: Array) -> Array:
    """2 to the power x: XLA's is exp(x log 2), 14 ULP away and inexact at whole numbers."""
    whole = lax.stop_gradient(jnp.round(jnp.clip(x, -1200, 1200)))
    return jnp.exp((x - whole) * math.log(2)) * lax.stop_gradient(jnp.ldexp(jnp.ones_like(x), whole.astype("int32")))


@compiled()
def cosh(x: Array) -> Array:
    """Hyperbolic cosine: XLA's adds log(1/2) to the exponent, 23 ULP away."""
    if jnp.iscomplexobj(x):
        return lax.complex(cosh(x.real) * jnp.cos(x.imag), sinh(x.real) * jnp.sin(x.imag))
    return _cosh(x)


@jax.custom_jvp
def _cosh(x: Array) -> Array:
    half = jnp.exp(jnp.abs(x) / 2)  # exp(|x|) overflows a little earlier
    return half / 2 * half + 0.5 / half / half


_cosh.defjvps(lambda tangent, out, x: tangent * sinh(x))  # next to 0 the slope of the sum has one digit


@compiled()
def sinh(x: Array) -> Array:
    """Hyperbolic sine, as `cosh`; near 0 by expm1."""
    if jnp.iscomplexobj(x):
        return lax.complex(sinh(x.real) * jnp.cos(x.imag), cosh(x.real) * jnp.sin(x.imag))
    half = jnp.exp(jnp.abs(x) / 2)
    small = jnp.expm1(jnp.where(jnp.abs(x) < 1, x, 0))
    far = jnp.sign(x) * (half / 2 * half - 0.5 / half / half)
    return jnp.where(jnp.abs(x) < 1, (small + small / (small + 1)) / 2, far)


@compiled()
def tanh(x: Array) -> Array:
    """Hyperbolic tangent: of complex numbers next to a pole, JAX's has two digits."""
    if not jnp.iscomplexobj(x):
        return jnp.tanh(x)
    x = lax.complex(jnp.clip(x.real, -20, 20), x.imag)  # beyond, it is 1 or -1
    return sinh(x) / cosh(x)


@compiled()
def tan(x: Array) -> Array:
    """Tangent, of complex numbers by `tanh`."""
    if not jnp.iscomplexobj(x):
        return jnp.tan(x)
    turned = tanh(lax.complex(-x.imag, x.real))
    return lax.complex(turned.imag, -turned.real)


rsqrt = compiled()(lax.rsqrt)
erf = compiled()(lax.erf)
erfc = compiled()(lax.erfc)
erfinv = compiled()(lax.erf_inv)


@compiled()
def lgamma(x: Array) -> Array:
    """Logarithm of |gamma|, 0 where it is so: lax.lgamma is half a millionth off there."""
    found = lax.lgamma(x)
    return found - lax.stop_gradient(jnp.where((x == 1) | (x == 2), found, 0))


@compiled()
def gammainc(x1: Array, x2: Array) -> Array:
    """The incomplete gamma function; lax.igamma is wrong where an argument is infinite."""
    all_of_it = jnp.where(jnp.isinf(x2), jnp.nan, jnp.where(x2 >= 0, 0.0, jnp.nan)).astype(x1.dtype)
    found = jax.scipy.special.gammainc(jnp.where(jnp.isposinf(x1), 1, x1), x2)
    return jnp.where(jnp.isposinf(x1), all_of_it, found)


sigmoid = jax.nn.sigmoid
relu = compiled()(jax.nn.relu)
floor_divide = compiled()(jnp.floor_divide)
mod = compiled()(jnp.mod)


@compiled()
def arctan2(x1: Array, x2: Array) -> Array:
    """The angle of (x2, x1); its gradient at the origin is 0, where JAX has NaN."""
    origin = (x1 == 0) & (x2 == 0)
    elsewhere = jnp.arctan2(x1, jnp.where(origin, 1, x2))
    return jnp.where(origin, lax.stop_gradient(jnp.arctan2(x1, x2)), elsewhere)


@compiled(1)
def _round(x: Array, decimals: int) -> Array:
    if decimals < 0 and jnp.issubdtype(x.dtype, jnp.integer):  # jax.numpy.round has no negative decimals for ints
        unit = jnp.asarray(10**-decimals, x.dtype)
        low = x - jnp.mod(x, unit)
        rest = x - low
        up = (2 * rest > unit) | ((2 * rest == unit) & (jnp.mod(low // unit, 2) == 1))
        return jnp.where(up, low + unit, low)
    return x if jnp.issubdtype(x.dtype, jnp.integer) else jnp.round(x, decimals)


def round(x: Array, decimals: int = 0) -> Array:
    """Half to even, as NumPy."""
    return _round(x, decimals)


@compiled()
def _clip(x: Array, x_min: Array | float | None, x_max: Array | float | None) -> Array:
    if x_min is not None:
        x = jnp.where(_beyond(jnp.less(x, x_min), x_min), x_min, x)
    return x if x_max is None else jnp.where(_beyond(jnp.greater(x, x_max), x_max), x_max, x)


def _beyond(outside: Array, bound: Array) -> Array:
    """Where a bound is what comes out: outside of it, and where it is NaN."""
    return outside | jnp.isnan(bound) if isinstance(bound, jax.Array) else outside


def clip(x: Array, x_min: Array | float | None, x_max: Array | float | None) -> Array:
    """Gradient 1 at the bounds, as torch and TensorFlow have it (jnp.clip has 1/2)."""
    return _clip(x, _bound(x, x_min), _bound(x, x_max))


def _bound(x: Array, value: Array) -> Array:
    """A Python int as a number that the dtype of `x` holds: JAX refuses those that overflow."""
    if value.__class__ is not int or not hasattr(x, "dtype"):
        return value
    if not jnp.issubdtype(x.dtype, jnp.integer):
        return float(value)
    info = jnp.iinfo(x.dtype)
    return np.array(builtins.max(info.min, builtins.min(value, info.max)), x.dtype)


# ---- dtypes ----------------------------------------------------------------------------------------------------------


def _caster(name: str) -> tuple[Array, Array]:
    dtype = jnp.dtype(name)

    @compiled()
    def run(x: Array) -> Array:
        if jnp.issubdtype(x.dtype, jnp.complexfloating) and not jnp.issubdtype(dtype, jnp.complexfloating):
            x = x.real if name != "bool" else x != 0
        return lax.convert_element_type(x, dtype)

    return dtype, run


_casters: dict[str, Any] = {}


def cast(x: Array, dtype: DTypeLike) -> Array:
    """`x` in another dtype; 64-bit types narrow unless x64 is enabled."""
    name = canonical(dtype)
    found = _casters.get(name)
    if found is None:
        found = _casters[name] = _caster(name)
    if type(x) is not ARRAY and not isinstance(x, TRACER):
        x = jnp.asarray(x)
    return x if x.dtype == found[0] else found[1](x)


@compiled(1)
def _bitcast(x: Array, dtype: str) -> Array:
    return x.view(dtype)


to_complex = compiled()(lax.complex)


def complex_parts(x: Array) -> tuple[Array, Array]:
    """(real, imaginary) part."""
    return jnp.real(x), jnp.imag(x)


def view(x: Array, dtype: DTypeLike = None) -> Array:
    """The same bits read as another dtype."""
    return x if dtype is None else _bitcast(x, canonical(dtype))
