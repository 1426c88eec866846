"""Results with every option toggled, alone and in pairs; weights are the same on both sides."""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..acting import perform
from ..made import Made, bound, names_of
from ..probing import Probe
from ..subjects import Subject

FAMILIES = ("layer", "object", "function")
MOST = 1  # subjects of a name
PAIRS = 40  # of one subject: as many, chosen evenly

# name of an option, or "initializer" and "activation" at its end -> values that are tried beside what the subject says
VALUES: dict[str, tuple[Any, ...]] = {
    "activation": ("relu", "softmax", None),
    "initializer": ("ones",),
    "padding": ("same", "valid", "causal"),
    "data_format": ("channels_first",),
    "strides": (2, None),
    "dilation_rate": (2,),
    "groups": (2,),
    "depth_multiplier": (2,),
    "axis": (1, -1, None),
    "axes": (1,),
    "dims": (2,),
    "epsilon": (0.1,),
    "momentum": (0.5,),
    "reduction": ("sum", "mean", None, "none", "mean_with_sample_weight"),
    "label_smoothing": (0.2,),
    "interpolation": ("nearest", "bicubic", "lanczos3", "lanczos5"),
    "fill_mode": ("constant", "nearest", "reflect", "wrap"),
    "fill_value": (0.5,),
    "output_mode": ("int", "one_hot", "multi_hot", "count"),
    "merge_mode": ("sum", "mul", "ave", "concat", None),
    "mask_value": (0.5,),
    "negative_slope": (0.2,),
    "threshold": (0.3,),
    "thresholds": (0.3, [0.2, 0.6]),
    "max_value": (0.8,),
    "average": ("micro", "macro", "weighted", None),
    "beta": (0.5, 2.0),
    "alpha": (0.5,),
    "gamma": (1.5,),
    "delta": (0.4,),
    "weight_decay": (0.1,),
    "clipnorm": (0.1,),
    "clipvalue": (0.05,),
    "global_clipnorm": (0.1,),
    "ema_momentum": (0.5,),
    "ema_overwrite_frequency": (2,),
    "loss_scale_factor": (4.0,),
    "gradient_accumulation_steps": (2,),
    "learning_rate": (0.5,),
    "ignore_class": (0,),
    "top_k": (1, 2),
    "class_id": (0, 1),
    "num_thresholds": (5,),
    "curve": ("PR",),
    "summation_method": ("minoring", "majoring"),
    "offset": (0.5,),
    "scale_range": ((0.0, 2.0),),
    "value_range": ((0, 255),),
    "ord": (1, 2),
    "order": (1, 2),
    "decay": (0.5,),
    "rho": (0.5,),
    "dtype": ("float16", "bfloat16", "float64"),
    "gain": (2.0,),
    "scale": (2.0,),
    "distribution": ("uniform", "untruncated_normal"),
    "l1": (0.5,),
    "l2": (0.5,),
    "rate": (0.3,),
}


def probes(subject: Subject) -> Iterator[Probe]:
    """The subject as it is, with each value of each option, and with two options at once."""
    _, given = bound(subject.made)
    names = names_of(subject.made.path)
    choices = [(n, v) for n in names for v in _values(n, given.get(n, names[n]))]
    yield _probe(subject, {})
    for name, value in choices:
        yield _probe(subject, {name: value})
    pairs = [{a: v, b: w} for (a, v), (b, w) in itertools.combinations(choices, 2) if a != b]
    pairs.sort(key=lambda p: zlib.crc32(repr(p).encode()))
    for pair in pairs[:PAIRS]:
        yield _probe(subject, pair)


def _values(name: str, now: Any) -> Iterator[Any]:
    if isinstance(now, (np.ndarray, Made)):  # an operand
        return
    if isinstance(now, bool):
        yield not now
        return
    last = name.rpartition("_")[2]
    for word in (name, last if last in ("initializer", "activation") else ""):
        if word in VALUES:
            yield from (v for v in VALUES[word] if repr(v) != repr(now))
            return


def _probe(subject: Subject, options: dict[str, Any]) -> Probe:
    label = ", ".join(f"{n}={v!r}" for n, v in options.items()) or "plain"
    made = subject.made.with_options(options) if options else subject.made
    return Probe(label, lambda package: perform(package, subject, made))
