"""Rows: dense layers, activations, merging, reshaping, normalization, noise, and layers as users write them."""

from __future__ import annotations

from typing import Any

import kfront
from kfront import layers as L

from .row import Row, ids, keep, row, x

__all__ = ["ROWS"]


@kfront.saving.register_keras_serializable("conformance")
class Scale(L.Layer):
    """A layer with a weight and layers in a list."""

    def __init__(self, factor: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.factor = factor
        self.parts = [L.Dense(3), L.Dense(2)]

    def build(self, input_shape: Any) -> None:
        self.scale = self.add_weight(shape=(input_shape[-1],), initializer="ones", name="scale")
        for part in self.parts:
            part.build(input_shape)

    def call(self, inputs: Any) -> Any:
        h = inputs * self.scale * self.factor
        return kfront.ops.concatenate([part(h) for part in self.parts], axis=-1)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "factor": self.factor}


@kfront.saving.register_keras_serializable("conformance")
class Residual(L.Wrapper):
    """A wrapper that adds the input."""

    def call(self, inputs: Any) -> Any:
        return inputs + self.layer(inputs)


@kfront.saving.register_keras_serializable("conformance")
def double(v: Any) -> Any:
    return kfront.ops.multiply(v, 2.0)


@kfront.saving.register_keras_serializable("conformance")
def times(v: Any, by: float) -> Any:
    return kfront.ops.multiply(v, by)


PASSED = "gradients go past the rounding of the kernel, see tests/keras_next"

DENSE = [
    row("Dense", "plain", lambda: L.Dense(4), x(3)),
    row("Dense", "relu, no bias", lambda: L.Dense(4, activation="relu", use_bias=False), x(3)),
    row("Dense", "softmax, rank 3", lambda: L.Dense(4, activation="softmax"), x(5, 3), free=(1,)),
    row("Dense", "rank 4", lambda: L.Dense(2, activation="gelu"), x(2, 4, 3), free=(1, 2)),
    row(
        "Dense",
        "regularized",
        lambda: L.Dense(2, kernel_regularizer="l2", kernel_constraint="max_norm", bias_initializer="ones"),
        x(3),
    ),
    row("TernaryDense", "plain", lambda: L.TernaryDense(4), x(3), smooth=False, reason=PASSED),
    row(
        *("TernaryDense", "threshold, rank 3", lambda: L.TernaryDense(4, threshold=0.4), x(5, 3)),
        free=(1,),
        smooth=False,
        reason=PASSED,
    ),
    row(
        *("TernaryDense", "padded", lambda: L.TernaryDense(4), x(5, 3)),
        padded="steps",
        smooth=False,
        light=True,
        reason=PASSED,
    ),
    row("Dense", "activity", lambda: L.Dense(2, activity_regularizer="l1"), x(3)),
    row(
        "EinsumDense",
        "rank 3",
        lambda: L.EinsumDense("abc,cd->abd", output_shape=(None, 4), bias_axes="d"),
        x(5, 3),
        free=(1,),
    ),
    row("EinsumDense", "plain", lambda: L.EinsumDense("ab,bc->ac", output_shape=4, activation="tanh"), x(3)),
    row(
        "EinsumDense",
        "ellipsis",
        lambda: L.EinsumDense("...x,xyz->...yz", output_shape=(4, 5), bias_axes="yz"),
        x(6, 3),
        free=(1,),
    ),
    row(
        "EinsumDense",
        "join axes",
        lambda: L.EinsumDense("abcd,cde->abe", output_shape=(None, 4), bias_axes="e"),
        x(5, 2, 3),
        free=(1,),
    ),
    row("Embedding", "plain", lambda: L.Embedding(7, 3), ids(5, below=7), free=(1,)),
    row("Embedding", "mask_zero", lambda: L.Embedding(7, 3, mask_zero=True), ids(5, below=7), free=(1,)),
    row("Embedding", "rank 1", lambda: L.Embedding(7, 3), ids(below=7)),
    row("Embedding", "initializer", lambda: L.Embedding(5, 2, embeddings_initializer="normal"), ids(2, 3, below=5)),
    row("Identity", "plain", lambda: L.Identity(), x(4, 2), free=(1, 2), padded="steps"),
    row("Masking", "zero", lambda: L.Masking(0.0), x(4, 2), free=(1,)),
    row("Masking", "value", lambda: L.Masking(mask_value=0.5), x(4, 2), free=(1,)),
    row("Lambda", "function", lambda: L.Lambda(double), x(4)),
    row("Lambda", "arguments", lambda: L.Lambda(times, arguments={"by": 3.0}), x(4, 2), free=(1,)),
    row("Layer", "own class", lambda: Scale(2.0), x(4)),
    row("Wrapper", "own class", lambda: Residual(L.Dense(4)), x(4)),
]

