"""Writes keras_options.json: options, masks and weights of losses and metrics as the installed Keras computes them.

Usage: KERAS_BACKEND=jax python -m tests.losses.keras_side

Left out, because kfront departs from Keras on purpose (test_options.py has tests of its own for each):
label smoothing along another axis than the last, which Keras divides by the size of the last;
"mean_with_sample_weight" with weights that are spread over an axis, which Keras divides by the sum before they are;
masks in metrics that count true and false positives, which Keras takes no notice of.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

FILE = Path(__file__).with_name("keras_options.json")
BATCH, TIME, CLASSES = 4, 5, 3
LENGTHS = np.array([5, 2, 0, 3])  # of ragged sequences; one is empty


def data() -> dict[str, np.ndarray]:
    """Targets, predictions and weights by name; sequences of shape (batch, time, classes)."""
    r = np.random.RandomState(3)
    scores = r.rand(BATCH, TIME, CLASSES)
    labels = r.randint(0, CLASSES, (BATCH, TIME))
    out = {
        "real": r.randn(BATCH, TIME, CLASSES),
        "logits": r.randn(BATCH, TIME, CLASSES),
        "prob": scores / scores.sum(-1, keepdims=True),
        "unit": r.rand(BATCH, TIME, CLASSES),
        "binary": (r.rand(BATCH, TIME, CLASSES) > 0.5).astype("float32"),
        "signs": np.sign(r.randn(BATCH, TIME, CLASSES)),
        "onehot": np.eye(CLASSES)[labels],
        "labels": labels,
        "first": np.moveaxis(np.eye(CLASSES)[labels], -1, 1),
        "first_prob": np.moveaxis(scores / scores.sum(-1, keepdims=True), -1, 1),
        "first_logits": r.randn(BATCH, CLASSES, TIME),
        "w_batch": r.rand(BATCH),
        "w_column": r.rand(BATCH, 1),
        "w_time": r.rand(BATCH, TIME),
        "w_full": r.rand(BATCH, TIME, 1),
        "mask": np.arange(TIME)[None] < LENGTHS[:, None],
        "mask_batch": LENGTHS > 0,
    }
    return {k: v if v.dtype == bool or k == "labels" else v.astype("float32") for k, v in out.items()}


LOSSES: list[tuple[str, dict[str, Any], str, str]] = [
    ("MeanSquaredError", {}, "real", "logits"),
    ("MeanAbsoluteError", {}, "real", "logits"),
    ("MeanAbsolutePercentageError", {}, "real", "logits"),
    ("MeanSquaredLogarithmicError", {}, "unit", "prob"),
    ("CosineSimilarity", {"axis": 1}, "real", "logits"),
    ("Huber", {"delta": 0.3}, "real", "logits"),
    ("LogCosh", {}, "real", "logits"),
    ("Poisson", {}, "unit", "prob"),
    ("KLDivergence", {}, "prob", "unit"),
    ("Hinge", {}, "signs", "logits"),
    ("SquaredHinge", {}, "binary", "logits"),
    ("CategoricalHinge", {}, "onehot", "logits"),
    ("BinaryCrossentropy", {"label_smoothing": 0.2}, "binary", "unit"),
    ("BinaryCrossentropy", {"from_logits": True, "label_smoothing": 0.2, "axis": 1}, "binary", "logits"),
    ("BinaryFocalCrossentropy", {"apply_class_balancing": True, "axis": 1}, "binary", "unit"),
    ("BinaryFocalCrossentropy", {"from_logits": True, "gamma": 1.0}, "binary", "logits"),
    ("CategoricalCrossentropy", {"axis": 1}, "first", "first_prob"),
    ("CategoricalCrossentropy", {"axis": 1, "from_logits": True}, "first", "first_logits"),
    ("CategoricalCrossentropy", {}, "onehot", "unit"),
    ("CategoricalFocalCrossentropy", {"axis": 1}, "first", "first_prob"),
    ("CategoricalFocalCrossentropy", {"from_logits": True, "alpha": [0.2, 0.3, 0.5]}, "onehot", "logits"),
    ("SparseCategoricalCrossentropy", {"from_logits": True, "ignore_class": 2}, "labels", "logits"),
    ("SparseCategoricalCrossentropy", {}, "labels", "prob"),
    ("CategoricalGeneralizedCrossEntropy", {"q": 0.5}, "labels", "prob"),
    ("Dice", {"axis": [1, 2]}, "binary", "unit"),
    ("Tversky", {"axis": [1, 2], "alpha": 0.3, "beta": 0.6}, "binary", "unit"),
]
WEIGHTS = (None, "w_batch", "w_column", "w_time", "w_full")
REDUCTIONS = ("sum_over_batch_size", "sum", "mean", "mean_with_sample_weight", "none")

METRICS: list[tuple[str, dict[str, Any], str, str]] = [
    ("MeanSquaredError", {}, "real", "logits"),
    ("RootMeanSquaredError", {}, "real", "logits"),
    ("CosineSimilarity", {"axis": 1}, "real", "logits"),
    ("BinaryAccuracy", {"threshold": 0.4}, "binary", "unit"),
    ("CategoricalAccuracy", {}, "onehot", "logits"),
    ("SparseCategoricalAccuracy", {}, "labels", "logits"),
    ("TopKCategoricalAccuracy", {"k": 2}, "onehot", "logits"),
    ("SparseTopKCategoricalAccuracy", {"k": 2}, "labels", "logits"),
    ("BinaryCrossentropy", {"from_logits": True, "label_smoothing": 0.2}, "binary", "logits"),
    ("CategoricalCrossentropy", {"axis": 1, "from_logits": True}, "first", "first_logits"),
    ("SparseCategoricalCrossentropy", {"from_logits": True}, "labels", "logits"),
    ("KLDivergence", {}, "prob", "unit"),
    ("Hinge", {}, "signs", "logits"),
    ("AUC", {"num_thresholds": 20}, "binary", "unit"),
    ("AUC", {"num_thresholds": 20, "curve": "PR"}, "binary", "unit"),
    ("Precision", {"thresholds": [0.2, 0.7]}, "binary", "unit"),
    ("Recall", {"thresholds": 0.4}, "binary", "unit"),
    ("FalsePositives", {}, "binary", "unit"),
    ("TrueNegatives", {"thresholds": [0.1, 0.5, 0.9]}, "binary", "unit"),
    ("SpecificityAtSensitivity", {"sensitivity": 0.6}, "binary", "unit"),
]

COUNTING = ("AUC", "Precision", "Recall", "FalsePositives", "TrueNegatives", "SpecificityAtSensitivity")


def short(x: Any) -> Any:
    return np.vectorize(lambda v: float(f"{v:.8g}"))(np.asarray(x, "float64")).tolist()


def config_of(config: dict[str, Any]) -> dict[str, Any]:
    """Lists of axes as the tuples that they were."""
    return {k: tuple(v) if k == "axis" and isinstance(v, list) else v for k, v in config.items()}


def shape_of(values: Any) -> int:
    return len(np.shape(values))


def fitting(rank: int) -> list[tuple[str | None, str | None]]:
    """Pairs (weights, mask) for values of a rank.

    Weights of shape (batch,) for values of more axes are not among them: Keras spreads them over the last axis.
    """
    weights = [w for w in WEIGHTS if w is None or (w == "w_batch") == (rank < 2)]
    masks = [None, "mask" if rank >= 2 else "mask_batch"]
    return [(w, m) for w in weights for m in masks]


def main() -> None:
    import keras

    given = data()

    def masked(y: str, mask: str | None) -> Any:
        out = keras.ops.convert_to_tensor(given[y])
        if mask is not None:
            out._keras_mask = keras.ops.convert_to_tensor(given[mask])
        return out

    numpy = keras.ops.convert_to_numpy
    cases: dict[str, list[Any]] = {"losses": [], "metrics": []}
    for cls, config, y_true, y_pred in LOSSES:
        made = {r: getattr(keras.losses, cls)(reduction=r, **config_of(config)) for r in REDUCTIONS}
        rank = shape_of(made["none"](given[y_true], given[y_pred]))
        for weights, mask in fitting(rank):
            w = None if weights is None else given[weights]
            try:
                values = {r: short(numpy(f(given[y_true], masked(y_pred, mask), w))) for r, f in made.items()}
            except Exception as error:  # axes that do not fit
                sys.stderr.write(f"{cls} {config} {weights} {mask}: {type(error).__name__}\n")
                continue
            if weights == "w_column" and mask is None:
                del values["mean_with_sample_weight"]
            cases["losses"].append([cls, config, y_true, y_pred, weights, mask, values])
    for cls, config, y_true, y_pred in METRICS:
        for weights in (None, "w_batch", "w_time"):
            for mask in (None, "mask") if cls not in COUNTING else (None,):
                metric = getattr(keras.metrics, cls)(**config_of(config))
                w = None if weights is None else given[weights]
                try:
                    metric.update_state(given[y_true], masked(y_pred, mask), w)
                except Exception as error:
                    sys.stderr.write(f"{cls} {config} {weights} {mask}: {type(error).__name__}\n")
                    continue
                cases["metrics"].append([cls, config, y_true, y_pred, weights, mask, short(numpy(metric.result()))])
    FILE.write_text(json.dumps(cases) + "\n", encoding="utf-8")
    sys.stdout.write(f"{len(cases['losses'])} cases of losses, {len(cases['metrics'])} of metrics\n")


if __name__ == "__main__":
    main()
