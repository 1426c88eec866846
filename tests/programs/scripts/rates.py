"""Rates that change: schedules inside optimizers, callbacks, warm-up by hand, `ReduceLROnPlateau`, in the logs."""

import keras
import numpy as np
from common import data, fill, show
from keras import layers

x, y = data(16, 3), data(16, 1, seed=1)


def new_model(rate):
    model = fill(keras.Sequential([keras.Input((3,)), layers.Dense(4, activation="relu"), layers.Dense(1)]))
    model.compile(keras.optimizers.SGD(rate, momentum=0.9), "mse")
    return model


class Rates(keras.callbacks.Callback):
    """Notes the rate that each epoch ended with."""

    def on_train_begin(self, logs=None):
        self.seen = []

    def on_epoch_end(self, epoch, logs=None):
        self.seen.append(float(np.asarray(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate))))


fit = {"epochs": 3, "batch_size": 4, "shuffle": False, "verbose": 0}
for schedule in (
    keras.optimizers.schedules.ExponentialDecay(0.1, decay_steps=4, decay_rate=0.5, staircase=True),
    keras.optimizers.schedules.CosineDecay(0.0, decay_steps=8, warmup_target=0.1, warmup_steps=4, alpha=0.01),
    keras.optimizers.schedules.PiecewiseConstantDecay([3, 9], [0.1, 0.05, 0.01]),
):
    rates, model = Rates(), new_model(schedule)
    history = model.fit(x, y, callbacks=[rates], **fit).history
    show(type(schedule).__name__, [rates.seen, history["loss"], int(model.optimizer.iterations)])

rates, model = Rates(), new_model(0.1)
warm = keras.callbacks.LearningRateScheduler(lambda epoch, rate: 0.02 * (epoch + 1))
show("warm-up", model.fit(x, y, callbacks=[warm, rates], **fit).history)
show("seen", rates.seen)
rates, model = Rates(), new_model(0.1)
plateau = keras.callbacks.ReduceLROnPlateau(monitor="loss", factor=0.5, patience=1, min_delta=10.0, cooldown=0)
history = model.fit(x, y, callbacks=[rates, plateau], **fit).history
show("plateau", [rates.seen, sorted(history), history["learning_rate"]])
model.optimizer.learning_rate = 0.003
show("set", float(keras.ops.convert_to_numpy(model.optimizer.learning_rate)))
model.optimizer.learning_rate.assign(0.004)
show("assigned", model.optimizer.get_config()["learning_rate"])
try:
    new_model(keras.optimizers.schedules.CosineDecay(0.1, 4)).optimizer.learning_rate = 0.1
except TypeError:
    show("a schedule stays", True)
