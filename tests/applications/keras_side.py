"""Weights and predictions of Keras's models: ``python keras_side.py FOLDER NAME…`` (names as `SMALL` has them)."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

_FIVE = {"classes": 5, "classifier_activation": None}  # logits: probabilities may all be 0 or 1
# the smallest form of one model of each family that still has all kinds of its blocks
SMALL: dict[str, dict[str, Any]] = {
    "MobileNet": {"alpha": 0.25, "input_shape": (64, 64, 3), **_FIVE},
    "MobileNetV3Small": {"alpha": 0.25, "input_shape": (64, 64, 3), **_FIVE},
    "MobileNetV2": {"alpha": 0.35, "input_shape": (65, 64, 3), **_FIVE},
    "MobileNetV3Large": {"alpha": 0.25, "minimalistic": True, "include_top": False, "pooling": "max"},
    "ConvNeXtTiny": {"input_shape": (32, 32, 3), **_FIVE},
    "DenseNet121": {"input_shape": (64, 64, 3), **_FIVE},
    "EfficientNetB0": {"input_shape": (65, 64, 3), **_FIVE},
    "EfficientNetV2B0": {"include_top": False, "pooling": "avg"},
    "InceptionResNetV2": {"input_shape": (75, 75, 3), **_FIVE},
    "InceptionV3": {"input_shape": (75, 75, 3), **_FIVE},
    "NASNetMobile": {"input_shape": (64, 64, 3), **_FIVE},
    "ResNet50": {"input_shape": (64, 64, 3), **_FIVE},
    "ResNet50V2": {"input_shape": (64, 64, 3), **_FIVE},
    "VGG16": {"include_top": False, "input_shape": (32, 32, 3)},
    "Xception": {"input_shape": (71, 71, 3), **_FIVE},
}
FEW = ("MobileNet", "MobileNetV3Small")


def images(model: Any, name: str) -> np.ndarray:
    """Two images that the model takes and tells apart: in 0…255 if it scales them itself, else around 0."""
    shape = [64 if n is None else n for n in model.input_shape[1:]]
    x = np.random.default_rng(5).uniform(0, 1, (2, *shape)) * np.reshape([1, 0.3], (2, 1, 1, 1))
    scales = name.startswith(("ConvNeXt", "EfficientNet", "MobileNetV3"))
    return (255 * x if scales else 4 * x - 1).astype("float32")


def fill(model: Any, name: str) -> None:
    """Kernels that keep the size of signals, and statistics and scales that are not those of fresh layers."""
    rng = np.random.default_rng(2)
    gain = 1.5 if name.startswith("EfficientNetV2") else 2  # with 2 its signals grow until rounding decides
    for v in model.weights:
        if v.path.startswith("normalization/"):
            continue  # of Keras's layer, which works with copies that only loading renews
        kind, shape = v.path.rsplit("/", 1)[-1], tuple(v.shape)
        if kind in ("moving_variance", "variance", "gamma"):
            v.assign(rng.uniform(0.5, 1.5, shape))
        elif len(shape) == 1:
            v.assign(rng.normal(0, 0.1, shape))
        elif shape:
            seen = np.prod(shape[:2] if shape[-1] == 1 else shape[:-1])  # depthwise kernels see one channel
            v.assign(rng.normal(0, np.sqrt(gain / seen), shape))


def main(folder: str, names: list[str]) -> None:
    """Write `NAME.weights.h5` and `NAME.npy` for each."""
    import keras

    for name in names:
        keras.utils.clear_session()
        model = getattr(keras.applications, name)(weights=None, **SMALL[name])
        fill(model, name)
        model.save_weights(f"{folder}/{name}.weights.h5")
        np.save(f"{folder}/{name}.npy", model.predict(images(model, name), verbose=0))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
