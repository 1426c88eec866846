"""What may be handed in: arguments by position and by name, NumPy, lists, tensors, Variables, symbolic tensors."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..acting import call, fill, instance, mapped, perform, result, tensor
from ..made import Made, bound, make, names_of
from ..probing import Facts, Probe
from ..subjects import Subject

FAMILIES = ("layer", "object", "function")
MOST = 1  # subjects of a name


def probes(subject: Subject) -> Iterator[Probe]:
    """One probe for each kind of input."""
    for label, change in FORMS.items():
        yield Probe(label, lambda package, change=change: _performed(package, subject, change(package)))
    if subject.family == "function":
        yield Probe("by position", lambda package: _positional(package, subject))
    if subject.family == "layer":
        yield Probe("by name", lambda package: _by_name(package, subject))


def _performed(package: Any, subject: Subject, change: Callable[[np.ndarray], Any]) -> Facts:
    if subject.family != "layer":
        return perform(package, subject, change=change)
    layer = instance(package, subject)
    call(package, subject, layer)
    fill(package, layer)
    return {"result": result(package, call(package, subject, layer, change), subject.random)}


def _text(a: np.ndarray) -> bool:
    return a.dtype.kind in "USO"


def _spec(package: Any, a: np.ndarray, shape: tuple[int | None, ...]) -> Any:
    return package.KerasTensor(shape, "string" if _text(a) else a.dtype.name)


FORMS: dict[str, Callable[[Any], Callable[[np.ndarray], Any]]] = {
    "tensors": tensor,
    "NumPy": lambda package: lambda a: a,
    "lists": lambda package: lambda a: a.tolist(),
    "Variables": lambda package: lambda a: a if _text(a) else package.Variable(a, dtype=a.dtype.name, trainable=False),
    "float64": lambda package: lambda a: a.astype("float64") if a.dtype.kind == "f" else a,
    "integers": lambda package: lambda a: tensor(package)(np.floor(a).astype("int32") if a.dtype.kind == "f" else a),
    "bools": lambda package: lambda a: tensor(package)(a > 0 if a.dtype.kind == "f" else a),
    "float16": lambda package: lambda a: tensor(package)(a.astype("float16") if a.dtype.kind == "f" else a),
    "symbolic": lambda package: lambda a: _spec(package, a, a.shape),
    "a batch of unknown size": lambda package: lambda a: _spec(package, a, (None, *a.shape[1:])),
    "all sizes unknown": lambda package: lambda a: _spec(package, a, (None,) * a.ndim),
}


def _positional(package: Any, subject: Subject) -> Facts:
    args, kwargs = bound(subject.made)
    values = []
    for name, default in names_of(subject.made.path).items():
        values.append(kwargs.get(name, default))
        if name == list(kwargs)[-1:][0] if kwargs else True:
            break
    values = mapped(tensor(package), values)
    return {"result": result(package, make(package, Made(subject.made.path, (*args, *values), {})), subject.random)}


def _by_name(package: Any, subject: Subject) -> Facts:
    """The inputs of a layer by their names."""
    import inspect

    layer = instance(package, subject)
    call(package, subject, layer)
    fill(package, layer)
    use = subject.uses[0]
    names = [n for n in inspect.signature(layer.call).parameters][: len(use.args)]
    args, kwargs = mapped(tensor(package), (use.args, use.kwargs))
    return {"result": result(package, layer(**dict(zip(names, args, strict=True)), **kwargs), subject.random)}
