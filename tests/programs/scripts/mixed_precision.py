"""Mixed precision: the global policy, compute and variable dtypes, policies of layers, loss scaling, fit."""

import keras
from common import data, fill, labels, show
from keras import layers

keras.config.set_dtype_policy("mixed_float16")
policy = keras.config.dtype_policy()
show("policy", [policy.name, policy.compute_dtype, policy.variable_dtype])
inputs = keras.Input((6,))
hidden = layers.Dense(5, activation="relu", name="hidden")
x = hidden(inputs)
outputs = layers.Dense(3, activation="softmax", dtype="float32", name="top")(x)
model = fill(keras.Model(inputs, outputs))
show("tensors", [x, outputs])
show("layer", [hidden.dtype, hidden.compute_dtype, hidden.variable_dtype])
show("kernel", keras.backend.standardize_dtype(hidden.kernel.dtype))
show("norm", layers.LayerNormalization().dtype_policy.name)
model.compile(keras.optimizers.SGD(0.1), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
show("optimizer", [type(model.optimizer).__name__, type(model.optimizer.inner_optimizer).__name__])
show("scale", [model.optimizer.initial_scale, model.optimizer.dynamic_growth_steps])
history = model.fit(data(8, 6), labels(8, 3), batch_size=4, epochs=2, shuffle=False, verbose=0).history
show("keys", sorted(history))
show("loss", [round(v, 2) for v in history["loss"]])
show("iterations", int(model.optimizer.iterations))
keras.config.set_dtype_policy("float32")
eager = keras.backend.backend() != "jax"  # where Keras scales within compiled steps alone
scaled = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.5), initial_scale=8.0, dynamic_growth_steps=1)
variable = keras.Variable([1.0, 2.0])
scaled.build([variable])
if eager:
    scaled.apply([keras.ops.array([8.0, 16.0])])
show("applied", [variable, scaled.dynamic_scale])
if eager:
    scaled.apply([keras.ops.array([float("nan"), 0.0])])
show("skipped", [variable, scaled.dynamic_scale])
show("scaled loss", scaled.scale_loss(keras.ops.array(2.0)))
bfloat = layers.Dense(2, dtype="mixed_bfloat16")
show("bfloat16", bfloat(data(2, 3)).shape)
show("names", [keras.DTypePolicy("bfloat16").compute_dtype, bfloat.dtype_policy.get_config()])
layer = layers.Dense(2, dtype=keras.DTypePolicy("float64"))
show("float64", [layer.compute_dtype, keras.config.floatx()])
