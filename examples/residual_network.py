"""ResNet of public layers (He et al., 2015), and the table that loads what `transformers` has saved.

Run: python examples/residual_network.py
"""

import numpy as np

import kfront
from kfront import layers
from kfront.saving import WeightTable


def convolution(x, filters, size, strides, name, activation="relu"):
    """A convolution with zeros around the image, normalized."""
    if size > 1:
        x = layers.ZeroPadding2D(size // 2)(x)
    x = layers.Conv2D(filters, size, strides, use_bias=False, name=f"conv_{name}")(x)
    x = layers.BatchNormalization(epsilon=1e-5, momentum=0.9, name=f"norm_{name}")(x)
    return layers.Activation(activation)(x) if activation else x


def block(x, filters, strides, name):
    """Three convolutions, the middle one on a fourth of the channels, added to what they get."""
    shortcut, narrow = x, filters // 4
    if strides > 1 or x.shape[-1] != filters:
        shortcut = convolution(x, filters, 1, strides, f"{name}_shortcut", None)
    x = convolution(x, narrow, 1, 1, f"{name}_0")
    x = convolution(x, narrow, 3, strides, f"{name}_1")
    return layers.Activation("relu")(shortcut + convolution(x, filters, 1, 1, f"{name}_2", None))


def resnet(image, classes, first=64, filters=(256, 512, 1024, 2048), depths=(3, 4, 6, 3)):
    """ResNet50, or another one by other numbers of channels and of blocks in each stage."""
    pixels = kfront.Input((image, image, 3), name="pixels")
    x = convolution(pixels, first, 7, 2, "first")
    x = layers.MaxPooling2D(3, 2)(layers.ZeroPadding2D(1)(x))
    for stage, (channels, depth) in enumerate(zip(filters, depths, strict=True)):
        for i in range(depth):
            x = block(x, channels, 2 if stage and not i else 1, f"{stage}_{i}")
    x = layers.GlobalAveragePooling2D()(x)
    return kfront.Model(pixels, layers.Dense(classes, name="logits")(x), name="resnet")


BLOCK = "resnet.encoder.stages.{s}.layers.{i}."
RESNET = WeightTable(
    [
        ("conv_first", "resnet.embedder.embedder.convolution"),
        ("norm_first", "resnet.embedder.embedder.normalization"),
        ("conv_{s}_{i}_shortcut", BLOCK + "shortcut.convolution"),
        ("norm_{s}_{i}_shortcut", BLOCK + "shortcut.normalization"),
        ("conv_{s}_{i}_{n}", BLOCK + "layer.{n}.convolution"),
        ("norm_{s}_{i}_{n}", BLOCK + "layer.{n}.normalization"),
        ("logits", "classifier.1"),
    ]
)


if __name__ == "__main__":
    kfront.utils.set_random_seed(0)
    print("ResNet", resnet(64, 10, 8, (16, 32), (1, 2)).predict(np.zeros((1, 64, 64, 3)), verbose=0).shape)
