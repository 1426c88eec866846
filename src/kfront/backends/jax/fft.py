"""JAX: Fourier transforms; complex values come and go as pairs (real, imaginary)."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from jax import lax

from kfront.backends.jax.common import compiled


def _spectrum(transform: Any) -> Any:
    def run(real: Any, imag: Any) -> tuple[Any, Any]:
        z = transform(lax.complex(real, imag))
        return jnp.real(z), jnp.imag(z)

    return compiled()(run)


fft, fft2, ifft2 = _spectrum(jnp.fft.fft), _spectrum(jnp.fft.fft2), _spectrum(jnp.fft.ifft2)


@compiled(1)
def rfft(x: Any, fft_length: int | None = None) -> tuple[Any, Any]:
    """(real, imaginary) part of the half spectrum."""
    z = jnp.fft.rfft(x, n=fft_length)
    return jnp.real(z), jnp.imag(z)


@compiled(2)
def irfft(real: Any, imag: Any, fft_length: int | None = None) -> Any:
    """Inverse of `rfft`."""
    return jnp.fft.irfft(lax.complex(real, imag), n=fft_length)
