"""The gradient of jnp.hypot is 1.06 in place of 0.71 at two equal numbers, and NaN next to 0.

`hypot` in `ops/arithmetic.py` takes the larger number, by which it divides, as a constant.
"""

import jax
import jax.numpy as jnp

assert jax.grad(jnp.hypot)(1e20, 1e20) > 1
assert jnp.isnan(jax.grad(jnp.hypot)(1e-20, 0.0))
