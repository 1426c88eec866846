"""Losses, metrics, Lambda layers and layers of one's own from functions of `K`, as written before Keras 3."""

import numpy as np
from common import data, fill, labels, show
from keras._tf_keras import keras
from keras._tf_keras.keras import backend as K
from keras._tf_keras.keras import layers


def dice(y_true, y_pred, smooth=1.0):
    true, pred = K.flatten(K.cast(y_true, K.floatx())), K.flatten(y_pred)
    hit = K.sum(true * pred)
    return (2.0 * hit + smooth) / (K.sum(true) + K.sum(pred) + smooth)


def dice_loss(y_true, y_pred):
    return 1 - dice(y_true, y_pred)


def recall(y_true, y_pred):
    hits = K.sum(K.round(K.clip(y_true * y_pred, 0, 1)))
    return hits / (K.sum(K.round(K.clip(y_true, 0, 1))) + K.epsilon())


def focal(gamma=2.0, alpha=0.25):
    def loss(y_true, y_pred):
        p = K.clip(y_pred, K.epsilon(), 1 - K.epsilon())
        right = K.switch(K.equal(y_true, 1), p, 1 - p)
        return K.mean(-alpha * K.pow(1.0 - right, gamma) * K.log(right), axis=-1)

    return loss


def rmse(y_true, y_pred):
    return K.sqrt(K.mean(K.square(y_pred - y_true), axis=-1))


x, y = data(8, 5), (labels(8, 2) * 1.0).astype("float32").reshape(8, 1)
for name, loss, metrics in (
    ("dice", dice_loss, [dice, recall]),
    ("focal", focal(), ["accuracy"]),
    ("rmse", rmse, [rmse, K.binary_crossentropy]),
):
    model = fill(keras.Sequential([keras.Input((5,)), layers.Dense(4, "tanh"), layers.Dense(1, "sigmoid")]))
    model.compile(keras.optimizers.SGD(0.3), loss, metrics=metrics)
    show(name, model.fit(x, y, epochs=2, batch_size=4, shuffle=False, verbose=0).history)


class Bilinear(layers.Layer):
    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def build(self, input_shape):
        self.kernel = self.add_weight(name="kernel", shape=(int(input_shape[-1]), self.units), initializer="ones")
        super().build(input_shape)

    def call(self, inputs):
        width = K.int_shape(inputs)[-1]
        scores = K.batch_dot(K.dot(inputs, self.kernel), K.permute_dimensions(inputs, (0, 2, 1))[:, : self.units])
        return K.softmax(scores / np.sqrt(width)) + K.bias_add(K.zeros_like(scores), K.arange(3, dtype="float32"))

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], input_shape[1])


inputs = keras.Input((3, 4))
hidden = Bilinear(4)(inputs)
short = layers.Lambda(lambda v: K.l2_normalize(v, axis=-1), output_shape=(3, 3))(hidden)
pooled = layers.Lambda(lambda v: K.concatenate([K.mean(v, axis=1), K.max(v, axis=1)]), output_shape=(6,))(short)
model = fill(keras.Model(inputs, layers.ThresholdedReLU(0.2)(layers.Dense(2)(pooled))))
model.compile("sgd", keras.losses.mse)
show("layers", [layer.name for layer in model.layers])
show("history", model.fit(data(6, 3, 4), data(6, 2, seed=1), epochs=2, shuffle=False, verbose=0).history)
show("outputs", model.predict(data(6, 3, 4), verbose=0))


def distance(pair):
    left, right = pair
    return K.sqrt(K.maximum(K.sum(K.square(left - right), axis=1, keepdims=True), K.epsilon()))


def contrastive(y_true, y_pred):
    return K.mean(y_true * K.square(y_pred) + (1 - y_true) * K.square(K.maximum(1 - y_pred, 0)))


base = keras.Sequential([keras.Input((5,)), layers.Dense(3, "relu")])
left, right = keras.Input((5,)), keras.Input((5,))
twins = keras.Model([left, right], layers.Lambda(distance, output_shape=(1,))([base(left), base(right)]))
fill(twins)
twins.compile(keras.optimizers.SGD(0.1), contrastive)
show("twins", twins.fit([x, data(8, 5, seed=4)], y, epochs=2, batch_size=4, shuffle=False, verbose=0).history)

learning_rate = keras.optimizers.SGD(0.5).learning_rate
show("rate", float(K.get_value(learning_rate)))
counter = K.variable(1.0)
K.update_add(counter, 2.0)
K.set_value(counter, K.get_value(counter) * 2)
show("counter", float(K.eval(counter)))
