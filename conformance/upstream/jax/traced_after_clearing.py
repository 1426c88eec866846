"""`jax.clear_caches` leaves what a jitted function was traced with: for each new shape a list, as long as it lives.

`forget_compiled`, which a search calls behind each trial, drops it (`forget` in `backends/jax/common.py`).
"""

import gc

import jax

half = jax.jit(lambda x: x * 0.5)
for size in range(1, 201):
    half.lower(jax.ShapeDtypeStruct((size,), "float32"))
jax.clear_caches()
gc.collect()
assert sum(isinstance(x, jax.core.ShapedArray) and x.ndim == 1 for x in gc.get_objects()) >= 200
