"""
A loss of your own: quantiles
=============================

With the pinball loss a network says not the mean but a quantile. Two of them make an interval that holds 80 % of what
comes.

R. Koenker, G. Bassett, "Regression Quantiles", Econometrica 46 (1978).

Result: between 72 and 88 % of values not seen lie in the interval.
"""

import numpy as np
from matplotlib import pyplot as plt

import kfront
from kfront import layers, ops

kfront.utils.set_random_seed(0)
random = np.random.default_rng(0)
x = random.uniform(-3, 3, (3000, 1)).astype("float32")
y = (np.sin(x) + (0.1 + 0.3 * np.abs(x)) * random.normal(size=x.shape)).astype("float32")
QUANTILES = np.array([0.1, 0.5, 0.9], "float32")


def pinball(y_true, y_pred):
    """Three outputs, each for its quantile."""
    error = y_true - y_pred
    above = ops.multiply(error, QUANTILES)
    return ops.mean(ops.maximum(above, above - error), axis=-1)


model = kfront.Sequential([kfront.Input((1,)), *(layers.Dense(32, "tanh") for _ in range(2)), layers.Dense(3)])
model.compile(kfront.optimizers.Adam(5e-3), pinball)
model.fit(x[:2000], y[:2000], epochs=40, batch_size=50, verbose=0)

# %%
line = np.linspace(-3, 3, 100, dtype="float32")[:, None]
low, middle, high = model.predict(line, verbose=0).T
figure, axes = plt.subplots(figsize=(6, 3.5), layout="constrained")
axes.scatter(x[2000:], y[2000:], s=3, color="0.6")
axes.fill_between(line[:, 0], low, high, alpha=0.3)
axes.plot(line, middle)

# %%
found = model.predict(x[2000:], verbose=0)
RESULT = float(((found[:, :1] < y[2000:]) & (y[2000:] < found[:, 2:])).mean())
print(f"in the interval: {RESULT:.3f}")
