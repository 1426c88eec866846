"""A layer in several places of a sequential or functional model, and models that share layers."""

import pathlib
import tempfile

import h5py
import keras
from common import data, fill, refused, show
from keras import layers

X, Y = data(8, 3), data(8, 3, seed=4)
FOLDER = pathlib.Path(tempfile.mkdtemp())


def stored(model):
    """Paths of the weights in the model's file."""
    path, found = FOLDER / "a.weights.h5", []
    model.save_weights(path)
    with h5py.File(path) as file:
        file.visititems(lambda name, one: found.append(name) if hasattr(one, "shape") else None)
    model.load_weights(path)
    return sorted(found)


first, second, act = layers.Dense(3, name="first"), layers.Dense(3, name="second"), layers.ReLU(name="act")
model = keras.Sequential([keras.Input((3,)), first, act, second, act, first])
fill(model)
show("layers", [[layer.name for layer in model.layers], len(model.weights), model.count_params(), model.output_shape])
show("output", model(X))
show("paths", [stored(model), [v.path.split("/", 1)[1] for v in model.weights]])
model.compile(keras.optimizers.SGD(0.05), "mse")
show("fit", model.fit(X, Y, batch_size=4, epochs=2, shuffle=False, verbose=0).history)
show("weights", model.get_weights())
show("inside", [model.get_layer("act") is act, model.get_layer(index=4).name, first is model.layers[0]])
twin = keras.models.clone_model(model)
show("a clone", [[layer.name for layer in twin.layers], len(twin.layers)])
late = keras.Sequential([first, first])
show("without an input", [late(X), len(late.layers)])
late.add(act)
late.add(act)
late.pop()
show("added and taken", [[layer.name for layer in late.layers], late(X)])
late.pop()
late.pop()
show("taken again", [[layer.name for layer in late.layers], len(late.weights)])
same = [layers.Dense(3, name="same"), layers.Dense(3, name="same")]
show("two of one name", refused(lambda: keras.Sequential(same), ValueError))
a = keras.Input((3,))
graph = keras.Model(a, act(first(act(first(a)))))
show("in a graph", [[layer.name for layer in graph.layers], graph(X), stored(graph)])
show("nodes", [len(graph.get_layer("first")._inbound_nodes) > 1, len(graph.weights)])
graph.save(FOLDER / "graph.keras")
again = keras.models.load_model(FOLDER / "graph.keras")
show("a graph from its file", [again.predict(X, verbose=0), len(again.weights)])
left, right = keras.Sequential([keras.Input((3,)), first, act]), keras.Sequential([keras.Input((3,)), first])
both = keras.Model(a, layers.Subtract()([left(a), right(a)]))
show("models that share", [both(X), len(both.weights), len(both.trainable_weights)])
first.trainable = False
show("frozen", [len(model.trainable_weights), len(both.trainable_weights), len(left.trainable_weights)])
