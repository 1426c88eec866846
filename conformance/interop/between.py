"""Models that change the backend, and models of several backends in one process."""

from __future__ import annotations

import numpy as np

import kfront

from ..suite import close
from .common import batches, fit, made, outputs, portable

__all__ = ["alternate", "converted", "round_trip"]

SAME = 1e-5


def _trained(first: str, family: str) -> kfront.Model:
    """A model that took some steps with an optimizer that has slots, where the backend trains."""
    with portable(first) as b:
        model = made(family)
        model.compile(kfront.optimizers.Adam(0.01), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
        if b.trainable:
            fit(model, family)
    return model


def converted(first: str, second: str, family: str) -> None:
    """`kfront.convert`: the same predictions, the same losses when training goes on, and the old model stays."""
    model = _trained(first, family)
    with portable(first):
        want, weights = outputs(model, family), model.get_weights()
    new = kfront.convert(model, second)
    assert new is not model and new._kf_backend.name == second
    with portable(second) as b:
        close(outputs(new, family), want, SAME, SAME, "predictions")
        for v, w in zip(new.variables, model.variables, strict=True):
            assert np.array_equal(v.numpy(), w.numpy()), v.path
        if not (b.trainable and model._kf_backend.trainable):
            return
        for v, w in zip(new.optimizer.variables, model.optimizer.variables, strict=True):
            assert np.array_equal(v.numpy(), w.numpy()), v.path
        losses = fit(new, family)
    with portable(first):
        assert all(np.array_equal(a, w) for a, w in zip(model.get_weights(), weights, strict=True))
        close(losses, fit(model, family), SAME, what="losses after the conversion")


def round_trip(first: str, second: str, family: str) -> None:
    """There and back: every bit is as it was."""
    model = _trained(first, family)
    back = kfront.convert(kfront.convert(model, second), first)
    for v, w in zip(back.variables, model.variables, strict=True):
        assert np.array_equal(v.numpy(), w.numpy()) and v.dtype == w.dtype, v.path
    with portable(first):
        assert np.array_equal(outputs(back, family), outputs(model, family))


def alternate(first: str, second: str, family: str) -> None:
    """Models of two backends take turns, step by step, whatever is current: each as if it were alone."""
    names = (first, second)
    alone, models = [], []
    for name in names:
        with portable(name):
            model = _compiled(family)
            alone.append([float(np.asarray(model.train_on_batch(x, y)[0])) for x, y in batches(family)])
            models.append(_compiled(family))
    together: list[list[float]] = [[], []]
    for i, (x, y) in enumerate(batches(family)):
        for k, model in enumerate(models):
            with portable(names[(i + k) % 2]):
                together[k].append(float(np.asarray(model.train_on_batch(x, y)[0])))
    for got, want in zip(together, alone, strict=True):
        close(got, want, 1e-6, what="losses in turns")


def _compiled(family: str) -> kfront.Model:
    model = made(family)
    model.compile(kfront.optimizers.Adam(0.01), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model
