"""Callbacks: the order of the hooks, keys of logs, early stopping, schedules, CSV, checkpoints, LambdaCallback."""

import csv
import os
import tempfile

import keras
from common import data, fill, show

calls = []


class Log(keras.callbacks.Callback):
    pass


def hook(name):
    def method(self, *args, **kwargs):
        given = [*args, *kwargs.values()]
        index = given.pop(0) if given and not isinstance(given[0], dict) else None
        logs = given.pop() if given else {}
        calls.append([name, index, sorted(logs or {})])

    return method


for phase in ("train", "test", "predict"):
    for when in ("begin", "end"):
        setattr(Log, f"on_{phase}_{when}", hook(f"{phase}_{when}"))
        setattr(Log, f"on_{phase}_batch_{when}", hook(f"{phase}_batch_{when}"))
Log.on_epoch_begin, Log.on_epoch_end = hook("epoch_begin"), hook("epoch_end")


def new_model():
    model = fill(keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)]))
    model.compile(keras.optimizers.SGD(0.05), loss="mse", metrics=["mae"])
    return model


x, y = data(8, 4), data(8, 1, seed=1)
model = new_model()
model.fit(x, y, batch_size=4, validation_data=(x[:4], y[:4]), verbose=0, callbacks=[Log()])
model.evaluate(x, y, batch_size=4, verbose=0, callbacks=[Log()])
model.predict(x, batch_size=4, verbose=0, callbacks=[Log()])
for call in calls:
    show("hook", call)
model = new_model()
stopping = keras.callbacks.EarlyStopping("val_loss", patience=1, min_delta=10.0, restore_best_weights=True)
history = model.fit(x, y, epochs=9, batch_size=4, shuffle=False, validation_split=0.25, verbose=0, callbacks=[stopping])
show("stopped", [stopping.stopped_epoch, len(history.epoch), sorted(history.history)])
show("restored", model.get_weights())
model = new_model()
rate = keras.callbacks.LearningRateScheduler(lambda epoch, lr: lr * 0.5)
plateau = keras.callbacks.ReduceLROnPlateau("loss", factor=0.1, patience=1, min_delta=100.0)
seen = []
each = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append([epoch, sorted(logs)]))
with tempfile.TemporaryDirectory() as folder:
    logger = keras.callbacks.CSVLogger(os.path.join(folder, "log.csv"))
    saver = keras.callbacks.ModelCheckpoint(os.path.join(folder, "{epoch:02d}.weights.h5"), save_weights_only=True)
    model.fit(x, y, epochs=3, batch_size=4, shuffle=False, verbose=0, callbacks=[rate, plateau, each, logger, saver])
    show("files", sorted(os.listdir(folder)))
    with open(os.path.join(folder, "log.csv")) as file:
        rows = list(csv.reader(file))
show("csv", [rows[0], [[round(float(v), 4) for v in row if v != "NA"] for row in rows[1:]]])
show("seen", seen)
show("rate", float(model.optimizer.learning_rate))
show("nan", isinstance(keras.callbacks.TerminateOnNaN(), keras.callbacks.Callback))
