"""The gradient of jnp.linalg.det is 0 at some matrices of rank n - 1, where it is the matrix of cofactors.

`det` in `backends/jax/linalg.py` has a derivative of its own.
"""

import jax
import jax.numpy as jnp

x = jnp.array([[1.0, 2, 0, 0], [2, 4, 0, 0], [0, 0, 3, 0], [0, 0, 0, 1]])
assert jnp.abs(jax.grad(jnp.linalg.det)(x)).max() == 0  # the first element is 12
