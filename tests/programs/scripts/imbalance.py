"""Classes of unequal size: class weights, sample weights, focal losses, weighted metrics, a bias set by hand."""

import keras
import numpy as np
from common import data, fill, show
from keras import layers

x = data(40, 4)
y = (np.arange(40) % 10 == 0).astype("float32")
x[y == 1] += 0.7
positive, count = y.sum(), len(y)
weights = {0: float(count / (2 * (count - positive))), 1: float(count / (2 * positive))}
show("weights", {str(k): v for k, v in weights.items()})
METRICS = [
    keras.metrics.TruePositives,
    keras.metrics.FalsePositives,
    keras.metrics.TrueNegatives,
    keras.metrics.FalseNegatives,
    keras.metrics.BinaryAccuracy,
    keras.metrics.Precision,
    keras.metrics.Recall,
]


def new_model(bias=None, loss="binary_crossentropy", **kwargs):
    start = None if bias is None else keras.initializers.Constant(bias)
    model = keras.Sequential(
        [
            keras.Input((4,)),
            layers.Dense(6, activation="relu"),
            layers.Dense(1, activation="sigmoid", bias_initializer=start or "zeros", name="out"),
        ]
    )
    found = model.get_layer("out").get_weights()[1].copy()
    fill(model)
    model.get_layer("out").bias.assign(found)
    model.compile(keras.optimizers.Adam(0.02), loss, **kwargs)
    return model


fit = {"epochs": 2, "batch_size": 10, "shuffle": False, "verbose": 0}
model = new_model(np.log(positive / (count - positive)), metrics=[m() for m in METRICS])
show("start", model.evaluate(x, y, verbose=0, return_dict=True))
show("weighted classes", model.fit(x, y, class_weight=weights, **fit).history)
model = new_model(weighted_metrics=[keras.metrics.BinaryAccuracy(name="acc"), keras.metrics.AUC(name="auc")])
samples = np.where(y == 1, weights[1], weights[0])
show("weighted samples", model.fit(x, y, sample_weight=samples, validation_data=(x, y, samples), **fit).history)
scores = model.predict(x, verbose=0)
focal = keras.losses.BinaryFocalCrossentropy(apply_class_balancing=True, alpha=0.75, name="balanced")
for loss in (
    focal,
    keras.losses.BinaryFocalCrossentropy(gamma=2.0),
    keras.losses.Tversky(0.3, 0.7),
    keras.losses.Dice(),
):
    show(loss.name, loss(y[:, None], scores))
curve = keras.metrics.AUC(curve="PR", num_thresholds=20)
curve.update_state(y, scores[:, 0])
show("curve", curve.result())
at = keras.metrics.RecallAtPrecision(0.5)
at.update_state(y, scores[:, 0])
show("recall", at.result())
