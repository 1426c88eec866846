"""Image layers on boxes: dtypes of boxes and labels, boxes beyond the number of others, ragged ones, one image."""

import keras
import numpy as np
from common import data, show
from keras import layers, ops

ENGINE = keras.backend.backend()
IMAGES = ops.convert_to_tensor(data(4, 8, 8, 3))
CORNERS = np.array([[[1, 1, 4, 5], [0, 2, 6, 8]]] * 4)
OPTIONS = {
    "AutoContrast": {},
    "CenterCrop": {"height": 4, "width": 6},
    "Equalization": {},
    "MaxNumBoundingBoxes": {"max_number": 3},
    "MixUp": {},
    "RandAugment": {},
    "RandomBrightness": {"factor": 0.1},
    "RandomErasing": {},
    "RandomFlip": {},
    "RandomPerspective": {},
    "RandomRotation": {"factor": 0.1},
    "RandomShear": {"x_factor": 0.2},
    "RandomTranslation": {"height_factor": 0.2, "width_factor": 0.2},
    "RandomZoom": {"height_factor": 0.2},
    "Resizing": {"height": 4, "width": 4},
    "Solarization": {},
}


def given(corners, **more):
    """What a layer is called with: images, and boxes with labels."""
    boxes = {"boxes": corners, "labels": np.ones(corners.shape[:-1], "int32"), **more}
    images = IMAGES if corners.ndim == 3 else IMAGES[0]
    return {"images": images, "bounding_boxes": {k: ops.convert_to_tensor(v) for k, v in boxes.items()}}


def made(name, **options):
    return getattr(layers, name)(**OPTIONS[name], bounding_box_format="xyxy", **options)


def dtypes(boxes):
    return {k: keras.backend.standardize_dtype(v.dtype) for k, v in sorted(boxes.items())}


def shapes(boxes):
    return {k: tuple(v.shape) for k, v in sorted(boxes.items())}


for name in OPTIONS:
    for dtype in ("float32", "int32", "float64"):
        for training in (False,) if name == "MixUp" else (False, True):
            boxes = made(name)(given(CORNERS.astype(dtype)), training=training)["bounding_boxes"]
            show(f"{name} {dtype} {training}", [dtypes(boxes), shapes(boxes)])
    if name != "MixUp":
        show(f"{name} one image", made(name)(given(CORNERS[0]), training=False)["bounding_boxes"])

for policy in ("mixed_bfloat16", "bfloat16"):
    for name in ("MaxNumBoundingBoxes", "RandomBrightness", "RandomFlip", "Resizing"):
        boxes = made(name, dtype=policy)(given(CORNERS * 1.5), training=False)["bounding_boxes"]
        show(f"{name} {policy}", [dtypes(boxes), boxes["boxes"]])

show("scores", made("RandomBrightness")(given(CORNERS, scores=data(4, 2)))["bounding_boxes"]["scores"])

if ENGINE == "tensorflow":
    import tensorflow as tf

    uneven = {
        "boxes": tf.ragged.constant([[[1.0, 1, 2, 2]], [[1.0, 1, 2, 2], [0, 0, 1, 1]]], inner_shape=(4,)),
        "labels": tf.ragged.constant([[1], [1, 0]]),
    }
    for name in ("MaxNumBoundingBoxes", "RandomBrightness", "Resizing", "MixUp"):
        boxes = made(name)({"images": IMAGES[:2], "bounding_boxes": uneven}, training=False)["bounding_boxes"]
        show(f"{name} ragged", boxes)
    for name in ("MaxNumBoundingBoxes", "RandomFlip", "Resizing"):
        pairs = tf.data.Dataset.from_tensors({"images": IMAGES[:2], "bounding_boxes": uneven}).map(made(name))
        spec = pairs.element_spec["bounding_boxes"]["boxes"]
        show(f"{name} of a data set", [tuple(spec.shape), spec.dtype.name, shapes(next(iter(pairs))["bounding_boxes"])])
