"""A network on a graph, written with ops: edges gathered, messages summed by segments, a readout for each graph."""

import keras
import numpy as np
from common import data, fill, labels, show
from keras import layers, ops

NODES, EDGES = 10, 24
sources, targets = labels(EDGES, NODES, seed=3), labels(EDGES, NODES, seed=4)
graph_of = np.repeat(np.arange(2), 5)


class Messages(layers.Layer):
    """New features of nodes from their own and the mean of their neighbours'."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.send, self.update = layers.Dense(units), layers.Dense(units, activation="relu")

    def build(self, input_shape):
        nodes = input_shape[0] if isinstance(input_shape[0], (list, tuple)) else input_shape
        self.send.build(nodes)
        self.update.build((nodes[0], nodes[-1] + self.send.units))
        self.built = True

    def call(self, inputs):
        nodes, sources, targets = inputs
        sent = ops.take(self.send(nodes), sources, axis=0)
        summed = ops.segment_sum(sent, targets, num_segments=NODES)
        count = ops.segment_sum(ops.ones_like(sent[:, :1]), targets, num_segments=NODES)
        return self.update(ops.concatenate([nodes, summed / ops.maximum(count, 1.0)], axis=-1))


nodes = data(NODES, 4)
first, second = Messages(5), Messages(3)
x = ops.convert_to_tensor(nodes)
hidden = first([x, sources, targets])
out = second([hidden, sources, targets])
fill(first), fill(second, seed=5)
hidden = first([x, sources, targets])
out = second([hidden, sources, targets])
show("hidden", hidden)
show("out", out)
show("largest", ops.segment_max(out, graph_of, num_segments=2))
show("readout", ops.segment_sum(out, graph_of, num_segments=2))
adjacency = np.zeros((NODES, NODES), "float32")
np.add.at(adjacency, (targets, sources), 1.0)
dense = ops.matmul(adjacency, first.send(x))
gathered = ops.segment_sum(ops.take(first.send(x), sources, axis=0), targets, num_segments=NODES)
show("as matrices", float(ops.max(ops.abs(dense - gathered))))
scattered = ops.scatter(ops.convert_to_tensor([[1], [3]]), ops.convert_to_tensor([[1.0, 2.0], [3.0, 4.0]]), (5, 2))
show("scattered", scattered)
show("updated", ops.scatter_update(scattered, [[0, 0], [4, 1]], [9.0, 8.0]))
order = ops.argsort(ops.sum(out, axis=-1))
show("order", [order, ops.take(graph_of, order)])
show("one hot", ops.one_hot(targets[:4], NODES))
show("counts", ops.bincount(targets, minlength=NODES))
inputs = keras.Input((NODES, 4))
spread = ops.einsum("ij,bjf->bif", ops.convert_to_tensor(adjacency), layers.Dense(3)(inputs))
model = fill(keras.Model(inputs, layers.Dense(1)(ops.max(spread, axis=1))))
model.compile(keras.optimizers.SGD(0.01), "mse")
show("history", model.fit(data(6, NODES, 4), data(6, 1), batch_size=3, shuffle=False, verbose=0).history)
