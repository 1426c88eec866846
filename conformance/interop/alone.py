"""A process that uses one engine imports no other: models are built, trained, saved, loaded and cloned in it."""

from __future__ import annotations

import os
import subprocess
import sys

__all__ = ["check"]

_CODE = """
import sys
import numpy as np
import kfront
loaded = lambda: {n for n in ("torch", "jax", "tensorflow", "keras") if n in sys.modules}
assert not loaded(), f"import kfront imported {loaded()}"
L = kfront.layers
model = kfront.Sequential([kfront.Input((6, 4)), L.LSTM(5, return_sequences=True), L.Conv1D(3, 2),
    L.BatchNormalization(), L.Flatten(), L.Dropout(0.2), L.Dense(3, activation="softmax")])
x, y = np.ones((8, 6, 4), "float32"), np.arange(8) % 3
model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
if kfront.backend.backend() != "numpy":
    model.fit(x, y, epochs=1, batch_size=4, verbose=0, validation_split=0.5)
model.evaluate(x, y, verbose=0)
want = model.predict(x, verbose=0)
path = sys.argv[2] + "/m.keras"
model.save(path)
again = kfront.saving.load_model(path)
np.testing.assert_allclose(again.predict(x, verbose=0), want, rtol=1e-5)
again.save_weights(sys.argv[2] + "/m.weights.h5")
again.load_weights(sys.argv[2] + "/m.weights.h5")
kfront.models.clone_model(model)
kfront.models.model_from_json(model.to_json()).summary(print_fn=lambda line: None)
kfront.convert(model, "numpy").predict(x, verbose=0)
assert loaded() <= {sys.argv[1]}, f"{loaded()} imported, only {sys.argv[1]} is used"
"""


def check(backend: str) -> None:
    """Run the script with a backend chosen by the environment."""
    import tempfile

    import kfront

    source = os.path.dirname(os.path.dirname(os.path.abspath(str(kfront.__file__))))
    path = os.pathsep.join(p for p in (source, os.environ.get("PYTHONPATH")) if p)
    env = {**os.environ, "KERAS_BACKEND": backend, "PYTHONPATH": path, "TF_CPP_MIN_LOG_LEVEL": "3"}
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-c", _CODE, backend, folder]
        done = subprocess.run(command, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr.strip()[-1500:]
