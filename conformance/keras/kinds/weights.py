"""Initial weights: names, paths, order, shapes, dtypes, and of those that are drawn mean, deviation and bounds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..acting import call, instance
from ..normal import normal
from ..probing import Facts, Probe
from ..subjects import Subject

FAMILIES = ("layer",)
MOST = 3
DRAWS = (12, 1500)  # at most so many layers are made, until the smallest weight has so many values


def probes(subject: Subject) -> Iterator[Probe]:
    """Weights of a layer after its first call."""
    yield Probe("weights", lambda package: _weights(package, subject))
    yield Probe("statistics", lambda package: _statistics(package, subject))
    yield Probe("files", lambda package: stored(package, _layer(package, subject)))


def _layer(package: Any, subject: Subject) -> Any:
    layer = instance(package, subject)
    call(package, subject, layer)
    return layer


def _weights(package: Any, subject: Subject) -> Facts:
    layer = _layer(package, subject)
    facts: Facts = {}
    for group in ("weights", "trainable_weights", "non_trainable_weights", "variables", "trainable_variables"):
        facts[group] = [described(package, v) for v in getattr(layer, group)]
    facts["losses"] = normal(len(layer.losses), package)
    return facts


def described(package: Any, v: Any) -> list[Any]:
    """Name, path, shape, dtype of a Variable, and whether it is trained."""
    dtype = package.backend.standardize_dtype(v.dtype)
    return [v.name, v.path, list(v.shape), dtype, bool(v.trainable)]


def _statistics(package: Any, subject: Subject) -> Facts:
    """What no seed changes: constants one by one; of what is drawn the deviation and the largest."""
    drawn: dict[str, list[np.ndarray]] = {}
    most, enough = DRAWS
    for i in range(most):
        for j, v in enumerate(w for w in instance_weights(package, subject) if "seed" not in w.name):
            drawn.setdefault(f"{j} {v.name}", []).append(np.asarray(package.ops.convert_to_numpy(v), "float64"))
        constant = all(np.array_equal(a[0], a[-1]) for a in drawn.values()) and i
        if constant or all(sum(x.size for x in a) >= enough for a in drawn.values()):
            break
    return {name: _told(np.stack(arrays)) for name, arrays in drawn.items()}


def instance_weights(package: Any, subject: Subject) -> list[Any]:
    """The weights of a new layer that was called once."""
    return list(_layer(package, subject).weights)


def _told(values: np.ndarray) -> Any:
    if len(values) > 1 and np.array_equal(values[0], values[1]):
        return {"array": ["constant", list(values[0].shape), [float(v) for v in values[0].reshape(-1)[:64]]]}
    return {"drawn": [values.size, float(values.mean()), float(values.std()), float(np.abs(values).max())]}


def stored(package: Any, layer: Any) -> Facts:
    """Paths, shapes and dtypes in the file of a model that holds the layer."""
    import os
    import tempfile

    import h5py

    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "a.weights.h5")
        model = package.Sequential([layer])
        if not layer.weights:
            return {}
        model.built = True
        model.save_weights(path)
        facts: Facts = {}
        with h5py.File(path) as file:
            file.visititems(
                lambda name, one: (
                    facts.update({name: [list(one.shape), str(one.dtype)]}) if isinstance(one, h5py.Dataset) else None
                )
            )
    return {"paths": dict(sorted(facts.items()))}
