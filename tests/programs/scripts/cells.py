"""Cells of one's own in RNN layers: one state, several, nested outputs, constants of a minimal kind, stacks."""

import keras
from common import data, fill, show
from keras import layers, ops


@keras.saving.register_keras_serializable("cells")
class Leaky(layers.Layer):
    """A unit whose state fades away at a rate that is learned."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = self.state_size = self.output_size = units

    def build(self, input_shape):
        self.kernel = self.add_weight(shape=(input_shape[-1], self.units), name="kernel")
        self.rate = self.add_weight(shape=(self.units,), initializer="zeros", name="rate")

    def call(self, inputs, states, training=False):
        fade = ops.sigmoid(self.rate)
        out = fade * states[0] + (1 - fade) * ops.tanh(ops.matmul(inputs, self.kernel))
        return out, [out]

    def get_config(self):
        return {**super().get_config(), "units": self.units}


class Counting(layers.Layer):
    """Two states: a sum and the number of steps."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.state_size = [units, 1]
        self.output_size = units

    def call(self, inputs, states):
        total, steps = states[0] + inputs, states[1] + 1.0
        return total / steps, [total, steps]


x = data(2, 5, 3)
layer = layers.RNN(Leaky(4), return_sequences=True)
layer(x)
fill(layer)
show("leaky", layer(x))
show("last", layers.RNN(layer.cell)(x))
show("mean so far", layers.RNN(Counting(3), return_sequences=True, return_state=True)(x))
show("backwards", layers.RNN(layer.cell, go_backwards=True, return_sequences=True)(x))
show("unrolled", layers.RNN(layer.cell, unroll=True)(x))
started = layers.RNN(layer.cell)(x, initial_state=[data(2, 4, seed=3)])
show("started", started)
show("masked", layers.RNN(layer.cell)(x, mask=ops.convert_to_tensor([[True, True, False, False, False], [True] * 5])))
stack = layers.RNN([layers.GRUCell(3), Leaky(2)], return_state=True)
out = stack(x)
fill(stack)
out = stack(x)
show("stack", [out[0], len(out)])
both = layers.Bidirectional(layers.RNN(Leaky(2), return_sequences=True), merge_mode="sum")
both(x)
fill(both)
show("both", both(x))
inputs = keras.Input((None, 3))
model = keras.Model(inputs, layers.Dense(1)(layers.RNN(Leaky(4))(inputs)))
fill(model)
model.compile(keras.optimizers.SGD(0.1), "mse")
show("history", model.fit(x, data(2, 1, seed=9), epochs=2, verbose=0).history)
again = layers.RNN.from_config(layers.RNN(Leaky(4)).get_config())
show("config", [type(again.cell).__name__, again.cell.units])
show("initial", layer.cell.state_size)
