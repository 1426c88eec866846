"""Sequential models: built late and early, add and pop, features of each layer."""

import keras
from common import data, fill, refused, show
from keras import layers

model = keras.Sequential([layers.Dense(3, activation="relu", name="one"), layers.Dense(2, name="two")])
show("built", [model.built, len(model.layers)])
show("no weights", len(model.weights))
out = model(data(2, 4))
show("weights", [(w.path.split("/", 1)[1], list(w.shape)) for w in model.weights])
fill(model)
show("call", model(data(2, 4)))
model.add(layers.Dense(1, name="three"))
show("added", [layer.name for layer in model.layers])
show("shape", model.output_shape)
model.pop()
show("popped", [layer.name for layer in model.layers])
early = keras.Sequential(name="early")
early.add(keras.Input((8, 8, 1)))
early.add(layers.Conv2D(2, 3, strides=2, name="conv"))
early.add(layers.GlobalMaxPooling2D(name="pool"))
fill(early)
features = keras.Model(early.inputs, [layer.output for layer in early.layers])
show("features", features(data(1, 8, 8, 1)))
show("one layer", keras.Model(early.inputs, early.get_layer("conv").output).output_shape)
show("input", [early.input_shape, early.get_layer(index=0).name])
twice = [layers.Dense(1, name="a"), layers.Dense(1, name="a")]
show("names", refused(lambda: keras.Sequential(twice), ValueError))
