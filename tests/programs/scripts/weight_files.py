"""Weights in files: whole models, weights alone, mismatches that are skipped, legacy files by name, orders."""

import os
import tempfile

import h5py
import keras
import numpy as np
from common import data, fill, refused, same, show
from keras import layers

folder = tempfile.mkdtemp()


def at(name):
    return os.path.join(folder, name)


def made(units=4, classes=3, extra=False):
    stack = [keras.Input((5,)), layers.Dense(units, name="first"), layers.BatchNormalization(name="norm")]
    stack += [layers.Dense(units, name="second")] if extra else []
    return keras.Sequential([*stack, layers.Dense(classes, name="top")], name="net")


model = fill(made())
x = data(3, 5)
model.save_weights(at("a.weights.h5"))
other = made(classes=7)
show("mismatch", refused(lambda: other.load_weights(at("a.weights.h5")), ValueError))
other.load_weights(at("a.weights.h5"), skip_mismatch=True)
show(
    "skipped",
    [same(other.get_layer("first").kernel, model.get_layer("first").kernel), list(other.get_layer("top").kernel.shape)],
)
wider = made(extra=True)
show("more layers", refused(lambda: wider.load_weights(at("a.weights.h5")), ValueError))
wider.load_weights(at("a.weights.h5"), skip_mismatch=True)
show("some", same(wider.get_layer("first").kernel, model.get_layer("first").kernel))
show("bad name", refused(lambda: model.save_weights(at("a.txt")), ValueError))
show("missing", refused(lambda: model.load_weights(at("none.weights.h5")), ValueError, OSError, FileNotFoundError))
model.compile(optimizer=keras.optimizers.Adam(), loss=keras.losses.MeanSquaredError())
model.fit(x, data(3, 3), verbose=0)
model.save(at("m.h5"))
model.save(at("m.keras"))
show("files", sorted(os.listdir(folder)))
for name in ("m.h5", "m.keras"):
    loaded = keras.saving.load_model(at(name))
    show(
        name,
        [
            loaded.name,
            same(loaded(x), model(x)),
            isinstance(loaded.optimizer, keras.optimizers.Optimizer),
            type(loaded.loss).__name__,
        ],
    )
show("uncompiled", getattr(keras.saving.load_model(at("m.keras"), compile=False), "optimizer", None) is None)
with h5py.File(at("m.h5")) as file:
    show("attributes", sorted(file.attrs))
    show("groups", sorted(file["model_weights"]))
    show(
        "names",
        [n.decode() if isinstance(n, bytes) else n for n in file["model_weights"]["first"].attrs["weight_names"]],
    )
wider = made(extra=True)
wider.load_weights(at("m.h5"), by_name=True)
show("by name", [same(wider.get_layer(n).kernel, model.get_layer(n).kernel) for n in ("first", "top")])
show("by name, mismatch", refused(lambda: made(classes=9).load_weights(at("m.h5"), by_name=True), ValueError))
odd = made(classes=9)
odd.load_weights(at("m.h5"), by_name=True, skip_mismatch=True)
show("by name, skipped", same(odd.get_layer("first").kernel, model.get_layer("first").kernel))
show("by name, other format", refused(lambda: wider.load_weights(at("a.weights.h5"), by_name=True), ValueError))
show("get_weights", [w.shape for w in model.get_weights()])
show("set few", refused(lambda: model.set_weights(model.get_weights()[:-1]), ValueError))
show("set shapes", refused(lambda: model.set_weights([w.T[..., None] for w in model.get_weights()]), ValueError))
layer = model.get_layer("norm")
show("norm", [w.name for w in layer.weights])
layer.set_weights([w + 1 for w in layer.get_weights()])
show("moved", float(np.mean(layer.get_weights()[2])))
model.get_layer("first").kernel.assign(np.ones((5, 4)))
show("assigned", float(np.sum(model.get_layer("first").kernel)))
show("assign shape", refused(lambda: model.get_layer("first").kernel.assign(np.ones((5, 5))), ValueError))
store = {}
model.save_own = None
own = keras.Sequential([layers.Dense(2), layers.Dense(1)])
show("unbuilt", [own.built, refused(lambda: own.save_weights(at("own.weights.h5")), ValueError)])
own.build((None, 3))
show("built", [w.path for w in own.weights])
nested = keras.Sequential([keras.Input((5,)), made(), layers.Dense(2, name="end")], name="outer")
nested.save_weights(at("nested.weights.h5"))
with h5py.File(at("nested.weights.h5")) as file:
    names = []
    file.visititems(lambda n, item: names.append(n) if isinstance(item, h5py.Dataset) else None)
    show("nested", sorted(names))
show("config roundtrip", keras.Sequential.from_config(nested.get_config()).layers[0].name)
text = model.to_json()
show("json", [keras.models.model_from_json(text).name, sorted(__import__("json").loads(text))])
clone = keras.models.clone_model(nested)
show("clone", [clone.name, [layer.name for layer in clone.layers], clone.layers[0] is nested.layers[0]])
part = keras.Sequential([keras.Input((5,)), layers.Dense(3, name="a"), layers.Dense(2, name="b")])
other = keras.models.clone_model(part)
keras.saving.save_weights(part, at("part.weights.h5"), objects_to_skip=[part.layers[0]])
with h5py.File(at("part.weights.h5")) as file:
    names = []
    file.visititems(lambda n, item: names.append(n) if isinstance(item, h5py.Dataset) else None)
    show("a part", sorted(names))
keras.saving.load_weights(other, at("part.weights.h5"), objects_to_skip=[other.layers[0]])
show("read", [bool(np.allclose(*(m.get_layer(n).get_weights()[0] for m in (part, other)))) for n in "ab"])
