"""jnp.take adds the length to negative indices in their own dtype, which wraps round: another element, silently.

`take` in `backends/jax/index.py` widens narrow indices first.
"""

import jax.numpy as jnp
import pytest

x = jnp.arange(300)
assert jnp.take(x, jnp.array([-1], "int8")).item() == 43  # it is 299
with pytest.raises(OverflowError):
    x[jnp.array([-1], "int8")]
