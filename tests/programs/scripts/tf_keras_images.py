"""An image classifier fed by ImageDataGenerator: flow, flow_from_directory, class weights, evaluation, prediction."""

import tempfile
from pathlib import Path

import numpy as np
from common import fill, labels, show
from keras._tf_keras import keras
from keras._tf_keras.keras.preprocessing.image import ImageDataGenerator, array_to_img, save_img

values = np.random.default_rng(0).integers(0, 256, (12, 8, 8, 3)).astype("float32")
kinds = labels(12, 3)
changes = ImageDataGenerator(
    rescale=1 / 255,
    rotation_range=20,
    width_shift_range=0.1,
    height_shift_range=0.1,
    shear_range=5,
    zoom_range=0.2,
    horizontal_flip=True,
    fill_mode="nearest",
)


def network(classes):
    model = keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            keras.layers.Conv2D(4, 3, activation="relu"),
            keras.layers.MaxPooling2D(),
            keras.layers.Flatten(),
            keras.layers.Dense(classes, activation="softmax"),
        ]
    )
    fill(model)
    return model


model = network(3)
model.compile(keras.optimizers.SGD(0.1), "sparse_categorical_crossentropy", metrics=["accuracy"])
batches = changes.flow(values, kinds, batch_size=4, shuffle=False, seed=1)
show("a batch", [v.round(3) for v in next(changes.flow(values, kinds, batch_size=1, seed=2))])
weights = {0: 1.0, 1: 2.0, 2: 0.5}
for step, (x, y) in enumerate(batches):  # `fit` may ask for a batch more than it uses, and the seed counts them
    show("step", [x.mean(), model.train_on_batch(x, y, class_weight=weights)])
    if step == 5:
        break
plain = ImageDataGenerator(rescale=1 / 255).flow(values, kinds, batch_size=5, shuffle=False)
history = model.fit(plain, epochs=2, shuffle=False, verbose=0, class_weight=weights)
show("history", history.history)
show("evaluate", model.evaluate(plain, verbose=0))
show("predict", model.predict(plain, verbose=0))

folder = Path(tempfile.mkdtemp())
for n, (image, kind) in enumerate(zip(values, kinds)):
    (folder / f"kind{kind}").mkdir(exist_ok=True)
    save_img(folder / f"kind{kind}" / f"{n:02}.png", image, scale=False)
show("image", array_to_img(values[0]).size)
split = ImageDataGenerator(rescale=1 / 255, validation_split=0.3)
sides = [
    split.flow_from_directory(folder, target_size=(8, 8), batch_size=3, shuffle=False, subset=part)
    for part in ("training", "validation")
]
show("classes", [sides[0].class_indices, sides[0].classes, sides[1].filenames, [len(s) for s in sides]])
model = network(3)
model.compile(keras.optimizers.SGD(0.1), "categorical_crossentropy", metrics=["accuracy"])
show("folder", model.fit(sides[0], epochs=2, shuffle=False, verbose=0, validation_data=sides[1]).history)
show("steps", model.predict(sides[1], steps=1, verbose=0))
centred = ImageDataGenerator(featurewise_center=True, featurewise_std_normalization=True)
centred.fit(values)
show("centred", [centred.mean, centred.std, float(next(centred.flow(values, batch_size=12, shuffle=False)).mean())])
