"""fit: class and sample weights, generators, PyDataset, validation, steps, initial_epoch, train_on_batch."""

import keras
import numpy as np
from common import data, fill, labels, show

x, y = data(12, 4), labels(12, 3)


def new_model(**kwargs):
    model = fill(keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, activation="softmax")]))
    model.compile(keras.optimizers.SGD(0.1), "sparse_categorical_crossentropy", metrics=["accuracy"], **kwargs)
    return model


common = {"batch_size": 4, "epochs": 2, "shuffle": False, "verbose": 0}
show("classes", new_model().fit(x, y, class_weight={0: 1.0, 1: 2.0, 2: 0.5}, **common).history)
weights = np.linspace(0.1, 2.0, 12).astype("float32")
show(
    "samples",
    new_model(weighted_metrics=["sparse_categorical_crossentropy"]).fit(x, y, sample_weight=weights, **common).history,
)
show("validation", new_model().fit(x, y, validation_split=0.25, validation_freq=2, **common).history)
history = new_model().fit(x, y, validation_data=(x[:4], y[:4], weights[:4]), initial_epoch=1, **common)
show("given", [history.history, history.epoch, sorted(history.params)])


class Batches(keras.utils.PyDataset):
    def __len__(self):
        return 3

    def __getitem__(self, i):
        return x[4 * i : 4 * i + 4], y[4 * i : 4 * i + 4]


show("dataset", new_model().fit(Batches(), epochs=2, shuffle=False, verbose=0).history)


def generator():
    i = 0
    while True:
        yield x[i : i + 4], y[i : i + 4]
        i = (i + 4) % 12


model = new_model()
show("generator", model.fit(generator(), steps_per_epoch=2, epochs=2, verbose=0).history)
show("evaluate", model.evaluate(generator(), steps=3, verbose=0))
show("predict", model.predict(x, batch_size=5, verbose=0)[:2])
model = new_model()
show("on batch", [float(v) for v in model.train_on_batch(x, y, class_weight={0: 1.0, 1: 0.0, 2: 2.0})])
trained = model.train_on_batch(x, y, sample_weight=weights, return_dict=True)
show("with keys", {k: float(v) for k, v in trained.items()})
show("test", {k: float(v) for k, v in model.test_on_batch(x, y, return_dict=True).items()})
model.reset_metrics()
show("predicted", model.predict_on_batch(x[:2]))
