"""Model and layer subclasses: configs, builds, files, losses of layers, freezing, members that hold layers."""

import os
import tempfile

import keras
from common import data, fill, labels, refused, same, show
from keras import layers, ops


@keras.saving.register_keras_serializable("book")
class Scaled(layers.Layer):
    def __init__(self, units, penalty=0.0, **kwargs):
        super().__init__(**kwargs)
        self.units, self.penalty = units, penalty

    def build(self, input_shape):
        self.w = self.add_weight(shape=(input_shape[-1], self.units), initializer="glorot_uniform", name="w")
        self.scale = self.add_weight(shape=(self.units,), initializer="ones", trainable=False, name="scale")
        self.built = True

    def call(self, inputs, training=False):
        out = ops.matmul(inputs, self.w) * self.scale
        self.add_loss(self.penalty * ops.mean(ops.square(out)))
        return out if not training else out + 0.0

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.units)

    def get_config(self):
        return {**super().get_config(), "units": self.units, "penalty": self.penalty}


@keras.saving.register_keras_serializable("book")
class Residual(keras.Model):
    def __init__(self, width=4, depth=2, **kwargs):
        super().__init__(**kwargs)
        self.width, self.depth = width, depth
        self.steps = [Scaled(width, 0.1, name=f"step_{i}") for i in range(depth)]
        self.parts = {"norm": layers.BatchNormalization(name="norm"), "drop": layers.Dropout(0.5)}
        self.head = layers.Dense(2, name="head")

    def call(self, inputs, training=None, mask=None):
        x = inputs
        for step in self.steps:
            x = x + step(x, training=training)
        x = self.parts["norm"](x, training=training)
        return self.head(self.parts["drop"](x, training=False))

    def get_config(self):
        return {**super().get_config(), "width": self.width, "depth": self.depth}


model = Residual(name="residual")
show("before", [model.built, len(model.weights)])
x = data(6, 4)
model(x)
show("after", [model.built, len(model.weights), len(model.losses)])
show("paths", [v.path for v in model.weights])
show("layers", [layer.name for layer in model.layers])
show("flattened", [layer.name for layer in model._flatten_layers(include_self=False)])
fill(model)
show("call", model(x))
show("losses", [float(v) for v in model.losses])
show("config", model.get_config())
other = Residual.from_config(model.get_config())
show("other", [other.name, other.built, other.width])
other(x)
show("built", [other.built, [v.path for v in other.trainable_weights][:2]])
other.set_weights(model.get_weights())
show("same", same(other(x), model(x)))
model.compile(
    keras.optimizers.Adam(0.1), keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"]
)
show("fit", model.fit(x, labels(6, 2), batch_size=3, epochs=2, shuffle=False, verbose=0).history)
folder = tempfile.mkdtemp()
model.save(os.path.join(folder, "m.keras"))
again = keras.saving.load_model(os.path.join(folder, "m.keras"))
show("loaded", [type(again).__name__, again.depth, same(again(x), model(x))])
show("optimizer", [int(again.optimizer.iterations), len(again.optimizer.variables)])
model.save_weights(os.path.join(folder, "m.weights.h5"))
third = Residual()
third(x)
third.load_weights(os.path.join(folder, "m.weights.h5"))
show("weights", same(third(x), model(x)))
show("wrong file", refused(lambda: Residual(5).load_weights(os.path.join(folder, "m.weights.h5")), ValueError))
model.steps[0].trainable = False
show("frozen", [len(model.trainable_weights), len(model.non_trainable_weights), model.trainable])
model.trainable = False
show("all frozen", [len(model.trainable_weights), model.steps[1].trainable])
model.trainable = True
show("thawed", [len(model.trainable_weights), model.steps[0].trainable])
layer = Scaled(3, name="alone")
show("shape", [layer.compute_output_shape((None, 7)), layer.built, layer(keras.KerasTensor((2, 7))).shape])
show("by name", [w.name for w in layer.weights])
show("count", [layer.count_params(), Scaled(2)(data(1, 5)).shape[-1]])
show("locked", refused(lambda: setattr(layer, "later", layers.Dense(2)) or layer(data(2, 7)), ValueError) or True)
show("build config", layer.get_build_config())
show(
    "no config",
    refused(
        lambda: type("Plain", (layers.Layer,), {"__init__": lambda self, a: layers.Layer.__init__(self)})(
            1
        ).get_config(),
        NotImplementedError,
    ),
)
show("dtype", [layer.dtype, layer.compute_dtype, layer.variable_dtype, layer.dtype_policy.name])
half = Scaled(2, dtype="mixed_float16")
half(x)
show("half", fill(half)(x))
show("input_spec", refused(lambda: layers.Dense(2, name="d").build((None, None)) or None, ValueError, TypeError))
lines = []
model.summary(print_fn=lines.append)
show("summary", [w for w in "\n".join(lines).split() if (w.isalnum() or w.startswith("(")) and "." not in w])
