"""The order in which a functional model runs its layers, and lists them: a shared layer's state depends on it."""

import random

import keras
import numpy as np
from common import show
from keras import layers, ops

ran = []


class Noted(layers.Layer):
    def call(self, x):
        ran.append(self.name)
        return sum(x[1:], x[0]) if isinstance(x, (list, tuple)) else x

    def compute_output_spec(self, x):
        return keras.KerasTensor(x[0].shape if isinstance(x, (list, tuple)) else x.shape)


for seed in range(40):
    draw = random.Random(seed)
    keras.utils.clear_session()
    keras.config.set_dtype_policy("mixed_bfloat16" if seed % 4 == 3 else "float32")
    inputs = [keras.Input((2,), name=f"input{i}") for i in range(draw.randint(1, 3))]
    tensors = list(inputs)
    shared = Noted(name="shared")
    for i in range(8):
        taken = [draw.choice(tensors) for _ in range(draw.randint(1, 3))]
        layer = shared if draw.random() < 0.3 else Noted(name=f"layer{i}")
        tensors.append(layer(taken[0] if len(taken) == 1 else taken))
    model = keras.Model(inputs, draw.sample(tensors[len(inputs) :], draw.randint(1, 3)))
    ran.clear()
    model([ops.ones((1, 2))] * len(inputs))
    show(f"model {seed}", [ran, [operation.name for operation in model.operations]])
    show("what layers are given", [[x.dtype for x in keras.tree.flatten(layer.input)] for layer in model.layers[-2:]])
keras.config.set_dtype_policy("float32")

# a layer that moves its state at each call, on two inputs of the same depth
one, two = keras.Input((4,)), keras.Input((4,))
norm = layers.SpectralNormalization(layers.Dense(4, kernel_initializer=keras.initializers.Identity()))
first = norm(one)
second = norm(two)
model = keras.Model([one, two], [second, first])
norm.layer.kernel.assign(np.arange(16.0).reshape(4, 4) / 8)
norm.vector_u.assign(np.ones(tuple(norm.vector_u.shape)) / 2)
show("in training", model([np.ones((1, 4), "float32")] * 2, training=True))
