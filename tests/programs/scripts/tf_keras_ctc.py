"""A recognizer of sequences trained on K.ctc_batch_cost in a Lambda layer, decoded by K.ctc_decode; K.rnn; a VAE."""

import numpy as np
from common import data, fill, show
from keras._tf_keras import keras
from keras._tf_keras.keras import backend as K
from keras._tf_keras.keras import layers

x = data(4, 8, 6)
words = np.array([[1, 2, 1], [2, 2, 0], [0, 1, 0], [1, 0, 0]], "float32")
word_lengths, steps = np.array([[3], [2], [3], [1]], "int64"), np.array([[8], [8], [7], [6]], "int64")


def cost(values):
    predicted, labels, input_length, label_length = values
    return K.ctc_batch_cost(labels, predicted, input_length, label_length)


inputs = keras.Input((8, 6), name="steps")
hidden = layers.Bidirectional(layers.LSTM(5, return_sequences=True))(inputs)
predicted = layers.Dense(4, activation="softmax", name="softmax")(hidden)
labels = keras.Input((3,), name="labels")
input_length, label_length = keras.Input((1,), dtype="int64"), keras.Input((1,), dtype="int64")
loss = layers.Lambda(cost, output_shape=(1,), name="ctc")([predicted, labels, input_length, label_length])
model = fill(keras.Model([inputs, labels, input_length, label_length], loss))
model.compile(optimizer=keras.optimizers.SGD(0.05), loss={"ctc": lambda y_true, y_pred: y_pred})
history = model.fit([x, words, steps, word_lengths], np.zeros((4, 1)), epochs=3, batch_size=2, shuffle=False, verbose=0)
show("history", history.history)
reader = keras.Model(inputs, predicted)
probabilities = reader.predict(x, verbose=0)
decoded, scores = K.ctc_decode(probabilities, steps[:, 0])
show("decoded", K.get_value(decoded[0]).tolist())
show("scores", K.get_value(scores))
decoded, scores = K.ctc_decode(probabilities, steps[:, 0], greedy=False, beam_width=60, top_paths=2)
show("beams", [K.get_value(d).tolist() for d in decoded])
show("beam scores", K.get_value(scores))


class Leaky(layers.Layer):
    """A recurrent layer that calls K.rnn."""

    def build(self, input_shape):
        self.kernel = self.add_weight(shape=(input_shape[-1], 3), name="kernel")

    def call(self, inputs):
        first = K.zeros_like(K.dot(inputs[:, 0], self.kernel))

        def step(value, states):
            state = 0.5 * states[0] + K.tanh(K.dot(value, self.kernel))
            return state, [state]

        return K.rnn(step, inputs, [first])[1]

    def compute_output_shape(self, input_shape):
        return (*input_shape[:2], 3)


leaky = fill(keras.Sequential([keras.Input((8, 6)), Leaky(), layers.Dense(1)]))
leaky.compile("sgd", "mse")
show("leaky", leaky.fit(x, data(4, 8, 1, seed=3), epochs=2, shuffle=False, verbose=0).history)


def sampled(values):
    mean, deviation = values
    batch, width = K.shape(mean)[0], K.int_shape(mean)[1]
    return mean + 0 * K.random_normal(shape=(batch, width)) + K.exp(0.5 * deviation)


source = keras.Input((6,))
mean, deviation = layers.Dense(2)(source), layers.Dense(2)(source)
drawn = layers.Lambda(sampled, output_shape=(2,))([mean, deviation])
vae = fill(keras.Model(source, layers.Dense(6)(drawn)))
vae.compile("sgd", "mse")
show("vae", vae.fit(x[:, 0], x[:, 0], epochs=2, shuffle=False, verbose=0).history)
