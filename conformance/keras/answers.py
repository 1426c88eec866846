"""What Keras answers: asked in a process of its own, once; answers are kept until the question or Keras changes."""

from __future__ import annotations

import atexit
import functools
import importlib.metadata
import json
import os
import pathlib
import select
import subprocess
from typing import IO, Any

from ..suite import process_of
from .probing import Facts
from .tables import stamp

__all__ = ["ask", "kept_answers"]

LIMIT = 300.0  # seconds for the probes of one kind and one subject


def ask(engine: str, kind: str, subject: str) -> dict[str, Facts]:
    """The facts of each probe of a kind and a subject; none if Keras has no such name."""
    folder = kept_answers(engine) / kind
    path = folder / f"{subject}.json"
    asked = stamp(kind, subject)
    if path.exists():
        kept = json.loads(path.read_text())
        if kept["stamp"] == asked:
            return kept["answers"]
    answers = _Side.of(engine).ask(kind, subject)
    folder.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"stamp": asked, "answers": answers}))
    return answers


def kept_answers(engine: str) -> pathlib.Path:
    """The folder of what the installed Keras has answered on an engine."""
    default = pathlib.Path.home() / ".cache" / "kfront" / "keras-answers"
    folder = pathlib.Path(os.environ.get("KFRONT_KERAS_ANSWERS", default))
    return folder / f"{importlib.metadata.version('keras')}-{engine}"


class _Side:
    """A process that observes Keras."""

    def __init__(self, engine: str) -> None:
        command, env = process_of("keras.side", KERAS_BACKEND=engine)
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, env=env, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True)
        atexit.register(self.process.kill)

    @staticmethod
    @functools.cache
    def of(engine: str) -> _Side:
        """The process of an engine."""
        return _Side(engine)

    def ask(self, kind: str, subject: str) -> Any:
        """Its answer.

        Raises:
            RuntimeError: if the process dies or takes too long.
        """
        stdin, stdout = self.process.stdin, self.process.stdout
        assert stdin is not None and stdout is not None
        stdin.write(json.dumps([kind, subject]) + "\n")
        stdin.flush()
        line = stdout.readline() if self._in_time(stdout) else ""
        if not line:
            self.process.kill()
            _Side.of.cache_clear()
            raise RuntimeError(f"Keras ended or took more than {LIMIT:g} s over {kind} of {subject}")
        return json.loads(line)

    def _in_time(self, stdout: IO[str]) -> bool:
        return bool(select.select([stdout], [], [], LIMIT)[0])
