from __future__ import annotations

import numpy as np
import pytest

import kfront
from kfront.core.errors import ArgumentError, ArgumentTypeError, ShapeError
from kfront.utils import normalize, pad_sequences, to_categorical


@pytest.mark.parametrize(
    ("x", "n", "shape"),
    [
        ([0, 2], 3, (2, 3)),
        ([0, 2], None, (2, 3)),
        ([[1], [2]], None, (2, 3)),
        ([[1, 2]], None, (1, 2, 3)),
        (3, 4, (4,)),
        (np.array([0, 2], dtype=object), None, (2, 3)),
        (["0", "2"], None, (2, 3)),
    ],
)
def test_to_categorical(x, n, shape):
    out = to_categorical(x, n)
    assert out.shape == shape and out.dtype == "float64"
    classes = np.asarray(x).astype(int)
    assert np.array_equal(out.argmax(-1), classes[..., 0] if classes.ndim == 2 and classes.shape[1] == 1 else classes)
    assert np.array_equal(out.sum(-1), np.ones(shape[:-1]))


@pytest.mark.parametrize(("x", "n"), [([3], 2), ([-1], 3), ([], None)])
def test_to_categorical_out_of_range(x, n):
    with pytest.raises(ArgumentError, match="to_categorical"):
        to_categorical(x, n)


def test_to_categorical_wants_numbers():
    with pytest.raises(ArgumentTypeError):
        to_categorical(["cat"])


def test_to_categorical_of_a_tensor(trainable_backend):
    backend = trainable_backend  # NumPy's tensors are arrays, tested above
    out = to_categorical(kfront.ops.convert_to_tensor(np.array([[1], [2]])), 3)
    assert backend.is_tensor(out)
    assert backend.to_numpy(out).tolist() == [[0, 1, 0], [0, 0, 1]]


@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("order", [1, 2])
def test_normalize(axis, order):
    x = np.array([[3.0, 4.0, 0.0], [0.0, 0.0, 0.0]])
    out = normalize(x, axis, order)
    length = np.linalg.norm(out, ord=order, axis=axis)
    assert np.all(np.isclose(length, 1) | (length == 0)) and np.all(np.isfinite(out))


def test_normalize_a_tensor(backend):
    out = normalize(kfront.ops.convert_to_tensor(np.array([[3.0, 4.0]], "float32")))
    assert np.allclose(backend.to_numpy(out), [[0.6, 0.8]])


def test_pad_sequences_where():
    s = [[1], [2, 3], [4, 5, 6]]
    assert pad_sequences(s).tolist() == [[0, 0, 1], [0, 2, 3], [4, 5, 6]]
    assert pad_sequences(s, padding="post").tolist() == [[1, 0, 0], [2, 3, 0], [4, 5, 6]]
    assert pad_sequences(s, maxlen=2).tolist() == [[0, 1], [2, 3], [5, 6]]
    assert pad_sequences(s, maxlen=2, truncating="post").tolist() == [[0, 1], [2, 3], [4, 5]]
    assert pad_sequences(s, maxlen=0).shape == (3, 0)
    assert pad_sequences([[1], []]).tolist() == [[1], [0]]
    assert pad_sequences([]).shape == (0, 0)


def test_pad_sequences_kinds():
    assert pad_sequences([["a"], ["bb", "c"]], dtype=object, value="-").tolist() == [["-", "a"], ["bb", "c"]]
    steps = pad_sequences([[[1, 2]], [[3, 4], [5, 6]]], dtype="float32", value=0.5)
    assert steps.dtype == "float32" and steps.tolist() == [[[0.5, 0.5], [1, 2]], [[3, 4], [5, 6]]]


@pytest.mark.parametrize(
    ("sequences", "kwargs", "error"),
    [
        (3, {}, ArgumentTypeError),
        ([1], {}, ArgumentTypeError),
        ([[1]], {"padding": "before"}, ArgumentError),
        ([[1]], {"truncating": "x"}, ArgumentError),
        ([["a"]], {"value": "-"}, ArgumentError),
        ([[[1, 2]], [[3]]], {}, ShapeError),
    ],
)
def test_pad_sequences_errors(sequences, kwargs, error):
    with pytest.raises(error, match="pad_sequences"):
        pad_sequences(sequences, **kwargs)
