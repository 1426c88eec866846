"""Optuna, which is heavy and optional."""

from __future__ import annotations

from types import ModuleType

from kfront.core.errors import optional


def library() -> ModuleType:
    """The module `optuna`.

    Raises:
        ImportError: it is not installed.
    """
    return optional("tuning", "optuna", "Optuna", "tuning")
