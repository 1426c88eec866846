"""Losses and metrics have Keras's values."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import kfront
from kfront import backends

REFERENCE = json.loads(Path(__file__).with_name("keras_values.json").read_text(encoding="utf-8"))
DATA = {k: np.array(v, REFERENCE["dtypes"][k]) for k, v in REFERENCE["data"].items()}
BACKENDS = [b for b in ("numpy", "torch", "jax", "tensorflow") if b in backends.installed()]


def name_of(case: dict[str, Any]) -> str:
    return "-".join([case["cls"], *(f"{k}={v}" for k, v in case["config"].items()), case["y_true"]])


def numpy(x: Any) -> np.ndarray:
    return np.asarray(kfront.ops.convert_to_numpy(x))


def close(value: Any, wanted: Any) -> None:
    np.testing.assert_allclose(numpy(value), np.array(wanted, "float64"), rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("case", REFERENCE["losses"], ids=name_of)
def test_loss(backend: str, case: dict[str, Any]) -> None:
    config = dict(case["config"])
    if isinstance(config.get("axis"), list):
        config["axis"] = tuple(config["axis"])
    cls = getattr(kfront.losses, case["cls"])
    y_true, y_pred = DATA[case["y_true"]], DATA[case["y_pred"]]
    with kfront.backend_scope(backend):
        close(cls(reduction="none", **config)(y_true, y_pred), case["none"])
        loss = cls(**config)
        close(loss(y_true, y_pred), case["mean"])
        native = [kfront.ops.convert_to_tensor(y) for y in (y_true, y_pred)]
        close(loss(*native), case["mean"])
        if case["weighted"] is not None:
            weights = None if case["cls"] == "CosineSimilarity" and config else DATA["weights"]
            close(loss(y_true, y_pred, sample_weight=weights), case["weighted"])
        again = cls.from_config(loss.get_config())
        assert again.get_config() == loss.get_config()


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    "case", REFERENCE["reductions"], ids=lambda c: f"{c['reduction']}-{c['weights']}-{bool(c['mask'])}"
)
def test_reductions(backend: str, case: dict[str, Any]) -> None:
    with kfront.backend_scope(backend) as b:
        y_pred = kfront.ops.convert_to_tensor(DATA["real_pred"])
        if case["mask"]:
            masks, kfront.core.state.state.any_mask_seen = kfront.core.state.state.any_mask_seen, True
            mask = kfront.ops.convert_to_tensor(np.array(case["mask"]))
            if backend == "numpy":
                y_pred = y_pred.view()
            b.set_mask(y_pred, mask)
        loss = kfront.losses.MeanSquaredError(reduction=case["reduction"])
        weights = None if case["weights"] is None else DATA[case["weights"]]
        close(loss(DATA["real_true"], y_pred, sample_weight=weights), case["value"])
        if case["mask"]:
            kfront.core.state.state.any_mask_seen = masks


@pytest.mark.sampled(4)
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("case", REFERENCE["metrics"], ids=name_of)
def test_metric(backend: str, case: dict[str, Any]) -> None:
    cls = getattr(kfront.metrics, case["cls"])
    y_true, y_pred = DATA[case["y_true"]], DATA[case["y_pred"]]
    half = len(y_true) // 2
    with kfront.backend_scope(backend):
        metric = cls(**case["config"])
        native = [kfront.ops.convert_to_tensor(y[:half]) for y in (y_true, y_pred)]
        metric.update_state(*native)
        metric.update_state(y_true[half:], y_pred[half:])
        close(metric.result(), case["plain"])
        assert [[v.path.split("/")[-1], list(v.shape), v.dtype] for v in metric.variables] == case["variables"]
        if case["weights"]:
            metric.reset_state()
            metric.update_state(y_true, y_pred, sample_weight=DATA[case["weights"]])
            close(metric.result(), case["weighted"])
        values = metric.stateless_update_state(metric.stateless_reset_state(), y_true, y_pred)
        close(metric.stateless_result(values), cls(**case["config"])(y_true, y_pred))
        assert cls.from_config(metric.get_config()).get_config() == metric.get_config()
        saved = {k: v for k, v in metric.get_config().items() if k in case["saved"]}
        assert json.loads(json.dumps(saved)) == case["saved"]
