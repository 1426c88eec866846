"""The other side: observes the installed Keras on the engine that KERAS_BACKEND names.

It reads lines of JSON, [kind, name of a subject], and answers each with a line, {probe: facts}.
"""

from __future__ import annotations

import json
import sys

from ..suite import free_memory
from .probing import observe
from .tables import probes_of


def _has(package: object, name: str) -> bool:
    for part in name.split("."):
        package = getattr(package, part, None)
    return package is not None


def main() -> None:
    """Answer until the input ends."""
    answers, sys.stdout = sys.stdout, sys.stderr  # engines print what they like
    import keras

    keras.config.disable_traceback_filtering()
    for line in sys.stdin:
        kind, name = json.loads(line)
        asked = probes_of(kind, name) if _has(keras, name) else {}  # kfront has names of the next Keras too
        found = {label: observe(keras, probe) for label, probe in asked.items()}
        answers.write(json.dumps(found) + "\n")
        answers.flush()
        free_memory()


if __name__ == "__main__":
    main()
