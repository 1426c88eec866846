"""Stateless calls: layers, models, metrics and optimizers as functions of their variables, StatelessScope."""

import keras
from common import data, fill, refused, show
from keras import layers, ops

inputs = keras.Input((4,))
x = layers.BatchNormalization(momentum=0.5)(inputs)
model = fill(keras.Model(inputs, layers.Dense(2, activity_regularizer="l2")(x)))
x = data(6, 4)
trainable = [v * 0.5 for v in model.trainable_variables]
outputs, non_trainable = model.stateless_call(trainable, model.non_trainable_variables, x, training=True)
show("outputs", outputs)
show("updates", list(non_trainable))
show("kept", model.non_trainable_variables)
result = model.stateless_call(trainable, non_trainable, x, return_losses=True)
show("losses", [len(result), list(result[2])])
optimizer = keras.optimizers.SGD(0.1, momentum=0.9)
optimizer.build(model.trainable_variables)
gradients = [ops.ones(v.shape) for v in model.trainable_variables]
if keras.backend.backend() != "tensorflow":  # where Keras refuses it
    new, state = optimizer.stateless_apply([v.value for v in optimizer.variables], gradients, trainable)
    show("applied", list(new))
    show("state", [list(v.shape) for v in state])
metric = keras.metrics.MeanSquaredError()
values = metric.stateless_update_state(metric.stateless_reset_state(), ops.ones((2, 1)), ops.zeros((2, 1)))
show("metric", [metric.stateless_result(values), metric.result()])
variable = keras.Variable([1.0, 2.0], name="v")
with keras.StatelessScope(state_mapping=[(variable, ops.array([5.0, 6.0]))]) as scope:
    variable.assign(variable * 2.0)
    show("inside", variable)
show("outside", variable)
show("in scope", scope.get_current_value(variable))
show("too few", refused(lambda: model.stateless_call(trainable[:1], non_trainable, x), ValueError))

# a loop whose body reads and draws in a scope of its own, as samplers of text do
seeds = keras.random.SeedGenerator(1)


def body(state, i, total):
    with keras.StatelessScope(state_mapping=[(seeds.state, state)]) as inner:
        drawn = keras.random.uniform((2,), seed=seeds)
    return inner.get_current_value(seeds.state), i + 1, total + ops.cast(drawn < 1.0, "int32")


def loop(state):
    start = (state, ops.cast(0, "int32"), ops.zeros((2,), "int32"))
    return ops.while_loop(
        lambda *now: ops.convert_to_tensor(True), body, start, maximum_iterations=ops.cast(4, "int32")
    )


call = loop
if keras.backend.backend() == "jax":
    import jax

    call = jax.jit(loop)
for _ in range(2):
    state, steps, total = call(seeds.state.value)
    seeds.state.assign(state)
    show("loop", [steps, total, [int(x) for x in ops.convert_to_numpy(seeds.state)]])
