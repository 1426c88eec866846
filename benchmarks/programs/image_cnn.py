"""A CNN that learns from pictures which are flipped and turned at random."""

import keras
from data import images, report
from keras import layers

x, y = images()
train, test = (x[:768], y[:768]), (x[768:], y[768:])
model = keras.Sequential(
    [
        keras.Input((32, 32, 3)),
        layers.Rescaling(1 / 255),
        layers.RandomFlip("horizontal"),
        layers.RandomRotation(0.05, fill_mode="constant"),
        layers.Conv2D(32, 3, activation="relu"),
        layers.MaxPooling2D(),
        layers.Conv2D(64, 3, activation="relu"),
        layers.MaxPooling2D(),
        layers.Flatten(),
        layers.Dropout(0.3),
        layers.Dense(10),
    ]
)
model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
model.fit(*train, batch_size=32, epochs=3, validation_data=test, verbose=2)
loss, accuracy = model.evaluate(*test, verbose=0)
report(model.count_params(), accuracy)
