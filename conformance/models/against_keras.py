"""Programs in the installed Keras, on the same engine, in a process of its own; files go both ways."""

from __future__ import annotations

import atexit
import functools
import importlib.util
import pickle
import subprocess

import numpy as np

from ..suite import process_of
from .program import Program

__all__ = ["has_keras", "in_keras"]


def has_keras() -> bool:
    """Whether Keras is installed."""
    return importlib.util.find_spec("keras") is not None


MOST = 500  # programs that a process runs: what Keras and the engines keep of each is never freed


class _Side:
    """Keras on an engine, in a process of its own."""

    def __init__(self, engine: str) -> None:
        self.engine = engine
        self.asked = 0
        self.process: subprocess.Popen[bytes] | None = None
        atexit.register(self._end)

    def _end(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def ask(self, question: object) -> list[np.ndarray] | str:
        """The answer; every so often of a new process."""
        if self.asked % MOST == 0:
            self._end()
            command, env = process_of("models.keras_side", KERAS_BACKEND=self.engine)
            pipe = subprocess.PIPE
            self.process = subprocess.Popen(command, env=env, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL)
        self.asked += 1
        assert self.process is not None and self.process.stdin is not None and self.process.stdout is not None
        try:
            self.process.stdin.write(pickle.dumps(question))
            self.process.stdin.flush()
            return pickle.load(self.process.stdout)
        except (EOFError, BrokenPipeError):  # the engine has ended the process: the next program gets another
            self.asked = 0
            raise


_side = functools.cache(_Side)


def in_keras(program: Program, engine: str, lines: tuple[str, ...]) -> list[np.ndarray] | str:
    """What Keras gives, or the text of what it raises."""
    return _side(engine).ask((program, lines))
