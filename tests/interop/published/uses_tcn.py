"""keras-tcn: causal convolutions in a model, saved and loaded, and its classifier with a metric of functions of K."""

import os
import tempfile

import keras
import numpy as np
from tcn import TCN, compiled_tcn

keras.utils.set_random_seed(0)
draw = np.random.default_rng(0)
x = draw.normal(size=(32, 10, 3)).astype("float32")
inputs = keras.Input((10, 3))
for options in ({}, {"return_sequences": True}, {"use_batch_norm": True, "padding": "same"}, {"go_backwards": True}):
    layer = TCN(nb_filters=4, kernel_size=2, dilations=(1, 2, 4), **options)
    model = keras.Model(inputs, keras.layers.Dense(1)(layer(inputs)))
    model.compile("adam", "mse")
    y = x[..., :1] if options.get("return_sequences") else x[:, -1, :1]
    losses = model.fit(x, y, epochs=5, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    assert layer.receptive_field == 15
    path = os.path.join(tempfile.mkdtemp(), "model.keras")
    model.save(path)
    again = keras.models.load_model(path, custom_objects={"TCN": TCN})
    np.testing.assert_allclose(again.predict(x, verbose=0), model.predict(x, verbose=0), rtol=1e-5)
sizes = {"num_feat": 3, "nb_filters": 8, "kernel_size": 2, "dilations": [1, 2], "nb_stacks": 1, "max_len": 10}
classifier = compiled_tcn(num_classes=2, lr=0.01, dropout_rate=0.0, return_sequences=False, **sizes)
classes = (x[:, -1, :1] > 0).astype("int32")
history = classifier.fit(x, classes, epochs=20, verbose=0).history
assert history["accuracy"][-1] > 0.85
