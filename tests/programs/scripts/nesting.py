"""Models within models: Sequential, functional and subclassed ones as layers of others, weights, freezing, files."""

import os
import tempfile

import keras
import numpy as np
from common import data, fill, show
from keras import layers


@keras.saving.register_keras_serializable("nesting")
class Head(keras.Model):
    """A model of its own that stands in others as a layer."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.body = [layers.Dense(units, activation="relu"), layers.Dense(units)]
        self.scale = {"out": layers.Dense(1)}

    def call(self, x, training=False):
        for layer in self.body:
            x = layer(x)
        return self.scale["out"](x)

    def get_config(self):
        return {**super().get_config(), "units": self.units}


tower = keras.Sequential(
    [keras.Input((4,)), layers.Dense(3, activation="tanh"), layers.BatchNormalization()], name="tower"
)
a, b = keras.Input((4,), name="a"), keras.Input((4,), name="b")
pair = keras.Model([a, b], layers.Concatenate()([tower(a), tower(b)]), name="pair")
u, v = keras.Input((4,), name="u"), keras.Input((4,), name="v")
model = keras.Model([u, v], Head(5, name="head")(pair([u, v])), name="whole")
fill(model)
x, y = [data(8, 4), data(8, 4, seed=3)], data(8, 1, seed=4)
show("layers", [layer.name for layer in model.layers])
show("inner", [layer.name for layer in model.get_layer("pair").layers if not isinstance(layer, layers.InputLayer)])
show("paths", [w.path for w in tower.weights])
show("counts", [model.count_params(), len(model.trainable_weights), len(model.non_trainable_weights)])
before = model.predict(x, verbose=0)
show("before", before)
show("by hand", float(np.abs(keras.ops.convert_to_numpy(model.get_layer("head")(pair(x))) - before).max()))
model.compile(keras.optimizers.SGD(0.1), "mse")
show("history", model.fit(x, y, epochs=2, batch_size=4, shuffle=False, verbose=0).history)
show("statistics moved", bool(np.abs(tower.layers[-1].get_weights()[2]).max() > 0))
tower.trainable = False
show("frozen", [len(model.trainable_weights), len(model.non_trainable_weights), tower.layers[0].trainable])
model.compile(keras.optimizers.SGD(0.1), "mse")
kernel = tower.layers[0].get_weights()[0].copy()
model.fit(x, y, verbose=0, shuffle=False)
show("kept", bool((kernel == tower.layers[0].get_weights()[0]).all()))
with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, "whole.keras")
    model.save(path)
    again = keras.saving.load_model(path)
show("loaded", float(np.abs(again.predict(x, verbose=0) - model.predict(x, verbose=0)).max()))
show("still shared", len(again.weights) == len(model.weights))
flat = list(model._flatten_layers()) if hasattr(model, "_flatten_layers") else []
show("flat", sorted({type(layer).__name__ for layer in flat}))
rest = keras.Model(pair.inputs, pair.get_layer("tower")(pair.inputs[0]))
show("part", list(rest.predict(x[0][:2] if len(rest.inputs) == 1 else x, verbose=0).shape))
