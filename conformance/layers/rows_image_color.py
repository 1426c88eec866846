"""Rows: layers that change the colours of images, filter, erase and mix them."""

from __future__ import annotations

from typing import Any

import numpy as np

from kfront import layers as L

from .row import BATCH, Row, ids, row, x

__all__ = ["ROWS"]

SIZE = (6, 8)
FIRST = {"data_format": "channels_first"}


def pictures(first: bool = False, seed: int = 0, low: float = 0.05, high: float = 0.95) -> np.ndarray:
    """Images with values from 0 to 1, away from the ends, where they would be cut off."""
    return x(*((3, *SIZE) if first else (*SIZE, 3)), seed=seed, low=low, high=high)


def levels(first: bool = False, seed: int = 0) -> np.ndarray:
    """Images of bytes."""
    return ids(*((3, *SIZE) if first else (*SIZE, 3)), below=256, seed=seed).astype("uint8")


def _rows(name: str, options: dict[str, dict[str, Any]], ranged: bool = True, **more: Any) -> list[Row]:
    """A row for each set of options, of images from 0 to 1, or of bytes if not `ranged`; sizes may be unknown."""
    out = []
    for tag, args in options.items():
        given = {"value_range": (0, 1), **args} if ranged else args
        make = lambda given=given: getattr(L, name)(**given)  # noqa: E731
        first = args.get("data_format") == "channels_first"
        images = pictures(first) if ranged or name == "RandomGrayscale" else levels(first)
        free = (2, 3) if first else (1, 2)
        out.append(row(name, tag, make, images, training=True, free=free, light=bool(out), **more))
    return out


def _random() -> list[Row]:
    drawn: dict[str, Any] = {"random": True}
    out: list[Row] = []
    for name, factor in (
        ("RandomBrightness", 0.1),
        ("RandomContrast", (0.5, 0.4)),
        ("RandomHue", (0.2, 0.5)),
        ("RandomSaturation", (0.2, 0.7)),
        ("RandomColorDegeneration", (0.2, 0.9)),
        ("RandomSharpness", (0.1, 0.9)),
    ):
        options: dict[str, dict[str, Any]] = {"plain": {"factor": factor, "seed": 3}}
        options["channels first"] = {**options["plain"], **FIRST}
        out += _rows(name, options, **drawn)
    seeded = {"seed": 5}
    out += _rows(
        "RandomColorJitter",
        {
            "all": {
                "brightness_factor": 0.1,
                "contrast_factor": 0.3,
                "saturation_factor": (0.4, 0.6),
                "hue_factor": (0.1, 0.3),
                **seeded,
            },
            "some, channels first": {"contrast_factor": 0.3, **FIRST, **seeded},
        },
        **drawn,
    )
    out += _rows(
        "RandomInvert", {"plain": seeded, "channels first": {"factor": (0.5, 0.5), **FIRST, **seeded}}, **drawn
    )
    out += _rows(
        "RandomErasing",
        {"noise": {**seeded, "factor": (0.5, 1)}, "value": {"fill_value": 0.25, "factor": (1, 1), **FIRST, **seeded}},
        **drawn,
    )
    out += _rows(
        "RandomGaussianBlur",
        {
            "plain": {"sigma": (0.5, 1.5), **seeded},
            "channels first": {"factor": (1, 1), "kernel_size": (3, 5), "sigma": (0.3, 1.0), **FIRST, **seeded},
        },
        **drawn,
    )
    out += _rows("RandomGrayscale", {"plain": seeded, "channels first": {**FIRST, **seeded}}, ranged=False, **drawn)
    out += _rows("RandomPosterization", {"plain": {"factor": (3, 6), **seeded}}, ranged=False, **drawn)
    out += _rows("Solarization", {"plain": {"addition_factor": 0.2, **seeded}}, **drawn)
    return out


def _mixing() -> list[Row]:
    out = []
    labels = np.eye(4, dtype="float32")[np.arange(BATCH) % 4]
    for name in ("MixUp", "CutMix", "Mosaic"):
        for tag, args in {"plain": {}, "channels first": FIRST}.items():
            make = lambda name=name, args=args: getattr(L, name)(seed=2, **args)  # noqa: E731
            data = {"images": pictures(bool(args)), "labels": labels}
            more: dict[str, Any] = {"half": 0.0, "reason": ROUGH_WEIGHT, "light": bool(args)}
            out.append(row(name, tag, make, data, training=True, random=True, **more))
    return out


def _policies() -> list[Row]:
    args: dict[str, Any] = {"value_range": (0, 1), "factor": (0.2, 0.4)}
    both: dict[str, Any] = {"training": True, "random": True, "half": 0.0, "reason": ROUGH_LEVELS}

    def mixed(tag: str, n: int) -> Row:
        make = lambda: L.AugMix(num_chains=n, chain_depth=n, seed=5, **args)  # noqa: E731
        return row("AugMix", tag, make, pictures(), light=True, **both)

    return [
        row("RandAugment", "plain", lambda: L.RandAugment(num_ops=1, seed=4, **args), pictures(), **both),
        mixed("plain", 1),
        mixed("chains", 2),
    ]


ROUGH_LEVELS = "levels are whole numbers: a value of half precision falls into another one"
ROUGH_WEIGHT = "labels are parts of 1, and images are not: one tolerance relative to the largest does not fit both"

ROWS: list[Row] = [
    *_rows("AutoContrast", {"plain": {}, "channels first": FIRST}),
    *_rows("Equalization", {"plain": {}, "channels first": {"bins": 16, **FIRST}}, ranged=False),
    *_rows(
        "ContrastLimitedAdaptiveHistogramEqualization",
        {"plain": {"tile_grid_size": (2, 3)}, "channels first": {"tile_grid_size": 4, "clip_limit": 1.5, **FIRST}},
        ranged=False,
    ),
    *_random(),
    *_mixing(),
    *_policies(),
    row("Rescaling", "plain", lambda: L.Rescaling(0.5, -1), x(4, 5), free=(1,)),
    row("Rescaling", "lists", lambda: L.Rescaling([0.5, 1.0, 2.0], [1, 2, 3]), x(4, 3)),
    row(
        "Pipeline",
        "plain",
        lambda: L.Pipeline([L.Rescaling(2.0), L.RandomBrightness(0.2, (0, 2), seed=1)]),
        pictures(),
        training=True,
        random=True,
    ),
    row(
        "MaxNumBoundingBoxes",
        "plain",
        lambda: L.MaxNumBoundingBoxes(3, bounding_box_format="xyxy"),
        {
            "bounding_boxes": {"boxes": x(2, 4), "labels": np.ones((BATCH, 2), "float32")},
            "images": pictures(),
        },
        training=True,
        half=0.0,
        reason="boxes and their labels are float32 beside images in halves",
    ),
]
