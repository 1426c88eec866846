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

__all__ = ["ENDED", "ask", "kept_answers", "version_of_keras"]

ENDED: dict[str, Facts] = {"": {"ended": True}}  # the answer of a process that the question ended
LIMIT = 1800.0  # seconds for the probes of one kind and one subject, on a machine that is busy


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


@functools.cache
def version_of_keras() -> str:
    """The version of the distribution that brings Keras: `keras`, or a pre-release under a name of its own."""
    return importlib.metadata.version(importlib.metadata.packages_distributions()["keras"][0])


def kept_answers(engine: str) -> pathlib.Path:
    """The folder of what the installed Keras has answered on an engine."""
    default = pathlib.Path.home() / ".cache" / "kfront" / "keras-answers"
    folder = pathlib.Path(os.environ.get("KFRONT_KERAS_ANSWERS", default))
    return folder / f"{version_of_keras()}-{engine}"


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

        Where it ends the process, as engines do that meet a size they did not think of, that is the answer.

        Raises:
            RuntimeError: if it takes too long.
        """
        stdin, stdout = self.process.stdin, self.process.stdout
        assert stdin is not None and stdout is not None
        stdin.write(json.dumps([kind, subject]) + "\n")
        stdin.flush()
        in_time = self._in_time(stdout)
        if line := stdout.readline() if in_time else "":
            return json.loads(line)
        self.process.kill()
        _Side.of.cache_clear()
        if in_time:
            return ENDED
        raise RuntimeError(f"Keras took more than {LIMIT:g} s over {kind} of {subject}")

    def _in_time(self, stdout: IO[str]) -> bool:
        return bool(select.select([stdout], [], [], LIMIT)[0])
