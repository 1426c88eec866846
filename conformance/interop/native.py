"""Models in the hands of their engine, of other engines, and of users' own steps; each family of models.

On torch a model is a Module, on JAX a pytree and a pure function, on TensorFlow a trackable: what each engine does
with its own must work, and give what `fit` gives. Between backends, `kfront.convert` must carry everything over. The
table of idioms (`idioms.py`) tries single layers in all that an engine's users do, beside the engine's own layers.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any

import kfront

from ..suite import Case
from . import alone, between, idioms, steps, with_jax, with_tensorflow, with_torch
from .common import FAMILIES, portable

__all__ = ["cases"]

NATIVE: dict[str, Any] = {
    "torch": with_torch.CHECKS,
    "jax": with_jax.CHECKS,
    "tensorflow": with_tensorflow.CHECKS,
}


def _on(backend: str, check: Any, *args: Any) -> None:
    with portable(backend):
        check(*args)


def cases(backends: list[str], quick: bool) -> Iterator[Case]:
    """Per family the engine's own tools, own steps, and conversions; per backend idioms and a process of its own."""
    trainable = [b for b in backends if kfront.backends.get(b).trainable]
    for name in backends:
        yield Case("interop", "no other engine is imported", name, lambda n=name: alone.check(n))
        yield from idioms.cases(name, quick)
        if name == "torch":
            yield from importlib.import_module(".torch_graphs", __package__).cases(quick)  # imports torch
        for k, family in enumerate(FAMILIES):
            for what, check in NATIVE.get(name, {}).items():
                if not quick or family in ("mlp", "encoder"):
                    yield _case(f"{family}/{what}", name, check, family)
            if name in trainable:
                yield from _steps(name, family, quick)
            yield from _between(backends, trainable, name, family, k if quick else None)


def _case(what: str, name: str, check: Any, *args: Any) -> Case:
    return Case("interop", what, name, lambda: _on(name, check, *args))


def _steps(name: str, family: str, quick: bool) -> Iterator[Case]:
    if quick and family not in ("mlp", "lstm"):
        return
    for form, cls in {**steps.EVERYWHERE, **steps.FORMS.get(name, {})}.items():
        yield _case(f"{family}/train_step: {form}", name, steps.check, name, cls, family)


def _between(backends: list[str], trainable: list[str], name: str, family: str, only: int | None) -> Iterator[Case]:
    """Conversions to a backend; with `only`, from that one of the others."""
    others = [b for b in backends if b != name]
    for i, first in enumerate(others):
        if only is not None and i != only % len(others):
            continue
        tests = {"converted from": between.converted, "to and back from": between.round_trip}
        if name in trainable and first in trainable:
            tests["in turns with"] = between.alternate
        for what, check in tests.items():
            yield Case("interop", f"{family}/{what} {first}", name, lambda c=check, a=first: c(a, name, family))
