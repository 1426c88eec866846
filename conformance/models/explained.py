"""Differences from Keras, and limits of engines, that drawn models show, each with its reason and a program.

A row is strict: its program must still differ. docs/differences_from_keras.md and docs/decisions.md tell of them all.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from typing import NamedTuple

from .checks import KERAS, difference
from .program import Input, Make, Node, Program

__all__ = ["ROWS", "Explained", "explains"]

ENGINES = ("torch", "jax", "tensorflow")


class Explained(NamedTuple):
    """A difference that is meant.

    Attributes:
        name: what it is about.
        pattern: a regular expression that is found in programs that show it.
        reason: why it is so.
        program: the smallest that shows it.
        way: in which it does.
        ways: in which others may.
        engines: on which.
    """

    name: str
    pattern: str
    reason: str
    program: Program
    way: str = "Keras"
    ways: tuple[str, ...] = tuple(KERAS)
    engines: tuple[str, ...] = ENGINES

    def holds(self, engine: str) -> bool:
        """Whether its program differs there."""
        return bool(difference(self.program, engine, self.way)[0])


def _one(make: str, *inputs: Input, call: str = "") -> Program:
    """A program of one layer, or of one op if `call` has no ``{f}``."""
    call = call or f"{{f}}({', '.join(f'{{{i}}}' for i in range(len(inputs)))})"
    node = Node("n", call, tuple(i.name for i in inputs), "layer" if make else "")
    return Program(inputs, {"layer": Make(make, None)} if make else {}, (node,), ("n",))


def _x(*sizes: int, name: str = "x", **more: object) -> Input:
    return Input(name, sizes, sizes, **more)  # type: ignore[arg-type]


_MASKED = Program(
    (_x(5, 4, padded=True),),
    {"masking": Make("L.Masking"), "attention": Make("L.MultiHeadAttention(2, 3)", None)},
    (Node("m", "{f}({0})", ("x",), "masking"), Node("n", "{f}({0}, {0})", ("m",), "attention")),
    ("n",),
)
_RESUMED = Program(
    (_x(6, dtype="int32", low=1, high=7, padded=True), _x(4, name="s")),
    {"embedding": Make("L.Embedding(7, 4, mask_zero=True)", None), "layer": Make("L.GRU(4)", None)},
    (Node("e", "{f}({0})", ("x",), "embedding"), Node("n", "{f}({0}, initial_state={1})", ("e", "s"), "layer")),
    ("n",),
)
_VIEWED = Program(
    (_x(4),),
    {"layer": Make("L.Dense(3)", None)},
    (Node("d", "{f}({0})", ("x",), "layer"), Node("n", "ops.view({0})", ("d",))),
    ("n", "d"),
)
_ALIKE = Program(
    (_x(5, 7, 2),),
    {"layer": Make("L.UpSampling2D((2, 3))", None)},
    (
        Node("a", "{f}({0})", ("x",), "layer"),
        Node("b", "ops.sigmoid({0}) * 5.0", ("a",)),
        Node("n", "ops.image.ssim({0}, {1}, filter_size=3)", ("b", "a")),
    ),
    ("n",),
    policy="mixed_float16",
)
_SCALED = Program(
    (_x(6, 6, 4), _x(name="s")),
    {"layer": Make("k.Sequential([L.MaxPooling2D()])", None)},
    (
        Node("n", "ops.image.scale_and_translate({0}, (2, 6, 10, 3), {1}, {1}, (1, 2), 'linear')", ("x", "s")),
        Node("m", "{f}({0})", ("n",), "layer"),
    ),
    ("m",),
)
ROWS = (
    Explained(
        "RandomCrop without training",
        r"RandomCrop\(",
        "images are resized and cropped, as documented; Keras gives them back as they are",
        _one("L.RandomCrop(3, 4)", _x(5, 7, 2)),
    ),
    Explained(
        "AutoContrast",
        r"AutoContrast\(",
        "the histogram of one image, in the layout that it has; Keras takes that of the batch, channels last",
        _one("L.AutoContrast(data_format='channels_first')", _x(6, 6, 4)),
    ),
    Explained(
        "padding in average pooling",
        r"AveragePooling.*padding='same'|average_pool\(.*padding='same'",
        "Keras's fault: on torch padding counts in the mean",
        _one("L.AveragePooling1D(3, padding='same')", _x(5, 4)),
        engines=("torch",),
    ),
    Explained(
        "masked queries",
        r"(?is)mask.*(multihead|groupquery)attention\(|(multihead|groupquery)attention\(.*mask",
        "queries that are masked attend as others do; Keras has two answers for them, and what is masked is not read",
        _MASKED,
    ),
    Explained(
        "masks of queries in losses",
        r"query_mask=",
        "the output has the mask of the query, as documented, and the loss heeds it",
        _one(
            "L.MultiHeadAttention(2, 3)",
            _x(5, 4),
            _x(5, name="m", dtype="bool", padded=True),
            call="{f}({0}, {0}, query_mask={1})",
        ),
        way="training in Keras",
        ways=("training in Keras",),
    ),
    Explained(
        "weights of Normalization",
        r"L\.Normalization\(",
        "they count at once when they are set; in Keras after `adapt` or loading (in float32 on torch at once, too)",
        dataclasses.replace(_one("L.Normalization()", _x(4)), policy="mixed_bfloat16"),
        ways=("Keras", "training in Keras"),
    ),
    Explained(
        "recorded training flags",
        r"training=True",
        "a flag that is recorded in a graph holds; Keras overrides it by that of the model's call",
        _one("L.BatchNormalization()", _x(5, 4), call="{f}({0}, training=True)"),
    ),
    Explained(
        "bicubic resizing",
        r"bicubic",
        "one kernel (a = -0.5) on every engine; Keras on torch has torch's (a = -0.75)",
        _one("L.Resizing(8, 6, interpolation='bicubic')", _x(5, 7, 2)),
        engines=("torch",),
    ),
    Explained(
        "projective terms",
        r"affine_transform\(",
        "Keras's fault: its torch and JAX leave out the projective terms c0 and c1",
        _one(
            "", _x(6, 6, 2), _x(8, name="t"), call="ops.image.affine_transform({0}, {1}, 'bilinear', 'constant', 0.5)"
        ),
        engines=("torch", "jax"),
    ),
    Explained(
        "quantiles between two values",
        r"method='nearest'",
        "of two that are equally near, the one of an even place, as in NumPy; Keras on TensorFlow takes the other",
        _one("", _x(2), call="ops.quantile({0}, 0.3, method='nearest')"),
        engines=("tensorflow",),
    ),
    Explained(
        "quantiles of other methods in functional models",
        r"(quantile|percentile)\(.*method='(?!linear)",
        "Keras's fault: the operation in its graph does not keep the method, and takes the linear one",
        _one("", _x(4), call="ops.quantile({0}, 0.3, method='lower')"),
        engines=("torch", "tensorflow"),
    ),
    Explained(
        "normalization along an axis that is not the last",
        r"(Layer|RMS)Normalization\(.*axis=[0-9]",
        "Keras's fault: on torch it normalizes along the last axes that have the same sizes",
        _one("L.LayerNormalization(axis=1)", _x(4, 4)),
        engines=("torch",),
    ),
    Explained(
        "training of SpectralNormalization on JAX",
        r"SpectralNormalization\(",
        "gradients and updates are those of the normalized weight on every engine; Keras on JAX takes the other one",
        _one("L.SpectralNormalization(L.Dense(4))", _x(4)),
        way="training in Keras",
        ways=("training in Keras",),
        engines=("jax",),
    ),
    Explained(
        "gradients of view",
        r"ops\.view\(",
        "Keras's fault: what comes through `view` has no gradient on torch, and an error on TensorFlow",
        _VIEWED,
        way="training in Keras",
        ways=("training in Keras",),
        engines=("torch",),
    ),
    Explained(
        "padding for kernels whose size is that of the batch",
        r"ops\.(depthwise_|separable_)?conv(_transpose)?\(.*padding='same'",
        "torch.export keeps only whether the padding has equal sides, which an open size does not say",
        _one(
            "",
            _x(1, 4),
            _x(1, 2, name="kernel"),
            call="ops.depthwise_conv({0}, {1}, padding='same', data_format='channels_first')",
        ),
        way="torch.export",
        ways=("torch.export",),
        engines=("torch",),
    ),
    Explained(
        "sparsemax",
        r"sparsemax",
        "Keras's fault: its results are not the nearest points of the simplex",
        _one("L.Activation('sparsemax')", _x(6, 4)),
    ),
    Explained(
        "masks beside initial states",
        r"(?s)[mM]ask.*initial_state=",
        "a mask counts there too, as documented and as in Keras 2; Keras gives masks to layers of one tensor only",
        _RESUMED,
    ),
    Explained(
        "quantized layers over time",
        r"(?s)TimeDistributed\(.*quantize\(",
        "Keras's fault: after `quantize`, outputs are some hundred times what they were",
        dataclasses.replace(_one("L.TimeDistributed(layer=L.Dense(4))", _x(6, 4)), quantized="int8"),
    ),
    Explained(
        "spectral normalization in halves",
        r"(?s)mixed_.*SpectralNormalization\(",
        "Keras's fault on torch: where policies are mixed, the kernel stays as it is",
        dataclasses.replace(_one("L.SpectralNormalization(layer=L.Dense(4))", _x(6)), policy="mixed_float16"),
        way="training in Keras",
        ways=("training in Keras",),
        engines=("torch",),
    ),
    Explained(
        "spectral normalization of an Embedding",
        r"SpectralNormalization\(layer=L\.Embedding",
        "Keras's fault: outputs are cast to the dtype of the inputs, so that vectors of tokens become zeros",
        _one("L.SpectralNormalization(layer=L.Embedding(7, 3))", _x(6, dtype="int32", low=1, high=7)),
    ),
    Explained(
        "determinants that are negative, or of matrices that are not symmetric",
        r"ops\.logdet\(",
        "log of the absolute value, as in Keras on NumPy and JAX; on torch it gives NaN, on TensorFlow others",
        _one("", _x(3, 3), call="ops.logdet({0} - 3.0 * ops.eye(3))"),
        engines=("torch", "tensorflow"),
    ),
    Explained(
        "shapes of scale_and_translate",
        r"(?s)scale_and_translate\(.*L\.",
        "Keras's fault: its inference gives the batch and the channels of the argument, which the images do not have",
        _SCALED,
        way="file to Keras",
        ways=("file to Keras",),
        engines=("torch", "tensorflow"),
    ),
    Explained(
        "ssim in halves",
        r"(?s)float16.*ssim\(",
        "it is computed in float32; Keras squares and subtracts in float16",
        _ALIKE,
        engines=("torch", "jax"),
    ),
)


def explains(program: Program, engine: str, way: str) -> Iterator[Explained]:
    """The rows that may explain a difference."""
    text = program.text()
    return (r for r in ROWS if way in r.ways and engine in r.engines and re.search(r.pattern, text))
