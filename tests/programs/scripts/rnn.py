"""Recurrent layers: states returned, given and kept, bidirectional, stacked and own cells."""

import keras
from common import data, fill, show
from keras import layers, ops

x = data(2, 5, 3)
lstm = layers.LSTM(4, return_state=True, return_sequences=True)
lstm.build(x.shape)
fill(lstm)
sequence, h, c = lstm(x)
show("lstm", [sequence[:, -1], h, c])
decoder = layers.LSTM(4)
decoder.build(x.shape)
show("decoder", fill(decoder)(x, initial_state=[h, c]))
both = layers.Bidirectional(layers.GRU(2, return_sequences=True), merge_mode="sum")
both.build(x.shape)
show("bidirectional", fill(both)(x)[:, 0])
both = layers.Bidirectional(layers.LSTM(2), backward_layer=layers.LSTM(3, go_backwards=True))
both.build(x.shape)
show("backward layer", fill(both)(x))
stateful = layers.SimpleRNN(3, stateful=True)
model = fill(keras.Sequential([keras.Input(batch_shape=(2, 5, 3)), stateful]))
first, second = model(x), model(x)
show("stateful", [first, second])
stateful.reset_state()
show("reset", model(x))


class Minimal(layers.Layer):
    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = self.state_size = units

    def build(self, input_shape):
        self.kernel = self.add_weight(shape=(input_shape[-1], self.units), name="kernel")
        self.recurrent = self.add_weight(shape=(self.units, self.units), name="recurrent")

    def call(self, inputs, states):
        output = ops.matmul(inputs, self.kernel) + ops.matmul(states[0], self.recurrent)
        return output, [output]


layer = layers.RNN([Minimal(3), Minimal(2)], return_state=True)
layer.build(x.shape)
show("cells", list(fill(layer)(x)))
stacked = layers.RNN(layers.StackedRNNCells([layers.LSTMCell(2), layers.GRUCell(3)]))
stacked.build(x.shape)
show("stacked", fill(stacked)(x))
show("paths", [w.path for w in stacked.weights][:2])
distributed = layers.TimeDistributed(layers.Dense(2))
distributed.build(x.shape)
show("distributed", fill(distributed)(x)[:, 0])
