"""How training is steered: schedules of one's own, callbacks that set rates, stopping, logs in files, averages."""

import csv
import os
import tempfile

import keras
import numpy as np
from common import data, fill, refused, show
from keras import layers, ops


@keras.saving.register_keras_serializable("book")
class Warmup(keras.optimizers.schedules.LearningRateSchedule):
    def __init__(self, rate, steps):
        self.rate, self.steps = rate, steps

    def __call__(self, step):
        share = ops.cast(step, "float32") / self.steps
        return self.rate * ops.minimum(1.0, share)

    def get_config(self):
        return {"rate": self.rate, "steps": self.steps}


def made(optimizer, **options):
    model = keras.Sequential([keras.Input((3,)), layers.Dense(2, name="d"), layers.Dense(1)])
    fill(model)
    model.compile(optimizer, "mse", **options)
    return model


x, y = data(8, 3), data(8, 1, seed=4)
fit = {"batch_size": 4, "shuffle": False, "verbose": 0}
model = made(keras.optimizers.SGD(Warmup(0.2, 4)))
show("warmup", model.fit(x, y, epochs=3, **fit).history)
show("rate now", model.optimizer.learning_rate)
show("iterations", int(model.optimizer.iterations))
show("set", refused(lambda: setattr(model.optimizer, "learning_rate", 0.5), TypeError) or True)
config = model.optimizer.get_config()
show("config", config["learning_rate"])
again = keras.optimizers.SGD.from_config(config)
show("again", [float(again.learning_rate), type(again._learning_rate).__name__])
model = made(keras.optimizers.Adam(0.1))
show("assigned", [float(model.optimizer.learning_rate), model.optimizer.learning_rate.assign(0.05) is None or True])
model.optimizer.learning_rate = 0.025
show("attribute", float(model.optimizer.learning_rate))
rates = []
steered = keras.callbacks.LearningRateScheduler(lambda epoch, rate: rates.append(round(float(rate), 4)) or rate * 0.5)
history = model.fit(x, y, epochs=3, callbacks=[steered], **fit)
show("steered", history.history)
show("rates", rates)
for name, schedule in {
    "exponential": keras.optimizers.schedules.ExponentialDecay(0.1, 2, 0.5, staircase=True),
    "pieces": keras.optimizers.schedules.PiecewiseConstantDecay([1, 3], [0.3, 0.2, 0.1]),
    "cosine": keras.optimizers.schedules.CosineDecay(0.0, 4, alpha=0.1, warmup_target=0.2, warmup_steps=2),
    "polynomial": keras.optimizers.schedules.PolynomialDecay(0.1, 3, 0.01, power=2.0, cycle=True),
    "inverse": keras.optimizers.schedules.InverseTimeDecay(0.1, 2, 0.5),
    "restarts": keras.optimizers.schedules.CosineDecayRestarts(0.1, 2),
}.items():
    show(name, [round(float(schedule(i)), 5) for i in range(6)])
    show(
        f"{name} fit",
        made(keras.optimizers.SGD(schedule, momentum=0.9, nesterov=True)).fit(x, y, epochs=2, **fit).history,
    )

folder = tempfile.mkdtemp()
path = os.path.join(folder, "log.csv")
stop = keras.callbacks.EarlyStopping("loss", patience=0, min_delta=100.0, restore_best_weights=True, start_from_epoch=1)
logs = [stop, keras.callbacks.CSVLogger(path, separator=";"), keras.callbacks.TerminateOnNaN()]
model = made("sgd", metrics=["mae"])
history = model.fit(x, y, epochs=6, callbacks=logs, validation_split=0.25, **fit)
show("stopped", [stop.stopped_epoch, stop.best_epoch if hasattr(stop, "best_epoch") else None, history.epoch])
model.fit(
    x,
    y,
    epochs=1,
    callbacks=[keras.callbacks.CSVLogger(path, append=True, separator=";")],
    validation_split=0.25,
    **fit,
)
with open(path) as file:
    rows = list(csv.reader(file, delimiter=";"))
show("csv", [rows[0], len(rows), [len(r) for r in rows]])
show("initial_epoch", model.fit(x, y, initial_epoch=3, epochs=5, **fit).epoch)
for options in (
    {"clipnorm": 0.1},
    {"clipvalue": 0.01},
    {"global_clipnorm": 0.1},
    {"weight_decay": 0.1},
    {"use_ema": True, "ema_momentum": 0.5},
    {"gradient_accumulation_steps": 2},
):
    model = made(keras.optimizers.SGD(0.1, **options))
    show(str(options), [model.fit(x, y, epochs=2, **fit).history, model.get_layer("d").bias])
    show("variables", [v.path for v in model.optimizer.variables])
model = made(keras.optimizers.AdamW(0.1, weight_decay=0.1))
model.optimizer.exclude_from_weight_decay(var_names=["bias"])
model.fit(x, y, **fit)
show("decayed", [model.get_layer("d").kernel, model.get_layer("d").bias])
show("eager", made("sgd", run_eagerly=True).fit(x, y, **fit).history)
if keras.backend.backend() != "torch":
    show("steps", made("sgd", steps_per_execution=2).fit(x, y, **fit).history)

    class Calls(keras.callbacks.Callback):
        """Shows when a call of several predictions begins and ends, and what it gave."""

        def on_predict_batch_begin(self, batch, logs=None):
            show("prediction begins", batch)

        def on_predict_batch_end(self, batch, logs=None):
            show("prediction ends", [batch, logs["outputs"].shape])

    made("sgd", steps_per_execution=2).predict(x, batch_size=2, callbacks=[Calls()], verbose=0)
notes = []
note = keras.callbacks.LambdaCallback(
    on_epoch_end=lambda epoch, logs: notes.append(sorted(logs)), on_train_batch_begin=lambda b, logs: notes.append(b)
)
made("sgd").fit(x, y, callbacks=[note], **fit)
show("notes", notes)
swap = keras.callbacks.SwapEMAWeights(swap_on_epoch=True)
model = made(keras.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.9))
show("swap", model.fit(x, y, epochs=2, validation_data=(x, y), callbacks=[swap], **fit).history)
backup = keras.callbacks.BackupAndRestore(os.path.join(folder, "backup"), delete_checkpoint=False)
model = made("adam")
model.fit(x, y, epochs=2, callbacks=[backup], **fit)
show("backup", os.path.isdir(os.path.join(folder, "backup")))
show("gradient", [bool(np.isfinite(model.optimizer.get_config()["beta_1"])), sorted(model.optimizer.get_config())])
