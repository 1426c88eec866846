"""A time limit for what the sides of the survey call, and the fact that something fails."""

from __future__ import annotations

import signal

SECONDS = 20  # for one call


class LateError(BaseException):
    """Something takes too long; no `except Exception` of a package keeps it."""


def _late(*_):
    raise LateError


signal.signal(signal.SIGALRM, _late)


def limited(function, *args, seconds=SECONDS):
    """The result of a call that takes no longer."""
    signal.alarm(seconds)
    try:
        return function(*args)
    finally:
        signal.alarm(0)


def failed(error):
    """The fact that something fails."""
    if isinstance(error, KeyboardInterrupt):
        raise error
    return {"error": type(error).__name__, "message": str(error).partition("\n")[0][:160]}


def observed(function, *args):
    """The fact that a function gives, or how it fails."""
    try:
        return limited(function, *args)
    except BaseException as error:
        return failed(error)
