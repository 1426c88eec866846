"""Exports: ExportArchive's and `export`'s entry points where the engine has them, TFSMLayer, weights of an archive."""

import os
import tempfile

import keras
import numpy as np
from common import data, fill, show
from keras import layers

inputs = keras.Input((4,), name="x")
model = fill(
    keras.Model(inputs, layers.Dense(2, activation="tanh")(layers.LayerNormalization()(inputs)), name="exported")
)
x = data(3, 4)
show("predict", model.predict(x, verbose=0))
with tempfile.TemporaryDirectory() as folder:
    model.save_weights(os.path.join(folder, "all.weights.h5"))
    show("weights", sorted(os.listdir(folder)))
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        path = os.path.join(folder, "saved")
        model.export(path, verbose=False)
        served = tf.saved_model.load(path)
        show("served", served.serve(tf.constant(x)))
        show("layer", layers.TFSMLayer(path, call_endpoint="serve")(x))
        archive = keras.export.ExportArchive()
        archive.track(model)
        spec = [tf.TensorSpec((None, 4), tf.float32)]
        archive.add_endpoint("double", lambda x: model(x) * 2.0, input_signature=spec)
        archive.write_out(os.path.join(folder, "own"), verbose=False)
        own = tf.saved_model.load(os.path.join(folder, "own"))
        show("double", own.double(tf.constant(x)))
    elif keras.backend.backend() == "torch":
        import torch

        program = torch.export.export(model, (torch.from_numpy(x),))
        show("program", program.module()(torch.from_numpy(x)))
    else:
        import jax

        show("jitted", jax.jit(lambda values: model.stateless_call(model.trainable_variables, [], values)[0])(x))
show("config", keras.models.model_from_json(model.to_json()).name)
show("equal", bool(np.allclose(keras.ops.convert_to_numpy(model(x)), model.predict(x, verbose=0), atol=1e-6)))
