"""Data for `fit`: arrays, dicts, tf.data, a torch DataLoader, PyDataset, generators; the same results from each."""

import keras
import numpy as np
import tensorflow as tf
import torch
from common import data, fill, labels, show
from keras import layers

x, y = data(12, 4), labels(12, 3)
weights = np.linspace(0.5, 1.5, 12).astype("float32")


def new_model():
    inputs = keras.Input((4,), name="x")
    model = fill(keras.Model(inputs, layers.Dense(3, name="y")(inputs)))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.1), loss, metrics=["accuracy"])
    return model


class Batches(keras.utils.PyDataset):
    def __len__(self):
        return 3

    def __getitem__(self, index):
        part = slice(4 * index, 4 * index + 4)
        return x[part], y[part], weights[part]


def generated():
    while True:
        for i in range(0, 12, 4):
            yield x[i : i + 4], y[i : i + 4], weights[i : i + 4]


tensors = [torch.tensor(v) for v in (x, y, weights)]
loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(*tensors), batch_size=4)
slices = tf.data.Dataset.from_tensor_slices((x, y, weights))
fit = {"epochs": 2, "shuffle": False, "verbose": 0}
show("arrays", new_model().fit(x, y, sample_weight=weights, batch_size=4, **fit).history)
show("dicts", new_model().fit({"x": x}, y, sample_weight=weights, batch_size=4, **fit).history)
show("tf.data", new_model().fit(slices.batch(4), **fit).history)
show("DataLoader", new_model().fit(loader, **fit).history)
show("PyDataset", new_model().fit(Batches(), **fit).history)
show("generator", new_model().fit(generated(), steps_per_epoch=3, **fit).history)
model = new_model()
show("predictions", [len(model.predict(d, verbose=0)) for d in (x, slices.batch(5), loader, Batches())])
show("evaluated", model.evaluate(loader, verbose=0, return_dict=True))
show("limited", model.fit(slices.batch(4).repeat(), steps_per_epoch=2, validation_data=(x, y), **fit).history)
split = model.fit(x, y, validation_split=0.25, batch_size=3, **fit).history
show("split", split)
train, rest = keras.utils.split_dataset((x, y), left_size=0.75, shuffle=True, seed=1)
show("parts", [len(train), len(rest)])
normal = layers.Normalization()
normal.adapt(slices.map(lambda x, y, w: x).batch(4))
mapped = slices.batch(4).map(lambda x, y, w: (normal(x), y))
show("mapped", new_model().fit(mapped, **fit).history)
