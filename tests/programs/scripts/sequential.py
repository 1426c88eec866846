"""Sequential models: built late and early, add and pop, features of each layer."""

import keras
from common import data, fill, refused, same, show
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

# an input in a list or tuple of one, as functional models take it
x = data(2, 8, 8, 1)
for name, given in {"list": [x], "tuple": (x,), "lists": [[x]]}.items():
    show(f"in a {name}", early(given))
    show(f"predict a {name}", early.predict(given, verbose=0))
show("symbolic in a list", early([keras.Input((8, 8, 1))]).shape)
masked = keras.Sequential([keras.Input((3,)), layers.Embedding(5, 2, mask_zero=True), layers.LSTM(2)])
tokens = keras.ops.convert_to_tensor([[1, 2, 0], [3, 0, 0]])
show("masked in a list", same(masked([tokens]), masked(tokens)))
outer = keras.Sequential([keras.Input((3, 2)), keras.Sequential([keras.Input((3, 2)), layers.LSTM(2)])])
mask = keras.ops.convert_to_tensor([[True, True, False], [True, False, False]])
steps = data(2, 3, 2)
show("a mask in a list", same(outer([steps], mask=[mask]), outer(steps, mask=mask)))
show("the mask counts", not same(outer([steps], mask=[mask]), outer(steps)))
show("two inputs", refused(lambda: keras.Model(early.inputs, early.outputs)([x, x]), ValueError, TypeError, IndexError))
# arguments that no model of layers has
show("surplus", [early(x, batch_size=2, verbose=False), keras.Model(early.inputs, early.outputs)(x, batch_size=2)[0]])
show("surplus of a layer", refused(lambda: layers.Dense(1)(data(2, 3), batch_size=2), TypeError))
