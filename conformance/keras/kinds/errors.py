"""A dozen ill values for each argument: whether they are refused, and with which class of error."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..acting import instance, mapped, perform, tensor
from ..made import names_of
from ..probing import Facts, Probe
from ..subjects import Subject

FAMILIES = ("layer", "object", "function")
MOST = 1
ILL_USE = True  # what Keras fails at must not be taken
ILL: dict[str, Any] = {
    "None": None,
    "-1": -1,
    "0": 0,
    "1.5": 1.5,
    "''": "",
    "'wibble'": "wibble",
    "[[1, [2]]]": [[1, [2]]],
    "nan": math.nan,
    "{'a': 1}": {"a": 1},
    "('a',)": ("a",),
    "(1, 2, 3, 4, 5)": (1, 2, 3, 4, 5),
    "an array": np.ones((2, 3), "float32"),
    "object": object,
}
# inputs that do not fit
BENT: dict[str, Any] = {
    "a scalar": lambda a: a.reshape(-1)[:1].reshape(()),
    "a rank more": lambda a: a[None],
    "a rank less": lambda a: a[0] if a.ndim else a,
    "one feature more": lambda a: np.concatenate([a, a[..., :1]], -1) if a.ndim else a,
    "an empty batch": lambda a: a[:0] if a.ndim else a,
    "text": lambda a: np.full(a.shape, "a"),
    "None": lambda a: None,
}


def probes(subject: Subject) -> Iterator[Probe]:
    """Each argument with each ill value, then each array of the call bent."""
    for name in names_of(subject.made.path):
        for label, value in ILL.items():
            made = subject.made.with_options({name: value})
            yield Probe(f"{name}={label}", lambda package, made=made: _tried(package, subject, made=made))
    for label, bend in BENT.items():
        yield Probe(f"input: {label}", lambda package, bend=bend: _bent(package, subject, bend))


def _tried(package: Any, subject: Subject, **more: Any) -> Facts:
    perform(package, subject, **more)
    return {"accepted": True}


def _bent(package: Any, subject: Subject, bend: Any) -> Facts:
    first = True

    def change(a: np.ndarray) -> Any:
        nonlocal first
        bent, first = (bend(a) if first else a), False
        return bent if bent is None else tensor(package)(np.asarray(bent))

    if subject.family != "layer":
        perform(package, subject, change=change)
        return {"accepted": True}
    layer = instance(package, subject)
    use = subject.uses[0]
    args, kwargs = mapped(tensor(package), (use.args, use.kwargs))
    layer(*args, **kwargs)
    args, kwargs = mapped(change, (use.args, use.kwargs))
    layer(*args, **kwargs)
    return {"accepted": True}
