"""The layers under test: constructor arguments and inputs, as plain data that both Keras and kfront are built from.

This module imports neither; `reference.py` runs it against the installed Keras, the tests against kfront.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass
class Make:
    """A nested layer: class name and constructor arguments."""

    layer: str
    args: dict[str, Any] = field(default_factory=dict)


@dataclass
class Case:
    """One layer on one input.

    Attributes:
        layer: class name in `keras.layers`.
        args: constructor arguments; `Make` stands for a layer.
        inputs: shape of the input, a list of shapes for several, with the batch first.
        high: integer inputs below this number instead of floats.
        call: further call arguments; "mask" is True for a right-padded mask, "holes" for an arbitrary one.
        training: the `training` argument, None to leave it out.
        dtype: dtype policy.
        tolerance: relative and absolute tolerance of float32 values.
        random: whether the output with training=True is random (then only shapes are compared).
        tag: tells cases of one layer apart.
    """

    layer: str
    args: dict[str, Any] = field(default_factory=dict)
    inputs: Any = (2, 3)
    high: int = 0
    call: dict[str, Any] = field(default_factory=dict)
    training: bool | None = None
    tolerance: float = 2e-5
    tag: str = ""

    @property
    def id(self) -> str:
        """A unique name."""
        return f"{self.layer}-{self.tag}" if self.tag else self.layer


def make(namespace: Any, what: Any) -> Any:
    """The layer of a Case or Make from a `layers` namespace; nested ones are made too."""
    args = {k: _made(namespace, v) for k, v in what.args.items()}
    return getattr(namespace, what.layer)(**args)


def _made(namespace: Any, value: Any) -> Any:
    if isinstance(value, Make):
        return make(namespace, value)
    if isinstance(value, list):
        return [_made(namespace, v) for v in value]
    return value


def input_arrays(case: Case) -> Any:
    """The input array(s) of a case, the same everywhere."""
    rng = np.random.default_rng(abs(hash_name(case.id)))
    shapes = case.inputs if isinstance(case.inputs, list) else [case.inputs]
    arrays = []
    for shape in shapes:
        if case.high:
            arrays.append(rng.integers(0, case.high, shape).astype("int32"))
        else:
            arrays.append(rng.normal(size=shape).astype("float32"))
    return arrays if isinstance(case.inputs, list) else arrays[0]


def weight_arrays(case: Case, weights: Any) -> list[np.ndarray]:
    """New values for the weights, positive where a weight is a variance, the same everywhere."""
    rng = np.random.default_rng(abs(hash_name("w" + case.id)))
    out = []
    for w in weights:
        value = rng.normal(size=tuple(w.shape)).astype("float32") * 0.3
        out.append(np.abs(value) + 0.5 if "variance" in w.name or "stddev" in w.name else value)
    return out


def call_arguments(case: Case) -> dict[str, Any]:
    """Further call arguments, masks made into arrays (batch, time)."""
    out = {}
    for key, value in case.call.items():
        shape = case.inputs[0] if isinstance(case.inputs, list) else case.inputs
        if value == "padded":
            lengths = np.maximum(1, shape[1] - np.arange(shape[0]))
            out[key] = np.arange(shape[1])[None, :] < lengths[:, None]
        elif value == "holes":
            keep = np.random.default_rng(7).random(shape[:2]) < 0.6
            keep[:, 1] = True
            out[key] = keep
        elif key == "attention_mask":
            out[key] = np.random.default_rng(8).random(value) < 0.6
        elif isinstance(value, tuple):
            out[key] = np.random.default_rng(8).normal(size=value).astype("float32")
        elif isinstance(value, list):
            out[key] = [np.random.default_rng(9 + i).normal(size=v).astype("float32") for i, v in enumerate(value)]
        else:
            out[key] = value
    if case.training is not None:
        out["training"] = case.training
    return out


def hash_name(name: str) -> int:
    """A number for a string that does not change between processes."""
    out = 7
    for c in name.encode():
        out = (out * 31 + c) & 0x7FFFFFFF
    return out


DENSE = [
    Case("Dense", {"units": 4}),
    Case("Dense", {"units": 4, "activation": "relu", "use_bias": False}, tag="relu"),
    Case("Dense", {"units": 4, "activation": "softmax"}, (2, 5, 3), tag="rank3"),
    Case(
        "Dense",
        {
            "units": 2,
            "kernel_initializer": "he_normal",
            "bias_initializer": "ones",
            "kernel_regularizer": "l2",
            "bias_constraint": "non_neg",
            "activity_regularizer": "l1",
        },
        tag="options",
    ),
    Case("EinsumDense", {"equation": "abc,cd->abd", "output_shape": (None, 4), "bias_axes": "d"}, (2, 5, 3)),
    Case("EinsumDense", {"equation": "ab,bc->ac", "output_shape": 4}, tag="plain"),
    Case("Dense", {"units": 4, "lora_rank": 2}, tag="lora"),
    Case("Embedding", {"input_dim": 7, "output_dim": 3, "lora_rank": 2}, (2, 5), high=7, tag="lora"),
    Case(
        "EinsumDense",
        {"equation": "abc,cde->abde", "output_shape": (None, 2, 4), "lora_rank": 2},
        (2, 5, 3),
        tag="lora",
    ),
    Case("Conv2D", {"filters": 4, "kernel_size": 3, "lora_rank": 2}, (2, 5, 5, 3), tag="lora"),
    Case(
        "EinsumDense",
        {"equation": "...x,xyz->...yz", "output_shape": (4, 5), "bias_axes": "yz", "activation": "tanh"},
        (2, 6, 3),
        tag="ellipsis",
    ),
    Case(
        "EinsumDense",
        {"equation": "abcd,cde->abe", "output_shape": (None, 4), "bias_axes": "e"},
        (2, 5, 2, 3),
        tag="join",
    ),
    Case("Embedding", {"input_dim": 7, "output_dim": 3}, (2, 5), high=7),
    Case("Embedding", {"input_dim": 7, "output_dim": 3, "mask_zero": True}, (2, 5), high=7, tag="mask"),
]

ACTIVATIONS = [
    Case("Activation", {"activation": "tanh"}),
    Case("ReLU"),
    Case("ReLU", {"max_value": 1.0, "negative_slope": 0.1, "threshold": 0.2}, tag="options"),
    Case("LeakyReLU"),
    Case("LeakyReLU", {"negative_slope": 0.1}, tag="slope"),
    Case("ELU", {"alpha": 0.5}),
    Case("PReLU", {"shared_axes": [1]}, (2, 3, 4)),
    Case("PReLU", {}, (2, 3, 4), tag="plain"),
    Case("Softmax"),
    Case("Softmax", {"axis": (1, 2)}, (2, 3, 4), tag="axes"),
    Case("Softmax", {}, (2, 5), call={"mask": "holes"}, tag="mask"),
    Case("Identity"),
    Case("ActivityRegularization", {"l1": 0.1, "l2": 0.2}),
]


def _conv_cases() -> list[Case]:
    out = []
    spatial = {1: (9,), 2: (9, 8), 3: (6, 5, 7)}
    for n, size in spatial.items():
        for tag, args in {
            "": {},
            "same": {"padding": "same", "strides": 2, "activation": "relu"},
            "dilated": {"dilation_rate": 2, "use_bias": False},
            "grouped": {"groups": 2},
            "first": {"data_format": "channels_first"},
        }.items():
            shape = (2, 4, *size) if tag == "first" else (2, *size, 4)
            out.append(Case(f"Conv{n}D", {"filters": 6, "kernel_size": 3, **args}, shape, tag=tag))
        for tag, args in {
            "": {},
            "same": {"padding": "same", "strides": 2, "activation": "relu"},
            "valid2": {"strides": 2},
            "padded": {"strides": 3, "output_padding": 1},
            "first": {"data_format": "channels_first", "strides": 2},
        }.items():
            shape = (2, 4, *size) if tag == "first" else (2, *size, 4)
            out.append(Case(f"Conv{n}DTranspose", {"filters": 3, "kernel_size": 3, **args}, shape, tag=tag))
    for n in (1, 2):
        size = spatial[n]
        for tag, args in {
            "": {},
            "same": {"padding": "same", "strides": 2},
            "first": {"data_format": "channels_first"},
        }.items():
            shape = (2, 4, *size) if tag == "first" else (2, *size, 4)
            out.append(Case(f"DepthwiseConv{n}D", {"kernel_size": 3, "depth_multiplier": 2, **args}, shape, tag=tag))
            more = {"filters": 5, "kernel_size": 3, "depth_multiplier": 2, **args}
            out.append(Case(f"SeparableConv{n}D", more, shape, tag=tag))
    out.append(
        Case(
            "Conv1D", {"filters": 3, "kernel_size": 3, "padding": "causal", "dilation_rate": 2}, (2, 9, 4), tag="causal"
        )
    )
    out.append(Case("Conv2D", {"filters": 3, "kernel_size": (2, 4), "strides": (2, 1)}, (2, 7, 9, 2), tag="oblong"))
    return out


def _pool_cases() -> list[Case]:
    out = []
    spatial = {1: (9,), 2: (9, 8), 3: (6, 5, 7)}
    for n, size in spatial.items():
        for kind in ("Max", "Average"):
            for tag, args in {
                "": {},
                "same": {"padding": "same", "strides": 2},
                "first": {"data_format": "channels_first"},
            }.items():
                shape = (2, 4, *size) if tag == "first" else (2, *size, 4)
                out.append(Case(f"{kind}Pooling{n}D", {"pool_size": 3, **args}, shape, tag=tag))
            for tag, args in {"": {}, "keep": {"keepdims": True}, "first": {"data_format": "channels_first"}}.items():
                shape = (2, 4, *size) if tag == "first" else (2, *size, 4)
                out.append(Case(f"Global{kind}Pooling{n}D", args, shape, tag=tag))
    out.append(Case("GlobalAveragePooling1D", {}, (3, 5, 2), call={"mask": "holes"}, tag="mask"))
    return out


def _recurrent_images() -> list[Case]:
    out = []
    spatial = {1: (6,), 2: (6, 5), 3: (5, 4, 4)}
    for n, size in spatial.items():
        for kind in ("Max", "Average"):
            out.append(Case(f"Adaptive{kind}Pooling{n}D", {"output_size": 3}, (2, *size, 4)))
            first = {"output_size": (2, 3, 4)[:n], "data_format": "channels_first"}
            out.append(Case(f"Adaptive{kind}Pooling{n}D", first, (2, 4, *size), tag="first"))
        both = {"return_sequences": True, "return_state": True}
        for tag, args in {
            "": {},
            "same": {**both, "padding": "same", "strides": 2, "activation": "relu"},
            "dilated": {"dilation_rate": 2, "kernel_size": 2, "use_bias": False},
            "first": {"data_format": "channels_first", **both},
        }.items():
            shape = (2, 3, 4, *size) if tag == "first" else (2, 3, *size, 4)
            out.append(Case(f"ConvLSTM{n}D", {"filters": 2, "kernel_size": 3, **args}, shape, tag=tag))
    window = {"filters": 2, "kernel_size": 3}
    out.append(Case("ConvLSTM2D", {**window, "go_backwards": True, **both}, (2, 3, 6, 5, 4), tag="backwards"))
    return out


MORE = [
    *_recurrent_images(),
    Case("SpectralNormalization", {"layer": Make("Dense", {"units": 4})}, (2, 3)),
    Case(
        "SpectralNormalization",
        {"layer": Make("Conv2D", {"filters": 4, "kernel_size": 2}), "power_iterations": 3},
        (2, 5, 5, 3),
        training=True,
        tag="train",
    ),
    Case("ReversibleEmbedding", {"input_dim": 7, "output_dim": 3}, (2, 5), high=7),
    Case("ReversibleEmbedding", {"input_dim": 7, "output_dim": 3}, (2, 5, 3), call={"reverse": True}, tag="reverse"),
    Case(
        "ReversibleEmbedding",
        {"input_dim": 7, "output_dim": 3, "tie_weights": False, "logit_soft_cap": 2.0},
        (2, 5, 3),
        call={"reverse": True},
        tag="own",
    ),
]

RESHAPE = [
    Case("Flatten", {}, (2, 3, 4)),
    Case("Flatten", {"data_format": "channels_first"}, (2, 3, 4, 5), tag="first"),
    Case("Flatten", {}, (2,), tag="rank1"),
    Case("Reshape", {"target_shape": (4, 3)}, (2, 3, 4)),
    Case("Reshape", {"target_shape": (-1, 6)}, (2, 3, 4), tag="infer"),
    Case("Permute", {"dims": (3, 1, 2)}, (2, 3, 4, 5)),
    Case("RepeatVector", {"n": 4}, (2, 3)),
    Case("Cropping1D", {"cropping": (1, 2)}, (2, 7, 3)),
    Case("Cropping2D", {"cropping": ((1, 0), (2, 1))}, (2, 7, 8, 3)),
    Case("Cropping2D", {"cropping": 1, "data_format": "channels_first"}, (2, 3, 7, 8), tag="first"),
    Case("Cropping3D", {"cropping": (1, 0, 2)}, (2, 5, 6, 7, 2)),
    Case("ZeroPadding1D", {"padding": 2}, (2, 4, 3)),
    Case("ZeroPadding1D", {"padding": (1, 2), "data_format": "channels_first"}, (2, 4, 3), tag="first"),
    Case("ZeroPadding2D", {"padding": ((1, 0), (2, 1))}, (2, 3, 4, 3)),
    Case("ZeroPadding2D", {"padding": (1, 2), "data_format": "channels_first"}, (2, 3, 4, 3), tag="first"),
    Case("ZeroPadding3D", {"padding": 1}, (2, 3, 2, 4, 2)),
    Case("UpSampling1D", {"size": 3}, (2, 4, 3)),
    Case("UpSampling2D", {"size": (2, 3)}, (2, 3, 4, 2)),
    Case("UpSampling2D", {"size": 2, "data_format": "channels_first"}, (2, 2, 3, 4), tag="first"),
    Case("UpSampling3D", {"size": (2, 1, 3)}, (2, 3, 2, 4, 2)),
]

NORMS = [
    Case("BatchNormalization", {}, (4, 3)),
    Case("BatchNormalization", {}, (4, 3), training=True, tag="train"),
    Case("BatchNormalization", {"axis": 1, "scale": False, "momentum": 0.5}, (4, 3, 5), training=True, tag="axis1"),
    Case("BatchNormalization", {"center": False, "epsilon": 0.1}, (2, 4, 4, 3), training=False, tag="image"),
    Case("BatchNormalization", {}, (4, 6, 3), training=True, call={"mask": "holes"}, tag="mask"),
    Case("BatchNormalization", {"renorm": True, "momentum": 0.9}, (6, 3), training=True, tag="renorm"),
    Case(
        "BatchNormalization",
        {"renorm": True, "renorm_clipping": {"rmax": 1.1, "rmin": 0.9, "dmax": 0.1}, "scale": False},
        (6, 3),
        training=True,
        tag="clipped",
    ),
    Case("LayerNormalization", {}, (4, 3)),
    Case("LayerNormalization", {"axis": [1, 2], "epsilon": 0.1}, (4, 3, 5), tag="axes"),
    Case("LayerNormalization", {"axis": 1, "scale": False}, (4, 3, 5), tag="axis1"),
    Case("RMSNormalization", {}, (4, 6)),
    Case("GroupNormalization", {"groups": 2}, (2, 5, 6)),
    Case("GroupNormalization", {"groups": -1, "axis": 1}, (2, 4, 3, 3), tag="instance"),
    Case("UnitNormalization", {}, (4, 6)),
    Case("UnitNormalization", {"axis": [1, 2]}, (4, 6, 2), tag="axes"),
]

NOISE = [
    Case("Dropout", {"rate": 0.5}, training=False),
    Case("Dropout", {"rate": 0.0}, training=True, tag="zero"),
    Case("SpatialDropout1D", {"rate": 0.5}, (2, 3, 4), training=False),
    Case("SpatialDropout2D", {"rate": 0.5}, (2, 3, 4, 2), training=False),
    Case("SpatialDropout3D", {"rate": 0.5}, (2, 3, 4, 2, 2), training=False),
    Case("GaussianDropout", {"rate": 0.5}, training=False),
    Case("GaussianNoise", {"stddev": 0.5}, training=False),
    Case("AlphaDropout", {"rate": 0.5}, training=False),
]


def _rnn_cases() -> list[Case]:
    out = []
    for kind in ("SimpleRNN", "LSTM", "GRU"):
        for tag, args, call in (
            ("", {}, {}),
            ("sequences", {"return_sequences": True}, {}),
            ("states", {"return_sequences": True, "return_state": True}, {}),
            ("back", {"return_sequences": True, "return_state": True, "go_backwards": True}, {}),
            ("padded", {"return_sequences": True, "return_state": True}, {"mask": "padded"}),
            ("padded-back", {"return_sequences": True, "go_backwards": True}, {"mask": "padded"}),
            ("holes", {"return_sequences": True, "return_state": True}, {"mask": "holes"}),
            ("last", {"return_state": True}, {"mask": "holes"}),
            ("unroll", {"unroll": True, "return_sequences": True}, {}),
            ("nobias", {"use_bias": False}, {}),
            ("relu", {"activation": "relu", "return_sequences": True}, {}),
        ):
            out.append(Case(kind, {"units": 4, **args}, (3, 5, 2), call=call, tag=tag, tolerance=5e-5))
    start = {"SimpleRNN": (3, 4), "GRU": (3, 4), "LSTM": [(3, 4), (3, 4)]}
    for kind, shapes in start.items():
        call = {"initial_state": shapes}
        out.append(Case(kind, {"units": 4, "return_state": True}, (3, 5, 2), call=call, tag="start", tolerance=5e-5))
    out += [
        Case(
            "GRU", {"units": 4, "reset_after": False, "return_sequences": True}, (3, 5, 2), tag="before", tolerance=5e-5
        ),
        Case("GRU", {"units": 4, "recurrent_activation": "hard_sigmoid"}, (3, 5, 2), tag="hard", tolerance=5e-5),
        Case("LSTM", {"units": 4, "unit_forget_bias": False, "bias_initializer": "ones"}, (3, 5, 2), tag="bias"),
        Case("LSTM", {"units": 4, "dropout": 0.2, "recurrent_dropout": 0.3, "seed": 3}, (3, 5, 2), tag="dropout"),
        Case("RNN", {"cell": Make("LSTMCell", {"units": 4}), "return_sequences": True}, (3, 5, 2), tolerance=5e-5),
        Case(
            "RNN",
            {
                "cell": [
                    Make("LSTMCell", {"units": 4}),
                    Make("GRUCell", {"units": 3}),
                    Make("SimpleRNNCell", {"units": 2}),
                ]
            },
            (3, 5, 2),
            tag="stack",
            tolerance=5e-5,
        ),
        Case(
            "RNN",
            {"cell": Make("GRUCell", {"units": 4}), "return_sequences": True, "zero_output_for_mask": True},
            (3, 5, 2),
            call={"mask": "holes"},
            tag="zeros",
            tolerance=5e-5,
        ),
    ]
    for mode in ("concat", "sum", "mul", "ave", None):
        inner = Make("LSTM", {"units": 3, "return_sequences": True})
        out.append(
            Case("Bidirectional", {"layer": inner, "merge_mode": mode}, (3, 5, 2), tag=str(mode), tolerance=5e-5)
        )
    inner = Make("GRU", {"units": 3, "return_state": True})
    out.append(Case("Bidirectional", {"layer": inner}, (3, 5, 2), call={"mask": "padded"}, tag="state", tolerance=5e-5))
    out.append(Case("TimeDistributed", {"layer": Make("Dense", {"units": 4})}, (3, 5, 2)))
    return out


ATTENTION = [
    Case("MultiHeadAttention", {"num_heads": 2, "key_dim": 3}, [(2, 4, 5), (2, 6, 5)], tolerance=5e-5),
    Case(
        "MultiHeadAttention",
        {"num_heads": 2, "key_dim": 3, "value_dim": 4, "output_shape": 7, "use_bias": False},
        [(2, 4, 5), (2, 6, 5), (2, 6, 8)],
        tag="value",
        tolerance=5e-5,
    ),
    Case(
        "MultiHeadAttention",
        {"num_heads": 2, "key_dim": 3},
        [(2, 4, 5), (2, 4, 5)],
        call={"use_causal_mask": True, "return_attention_scores": True},
        tag="causal",
        tolerance=5e-5,
    ),
    Case(
        "MultiHeadAttention",
        {"num_heads": 2, "key_dim": 3},
        [(2, 4, 5), (2, 4, 5)],
        call={"query_mask": "padded", "value_mask": "padded"},
        tag="masks",
        tolerance=5e-5,
    ),
    Case(
        "MultiHeadAttention",
        {"num_heads": 2, "key_dim": 3, "attention_axes": (2, 3)},
        [(2, 3, 4, 2, 5), (2, 3, 4, 2, 5)],
        tag="axes",
        tolerance=5e-5,
    ),
    Case(
        "MultiHeadAttention",
        {"num_heads": 2, "key_dim": 3, "value_dim": 4, "use_gate": True},
        [(2, 4, 5), (2, 6, 5)],
        tag="gate",
    ),
    Case(
        "MultiHeadAttention", {"num_heads": 2, "key_dim": 3, "sliding_window": 2}, [(2, 6, 5), (2, 6, 5)], tag="window"
    ),
    Case(
        "MultiHeadAttention",
        {"num_heads": 2, "key_dim": 3},
        [(2, 4, 5), (2, 6, 5)],
        call={"attention_mask": (2, 4, 6), "return_attention_scores": True},
        tag="mask",
    ),
    Case(
        "MultiHeadAttention",
        {"num_heads": 2, "key_dim": 3, "attention_axes": 2},
        [(2, 3, 4, 5), (2, 3, 6, 5)],
        call={"return_attention_scores": True},
        tag="rows",
    ),
    Case(
        "MultiHeadAttention",
        {"num_heads": 2, "key_dim": 3, "output_shape": (2, 3)},
        [(2, 4, 5), (2, 6, 5)],
        tag="shape",
    ),
    Case(
        "GroupQueryAttention",
        {"head_dim": 3, "num_query_heads": 4, "num_key_value_heads": 2, "use_gate": True},
        [(2, 4, 5), (2, 4, 5)],
        call={"use_causal_mask": True, "return_attention_scores": True},
        tag="causal",
        tolerance=5e-5,
    ),
    Case(
        "GroupQueryAttention",
        {"head_dim": 3, "num_query_heads": 4, "num_key_value_heads": 2},
        [(2, 4, 5), (2, 6, 5)],
        tolerance=5e-5,
    ),
    Case("Attention", {}, [(2, 4, 5), (2, 6, 5)]),
    Case("Attention", {"use_scale": True, "score_mode": "concat"}, [(2, 4, 5), (2, 6, 5)], tag="concat"),
    Case(
        "Attention",
        {"use_scale": True},
        [(2, 4, 5), (2, 4, 5), (2, 4, 5)],
        call={"use_causal_mask": True, "return_attention_scores": True},
        tag="causal",
    ),
    Case("AdditiveAttention", {}, [(2, 4, 5), (2, 6, 5)]),
]

MERGE = [
    *(
        Case(n, {}, [(2, 3), (2, 3), (2, 3)])
        for n in ("Add", "Multiply", "Average", "Maximum", "Minimum", "Concatenate")
    ),
    Case("Subtract", {}, [(2, 3), (2, 3)]),
    Case("Add", {}, [(2, 3, 4), (2, 4)], tag="broadcast"),
    Case("Concatenate", {"axis": 1}, [(2, 3, 4), (2, 5, 4)], tag="axis1"),
    Case("Dot", {"axes": 1}, [(2, 3), (2, 3)]),
    Case("Dot", {"axes": (2, 1), "normalize": True}, [(2, 4, 3), (2, 3, 5)], tag="normalize"),
    Case("Dot", {"axes": -1}, [(2, 4, 3), (2, 5, 3)], tag="last"),
]

MASKS = [Case("Masking", {"mask_value": 0.0}, (2, 3, 4))]

CASES = [
    *DENSE,
    *ACTIVATIONS,
    *_conv_cases(),
    *_pool_cases(),
    *RESHAPE,
    *NORMS,
    *NOISE,
    *_rnn_cases(),
    *ATTENTION,
    *MERGE,
    *MASKS,
    *MORE,
]
assert len({c.id for c in CASES}) == len(CASES)
