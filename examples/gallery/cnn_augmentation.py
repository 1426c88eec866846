"""
Digits by a convolutional network, with augmentation
====================================================

500 digits are few to learn from. Layers that turn and shift images make more of them; they are part of the model and do
nothing when it predicts.

Result: at least 87 % of the 1,297 other digits are told right. (With six seeds it was 87 to 92 %.)
"""

import numpy as np
from matplotlib import pyplot as plt
from sklearn.datasets import load_digits

import kfront
from kfront import layers

kfront.utils.set_random_seed(1)
x, y = load_digits(return_X_y=True)
x = (x / 16).reshape(-1, 8, 8, 1).astype("float32")

augment = kfront.Sequential(
    [
        layers.RandomTranslation(0.1, 0.1, fill_mode="constant"),
        layers.RandomRotation(0.03, fill_mode="constant"),
        layers.RandomZoom(0.1, fill_mode="constant"),
    ]
)
model = kfront.Sequential(
    [
        kfront.Input((8, 8, 1)),
        augment,
        layers.Conv2D(32, 3, padding="same", activation="relu"),
        layers.MaxPooling2D(),
        layers.Conv2D(64, 3, padding="same", activation="relu"),
        layers.GlobalMaxPooling2D(),
        layers.Dropout(0.2),
        layers.Dense(10, activation="softmax"),
    ]
)
model.compile(kfront.optimizers.Adam(5e-3), "sparse_categorical_crossentropy", metrics=["accuracy"])
history = model.fit(x[:500], y[:500], epochs=50, batch_size=50, verbose=0)

# %%
# What the network sees, and how its loss falls.
figure, (images, curve) = plt.subplots(1, 2, figsize=(8, 3))
seen = np.asarray(kfront.ops.convert_to_numpy(augment(x[:16], training=True)))
images.imshow(np.hstack([np.vstack(column) for column in seen.reshape(4, 4, 8, 8)]), cmap="gray_r")
images.set_axis_off()
curve.plot(history.history["loss"])
curve.set(xlabel="epoch", ylabel="loss")
figure.tight_layout()

# %%
RESULT = model.evaluate(x[500:], y[500:], verbose=0)[1]
print(f"accuracy on digits not seen: {RESULT:.3f}")
