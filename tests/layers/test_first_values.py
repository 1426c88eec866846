"""How widely the first values of kernels are spread: fans come from what a kernel does, not from its shape alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from kfront import initializers, layers

# equation, output shape, input shape, inputs and outputs of the kernel as Keras 3.15.1 counts them
EQUATIONS = [
    ("ab,bc->ac", (80,), (2, 90), 90, 80),
    ("abc,cde->abde", (None, 40, 50), (2, 3, 60), 60, 40 * 50),
    ("abcd,cde->abe", (None, 50), (2, 3, 40, 60), 40 * 60, 50),
    ("abcd,cde->abce", (None, 40, 60), (3, 7, 40, 50), 50, 40 * 60),
    ("abcd,adce->abce", (None, 40, 20), (6, 30, 40, 50), 50, 6 * 40 * 20),
    ("abc,bcd->ad", (70,), (2, 30, 40), 30 * 40, 70),
    ("abc,dbc->ad", (70,), (2, 30, 40), 30 * 40, 70),
    ("abc,deb->acde", (40, 20, 30), (2, 30, 40), 30, 20 * 30),
    ("abc,bde->abcde", (30, 40, 20, 30), (2, 30, 40), 1, 30 * 20 * 30),
]


def spread(values: Any) -> float:
    """6 / the square of the largest value: fan_in + fan_out for `glorot_uniform`."""
    return float(6 / np.abs(values.numpy()).max() ** 2)


@pytest.mark.parametrize(("equation", "out", "shape", "fan_in", "fan_out"), EQUATIONS)
def test_fans_of_an_equation(equation: str, out: Any, shape: Any, fan_in: int, fan_out: int, backend: Any) -> None:
    layer = layers.EinsumDense(equation, out)
    layer.build(shape)
    assert spread(layer.kernel) == pytest.approx(fan_in + fan_out, rel=0.01)
    layer = layers.EinsumDense(equation, out, kernel_initializer=initializers.VarianceScaling(1.0, "fan_in", "uniform"))
    layer.build(shape)
    assert spread(layer.kernel) == pytest.approx(2 * fan_in, rel=0.01)


def test_axes_of_the_initializer_come_first(backend: Any) -> None:
    own = initializers.GlorotUniform(input_axes=(0, 1), output_axes=(2,))
    layer = layers.EinsumDense("abc,cde->abde", (None, 40, 50), kernel_initializer=own)
    layer.build((2, 3, 60))
    assert spread(layer.kernel) == pytest.approx(60 * 40 + 50, rel=0.01)
    plain = initializers.GlorotUniform()
    layers.EinsumDense("abc,cde->abde", (None, 40, 50), kernel_initializer=plain).build((2, 3, 60))
    assert plain.get_config()["input_axes"] is None


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (lambda: layers.MultiHeadAttention(4, 16, value_dim=24, output_shape=40), [112, 128, 152, 136]),
        (lambda: layers.GroupQueryAttention(16, 8, 4), [176, 128, 120, 176]),
    ],
)
def test_fans_of_attention(layer: Any, expected: list[int], backend: Any) -> None:
    layer = layer()
    layer.build((2, 5, 48), (2, 6, 56), (2, 6, 64))
    kernels = [w for w in layer.weights if w.name == "kernel"]
    assert [spread(w) for w in kernels] == pytest.approx(expected, rel=0.02)


def test_a_subclass_of_an_initializer_is_called(backend: Any) -> None:
    """As in Keras: what a user's `__call__` returns counts, not what the class beneath it makes on the host."""

    class Doubled(initializers.Ones):
        def __call__(self, shape: Any, dtype: Any = None) -> Any:
            return 2 * super().__call__(shape, dtype)

    layer = layers.Dense(2, kernel_initializer=Doubled())
    layer.build((None, 3))
    assert layer.kernel.numpy().tolist() == [[2, 2]] * 3
    lstm = layers.LSTM(2, bias_initializer=Doubled())
    lstm.build((None, None, 3))
    assert lstm.cell.bias.numpy().tolist() == [2, 2, 1, 1, 2, 2, 2, 2]  # its forget gate begins with ones
