"""Image layers with given parameters: one table for Keras and for kfront; see test_augment_against_keras.py."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

BATCH = 3


@dataclasses.dataclass(frozen=True)
class Case:
    """A layer, its arguments, the parameters of its transformation, and which images it gets.

    Attributes:
        images: "bytes" (uint8), "numbers" (float32 from 0 to 255), "unit" (from 0 to 1) or "signed" (from -1 to 1).
        one: whether Keras gets the images one by one (it mixes up the histograms of a batch).
    """

    layer: str
    args: dict[str, Any]
    parameters: Any = None
    images: str = "numbers"
    size: tuple[int, int] = (9, 7)
    one: bool = False

    @property
    def id(self) -> str:
        """A name."""
        return f"{self.layer}-{self.images}-{'x'.join(map(str, self.size))}-{self.args}"


def pictures(kind: str, size: tuple[int, int], seed: int = 0) -> np.ndarray:
    """A batch of random images, channels last, with some grey and some saturated pixels."""
    g = np.random.Generator(np.random.Philox(key=seed))
    x = g.integers(0, 256, (BATCH, *size, 3))
    x[:, 0, 0] = 77
    x[:, 0, 1:3] = [[[255, 0, 0], [0, 0, 255]]]
    x[1] = x[1] // 3 + 40
    if kind == "bytes":
        return x.astype("uint8")
    x = x.astype("float32")
    return {"numbers": x, "unit": x / 255, "signed": x / 127.5 - 1}[kind]


def _each(*values: Any, dtype: str = "float32", rank: int = 1) -> np.ndarray:
    return np.array(values, dtype).reshape(-1, *(1,) * (rank - 1))


_MASK = np.zeros((BATCH, 9, 7, 3), bool)
_MASK[0, 2:5, 3:7] = _MASK[1, :4, 1:3] = _MASK[2] = True
_ORDER = np.array([2, 0, 1])
RANGES = {"unit": (0, 1), "signed": (-1, 1), "numbers": (0, 255), "bytes": (0, 255)}


def _ranged(layer: str, parameters: Any, kinds: tuple[str, ...] = ("numbers", "unit"), **args: Any) -> list[Case]:
    out = []
    for kind in kinds:
        given = dict(args) if RANGES[kind] == (0, 255) else {**args, "value_range": RANGES[kind]}
        out.append(Case(layer, given, parameters, kind))
    return out


CASES: list[Case] = [
    *_ranged("AutoContrast", None, ("numbers", "bytes", "unit", "signed")),
    *_ranged("RandomBrightness", {"rgb_delta": _each(-50.5, 20.25, 100, rank=4)}, ("numbers",), factor=0.5),
    *_ranged("RandomBrightness", {"rgb_delta": _each(-0.5, 0.2, 0.4, rank=4)}, ("unit", "signed"), factor=0.5),
    *_ranged("RandomContrast", {"contrast_factor": _each(0.5, 1.2, 1.9, rank=4)}, factor=0.5),
    *_ranged("RandomHue", {"factor": _each(-0.3, 0.5, 0.1)}, ("numbers", "bytes", "unit", "signed"), factor=0.5),
    *_ranged("RandomSaturation", {"factor": _each(-0.3, 0.5, 4.0)}, ("unit",), factor=0.5),
    *_ranged("RandomSaturation", {"factor": _each(-0.3, 0.5, 1.0)}, ("numbers",), factor=0.5),
    *_ranged("RandomColorDegeneration", {"factor": _each(-0.3, 0.5, 1.0, rank=4)}, factor=0.5),
    Case("RandomGrayscale", {}, _each(True, False, True, dtype="bool", rank=4)),
    Case("RandomGrayscale", {}, _each(True, False, True, dtype="bool", rank=4), "bytes"),
    *_ranged("RandomInvert", {"apply_inversion": _each(1, 0, 1, dtype="bool")}, ("numbers", "bytes", "unit")),
    *_ranged("RandomPosterization", {"shift_factor": _each(7, 3, 0, dtype="uint8")}, ("numbers", "bytes"), factor=4),
    *_ranged(
        "Solarization",
        {"additions": _each(0, 30, 80, rank=4), "thresholds": _each(0, 128, 200, rank=4)},
        ("numbers", "bytes", "unit", "signed"),
        addition_factor=0.5,
        threshold_factor=(0.2, 0.9),
    ),
    Case("Equalization", {}, one=True),
    Case("Equalization", {}, images="bytes", one=True),
    Case("Equalization", {"bins": 16}, one=True),
    Case("Equalization", {"value_range": (0, 1), "bins": 100}, images="unit", one=True),
    *(
        Case("ContrastLimitedAdaptiveHistogramEqualization", args, None, kind, size)
        for args, kind, size in (
            ({}, "numbers", (16, 24)),
            ({}, "bytes", (19, 21)),
            ({"tile_grid_size": (2, 3), "clip_limit": 1.0}, "numbers", (15, 13)),
            ({"tile_grid_size": (1, 1), "clip_limit": 0.0}, "numbers", (9, 7)),
            ({"value_range": (0, 1)}, "unit", (5, 7)),
            ({"tile_grid_size": (2, 2), "clip_limit": 100.0}, "numbers", (8, 8)),
        )
    ),
    *_ranged("RandomSharpness", {"factor": _each(0.0, 0.3, 1.0)}, ("numbers", "bytes", "unit"), factor=0.5),
    *(
        Case(
            "RandomGaussianBlur",
            args,
            {"should_apply_blur": _each(1, 0, 1, dtype="bool"), "blur_factor": np.array([0.7, 0.4], "float32")},
            kind,
        )
        for args, kind in (({}, "numbers"), ({"kernel_size": (3, 5)}, "bytes"), ({"kernel_size": 5}, "numbers"))
    ),
    Case(
        "RandomErasing",
        {},
        {
            "apply_erasing": _each(1, 0, 1, dtype="bool"),
            "batch_masks": _MASK,
            "fill_value": np.full((BATCH, 9, 7, 3), 7.5, "float32"),
        },
    ),
    Case("MixUp", {}, {"mix_weight": _each(0.2, 0.5, 1.0), "permutation_order": _ORDER}),
    Case("MixUp", {"alpha": 0.4}, {"mix_weight": _each(0.2, 0.5, 1.0), "permutation_order": _ORDER}, "bytes"),
    *(
        Case(
            "CutMix",
            {},
            {"permutation_order": _ORDER, "batch_masks": _MASK, "mix_weight": _each(0.2, 0.5, 1.0, rank=4)},
            kind,
        )
        for kind in ("numbers", "bytes")
    ),
]

LABELS = np.eye(4, dtype="float32")[[0, 3, 1]]

# the arguments with which a layer is made for what does not depend on them
DEFAULTS: dict[str, dict[str, Any]] = {
    "AugMix": {},
    "AutoContrast": {},
    "ContrastLimitedAdaptiveHistogramEqualization": {},
    "CutMix": {},
    "Equalization": {},
    "MaxNumBoundingBoxes": {"max_number": 4},
    "MixUp": {},
    "RandAugment": {},
    "RandomBrightness": {"factor": 0.2},
    "RandomColorDegeneration": {"factor": 0.2},
    "RandomColorJitter": {"brightness_factor": 0.2, "hue_factor": (0.1, 0.2)},
    "RandomContrast": {"factor": 0.2},
    "RandomErasing": {},
    "RandomGaussianBlur": {},
    "RandomGrayscale": {},
    "RandomHue": {"factor": 0.2},
    "RandomInvert": {},
    "RandomPosterization": {"factor": 4},
    "RandomSaturation": {"factor": (0.2, 0.4)},
    "RandomSharpness": {"factor": 0.2},
    "Rescaling": {"scale": 0.5, "offset": -1},
    "Solarization": {},
}
