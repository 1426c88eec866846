"""optuna-integration: its Keras callback prunes trials."""

import keras
import numpy as np
import optuna
from optuna_integration.keras import KerasPruningCallback

optuna.logging.set_verbosity(optuna.logging.ERROR)
x = np.random.default_rng(0).normal(size=(32, 4)).astype("float32")
y = x.sum(1)


def objective(trial):
    model = keras.Sequential(
        [keras.Input((4,)), keras.layers.Dense(trial.suggest_int("units", 2, 4)), keras.layers.Dense(1)]
    )
    rate = 0.01 if trial.number == 0 else 1e-9
    model.compile(keras.optimizers.Adam(rate), "mse")
    prune = KerasPruningCallback(trial, "val_loss")
    return min(model.fit(x, y, validation_split=0.25, epochs=4, verbose=0, callbacks=[prune]).history["val_loss"])


study = optuna.create_study(pruner=optuna.pruners.ThresholdPruner(upper=1e-3, n_warmup_steps=1))
study.optimize(objective, n_trials=2)
assert [t.state.name for t in study.trials] == ["PRUNED", "PRUNED"]
assert all(sorted(t.intermediate_values) == [0, 1] for t in study.trials)
