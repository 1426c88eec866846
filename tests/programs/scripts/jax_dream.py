"""Gradients on JAX: of inputs, second derivatives, vmap over models' inputs, steps of one's own, `scan`."""

import jax
import jax.numpy as jnp
import keras
from common import data, fill, show
from keras import layers

inputs = keras.Input((8, 8, 3))
x = layers.Conv2D(4, 3, activation="tanh", name="conv")(inputs)
model = fill(keras.Model(inputs, layers.Dense(2)(layers.GlobalAveragePooling2D()(x))))
trainable, rest = [v.value for v in model.trainable_variables], [v.value for v in model.non_trainable_variables]


def score(image):
    return model.stateless_call(trainable, rest, image[None])[0][0, 1]


image = jnp.asarray(data(8, 8, 3))
show("saliency", jnp.abs(jax.grad(score)(image)).max(-1)[:3])
show("jit", float(jax.jit(score)(image)))
show("several", jax.vmap(score)(jnp.asarray(data(3, 8, 8, 3))))
field = fill(keras.Sequential([keras.Input((3,)), layers.Dense(5, activation="tanh"), layers.Dense(1)]))
weights = [v.value for v in field.trainable_variables]


def value(weights, point):
    return field.stateless_call(weights, [], point[None])[0][0, 0]


points = jnp.asarray(data(4, 3))
show("slopes", jax.vmap(jax.grad(value, 1), (None, 0))(weights, points))
show("curvature", jax.vmap(lambda p: jnp.diag(jax.hessian(value, 1)(weights, p)))(points))
optimizer = keras.optimizers.Adam(0.05)
optimizer.build(field.trainable_variables)
state = [v.value for v in optimizer.variables]


def loss(weights, x, y):
    out, _ = field.stateless_call(weights, [], x)
    return jnp.mean((out[:, 0] - y) ** 2)


@jax.jit
def step(weights, state, x, y):
    found, gradients = jax.value_and_grad(loss)(weights, x, y)
    weights, state = optimizer.stateless_apply(state, gradients, weights)
    return weights, state, found


target = jnp.asarray(data(4, seed=6))
for _ in range(3):
    weights, state, found = step(weights, state, points, target)
    show("loss", float(found))
scanned = jax.lax.scan(lambda c, p: (c + value(weights, p), c), jnp.zeros(()), points)
show("scan", scanned)
for variable, new in zip(field.trainable_variables, weights):
    variable.assign(new)
show("put back", field.predict(data(4, 3), verbose=0))
show("leaves", [len(jax.tree_util.tree_leaves(weights)), len(state)])
