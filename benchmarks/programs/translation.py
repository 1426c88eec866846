"""A Transformer that translates: an encoder, a decoder, and a loop that writes word by word."""

import keras
import numpy as np
from data import START, WORDS, report, sentences
from keras import layers, ops


class Words(layers.Layer):
    """Vectors of words and of their places."""

    def __init__(self, length, **options):
        super().__init__(**options)
        self.words, self.places = layers.Embedding(WORDS, 64), layers.Embedding(length, 64)

    def call(self, x):
        return self.words(x) + self.places(ops.arange(ops.shape(x)[1]))


class Inner(layers.Layer):
    """Two dense layers, added to their input and normalized."""

    def __init__(self, **options):
        super().__init__(**options)
        self.wide, self.narrow = layers.Dense(128, activation="relu"), layers.Dense(64)
        self.norm = layers.LayerNormalization(epsilon=1e-5)

    def call(self, x):
        return self.norm(x + self.narrow(self.wide(x)))


def attended(x, source, **options):
    """Attention to `source`, added to `x` and normalized."""
    return layers.LayerNormalization(epsilon=1e-5)(x + layers.MultiHeadAttention(4, 16)(x, source, **options))


source, target = sentences()
length = source.shape[1]
given, so_far = keras.Input((length,), dtype="int32"), keras.Input((length,), dtype="int32")
x = Words(length)(given)
meaning = Inner()(attended(x, x))
y = Words(length)(so_far)
y = Inner()(attended(attended(y, y, use_causal_mask=True), meaning))
model = keras.Model([given, so_far], layers.Dense(WORDS)(y))
model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
model.fit([source, target[:, :-1]], target[:, 1:], batch_size=32, epochs=3, verbose=2)

written = np.full((16, length), START, "int32")
for i in range(length - 1):
    logits = model.predict([source[:16], written], verbose=0)
    written[:, i + 1] = logits[:, i].argmax(-1)
report(model.count_params(), (written[:, 1:] == target[:16, 1:-1]).mean())
