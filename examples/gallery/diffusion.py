"""
A diffusion model that draws digits
===================================

A network learns to take noise off. Begun with noise alone and repeated in fifty steps, that draws digits.

J. Ho, A. Jain, P. Abbeel, "Denoising Diffusion Probabilistic Models", https://arxiv.org/abs/2006.11239; steps as in J.
Song et al., "Denoising Diffusion Implicit Models", https://arxiv.org/abs/2010.02502.

Result: all ten digits are drawn, and are at most 1.3 times as far from the nearest real digit as real ones are.
"""

import numpy as np
from matplotlib import pyplot as plt
from sklearn.datasets import load_digits
from sklearn.neighbors import NearestNeighbors

import kfront
from kfront import layers

kfront.utils.set_random_seed(0)
x, y = load_digits(return_X_y=True)
x = (x / 8 - 1).astype("float32")  # from -1 to 1
random = np.random.default_rng(0)

# %%
# The network gets a noisy digit and how noisy it is, and says how the digit looks without it.
noisy, time = kfront.Input((64,)), kfront.Input((1,))
frequencies = np.pi * np.arange(1, 9, dtype="float32")
angle = time * frequencies
h = layers.concatenate([noisy, kfront.ops.sin(angle), kfront.ops.cos(angle)])
for _ in range(3):
    h = layers.Dense(256, activation="swish")(h)
model = kfront.Model([noisy, time], layers.Dense(64)(h))
model.compile(kfront.optimizers.Adam(kfront.optimizers.schedules.CosineDecay(2e-3, 3000)), "mse")


def mix(images: np.ndarray, noise: np.ndarray, t: np.ndarray) -> np.ndarray:
    """Images at time 0, noise at time 1."""
    return np.cos(t * np.pi / 2) * images + np.sin(t * np.pi / 2) * noise


copies = np.tile(x, (6, 1))
for _ in range(6):
    t = random.uniform(0, 1, (len(copies), 1)).astype("float32")
    noise = random.normal(size=copies.shape).astype("float32")
    model.fit([mix(copies, noise, t).astype("float32"), t], copies, epochs=3, batch_size=64, verbose=0)

# %%
# Fifty steps from noise to digits.
z = random.normal(size=(100, 64)).astype("float32")
for step in np.linspace(0.99, 0.02, 50):
    t = np.full((100, 1), step, "float32")
    clean = np.clip(model.predict([z, t], batch_size=100, verbose=0), -1, 1)
    noise = (z - np.cos(step * np.pi / 2) * clean) / np.sin(step * np.pi / 2)
    z = mix(clean, noise, t - 0.97 / 49).astype("float32")
drawn = clean

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
