"""Random numbers; `seed` is an int, a SeedGenerator, or None for the global generator."""

from __future__ import annotations

from kfront.core.lazy import lazy_namespace, names

__getattr__, __dir__, __all__ = lazy_namespace(
    __name__,
    {
        "SeedGenerator": "kfront.core.rng",
        **names("kfront.ops.random", "beta binomial categorical dropout gamma normal randint shuffle"),
        **names("kfront.ops.random", "truncated_normal uniform"),
    },
)
