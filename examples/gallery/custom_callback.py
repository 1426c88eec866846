"""
A callback of your own: which learning rate?
============================================

While the rate grows from batch to batch the loss is written down. Where it falls fastest is a good rate.

L. N. Smith, "Cyclical Learning Rates for Training Neural Networks", https://arxiv.org/abs/1506.01186.

Result: training with the rate that was found reaches at least 95 % on the digits that it was trained on, in three
epochs.
"""

import numpy as np
from matplotlib import pyplot as plt
from sklearn.datasets import load_digits

import kfront
from kfront import layers

x, y = load_digits(return_X_y=True)
x = (x / 16).astype("float32")


class RateFinder(kfront.callbacks.Callback):
    """Multiplies the rate after each batch, and keeps rates and losses."""

    def __init__(self, first: float, last: float, batches: int) -> None:
        super().__init__()
        self.planned = np.geomspace(first, last, batches)
        self.rates: list[float] = []
        self.losses: list[float] = []

    def on_train_batch_begin(self, batch: int, logs=None) -> None:
        """The next rate."""
        if batch < len(self.planned):
            self.model.optimizer.learning_rate = self.planned[batch]

    def on_train_batch_end(self, batch: int, logs=None) -> None:
        """The loss up to here, from which that of the batch follows."""
        mean, count = float(logs["loss"]), len(self.losses)
        self.losses.append(mean * (count + 1) - sum(self.losses))
        self.rates.append(float(self.model.optimizer.learning_rate))
        if batch + 1 == len(self.planned):
            self.model.stop_training = True


def network() -> kfront.Model:
    """A small one, the same each time."""
    kfront.utils.set_random_seed(0)
    model = kfront.Sequential([kfront.Input((64,)), layers.Dense(128, activation="relu"), layers.Dense(10)])
    loss = kfront.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(kfront.optimizers.Adam(), loss, metrics=["accuracy"])
    return model


finder = RateFinder(1e-5, 1.0, 110)
network().fit(x, y, batch_size=16, verbose=0, callbacks=[finder])
smooth = np.convolve(finder.losses, np.ones(9) / 9, "same")[4:-4]
rates = np.array(finder.rates)[4:-4]
falling = slice(0, int(np.argmin(smooth)))
chosen = float(rates[falling][np.argmin(np.gradient(smooth, np.log(rates))[falling])])

# %%
figure, axes = plt.subplots(figsize=(6, 3), layout="constrained")
axes.semilogx(rates, smooth)
axes.axvline(chosen, color="tab:red")
axes.set(xlabel="learning rate", ylabel="loss", ylim=(0, 4))

# %%
model = network()
model.optimizer.learning_rate = chosen
RESULT = model.fit(x, y, epochs=3, batch_size=16, verbose=0).history["accuracy"][-1]
print(f"rate {chosen:.1e}, accuracy after three epochs {RESULT:.3f}")
