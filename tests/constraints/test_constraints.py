"""Projections of weights: values, configs, lookup, errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import kfront
from kfront import constraints
from kfront.core.errors import ArgumentError

W = np.array([[1.0, 2.0], [3.0, -4.0], [0.5, 1.0]], "float32")


def applied(constraint: Any) -> np.ndarray:
    return np.asarray(kfront.ops.convert_to_numpy(constraint(kfront.ops.convert_to_tensor(W))))


def test_values(backend: Any) -> None:
    norms = np.linalg.norm(W, axis=0, keepdims=True)
    np.testing.assert_allclose(applied(constraints.MaxNorm(2.0)), W * np.minimum(norms, 2) / norms, rtol=1e-5)
    np.testing.assert_allclose(applied(constraints.MaxNorm(9.0)), W, rtol=1e-5)
    np.testing.assert_allclose(applied(constraints.UnitNorm()), W / norms, rtol=1e-5)
    np.testing.assert_array_equal(applied(constraints.NonNeg()), np.maximum(W, 0))
    wanted = 0.3 * np.clip(norms, 0.5, 1) + 0.7 * norms
    np.testing.assert_allclose(applied(constraints.MinMaxNorm(0.5, 1.0, 0.3)), W * wanted / norms, rtol=1e-5)
    whole = np.linalg.norm(W)
    np.testing.assert_allclose(applied(constraints.MaxNorm(1.0, axis=[0, 1])), W / whole, rtol=1e-5)


@pytest.mark.parametrize("name", ["MaxNorm", "MinMaxNorm", "NonNeg", "UnitNorm"])
def test_config(name: str) -> None:
    made = getattr(constraints, name)()
    config = constraints.serialize(made)
    assert (config["module"], config["class_name"]) == ("keras.constraints", name)
    assert constraints.deserialize(config).get_config() == made.get_config()


def test_get() -> None:
    assert constraints.get(None) is None
    assert type(constraints.get("max_norm")) is constraints.MaxNorm
    assert type(constraints.get(constraints.NonNeg)) is constraints.NonNeg
    with pytest.raises(ArgumentError, match="constraint"):
        constraints.get("nonneg")
