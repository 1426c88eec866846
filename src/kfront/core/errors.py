"""The exceptions that kfront raises; each also is the built-in exception that code written for Keras expects.

Messages have one form: ``[Name] expected …, got …; do …``.
"""

from __future__ import annotations

__all__ = [
    "ArgumentError",
    "ArgumentTypeError",
    "BackendError",
    "DTypeError",
    "DataError",
    "KfrontError",
    "NotBuiltError",
    "NotCompiledError",
    "SavingError",
    "ShapeError",
    "UnsafeFileError",
    "UnsupportedError",
]


class KfrontError(Exception):
    """Base of every exception that kfront raises on purpose."""


class ShapeError(KfrontError, ValueError):
    """A shape or rank does not fit."""


class DTypeError(KfrontError, TypeError):
    """A dtype is unknown, or cannot be used here."""


class ArgumentError(KfrontError, ValueError):
    """An argument has a value that is not allowed."""


class ArgumentTypeError(KfrontError, TypeError):
    """An argument has a type that is not allowed."""


class NotBuiltError(KfrontError, ValueError):
    """A layer or model is used before its weights exist."""


class NotCompiledError(KfrontError, ValueError):
    """A model is trained or evaluated before `compile`."""


class BackendError(KfrontError, ImportError, ValueError):
    """A backend is unknown, not installed or incomplete."""


class UnsupportedError(KfrontError, NotImplementedError):
    """The current engine cannot do what was asked."""


class SavingError(KfrontError, ValueError):
    """A file or config does not fit what it is loaded into, or is damaged."""


class UnsafeFileError(SavingError):
    """A file or config asks for something that data must not be able to do."""


class DataError(KfrontError, ValueError):
    """Training data has the wrong type, size or structure."""
