"""The state of a whole session."""

from __future__ import annotations

import gc

from kfront.core import naming, rng


def clear_session(free_memory: bool = True) -> None:
    """Reset the counts of automatic names, leave name scopes that are open, and drop the global seed generators.

    Settings, registered objects and the current backend stay.

    Args:
        free_memory: also run Python's garbage collector, so that models no longer used give their memory back now.

    Example:

    >>> import kfront
    >>> kfront.utils.clear_session()
    """
    naming.clear_names()
    rng.clear_global_generators()
    if free_memory:
        gc.collect()
