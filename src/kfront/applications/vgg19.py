"""VGG with 19 layers of weights (Simonyan and Zisserman, arXiv:1409.1556)."""

from __future__ import annotations

from kfront.applications._vgg import vgg
from kfront.applications.imagenet_utils import decode_predictions, preprocessing

__all__ = ["VGG19", "decode_predictions", "preprocess_input"]


def __dir__() -> list[str]:
    return list(__all__)


VGG19 = vgg(2, 2, 4, 4, 4)
preprocess_input = preprocessing("caffe", "VGG19", __name__)
