"""Random numbers: each function takes a `seed`: an int (the same numbers each time), a SeedGenerator, or None."""

import kfront.ops  # noqa: F401  (declares them)
from kfront.core.op_registry import fill
from kfront.core.rng import SeedGenerator  # noqa: F401

__all__, __dir__ = fill(globals(), "SeedGenerator")
