"""Targets that no source is let through to: Keras gives zeros where weights may be dropped, else the mean of values."""

from __future__ import annotations

import numpy as np
import pytest

from kfront import layers

X = np.random.default_rng(0).normal(size=(1, 3, 4)).astype("float32")
MASK = np.array([[[True, True, False], [False, False, False], [True, False, True]]])


HEADS = {
    layers.MultiHeadAttention: {"num_heads": 2, "key_dim": 4},
    layers.GroupQueryAttention: {"num_query_heads": 2, "head_dim": 4, "num_key_value_heads": 1},
}


@pytest.mark.parametrize("cls", HEADS)
@pytest.mark.parametrize("causal", [False, True])
def test_without_a_source(cls, causal, backend):
    heads = HEADS[cls]
    plain, dropping = cls(**heads, bias_initializer="ones"), cls(**heads, bias_initializer="ones", dropout=0.5)
    options = {"attention_mask": MASK, "use_causal_mask": causal}
    mean = np.asarray(backend.to_numpy(plain(X, X, **options)))
    dropping(X, X)
    dropping.set_weights(plain.get_weights())
    out = np.asarray(backend.to_numpy(dropping(X, X, training=False, **options)))
    np.testing.assert_allclose(out[0, [0, 2]], mean[0, [0, 2]], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(out[0, 1], 1.0, atol=1e-6)  # the bias alone
    assert np.abs(mean[0, 1] - 1.0).max() > 1e-3
