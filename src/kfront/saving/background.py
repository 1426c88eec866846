"""Saving in the background: the state is copied at once, files are written by a thread.

One save is under way at a time. The next one waits for it before it copies anything, so that there is at most one copy
of the weights.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from kfront.core.errors import SavingError


class PendingSave:
    """A save that is running.

    Attributes:
        what: the file's name.
    """

    def __init__(self, what: str, job: Callable[[], None]) -> None:
        self.what = what
        self._job = job
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._kf_run, name=f"kfront-save-{what}", daemon=False)

    def _kf_run(self) -> None:
        try:
            self._job()
        except BaseException as error:
            self._error = error
        finally:
            del self._job

    @property
    def done(self) -> bool:
        """Whether it has ended, with an error or not."""
        return not self._thread.is_alive()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until it has ended.

        Args:
            timeout: the most seconds to wait; None: no limit.

        Returns:
            Whether it has ended.

        Raises:
            SavingError: it failed; raised once.
        """
        self._thread.join(timeout)
        if self._thread.is_alive():
            return False
        error, self._error = self._error, None
        if error is not None:
            raise SavingError(
                f"[save] expected {self.what} to be written in the background, it failed: {error}"
            ) from error
        return True


_last: PendingSave | None = None
_lock = threading.Lock()


def wait_for_all() -> None:
    """Wait for the save that is running, if there is one. Raises:
    SavingError: it failed, and `wait` was not called for it.
    """
    with _lock:
        _wait()


def _wait() -> None:
    global _last
    last, _last = _last, None
    if last is not None:
        last.wait()


def start(what: str, prepare: Callable[[], Callable[[], None]]) -> PendingSave:
    """Begin a save when the one before has ended.

    Args:
        what: the file's name.
        prepare: copies the state; returns the job that writes it.

    Raises:
        SavingError: the one before failed, and `wait` was not called for it.
    """
    global _last
    with _lock:
        _wait()
        _last = PendingSave(what, prepare())
        _last._thread.start()
        return _last
