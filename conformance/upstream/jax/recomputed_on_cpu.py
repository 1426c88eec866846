"""On a CPU, XLA drops the barriers of `jax.checkpoint`, joins what is computed twice, and keeps all of it in memory.

`_Compiled` in `backends/jax/step.py` leaves that pass out.
"""

import jax
import jax.numpy as jnp


def deep(x: jax.Array) -> jax.Array:
    for _ in range(12):
        x = jax.checkpoint(lambda y: jnp.sin(jnp.cos(jnp.tanh(y @ y)) @ y))(x)
    return x.sum()


made = jax.jit(jax.grad(deep)).lower(jnp.ones((64, 64)))
plain, kept = made.compile(), made.compile({"xla_disable_hlo_passes": "cse_barrier_expander"})
assert made.as_text().count("optimization_barrier") == 12
assert "opt-barrier" not in plain.as_text()
assert kept.as_text().count("opt-barrier") == 12
assert kept.memory_analysis().temp_size_in_bytes < plain.memory_analysis().temp_size_in_bytes
