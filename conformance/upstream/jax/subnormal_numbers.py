"""JAX on CPU takes subnormal numbers for 0.

None: a flag of the compiler for the whole process (docs/accuracy.md).
"""

import jax.numpy as jnp

assert jnp.float32(1e-40) * 1 == 0
