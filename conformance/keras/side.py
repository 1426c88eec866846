"""The other side: observes the installed Keras on the engine that KERAS_BACKEND names.

It reads lines of JSON, [kind, name of a subject], and answers each with a line, {probe: facts}. A probe that does not
end, as draws that are repeated until they fit, has failed.
"""

from __future__ import annotations

import json
import signal
import sys
import types

import ml_dtypes  # noqa: F401  (NumPy knows bfloat16 once it is imported, which some parts of Keras do and others not)

from ..suite import free_memory
from .probing import Facts, Probe, observe
from .tables import probes_of

LIMIT = 10.0  # seconds of processor time for a probe


def _has(package: object, name: str) -> bool:
    for part in name.split("."):
        package = getattr(package, part, None)
    return package is not None


def _in_time(package: types.ModuleType, probe: Probe) -> Facts:
    """The facts of a probe; the error that ends it once it takes too long is one of them.

    An engine's kernel that takes no notice of that ends the process.
    """
    signal.setitimer(signal.ITIMER_PROF, LIMIT)
    signal.setitimer(signal.ITIMER_VIRTUAL, 2 * LIMIT)
    try:
        return observe(package, probe)
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)


def _too_long(*_: object) -> None:
    raise TimeoutError(f"the probe took more than {LIMIT:g} s")


def main() -> None:
    """Answer until the input ends."""
    answers, sys.stdout = sys.stdout, sys.stderr  # engines print what they like
    import keras

    keras.config.disable_traceback_filtering()
    signal.signal(signal.SIGPROF, _too_long)
    for line in sys.stdin:
        kind, name = json.loads(line)
        asked = probes_of(kind, name) if _has(keras, name) else {}  # kfront has names of the next Keras too
        found = {label: _in_time(keras, probe) for label, probe in asked.items()}
        answers.write(json.dumps(found) + "\n")
        answers.flush()
        free_memory()


if __name__ == "__main__":
    main()
