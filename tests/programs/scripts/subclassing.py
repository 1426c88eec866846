"""Layers and models as subclasses: build, add_weight, add_loss, nested layers, training, get_config."""

import keras
from common import data, fill, show
from keras import layers, ops


class Linear(layers.Layer):
    def __init__(self, units=4, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def build(self, input_shape):
        self.w = self.add_weight(shape=(input_shape[-1], self.units), initializer="random_normal", name="w")
        self.b = self.add_weight(shape=(self.units,), initializer="zeros", trainable=True, name="b")

    def call(self, inputs):
        return ops.matmul(inputs, self.w) + self.b

    def get_config(self):
        return {**super().get_config(), "units": self.units}


class ActivityRegularization(layers.Layer):
    def call(self, inputs):
        self.add_loss(1e-2 * ops.mean(ops.square(inputs)))
        return inputs


class MLP(keras.Model):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.first = Linear(5, name="first")
        self.regular = ActivityRegularization()
        self.second = Linear(1, name="second")
        self.drop = layers.Dropout(0.5)

    def call(self, inputs, training=False):
        x = self.regular(ops.relu(self.first(inputs)))
        if training:
            x = x * 2.0
        return self.second(self.drop(x, training=False))


model = MLP(name="mlp")
x, y = data(8, 3), data(8, 1, seed=5)
model(x)
fill(model)
show("paths", [w.path for w in model.weights])
show("counts", [len(model.trainable_weights), len(model.non_trainable_weights), len(model.losses)])
show("training", model(x, training=True)[:2])
show("loss", model.losses)
model.compile(keras.optimizers.SGD(0.05), loss="mse", metrics=["mae"])
show("history", model.fit(x, y, batch_size=4, epochs=2, shuffle=False, verbose=0).history)
model.first.trainable = False
show("frozen", [len(model.trainable_weights), len(model.non_trainable_weights)])
show("config", model.first.get_config()["units"])
show("clone", Linear.from_config(model.first.get_config())(x).shape[-1])
