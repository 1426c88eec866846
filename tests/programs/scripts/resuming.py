"""Training that goes on: checkpoints of the best, BackupAndRestore after an interruption, optimizer state in files."""

import os
import tempfile

import keras
import numpy as np
from common import data, fill, show
from keras import layers

x, y = data(16, 3), data(16, 1, seed=1)
fit = {"batch_size": 4, "shuffle": False, "verbose": 0}


def new_model():
    model = fill(keras.Sequential([keras.Input((3,)), layers.Dense(4, activation="relu"), layers.Dense(1)]))
    model.compile(keras.optimizers.SGD(0.02, momentum=0.9), "mse")
    return model


class Stop(keras.callbacks.Callback):
    """Breaks off in the middle of training, as a lost machine does."""

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 2:
            raise RuntimeError("lost")


class Threshold(keras.callbacks.Callback):
    """Ends training at a loss that is low enough."""

    def on_epoch_end(self, epoch, logs=None):
        if logs["loss"] < self.params["epochs"] * 1000:
            self.model.stop_training = True


whole = new_model()
show("at once", whole.fit(x, y, epochs=4, **fit).history)
with tempfile.TemporaryDirectory() as folder:
    broken = new_model()
    backup = os.path.join(folder, "backup")
    try:
        broken.fit(x, y, epochs=4, callbacks=[keras.callbacks.BackupAndRestore(backup), Stop()], **fit)
    except RuntimeError:
        show("kept", len(os.listdir(backup)) > 0)
    fresh = new_model()
    history = fresh.fit(x, y, epochs=4, callbacks=[keras.callbacks.BackupAndRestore(backup)], **fit)
    show("gone on", [history.epoch, history.history])
    show("the same", float(np.abs(fresh.get_weights()[0] - whole.get_weights()[0]).max()))
    path = os.path.join(folder, "half.keras")
    first = new_model()
    first.fit(x, y, epochs=2, **fit)
    first.save(path)
    second = keras.saving.load_model(path)
    show("state", [int(second.optimizer.iterations), len(second.optimizer.variables)])
    show("from the file", second.fit(x, y, epochs=4, initial_epoch=2, **fit).history)
    show("the same", float(np.abs(second.get_weights()[0] - whole.get_weights()[0]).max()))
    best = os.path.join(folder, "best.weights.h5")
    saver = keras.callbacks.ModelCheckpoint(best, monitor="val_loss", save_best_only=True, save_weights_only=True)
    model = new_model()
    history = model.fit(x, y, epochs=3, validation_data=(x[:4], y[:4]), callbacks=[saver], **fit).history
    model.load_weights(best)
    show("best", [float(model.evaluate(x[:4], y[:4], verbose=0)), float(min(history["val_loss"]))])
    named = keras.callbacks.ModelCheckpoint(os.path.join(folder, "e{epoch:02d}-{loss:.2f}.keras"))
    new_model().fit(x, y, epochs=2, callbacks=[named], **fit)
    show("files", sorted(n.split("-")[0] for n in os.listdir(folder) if n.startswith("e0")))
show("stopped", len(new_model().fit(x, y, epochs=3, callbacks=[Threshold()], **fit).epoch))
average = keras.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.5, ema_overwrite_frequency=2)
model = new_model()
model.compile(average, "mse")
show("averages", model.fit(x, y, epochs=2, **fit).history)
