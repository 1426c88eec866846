"""`python names_of_bases.py FILE`: all names that objects of the bases of user classes have, as JSON.

Runs on Keras and, by `python -m kfront.as_keras`, on kfront.
"""

import json
import sys

import keras
import numpy as np
from keras import layers


class Plain(layers.Layer):
    def call(self, x):
        return x


class Subclass(keras.Model):
    def __init__(self):
        super().__init__()
        self.sub = layers.Dense(2)

    def call(self, x):
        return self.sub(x)


class Loss(keras.losses.Loss):
    def call(self, true, pred):
        return keras.ops.mean(true - pred, -1)


class Descent(keras.optimizers.Optimizer):
    def update_step(self, gradient, variable, learning_rate):
        self.assign_sub(variable, gradient * keras.ops.cast(learning_rate, variable.dtype))


class Constant(keras.optimizers.schedules.LearningRateSchedule):
    def __call__(self, step):
        return 0.1


class Metric(keras.metrics.Metric):
    pass


class Ones(keras.initializers.Initializer):
    def __call__(self, shape, dtype=None):
        return keras.ops.ones(shape, dtype)


def trained(model):
    """The model after a step: what it keeps of the step has names too."""
    model.compile(Descent(learning_rate=0.1), Loss())
    model.fit(np.ones((2, 3)), np.ones((2, 2)), verbose=0)
    return model


x = keras.Input((3,))
plain, wrapper = Plain(), layers.Wrapper(Plain())
plain(np.ones((2, 3)))
wrapper.build((2, 3))
models = [trained(Subclass()), trained(keras.Model(x, layers.Dense(2)(x)))]
models.append(trained(keras.Sequential([keras.Input((3,)), layers.Dense(2)])))
objects = [
    *(plain, wrapper, *models, models[0].optimizer, Loss(), Metric(name="m"), keras.metrics.Mean(), Constant(), Ones()),
    *(keras.callbacks.Callback(), keras.regularizers.Regularizer(), keras.constraints.Constraint()),
    *(keras.Operation(), keras.utils.PyDataset(), keras.dtype_policies.DTypePolicy("float32")),
]
names = {name for one in objects for name in (*dir(one), *getattr(one, "__dict__", ()))}
with open(sys.argv[1], "w") as file:
    json.dump(sorted(names), file)
