"""The gradient of jnp.arctan2 at the origin is NaN, and so is everything behind it.

`arctan2` in `backends/jax/elementwise.py` has 0 there.
"""

import jax
import jax.numpy as jnp

assert jnp.isnan(jax.grad(jnp.arctan2)(0.0, 0.0))
