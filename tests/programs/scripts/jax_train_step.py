"""A `train_step` of one's own on JAX: stateless calls, state in and out, metrics by hand."""

import jax
import keras
from common import data, fill, show


class Custom(keras.Model):
    def compute_loss_and_updates(self, trainable, non_trainable, x, y, training=False):
        y_pred, non_trainable = self.stateless_call(trainable, non_trainable, x, training=training)
        return self.compute_loss(x, y, y_pred), (y_pred, non_trainable)

    def train_step(self, state, batch):
        trainable, non_trainable, optimizer_variables, metrics_variables = state
        x, y = batch
        grad_fn = jax.value_and_grad(self.compute_loss_and_updates, has_aux=True)
        (loss, (y_pred, non_trainable)), grads = grad_fn(trainable, non_trainable, x, y, training=True)
        trainable, optimizer_variables = self.optimizer.stateless_apply(optimizer_variables, grads, trainable)
        new, logs = [], {}
        for metric in self.metrics:
            this = metrics_variables[len(new) : len(new) + len(metric.variables)]
            if metric.name == "loss":
                this = metric.stateless_update_state(this, loss)
            else:
                this = metric.stateless_update_state(this, y, y_pred)
            logs[metric.name] = metric.stateless_result(this)
            new += this
        return logs, (trainable, non_trainable, optimizer_variables, new)


inputs = keras.Input((4,))
model = fill(Custom(inputs, keras.layers.Dense(1)(keras.layers.BatchNormalization()(inputs))))
model.compile(optimizer=keras.optimizers.SGD(0.1), loss="mse", metrics=["mae"])
x, y = data(8, 4), data(8, 1, seed=1)
show("fit", model.fit(x, y, batch_size=4, epochs=3, shuffle=False, verbose=0).history)
show("weights", model.get_weights())
