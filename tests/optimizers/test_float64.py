"""Compiled steps of float64 variables have the digits of eager ones: powers of the step are not taken in float32."""

from __future__ import annotations

import contextlib
import functools

import numpy as np
import pytest
from tests.conftest import TRAINABLE

import kfront
from kfront import layers, optimizers

RULES = ("Adam", "AdamW", "Adamax", "Nadam", "Lamb", "ScheduleFreeAdamW", "RMSprop")
X, Y = np.arange(12.0).reshape(4, 3) / 7, np.linspace(-1, 1, 4)[:, None]


def trained(engine: str, rule: str, eagerly: bool) -> np.ndarray:
    """A kernel after five steps."""
    with contextlib.ExitStack() as stack:
        stack.enter_context(kfront.backend_scope(engine))
        if engine == "jax":
            import jax

            stack.enter_context(jax.enable_x64(True))
        dense = layers.Dense(1, kernel_initializer="ones", dtype="float64")
        model = kfront.Sequential([kfront.Input((3,), dtype="float64"), dense])
        model.compile(getattr(optimizers, rule)(0.125), "mse", run_eagerly=eagerly, jit_compile=False)
        model.fit(X, Y, epochs=5, batch_size=4, verbose=0)
        return model.get_weights()[0]


@functools.cache
def by_python_numbers(rule: str) -> np.ndarray:
    """What eager code on torch gives, whose steps and powers are Python numbers."""
    return trained("torch", rule, True)


@pytest.mark.parametrize("engine", TRAINABLE)
@pytest.mark.parametrize("rule", RULES)
def test_steps_have_all_digits(engine: str, rule: str) -> None:
    pytest.importorskip("torch", reason="torch is not installed")
    np.testing.assert_allclose(trained(engine, rule, False), by_python_numbers(rule), rtol=1e-12)