_PLAIN = """
celu elu exponential gelu hard_shrink hard_sigmoid hard_silu hard_tanh leaky_relu linear log_sigmoid log_softmax mish
relu relu6 selu sigmoid silu soft_shrink softmax softplus softsign sparse_plus sparse_sigmoid sparsemax squareplus tanh
tanh_shrink
"""
ACTIVATIONS = [
    *(row("Activation", n, lambda n=n: L.Activation(n), x(4, 6), light=n != "gelu") for n in _PLAIN.split()),
    row("Activation", "masked", lambda: L.Activation("tanh"), x(4, 3), free=(1,), padded="steps"),
    row("ReLU", "plain", lambda: L.ReLU(), x(4)),
    row("ReLU", "options", lambda: L.ReLU(max_value=1.0, negative_slope=0.1, threshold=0.2), x(4, 3), free=(1,)),
    row("LeakyReLU", "plain", lambda: L.LeakyReLU(), x(4)),
    row("LeakyReLU", "slope", lambda: L.LeakyReLU(negative_slope=0.1), x(4, 3), free=(1,), padded="steps"),
    row("ELU", "plain", lambda: L.ELU(), x(4)),
    row("ELU", "alpha", lambda: L.ELU(alpha=0.5), x(4, 3), free=(1,)),
    row("PReLU", "plain", lambda: L.PReLU(), x(4, 3)),
    row("PReLU", "shared axes", lambda: L.PReLU(shared_axes=[1]), x(4, 3), free=(1,)),
    row("Softmax", "plain", lambda: L.Softmax(), x(4, 3), free=(1,)),
    row("Softmax", "axes", lambda: L.Softmax(axis=(1, 2)), x(4, 3)),
    row("Softmax", "mask", lambda: L.Softmax(), x(5), mask=keep(5)),
]

_TWO, _THREE = [x(4), x(4, seed=1)], [x(4), x(4, seed=1), x(4, seed=2)]
_STEPS = [x(4, 3), x(4, 3, seed=1)]
MERGE = [
    *(
        r
        for name in ("Add", "Multiply", "Average", "Maximum", "Minimum")
        for r in (
            row(name, "three", lambda name=name: getattr(L, name)(), _THREE),
            row(name, "broadcast", lambda name=name: getattr(L, name)(), [x(2, 4), x(4)]),
            row(name, "steps", lambda name=name: getattr(L, name)(), _STEPS, free=(1,), padded="steps"),
        )
    ),
    row("Subtract", "two", lambda: L.Subtract(), _TWO),
    row("Subtract", "steps", lambda: L.Subtract(), _STEPS, free=(1,), padded="steps"),
    row("Concatenate", "last", lambda: L.Concatenate(), _THREE),
    row("Concatenate", "axis 1", lambda: L.Concatenate(axis=1), [x(2, 3), x(4, 3)]),
    row("Concatenate", "steps", lambda: L.Concatenate(), _STEPS, free=(1,), padded="steps"),
    row("Dot", "vectors", lambda: L.Dot(1), _TWO),
    row("Dot", "matrices", lambda: L.Dot((2, 1)), [x(4, 3), x(3, 5)], free=()),
    row("Dot", "normalized", lambda: L.Dot(-1, normalize=True), [x(4, 3), x(5, 3)]),
]

RESHAPE = [
    row("Flatten", "rank 3", lambda: L.Flatten(), x(3, 4)),
    row("Flatten", "channels first", lambda: L.Flatten(data_format="channels_first"), x(3, 4, 2)),
    row("Flatten", "rank 1", lambda: L.Flatten(), x()),
    row("Flatten", "unknown axes", lambda: L.Flatten(), x(3, 4), free=(1,)),
    row("Reshape", "known", lambda: L.Reshape((4, 3)), x(3, 4)),
    row("Reshape", "inferred", lambda: L.Reshape((-1, 6)), x(3, 4)),
    row("Reshape", "unknown axis", lambda: L.Reshape((-1, 2)), x(3, 4), free=(1,)),
    row("Permute", "rank 4", lambda: L.Permute((3, 1, 2)), x(2, 3, 4), free=(1, 2)),
    row("RepeatVector", "plain", lambda: L.RepeatVector(4), x(3)),
    row("Cropping1D", "plain", lambda: L.Cropping1D((1, 2)), x(7, 2), free=(1,)),
    row("Cropping2D", "pairs", lambda: L.Cropping2D(((1, 0), (2, 1))), x(5, 6, 2), free=(1, 2)),
    row("Cropping2D", "channels first", lambda: L.Cropping2D(1, data_format="channels_first"), x(2, 5, 6)),
    row("Cropping3D", "plain", lambda: L.Cropping3D((1, 0, 2)), x(4, 3, 6, 2), free=(1, 2, 3)),
    row("Cropping3D", "channels first", lambda: L.Cropping3D(1, data_format="channels_first"), x(2, 3, 4, 5)),
    row("ZeroPadding1D", "plain", lambda: L.ZeroPadding1D((1, 2)), x(4, 2), free=(1,)),
    row("ZeroPadding1D", "channels first", lambda: L.ZeroPadding1D(1, data_format="channels_first"), x(2, 4)),
    row("ZeroPadding2D", "pairs", lambda: L.ZeroPadding2D(((1, 0), (2, 1))), x(3, 4, 2), free=(1, 2)),
    row("ZeroPadding2D", "channels first", lambda: L.ZeroPadding2D((1, 2), data_format="channels_first"), x(2, 3, 4)),
    row("ZeroPadding3D", "plain", lambda: L.ZeroPadding3D(1), x(3, 2, 4, 2), free=(1, 2, 3)),
    row("ZeroPadding3D", "channels first", lambda: L.ZeroPadding3D(1, data_format="channels_first"), x(2, 3, 2, 4)),
    row("UpSampling1D", "plain", lambda: L.UpSampling1D(3), x(4, 2), free=(1,)),
    row("UpSampling2D", "nearest", lambda: L.UpSampling2D((2, 3)), x(3, 4, 2), free=(1, 2)),
    row("UpSampling2D", "channels first", lambda: L.UpSampling2D(2, data_format="channels_first"), x(2, 3, 4)),
    row("UpSampling3D", "plain", lambda: L.UpSampling3D((2, 1, 3)), x(3, 2, 4, 2), free=(1, 2, 3)),
    row("UpSampling3D", "channels first", lambda: L.UpSampling3D(2, data_format="channels_first"), x(2, 3, 2, 4)),
]

