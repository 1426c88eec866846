"""k3-node: networks on graphs."""

import k3_node
import keras
import numpy as np
from k3_node.layers import GATConv, GCNConv, SAGEConv

rng = np.random.default_rng(0)
keras.utils.set_random_seed(0)
x = rng.normal(size=(6, 4)).astype("float32")
edges = np.array([[0, 1, 2, 3, 4, 5, 0], [1, 2, 3, 4, 5, 0, 3]], "int64")
for layer in (GCNConv(4, 3), GATConv(4, 3, heads=2), SAGEConv(4, 3)):
    out = keras.ops.convert_to_numpy(layer(keras.ops.convert_to_tensor(x), keras.ops.convert_to_tensor(edges)))
    assert out.shape[0] == 6 and np.isfinite(out).all()
    assert layer.trainable_weights
assert k3_node.__version__
