"""Making and using subjects on one side."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Any

import numpy as np

from .made import Made, bound, make
from .normal import Json, normal
from .subjects import Subject

__all__ = ["call", "fill", "instance", "mapped", "perform", "result", "tensor"]


def mapped(change: Callable[[np.ndarray], Any], value: Any) -> Any:
    """A structure with each array replaced."""
    if isinstance(value, np.ndarray):
        return change(value)
    if type(value) in (list, tuple):
        return type(value)(mapped(change, v) for v in value)
    if type(value) is dict:
        return {key: mapped(change, v) for key, v in value.items()}
    return value


def tensor(package: Any) -> Callable[[np.ndarray], Any]:
    """Makes tensors of arrays; text stays NumPy, which no engine but TensorFlow has tensors of."""
    return lambda a: a if a.dtype.kind in "USO" else package.ops.convert_to_tensor(a)


def instance(package: Any, subject: Subject, **options: Any) -> Any:
    """A new instance, with options."""
    return make(package, subject.made.with_options(options) if options else subject.made)


def call(package: Any, subject: Subject, layer: Any, change: Any = None, **more: Any) -> Any:
    """What a layer gives for the subject's inputs, by default as tensors."""
    use = subject.uses[0]
    args, kwargs = mapped(change or tensor(package), (use.args, {**use.kwargs, **more}))
    return layer(*args, **kwargs)


def perform(package: Any, subject: Subject, made: Made | None = None, change: Any = None) -> dict[str, Json]:
    """Use an instance, or call the function, and observe what comes out and the Variables that went in."""
    made = made or subject.made
    change = change or tensor(package)
    if subject.family == "function":
        args, kwargs = bound(made)
        out = make(package, Made(made.path, mapped(change, args), mapped(change, kwargs)))
        return {"result": result(package, out, subject.random)}
    memo: dict[int, Any] = {}
    one = make(package, made, memo)
    facts: dict[str, Json] = {}
    for i, use in enumerate(subject.uses):
        if use.method == "" and i == 0 and subject.family == "layer":
            _built(package, subject, one)
        args, kwargs = mapped(change, make(package, (use.args, use.kwargs), memo))
        out = (getattr(one, use.method) if use.method else one)(*args, **kwargs)
        facts[f"{use.method or 'call'} {i}" if i else "result"] = result(package, out, subject.random)
    for i, v in enumerate(v for v in memo.values() if isinstance(v, package.Variable)):
        facts[f"variable {i}"] = normal(package.ops.convert_to_numpy(v), package)
    return facts


def _built(package: Any, subject: Subject, layer: Any) -> None:
    """Give a layer its weights by one call, then values that are the same on both sides."""
    call(package, subject, layer)
    fill(package, layer)
    if getattr(layer, "stateful", False):
        layer.reset_state()


def fill(package: Any, layer: Any) -> None:
    """Set floating weights to values that follow from their names and shapes."""
    for v in layer.weights:
        if "seed" in v.name or "float" not in package.backend.standardize_dtype(v.dtype):
            continue
        key = zlib.crc32(f"{v.name}{tuple(v.shape)}".encode())
        values = np.random.Generator(np.random.Philox(key=key)).uniform(-0.6, 0.6, tuple(v.shape))
        positive = any(w in v.name for w in ("variance", "scale", "gamma", "amax"))
        v.assign((np.abs(values) + 0.1 if positive else values).astype("float32"))


def result(package: Any, value: Any, random: bool = False) -> Json:
    """A result as JSON, of one that is drawn only what it is."""
    found = normal(value, package)
    return _without_values(found) if random else found


def _without_values(x: Json) -> Json:
    if isinstance(x, dict):
        return {
            t: v[:2] if t in ("tensor", "array", "scalar") and isinstance(v, list) else _without_values(v)
            for t, v in x.items()
        }
    return [_without_values(v) for v in x] if isinstance(x, list) else x
