"""Residual networks (He et al., arXiv:1512.03385)."""

from __future__ import annotations

from kfront.applications._resnet import resnet
from kfront.applications.imagenet_utils import decode_predictions, preprocessing

__all__ = ["ResNet50", "ResNet101", "ResNet152", "decode_predictions", "preprocess_input"]


def __dir__() -> list[str]:
    return list(__all__)


ResNet50 = resnet(50)
ResNet101 = resnet(101)
ResNet152 = resnet(152)
preprocess_input = preprocessing("caffe", "ResNet", __name__)
