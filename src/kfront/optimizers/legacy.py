"""Names of optimizers that Keras 3 no longer has: they can be imported, but not made.

Code that imports them only to check for them keeps working; code that uses them is told what to use.
"""

from __future__ import annotations

from typing import Any, NoReturn

from kfront.core.errors import BackendError

__all__ = ["SGD", "Adagrad", "Adam", "Ftrl", "Optimizer", "RMSprop"]


def __dir__() -> list[str]:
    return __all__


class _Legacy:
    """Raises when it is made."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        _refuse(type(self).__name__)


def _refuse(name: str) -> NoReturn:
    raise BackendError(
        f"[optimizers.legacy.{name}] expected an optimizer of today, got one of Keras 2; use "
        f"kfront.optimizers.{name} instead."
    )


class Adagrad(_Legacy):
    """Not there any more: use `kfront.optimizers.Adagrad`.

    Raises:
        BackendError: always; it is an ImportError too, which code written for Keras expects.
    """


class Adam(_Legacy):
    """Not there any more: use `kfront.optimizers.Adam`.

    Raises:
        BackendError: always; it is an ImportError too, which code written for Keras expects.
    """


class Ftrl(_Legacy):
    """Not there any more: use `kfront.optimizers.Ftrl`.

    Raises:
        BackendError: always; it is an ImportError too, which code written for Keras expects.
    """


class RMSprop(_Legacy):
    """Not there any more: use `kfront.optimizers.RMSprop`.

    Raises:
        BackendError: always; it is an ImportError too, which code written for Keras expects.
    """


class SGD(_Legacy):
    """Not there any more: use `kfront.optimizers.SGD`.

    Raises:
        BackendError: always; it is an ImportError too, which code written for Keras expects.
    """


class Optimizer(_Legacy):
    """Not there any more: use `kfront.optimizers.Optimizer`.

    Raises:
        BackendError: always; it is an ImportError too, which code written for Keras expects.
    """
