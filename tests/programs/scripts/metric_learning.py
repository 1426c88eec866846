"""Metric learning: a shared encoder in pairs and triplets, cosine similarities, contrastive losses, neighbours."""

import keras
import numpy as np
from common import data, fill, labels, show
from keras import layers, ops

encoder = keras.Sequential(
    [keras.Input((5,)), layers.Dense(6, activation="relu"), layers.Dense(3), layers.UnitNormalization()],
    name="encoder",
)
fill(encoder)


class Distance(layers.Layer):
    def call(self, pair):
        a, b = pair
        return ops.sqrt(ops.maximum(ops.sum(ops.square(a - b), axis=-1, keepdims=True), 1e-7))


def contrastive(y_true, y_pred):
    near = (1 - y_true) * ops.square(y_pred)
    far = y_true * ops.square(ops.maximum(1.0 - y_pred, 0.0))
    return ops.mean(near + far)


left, right = keras.Input((5,), name="left"), keras.Input((5,), name="right")
twins = keras.Model([left, right], Distance()([encoder(left), encoder(right)]))
twins.compile(keras.optimizers.SGD(0.1), contrastive)
a, b, classes = data(12, 5), data(12, 5, seed=3), labels(12, 3)
differ = (classes != np.roll(classes, 1)).astype("float32")[:, None]
show("pairs", twins.fit([a, b], differ, epochs=2, batch_size=4, shuffle=False, verbose=0).history)
show("by name", twins.predict({"left": a[:2], "right": b[:2]}, verbose=0))


class Triplets(keras.Model):
    def __init__(self, encoder, margin=0.5):
        super().__init__()
        self.encoder, self.margin = encoder, margin
        self.tracker = keras.metrics.Mean(name="loss")

    def call(self, inputs):
        anchor, near, far = (self.encoder(x) for x in inputs)
        return ops.stack([ops.sum(ops.square(anchor - near), -1), ops.sum(ops.square(anchor - far), -1)], axis=-1)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        loss = ops.mean(ops.maximum(y_pred[:, 0] - y_pred[:, 1] + self.margin, 0.0))
        self.tracker.update_state(loss)
        return loss

    @property
    def metrics(self):
        return [self.tracker]


model = Triplets(encoder)
model.compile(keras.optimizers.Adam(0.01))
show("triplets", model.fit((a, a + 0.1, b), epochs=2, batch_size=6, shuffle=False, verbose=0).history)
codes = encoder.predict(a, verbose=0)
show("lengths", np.linalg.norm(codes, axis=1))
similar = codes @ codes.T
show("neighbours", np.argsort(-similar, axis=1)[:, 1])
show("cosine", layers.Dot(axes=1, normalize=True)([ops.convert_to_tensor(a[:3]), ops.convert_to_tensor(b[:3])]))
show("circle", keras.losses.Circle()(classes, codes))
show("similarity", keras.losses.CosineSimilarity()(a, b))
