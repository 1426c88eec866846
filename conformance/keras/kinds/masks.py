"""Masks in every way of passing them: with the tensor, by keyword, set by hand, as `mask=`; and what comes out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..acting import call, fill, instance, mapped, result, tensor
from ..normal import normal
from ..probing import Facts, Probe
from ..subjects import Subject

FAMILIES = ("layer",)
MOST = 1  # subjects of a name


def probes(subject: Subject) -> Iterator[Probe]:
    """Masks for layers whose first input has a time axis of known length."""
    first = subject.uses[0].args[0] if subject.uses[0].args else None
    if isinstance(first, (list, tuple)):
        first = first[0] if first else None
    if not isinstance(first, np.ndarray) or first.ndim < 3 or first.dtype.kind != "f":
        return
    if "mask" in subject.uses[0].kwargs:
        return
    batch, length = first.shape[:2]
    mask = np.arange(length)[None] < np.array([[length - i % length] for i in range(batch)])
    for label, run in WAYS.items():
        yield Probe(label, lambda package, run=run: run(package, subject, mask))


def _ready(package: Any, subject: Subject) -> Any:
    layer = instance(package, subject)
    call(package, subject, layer)
    fill(package, layer)
    return layer


def _told(package: Any, subject: Subject, out: Any) -> Facts:
    outs = out if isinstance(out, (list, tuple)) else [out]
    masks = [normal(getattr(o, "_keras_mask", None), package) for o in outs]
    return {"result": result(package, out, subject.random), "mask": masks}


def _by_hand(package: Any, subject: Subject, mask: np.ndarray) -> Facts:
    layer = _ready(package, subject)

    def masked(a: np.ndarray) -> Any:
        out = tensor(package)(a)
        if a.ndim > 1 and a.shape[:2] == mask.shape:
            out._keras_mask = tensor(package)(mask)
        return out

    return _told(package, subject, call(package, subject, layer, masked))


def _from_masking(package: Any, subject: Subject, mask: np.ndarray) -> Facts:
    layer = _ready(package, subject)

    def masked(a: np.ndarray) -> Any:
        if a.ndim < 3 or a.shape[:2] != mask.shape:
            return tensor(package)(a)
        holes = np.where(mask.reshape(mask.shape + (1,) * (a.ndim - 2)), a, 0).astype(a.dtype)
        return package.layers.Masking()(tensor(package)(holes)) if a.ndim == 3 else tensor(package)(holes)

    return _told(package, subject, call(package, subject, layer, masked))


def _keyword(package: Any, subject: Subject, mask: np.ndarray) -> Facts:
    layer = _ready(package, subject)
    return _told(package, subject, call(package, subject, layer, mask=tensor(package)(mask)))


def _array(package: Any, subject: Subject, mask: np.ndarray) -> Facts:
    layer = _ready(package, subject)
    return _told(package, subject, call(package, subject, layer, mask=mask))


def _compute(package: Any, subject: Subject, mask: np.ndarray) -> Facts:
    layer = _ready(package, subject)
    args = mapped(tensor(package), subject.uses[0].args)
    given = tensor(package)(mask)
    one = args[0]
    masks = [given for _ in one] if isinstance(one, list) else given
    computed = {"mask": layer.compute_mask(one, masks), "none": layer.compute_mask(one, None)}
    return {name: normal(value, package) for name, value in computed.items()}


WAYS: dict[str, Callable[[Any, Subject, np.ndarray], Facts]] = {
    "from Masking": _from_masking,
    "by hand": _by_hand,  # kfront looks for these once it has made a mask, as the one before
    "mask=": _keyword,
    "mask= of NumPy": _array,
    "compute_mask": _compute,
}
