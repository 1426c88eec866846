"""Rows: adaptive pooling, convolutional LSTMs, spectral normalization, embeddings that go back."""

from __future__ import annotations

from typing import Any

from kfront import layers as L

from .row import Row, ids, keep, row, x

__all__ = ["ROWS"]

SIZES = {1: (9,), 2: (7, 6), 3: (5, 6, 4)}
FIRST = {"data_format": "channels_first"}


def _adaptive() -> list[Row]:
    out = []
    for n in (1, 2, 3):
        for kind in ("Average", "Max"):
            name = f"Adaptive{kind}Pooling{n}D"
            for tag, args in {
                "plain": {"output_size": 2},
                "several": {"output_size": (4, 3, 4)[:n]},
                "channels first": {"output_size": 3, **FIRST},
            }.items():
                shape = (2, *SIZES[n]) if tag == "channels first" else (*SIZES[n], 2)
                make = lambda name=name, args=args: getattr(L, name)(**args)  # noqa: E731
                out.append(row(name, tag, make, x(*shape), light=n != 2))
    return out


def _conv_lstm() -> list[Row]:
    out = []
    both = {"return_sequences": True, "return_state": True}
    for n in (1, 2, 3):
        size = (5, 4, 3)[:n]
        state = [x(*size, 3, seed=8), x(*size, 3, seed=9)]
        options: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
            "plain": ({}, {}),
            "states": ({**both, "padding": "same", "strides": 2}, {}),
            "dilated": ({"dilation_rate": 2, "kernel_size": 2, "use_bias": False, "return_sequences": True}, {}),
            "channels first": ({**FIRST, "return_sequences": True}, {}),
            "backwards, holes": ({**both, "go_backwards": True}, {"mask": keep(4)}),
            "zeros for mask": ({"return_sequences": True, "zero_output_for_mask": True}, {"mask": keep(4)}),
            "given state": ({"padding": "same", "return_state": True}, {"initial_state": state}),
        }
        for tag, (args, call) in options.items():
            if n != 2 and tag not in ("plain", "states", "channels first"):
                continue
            given = x(4, 2, *size) if tag == "channels first" else x(4, *size, 2)
            always = {"filters": 3, "kernel_size": 2, **args}
            make = lambda n=n, always=always: getattr(L, f"ConvLSTM{n}D")(**always)  # noqa: E731
            free = (1,) if tag == "plain" else ()
            out.append(
                row(f"ConvLSTM{n}D", tag, make, given, rtol=3e-5, free=free, light=n != 2 and tag != "plain", **call)
            )
    given = x(4, 5, 4, 2)
    for tag, args in {"padded": {}, "padded steps": {"return_sequences": True}, "unrolled": {"unroll": True}}.items():
        padded = {"padded": "last", "padded steps": "steps"}.get(tag, "")
        make = lambda args=args: L.ConvLSTM2D(3, 2, **args)  # noqa: E731
        out.append(row("ConvLSTM2D", tag, make, given, rtol=3e-5, padded=padded))
    noisy = {"dropout": 0.3, "recurrent_dropout": 0.2, "seed": 4}
    out.append(
        row("ConvLSTM2D", "dropout", lambda: L.ConvLSTM2D(3, 2, **noisy), given, rtol=3e-5, training=True, random=True)
    )
    return out


OTHERS = [
    row("SpectralNormalization", "dense", lambda: L.SpectralNormalization(L.Dense(4)), x(3)),
    row(
        "SpectralNormalization",
        "training",
        lambda: L.SpectralNormalization(L.Conv2D(4, 2), power_iterations=2),
        x(5, 4, 2),
        training=True,
        smooth=False,
        reason="each call sets the weight to the normalized one, and gradients are those at it",
    ),
    row("SpectralNormalization", "embedding", lambda: L.SpectralNormalization(L.Embedding(7, 3)), ids(4, below=7)),
    row("ReversibleEmbedding", "plain", lambda: L.ReversibleEmbedding(7, 3), ids(4, below=7), free=(1,)),
    row(
        "ReversibleEmbedding",
        "reverse",
        lambda: L.ReversibleEmbedding(7, 3, logit_soft_cap=1.5),
        x(4, 3),
        reverse=True,
        shapes=False,
        reason="compute_output_shape is not told `reverse`",
    ),
]

# what passes masks through and works on each step for itself, or leaves padded steps out
MASKED = [
    *(
        row(name, "padded", lambda name=name, args=args: getattr(L, name)(**args), x(5, 3), padded="steps", light=True)
        for name, args in {
            "Dense": {"units": 2},
            "ReLU": {},
            "ELU": {},
            "PReLU": {"shared_axes": [1]},
            "BatchNormalization": {},
            "UnitNormalization": {},
            "Dropout": {"rate": 0.5},
            "SpatialDropout1D": {"rate": 0.5},
            "GaussianDropout": {"rate": 0.5},
            "GaussianNoise": {"stddev": 0.5},
            "AlphaDropout": {"rate": 0.5},
            "ActivityRegularization": {"l2": 0.1},
            "Rescaling": {"scale": 0.5},
        }.items()
    ),
    row("SpatialDropout2D", "padded", lambda: L.SpatialDropout2D(0.5), x(5, 2, 3), padded="steps", light=True),
    row("SpatialDropout3D", "padded", lambda: L.SpatialDropout3D(0.5), x(5, 2, 2, 3), padded="steps", light=True),
    row("AdditiveAttention", "padded", lambda: L.AdditiveAttention(), [x(5, 3), x(5, 3, seed=1)], padded="steps"),
    row("ConvLSTM1D", "padded", lambda: L.ConvLSTM1D(3, 2), x(4, 5, 2), rtol=3e-5, padded="last", light=True),
    row("ConvLSTM3D", "padded", lambda: L.ConvLSTM3D(3, 2), x(4, 3, 3, 2, 2), rtol=3e-5, padded="last", light=True),
]

ROWS: list[Row] = [*_adaptive(), *_conv_lstm(), *OTHERS, *MASKED]
