"""A `train_step` and a `test_step` of one's own on TensorFlow, with metrics and sample weights."""

import keras
import tensorflow as tf
from common import data, fill, show

tracker = keras.metrics.Mean(name="loss")
mae = keras.metrics.MeanAbsoluteError(name="mae")


class Custom(keras.Model):
    def train_step(self, batch):
        x, y, weight = batch if len(batch) == 3 else (*batch, None)
        with tf.GradientTape() as tape:
            y_pred = self(x, training=True)
            loss = self.compute_loss(x=x, y=y, y_pred=y_pred, sample_weight=weight)
        gradients = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply(gradients, self.trainable_variables)
        for metric in self.metrics:
            if metric.name == "loss":
                metric.update_state(loss)
            else:
                metric.update_state(y, y_pred, sample_weight=weight)
        return {m.name: m.result() for m in self.metrics}

    def test_step(self, batch):
        x, y = batch
        tracker.update_state(keras.losses.mean_squared_error(y, self(x, training=False)))
        return {"loss": tracker.result()}


inputs = keras.Input((4,))
model = fill(Custom(inputs, keras.layers.Dense(1)(inputs)))
model.compile(optimizer=keras.optimizers.SGD(0.1), loss="mse", weighted_metrics=["mae"])
x, y = data(8, 4), data(8, 1, seed=1)
show("plain", model.fit(x, y, batch_size=4, epochs=2, shuffle=False, verbose=0).history)
weight = abs(data(8, seed=6))
show("weighted", model.fit(x, y, sample_weight=weight, batch_size=4, shuffle=False, verbose=0).history)
show("evaluate", model.evaluate(x, y, verbose=0, return_dict=True))
show("weights", model.get_weights())


class Older(keras.Model):
    """A step in the form of Keras 2."""

    def train_step(self, batch):
        x, y, weight = batch
        with tf.GradientTape() as tape:
            y_pred = self(x, training=True)
            loss = self.compiled_loss(y, y_pred, sample_weight=weight, regularization_losses=self.losses)
        gradients = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_variables, strict=True))
        self.compiled_metrics.update_state(y, y_pred, sample_weight=weight)
        return {"loss": loss} | {m.name: m.result() for m in self.metrics if m.name != "loss"}


model = fill(Older(inputs, keras.layers.Dense(1, kernel_regularizer="l2")(inputs)))
model.compile(keras.optimizers.SGD(0.1), "mse", metrics=["mae"], weighted_metrics=["mse"])
history = model.fit(x, y, sample_weight=weight, batch_size=4, epochs=2, shuffle=False, verbose=0).history
show("as in Keras 2", history)
show("weights of it", model.get_weights())
