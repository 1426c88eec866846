"""Programs in the installed Keras, on the same engine, in a process of its own; files go both ways."""

from __future__ import annotations

import atexit
import functools
import importlib.util
import pickle
import subprocess
from collections.abc import Callable
from typing import Any

import numpy as np

from ..suite import process_of
from .program import Program

__all__ = ["has_keras", "in_keras"]


def has_keras() -> bool:
    """Whether Keras is installed."""
    return importlib.util.find_spec("keras") is not None


@functools.cache
def _process(engine: str) -> Callable[[Any], Any]:
    """Asks Keras on an engine."""
    command, env = process_of("models.keras_side", KERAS_BACKEND=engine)
    pipe = subprocess.PIPE
    process = subprocess.Popen(command, env=env, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL)
    atexit.register(process.kill)

    def ask(question: Any) -> Any:
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(pickle.dumps(question))
        process.stdin.flush()
        return pickle.load(process.stdout)

    return ask


def in_keras(program: Program, engine: str, lines: tuple[str, ...]) -> list[np.ndarray] | str:
    """What Keras gives, or the text of what it raises."""
    return _process(engine)((program, lines))
