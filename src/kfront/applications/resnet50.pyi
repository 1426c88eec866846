# Written by tools/stubs.py from the table in the module of the same name.
from kfront.applications.resnet import (
    ResNet50 as ResNet50,
    decode_predictions as decode_predictions,
    preprocess_input as preprocess_input,
)

__all__ = [
    "ResNet50",
    "decode_predictions",
    "preprocess_input",
]
