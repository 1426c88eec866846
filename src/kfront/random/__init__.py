"""Random numbers: each function takes a `seed`: an int (the same numbers each time), a SeedGenerator, or None."""

from __future__ import annotations

from kfront.core.lazy import lazy_namespace, names

__getattr__, __dir__, __all__ = lazy_namespace(
    __name__,
    {
        **names(
            "kfront.ops.random",
            "beta binomial categorical dropout gamma normal randint shuffle truncated_normal uniform",
        ),
        **names("kfront.core.rng", "SeedGenerator"),
    },
)
