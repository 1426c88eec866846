"""mlflow: its callback and autologging write runs, and a logged model is loaded again."""

import os
import tempfile

import keras
import numpy as np

os.environ["MLFLOW_ENABLE_ASYNC_LOGGING"] = "false"
os.environ["MLFLOW_ALLOW_FILE_STORE"] = "true"
import mlflow
import mlflow.keras

folder = tempfile.mkdtemp()
mlflow.set_tracking_uri(f"sqlite:///{folder}/runs.db")
mlflow.set_experiment(experiment_id=mlflow.create_experiment("e", artifact_location=f"{folder}/artifacts"))
rng = np.random.default_rng(0)
x, y = rng.normal(size=(16, 4)).astype("float32"), rng.integers(0, 2, 16)
model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2, activation="softmax")])
model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
with mlflow.start_run() as run:
    model.fit(x, y, batch_size=4, epochs=2, verbose=0, callbacks=[mlflow.keras.MlflowCallback(run)])
found = mlflow.get_run(run.info.run_id).data
assert {"loss", "accuracy"} <= set(found.metrics) and found.params["optimizer_name"].lower() == "adam"
mlflow.keras.autolog(log_models=False)
with mlflow.start_run() as run:
    model.fit(x, y, batch_size=8, epochs=1, verbose=0)
assert "loss" in mlflow.get_run(run.info.run_id).data.metrics
mlflow.keras.save_model(model, f"{folder}/model")
again = mlflow.keras.load_model(f"{folder}/model")
assert np.allclose(model.predict(x, verbose=0), again.predict(x, verbose=0), atol=1e-6)
