"""Variables and tracking: names, paths, assign, aggregation, dtypes, attributes of all kinds, weights by order."""

import keras
import numpy as np
from common import data, refused, show
from keras import layers, ops

v = keras.Variable(initializer="ones", shape=(2, 3), name="v", dtype="float32")
v.assign_add(data(2, 3))
v.assign_sub(np.ones((2, 3), "float32"))
show("assigned", v)
show("facts", [v.name, v.path, v.trainable, list(v.shape), v.ndim, v.dtype])
show("arithmetic", [v + 1, 2.0 * v, v[0], -v, v > 0, v @ np.ones((3, 1), "float32")])
show("shape", refused(lambda: v.assign(np.ones((3,))), ValueError))
show("counter", keras.Variable(0, dtype="int32", trainable=False))


class Block(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.parts = [layers.Dense(2, name="one"), layers.Dense(3, name="two")]
        self.by_name = {"norm": layers.LayerNormalization(name="norm")}
        self.scale = self.add_weight(shape=(), initializer="ones", name="scale")
        self.count = self.add_weight(shape=(), initializer="zeros", name="count", trainable=False)
        self.seeds = keras.random.SeedGenerator(1)

    def call(self, x):
        for part in self.parts:
            x = part(x)
        return self.by_name["norm"](x) * self.scale


block = Block(name="block")
block(data(2, 4))
show("weights", [w.path for w in block.weights])
show("trainable", [w.name for w in block.trainable_variables])
show("others", [w.name for w in block.non_trainable_variables])
show("counted", block.count_params())
block.trainable = False
show("frozen", [len(block.trainable_weights), block.parts[0].trainable])
block.trainable = True
block.scale.trainable = False
show("one frozen", [w.name for w in block.trainable_weights])
weights = block.get_weights()
block.set_weights([w * 0.0 for w in weights])
show("set", float(ops.sum(block.parts[0].kernel)))
constrained = layers.Dense(
    2, kernel_constraint=keras.constraints.UnitNorm(axis=0), kernel_regularizer=keras.regularizers.L1L2(0.1, 0.2)
)
constrained.build((None, 3))
constrained.kernel.assign(data(3, 2))
show("constraint", constrained.kernel.constraint(constrained.kernel))
show("regularizer", constrained.losses)
show("path", constrained.weights[0].path.split("/")[-1])
