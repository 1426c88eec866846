"""Fifty steps of each optimizer, and forty steps of each schedule, as Keras makes them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.optimizers import keras_side

import kfront
from kfront import backends

REFERENCE = json.loads(Path(__file__).with_name("keras_values.json").read_text(encoding="utf-8"))
BACKENDS = [b for b in ("numpy", "torch", "jax", "tensorflow") if b in backends.installed()]


@pytest.mark.sampled(4)
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("case", REFERENCE["cases"])
def test_fifty_steps(backend: str, case: str) -> None:
    wanted = REFERENCE["cases"][case]
    with kfront.backend_scope(backend):
        weights, optimizer = keras_side.run(wanted, kfront, kfront.ops.convert_to_tensor)
        for v, values in zip(weights, wanted["weights"], strict=True):
            np.testing.assert_allclose(v.numpy().ravel(), values, rtol=1e-5, atol=1e-5)
        assert len(optimizer.variables) == len(wanted["variables"])
        for v, (name, shape, dtype, values) in zip(optimizer.variables, wanted["variables"], strict=True):
            assert v.name == name or name.startswith("variable")  # numbered through all tests
            assert (list(v.shape), v.dtype) == (shape, dtype)
            np.testing.assert_allclose(v.numpy().ravel(), values, rtol=2e-5, atol=1e-5)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("case", REFERENCE["schedules"])
def test_schedule(backend: str, case: str) -> None:
    wanted = REFERENCE["schedules"][case]
    with kfront.backend_scope(backend):
        schedule = getattr(kfront.optimizers.schedules, wanted["class"])(**wanted["config"])
        from_ints = [float(schedule(step)) for step in range(40)]
        from_tensors = [float(schedule(kfront.ops.convert_to_tensor(step))) for step in range(0, 40, 3)]
        again: Any = type(schedule).from_config(schedule.get_config())
        assert again.get_config() == schedule.get_config()
    np.testing.assert_allclose(from_ints, wanted["values"], rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(from_tensors, wanted["values"][::3], rtol=2e-5, atol=1e-7)
