"""What the programs share: data and weights that do not depend on the engine, and one form of printing."""

from __future__ import annotations

import json
from typing import Any

import keras
import numpy as np


def data(*shape: int, seed: int = 0, scale: float = 1.0) -> np.ndarray:
    """Numbers of a normal distribution, float32."""
    return (np.random.default_rng(seed).normal(size=shape) * scale).astype("float32")


def labels(count: int, classes: int, seed: int = 1) -> np.ndarray:
    """Classes as int32."""
    return np.random.default_rng(seed).integers(0, classes, count).astype("int32")


def fill(model: Any, seed: int = 2) -> Any:
    """Give a built model or layer the same trainable weights everywhere; returns it."""
    rng = np.random.default_rng(seed)
    for v in model.trainable_variables:
        v.assign((rng.normal(size=tuple(v.shape)) * 0.3).astype("float32"))
    return model


def plain(value: Any) -> Any:
    """A value as JSON: tensors with shape and dtype, numbers with four digits after the point."""
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return round(value, 4)
    if isinstance(value, keras.KerasTensor):
        return {"symbolic": [list(value.shape), keras.backend.standardize_dtype(value.dtype)]}
    if isinstance(value, (np.ndarray, np.generic)) or keras.ops.is_tensor(value) or isinstance(value, keras.Variable):
        dtype = keras.backend.standardize_dtype(value.dtype)
        array = np.asarray(keras.ops.convert_to_numpy(value)) if not isinstance(value, np.generic) else value
        if dtype in ("bfloat16", "float16", "float64"):
            array = array.astype("float32")
        values = np.round(array, 4) if array.dtype.kind == "f" else array
        return {"shape": list(array.shape), "dtype": dtype, "values": values.tolist()}
    return f"{type(value).__name__}"


def refused(call: Any, *classes: type[Exception]) -> bool:
    """Whether a call raises an error of one of the classes, or of a class derived from them."""
    try:
        call()
    except classes:
        return True
    return False


def same(a: Any, b: Any) -> bool:
    """Whether two tensors or arrays are close."""
    return bool(np.allclose(keras.ops.convert_to_numpy(a), keras.ops.convert_to_numpy(b), atol=1e-5))


def show(name: str, value: Any) -> None:
    """Print a value under a name, as one line of JSON."""
    print(f"{name}: {json.dumps(plain(value), sort_keys=True)}")
