"""Names of optimizers that Keras 3 no longer has: they can be imported, but not made.

Code that imports them only to check for them keeps working; code that makes one gets an error that says what to use.
"""

from __future__ import annotations

from kfront.core.errors import BackendError

__all__ = ["SGD", "Adagrad", "Adam", "Ftrl", "Optimizer", "RMSprop"]


def __dir__() -> list[str]:
    return __all__


class _Legacy:
    def __init__(self, *args: object, **kwargs: object) -> None:
        name = type(self).__name__
        raise BackendError(
            f"[optimizers.legacy.{name}] expected an optimizer of today, got one of Keras 2; use "
            f"kfront.optimizers.{name} instead."
        )


def _gone(name: str) -> type[_Legacy]:
    text = f"""Not there any more: use `kfront.optimizers.{name}`.

    Raises:
        BackendError: always; it is an ImportError too, which code written for Keras expects.

    Example:

    >>> import kfront
    >>> try:
    ...     kfront.optimizers.legacy.{name}()
    ... except ImportError:
    ...     print("use kfront.optimizers.{name}")
    use kfront.optimizers.{name}
    """
    return type(name, (_Legacy,), {"__doc__": text, "__module__": __name__})


SGD, Adagrad, Adam, Ftrl, Optimizer, RMSprop = map(_gone, __all__)
