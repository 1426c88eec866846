"""Pictures in folders: `image_dataset_from_directory`, loading and saving, augmentation, a small model."""

import contextlib
import io
import os
import tempfile

import keras
import numpy as np
from common import fill, show
from keras import layers

rng = np.random.default_rng(0)
with tempfile.TemporaryDirectory() as folder:
    for name, shade in (("dark", 40), ("light", 200)):
        os.makedirs(os.path.join(folder, name))
        for i in range(4):
            pixels = np.clip(rng.normal(shade, 20, (10, 12, 3)), 0, 255).astype("uint8")
            keras.utils.save_img(os.path.join(folder, name, f"{i}.png"), pixels, scale=False)
    first = keras.utils.load_img(os.path.join(folder, "dark", "0.png"), target_size=(5, 6), interpolation="nearest")
    show("loaded", [first.size, keras.utils.img_to_array(first)[0, 0]])
    options = {"image_size": (8, 8), "batch_size": 4, "shuffle": False}
    whole = keras.utils.image_dataset_from_directory(folder, verbose=False, **options)
    show("classes", whole.class_names)
    shapes, every = [], []
    for images, classes in whole:
        shapes.append([list(images.shape), [int(c) for c in np.asarray(classes)]])
        every.append(np.asarray(images))
    show("batches", shapes)
    show("shade", [float(b.mean()) for b in every])
    coded = keras.utils.image_dataset_from_directory(
        folder, label_mode="categorical", color_mode="grayscale", verbose=False, **options
    )
    images, classes = next(iter(coded))
    show("coded", [list(images.shape), np.asarray(classes)])
    with contextlib.redirect_stdout(io.StringIO()):
        parts = [
            keras.utils.image_dataset_from_directory(
                folder, validation_split=0.25, subset=part, seed=3, image_size=(8, 8), batch_size=8
            )
            for part in ("training", "validation")
        ]
    show("parts", [sum(len(np.asarray(c)) for _, c in part) for part in parts])
    cut = keras.utils.image_dataset_from_directory(folder, crop_to_aspect_ratio=True, verbose=False, **options)
    show("cut", float(np.asarray(next(iter(cut))[0]).mean()))
    model = keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            layers.RandomFlip("horizontal"),
            layers.Rescaling(1 / 255),
            layers.Conv2D(4, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dropout(0.0),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    fill(model)
    model.compile(keras.optimizers.SGD(0.01), "binary_crossentropy", metrics=["accuracy"])
    show("evaluated", model.evaluate(whole, verbose=0, return_dict=True))
    show("keys", sorted(model.fit(whole, validation_data=whole, verbose=0).history))
    show("predictions", list(model.predict(whole, verbose=0).shape))
    smart = keras.preprocessing.image.smart_resize(every[0][0], (4, 6))
    show("smart", [list(smart.shape), float(np.mean(smart))])
