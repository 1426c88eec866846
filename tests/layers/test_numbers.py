"""Numbers that Keras 3.15.1 gives, where another choice would be as natural: recorded from runs of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import kfront
from kfront import layers, ops, quantizers
from kfront.core.errors import ShapeError


def values(x: Any) -> np.ndarray:
    return np.asarray(ops.convert_to_numpy(x)).astype("float64")


class Counting(layers.Layer):
    """Counts its calls in a Variable; what is assigned in `build` is there to stay."""

    def build(self, input_shape: Any) -> None:
        self.calls = self.add_weight(shape=(), initializer="zeros", trainable=False)
        self.given = self.add_weight(shape=(), initializer="zeros", trainable=False)
        self.given.assign(7.0)

    def call(self, x: Any) -> Any:
        self.calls.assign(self.calls + 1.0)
        return x * self.given


class Around(kfront.Model):
    """A model without a `build`."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = Counting()

    def call(self, x: Any) -> Any:
        return self.inner(x)


@pytest.mark.parametrize("make", [Around, lambda: kfront.Sequential([Counting()])])
def test_building_computes_nothing(make: Any, backend: Any) -> None:
    model = make()
    model.build((None, 3))
    inner = model.layers[0]
    assert [float(v.numpy()) for v in inner.weights] == [0.0, 7.0]
    model(np.ones((2, 3), "float32"))
    assert float(inner.calls.numpy()) == 1.0
    model = make()
    model.predict(np.ones((4, 3), "float32"), batch_size=2, verbose=0)
    assert float(model.layers[0].calls.numpy()) == 2.0
    inputs = kfront.Input((3,))
    layer = Counting()
    layer(inputs)
    assert float(layer.calls.numpy()) == 0.0


@pytest.mark.parametrize("name", ["SimpleRNN", "LSTM", "GRU"])
@pytest.mark.parametrize(("first", "then"), [(3, 1), (1, 3)])
def test_stateful_layers_keep_to_a_batch_size(name: str, first: int, then: int, backend: Any) -> None:
    layer = getattr(layers, name)(2, stateful=True)
    layer(np.ones((first, 2, 2), "float32"))
    with pytest.raises(ShapeError, match=f"batch size {first}"):
        layer(np.ones((then, 2, 2), "float32"))


@pytest.mark.parametrize(
    ("dtype", "x", "expected"),
    [
        ("float32", [1.0, 2.0, 3.0, 10.0], [0.2828, 0.5657, 0.8485, 2.8283]),
        ("mixed_float16", [1000.0, 3000.0, -2000.0, 60000.0], [0.0388, 0.1165, -0.0776, 2.3301]),
    ],
)
def test_rms_scaling_divides_by_the_deviation(dtype: str, x: Any, expected: Any, backend: Any) -> None:
    with pytest.warns(UserWarning, match="use RMSNormalization"):
        layer = layers.LayerNormalization(rms_scaling=True, dtype=dtype)
    out = layer(np.array([x], "float32"))
    np.testing.assert_allclose(values(out), [expected], rtol=2e-3)


@pytest.mark.parametrize("name", ["LayerNormalization", "GroupNormalization", "RMSNormalization", "BatchNormalization"])
def test_large_values_in_float16(name: str, backend: Any) -> None:
    layer = getattr(layers, name)(dtype="mixed_float16")
    x = 20000 * np.random.default_rng(0).normal(size=(4, 64))
    assert np.isfinite(values(layer(x.clip(-6e4, 6e4).astype("float16")))).all()


def test_activity_of_an_empty_batch(backend: Any) -> None:
    layer = layers.Dense(2, activity_regularizer="l2", kernel_initializer="ones")
    layer(np.ones((0, 3), "float32"))
    assert float(layer.losses[0]) == 0.0
    layer(np.ones((3, 3), "float32"))
    assert float(layer.losses[0]) == pytest.approx(0.18)


QUANTIZED = {
    "float32": ([-1.00392, 0.06275, 0.32941, 2.90196], [[-1.00392, 0.07059], [0.32941, 2.89412]], 1e-4),
    "bfloat16": ([-1.0078, 0.063, 0.3301, 2.9062], [[-1.0078, 0.0708], [0.3301, 2.9219]], 1e-3),
    "float16": ([-1.0039, 0.0627, 0.3293, 2.9023], [[-1.0039, 0.0706], [0.3293, 2.8945]], 1e-3),
}


@pytest.mark.parametrize("dtype", QUANTIZED)
def test_fake_quantization_of_halves(dtype: str, backend: Any) -> None:
    one, several, rtol = QUANTIZED[dtype]
    fake = quantizers.fake_quant_with_min_max_vars
    out = fake(ops.convert_to_tensor([-1.3, 0.07, 0.33, 2.9], dtype), -1.0, 3.0)
    assert kfront.backend.standardize_dtype(out.dtype) == dtype
    np.testing.assert_allclose(values(out), one, rtol=rtol)
    x = ops.convert_to_tensor([[-1.3, 0.07], [0.33, 2.9]], dtype)
    np.testing.assert_allclose(values(fake(x, [-1.0, -2.0], [3.0, 4.0], axis=1)), several, rtol=rtol)


@pytest.mark.parametrize("shape", [(), (1,)])
def test_fake_quantization_passes_gradients_to_its_range(shape: tuple[int, ...], trainable_backend: Any) -> None:
    x, low, high = (
        ops.convert_to_tensor(v) for v in ([-9.0, 0.5, 8.0, 7.0], np.full(shape, -1.0), np.full(shape, 3.0))
    )
    run = lambda *args: ops.sum(quantizers.fake_quant_with_min_max_vars(*args) * 2.0)  # noqa: E731
    found = kfront.grad(run, argnums=(0, 1, 2))(x, low, high)
    for grad, expected in zip(found, ([0.0, 2.0, 0.0, 0.0], np.full(shape, 2.0), np.full(shape, 4.0)), strict=True):
        np.testing.assert_array_equal(values(grad), expected)


@pytest.mark.parametrize(
    ("labels", "mask_index", "expected"),
    [
        ([[1, 0, 2], [4, 2, 3]], 0, [5.3129, 4.8732]),
        ([[1, 4, 2], [4, 2, 3]], 4, [4.8097, 5.1928]),
    ],
)
def test_ctc_labels_equal_to_the_blank(labels: Any, mask_index: int, expected: Any, backend: Any) -> None:
    output = np.random.default_rng(0).random((2, 6, 5)).astype("float32")
    loss = ops.ctc_loss(np.array(labels), output, np.array([3, 2]), np.array([6, 6]), mask_index=mask_index)
    np.testing.assert_allclose(values(loss), expected, rtol=1e-4)


@pytest.mark.parametrize(
    ("dtype", "expected"), [("float16", "complex64"), ("float32", "complex64"), ("float64", "complex128")]
)
def test_halves_as_complex_numbers(dtype: str, expected: str, backend: Any) -> None:
    if dtype == "float64" and backend.name == "jax":
        pytest.skip("JAX has no float64 unless it is switched on")
    x = ops.convert_to_tensor(np.array([[1.0, 2.0]], dtype))
    out = ops.view_as_complex(x)
    assert kfront.backend.standardize_dtype(out.dtype) == expected
    assert ops.view_as_complex(kfront.KerasTensor((3, 2), dtype)).dtype == expected
    np.testing.assert_array_equal(ops.convert_to_numpy(out), [1 + 2j])
