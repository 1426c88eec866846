"""Residual networks that normalize before they convolve (He et al., arXiv:1603.05027)."""

from __future__ import annotations

from kfront.applications._resnet import resnet_v2
from kfront.applications.imagenet_utils import decode_predictions, preprocessing

__all__ = ["ResNet50V2", "ResNet101V2", "ResNet152V2", "decode_predictions", "preprocess_input"]


def __dir__() -> list[str]:
    return list(__all__)


ResNet50V2 = resnet_v2(50)
ResNet101V2 = resnet_v2(101)
ResNet152V2 = resnet_v2(152)
preprocess_input = preprocessing("tf", "ResNet of version 2", __name__)
