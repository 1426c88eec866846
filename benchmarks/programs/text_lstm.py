"""An LSTM that reads texts in both directions and tells their class."""

import keras
from data import WORDS, report, reviews
from keras import layers

x, y = reviews()
train, test = (x[:768], y[:768]), (x[768:], y[768:])
words = keras.Input((None,), dtype="int32")
z = layers.Embedding(WORDS, 64)(words)
z = layers.Bidirectional(layers.LSTM(64))(z)
model = keras.Model(words, layers.Dense(1, activation="sigmoid")(z))
model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
model.fit(*train, batch_size=32, epochs=2, validation_data=test, verbose=2)
loss, accuracy = model.evaluate(*test, verbose=0)
report(model.count_params(), accuracy)
