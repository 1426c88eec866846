"""
LoRA: a few parameters for a new task
=====================================

A network that tells digits apart is to tell whether they are at least five. Its weights stay as they are; beside each
kernel a product of two thin matrices is trained.

E. J. Hu et al., "LoRA", https://arxiv.org/abs/2106.09685.

Result: at least 92 % are right, with less than a tenth of the parameters trained.
"""

from matplotlib import pyplot as plt
from sklearn.datasets import load_digits

import kfront
from kfront import layers

kfront.utils.set_random_seed(0)
x, y = load_digits(return_X_y=True)
x = (x / 16).astype("float32")
body = [kfront.Input((64,)), layers.Dense(128, activation="relu"), layers.Dense(128, activation="relu")]
model = kfront.Sequential([*body, layers.Dense(10)])
model.compile(kfront.optimizers.Adam(3e-3), kfront.losses.SparseCategoricalCrossentropy(from_logits=True))
model.fit(x[:1400], y[:1400], epochs=10, verbose=0)

# %%
for layer in model.layers[:2]:
    layer.enable_lora(rank=4)
    layer.bias.trainable = False
large = kfront.Sequential([*model.layers[:2], layers.Dense(1)])
large.compile(
    kfront.optimizers.Adam(3e-3), kfront.losses.BinaryCrossentropy(from_logits=True),
    metrics=[kfront.metrics.BinaryAccuracy(threshold=0.0)],
)  # fmt: skip
history = large.fit(
    x[:1400], y[:1400] >= 5, epochs=20, validation_data=(x[1400:], y[1400:] >= 5), verbose=0
)  # fmt: skip

# %%
figure, axes = plt.subplots(figsize=(6, 3), layout="constrained")
for name in ("binary_accuracy", "val_binary_accuracy"):
    axes.plot(history.history[name], label=name)
axes.set(xlabel="epoch")
axes.legend()

# %%
trained = sum(w.size if hasattr(w, "size") else 0 for w in map(kfront.ops.convert_to_numpy, large.trainable_variables))
share = trained / large.count_params()
RESULT = history.history["val_binary_accuracy"][-1] if share < 0.1 else 0.0
print(f"right {RESULT:.3f}, {share:.3f} of the parameters trained")
