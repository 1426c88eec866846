"""On a CPU, XLA drops the barriers of `jax.checkpoint`, joins what is computed twice, and keeps all of it in memory.

`_Compiled` in `backends/jax/step.py` leaves that pass out.
"""

import functools

import jax
import jax.numpy as jnp

block = jax.checkpoint(lambda y: jnp.sin(jnp.cos(jnp.tanh(y @ y)) @ y))
deep = lambda x: functools.reduce(lambda y, _: block(y), range(12), x).sum()  # noqa: E731
made = jax.jit(jax.grad(deep)).lower(jnp.ones((64, 64)))
plain, kept = made.compile(), made.compile({"xla_disable_hlo_passes": "cse_barrier_expander"})
assert [plain.as_text().count("opt-barrier"), kept.as_text().count("opt-barrier")] == [0, 12]
assert kept.memory_analysis().temp_size_in_bytes < plain.memory_analysis().temp_size_in_bytes
