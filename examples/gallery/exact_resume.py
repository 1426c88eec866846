"""
Exact resume: a run that is cut off in the middle of an epoch
=============================================================

`BackupAndRestore` writes all that a run consists of: weights, optimizer, random numbers, the place in the data. The
same `fit` called again ends with the same bits as one that was never cut off.

Result: not one bit differs.
"""

import tempfile

import numpy as np
from matplotlib import pyplot as plt
from sklearn.datasets import load_digits

import kfront
from kfront import layers

x, y = load_digits(return_X_y=True)
x = (x / 16).astype("float32")


class PowerCut(kfront.callbacks.Callback):
    """Ends the process, as far as an example may."""

    def on_train_batch_end(self, batch: int, logs=None) -> None:
        """In the third epoch."""
        if self.model.optimizer.iterations == 70:
            raise KeyboardInterrupt


def run(folder: str, *callbacks: kfront.callbacks.Callback) -> kfront.Model:
    """What the program does each time it is started."""
    kfront.utils.set_random_seed(3)
    model = kfront.Sequential(
        [kfront.Input((64,)), layers.Dense(32, activation="relu"), layers.Dropout(0.3), layers.Dense(10)]
    )
    model.compile("adam", kfront.losses.SparseCategoricalCrossentropy(from_logits=True))
    backup = kfront.callbacks.BackupAndRestore(folder, save_freq=10)
    model.fit(x, y, epochs=5, batch_size=64, verbose=0, callbacks=[backup, *callbacks])
    return model


whole = run(tempfile.mkdtemp())
folder = tempfile.mkdtemp()
try:
    run(folder, PowerCut())
except KeyboardInterrupt:
    print("cut off at step 70, in the third epoch")
resumed = run(folder)

# %%
figure, axes = plt.subplots(figsize=(6, 3), layout="constrained")
axes.plot(whole.history.history["loss"], linewidth=6, alpha=0.4, label="whole")
axes.plot(resumed.history.epoch, resumed.history.history["loss"], label="cut off and resumed")
axes.set(xlabel="epoch", ylabel="loss")
axes.legend()

# %%
pairs = zip(whole.get_weights(), resumed.get_weights(), strict=True)
RESULT = sum(int(np.count_nonzero(a != b)) for a, b in pairs)
print(f"numbers that differ: {RESULT}")
