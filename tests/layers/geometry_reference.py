"""Runs the cases of geometric image layers on the installed Keras: ``python geometry_reference.py FILE.pickle``."""

from __future__ import annotations

import inspect
import os
import pickle
import sys
from pathlib import Path
from typing import Any

os.environ["KERAS_BACKEND"] = "jax"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).parent))

import keras
import numpy as np
from geometry_cases import BOXES, CASES, DEFAULTS, IMAGES, LABELS, MASKS, Case


def run(case: Case) -> dict[str, Any]:
    """Images, masks and boxes of one case."""
    layer = getattr(keras.layers, case.layer)(**case.args, bounding_box_format="xyxy")
    given = layer.get_random_transformation(IMAGES) if case.keras is None else case.keras()
    found = {
        "images": layer.transform_images(IMAGES, given, training=True),
        "masks": layer.transform_segmentation_masks(MASKS, given, training=True),
    }
    if case.boxes:
        boxes = {"boxes": BOXES, "labels": LABELS}
        found.update(layer.transform_bounding_boxes(boxes, given, training=True))
    return {k: np.asarray(v) for k, v in found.items()}


def main(target: str) -> None:
    """Write the results."""
    results: dict[str, Any] = {case.id: run(case) for case in CASES}
    for name, args in DEFAULTS.items():
        keras.utils.clear_session(free_memory=False)
        layer = getattr(keras.layers, name)(**args)
        results[name] = {
            "config": keras.saving.serialize_keras_object(layer),
            "signature": str(inspect.signature(type(layer).__init__)),
        }
    Path(target).write_bytes(pickle.dumps(results))


if __name__ == "__main__":
    main(sys.argv[1])
