"""Quantization: int8 and float8 policies, weights and dtypes afterwards, outputs close by, saved and loaded."""

import os
import tempfile

import keras
import numpy as np
from common import data, fill, show
from keras import layers

inputs = keras.Input((8,))
x = layers.Dense(16, activation="relu", name="first")(inputs)
model = fill(keras.Model(inputs, layers.Dense(4, name="second")(x)))
x = data(4, 8)
before = model.predict(x, verbose=0)
model.quantize("int8")
after = model.predict(x, verbose=0)
show("close", bool(np.max(np.abs(before - after)) < 0.1))
show("outputs", after)
show("policies", [layer.dtype_policy.name for layer in model.layers[1:]])
show("modes", [layer.quantization_mode for layer in model.layers[1:]])
show("variables", [[v.path, v.dtype, list(v.shape)] for v in model.variables])
with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, "q.keras")
    model.save(path)
    show("loaded", keras.saving.load_model(path).predict(x, verbose=0))
embedding = layers.Embedding(6, 4)
embedding.build()
fill(embedding)
embedding.quantize("int8")
show("embedding", embedding(np.array([[0, 5]])))
einsum = layers.EinsumDense("ab,bc->ac", output_shape=5)
einsum.build((None, 8))
fill(einsum)
einsum.quantize("int8")
show("einsum", einsum(x))
made = layers.Dense(3, dtype="int8_from_float32")
made.build((None, 8))
show("made", [[v.path.split("/")[-1], v.dtype] for v in made.variables])
values, scale = keras.quantizers.abs_max_quantize(data(3, 4), axis=-1)
show("abs max", [values, scale])
quantizer = keras.quantizers.AbsMaxQuantizer(axis=0)
show("quantizer", [list(quantizer(data(3, 4))), quantizer.get_config()])
show("fake", keras.quantizers.fake_quant_with_min_max_vars(data(3, 4), -1.0, 1.0))
