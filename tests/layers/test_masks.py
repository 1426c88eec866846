"""Masks reach the layer that needs them, however they are passed, and those that do not fit are refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import kfront
from kfront import Input, Model, layers, ops
from kfront.core.errors import ShapeError

MASK = np.array([[True, True, False], [True, False, False]])
OTHER = np.array([[True, False, True], [True, False, True]])


def plain(*shape: int) -> Any:
    return ops.convert_to_tensor(np.arange(1, 1 + np.prod(shape), dtype="float32").reshape(shape) / 10)


def masked(x: Any = None) -> Any:
    """A tensor that carries MASK."""
    return layers.Embedding(5, 4, mask_zero=True, embeddings_initializer="ones")(np.array([[1, 2, 0], [3, 0, 0]]))


def mask_of(x: Any) -> Any:
    mask = kfront.backends.current().get_mask(x)
    return None if mask is None else ops.convert_to_numpy(mask).tolist()


def values(x: Any) -> np.ndarray:
    return ops.convert_to_numpy(x)


class Noting(layers.Layer):
    """Notes the masks that it gets."""

    supports_masking = True
    seen: Any

    def call(self, a: Any, b: Any = None, mask: Any = None, b_mask: Any = None) -> Any:
        self.seen = [None if m is None else ops.convert_to_numpy(m).tolist() for m in (mask, b_mask)]
        return a * 1


M, N = MASK.tolist(), OTHER.tolist()
WAYS = [  # how it is called, the masks that `call` gets, the mask of the output
    ("by position", lambda e, x, f: f(e), [M, None], M),
    ("by name", lambda e, x, f: f(a=e), [M, None], M),
    ("a second one by name", lambda e, x, f: f(x, b=e), [None, M], None),
    ("a second one by position", lambda e, x, f: f(x, e), [None, M], None),
    ("given", lambda e, x, f: f(x, mask=OTHER), [N, None], N),
    ("given instead of its own", lambda e, x, f: f(e, mask=OTHER), [N, None], N),
    ("given for the second one", lambda e, x, f: f(x, e, b_mask=OTHER), [None, N], None),
    ("None is not given", lambda e, x, f: f(e, mask=None), [M, None], M),
]


@pytest.mark.parametrize(("call", "seen", "out"), [w[1:] for w in WAYS], ids=[w[0] for w in WAYS])
def test_ways_to_pass_a_mask(call: Any, seen: Any, out: Any, backend: Any) -> None:
    layer = Noting()
    for _ in range(2):  # the second call finds the layer built
        result = call(masked(), plain(2, 3, 4), layer)
        assert layer.seen == seen
        assert mask_of(result) == out


@pytest.mark.parametrize("name", ["SimpleRNN", "LSTM", "GRU"])
def test_recurrent_layers_take_sequences_by_name(name: str, backend: Any) -> None:
    layer = getattr(layers, name)(2)
    expected = values(layer(masked()))
    np.testing.assert_allclose(values(layer(sequences=masked())), expected, rtol=1e-6)
    assert np.abs(values(layer(plain(2, 3, 4) * 0 + 1)) - expected).max() > 1e-3
    inputs = Input((3,))
    embedding = layers.Embedding(5, 4, mask_zero=True, embeddings_initializer="ones")
    model = Model(inputs, layer(sequences=embedding(inputs)))
    np.testing.assert_allclose(values(model(np.array([[1, 2, 0], [3, 0, 0]]))), expected, rtol=1e-6)


@pytest.mark.parametrize("make", [lambda: layers.MultiHeadAttention(1, 2), lambda: layers.GroupQueryAttention(2, 2, 1)])
def test_attention_takes_tensors_by_name(make: Any, backend: Any) -> None:
    layer, query = make(), plain(2, 3, 4)
    source = plain(2, 3, 4)
    expected = values(layer(query, source, value_mask=MASK))
    carrying = plain(2, 3, 4)
    kfront.backends.current().set_mask(carrying, ops.convert_to_tensor(MASK))
    kfront.core.state.state.any_mask_seen = True
    np.testing.assert_allclose(values(layer(query=query, value=carrying)), expected, rtol=1e-5)
    assert np.abs(values(layer(query, source)) - expected).max() > 1e-4


def test_a_given_mask_reaches_the_next_layer(backend: Any) -> None:
    rnn = layers.SimpleRNN(2, return_sequences=True)
    out = rnn(plain(2, 3, 4), mask=MASK)
    assert mask_of(out) == M
    mean = values(layers.GlobalAveragePooling1D()(out))
    y = values(out)
    np.testing.assert_allclose(mean, [y[0, :2].mean(axis=0), y[1, 0]], rtol=1e-6)
    x, mask = Input((3, 4)), Input((3,), dtype="bool")
    model = Model([x, mask], layers.GlobalAveragePooling1D()(rnn(x, mask=mask)))
    np.testing.assert_allclose(values(model([plain(2, 3, 4), MASK])), mean, rtol=1e-6)


def test_what_supports_masking(backend: Any) -> None:
    class Computes(layers.Layer):
        def call(self, x: Any) -> Any:
            return x * 1

        def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
            return mask

    class Says(layers.Layer):
        supports_masking = True

        def call(self, x: Any) -> Any:
            return x * 1

    assert mask_of(Computes()(masked())) == mask_of(Says()(masked())) == M
    assert Computes().supports_masking
    assert not layers.Layer().supports_masking
    assert not layers.Lambda(lambda x: x).supports_masking
    assert layers.Normalization().supports_masking


BAD = [
    (lambda: layers.Softmax(), (2, 3), [(2,), (3, 1), (2, 2, 3)]),
    (lambda: layers.TimeDistributed(layers.Dense(1)), (2, 3, 4), [(1, 3), (2, 2), (3,)]),
    (lambda: layers.BatchNormalization(), (2, 3, 4), [(3,), (2, 2), (2, 3, 1)]),
]


@pytest.mark.parametrize(("make", "shape", "masks"), BAD)
def test_masks_that_do_not_fit(make: Any, shape: Any, masks: Any, backend: Any) -> None:
    for mask in masks:
        with pytest.raises(ShapeError, match="mask"):
            make()(plain(*shape), mask=np.ones(mask, "bool"), training=True)


@pytest.mark.parametrize(  # moving mean and variance as Keras 3.15.1 has them
    ("mask", "mean", "variance"),
    [
        ([[True, False, True]], [0.05, 0.06], 1.12),
        ([[True], [False]], [0.02, 0.03], 1.0166699),
        ([[True, False, True], [True, True, True]], [0.056, 0.066], 1.1084),
        ([[False] * 3] * 2, [0.0, 0.0], 0.99),
    ],
)
def test_masked_batch_normalization(mask: Any, mean: list[float], variance: float, trainable_backend: Any) -> None:
    layer = layers.BatchNormalization()
    out = layer(np.arange(12, dtype="float32").reshape(2, 3, 2), mask=np.array(mask), training=True)
    np.testing.assert_allclose(layer.moving_mean.numpy(), mean, rtol=1e-5)
    np.testing.assert_allclose(layer.moving_variance.numpy(), [variance] * 2, rtol=1e-5)
    assert np.isfinite(values(out)).all()
