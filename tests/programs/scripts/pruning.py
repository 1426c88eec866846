"""Smaller networks: small weights set to zero by a callback, kept there by a constraint, quantized copies."""

import os
import tempfile

import keras
import numpy as np
from common import data, fill, show
from keras import layers, ops


class Masked(keras.constraints.Constraint):
    """Keeps at zero what was cut off."""

    def __init__(self, kept):
        self.kept = kept

    def __call__(self, weight):
        return weight * ops.convert_to_tensor(self.kept, weight.dtype)


class Prune(keras.callbacks.Callback):
    """Sets the smallest part of each kernel to zero after each epoch."""

    def __init__(self, shares):
        super().__init__()
        self.shares = shares

    def on_epoch_end(self, epoch, logs=None):
        for layer in self.model.layers:
            if hasattr(layer, "kernel"):
                kernel = np.asarray(ops.convert_to_numpy(layer.kernel))
                limit = np.quantile(np.abs(kernel), self.shares[epoch])
                layer.kernel.assign(np.where(np.abs(kernel) < limit, 0, kernel))


x, y = data(16, 8), data(16, 2, seed=1)


def new_model():
    return fill(
        keras.Sequential([keras.Input((8,)), layers.Dense(6, activation="relu", name="a"), layers.Dense(2, name="b")])
    )


def zeros(model):
    return [float(np.mean(layer.get_weights()[0] == 0)) for layer in model.layers]


model = new_model()
model.compile(keras.optimizers.SGD(0.05), "mse")
show("pruned", model.fit(x, y, epochs=2, batch_size=8, shuffle=False, verbose=0, callbacks=[Prune([0.3, 0.5])]).history)
show("zeros", zeros(model))
for layer in model.layers:
    layer.kernel.constraint = Masked(layer.get_weights()[0] != 0)
model.compile(keras.optimizers.SGD(0.05), "mse")
show("trained on", model.fit(x, y, epochs=2, batch_size=8, shuffle=False, verbose=0).history)
show("still zero", zeros(model))
float_outputs = model.predict(x, verbose=0)
copy = keras.models.clone_model(model)
copy.set_weights(model.get_weights())
copy.quantize("int8")
near = np.abs(copy.predict(x, verbose=0) - float_outputs).max() / np.abs(float_outputs).max()
show("int8 is near", bool(near < 0.05))
show("dtypes", [keras.backend.standardize_dtype(w.dtype) for w in copy.weights])
show("zeros stay", [float(np.mean(np.asarray(layer.get_weights()[1]) == 0) > 0.4) for layer in copy.layers])
filtered = new_model()
filtered.quantize("int8", filters=["a"])
show("filtered", [layer.quantization_mode for layer in filtered.layers])
with tempfile.TemporaryDirectory() as folder:
    paths = [os.path.join(folder, f"{n}.weights.h5") for n in ("float", "int8")]
    wide = keras.Sequential([keras.Input((256,)), layers.Dense(256)])
    wide.save_weights(paths[0])
    wide.quantize("int8")
    wide.save_weights(paths[1])
    show("smaller", os.path.getsize(paths[1]) < os.path.getsize(paths[0]) / 2)
one_sign = keras.Sequential([keras.Input((8,)), layers.Dense(3, kernel_initializer=keras.initializers.Constant(0.5))])
one_sign.layers[0].kernel.assign(np.abs(data(8, 3, seed=7)) + 0.1)
one_sign.quantize("int4")
show("int4 of one sign", one_sign.predict(x[:2], verbose=0))
show("grouped", [one_sign.layers[0].kernel_scale, one_sign.layers[0].kernel_zero])
