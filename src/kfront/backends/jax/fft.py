"""JAX: Fourier transforms; complex values come and go as pairs (real, imaginary)."""

from __future__ import annotations

import jax.numpy as jnp
from jax import Array, lax

from kfront.backends.jax.common import compiled
from kfront.backends.typing import Function


def _spectrum(transform: Function[Array]) -> Function[Array]:
    def run(real: Array, imag: Array) -> tuple[Array, Array]:
        z = transform(lax.complex(real, imag))
        return jnp.real(z), jnp.imag(z)

    return compiled()(run)


fft, fft2, ifft2 = _spectrum(jnp.fft.fft), _spectrum(jnp.fft.fft2), _spectrum(jnp.fft.ifft2)


@compiled(1)
def rfft(x: Array, fft_length: int | None = None) -> tuple[Array, Array]:
    """(real, imaginary) part of the half spectrum."""
    z = jnp.fft.rfft(x, n=fft_length)
    return jnp.real(z), jnp.imag(z)


@compiled(2)
def irfft(real: Array, imag: Array, fft_length: int | None = None) -> Array:
    """Inverse of `rfft`."""
    return jnp.fft.irfft(lax.complex(real, imag), n=fft_length)
