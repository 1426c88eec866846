"""Epochs of `steps_per_epoch` batches go on where the last one stopped; validation begins anew each time."""

import warnings

import keras
import numpy as np
import tensorflow as tf
import torch
from common import show
from keras import layers

warnings.simplefilter("ignore")
x = np.arange(14, dtype="float32").reshape(14, 1)
y = np.zeros((14, 1), "float32")


def new_model():
    model = keras.Sequential([keras.Input((1,)), layers.Dense(1, kernel_initializer="ones")])
    model.compile(keras.optimizers.SGD(0.0), "mse")
    return model


class Batches(keras.utils.PyDataset):
    def __len__(self):
        return 4

    def __getitem__(self, index):
        return x[4 * index : 4 * index + 4], y[4 * index : 4 * index + 4]


class Endless(keras.utils.PyDataset):
    num_batches = None

    def __getitem__(self, index):
        return Batches()[index % 4]


def generated():
    while True:
        yield from (Batches()[i] for i in range(4))


class Losses(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.seen = []

    def on_epoch_begin(self, epoch, logs=None):
        self.seen.append([])

    def on_train_batch_end(self, batch, logs=None):
        self.seen[-1].append(float(logs["loss"]))


slices = tf.data.Dataset.from_tensor_slices((x, y)).batch(4)
loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(torch.tensor(x), torch.tensor(y)), batch_size=4)
DATA = {
    "arrays": lambda: {"x": x, "y": y, "batch_size": 4},
    "tf.data": lambda: {"x": slices},
    "tf.data, repeated": lambda: {"x": slices.repeat()},
    "DataLoader": lambda: {"x": loader},
    "PyDataset": lambda: {"x": Batches()},
    "endless PyDataset": lambda: {"x": Endless()},
    "generator": lambda: {"x": generated()},
}
for name, make in DATA.items():
    for steps, epochs in ((1, 6), (2, 3), (3, 4), (4, 2)):
        losses = Losses()
        history = new_model().fit(
            **make(), steps_per_epoch=steps, epochs=epochs, shuffle=False, verbose=0, callbacks=[losses]
        )
        show(f"{name}, {steps} steps", [losses.seen, history.history])
for name in ("tf.data", "tf.data, repeated", "DataLoader", "PyDataset"):
    history = new_model().fit(x, y, epochs=3, verbose=0, validation_data=DATA[name]()["x"], validation_steps=3)
    show(f"validated on {name}", history.history)
