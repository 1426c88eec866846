"""
Where does a network look?
==========================

The gradient of a class's score by the pixels says which pixels count. `kfront.grad` takes it; the mean over noisy
copies makes it less rough.

D. Smilkov et al., "SmoothGrad", https://arxiv.org/abs/1706.03825.

Result: the 12 pixels with the largest values, blanked, change at least three times as many answers as 12 drawn by lot.
"""

import numpy as np
from matplotlib import pyplot as plt
from sklearn.datasets import load_digits

import kfront
from kfront import layers, ops

kfront.utils.set_random_seed(0)
random = np.random.default_rng(0)
x, y = load_digits(return_X_y=True)
x = (x / 16).astype("float32")
model = kfront.Sequential([kfront.Input((64,)), layers.Dense(64, activation="relu"), layers.Dense(10)])
model.compile(
    kfront.optimizers.Adam(3e-3), kfront.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"]
)
model.fit(x[:1400], y[:1400], epochs=15, verbose=0)
test = x[1400:]
answers = model.predict(test, verbose=0).argmax(axis=1)


# %%
def score(images, chosen):
    """The sum of the scores of the classes that the network chose."""
    return ops.sum(model(images) * ops.one_hot(chosen, 10))


by_pixels = kfront.grad(score)
maps = 0.0
for _ in range(20):
    noisy = test + random.normal(0, 0.1, test.shape).astype("float32")
    maps = maps + ops.convert_to_numpy(by_pixels(ops.convert_to_tensor(noisy), answers))
maps = np.abs(maps * test)

figure, axes = plt.subplots(2, 8, figsize=(8, 2.4))
for column in range(8):
    axes[0, column].imshow(test[column].reshape(8, 8), cmap="gray_r")
    axes[1, column].imshow(maps[column].reshape(8, 8), cmap="inferno")
    for axis in axes[:, column]:
        axis.set_axis_off()


# %%
def changed(order: np.ndarray) -> float:
    """The share of answers that change when the first 12 pixels are blank."""
    blanked = test.copy()
    np.put_along_axis(blanked, order[:, :12], 0.0, axis=1)
    return float((model.predict(blanked, verbose=0).argmax(axis=1) != answers).mean())


salient, by_lot = (
    changed(np.argsort(-maps, axis=1)),
    changed(random.permuted(np.tile(np.arange(64), (len(test), 1)), axis=1)),
)
RESULT = salient / max(by_lot, 1e-3)
print(f"answers changed: {salient:.2f} by salient pixels, {by_lot:.2f} by lot")
