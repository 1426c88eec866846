"""
Three engines, one curve
========================

The same seed gives the same initial weights and the same order of batches, bit for bit, on each engine. So whole curves
of training can be laid on each other, dropout included: portable random numbers make its masks equal as well.

Result: the losses of all installed engines agree to 1e-4 over eight epochs.
"""

import numpy as np
from matplotlib import pyplot as plt
from sklearn.datasets import load_digits

import kfront
from kfront import backends, layers

x, y = load_digits(return_X_y=True)
x = (x / 16).astype("float32")
kfront.config.set_portable_random(True)


# %%
# One function trains on the engine that is current.
def losses(engine: str) -> list[float]:
    """The loss after each of eight epochs."""
    with kfront.backend_scope(engine):
        kfront.utils.set_random_seed(7)
        model = kfront.Sequential(
            [kfront.Input((64,)), layers.Dense(32, activation="relu"), layers.Dropout(0.1), layers.Dense(10)]
        )
        loss = kfront.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(optimizer=kfront.optimizers.Adam(3e-3), loss=loss)
        return model.fit(x, y, epochs=8, batch_size=64, verbose=0).history["loss"]


engines = [name for name in ("torch", "jax", "tensorflow") if name in backends.installed()]
curves = {name: losses(name) for name in engines}
kfront.config.set_portable_random(False)

# %%
# The lines are drawn in different widths, or only the last could be seen.
figure, axes = plt.subplots(figsize=(7, 3.5))
for width, (name, curve) in zip((9, 5, 1.5), curves.items(), strict=False):
    axes.plot(range(1, 9), curve, linewidth=width, label={"torch": "PyTorch", "jax": "JAX"}.get(name, "TensorFlow"))
axes.set(xlabel="epoch", ylabel="loss", title="Digits, a network with dropout, one seed")
axes.legend()
figure.tight_layout()

# %%
RESULT = float(np.ptp(list(curves.values()), axis=0).max())  # the largest difference between engines
print(f"largest difference between {', '.join(curves)}: {RESULT:.1e}")
