"""A compiled function leaves some KB behind, of a small model 25, though it is gone and the caches are cleared.

`forget_compiled` clears them behind each trial of a search, and a new model's weights need no compiled function; what
JAX keeps of its step stays (`tests/tuning/jax_alone.py` measures it).
"""

import ctypes
from pathlib import Path

import jax

sizes = []
for n in range(300):
    jax.jit(lambda x: x @ x.T).lower(jax.ShapeDtypeStruct((n + 1, 3), "float32")).compile()
    jax.clear_caches()
    ctypes.CDLL(None).malloc_trim(0)
    sizes.append(int(Path("/proc/self/status").read_text().split("VmRSS:")[1].split()[0]))
assert sizes[-1] - sizes[60] > 300
