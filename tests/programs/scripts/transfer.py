"""Transfer learning: frozen layers and models, recompiling, fine-tuning."""

import keras
from common import data, fill, labels, show
from keras import layers

base = keras.Sequential(
    [
        keras.Input((8, 8, 3)),
        layers.Conv2D(4, 3, activation="relu", name="conv"),
        layers.BatchNormalization(name="norm"),
        layers.GlobalAveragePooling2D(name="pool"),
    ],
    name="base",
)
fill(base)
base.trainable = False
inputs = keras.Input((8, 8, 3))
x = layers.Rescaling(scale=1 / 127.5, offset=-1)(inputs)
x = base(x)
model = keras.Model(inputs, layers.Dense(3, name="top")(x))
fill(model)
show("trainable", [w.path for w in model.trainable_weights])
show("frozen", [len(model.non_trainable_weights), base.get_layer("norm").trainable])
model.compile(
    keras.optimizers.SGD(0.1),
    loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    metrics=[keras.metrics.SparseCategoricalAccuracy()],
)
images, classes = data(8, 8, 8, 3, scale=50.0), labels(8, 3)
show("first", model.fit(images, classes, batch_size=4, epochs=2, shuffle=False, verbose=0).history)
before = base.get_layer("norm").get_weights()[2].copy()
base.trainable = True
base.get_layer("conv").trainable = base.get_layer("norm").trainable = False
show("trainable", [w.path for w in model.trainable_weights])
model.compile(
    keras.optimizers.SGD(0.01),
    loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    metrics=[keras.metrics.SparseCategoricalAccuracy()],
)
show("second", model.fit(images, classes, batch_size=4, shuffle=False, verbose=0).history)
after = base.get_layer("norm").get_weights()[2]
show("statistics stay", bool((before == after).all()))
show("weights", model.get_layer("top").get_weights())
copy = keras.models.clone_model(model)
copy.set_weights(model.get_weights())
show("copy", copy.predict(images[:2], verbose=0))
show("total", [model.count_params(), len(model.optimizer.variables)])
