"""A variational autoencoder: a layer that draws and adds the divergence to the loss."""

import keras
from data import LATENT, digits, report
from keras import layers, ops


class Drawn(layers.Layer):
    """A draw from the distribution that (mean, logarithm of the variance) describe."""

    def __init__(self, **options):
        super().__init__(**options)
        self.seeds = keras.random.SeedGenerator(0)

    def call(self, inputs):
        mean, log_variance = inputs
        self.add_loss(-0.5 * ops.mean(ops.sum(1 + log_variance - mean**2 - ops.exp(log_variance), 1)) / 784)
        return mean + ops.exp(0.5 * log_variance) * keras.random.normal(ops.shape(mean), seed=self.seeds)


x = digits(2048).reshape(-1, 784).clip(0, 1)
given = keras.Input((784,))
hidden = layers.Dense(256, activation="relu")(given)
code = Drawn()([layers.Dense(LATENT)(hidden), layers.Dense(LATENT)(hidden)])
decoder = keras.Sequential(
    [keras.Input((LATENT,)), layers.Dense(256, activation="relu"), layers.Dense(784, activation="sigmoid")]
)
model = keras.Model(given, decoder(code))
model.compile("adam", "binary_crossentropy")
model.fit(x, x, batch_size=32, epochs=8, verbose=2)
again = model.predict(x[:256], verbose=0)
report(sum(ops.size(w) for w in model.trainable_weights), abs(again - x[:256]).mean())
