"""`x.at[i].multiply` cannot be differentiated unless the indices are said to be unique.

`multiplied_at` in `backends/jax/index.py` has a first derivative of its own.
"""

import jax
import jax.numpy as jnp
import pytest

with pytest.raises(NotImplementedError, match="unique_indices"):
    jax.grad(lambda x: jnp.ones(1).at[jnp.array([0, 0])].multiply(x)[0])(jnp.array([2.0, 3.0]))
