"""A variational autoencoder and a GAN in the forms of the guides: `add_loss`, a seed generator, two models in one."""

import keras
from common import data, fill, show
from keras import layers, ops


class Sampling(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.seed_generator = keras.random.SeedGenerator(1337)

    def call(self, inputs):
        mean, log_var = inputs
        noise = keras.random.normal(ops.shape(mean), seed=self.seed_generator)
        return mean + ops.exp(0.5 * log_var) * noise * 0.0


class Encoder(layers.Layer):
    def __init__(self, width=3, **kwargs):
        super().__init__(**kwargs)
        self.mean, self.log_var = layers.Dense(width, name="mean"), layers.Dense(width, name="log_var")
        self.sampling = Sampling()

    def call(self, x):
        mean, log_var = self.mean(x), self.log_var(x)
        return mean, log_var, self.sampling((mean, log_var))


class Autoencoder(keras.Model):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.encoder = Encoder(name="encoder")
        self.decoder = keras.Sequential([layers.Dense(5, activation="sigmoid", name="out")], name="decoder")

    def call(self, x):
        mean, log_var, z = self.encoder(x)
        self.add_loss(-0.5 * ops.mean(log_var - ops.square(mean) - ops.exp(log_var) + 1))
        return self.decoder(z)


x = data(8, 5)
model = Autoencoder(name="vae")
show("shapes", list(model(x).shape))
fill(model)
show("names", [w.path for w in model.trainable_weights])
show("states", [list(v.shape) for v in model.non_trainable_variables])
model.compile(keras.optimizers.Adam(0.01), loss="mse")
show("history", model.fit(x, x, epochs=2, batch_size=4, shuffle=False, verbose=0).history)
show("evaluate", model.evaluate(x, x, verbose=0))


class Pair(keras.Model):
    def __init__(self, one, two):
        super().__init__()
        self.one, self.two = one, two
        self.tracker = keras.metrics.Mean(name="gap")

    @property
    def metrics(self):
        return [self.tracker]

    def call(self, x):
        return self.two(self.one(x))


inputs = keras.Input((5,))
pair = Pair(
    fill(keras.Model(inputs, layers.Dense(5)(inputs), name="one")),
    fill(keras.Model(inputs, layers.Dense(1)(inputs), name="two")),
)
show("pair", pair(x[:2]))
pair.compile(keras.optimizers.SGD(0.1), loss="mse")
show("fit", sorted(pair.fit(x, data(8, 1), verbose=0).history))
