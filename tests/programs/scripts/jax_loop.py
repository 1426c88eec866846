"""A loop of one's own on JAX: a pure step under jit, optimizer and metric variables handed on, state put back."""

import jax
import keras
from common import data, fill, labels, show

inputs = keras.Input((6,))
x = keras.layers.Dense(5, activation="relu")(inputs)
x = keras.layers.BatchNormalization()(x)
model = fill(keras.Model(inputs, keras.layers.Dense(3)(x)))
optimizer = keras.optimizers.Adam(0.05)
optimizer.build(model.trainable_variables)
loss_fn = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
metric = keras.metrics.SparseCategoricalAccuracy()


def compute_loss(trainable, non_trainable, metric_variables, x, y):
    logits, updates = model.stateless_call(trainable, non_trainable, x, training=True)
    metric_variables = metric.stateless_update_state(metric_variables, y, logits)
    return loss_fn(y, logits), (updates, metric_variables)


@jax.jit
def train_step(state, batch):
    trainable, non_trainable, optimizer_variables, metric_variables = state
    (loss, (non_trainable, metric_variables)), grads = jax.value_and_grad(compute_loss, has_aux=True)(
        trainable, non_trainable, metric_variables, *batch
    )
    trainable, optimizer_variables = optimizer.stateless_apply(optimizer_variables, grads, trainable)
    return loss, (trainable, non_trainable, optimizer_variables, metric_variables)


groups = (model.trainable_variables, model.non_trainable_variables, optimizer.variables, metric.variables)
state = tuple([v.value for v in group] for group in groups)
xs, ys = data(16, 6), labels(16, 3)
for i in range(4):
    loss, state = train_step(state, (xs[4 * i : 4 * i + 4], ys[4 * i : 4 * i + 4]))
    show("loss", float(loss))
show("metric", metric.stateless_result(state[3]))
for variables, values in zip((model.trainable_variables, model.non_trainable_variables), state[:2]):
    for variable, value in zip(variables, values):
        variable.assign(value)
show("predict", model.predict(xs[:3], verbose=0))
show("optimizer", [[list(v.shape), v.name] for v in optimizer.variables])
