"""Recurrent layers of one's own: cells, stacks, states, statefulness, both directions, masks, shared steps."""

import keras
import numpy as np
from common import data, fill, labels, refused, show
from keras import layers, ops


@keras.saving.register_keras_serializable("book")
class Minimal(layers.Layer):
    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.state_size = [units, 1]
        self.output_size = units

    def build(self, input_shape):
        self.kernel = self.add_weight(shape=(input_shape[-1], self.units), name="kernel")
        self.recurrent = self.add_weight(shape=(self.units, self.units), name="recurrent")
        self.built = True

    def call(self, inputs, states, training=False):
        h, count = states
        out = ops.tanh(ops.matmul(inputs, self.kernel) + ops.matmul(h, self.recurrent))
        return out, [out, count + 1]

    def get_config(self):
        return {**super().get_config(), "units": self.units}


x = data(2, 4, 3)
rnn = layers.RNN(Minimal(2), return_sequences=True, return_state=True, name="rnn")
out = rnn(x)
fill(rnn)
show("outputs", [list(o.shape) for o in rnn(x)])
show("values", rnn(x)[0])
show("count", rnn(x)[2])
show("from", rnn(x, initial_state=[ops.ones((2, 2)), ops.zeros((2, 1))])[1])
show("weights", [w.path for w in rnn.weights])
show("state", [ops.shape(s) for s in rnn.get_initial_state(batch_size=3)])
mask = np.array([[True, True, False, False], [True, True, True, True]])
show("masked", rnn(x, mask=mask)[1])
show("masked count", rnn(x, mask=mask)[2])
for options in ({"go_backwards": True}, {"unroll": True}, {"zero_output_for_mask": True}):
    layer = layers.RNN(Minimal(2), return_sequences=True, **options)
    layer(x)
    fill(layer)
    show(str(options), layer(x, mask=mask))
both = layers.Bidirectional(layers.RNN(Minimal(2), return_sequences=True), merge_mode="ave", name="both")
both(x)
fill(both)
show("both", both(x))
show("both config", [both.forward_layer.name, both.backward_layer.name, both.backward_layer.go_backwards])
stack = layers.RNN([layers.GRUCell(3), layers.LSTMCell(2)], return_state=True, name="stack")
stack(x)
fill(stack)
show(
    "stack",
    [list(np.shape(s)) if not isinstance(s, (list, tuple)) else [list(np.shape(i)) for i in s] for s in stack(x)],
)
show("stack value", stack(x)[0])
show("stack state", stack.cell.state_size)
show("stack paths", [w.path for w in stack.weights])

inputs = keras.Input(batch_shape=(2, 4, 3))
keep = keras.Model(inputs, layers.LSTM(2, stateful=True, name="memory")(inputs))
fill(keep)
first, second = keep.predict(x, verbose=0), keep.predict(x, verbose=0)
show("first", first)
if keras.backend.backend() != "jax":  # where Keras forgets the state
    show("moved", bool(np.abs(first - second).max() > 1e-4))
keep.get_layer("memory").reset_state()
show("again", bool(np.allclose(keep.predict(x, verbose=0), first)))
show("other batch", refused(lambda: keep.get_layer("memory")(data(3, 4, 3)), ValueError, Exception))
show("no batch size", refused(lambda: layers.GRU(2, stateful=True)(keras.Input((4, 3))), ValueError))
seen = keras.Model(inputs, layers.SimpleRNN(2, return_state=True, name="simple")(inputs))
show("symbolic", [list(o.shape) for o in seen.outputs])

encoder = keras.Input((None, 3))
_, h, c = layers.LSTM(3, return_state=True, name="encoder")(encoder)
decoder = keras.Input((None, 2))
y = layers.LSTM(3, return_sequences=True, name="decoder")(decoder, initial_state=[h, c])
y = layers.TimeDistributed(layers.Dense(4, activation="softmax"), name="each")(y)
model = keras.Model([encoder, decoder], y)
fill(model)
show("seq2seq", model.predict([x, data(2, 3, 2)], verbose=0))
model.compile("rmsprop", "sparse_categorical_crossentropy")
show("seq2seq fit", model.fit([x, data(2, 3, 2)], labels(6, 4).reshape(2, 3), verbose=0, shuffle=False).history)
video = layers.TimeDistributed(keras.Sequential([layers.Conv2D(2, 2), layers.GlobalMaxPooling2D()]), name="frames")
frames = video(data(2, 3, 4, 4, 1))
fill(video)
show("frames", [list(frames.shape), video.compute_output_shape((None, 3, 4, 4, 1)), len(video.weights)])
chain = keras.Sequential([layers.Masking(0.0), layers.TimeDistributed(layers.Dense(2)), layers.GRU(2, name="last")])
padded = x * np.array([[1, 1, 0, 0], [1, 1, 1, 0]])[..., None]
chain(padded)
fill(chain)
show("chain", chain(padded))
show("shorter", chain(padded[:1, :2]))
show("config", layers.RNN.from_config(rnn.get_config(), custom_objects={"Minimal": Minimal}).cell.units)
show("no states", refused(lambda: layers.RNN(layers.Dense(2)), ValueError))
show(
    "cell call",
    [
        list(np.shape(v))
        for v in keras.tree.flatten(layers.LSTMCell(2)(data(2, 3), [np.zeros((2, 2)), np.zeros((2, 2))]))
    ],
)
