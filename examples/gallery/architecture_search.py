"""
Search for an architecture by edits
===================================

A small network is trained; then edits are tried, each for a few epochs: wider, deeper, a skip. The best becomes the
next start. No edit begins anew, since the weights that still fit are kept.

T. Elsken, J. H. Metzen, F. Hutter, "Simple and efficient architecture search for convolutional neural networks",
https://arxiv.org/abs/1711.04528.

Result: three rounds of edits take at least a third off the validation loss of the start.
"""

import numpy as np
from matplotlib import pyplot as plt
from sklearn.datasets import load_digits

import kfront
from kfront import layers, tuning

kfront.utils.set_random_seed(0)
x, y = load_digits(return_X_y=True)
x = (x / 16).astype("float32")


def trained(model: kfront.Model, epochs: int) -> float:
    """Train a little; the loss on digits not trained with."""
    loss = kfront.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(kfront.optimizers.Adam(2e-3), loss)
    model.fit(x[:1200], y[:1200], epochs=epochs, batch_size=40, verbose=0)
    return model.evaluate(x[1200:], y[1200:], verbose=0)


inputs = kfront.Input((64,))
h = layers.Dense(8, activation="relu", name="first")(inputs)
h = layers.Dense(8, activation="relu", name="second")(h)
best = kfront.Model(inputs, layers.Dense(10, name="head")(h))
losses = [trained(best, 6)]
names = ["start"]

# %%
# Each round tries all edits, and the network as it is; the best goes on.
for _ in range(3):
    width = best.get_layer("first").units
    names_now = {layer.name for layer in best.layers}
    edits = {"as it is": best, "wider": tuning.widen(best, "first", 2 * width)}
    if "second_deeper" not in names_now:  # one is enough
        edits["deeper"] = tuning.deepen(best, "second")
    if "head_from_first" not in names_now:
        edits["skip"] = tuning.add_skip(best, "first", "head")
    results = {name: trained(model, 4) for name, model in edits.items()}
    name = min(results, key=lambda n: results[n])
    best = edits[name]
    losses.append(results[name])
    names.append(name)

figure, axes = plt.subplots(figsize=(6, 3))
axes.bar(np.arange(4), losses)
axes.set_xticks(np.arange(4), names)
axes.set(ylabel="validation loss")
figure.tight_layout()

# %%
RESULT = losses[-1] / losses[0]
print(" -> ".join(f"{name} {loss:.3f}" for name, loss in zip(names, losses, strict=True)))
