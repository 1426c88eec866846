"""
Eight bits, and four
====================

A trained network is quantized: its weights become integers of eight or four bits with a scale for each output.

Result: with int8 at most 1 % of the answers change, and weights take at most 0.4 of the bytes.
"""

from matplotlib import pyplot as plt
from sklearn.datasets import load_digits

import kfront
from kfront import layers

kfront.utils.set_random_seed(0)
x, y = load_digits(return_X_y=True)
x = (x / 16).astype("float32")
model = kfront.Sequential(
    [kfront.Input((64,)), *(layers.Dense(512, activation="relu") for _ in range(2)), layers.Dense(10)]
)
model.compile(kfront.optimizers.Adam(1e-3), kfront.losses.SparseCategoricalCrossentropy(from_logits=True))
model.fit(x[:1400], y[:1400], epochs=8, verbose=0)

# %%
answers, sizes = {}, {}
for mode in ("float32", "int8", "int4"):
    quantized = kfront.models.clone_model(model)
    quantized.set_weights(model.get_weights())
    if mode != "float32":
        quantized.quantize(mode)
    sizes[mode] = sum(kfront.ops.convert_to_numpy(w).nbytes for w in quantized.weights) / 1024
    answers[mode] = quantized.predict(x[1400:], verbose=0).argmax(axis=1)
changed = {mode: float((found != answers["float32"]).mean()) for mode, found in answers.items()}

figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3))
left.bar_label(left.bar(list(sizes), list(sizes.values())), fmt="%.0f")
left.set(ylabel="weights, KiB")
right.bar_label(right.bar(list(changed), list(changed.values())), fmt="%.3f")
right.set(ylabel="changed answers")
figure.tight_layout()

# %%
RESULT = max(changed["int8"] / 0.01, sizes["int8"] / sizes["float32"] / 0.4)  # at most 1
print(f"int8 changes {changed['int8']:.3f} of the answers; {sizes['int8']:.0f} of {sizes['float32']:.0f} KiB")
