"""FeatureSpace: features of every kind, crosses, both output modes, a training model behind it, saved and loaded."""

import os
import tempfile

import keras
import numpy as np
import tensorflow as tf
from common import fill, labels, show
from keras.utils import FeatureSpace

table = {
    "age": np.array([29, 61, 47, 33, 52, 40], "int64"),
    "pressure": np.array([120.0, 145.5, 131.0, 118.5, 160.0, 127.0], "float32"),
    "rate": np.array([60.0, 72.0, 88.0, 64.0, 90.0, 71.0], "float32"),
    "pain": np.array(["none", "mild", "strong", "none", "mild", "none"]),
    "code": np.array([3, 1, 2, 3, 1, 7], "int64"),
}
target = labels(6, 2)


def new_space(output_mode):
    return FeatureSpace(
        features={
            "age": FeatureSpace.integer_hashed(num_bins=5, output_mode="one_hot"),
            "pressure": FeatureSpace.float_normalized(),
            "rate": FeatureSpace.float_discretized(num_bins=3),
            "pain": FeatureSpace.string_categorical(num_oov_indices=0, output_mode="one_hot"),
            "code": FeatureSpace.integer_categorical(output_mode="one_hot"),
        },
        crosses=[FeatureSpace.cross(feature_names=("pain", "code"), crossing_dim=8)],
        output_mode=output_mode,
    )


rows = tf.data.Dataset.from_tensor_slices(dict(table)).batch(2)
space = new_space("concat")
space.adapt(rows)
vectors = space({name: column[:2] for name, column in table.items()})
show("concat", vectors)
apart = new_space("dict")
apart.adapt(rows)
show("dict", {k: v for k, v in sorted(apart({name: column[:2] for name, column in table.items()}).items())})
inputs, encoded = space.get_inputs(), space.get_encoded_features()
show("inputs", {k: [list(v.shape), v.dtype] for k, v in sorted(inputs.items())})
show("encoded", [list(encoded.shape), encoded.dtype])
model = keras.Model(encoded, keras.layers.Dense(1, activation="sigmoid")(encoded))
fill(model)
model.compile(keras.optimizers.SGD(0.1), "binary_crossentropy", metrics=["accuracy"])
whole = np.asarray(keras.ops.convert_to_numpy(space({**table})))
show("history", model.fit(whole, target, batch_size=3, shuffle=False, verbose=0).history)
with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, "space.keras")
    space.save(path)
    again = keras.saving.load_model(path)
show("loaded", again({name: column[:2] for name, column in table.items()}))
show("preprocessors", {k: type(v).__name__ for k, v in sorted(space.preprocessors.items())})
