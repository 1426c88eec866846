"""jnp.tanh and jnp.tan of complex numbers have two digits next to a pole.

`tanh` and `tan` in `backends/jax/elementwise.py` divide sinh by cosh.
"""

import jax.numpy as jnp
import numpy as np

x = np.complex64(-7.3872224e-07 + 1.570798j)
assert abs(complex(jnp.tanh(x)) / np.tanh(complex(x)) - 1) > 1e-3
assert abs(complex(jnp.tan(-1j * x)) / np.tan(complex(-1j * x)) - 1) > 1e-3
