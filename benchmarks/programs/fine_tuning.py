"""A MobileNet that is fine-tuned: first a new head alone, then all layers with small steps."""

import keras
from data import photos, report
from keras import layers

x, y = photos()
train, test = (x[:160], y[:160]), (x[160:], y[160:])
base = keras.applications.MobileNet(input_shape=(64, 64, 3), alpha=0.5, include_top=False, weights=None, pooling="avg")
base.trainable = False
given = keras.Input((64, 64, 3))
model = keras.Model(given, layers.Dense(1, activation="sigmoid")(base(given, training=False)))
model.compile(keras.optimizers.Adam(1e-3), "binary_crossentropy", metrics=["accuracy"])
model.fit(*train, batch_size=32, epochs=4, verbose=2)
base.trainable = True
model.compile(keras.optimizers.Adam(1e-4), "binary_crossentropy", metrics=["accuracy"])
model.fit(*train, batch_size=32, epochs=4, verbose=2)
loss, accuracy = model.evaluate(*test, verbose=0)
report(model.count_params(), accuracy)
