"""The exceptions that kfront raises, to catch them: `KfrontError` is the base of all."""

from __future__ import annotations

from kfront.core.errors import (
    ArgumentError,
    ArgumentTypeError,
    BackendError,
    DataError,
    DTypeError,
    KfrontError,
    NotBuiltError,
    NotCompiledError,
    SavingError,
    ShapeError,
    UnsafeFileError,
    UnsupportedError,
)

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


def __dir__() -> list[str]:
    return __all__
