"""VGG with 16 layers of weights (Simonyan and Zisserman, arXiv:1409.1556)."""

from __future__ import annotations

from kfront.applications._vgg import vgg
from kfront.applications.imagenet_utils import decode_predictions, preprocessing

__all__ = ["VGG16", "decode_predictions", "preprocess_input"]


def __dir__() -> list[str]:
    return list(__all__)


VGG16 = vgg(2, 2, 3, 3, 3)
preprocess_input = preprocessing("caffe", "VGG16", __name__)
