"""Writes keras_values.json: what the installed Keras computes for the cases below.

Usage: KERAS_BACKEND=torch python -m tests.optimizers.keras_side [CLASS ...]
       KERAS_BACKEND=jax python -m tests.optimizers.keras_side Nadam ScheduleFreeAdamW

The second line is needed because Keras gives these two other values on torch than on its other backends.
"""

from __future__ import annotations

import contextlib
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

FILE = Path(__file__).with_name("keras_values.json")
STEPS = 50
SMALL = {"kernel": (3, 2), "bias": (2,)}
SHAPES = {
    "kernel": (3, 2),
    "bias": (2,),
    "wide/kernel": (2, 5),
    "conv": (2, 3, 4),
    "scale": (),
    "embedding/x": (4, 3),
    "out/kernel": (3, 2),
}
CLASSES = "SGD RMSprop Adam AdamW Adamax Nadam Adagrad Adadelta Ftrl Lion Lamb Adafactor Muon ScheduleFreeAdamW"
RATES = {"Adadelta": 1.0, "SGD": 0.1, "Adagrad": 0.1, "Ftrl": 0.1, "Muon": 0.02, "Adafactor": 0.05}
EVERYTHING = {
    "weight_decay": 0.1,
    "global_clipnorm": 1.5,
    "use_ema": True,
    "ema_momentum": 0.9,
    "ema_overwrite_frequency": 7,
    "gradient_accumulation_steps": 2,
}


def more_cases() -> dict[str, dict[str, Any]]:
    """Each optimizer alone on many shapes, and with everything that the base can do; the options of the new ones."""
    out: dict[str, dict[str, Any]] = {}
    for name in CLASSES.split():
        rate = {"learning_rate": RATES.get(name, 0.01)}
        out[f"{name} on all shapes"] = {"class": name, "config": rate, "shapes": True}
        out[f"{name} with everything"] = {
            "class": name,
            "config": {**rate, **EVERYTHING},
            "shapes": True,
            "exclude": ["bias", "sca"],
        }
    for name, options in (
        ("Adam", {"clipnorm": 0.5}),
        ("Adam", {"clipvalue": 0.2}),
        ("Adafactor", {"clip_threshold": 0.3, "epsilon_2": 2.0, "beta_2_decay": -0.5, "epsilon_1": 0.01}),
        ("Muon", {"rms_rate": None, "nesterov": False, "adam_lr_ratio": 0.3, "exclude_layers": ["^out", "zz"]}),
        ("Muon", {"ns_steps": 2, "muon_a": 2.0, "muon_b": -1.5, "muon_c": 0.5, "momentum": 0.5}),
        ("Muon", {"exclude_embeddings": False, "adam_weight_decay": 0.3, "weight_decay": None, "epsilon": 0.1}),
        ("ScheduleFreeAdamW", {"warmup_steps": 9, "epsilon": 0.1, "beta_1": 0.7, "beta_2": 0.9}),
    ):
        config = {"learning_rate": RATES.get(name, 0.01), **options}
        out[f"{name} {', '.join(options)}"] = {"class": name, "config": config, "shapes": True}
    return out


def arrays(shapes: dict[str, tuple[int, ...]]) -> tuple[list[np.ndarray], list[list[np.ndarray]]]:
    """Start values and the gradients of each step."""
    r = np.random.RandomState(7)
    make = lambda: [np.asarray(r.randn(*s), "float32") for s in shapes.values()]  # noqa: E731
    return make(), [make() for _ in range(STEPS)]


def run(case: dict[str, Any], library: Any, convert: Any = lambda x: x) -> tuple[list[Any], Any]:
    """The variables and the optimizer after all steps, in Keras or a library with its API."""
    shapes = SHAPES if case.get("shapes") else SMALL
    start, grads = arrays(shapes)
    weights = []
    for x, path in zip(start, shapes, strict=True):
        scope, _, name = path.rpartition("/")
        with library.name_scope(scope) if scope else contextlib.nullcontext():
            weights.append(library.Variable(x, name=name))
    optimizer = getattr(library.optimizers, case["class"])(**case["config"])
    if "exclude" in case:
        optimizer.exclude_from_weight_decay(var_names=case["exclude"])
    for step in grads:
        optimizer.apply([convert(g) for g in step], weights)
    return weights, optimizer


def short(x: Any) -> list[float]:
    return [float(f"{v:.8g}") for v in np.asarray(x, "float64").ravel()]


def main() -> None:
    import keras

    known = json.loads(FILE.read_text(encoding="utf-8"))
    asked = {
        n: {k: c[k] for k in ("class", "config", "shapes", "exclude") if k in c} for n, c in known["cases"].items()
    }
    asked.update(more_cases())
    cases = dict(known["cases"])
    for name, case in asked.items():
        if sys.argv[1:] and case["class"] not in sys.argv[1:]:
            continue
        weights, optimizer = run(case, keras, keras.ops.convert_to_tensor)
        cases[name] = {
            **case,
            "weights": [short(w.numpy()) for w in weights],
            "variables": [[v.name, list(v.shape), str(v.dtype), short(v.numpy())] for v in optimizer.variables],
        }
    FILE.write_text(json.dumps({"cases": cases, "schedules": known["schedules"]}) + "\n", encoding="utf-8")
    sys.stdout.write(f"{len(cases)} cases\n")


if __name__ == "__main__":
    main()
