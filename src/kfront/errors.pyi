# Written by tools/stubs.py from the table in the module of the same name.
from kfront.core.errors import (
    ArgumentError as ArgumentError,
    ArgumentTypeError as ArgumentTypeError,
    BackendError as BackendError,
    DTypeError as DTypeError,
    DataError as DataError,
    KfrontError as KfrontError,
    NotBuiltError as NotBuiltError,
    NotCompiledError as NotCompiledError,
    ProcessError as ProcessError,
    SavingError as SavingError,
    ShapeError as ShapeError,
    UnsafeFileError as UnsafeFileError,
    UnsupportedError as UnsupportedError,
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
    "ProcessError",
    "SavingError",
    "ShapeError",
    "UnsafeFileError",
    "UnsupportedError",
]
