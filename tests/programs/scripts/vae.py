"""A variational autoencoder with a sampling layer, trackers for its losses, and a decoder that is used alone."""

import keras
import numpy as np
from common import data, fill, show
from keras import layers, ops


class Sampling(layers.Layer):
    """A point near the mean, as far as the variance says; the noise is a part of the data here."""

    def call(self, inputs):
        mean, log_variance, noise = inputs
        return mean + ops.exp(0.5 * log_variance) * noise


features, noise = keras.Input((6,), name="features"), keras.Input((2,), name="noise")
hidden = layers.Dense(5, activation="relu")(features)
mean, log_variance = layers.Dense(2, name="mean")(hidden), layers.Dense(2, name="log_variance")(hidden)
encoder = keras.Model([features, noise], [mean, log_variance, Sampling()([mean, log_variance, noise])], name="encoder")
point = keras.Input((2,))
decoder = keras.Model(point, layers.Dense(6)(layers.Dense(5, activation="tanh")(point)), name="decoder")
fill(encoder), fill(decoder, seed=3)


class Autoencoder(keras.Model):
    def __init__(self, encoder, decoder, **kwargs):
        super().__init__(**kwargs)
        self.encoder, self.decoder = encoder, decoder
        self.total = keras.metrics.Mean(name="total")
        self.distance = keras.metrics.Mean(name="distance")
        self.divergence = keras.metrics.Mean(name="divergence")

    @property
    def metrics(self):
        return [self.total, self.distance, self.divergence]

    def call(self, inputs):
        return self.decoder(self.encoder(inputs)[2])

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        mean, log_variance, point = self.encoder(x, training=training)
        rebuilt = self.decoder(point, training=training)
        distance = ops.mean(ops.sum(ops.square(x[0] - rebuilt), axis=-1))
        divergence = -0.5 * ops.mean(ops.sum(1 + log_variance - ops.square(mean) - ops.exp(log_variance), axis=-1))
        self.distance.update_state(distance)
        self.divergence.update_state(divergence)
        self.total.update_state(distance + divergence)
        return distance + divergence


x, e = data(8, 6), data(8, 2, seed=5)
model = Autoencoder(encoder, decoder)
model.compile(optimizer=keras.optimizers.Adam(0.01))
history = model.fit([x, e], epochs=2, batch_size=4, shuffle=False, verbose=0).history
show("history", history)
show("rebuilt", model.predict([x, e], verbose=0)[:2])
grid = np.array([[a, b] for a in (-1.0, 1.0) for b in (-1.0, 1.0)], "float32")
show("grid", decoder.predict(grid, verbose=0))
show("places", encoder.predict([x, e], verbose=0)[0])
show("weights", len(model.weights))
