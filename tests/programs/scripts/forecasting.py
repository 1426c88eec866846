"""Forecasts: windows by `timeseries_dataset_from_array`, baselines, dense, convolutional and recurrent models."""

import keras
import numpy as np
from common import data, fill, show
from keras import layers

steps = np.arange(60)
table = np.stack([np.sin(steps / 5), np.cos(steps / 7), steps / 60], axis=1).astype("float32") + data(60, 3, scale=0.05)
mean, deviation = table[:40].mean(axis=0), table[:40].std(axis=0)
table = (table - mean) / deviation
options = {"sampling_rate": 2, "sequence_length": 6, "shuffle": False, "batch_size": 8}
delay = 2 * 6
parts = [
    keras.utils.timeseries_dataset_from_array(
        table[:-delay], targets=table[delay:, 0], start_index=a, end_index=b, **options
    )
    for a, b in ((0, 30), (24, None))
]
for part in parts:
    shapes = [[list(x.shape), list(y.shape)] for x, y in part]
    show("windows", shapes)
first, after = next(iter(parts[0]))
show("first", [np.asarray(first)[0], np.asarray(after)[:3]])
plain = keras.utils.timeseries_dataset_from_array(np.arange(10), None, sequence_length=3, sequence_stride=2)
show("inputs only", [np.asarray(batch) for batch in plain])
errors = [np.abs(np.asarray(x)[:, -1, 0] - np.asarray(y)) for x, y in parts[1]]
show("baseline", float(np.concatenate(errors).mean()))
BODIES = {
    "dense": [layers.Flatten(), layers.Dense(4, activation="relu")],
    "conv": [layers.Conv1D(4, 3, activation="relu"), layers.GlobalAveragePooling1D()],
    "gru": [layers.Bidirectional(layers.GRU(3)), layers.Dropout(0.0)],
}
for name, body in BODIES.items():
    model = fill(keras.Sequential([keras.Input((6, 3)), *body, layers.Dense(1)]))
    model.compile(keras.optimizers.SGD(0.05), "mse", metrics=["mae"])
    show(name, model.fit(parts[0], epochs=1, validation_data=parts[1], verbose=0, shuffle=False).history)