NORMS = [
    row("BatchNormalization", "inference", lambda: L.BatchNormalization(), x(3), training=False),
    row("BatchNormalization", "training", lambda: L.BatchNormalization(), x(4, 3), training=True, free=(1,)),
    row(
        "BatchNormalization",
        "axis 1",
        lambda: L.BatchNormalization(axis=1, scale=False, momentum=0.5),
        x(3, 5),
        training=True,
    ),
    row(
        "BatchNormalization",
        "image",
        lambda: L.BatchNormalization(center=False, epsilon=0.1),
        x(4, 4, 3),
        training=True,
        free=(1, 2),
    ),
    row("BatchNormalization", "mask", lambda: L.BatchNormalization(), x(6, 3), training=True, mask=keep(6)),
    row("LayerNormalization", "plain", lambda: L.LayerNormalization(), x(6)),
    row("LayerNormalization", "steps", lambda: L.LayerNormalization(), x(4, 6), free=(1,), padded="steps"),
    row("LayerNormalization", "axes", lambda: L.LayerNormalization(axis=[1, 2], epsilon=0.1), x(3, 5)),
    row("LayerNormalization", "axis 1", lambda: L.LayerNormalization(axis=1, scale=False), x(6, 3)),
    row("RMSNormalization", "plain", lambda: L.RMSNormalization(), x(4, 6), free=(1,)),
    row("RMSNormalization", "axis 1", lambda: L.RMSNormalization(axis=1), x(6, 3)),
    row("GroupNormalization", "groups", lambda: L.GroupNormalization(2), x(5, 6), free=(1,)),
    row("GroupNormalization", "instance", lambda: L.GroupNormalization(-1, axis=1), x(4, 3, 3)),
    row("GroupNormalization", "plain scale", lambda: L.GroupNormalization(3, center=False), x(2, 3, 6)),
    row("UnitNormalization", "plain", lambda: L.UnitNormalization(), x(4, 6), free=(1,)),
    row("UnitNormalization", "axes", lambda: L.UnitNormalization(axis=[1, 2]), x(6, 2)),
]


def _noise(name: str, *shape: int, **kwargs: Any) -> list[Row]:
    def make() -> Any:
        return getattr(L, name)(**kwargs, seed=5)

    return [
        row(name, "inference", make, x(*shape), training=False, free=tuple(range(1, len(shape)))),
        row(name, "training", make, x(*shape), training=True, free=tuple(range(1, len(shape))), random=True),
    ]


NOISE = [
    *_noise("Dropout", 4, 6, rate=0.4),
    row(
        "Dropout",
        "noise shape",
        lambda: L.Dropout(0.5, noise_shape=(None, 1, 6), seed=5),
        x(4, 6),
        training=True,
        random=True,
    ),
    *_noise("SpatialDropout1D", 4, 6, rate=0.4),
    *_noise("SpatialDropout2D", 3, 4, 6, rate=0.4),
    *_noise("SpatialDropout3D", 2, 3, 4, 6, rate=0.4),
    *_noise("GaussianDropout", 4, 6, rate=0.4),
    *_noise("GaussianNoise", 4, 6, stddev=0.4),
    *_noise("AlphaDropout", 4, 6, rate=0.4),
    row("ActivityRegularization", "plain", lambda: L.ActivityRegularization(l1=0.1, l2=0.2), x(4, 3), free=(1,)),
]

ROWS = [*DENSE, *ACTIVATIONS, *MERGE, *RESHAPE, *NORMS, *NOISE]
