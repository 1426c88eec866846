"""Rows: convolutions and pooling of all ranks."""

from __future__ import annotations

from typing import Any

from kfront import layers as L

from .row import Row, keep, row, x

__all__ = ["ROWS"]

SIZES = {1: (9,), 2: (7, 6), 3: (5, 6, 4)}
FIRST = {"data_format": "channels_first"}


def _rows(name: str, n: int, options: dict[str, dict[str, Any]], channels: int = 4, **always: Any) -> list[Row]:
    """A row per options; a channels-first layer gets its input so; axes of space may be unknown in the first row."""
    out = []
    for tag, args in options.items():
        first = args.get("data_format") == "channels_first"
        shape = (channels, *SIZES[n]) if first else (*SIZES[n], channels)
        free = tuple(range(1, n + 1)) if tag in ("plain", "same") else ()
        make = lambda args=args: getattr(L, name)(**{**always, **args})  # noqa: E731
        out.append(row(name, tag, make, x(*shape), free=free, light=n != 2 and tag not in ("plain", "same")))
    return out


def _convolutions() -> list[Row]:
    out = []
    for n in (1, 2, 3):
        out += _rows(
            f"Conv{n}D",
            n,
            {
                "plain": {},
                "same": {"padding": "same", "strides": 2, "activation": "relu"},
                "dilated": {"dilation_rate": 2, "use_bias": False, "kernel_size": 2},
                "groups": {"groups": 2, "strides": 2},
                "channels first": {**FIRST, "padding": "same"},
                "kernel 1": {"kernel_size": 1},
            },
            filters=6,
            kernel_size=3,
        )
        out += _rows(
            f"Conv{n}DTranspose",
            n,
            {
                "plain": {},
                "same": {"padding": "same", "strides": 2, "activation": "relu"},
                "strides": {"strides": 2},
                "output padding": {"strides": 3, "output_padding": 1},
                "channels first": {**FIRST, "strides": 2},
            },
            filters=3,
            kernel_size=3,
        )
    for n in (1, 2):
        options: dict[str, dict[str, Any]] = {
            "plain": {},
            "same": {"padding": "same", "strides": 2},
            "channels first": dict(FIRST),
            "dilated": {"dilation_rate": 2, "padding": "same"},
        }
        out += _rows(f"DepthwiseConv{n}D", n, options, kernel_size=3, depth_multiplier=2)
        out += _rows(f"SeparableConv{n}D", n, options, filters=5, kernel_size=3, depth_multiplier=2)
    causal = {"padding": "causal", "dilation_rate": 2}
    out.append(row("Conv1D", "causal", lambda: L.Conv1D(3, 3, **causal), x(9, 4), free=(1,)))
    out.append(row("Conv2D", "oblong", lambda: L.Conv2D(3, (2, 4), strides=(2, 1)), x(7, 9, 2)))
    return out


def _pools() -> list[Row]:
    out = []
    for n in (1, 2, 3):
        for kind in ("Max", "Average"):
            out += _rows(
                f"{kind}Pooling{n}D",
                n,
                {
                    "plain": {},
                    "same": {"padding": "same", "pool_size": 3},
                    "strides": {"strides": 1, "pool_size": 3},
                    "channels first": {**FIRST, "padding": "same"},
                },
                pool_size=2,
            )
            out += _rows(
                f"Global{kind}Pooling{n}D", n, {"plain": {}, "keepdims": {"keepdims": True}, "channels first": FIRST}
            )
    holes = {"mask": keep(5)}
    out.append(row("GlobalAveragePooling1D", "mask", lambda: L.GlobalAveragePooling1D(), x(5, 2), free=(1,), **holes))
    out.append(row("GlobalAveragePooling1D", "padded", lambda: L.GlobalAveragePooling1D(), x(5, 2), padded="last"))
    return out


ROWS = [*_convolutions(), *_pools()]
