"""Arguments that Keras refuses are refused, with its class of error: faults that the audit has found."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import kfront
from kfront import layers, regularizers

X = np.ones((3, 5, 3), "float32")


@pytest.mark.parametrize(
    "make",
    [
        lambda: layers.EinsumDense("abc,cd->abd", output_shape=(None, 4), bias_axes="d"),
        lambda: layers.RNN(layers.LSTMCell(2)),
        lambda: layers.RNN(layers.GRUCell(2)),
        lambda: layers.RNN(layers.SimpleRNNCell(2)),
    ],
)
@pytest.mark.parametrize("shape", [(1, 3, 5, 3), (5, 3), (3, 5, 4)])
def test_inputs_of_another_form(make: Any, shape: tuple[int, ...], backend: Any) -> None:
    layer = make()
    layer(X)
    with pytest.raises(ValueError, match="expected"):
        layer(np.ones(shape, "float32"))


@pytest.mark.parametrize("shape", [(), (3,), (5, 3)])
def test_sequences_have_three_axes(shape: tuple[int, ...], backend: Any) -> None:
    layer = layers.TimeDistributed(layers.Dense(2))
    layer(X)
    with pytest.raises(ValueError, match="at least 3 axes"):
        layer(np.ones(shape, "float32"))


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda: layers.Dense(2, dtype=object), ValueError),
        (lambda: layers.SpatialDropout1D(0.1, dtype=object), ValueError),
        (lambda: kfront.Input((2,), dtype=object), ValueError),
        (lambda: kfront.optimizers.Adam(name=3), ValueError),
        (lambda: kfront.dtype_policies.get(1.5), TypeError),
        (lambda: kfront.dtype_policies.QuantizedFloat8DTypePolicy("float8", "float32", 1.5), TypeError),
        (lambda: layers.StringLookup(vocabulary=["a"], mask_token=("a",)), ValueError),
        (lambda: regularizers.get(object), ValueError),
        (lambda: layers.DepthwiseConv1D(2, activity_regularizer=object), ValueError),
        (lambda: layers.AdaptiveMaxPooling2D((1, 2, 3)), TypeError),
        (lambda: layers.STFTSpectrogram(window={"a": 1}), ValueError),
        (lambda: layers.TextVectorization(standardize={"a": 1}), ValueError),
        (lambda: layers.TextVectorization(split={"a": 1}), ValueError),
        (lambda: layers.RandomZoom(None), ValueError),
        (lambda: layers.RandomZoom("much"), ValueError),
        (lambda: layers.RandomZoom(0.1, object), ValueError),
        (lambda: layers.RandomZoom(0.1, fill_mode="wibble"), NotImplementedError),
        (lambda: layers.RandomRotation(0.1, interpolation=None), NotImplementedError),
        (lambda: layers.RandomElasticTransform(fill_mode=3), NotImplementedError),
    ],
)
def test_class_of_error(make: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match=r"^\[.*\] expected"):
        make()
