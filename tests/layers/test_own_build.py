"""A subclass of any layer may have a `build` of its own, and weights made in it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from kfront import Input, layers

# layers without weights, with arguments and the shape of their inputs
PLAIN: list[tuple[str, tuple[Any, ...], tuple[int, ...]]] = [
    ("Activation", ("relu",), (2, 3)),
    ("ActivityRegularization", (), (2, 3)),
    ("AlphaDropout", (0.5,), (2, 3)),
    ("AveragePooling1D", (2,), (2, 4, 3)),
    ("CenterCrop", (2, 2), (2, 4, 4, 3)),
    ("Dropout", (0.5,), (2, 3)),
    ("ELU", (), (2, 3)),
    ("Flatten", (), (2, 3, 4)),
    ("GaussianDropout", (0.5,), (2, 3)),
    ("GaussianNoise", (0.5,), (2, 3)),
    ("GlobalAveragePooling2D", (), (2, 4, 4, 3)),
    ("GlobalMaxPooling1D", (), (2, 4, 3)),
    ("Identity", (), (2, 3)),
    ("LeakyReLU", (), (2, 3)),
    ("Masking", (), (2, 4, 3)),
    ("MaxPooling2D", (2,), (2, 4, 4, 3)),
    ("PReLU", (), (2, 3)),
    ("RandomFlip", (), (2, 4, 4, 3)),
    ("ReLU", (), (2, 3)),
    ("Rescaling", (0.5,), (2, 3)),
    ("Reshape", ((-1,),), (2, 3, 4)),
    ("Softmax", (), (2, 3)),
    ("SpatialDropout2D", (0.5,), (2, 4, 4, 3)),
    ("UnitNormalization", (), (2, 3)),
]


@pytest.mark.parametrize("symbolic", [False, True])
@pytest.mark.parametrize(("name", "args", "shape"), PLAIN, ids=[row[0] for row in PLAIN])
def test_build_of_a_subclass_runs_once(
    name: str, args: tuple[Any, ...], shape: tuple[int, ...], symbolic: bool, backend: Any
) -> None:
    base = getattr(layers, name)

    class Weighted(base):
        def build(self, input_shape: Any) -> None:
            shapes.append(tuple(input_shape))
            self.factor = self.add_weight(shape=(1,), initializer="ones", name="factor")
            super().build(input_shape)

    shapes: list[Any] = []
    layer = Weighted(*args)
    assert not layer.built
    x = np.ones(shape, "float32")
    if symbolic:
        layer(Input(shape[1:]))
    else:
        layer(x)
    layer(x)
    assert shapes == [(None, *shape[1:]) if symbolic else shape]
    assert layer.factor in layer.weights


@pytest.mark.parametrize("name", ["Dropout", "ReLU", "MaxPooling2D", "Identity", "Reshape", "Masking"])
def test_without_one_it_is_built_when_made(name: str, backend: Any) -> None:
    args = next(row[1] for row in PLAIN if row[0] == name)
    assert getattr(layers, name)(*args).built
    assert type("Sub", (getattr(layers, name),), {})(*args).built
