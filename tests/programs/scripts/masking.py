"""Masking and padding: masks made, handed on, computed and used by layers of one's own."""

import keras
import numpy as np
from common import data, fill, show
from keras import layers, ops

raw = [[711, 632, 71], [73, 8, 3215, 55, 927], [83, 91, 1, 645, 1253, 927]]
padded = keras.utils.pad_sequences(raw, padding="post")
show("padded", padded)
show("truncated", keras.utils.pad_sequences(raw, maxlen=4, truncating="pre", value=-1))
embedding = layers.Embedding(4000, 4, mask_zero=True)
out = embedding(padded)
show("mask", embedding.compute_mask(padded))
masking = layers.Masking(mask_value=0.0)
show("masking", masking.compute_mask(np.array([[[0.0, 0.0], [1.0, 0.0]]], "float32")))


class TemporalSplit(layers.Layer):
    def call(self, inputs):
        return ops.split(inputs, 2, axis=1)

    def compute_mask(self, inputs, mask=None):
        return None if mask is None else ops.split(mask, 2, axis=1)


class TemporalSoftmax(layers.Layer):
    supports_masking = True

    def call(self, inputs, mask=None):
        assert mask is not None
        broadcast = ops.expand_dims(ops.cast(mask, "float32"), -1)
        exponents = ops.exp(inputs) * broadcast
        return exponents / (ops.sum(exponents * broadcast, axis=1, keepdims=True) + 1e-9)


first, second = TemporalSplit()(embedding(padded))
show("split", [first.shape[1], second.shape[1]])
inputs = keras.Input((None,), dtype="int32")
x = layers.Embedding(20, 4, mask_zero=True)(inputs)
x = layers.Dense(4, activation="relu")(layers.LSTM(3, return_sequences=True)(x))
model = fill(keras.Model(inputs, TemporalSoftmax()(x)))
ids = np.array([[1, 2, 3, 0, 0], [4, 5, 0, 0, 0]], "int32")
show("softmax", model(ids))
inputs = keras.Input((None, 3))
pooled = layers.GlobalAveragePooling1D()(layers.Masking()(inputs))
show("pooled", keras.Model(inputs, pooled)(np.array([[[1, 2, 3], [0, 0, 0]], [[1, 1, 1], [3, 3, 3]]], "float32")))
model = fill(keras.Sequential([keras.Input((None,)), layers.Embedding(20, 4, mask_zero=True), layers.GRU(2)]))
show("gru", model(ids))
attention = layers.Attention()
show("attention", attention([data(2, 3, 4), data(2, 5, 4, seed=1)], mask=[None, ids > 0]))

# merged where one, both or none of the masks lets a place count
words, others = keras.Input((8,), dtype="int32"), keras.Input((8,), dtype="int32")
tokens = [np.array([[1, 2, 3, 4, 0, 0, 0, 0]]), np.array([[4, 3, 0, 0, 2, 1, 0, 0]])]
for layer in (layers.Minimum(), layers.Maximum(), layers.Add(), layers.Multiply()):
    sides = [layers.Embedding(5, 3, mask_zero=True, embeddings_initializer="zeros")(x) for x in (words, others)]
    merging = keras.Model([words, others], layer(sides))
    merging.set_weights([np.cos(np.arange(15.0)).reshape(5, 3), np.sin(np.arange(15.0)).reshape(5, 3)])
    show(f"masks in {layer.name}", merging.predict(tokens, verbose=0))
