"""
A variational autoencoder that draws digits
===========================================

The encoder gives a distribution instead of a point, and its distance from the normal distribution is part of the loss
(`add_loss` in a layer). So a draw from the normal distribution becomes a digit.

D. P. Kingma, M. Welling, "Auto-Encoding Variational Bayes", https://arxiv.org/abs/1312.6114.

Result: all ten digits are drawn, and are at most 1.3 times as far from the nearest real digit as real ones are.
"""

import numpy as np
from matplotlib import pyplot as plt
from sklearn.datasets import load_digits
from sklearn.neighbors import NearestNeighbors

import kfront
from kfront import layers, ops

kfront.utils.set_random_seed(0)
x, y = load_digits(return_X_y=True)
x = (x / 16).astype("float32")


class Draw(layers.Layer):
    """A draw from a normal distribution, whose distance from the standard one is added to the loss."""

    def __init__(self, weight: float) -> None:
        super().__init__()
        self.weight, self.seed = weight, kfront.random.SeedGenerator(3)

    def call(self, mean, log_variance):
        """Mean and logarithm of the variance in, a draw out."""
        distance = ops.mean(ops.square(mean) + ops.exp(log_variance) - log_variance - 1)
        self.add_loss(self.weight * distance)
        return mean + ops.exp(log_variance / 2) * kfront.random.normal(ops.shape(mean), seed=self.seed)


inputs = kfront.Input((64,))
hidden = layers.Dense(128, activation="relu")(inputs)
code = Draw(0.02)(layers.Dense(6)(hidden), layers.Dense(6)(hidden))
decoder = kfront.Sequential([layers.Dense(128, activation="relu"), layers.Dense(64, activation="sigmoid")])
model = kfront.Model(inputs, decoder(code))
model.compile(kfront.optimizers.Adam(3e-3), "binary_crossentropy")
model.fit(x, x, epochs=40, batch_size=64, verbose=0)

# %%
drawn = decoder.predict(np.random.default_rng(0).normal(size=(200, 6)).astype("float32"), verbose=0)
figure, axes = plt.subplots(figsize=(6, 3), layout="constrained")
axes.imshow(np.vstack([np.hstack(row) for row in drawn[:50].reshape(5, 10, 8, 8)]), cmap="gray_r")
axes.set_axis_off()

# %%
# How near is a drawn digit to a real one, beside how near real digits are to others?
near = NearestNeighbors(n_neighbors=1).fit(x[:1400])
distances = [float(np.median(near.kneighbors(images)[0])) for images in (drawn, x[1400:])]
kinds = len(set(y[near.kneighbors(drawn, return_distance=False)[:, 0]]))
RESULT = distances[0] / distances[1] if kinds == 10 else np.inf
print(f"median distance {distances[0]:.2f}, of real digits {distances[1]:.2f}; {kinds} of the ten digits are drawn")
