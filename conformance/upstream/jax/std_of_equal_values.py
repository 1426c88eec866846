"""The gradients of jnp.std of equal values and of jnp.linalg.norm of zeros are NaN.

`std` and `norm` in `backends/jax/reduce.py` have 0 there.
"""

import jax
import jax.numpy as jnp

assert jnp.isnan(jax.grad(jnp.std)(jnp.ones(3))).all()
assert jnp.isnan(jax.grad(jnp.linalg.norm)(jnp.zeros(3))).all()
