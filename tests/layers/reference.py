"""Runs the cases on the installed Keras and writes what it gives: ``python reference.py FILE.pickle``."""

from __future__ import annotations

import os
import pickle
import sys
from pathlib import Path
from typing import Any

os.environ["KERAS_BACKEND"] = "numpy"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).parent))

import keras
import numpy as np
from layer_cases import CASES, Case, call_arguments, input_arrays, make, weight_arrays


def arrays(x: Any) -> Any:
    """Nested outputs as NumPy arrays."""
    if isinstance(x, (list, tuple)):
        return [arrays(v) for v in x]
    return keras.ops.convert_to_numpy(x)


def symbolic_shapes(layer: Any, case: Case) -> Any:
    """Shapes and dtype of the outputs for an unknown batch size."""
    dtype = "int32" if case.high else "float32"
    shapes = case.inputs if isinstance(case.inputs, list) else [case.inputs]
    specs = [keras.KerasTensor((None, *s[1:]), dtype) for s in shapes]
    extra = {k: v for k, v in case.call.items() if isinstance(v, bool)}
    first, rest = (
        (specs, [])
        if not case.layer.endswith("QueryAttention") and case.layer != "MultiHeadAttention"
        else (specs[0], specs[1:])
    )
    out = layer(first if isinstance(case.inputs, list) else specs[0], *rest, **extra)
    flat = keras.tree.flatten(out)
    return [(tuple(t.shape), t.dtype) for t in flat]


def run(case: Case) -> dict[str, Any]:
    """Everything that is compared for one case."""
    keras.utils.clear_session(free_memory=False)
    layer = make(keras.layers, case)
    x = input_arrays(case)
    call = call_arguments(case)
    several = case.layer in ("MultiHeadAttention", "GroupQueryAttention")
    args = x if several else [x]
    layer(*args, **call)
    weights = layer.weights
    layer.set_weights(weight_arrays(case, weights))
    out = layer(*args, **call)
    store: dict[str, Any] = {}
    layer.save_own_variables(store)
    after = layer.get_weights()
    found = {
        "config": keras.saving.serialize_keras_object(layer),
        "paths": [w.path for w in weights],
        "shapes": [tuple(w.shape) for w in weights],
        "trainable": [bool(w.trainable) for w in weights],
        "own": {k: np.shape(v) for k, v in store.items()},
        "variables": [(v.path, tuple(v.shape)) for v in layer.variables],
        "out": arrays(out),
        "after": after,
        "losses": [float(v) for v in layer.losses],
        "h5": weights_file(case),
    }
    keras.utils.clear_session(free_memory=False)
    found["symbolic"] = symbolic_shapes(make(keras.layers, case), case)
    return found


def weights_file(case: Case) -> Any:
    """Names and shapes of the data sets of a weights file that holds the layer."""
    import tempfile

    import h5py

    keras.utils.clear_session(free_memory=False)
    layer = make(keras.layers, case)

    class Holder(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.inner = layer

        def call(self, *args: Any, **kwargs: Any) -> Any:
            return self.inner(*args, **kwargs)

    model = Holder()
    x = input_arrays(case)
    several = case.layer in ("MultiHeadAttention", "GroupQueryAttention")
    layer(*(x if several else [x]), **call_arguments(case))
    model.built = True
    names: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/w.weights.h5"
        model.save_weights(path)
        with h5py.File(path) as f:
            f.visititems(lambda n, o: names.update({n: o.shape}) if isinstance(o, h5py.Dataset) else None)
    return names


def main(target: str) -> None:
    """Write the results of all cases."""
    results = {}
    for case in CASES:
        try:
            results[case.id] = run(case)
        except Exception as error:
            results[case.id] = {"error": f"{type(error).__name__}: {error}"}
    Path(target).write_bytes(pickle.dumps(results))


if __name__ == "__main__":
    main(sys.argv[1])
