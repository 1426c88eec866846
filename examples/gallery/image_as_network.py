"""
A photograph inside a network
=============================

A network of sines takes a place and gives the grey value there. Trained on every pixel of a photograph, its weights are
the picture; it can be asked between pixels, too.

V. Sitzmann et al., "Implicit Neural Representations with Periodic Activation Functions",
https://arxiv.org/abs/2006.09661.

Result: a signal-to-noise ratio (PSNR) of at least 23 dB.
"""

import numpy as np
from matplotlib import pyplot as plt
from sklearn.datasets import load_sample_image

import kfront
from kfront import layers, ops

kfront.utils.set_random_seed(0)
photo = load_sample_image("flower.jpg")[100:420:4, 200:520:4].mean(axis=-1) / 255
size = len(photo)
axis = np.linspace(-1, 1, size)
places = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2).astype("float32")


class Sine(layers.Layer):
    """sin(30 (x W + b)), with first weights that keep its distribution."""

    def __init__(self, units: int, first: bool = False) -> None:
        super().__init__()
        self.units, self.first = units, first

    def build(self, shape):
        """One kernel and one bias."""
        bound = 1 / shape[-1] if self.first else float(np.sqrt(6 / shape[-1])) / 30
        even = kfront.initializers.RandomUniform(-bound, bound, seed=kfront.random.SeedGenerator(self.units))
        self.kernel = self.add_weight(shape=(shape[-1], self.units), initializer=even, name="kernel")
        self.bias = self.add_weight(shape=(self.units,), initializer=even, name="bias")

    def call(self, x):
        """The same shape but for the last axis."""
        return ops.sin(30 * (ops.matmul(x, self.kernel) + self.bias))


model = kfront.Sequential([kfront.Input((2,)), Sine(64, first=True), Sine(64), Sine(64), layers.Dense(1)])
model.compile(kfront.optimizers.Adam(kfront.optimizers.schedules.CosineDecay(2e-3, 750)), "mse")
model.fit(places, photo.reshape(-1, 1).astype("float32"), epochs=30, batch_size=256, verbose=0)

# %%
fine = np.linspace(-1, 1, 3 * size)
between = np.stack(np.meshgrid(fine, fine, indexing="ij"), axis=-1).reshape(-1, 2).astype("float32")
figure, axes = plt.subplots(1, 3, figsize=(9, 3))
found = model.predict(places, batch_size=4096, verbose=0).reshape(size, size)
larger = model.predict(between, batch_size=4096, verbose=0).reshape(3 * size, 3 * size)
for each, image, title in zip(axes, (photo, found, larger), ("pixels", "network", "three times as fine"), strict=True):
    each.imshow(image, cmap="gray", vmin=0, vmax=1)
    each.set_title(title)
    each.set_axis_off()
figure.tight_layout()

# %%
RESULT = float(-10 * np.log10(np.square(found - photo).mean()))
print(f"signal-to-noise ratio {RESULT:.1f} dB")
