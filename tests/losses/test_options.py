"""Weights of every shape, ragged masks, class axes, logits and label smoothing, in every reduction, as in Keras.

Values: keras_side.py. The predictions are a batch of sequences of different lengths, one of them empty.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.conftest import ENGINES
from tests.losses import keras_side

import kfront
from kfront import losses, metrics, ops
from kfront.core.state import state

REFERENCE = json.loads(Path(__file__).with_name("keras_more.json").read_text(encoding="utf-8"))
DATA = keras_side.data()
DATA["everything"] = np.ones_like(DATA["mask"])


def grouped(kind: str) -> list[Any]:
    """The cases of one class and config together: a test each."""
    return [
        pytest.param(list(found), id="-".join([key[0], *map(str, key[1].items())]))
        for key, found in itertools.groupby(REFERENCE[kind], lambda c: (c[0], c[1]))
    ]


@contextmanager
def predictions(name: str, mask: str | None, backend: Any) -> Iterator[Any]:
    """A tensor with a mask on it."""
    out = ops.convert_to_tensor(DATA[name])
    before = state.any_mask_seen
    if mask is not None:
        state.any_mask_seen = True
        out = out.view() if isinstance(out, np.ndarray) else out
        backend.set_mask(out, ops.convert_to_tensor(DATA[mask]))
    try:
        yield out
    finally:
        state.any_mask_seen = before


def close(value: Any, wanted: Any, what: Any) -> None:
    np.testing.assert_allclose(
        ops.convert_to_numpy(value), np.array(wanted, "float64"), rtol=2e-5, atol=2e-6, err_msg=str(what)
    )


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("cases", grouped("losses"))
def test_loss(engine: str, cases: list[Any]) -> None:
    with kfront.backend_scope(engine) as b:
        for cls, config, y_true, y_pred, weights, mask, values in cases:
            for reduction, wanted in values.items():
                loss = getattr(losses, cls)(reduction=reduction, **keras_side.config_of(config))
                with predictions(y_pred, mask, b) as y:
                    found = loss(ops.convert_to_tensor(DATA[y_true]), y, None if weights is None else DATA[weights])
                close(found, wanted, (weights, mask, reduction))


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("cases", grouped("metrics"))
def test_metric(engine: str, cases: list[Any]) -> None:
    with kfront.backend_scope(engine) as b:
        for cls, config, y_true, y_pred, weights, mask, wanted in cases:
            metric = getattr(metrics, cls)(**keras_side.config_of(config))
            with predictions(y_pred, mask, b) as y:
                metric.update_state(DATA[y_true], y, None if weights is None else DATA[weights])
            close(metric.result(), wanted, (weights, mask))


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", ["CategoricalCrossentropy", "CategoricalFocalCrossentropy"])
@pytest.mark.parametrize("from_logits", [False, True])
def test_class_axis_with_label_smoothing(engine: str, name: str, from_logits: bool) -> None:
    """Classes along another axis give what classes along the last axis give."""
    with kfront.backend_scope(engine):
        y_pred = "first_logits" if from_logits else "first_prob"
        make = getattr(losses, name)
        options = {"label_smoothing": 0.1, "from_logits": from_logits, "reduction": "none"}
        wanted = make(**options)(np.moveaxis(DATA["first"], 1, -1), np.moveaxis(DATA[y_pred], 1, -1))
        close(make(axis=1, **options)(DATA["first"], DATA[y_pred]), ops.convert_to_numpy(wanted), name)


@pytest.mark.parametrize("engine", ENGINES)
def test_mean_with_sample_weight_is_a_weighted_mean(engine: str) -> None:
    """Also where one weight holds for many values, with and without a mask that hides nothing."""
    with kfront.backend_scope(engine) as b:
        loss = losses.MeanAbsoluteError(reduction="mean_with_sample_weight")
        values = np.abs(DATA["real"] - DATA["logits"]).mean(-1)
        for weights in ("w_batch", "w_column"):
            spread = np.broadcast_to(DATA[weights].reshape(-1, 1), values.shape)
            wanted = (values * spread).sum() / spread.sum()
            close(loss(DATA["real"], DATA["logits"], DATA[weights]), wanted, weights)
            with predictions("logits", "everything", b) as y:
                close(loss(DATA["real"], y, DATA[weights]), wanted, weights)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("case", [c for c in keras_side.METRICS if c[0] in keras_side.COUNTING], ids=lambda c: c[0])
def test_masked_steps_are_not_counted(engine: str, case: tuple[Any, ...]) -> None:
    """Counts over ragged sequences are those over their steps one after the other."""
    name, config, y_true, y_pred = case
    seen = DATA["mask"]
    with kfront.backend_scope(engine) as b:
        for weights in (None, "w_time"):
            ragged, flat = (getattr(metrics, name)(**config) for _ in range(2))
            w = None if weights is None else DATA[weights]
            with predictions(y_pred, "mask", b) as y:
                ragged.update_state(DATA[y_true], y, w)
            flat.update_state(DATA[y_true][seen], DATA[y_pred][seen], None if w is None else w[seen])
            close(ragged.result(), ops.convert_to_numpy(flat.result()), weights)
