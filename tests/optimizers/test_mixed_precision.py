"""Models train as well in mixed_float16 and mixed_bfloat16 as in float32; overflows are passed over."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from tests.conftest import TRAINABLE

import kfront
from kfront import layers, ops, optimizers

POLICIES = ("mixed_float16", "mixed_bfloat16")


def mlp() -> Any:
    return kfront.Sequential(
        [
            kfront.Input((12,)),
            layers.Dense(32, activation="relu"),
            layers.BatchNormalization(),
            layers.Dense(3, dtype="float32"),
        ]
    )


def cnn() -> Any:
    return kfront.Sequential(
        [
            kfront.Input((12,)),
            layers.Reshape((12, 1)),
            layers.Conv1D(16, 3, padding="same", activation="relu"),
            layers.MaxPooling1D(2),
            layers.Conv1D(16, 3, activation="relu"),
            layers.Flatten(),
            layers.Dense(3, dtype="float32"),
        ]
    )


def lstm() -> Any:
    return kfront.Sequential(
        [kfront.Input((12,)), layers.Reshape((6, 2)), layers.LSTM(16), layers.Dense(3, dtype="float32")]
    )


def transformer() -> Any:
    inputs = kfront.Input((12,))
    x = layers.Dense(16)(layers.Reshape((6, 2))(inputs))
    a = layers.LayerNormalization()(x)
    x = layers.Add()([x, layers.MultiHeadAttention(2, 8)(a, a)])
    x = layers.Add()([x, layers.Dense(16)(layers.Dense(32, activation="gelu")(layers.LayerNormalization()(x)))])
    return kfront.Model(inputs, layers.Dense(3, dtype="float32")(layers.Flatten()(x)))


FAMILIES: dict[str, Callable[[], Any]] = {"mlp": mlp, "cnn": cnn, "lstm": lstm, "transformer": transformer}


def data() -> tuple[np.ndarray, np.ndarray]:
    """Three classes, told apart by the signs of two products."""
    x = np.random.default_rng(0).normal(size=(256, 12)).astype("float32")
    return x, ((x[:, 0] + x[:, 3] > 0).astype("int32") + (x[:, 1] - x[:, 7] > 0)).astype("int32")


def trained(family: str, policy: str) -> tuple[Any, list[float]]:
    kfront.utils.set_random_seed(4)
    before = kfront.config.dtype_policy()
    kfront.config.set_dtype_policy(policy)
    try:
        model = FAMILIES[family]()
    finally:
        kfront.config.set_dtype_policy(before)
    loss = kfront.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizers.Adam(0.01), loss, metrics=["accuracy"], auto_scale_loss=True)
    x, y = data()
    history = model.fit(x, y, batch_size=64, epochs=8, shuffle=False, verbose=0).history
    return model, [history["loss"][-1], history["accuracy"][-1]]


@functools.cache
def reference(family: str) -> list[float]:
    """Results in float32, which are those of every engine (conformance/training)."""
    with kfront.backend_scope(TRAINABLE[0]):
        return trained(family, "float32")[1]


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("engine", TRAINABLE)
def test_as_good_as_float32(engine: str, family: str) -> None:
    """The loss after 32 steps differs by less than a tenth, the share of right answers by less than 4 %.

    All pairs of family and policy on the first engine; where compiling takes seconds, bfloat16 for two families.
    """
    loss, accuracy = reference(family)
    with kfront.backend_scope(engine):
        assert loss < 0.85  # it has learned: without looking at x it is 1.04 at best
        for policy in POLICIES if engine == TRAINABLE[0] or family in ("mlp", "transformer") else POLICIES[:1]:
            model, (mixed, right) = trained(family, policy)
            assert all(v.dtype == "float32" for v in model.trainable_variables)
            assert isinstance(model.optimizer, optimizers.LossScaleOptimizer) == (policy == "mixed_float16")
            assert abs(mixed - loss) < 0.1 * loss, (policy, mixed, loss)
            assert abs(right - accuracy) < 0.04, (policy, right, accuracy)


@pytest.mark.parametrize("engine", TRAINABLE)
@pytest.mark.parametrize("scaling", ["dynamic", "fixed", "none"])
def test_overflow(engine: str, scaling: str) -> None:
    """A batch whose gradients overflow in float16 changes nothing but a dynamic scale; training goes on after it."""
    with kfront.backend_scope(engine):
        inputs = kfront.Input((2,))
        model = kfront.Model(inputs, layers.Dense(1, dtype="mixed_float16", kernel_initializer="ones")(inputs))
        inner = optimizers.SGD(0.01, momentum=0.9, loss_scale_factor=64.0 if scaling == "fixed" else None)
        dynamic = optimizers.LossScaleOptimizer(inner, initial_scale=512.0, dynamic_growth_steps=2)
        model.compile(dynamic if scaling == "dynamic" else inner, "mse", auto_scale_loss=False)
        good, bad = np.array([[0.5, 0.25]], "float16"), np.array([[3e4, 3e4]], "float16")
        y = np.zeros((1, 1), "float32")
        model.train_on_batch(good, y)
        before = [v.numpy() for v in (*model.trainable_variables, *inner.variables)]
        model.train_on_batch(bad, y)
        after = [v.numpy() for v in (*model.trainable_variables, *inner.variables)]
        if scaling != "dynamic":
            assert not np.isfinite(after[0]).all()  # without a dynamic scale nothing protects the weights
            return
        for a, b in zip(after, before, strict=True):
            np.testing.assert_array_equal(a, b)
        assert float(dynamic.dynamic_scale.numpy()) == 256.0
        for _ in range(2):
            model.train_on_batch(good, y)
        assert float(dynamic.dynamic_scale.numpy()) == 512.0
        assert int(dynamic.iterations.numpy()) == 3
        assert np.abs(model.trainable_variables[0].numpy() - before[0]).max() > 0


@pytest.mark.parametrize("engine", TRAINABLE)
def test_scales_leave_the_update_as_it_is(engine: str) -> None:
    """Scaled by powers of two, fixed or dynamic, float32 training gives the same weights up to rounding."""
    x, y = data()
    results = []
    with kfront.backend_scope(engine):
        for wrap in (
            lambda: optimizers.SGD(0.1, momentum=0.9),
            lambda: optimizers.SGD(0.1, momentum=0.9, loss_scale_factor=1024.0),
            lambda: optimizers.LossScaleOptimizer(optimizers.SGD(0.1, momentum=0.9)),
        ):
            kfront.utils.set_random_seed(4)
            model = kfront.Sequential([kfront.Input((12,)), layers.Dense(3)])
            model.compile(wrap(), kfront.losses.SparseCategoricalCrossentropy(from_logits=True))
            model.fit(x, y, batch_size=64, verbose=0, shuffle=False)
            results.append(model.get_weights())
    for other in results[1:]:
        for a, b in zip(other, results[0], strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("engine", TRAINABLE)
def test_check_finite(engine: str) -> None:
    with kfront.backend_scope(engine):
        optimizer = optimizers.LossScaleOptimizer(optimizers.SGD())
        fine, bad = ops.ones((2, 2)), ops.convert_to_tensor(np.array([1.0, np.inf], "float32"))
        assert bool(optimizer.check_finite([fine, None]))
        assert not bool(optimizer.check_finite([fine, bad]))


@pytest.mark.parametrize("engine", TRAINABLE)
def test_float32_pays_nothing(engine: str) -> None:
    """A call of a float32 model makes no cast and reads no variable the slow way; a mixed one casts its weights."""
    with kfront.backend_scope(engine):
        casts = {}
        for policy in ("float32", "mixed_bfloat16"):
            model = kfront.Sequential([kfront.Input((12,)), *(layers.Dense(12, dtype=policy) for _ in range(4))])
            x = ops.ones((2, 12), dtype="float32")
            model(x)
            calls: list[str] = []

            def profile(frame: Any, event: str, arg: Any, calls: list[str] = calls) -> None:
                if event == "call" and "kfront" in frame.f_code.co_filename:
                    calls.append(frame.f_code.co_name)

            sys.setprofile(profile)
            model(x)
            sys.setprofile(None)
            casts[policy] = sum(name in ("cast", "_autocast_now", "is_float") for name in calls)
        assert casts["float32"] == 0
        assert casts["mixed_bfloat16"] > 0
