"""jax.lax.reduce_window with max and a dilated window has no gradient.

The layers and ops of kfront have no dilated pooling; shifted slices are one.
"""

import jax
import jax.numpy as jnp
import pytest

with pytest.raises(NotImplementedError, match="window dilation"):
    jax.grad(lambda x: jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, (2,), (1,), "VALID", None, (2,)).sum())(
        jnp.ones(4)
    )
