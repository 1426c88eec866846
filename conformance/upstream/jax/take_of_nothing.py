"""jnp.take of an empty array by no indices forgets the shape of the indices.

`take` in `backends/jax/index.py` makes the empty result itself.
"""

import jax.numpy as jnp

assert jnp.take(jnp.zeros((0, 3)), jnp.zeros((0, 5), "int32"), axis=0).shape == (0, 3)
