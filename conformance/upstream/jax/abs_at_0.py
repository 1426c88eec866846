"""The gradient of jnp.abs at 0 is 1; torch and TensorFlow have 0.

`abs` in `backends/jax/elementwise.py` has 0.
"""

import jax
import jax.numpy as jnp

assert jax.grad(jnp.abs)(0.0) == 1
