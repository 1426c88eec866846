"""Files: custom objects in every way, registered classes, build_from_config, weights files, archives, JSON."""

import json
import os
import tempfile
import zipfile

import keras
import numpy as np
from common import data, fill, show
from keras import layers, ops


@keras.saving.register_keras_serializable(package="Programs", name="scaled")
def scaled(x):
    return ops.tanh(x) * 2.0


@keras.saving.register_keras_serializable("Programs")
class Scale(layers.Layer):
    def __init__(self, factor, inner=None, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor
        self.inner = inner or layers.Dense(2)

    def call(self, x):
        return self.inner(x) * self.factor

    def get_config(self):
        inner = keras.saving.serialize_keras_object(self.inner)
        return {**super().get_config(), "factor": self.factor, "inner": inner}

    @classmethod
    def from_config(cls, config):
        inner = keras.saving.deserialize_keras_object(config.pop("inner"))
        return cls(inner=inner, **config)


inputs = keras.Input((3,), name="x")
model = keras.Model(inputs, Scale(3.0, layers.Dense(2, activation=scaled), name="scale")(inputs), name="saved")
fill(model)
model.compile("adam", loss=keras.losses.Huber(delta=0.5), metrics=["mae"])
x = data(4, 3)
model.fit(x, data(4, 2), verbose=0)
want = model.predict(x, verbose=0)
with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, "m.keras")
    model.save(path)
    with zipfile.ZipFile(path) as archive:
        show("archive", sorted(archive.namelist()))
        config = json.loads(archive.read("config.json"))
    loaded = keras.saving.load_model(path)
    weights = os.path.join(folder, "m.weights.h5")
    model.save_weights(weights)
    again = keras.models.model_from_json(model.to_json())
    again.load_weights(weights)
    legacy = os.path.join(folder, "m.h5")
    model.save(legacy)
    old = keras.saving.load_model(legacy)
show("config", sorted(config))
show(
    "layers",
    [[layer["class_name"], layer.get("registered_name"), layer["module"]] for layer in config["config"]["layers"]],
)
show("compile", sorted(set(config["compile_config"]) - {"auto_scale_loss"}))
show("equal", [bool(np.allclose(m.predict(x, verbose=0), want, atol=1e-6)) for m in (loaded, again, old)])
show("optimizer", [type(loaded.optimizer).__name__, int(loaded.optimizer.iterations), len(loaded.optimizer.variables)])
show("loss", loaded.loss.name)
show("names", [keras.saving.get_registered_name(Scale), keras.saving.get_registered_object("Programs>scaled").__name__])
show("serialized", keras.saving.serialize_keras_object(layers.ReLU(max_value=6.0, name="r"))["config"])
with keras.saving.custom_object_scope({"other": scaled}):
    show("scope", keras.saving.get_registered_object("other") is scaled)
