"""The gradient of jnp.hypot at the origin is 0.5 by each argument.

`hypot` of kfront is composed, with the gradient 0 there.
"""

import jax
import jax.numpy as jnp

assert jax.grad(jnp.hypot)(0.0, 0.0) == 0.5
