"""Run by `conformance.ops.against_keras`: calls ops of the installed Keras, on the engine that KERAS_BACKEND names.

It reads lines of JSON, [name of an op, places of samples in its entry], and writes for each a pickle: a list of results
(NumPy arrays), or of texts where Keras raises.
"""

from __future__ import annotations

import json
import pickle
import sys
import types
import warnings
from typing import Any

import numpy as np

from .ops.entry import Sample, arrays_of, map_arrays, with_arrays
from .ops.samples import table


def function(keras: types.ModuleType, name: str) -> Any:
    """Keras's op of that name."""
    return getattr(keras.ops, name, None) or getattr(keras.ops.image, name)


def result(keras: types.ModuleType, name: str, sample: Sample) -> list[np.ndarray] | str:
    """What Keras makes of a sample."""
    try:
        args, kwargs = map_arrays(keras.ops.convert_to_tensor, (sample.args, sample.kwargs))
        out = keras.tree.flatten(function(keras, name)(*args, **kwargs))
        return [_number(x) if isinstance(x, int) else np.asarray(keras.ops.convert_to_numpy(x)) for x in out]
    except Exception as error:
        return f"{type(error).__name__}: {error}"[:300]


def together(keras: types.ModuleType, name: str, samples: list[Sample]) -> list[Any]:
    """What Keras makes of samples on JAX, which would compile each step: from one function, or two of half of them."""
    import jax

    def call(values: list[list[Any]]) -> list[list[Any]]:
        out = []
        for s, arrays in zip(samples, values, strict=True):
            args, kwargs = with_arrays((s.args, s.kwargs), arrays)
            out.append(keras.tree.flatten(function(keras, name)(*args, **kwargs)))
        return out

    if len(samples) < 2 or not table()[name].compiles:
        return [result(keras, name, s) for s in samples]
    try:
        tensors = [[keras.ops.convert_to_tensor(x) for x in arrays_of((s.args, s.kwargs))] for s in samples]
        return [[np.asarray(y) for y in results] for results in jax.jit(call)(tensors)]
    except Exception:
        half = len(samples) // 2
        return together(keras, name, samples[:half]) + together(keras, name, samples[half:])


def _number(x: Any) -> np.ndarray:
    return np.asarray(x, "bool" if isinstance(x, bool) else "int32")


def main() -> None:
    """Answer until the input ends."""
    answers, sys.stdout = sys.stdout.buffer, sys.stderr  # engines print what they like
    warnings.simplefilter("ignore")
    import keras

    for line in sys.stdin:
        name, places = json.loads(line)
        with np.errstate(all="ignore"):
            samples = [table()[name].samples[i] for i in places]
            one_by_one = keras.backend.backend() != "jax"
            found = [result(keras, name, s) for s in samples] if one_by_one else together(keras, name, samples)
        pickle.dump(found, answers)
        answers.flush()


if __name__ == "__main__":
    main()
