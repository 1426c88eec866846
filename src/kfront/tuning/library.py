"""Optuna, which is heavy and optional."""

from __future__ import annotations

from types import ModuleType


def library() -> ModuleType:
    """The module `optuna`.

    Raises:
        ImportError: it is not installed.
    """
    try:
        import optuna  # heavy and optional: everything else of kfront does without
    except ImportError as error:
        raise ImportError("[tuning] expected Optuna to be installed; run `pip install 'kfront[tuning]'`.") from error
    return optuna
