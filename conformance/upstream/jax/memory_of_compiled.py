"""A compiled function leaves some KB behind, of a small model 25, though it is gone and the caches are cleared.

`forget_compiled` clears them behind each trial of a search, and a new model's weights need no compiled function; what
JAX keeps of its step stays (`tests/tuning/jax_alone.py` measures it).
"""

import ctypes
import re
from pathlib import Path

import jax
import numpy as np

kilobytes = []
for n in range(1, 141):
    jax.jit(lambda x: x @ x.T)(np.ones((n, 3), "float32"))
    jax.clear_caches()
    ctypes.CDLL(None).malloc_trim(0)
    kilobytes.append(int(re.search(r"VmRSS:\s+(\d+)", Path("/proc/self/status").read_text())[1]))
assert kilobytes[-1] - kilobytes[40] > 200
