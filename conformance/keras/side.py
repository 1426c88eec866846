"""The other side: observes the installed Keras on the engine that KERAS_BACKEND names.

It reads lines of JSON, [kind, name of a subject], and answers each with a line, {probe: facts}.
"""

from __future__ import annotations

import json
import sys

from .probing import observe
from .tables import probes_of


def main() -> None:
    """Answer until the input ends."""
    answers, sys.stdout = sys.stdout, sys.stderr  # engines print what they like
    import keras

    keras.config.disable_traceback_filtering()
    for line in sys.stdin:
        kind, name = json.loads(line)
        found = {label: observe(keras, probe) for label, probe in probes_of(kind, name).items()}
        answers.write(json.dumps(found) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
