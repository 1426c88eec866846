"""Optimizers: all of them for three steps, clipping, weight decay, EMA, gradient accumulation, slots, exclusions."""

import keras
from common import data, fill, show
from keras import ops, optimizers

gradients = [data(3, 2, seed=i) for i in range(4)]
for make in (
    optimizers.SGD, optimizers.RMSprop, optimizers.Adam, optimizers.AdamW, optimizers.Adadelta, optimizers.Adagrad,
    optimizers.Adamax, optimizers.Adafactor, optimizers.Nadam, optimizers.Ftrl, optimizers.Lion, optimizers.Lamb,
):  # fmt: skip
    optimizer = make(learning_rate=0.1)
    variable = keras.Variable(data(3, 2, seed=9), name="v")
    for g in gradients[:3]:
        optimizer.apply([ops.convert_to_tensor(g)], [variable])
    show(optimizer.name, variable)
    show("slots", [[v.path, list(v.shape)] for v in optimizer.variables])
    show("config", sorted(optimizer.get_config()))
options = {
    "clipnorm": {"clipnorm": 0.5},
    "global": {"global_clipnorm": 0.5},
    "value": {"clipvalue": 0.1},
    "decay": {"weight_decay": 0.1},
    "momentum": {"momentum": 0.9, "nesterov": True},
    "accumulated": {"gradient_accumulation_steps": 2},
    "average": {"use_ema": True, "ema_momentum": 0.5, "ema_overwrite_frequency": 2},
}
for name, option in options.items():
    optimizer = optimizers.SGD(0.1, **option)
    variables = [keras.Variable(data(3, 2, seed=9), name="kernel"), keras.Variable(data(2, seed=8), name="bias")]
    if name == "decay":
        optimizer.exclude_from_weight_decay(var_names=["bias"])
    optimizer.build(variables)
    for g in gradients:
        optimizer.apply([ops.convert_to_tensor(g), ops.convert_to_tensor(g[0])])
    show(name, [variables, int(optimizer.iterations), len(optimizer.variables)])
model = fill(keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)]))
model.compile(optimizers.SGD(0.1, use_ema=True, ema_momentum=0.5), "mse")
model.fit(data(8, 3), data(8, 1), batch_size=4, shuffle=False, verbose=0)
show("before", model.get_weights())
model.optimizer.finalize_variable_values(model.trainable_variables)
show("averaged", model.get_weights())
