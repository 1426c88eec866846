"""Layers whose result does not depend on what they are given; callbacks that set hooks; what `compile` was given."""

import keras
import numpy as np
from common import data, fill, show
from keras import layers, ops


class Positions(layers.Layer):
    """A code for each position of a sequence."""

    def build(self, shape):
        self.table = self.add_weight(shape=(8, 3), initializer="ones", name="table")

    def call(self, x):
        return self.table[: x.shape[1]]


class Anchors(layers.Layer):
    """A fixed grid, a number and the input."""

    def call(self, x):
        return {"grid": ops.reshape(ops.arange(6, dtype="float32"), (1, 2, 3)), "input": x}


x = keras.Input((5, 3))
code = Positions()(x)
show("code", code)
show("array", Anchors()(x))
model = fill(keras.Model(x, [layers.Dense(2)(x + code), code]))
show("outputs", model.predict(data(2, 5, 3), batch_size=2, verbose=0)[0])
show("only", keras.Model(x, code)(data(2, 5, 3)))
show("shapes", [list(t.shape) for t in model.outputs])


class Late(keras.callbacks.Callback):
    """Starts to listen to batches in the second epoch."""

    def __init__(self):
        super().__init__()
        self.heard = []

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 1:
            self.on_train_batch_end = lambda batch, logs: self.heard.append((batch, sorted(logs)))
            self.on_batch_begin = lambda batch, logs: self.heard.append(batch)

    def on_test_begin(self, logs=None):
        self.on_test_batch_end = lambda batch, logs: self.heard.append(f"test {batch}")


late = Late()
net = fill(keras.Sequential([keras.Input((3,)), layers.Dense(1)]))
show("before", net.get_compile_config())
net.compile("sgd", "mse", metrics=["mae"])
net.fit(data(4, 3), np.ones((4, 1)), batch_size=2, epochs=3, verbose=0, callbacks=[late])
net.evaluate(data(4, 3), np.ones((4, 1)), batch_size=2, verbose=0, callbacks=[late])
show("heard", sorted(map(str, late.heard)))  # Keras runs hooks beside the steps on JAX
net.optimizer.learning_rate = 0.5
config = net.get_compile_config()
rate = config["optimizer"]["config"]["learning_rate"]
show("compiled", [rate, config["loss"], config["metrics"], config["steps_per_execution"]])
other = keras.Sequential([keras.Input((3,)), layers.Dense(1)])
other.compile_from_config(config)
show("rate", [float(ops.convert_to_numpy(other.optimizer.learning_rate)), other.compiled, other.optimizer.built])
form = keras.saving.serialize_keras_object(net)
show("form", [sorted(form), keras.saving.serialize_keras_object(Positions())["module"]])
