"""Sizes that are tensors, as in graphs of TensorFlow on inputs without a known shape: `ops.shape(x)[0]` in ops."""

import keras
import tensorflow as tf
from common import data, show
from keras import ops

CASES = {
    "reshape": lambda x, n, m: ops.reshape(x, [n, 2, m // 2]),
    "broadcast": lambda x, n, m: ops.broadcast_to(x[0], (n, m)),
    "full": lambda x, n, m: ops.full((n, m), 3.0),
    "eye": lambda x, n, m: ops.eye(n, m),
    "arange": lambda x, n, m: ops.arange(1, n),
    "pad": lambda x, n, m: ops.pad(x, [[0, m - n], [1, 0]], constant_values=2.0),
    "reflect": lambda x, n, m: ops.pad(x, [[1, n - 3], [1, 0]], mode="reflect"),
    "slice": lambda x, n, m: ops.slice(x, (n - 3, 0), (2, m - 1)),
    "slice_update": lambda x, n, m: ops.slice_update(x, (n - 2, 0), ops.ones((1, 2))),
    "index": lambda x, n, m: x[n - 2 :, m - 2],
    "one_hot": lambda x, n, m: ops.one_hot(ops.arange(n), m),
    "multi_hot": lambda x, n, m: ops.multi_hot(ops.reshape(ops.arange(n), (1, -1)), n),
    "roll": lambda x, n, m: ops.roll(x, n - 1, axis=0),
    "tile": lambda x, n, m: ops.tile(x, (1, n)),
    "repeat": lambda x, n, m: ops.repeat(x, n, axis=0),
    "take": lambda x, n, m: ops.take(x, n - 1, axis=0),
    "top_k": lambda x, n, m: ops.top_k(x, n - 1)[0],
    "segment_sum": lambda x, n, m: ops.segment_sum(x, ops.arange(n) % 2, num_segments=n),
    "segment_max": lambda x, n, m: ops.segment_max(x, ops.arange(n) % 2, m - 4),
    "bincount": lambda x, n, m: ops.bincount(ops.arange(n), minlength=n),
    "scatter": lambda x, n, m: ops.scatter(ops.expand_dims(ops.arange(n), 1), x, (n, m)),
    "tril": lambda x, n, m: ops.tril(x, k=n - 4),
    "loop": lambda x, n, m: ops.fori_loop(0, n, lambda i, v: v + ops.cast(i, "float32"), x[0, 0]),
    "in_top_k": lambda x, n, m: ops.in_top_k(ops.arange(n) % 3, x, n - 2),
    "power": lambda x, n, m: ops.power(n, 2) + ops.minimum(n, 2),
    "noise_shape": lambda x, n, m: keras.random.dropout(x, 0.0, noise_shape=(n, 1)),
}
for name, case in CASES.items():

    def in_graph(x, case=case):
        return case(x, ops.shape(x)[0], ops.shape(x)[1])

    graph = tf.function(in_graph, input_signature=[tf.TensorSpec([None, None], "float32")], autograph=False)
    show(name, graph(data(4, 6)))
    mapped = tf.data.Dataset.from_tensors(data(5, 6)).map(in_graph)
    show(f"{name} in a data set", next(iter(mapped)))
