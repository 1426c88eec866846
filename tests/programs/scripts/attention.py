"""A transformer block of Keras's layers: positions, attention with causal masks and scores, norms, feed-forward."""

import keras
import numpy as np
from common import data, fill, labels, show
from keras import layers, ops


@keras.saving.register_keras_serializable()
class Positions(layers.Layer):
    def __init__(self, length, vocabulary, width, **kwargs):
        super().__init__(**kwargs)
        self.length, self.vocabulary, self.width = length, vocabulary, width
        self.tokens = layers.Embedding(vocabulary, width, mask_zero=True, name="tokens")
        self.places = layers.Embedding(length, width, name="places")

    def call(self, x):
        return self.tokens(x) + self.places(ops.arange(0, self.length))

    def compute_mask(self, x, mask=None):
        return self.tokens.compute_mask(x)

    def get_config(self):
        return {**super().get_config(), "length": self.length, "vocabulary": self.vocabulary, "width": self.width}


inputs = keras.Input((6,), dtype="int32")
x = Positions(6, 12, 8, name="positions")(inputs)
a = layers.MultiHeadAttention(2, 4, name="attention")(query=x, value=x, use_causal_mask=True)
x = layers.LayerNormalization(epsilon=1e-6, name="norm")(x + a)
f = keras.Sequential([layers.Dense(16, activation="gelu"), layers.Dense(8)], name="feed")(x)
x = layers.GlobalAveragePooling1D()(layers.LayerNormalization(name="last")(x + f))
model = fill(keras.Model(inputs, layers.Dense(3, activation="softmax", name="top")(x)))
ids = np.array([[1, 2, 3, 4, 5, 6], [5, 6, 7, 8, 9, 10], [11, 1, 1, 2, 2, 3], [3, 3, 3, 3, 3, 9]], "int32")
show("predict", model.predict(ids, verbose=0))
show("weights", [[w.path, list(w.shape)] for w in model.weights])
model.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"])
show("history", model.fit(ids, labels(4, 3), epochs=3, verbose=0).history)
attention = layers.MultiHeadAttention(2, 3, value_dim=5, output_shape=7)
q, v = data(2, 3, 4), data(2, 5, 4, seed=1)
attention.build(q.shape, v.shape)
fill(attention)
out, scores = attention(q, v, return_attention_scores=True, attention_mask=np.tri(3, 5, dtype="bool")[None])
show("output", out)
show("scores", scores)
grouped = layers.GroupQueryAttention(4, 4, 2)
grouped.build(q.shape, v.shape)
show("grouped", fill(grouped)(q, v))
additive = layers.AdditiveAttention(use_scale=False)
show("additive", additive([q, v]))
show(
    "product",
    ops.nn.dot_product_attention(data(1, 3, 2, 4), data(1, 3, 2, 4, seed=1), data(1, 3, 2, 4, seed=2), is_causal=True),
)
