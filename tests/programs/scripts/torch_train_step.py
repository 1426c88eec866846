"""A `train_step` of one's own on torch, with gradients of the parameters and an own list of metrics."""

import keras
import torch
from common import data, fill, show


class Custom(keras.Model):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.loss_tracker = keras.metrics.Mean(name="loss")
        self.mae_metric = keras.metrics.MeanAbsoluteError(name="mae")
        self.loss_fn = keras.losses.MeanSquaredError()

    def train_step(self, batch):
        x, y = batch
        y_pred = self(x, training=True)
        loss = self.loss_fn(y, y_pred)
        self.zero_grad()
        trainable = [v for v in self.trainable_weights]
        loss.backward()
        gradients = [v.value.grad for v in trainable]
        with torch.no_grad():
            self.optimizer.apply(gradients, trainable)
        self.loss_tracker.update_state(loss)
        self.mae_metric.update_state(y, y_pred)
        return {"loss": self.loss_tracker.result(), "mae": self.mae_metric.result()}

    @property
    def metrics(self):
        return [self.loss_tracker, self.mae_metric]


inputs = keras.Input((4,))
model = fill(Custom(inputs, keras.layers.Dense(1)(inputs)))
model.compile(optimizer=keras.optimizers.Adam(0.1))
x, y = data(8, 4), data(8, 1, seed=1)
show("fit", model.fit(x, y, batch_size=4, epochs=3, shuffle=False, verbose=0).history)
show("metrics", [m.name for m in model.metrics])
show("weights", model.get_weights())
show("module", isinstance(model, torch.nn.Module))
show("parameters", sorted(list(p.shape) for p in model.parameters()))
