"""One seed for every generator of random numbers: Python's, NumPy's, kfront's and the engines'."""

from __future__ import annotations

import random

import numpy as np

from kfront import backends
from kfront.core import rng
from kfront.core.errors import ArgumentError


def set_random_seed(seed: int) -> None:
    """Seed Python's `random`, NumPy, kfront and the current engine, so that a run can be repeated.

    Args:
        seed: integer from 0 to 2**32 - 1.

    Raises:
        ArgumentError: for another value.

    Example:

    >>> import kfront
    >>> kfront.utils.set_random_seed(42)
    """
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or not 0 <= seed < 2**32:
        raise ArgumentError(f"[set_random_seed] expected an integer from 0 to 2**32 - 1, got {seed!r}.")
    seed = int(seed)
    random.seed(seed)
    np.random.seed(seed)
    rng.set_global_seed(seed)
    _seed_engines(seed)


def _seed_engines(seed: int) -> None:
    """Seed the native generators of the current backend and of those that are loaded already."""
    for b in {id(b): b for b in (backends.current(), *backends._loaded.values())}.values():
        b.set_random_seed(seed)


def seed_together(seed: int) -> None:
    """As `set_random_seed`, for several processes: engines that are loaded later begin with the same seed, too."""
    backends._agreed[:] = [seed]
    set_random_seed(seed)
