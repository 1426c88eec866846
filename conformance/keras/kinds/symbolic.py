"""Symbolic shapes: `compute_output_shape`, `compute_output_spec`, functional models with unknown sizes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..acting import call, instance, mapped
from ..normal import alike, normal
from ..probing import Facts, Probe
from ..subjects import Subject

FAMILIES = ("layer",)
MOST = 2  # subjects of a name


def probes(subject: Subject) -> Iterator[Probe]:
    """Known sizes, an unknown batch, and all of the sizes between batch and features unknown."""
    for label, hide in {"known": (), "batch": (0,), "batch and sizes": (0, 1, 2, 3)}.items():
        yield Probe(f"spec: {label}", lambda package, hide=hide: _spec(package, subject, hide))
        yield Probe(f"shape: {label}", lambda package, hide=hide: _shape(package, subject, hide))
        yield Probe(f"model: {label}", lambda package, hide=hide: _model(package, subject, hide))
    yield Probe("shape after build", lambda package: _after(package, subject))


def _dtype(a: np.ndarray) -> str:
    return "string" if a.dtype.kind in "USO" else a.dtype.name


def _hidden(a: np.ndarray, hide: tuple[int, ...]) -> tuple[int | None, ...]:
    return tuple(None if i in hide and (i == 0 or i < a.ndim - 1) else d for i, d in enumerate(a.shape))


def _spec(package: Any, subject: Subject, hide: tuple[int, ...]) -> Facts:
    layer = instance(package, subject)
    use = subject.uses[0]
    symbolic = lambda a: package.KerasTensor(_hidden(a, hide), _dtype(a))  # noqa: E731
    args, kwargs = mapped(symbolic, (use.args, use.kwargs))
    return {"spec": normal(layer.compute_output_spec(*args, **kwargs), package)}


def _shape(package: Any, subject: Subject, hide: tuple[int, ...]) -> Facts:
    layer = instance(package, subject)
    shapes = mapped(lambda a: _hidden(a, hide), subject.uses[0].args)
    return {"shape": alike(normal(layer.compute_output_shape(*shapes), package))}


def _after(package: Any, subject: Subject) -> Facts:
    layer = instance(package, subject)
    call(package, subject, layer)
    shapes = mapped(lambda a: (None, *a.shape[1:]), subject.uses[0].args)
    return {"shape": alike(normal(layer.compute_output_shape(*shapes), package))}


def _model(package: Any, subject: Subject, hide: tuple[int, ...]) -> Facts:
    use = subject.uses[0]
    inputs: list[Any] = []

    def one(a: np.ndarray) -> Any:
        inputs.append(package.Input(batch_shape=_hidden(a, hide), dtype=_dtype(a)))
        return inputs[-1]

    args, kwargs = mapped(one, (use.args, use.kwargs))
    layer = instance(package, subject)
    out = layer(*args, **kwargs)
    model = package.Model(inputs, out)
    return {
        "output": normal(model.output, package),
        "input": normal(model.input, package),
        "names": [one.name for one in model.layers],
        "outputs": list(model.output_names),
        "weights": [v.path for v in model.weights],
        "shape": alike(normal(model.output_shape, package)),
    }
