"""Penalties: values, configs, lookup, errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import kfront
from kfront import regularizers
from kfront.core.errors import ArgumentError, ShapeError

X = np.array([[1.0, 2.0], [3.0, -4.0], [0.5, 1.0]], "float32")


def value(penalty: Any, x: np.ndarray = X) -> float:
    return float(kfront.ops.convert_to_numpy(penalty(kfront.ops.convert_to_tensor(x))))


def test_values(backend: Any) -> None:
    total, squares = np.abs(X).sum(), np.square(X).sum()
    assert value(regularizers.L1(0.1)) == pytest.approx(0.1 * total, rel=1e-5)
    assert value(regularizers.L2(0.1)) == pytest.approx(0.1 * squares, rel=1e-5)
    assert value(regularizers.L1L2(0.1, 0.2)) == pytest.approx(0.1 * total + 0.2 * squares, rel=1e-5)
    assert value(regularizers.L1L2()) == 0
    # Keras gives these for the two modes
    same = np.abs(X)
    assert value(regularizers.OrthogonalRegularizer(), same) == pytest.approx(0.009892466, rel=1e-5)
    assert value(regularizers.OrthogonalRegularizer(mode="columns"), same) == pytest.approx(0.009883174, rel=1e-5)


@pytest.mark.parametrize("name", ["L1", "L2", "L1L2", "OrthogonalRegularizer"])
def test_integers(backend: Any, name: str) -> None:
    penalty = getattr(regularizers, name)(0.1)
    whole = np.floor(X).astype("int32")
    assert value(penalty, whole) == pytest.approx(value(penalty, whole.astype("float32")), rel=1e-6)


@pytest.mark.parametrize("name", ["L1", "L2", "L1L2", "OrthogonalRegularizer"])
def test_config(name: str) -> None:
    made = getattr(regularizers, name)()
    config = regularizers.serialize(made)
    assert (config["module"], config["class_name"]) == ("keras.regularizers", name)
    assert regularizers.deserialize(config).get_config() == made.get_config()


def test_get() -> None:
    assert regularizers.get(None) is None
    assert type(regularizers.get("l2")) is regularizers.L2
    assert type(regularizers.get("l1_l2")) is regularizers.L1L2
    assert type(regularizers.get({"class_name": "L1", "config": {"l1": 0.5}})) is regularizers.L1
    with pytest.raises(ArgumentError, match="regularizer"):
        regularizers.get("nope")


def test_errors() -> None:
    for bad in (-1.0, "a", float("nan"), float("inf")):
        with pytest.raises(ArgumentError, match="l1"):
            regularizers.L1(bad)
    with pytest.raises(ArgumentError, match="mode"):
        regularizers.OrthogonalRegularizer(mode="z")
    with pytest.raises(ShapeError, match="matrix"), kfront.backend_scope("numpy"):
        regularizers.OrthogonalRegularizer()(X[0])
