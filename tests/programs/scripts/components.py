"""Parts of one's own: activations, initializers, regularizers, constraints, Lambda layers, all saved and loaded."""

import os
import tempfile

import keras
import numpy as np
from common import data, show
from keras import layers, ops


@keras.saving.register_keras_serializable("parts")
def bent(x):
    return ops.where(x > 0, x, 0.1 * ops.tanh(x))


@keras.saving.register_keras_serializable("parts")
class Ramp(keras.initializers.Initializer):
    """Numbers that rise from 0 to a limit."""

    def __init__(self, limit=1.0):
        self.limit = limit

    def __call__(self, shape, dtype=None):
        values = np.linspace(0, self.limit, int(np.prod(shape))).reshape(shape)
        return ops.convert_to_tensor(values, dtype=dtype or "float32")

    def get_config(self):
        return {"limit": self.limit}


@keras.saving.register_keras_serializable("parts")
class Sums(keras.regularizers.Regularizer):
    """A penalty on columns that do not sum to a target."""

    def __init__(self, target, rate):
        self.target, self.rate = target, rate

    def __call__(self, w):
        return self.rate * ops.sum(ops.square(ops.sum(w, axis=0) - self.target))

    def get_config(self):
        return {"target": self.target, "rate": self.rate}


@keras.saving.register_keras_serializable("parts")
class Centered(keras.constraints.Constraint):
    def __call__(self, w):
        return w - ops.mean(w, axis=0, keepdims=True)


model = keras.Sequential(
    [
        keras.Input((3,)),
        layers.Dense(
            4,
            activation=bent,
            kernel_initializer=Ramp(0.5),
            kernel_regularizer=Sums(1.0, 0.01),
            bias_constraint="non_neg",
        ),
        layers.Activation(bent),
        layers.Dense(2, kernel_initializer=Ramp(), kernel_constraint=Centered(), activity_regularizer="l2"),
    ]
)
x, y = data(8, 3), data(8, 2, seed=1)
show("losses", [float(v) for v in model.losses[:1]])
model.compile(keras.optimizers.SGD(0.05), "mse")
show("history", model.fit(x, y, epochs=2, batch_size=4, shuffle=False, verbose=0).history)
show("centered", model.layers[-1].get_weights()[0].mean(axis=0))
config = model.layers[0].get_config()
show("config", {k: config[k] for k in ("activation", "kernel_initializer", "kernel_regularizer", "bias_constraint")})
with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, "parts.keras")
    model.save(path)
    again = keras.saving.load_model(path)
show("loaded", float(np.abs(again.predict(x, verbose=0) - model.predict(x, verbose=0)).max()))
doubled = layers.Lambda(lambda t, times: t * times, arguments={"times": 3.0})
show("lambda", doubled(x[:2]))
shaped = layers.Lambda(lambda t: t[:, :1], output_shape=(1,))
show("shape", list(keras.Model(i := keras.Input((3,)), shaped(i)).output_shape))
show("named", [keras.activations.get("relu")(np.array([-1.0, 2.0], "float32")), keras.activations.get(bent) is bent])
show("serialized", keras.activations.serialize(bent))
show("functions", [f(x[:1]) for f in (keras.activations.mish, keras.activations.hard_silu)])
with keras.saving.custom_object_scope({"Ramped": Ramp}):
    show("scoped", keras.initializers.get("Ramped")((2, 2)))
show("registered", keras.saving.get_registered_name(Ramp))
