"""jnp.round has no negative decimals for integers.

`round` in `backends/jax/elementwise.py` rounds by whole units.
"""

import jax.numpy as jnp
import pytest

with pytest.raises(NotImplementedError):
    jnp.round(jnp.array([15]), -1)
