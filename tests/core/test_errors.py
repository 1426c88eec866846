"""Errors at ill arguments: raised where the object is made, and caught by what Keras's users write around it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from kfront import errors, initializers, layers, losses, metrics, ops, optimizers

X = np.ones((2, 4), "float32")
# what is of another type than the signature says: Keras raises TypeError or ValueError, according to the place
WRONG_TYPES = {
    "units": lambda: layers.Dense("three"),
    "filters": lambda: layers.Conv2D("three", 2),
    "strides": lambda: layers.Conv2D(3, 2, strides=True),
    "padding": lambda: layers.Conv2D(3, 2, padding=1),
    "rate": lambda: layers.Dropout("half"),
    "recurrent dropout": lambda: layers.LSTM(2, recurrent_dropout=[0.1]),
    "seed": lambda: layers.Dropout(0.5, seed="one"),
    "epsilon": lambda: layers.LayerNormalization(epsilon=[1e-3]),
    "axis": lambda: layers.Softmax("last")(X),
    "attention axes": lambda: layers.MultiHeadAttention(1, 2, attention_axes="all"),
    "equation": lambda: layers.EinsumDense(3, 4),
    "cell": lambda: layers.RNN("lstm"),
    "wrapped": lambda: layers.TimeDistributed("dense"),
    "both directions": lambda: layers.Bidirectional(None),
    "arguments": lambda: layers.Lambda(abs, arguments="none"),
    "token": lambda: layers.StringLookup(vocabulary=[1, 2]),
    "mask token": lambda: layers.StringLookup(vocabulary=["a"], mask_token=3),
    "one boundary": lambda: layers.Discretization(0.5),
    "bins": lambda: layers.Discretization(num_bins="two"),
    "gamma": lambda: losses.BinaryFocalCrossentropy(gamma=None),
    "delta": lambda: losses.Huber(delta="one"),
    "threshold": lambda: metrics.BinaryAccuracy(threshold=None),
    "classes": lambda: metrics.MeanIoU(num_classes="two"),
    "beta": lambda: optimizers.Adam(beta_1="high"),
    "decay": lambda: optimizers.SGD(weight_decay="some"),
    "norm": lambda: optimizers.SGD(clipnorm=[1.0]),
    "decay rate": lambda: optimizers.schedules.ExponentialDecay(0.1, 10, None),
    "gain": lambda: initializers.Orthogonal(gain=[1.0]),
    "dtype": lambda: ops.cast(X, "float31"),
}
# what Keras refuses as well, with a ValueError
WRONG_VALUES = {
    "shared axes": lambda: layers.PReLU(shared_axes=[3])(X),
    "zoom to nothing": lambda: layers.RandomZoom(-1.0),
    "zoom of a pair": lambda: layers.RandomZoom((-0.5, 2.0)),
    "no contrast": lambda: layers.RandomContrast([]),
    "no step": lambda: layers.TextVectorization(split={}),
    "no classes": lambda: metrics.MeanIoU(num_classes=0),
    "size of a batch": lambda: layers.Input((2,), batch_size=1.5),
    "shape": lambda: layers.Input(True),
    "no such file": lambda: layers.StringLookup(vocabulary="no/such/file.txt"),
}


@pytest.mark.parametrize("name", WRONG_TYPES)
def test_a_wrong_type_is_both_errors(name: str, backend: Any) -> None:
    with pytest.raises(TypeError, match="expected") as caught:
        WRONG_TYPES[name]()
    assert isinstance(caught.value, ValueError)
    assert isinstance(caught.value, errors.KfrontError)


@pytest.mark.parametrize("name", WRONG_VALUES)
def test_a_value_that_cannot_be_is_refused(name: str, backend: Any) -> None:
    with pytest.raises(ValueError, match="expected") as caught:
        WRONG_VALUES[name]()
    assert isinstance(caught.value, errors.KfrontError)


def test_numbers_may_be_arrays_and_tensors(backend: Any) -> None:
    for value in (np.float32(0.5), np.array(0.5), ops.convert_to_tensor(0.5), 1):
        assert optimizers.schedules.ExponentialDecay(0.1, 10, value).decay_rate is value
