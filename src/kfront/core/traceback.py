"""Shorter tracebacks: frames of kfront, and of torch that call it, are left out between the user's and the error's."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from types import TracebackType
from typing import Any, TypeVar

from kfront.core.settings import is_traceback_filtering_enabled

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_LEFT_OUT = (_PACKAGE, os.path.join("torch", "nn", "modules", "module.py"))
F = TypeVar("F", bound=Callable[..., Any])


def shorten(traceback: TracebackType | None) -> TracebackType | None:
    """The traceback without frames inside kfront, or of torch's modules that call layers, but for the one that raised.

    Args:
        traceback: as in `error.__traceback__`.
    """
    entries = []
    while traceback is not None:
        entries.append(traceback)
        traceback = traceback.tb_next
    out = None
    for i, entry in reversed(list(enumerate(entries))):
        last = i == len(entries) - 1
        if last or not any(place in entry.tb_frame.f_code.co_filename for place in _LEFT_OUT):
            out = TracebackType(out, entry.tb_frame, entry.tb_lasti, entry.tb_lineno)
    return out


def filtered(fn: F) -> F:
    """Decorator for entry points such as `fit`: errors leave with a short traceback while filtering is on.

    `kfront.config.disable_traceback_filtering()` shows every frame.
    """

    @functools.wraps(fn)
    def call(*args: object, **kwargs: object) -> Any:
        try:
            return fn(*args, **kwargs)
        except Exception as error:
            if is_traceback_filtering_enabled():
                error.__traceback__ = shorten(error.__traceback__)
            raise

    return call  # type: ignore[return-value]
