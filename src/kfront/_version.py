"""The version of kfront, and of the Keras API that it offers."""

from __future__ import annotations

__version__ = "0.1.0"
KERAS_API = "3.15.1"


def version() -> str:
    """The version of kfront.

    Example:

    >>> import kfront
    >>> kfront.version() == kfront.__version__
    True
    """
    return __version__
