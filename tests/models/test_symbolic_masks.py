"""Masks in functional models: what a layer gets of them in its symbolic call, and what it passes on."""

from __future__ import annotations

import numpy as np
import pytest

import kfront
from kfront import layers, ops

TOKENS = np.array([[1, 2, 0, 0], [3, 0, 0, 0]], "int32")


class NeedsMask(layers.Layer):
    def call(self, x, mask=None):
        assert mask is not None
        assert mask.shape == x.shape[:2]
        return ops.where(ops.expand_dims(mask, -1), x, ops.zeros_like(x))


class TwoOutputs(layers.Layer):
    def call(self, x):
        return x + 0, x * 2

    def compute_mask(self, x, mask=None):
        return [mask, None]


class Describes(layers.Layer):
    def call(self, x, mask=None):
        return x * 0 if mask is None else x


def embedded():
    tokens = kfront.Input((4,), dtype="int32")
    return tokens, layers.Embedding(5, 2, mask_zero=True, embeddings_initializer="ones")(tokens)


def test_a_layer_that_needs_its_mask_stands_in_a_functional_model(backend):
    tokens, x = embedded()
    out = np.asarray(backend.to_numpy(kfront.Model(tokens, NeedsMask()(x))(TOKENS)))
    np.testing.assert_array_equal(out[..., 0], TOKENS != 0)


@pytest.mark.parametrize("between", ["dropout", "nested", "sequential"])
def test_masks_reach_it_through_other_layers(between, backend):
    tokens, x = embedded()
    if between == "dropout":
        x = layers.Dropout(0.5)(x)
    elif between == "nested":
        inner = kfront.Input((4, 2))
        x = kfront.Model(inner, layers.Activation("relu")(inner))(x)
    elif between == "sequential":
        x = kfront.Sequential([layers.ReLU(), layers.Dropout(0.1)])(x)
    model = kfront.Model(tokens, NeedsMask()(x))
    out = np.asarray(backend.to_numpy(model(TOKENS)))
    np.testing.assert_array_equal(out[..., 0], TOKENS != 0)


def test_a_list_of_masks_goes_to_the_outputs_one_by_one(backend):
    tokens, x = embedded()
    with_mask, without = TwoOutputs()(x)
    assert with_mask._keras_mask.shape == (None, 4)
    assert with_mask._keras_mask.dtype == "bool"
    assert without._keras_mask is None
    first, second = kfront.Model(tokens, [Describes()(with_mask), Describes()(without)])(TOKENS)
    assert float(ops.sum(first)) == 16
    assert float(ops.sum(second)) == 0


def test_a_class_that_computes_masks_supports_them(backend):
    assert TwoOutputs().supports_masking
    assert not Describes().supports_masking


def test_the_symbolic_mask_can_be_computed_with(backend):
    tokens, x = embedded()
    lengths = kfront.Model(tokens, ops.sum(ops.cast(x._keras_mask, "int32"), axis=1))
    np.testing.assert_array_equal(backend.to_numpy(lengths(TOKENS)), [2, 1])


def test_masks_add_no_operations_to_a_model(backend):
    tokens, x = embedded()
    model = kfront.Model(tokens, layers.LSTM(3)(x))
    assert [type(o).__name__ for o in model.operations] == ["InputLayer", "Embedding", "LSTM"]
