"""jnp.exp2 is exp(x log 2) in compiled code: not exact at whole numbers.

`exp2` in `backends/jax/elementwise.py` takes the whole part apart.
"""

import jax
import jax.numpy as jnp

assert jax.jit(jnp.exp2)(jnp.float32(13)) != 8192
