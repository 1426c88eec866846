"""Residual and separable convolutions, squeeze and excitation, an inception block, in functional form and as layers."""

import keras
from common import data, fill, labels, show
from keras import layers


def separable_block(x, filters, stride):
    shortcut = layers.Conv2D(filters, 1, strides=stride, padding="same")(x)
    x = layers.BatchNormalization()(layers.SeparableConv2D(filters, 3, padding="same", use_bias=False)(x))
    x = layers.Activation("relu")(x)
    x = layers.MaxPooling2D(3, strides=stride, padding="same")(x)
    return layers.add([x, shortcut])


class SqueezeExcite(layers.Layer):
    """Weighs channels by what is in all of the image."""

    def __init__(self, ratio=2, **kwargs):
        super().__init__(**kwargs)
        self.ratio = ratio

    def build(self, input_shape):
        channels = input_shape[-1]
        self.squeeze = layers.GlobalAveragePooling2D(keepdims=True)
        self.down = layers.Dense(channels // self.ratio, activation="relu")
        self.up = layers.Dense(channels, activation="sigmoid")
        self.down.build((None, 1, 1, channels))
        self.up.build((None, 1, 1, channels // self.ratio))

    def call(self, x):
        return x * self.up(self.down(self.squeeze(x)))

    def get_config(self):
        return {**super().get_config(), "ratio": self.ratio}


def inception(x):
    branches = [
        layers.Conv2D(2, 1, strides=2, activation="relu", padding="same")(x),
        layers.Conv2D(2, 3, strides=2, activation="relu", padding="same")(layers.Conv2D(2, 1)(x)),
        layers.Conv2D(2, 3, padding="same")(layers.AveragePooling2D(2, strides=2, padding="same")(x)),
    ]
    return layers.concatenate(branches, axis=-1)


inputs = keras.Input((8, 8, 3))
x = layers.Rescaling(1.0 / 255)(inputs)
x = separable_block(layers.Conv2D(4, 3, padding="same", use_bias=False)(x), 4, 2)
x = SqueezeExcite()(x)
x = inception(x)
x = layers.Dropout(0.0)(layers.GlobalAveragePooling2D()(x))
model = fill(keras.Model(inputs, layers.Dense(3)(x)))
images, classes = data(8, 8, 8, 3, scale=60.0), labels(8, 3)
show("shapes", [list(layer.output.shape) for layer in model.layers[1:]])
show("parameters", [model.count_params(), len(model.trainable_weights), len(model.non_trainable_weights)])
show("before", model.predict(images, verbose=0)[:2])
loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
model.compile(keras.optimizers.SGD(0.05), loss, metrics=["accuracy"])
show("history", model.fit(images, classes, batch_size=4, epochs=2, shuffle=False, verbose=0).history)
show("after", model.predict(images, verbose=0)[:2])
lines = []
model.summary(print_fn=lambda line, **kwargs: lines.append(line))
text = "\n".join(lines)
show("summary", ["SqueezeExcite" in text, "Connected to" in text, "Trainable params: 170" in text])
again = keras.Model.from_config(model.get_config(), custom_objects={"SqueezeExcite": SqueezeExcite})
again.set_weights(model.get_weights())
show("copied", float(abs(again.predict(images, verbose=0) - model.predict(images, verbose=0)).max()))
