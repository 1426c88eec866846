"""Parts of one's own: losses, metrics, callbacks, activations, initializers, regularizers, constraints, files."""

import os
import tempfile

import keras
from common import data, fill, refused, show
from keras import layers, ops


@keras.saving.register_keras_serializable("book")
class Within(keras.losses.Loss):
    def __init__(self, limit=1.0, **kwargs):
        super().__init__(**kwargs)
        self.limit = limit

    def call(self, y_true, y_pred):
        error = ops.abs(y_true - y_pred)
        return ops.mean(ops.where(error < self.limit, error**2, 2 * error - 1), axis=-1)

    def get_config(self):
        return {**super().get_config(), "limit": self.limit}


@keras.saving.register_keras_serializable("book")
class Share(keras.metrics.Metric):
    def __init__(self, limit=0.5, **kwargs):
        super().__init__(**kwargs)
        self.limit = limit
        self.total = self.add_weight(shape=(), initializer="zeros", name="total")
        self.count = self.add_variable(shape=(), initializer="zeros", name="count")

    def update_state(self, y_true, y_pred, sample_weight=None):
        hit = ops.cast(ops.abs(y_true - y_pred) < self.limit, "float32")
        if sample_weight is not None:
            hit = hit * ops.cast(ops.reshape(sample_weight, (-1, 1)), "float32")
        self.total.assign_add(ops.sum(hit))
        self.count.assign(self.count + ops.cast(ops.size(y_true), "float32"))

    def result(self):
        return {"share": ops.divide(self.total, self.count), "seen": ops.convert_to_tensor(self.count)}

    def get_config(self):
        return {**super().get_config(), "limit": self.limit}


@keras.saving.register_keras_serializable("book")
def leaky(x):
    return ops.where(x < 0, 0.1 * x, x)


@keras.saving.register_keras_serializable("book")
class Ramp(keras.initializers.Initializer):
    def __init__(self, step=0.1):
        self.step = step

    def __call__(self, shape, dtype=None, **kwargs):
        return ops.reshape(ops.arange(int(ops.prod(shape)), dtype=dtype) * self.step, shape)

    def get_config(self):
        return {"step": self.step}


@keras.saving.register_keras_serializable("book")
class Fourth(keras.regularizers.Regularizer):
    def __init__(self, rate):
        self.rate = rate

    def __call__(self, x):
        return self.rate * ops.sum(x**4)

    def get_config(self):
        return {"rate": self.rate}


@keras.saving.register_keras_serializable("book")
class Below(keras.constraints.Constraint):
    def __call__(self, w):
        return ops.minimum(w, 0.5)


class Steps(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.seen = []

    def on_train_begin(self, logs=None):
        self.seen.append(("train begins", sorted(logs or {}), self.params["epochs"], self.model.name))

    def on_train_end(self, logs=None):
        self.seen.append(("train ends", sorted(logs or {})))

    def on_epoch_begin(self, epoch, logs=None):
        self.seen.append(("epoch begins", epoch, sorted(logs or {})))

    def on_epoch_end(self, epoch, logs=None):
        self.seen.append(("epoch ends", epoch, sorted(logs or {})))

    def on_train_batch_begin(self, batch, logs=None):
        self.seen.append(("batch begins", batch, sorted(logs or {})))

    def on_train_batch_end(self, batch, logs=None):
        self.seen.append(("batch ends", batch, {k: round(float(v), 3) for k, v in logs.items()}))

    def on_test_begin(self, logs=None):
        self.seen.append(("test begins", sorted(logs or {})))

    def on_test_end(self, logs=None):
        self.seen.append(("test ends", sorted(logs or {})))

    def on_test_batch_end(self, batch, logs=None):
        self.seen.append(("test batch ends", batch, sorted(logs or {})))

    def on_predict_batch_end(self, batch, logs=None):
        self.seen.append(("predicted", batch, {k: list(v.shape) for k, v in logs.items()}))


inputs = keras.Input((3,))
hidden = layers.Dense(
    4, leaky, kernel_initializer=Ramp(0.05), kernel_regularizer=Fourth(0.01), kernel_constraint=Below()
)
model = keras.Model(
    inputs, layers.Dense(1, bias_regularizer="l2", activity_regularizer=keras.regularizers.L1(0.1))(hidden(inputs))
)
show("initial", hidden.kernel)
show("loss repr", [Within().name, Within(name="x", reduction="sum").reduction, Within().get_config()])
fill(model)
show("losses", [float(v) for v in model.losses])
model.compile(keras.optimizers.SGD(0.5), Within(0.3), metrics=[Share(name="near"), "mae", lambda y, p: ops.mean(y - p)])
x, y = data(6, 3), data(6, 1, seed=5)
steps = Steps()
model.predict(x, batch_size=4, callbacks=[steps], verbose=0)
history = model.fit(x, y, epochs=1, batch_size=3, verbose=0, shuffle=False, validation_split=0.34, callbacks=[steps])
show("history", history.history)
for call in steps.seen:
    show("call", call)
show("constrained", float(ops.max(hidden.kernel)))
show("evaluate", model.evaluate(x, y, verbose=0, return_dict=True, sample_weight=data(6, seed=7) ** 2))
show("list", model.evaluate(x, y, verbose=0))
path = os.path.join(tempfile.mkdtemp(), "own.keras")
model.compile(keras.optimizers.SGD(0.5), Within(0.3), metrics=[Share(name="near"), "mae"])
model.save(path)
again = keras.saving.load_model(path)
show("again", [again.loss.limit, again.layers[1].activation.__name__, again.layers[1].kernel_initializer.step])
show("same", bool(ops.all(ops.isclose(again(x), model(x)))))
show("reset", [float(v) for v in Share().variables])
near = Share()
near.update_state(y[:2], y[:2])
show("result", near.result())
show("call", near(y[:2], y[:2] + 1))
near.reset_state()
show("after reset", [float(v) for v in near.variables])
show(
    "registered", [keras.saving.get_registered_name(Within), keras.saving.get_registered_object("book>leaky") is leaky]
)
show("unknown", refused(lambda: keras.losses.get("book>No"), ValueError))
show("serialized", keras.saving.serialize_keras_object(hidden)["config"]["kernel_regularizer"])
