"""A small language model: positions, causal blocks, sampling with a temperature in a callback, perplexity."""

import keras
import numpy as np
from common import fill, labels, show
from keras import layers, ops

SIZE, LENGTH, WIDTH = 11, 6, 8


@keras.saving.register_keras_serializable("generation")
class Positions(layers.Layer):
    """Embeddings of tokens plus those of their places."""

    def __init__(self, length, size, width, **kwargs):
        super().__init__(**kwargs)
        self.length, self.size, self.width = length, size, width
        self.tokens = layers.Embedding(size, width, mask_zero=True)
        self.places = layers.Embedding(length, width)

    def call(self, x):
        return self.tokens(x) + self.places(ops.arange(ops.shape(x)[-1]))

    def compute_mask(self, x, mask=None):
        return ops.not_equal(x, 0)

    def get_config(self):
        return {**super().get_config(), "length": self.length, "size": self.size, "width": self.width}


@keras.saving.register_keras_serializable("generation")
class Block(layers.Layer):
    def __init__(self, width, heads, **kwargs):
        super().__init__(**kwargs)
        self.width, self.heads = width, heads
        self.attention = layers.MultiHeadAttention(heads, width // heads)
        self.norms = [layers.LayerNormalization() for _ in range(2)]
        self.inner = keras.Sequential([layers.Dense(2 * width, activation="gelu"), layers.Dense(width)])
        self.supports_masking = True

    def call(self, x):
        x = self.norms[0](x + self.attention(x, x, use_causal_mask=True))
        return self.norms[1](x + self.inner(x))

    def get_config(self):
        return {**super().get_config(), "width": self.width, "heads": self.heads}


inputs = keras.Input((None,), dtype="int32")
x = Positions(LENGTH, SIZE, WIDTH)(inputs)
for _ in range(2):
    x = Block(WIDTH, 2)(x)
model = keras.Model(inputs, layers.Dense(SIZE, activation="softmax")(x))
fill(model)
text = np.maximum(labels(10 * (LENGTH + 1), SIZE), 1).reshape(10, LENGTH + 1)
text[:, -2:] = np.where(np.arange(10)[:, None] % 3 == 0, 0, text[:, -2:])


class Writes(keras.callbacks.Callback):
    """Writes on from a prompt after each epoch: the most probable token each time."""

    def on_epoch_end(self, epoch, logs=None):
        words = [[3, 5]]
        for _ in range(3):
            chances = self.model.predict(np.array(words, "int32"), verbose=0)[0, -1]
            cooled = np.exp(np.log(chances + 1e-9) / 0.5)
            words[0].append(int(np.argmax(cooled / cooled.sum())))
        show("text", words)


model.compile(keras.optimizers.SGD(0.05), "sparse_categorical_crossentropy", metrics=["accuracy"])
fit = {"epochs": 2, "batch_size": 5, "shuffle": False, "verbose": 0}
history = model.fit(text[:, :-1], text[:, 1:], callbacks=[Writes()], **fit).history
show("history", [sorted(history), history["loss"]])  # for the accuracy Keras on JAX counts masked tokens, in fit only
show("perplexity", float(np.exp(history["loss"][-1])))
show("masked loss", model.evaluate(text[:, :-1], text[:, 1:], verbose=0))
copy = keras.models.model_from_json(model.to_json())
copy.set_weights(model.get_weights())
show("copy", float(np.abs(copy.predict(text[:2, :-1], verbose=0) - model.predict(text[:2, :-1], verbose=0)).max()))
show("weights", [w.path.split("/", 1)[-1].rstrip("_0123456789") for w in model.weights][:6])
show("shorter", list(model.predict(text[:2, :3], verbose=0).shape))
