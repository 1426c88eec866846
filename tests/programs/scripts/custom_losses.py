"""Losses and metrics of one's own: functions, classes, reductions, weights, trackers."""

import keras
import numpy as np
from common import data, fill, labels, show
from keras import ops


@keras.saving.register_keras_serializable()
def log_cosh_like(y_true, y_pred):
    return ops.mean(ops.log(ops.cosh(y_pred - y_true)), axis=-1)


class Regularized(keras.losses.Loss):
    def __init__(self, factor=0.1, name="regularized", **kwargs):
        super().__init__(name=name, **kwargs)
        self.factor = factor

    def call(self, y_true, y_pred):
        return ops.mean(ops.square(y_true - y_pred), axis=-1) + self.factor * ops.mean(ops.square(0.5 - y_pred), -1)

    def get_config(self):
        return {**super().get_config(), "factor": self.factor}


class TruePositives(keras.metrics.Metric):
    def __init__(self, name="hits", **kwargs):
        super().__init__(name=name, **kwargs)
        self.hits = self.add_variable(shape=(), initializer="zeros", name="hits")

    def update_state(self, y_true, y_pred, sample_weight=None):
        guess = ops.reshape(ops.argmax(y_pred, axis=1), (-1, 1))
        values = ops.cast(ops.cast(ops.reshape(y_true, (-1, 1)), "int32") == ops.cast(guess, "int32"), "float32")
        if sample_weight is not None:
            values = values * ops.reshape(ops.cast(sample_weight, "float32"), (-1, 1))
        self.hits.assign_add(ops.sum(values))

    def result(self):
        return self.hits.value

    def reset_state(self):
        self.hits.assign(0.0)


y, p = data(4, 3), data(4, 3, seed=1)
for reduction in ("sum_over_batch_size", "sum", "none", "mean", None):
    loss = Regularized(reduction=reduction)
    show(f"reduction {reduction}", [loss(y, p), loss(y, p, sample_weight=[1.0, 0.0, 2.0, 1.0])])
show("config", Regularized(0.3).get_config())
show("function", keras.losses.get(log_cosh_like)(y, p))
model = fill(keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, activation="softmax")]))
x, classes = data(8, 4), labels(8, 3)
model.compile("sgd", loss=log_cosh_like, metrics=[log_cosh_like])
show("keys", model.fit(x, keras.utils.to_categorical(classes, 3), batch_size=4, shuffle=False, verbose=0).history)
model.compile("sgd", "sparse_categorical_crossentropy", metrics=[TruePositives()], weighted_metrics=["accuracy"])
show("history", model.fit(x, classes, batch_size=4, epochs=2, shuffle=False, verbose=0).history)
weights = [1.0, 2.0, 0.0, 1.0, 1.0, 0.5, 1.0, 1.0]
show("weighted", model.evaluate(x, classes, sample_weight=np.array(weights), verbose=0, return_dict=True))
mean = keras.metrics.MeanMetricWrapper(keras.losses.mean_squared_error, name="wrapped")
show("wrapped", mean(y, p))
total = keras.metrics.Sum()
total.update_state([1.0, 2.0])
total.update_state([3.0])
show("sum", [total.result(), [v.name for v in total.variables]])
