"""Gradients of one's own: `ops.custom_gradient`, `stop_gradient`, a straight-through estimator inside a model."""

import keras
from common import data, fill, show
from keras import layers, ops


@ops.custom_gradient
def log1pexp(x):
    e = ops.exp(x)

    def grad(*args, upstream=None):
        upstream = args[0] if upstream is None else upstream
        return ops.multiply(upstream, 1.0 - 1.0 / ops.add(1, e))

    return ops.log(1 + e), grad


show("values", log1pexp(ops.convert_to_tensor([0.0, 1.0, 2.0])))


class Rounded(layers.Layer):
    """Rounds in the forward pass and lets gradients through."""

    def call(self, x):
        return x + ops.stop_gradient(ops.round(x) - x)


class Smooth(layers.Layer):
    def call(self, x):
        return log1pexp(x)


class Frozen(layers.Layer):
    def call(self, x):
        return ops.stop_gradient(x)


x, y = data(8, 3), data(8, 1, seed=1)


def trained(middle):
    inputs = keras.Input((3,))
    model = keras.Model(inputs, layers.Dense(1, name="out")(middle(layers.Dense(4, name="in")(inputs))))
    fill(model)
    model.compile(keras.optimizers.SGD(0.1), "mse")
    before = model.get_layer("in").get_weights()[0].copy()
    history = model.fit(x, y, epochs=2, batch_size=4, shuffle=False, verbose=0).history
    return [history, bool((model.get_layer("in").get_weights()[0] == before).all()), model.predict(x[:2], verbose=0)]


show("rounded", trained(Rounded()))
show("smooth", trained(Smooth()))
show("frozen", trained(Frozen()))
