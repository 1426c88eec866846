"""The exceptions that kfront raises, to catch them: `KfrontError` is the base of all."""

from kfront.core.lazy import lazy_namespace, names

__getattr__, __dir__, __all__ = lazy_namespace(
    __name__,
    names(
        "kfront.core.errors",
        "ArgumentError ArgumentTypeError BackendError DTypeError DataError KfrontError NotBuiltError NotCompiledError "
        "ProcessError SavingError ShapeError UnsafeFileError UnsupportedError",
    ),
)
