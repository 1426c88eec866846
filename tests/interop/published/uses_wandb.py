"""wandb: its callbacks log metrics and files of models."""

import os
import tempfile

os.environ["WANDB_MODE"] = "disabled"
os.environ["WANDB_SILENT"] = "true"
import keras
import numpy as np
import wandb
from wandb.integration.keras import WandbMetricsLogger, WandbModelCheckpoint

folder = tempfile.mkdtemp()
rng = np.random.default_rng(0)
x, y = rng.normal(size=(16, 4)).astype("float32"), rng.normal(size=(16, 1))
model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
model.compile("adam", "mse")
with wandb.init(dir=folder, mode="disabled") as run:
    logged = []
    run.log = wandb.log = lambda row, *a, **k: logged.append(row)
    saved = []
    run.log_artifact = wandb.log_artifact = lambda artifact, aliases=(), **k: saved.append(list(aliases))
    callbacks = [
        WandbMetricsLogger(log_freq=1),
        WandbModelCheckpoint(f"{folder}/{{epoch}}.keras"),
        WandbModelCheckpoint(f"{folder}/{{epoch}}-{{batch}}.keras", save_freq=3),
    ]
    model.fit(x, y, batch_size=4, epochs=2, verbose=0, callbacks=callbacks)
assert any("batch/loss" in row for row in logged) and any("epoch/loss" in row for row in logged), logged
assert sorted(f for f in os.listdir(folder) if f.endswith(".keras")) == ["1-3.keras", "1.keras", "2-2.keras", "2.keras"]
assert ["latest", "epoch_0"] in saved and ["latest", "epoch_1_batch_1"] in saved, saved
