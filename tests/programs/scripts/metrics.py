"""Standalone metrics: update, result, reset, weights, stateless forms, AUC, F-score, IoU, names and configs."""

import keras
import numpy as np
from common import data, labels, show

y = (data(20, seed=3) > 0).astype("float32")
p = 1 / (1 + np.exp(-data(20, seed=4) - y))
for metric in (
    keras.metrics.AUC(num_thresholds=50),
    keras.metrics.AUC(curve="PR", summation_method="minoring"),
    keras.metrics.Precision(thresholds=[0.3, 0.6]),
    keras.metrics.Recall(),
    keras.metrics.PrecisionAtRecall(0.5),
    keras.metrics.SensitivityAtSpecificity(0.5),
    keras.metrics.FalseNegatives(),
):
    metric.update_state(y[:10], p[:10])
    metric.update_state(y[10:], p[10:], sample_weight=np.linspace(0, 1, 10))
    show(metric.name, metric.result())
    show("config", sorted(metric.get_config()))
    metric.reset_state()
scores, classes = data(12, 4), labels(12, 4)
for metric in (
    keras.metrics.F1Score(average="macro"),
    keras.metrics.FBetaScore(beta=0.5, threshold=0.2),
    keras.metrics.CategoricalAccuracy(),
    keras.metrics.TopKCategoricalAccuracy(2),
    keras.metrics.CosineSimilarity(),
    keras.metrics.R2Score(class_aggregation="variance_weighted_average"),
):
    metric.update_state(keras.utils.to_categorical(classes, 4), keras.ops.softmax(scores))
    show(metric.name, metric.result())
iou = keras.metrics.MeanIoU(num_classes=4)
iou.update_state(classes, scores.argmax(-1))
show("iou", [iou.result(), [list(v.shape) for v in iou.variables]])
mean = keras.metrics.Mean(name="average", dtype="float32")
variables = mean.stateless_update_state(mean.variables, np.array([2.0, 4.0], "float32"))
show("stateless", [mean.stateless_result(variables), len(mean.variables), mean.result()])
show("pearson", keras.metrics.PearsonCorrelation()(data(5, 3), data(5, 3, seed=9)))
