"""Run by `conformance.models.against_keras`: programs in the installed Keras, on the engine that KERAS_BACKEND names.

It reads pickled requests, (program, lines that make `got`), and writes for each a pickle: a list of arrays, or the text
of what Keras raises.
"""

from __future__ import annotations

import os
import pickle
import sys
import warnings
from typing import Any

import numpy as np

from .program import Program, flat


def answer(keras: Any, program: Program, lines: tuple[str, ...]) -> list[np.ndarray] | str:
    """What Keras gives."""
    keras.utils.clear_session(free_memory=False)
    keras.config.set_dtype_policy("float32")
    try:
        got = flat(program.run("keras", *lines)["got"])
        return [np.asarray(keras.ops.convert_to_numpy(x)) for x in got]
    except Exception as error:
        return f"{type(error).__name__}: {error}"[:2000]


def main() -> None:
    """Answer until the input ends."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # engines print what they like
    warnings.simplefilter("ignore")
    import keras

    while True:
        try:
            program, lines = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        with np.errstate(all="ignore"):
            pickle.dump(answer(keras, program, lines), answers)
        answers.flush()


if __name__ == "__main__":
    main()
