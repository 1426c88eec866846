"""Runs the cases of image layers on the installed Keras: ``python augment_reference.py FILE.pickle``."""

from __future__ import annotations

import inspect
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
from augment_cases import CASES, DEFAULTS, LABELS, Case, pictures


def run(case: Case) -> dict[str, Any]:
    """Images and labels of one case."""
    layer = getattr(keras.layers, case.layer)(**case.args)
    images = pictures(case.images, case.size)
    parts = [images[i : i + 1] for i in range(len(images))] if case.one else [images]
    out = [np.asarray(layer.transform_images(keras.ops.convert_to_tensor(x), case.parameters)) for x in parts]
    found = {"images": np.concatenate(out), "labels": None}
    if case.layer in ("MixUp", "CutMix"):
        found["labels"] = np.asarray(layer.transform_labels(LABELS, case.parameters))
    return found


def main(target: str) -> None:
    """Write the results."""
    results: dict[str, Any] = {case.id: run(case) for case in CASES}
    for name, args in DEFAULTS.items():
        keras.utils.clear_session(free_memory=False)
        layer = getattr(keras.layers, name)(**args)
        off = np.asarray(layer(pictures("bytes", (9, 7)), **({} if name == "Rescaling" else {"training": False})))
        results[name] = {
            "config": keras.saving.serialize_keras_object(layer),
            "signature": str(inspect.signature(type(layer).__init__)),
            "off": off,
        }
    Path(target).write_bytes(pickle.dumps(results))


if __name__ == "__main__":
    main(sys.argv[1])
