"""jnp.arcsin of a number next to the smallest normal one is 0: XLA halves it first.

None (docs/accuracy.md): sums with such numbers do not see it.
"""

import jax.numpy as jnp

assert jnp.arcsin(jnp.float32(1.3e-38)) == 0
