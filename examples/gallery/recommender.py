"""
A recommender: what else would they like?
=========================================

Readers and books have vectors; how well they fit is a product. The ratings are made from hidden tastes, so that the
best possible error is known: the noise.

Y. Koren, R. Bell, C. Volinsky, "Matrix Factorization Techniques for Recommender Systems", 2009.

Result: the error on ratings not seen is at most 0.75 of that of the books' mean ratings.
"""

import numpy as np
from matplotlib import pyplot as plt

import kfront
from kfront import layers, ops

kfront.utils.set_random_seed(0)
random = np.random.default_rng(0)
readers, books, count = 300, 120, 12_000
taste, style = random.normal(size=(readers, 3)), random.normal(size=(books, 3))
who, what = random.integers(0, readers, count), random.integers(0, books, count)
rating = 3 + 0.6 * (taste[who] * style[what]).sum(axis=1) + 0.3 * random.normal(size=count)
rating = rating.clip(1, 5).astype("float32")

reader, book = kfront.Input((), dtype="int32"), kfront.Input((), dtype="int32")


def vectors(size: int, width: int) -> layers.Embedding:
    """A table of small vectors, kept small."""
    return layers.Embedding(size, width, "normal", embeddings_regularizer=kfront.regularizers.L2(1e-5))


fit = ops.sum(vectors(readers, 8)(reader) * vectors(books, 8)(book), axis=-1, keepdims=True)
model = kfront.Model([reader, book], fit + vectors(readers, 1)(reader) + vectors(books, 1)(book) + 3.0)
model.compile(kfront.optimizers.Adam(1e-2), "mse")
train, test = slice(0, 10_000), slice(10_000, None)
history = model.fit(
    [who[train], what[train]], rating[train], epochs=15, batch_size=200, verbose=0,
    validation_data=([who[test], what[test]], rating[test]),
)  # fmt: skip

# %%
figure, axes = plt.subplots(figsize=(6, 3), layout="constrained")
for name in ("loss", "val_loss"):
    axes.plot(history.history[name], label=name)
axes.axhline(0.09, color="0.6", linestyle=":", label="noise")
axes.set(xlabel="epoch", ylabel="squared error")
axes.legend()

# %%
means = np.array([rating[train][what[train] == b].mean() for b in range(books)])
errors = [
    float(np.sqrt(np.mean((found - rating[test]) ** 2)))
    for found in (model.predict([who[test], what[test]], verbose=0).ravel(), means[what[test]])
]
RESULT = errors[0] / errors[1]
print(f"error {errors[0]:.3f}, of mean ratings {errors[1]:.3f}")
