"""Layers after `quantize` and `enable_lora`, in both orders: what of them changes, weights, results, files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from operator import attrgetter
from typing import Any

from ..acting import call, fill, instance, result
from ..normal import normal
from ..probing import Facts, Probe
from ..subjects import Subject
from .attributes import attributes
from .weights import described, stored

FAMILIES = ("layer",)
MOST = 4
MODES = ("int8", "int4", "float8")


def probes(subject: Subject) -> Iterator[Probe]:
    """One for each way to change a layer that was called."""
    import kfront

    cls = attrgetter(subject.made.path)(kfront)
    quantized = cls.quantized_call is not kfront.layers.Layer.quantized_call
    lora = hasattr(cls, "enable_lora")
    ways: dict[str, list[Callable[[Any], None]]] = {"lora": [_low_rank]} if lora else {}
    for mode in MODES if quantized else ():
        change = _quantize(mode)
        ways |= {mode: [change]} | (
            {f"lora, {mode}": [_low_rank, change], f"{mode}, lora": [change, _low_rank]} if lora else {}
        )
    for label, changes in ways.items():
        yield Probe(label, lambda package, changes=changes: _changed(package, subject, changes))


def _low_rank(layer: Any) -> None:
    layer.enable_lora(2)


def _quantize(mode: str) -> Callable[[Any], None]:
    return lambda layer: layer.quantize(mode)


def _changed(package: Any, subject: Subject, changes: list[Callable[[Any], None]]) -> Facts:
    layer = instance(package, subject)
    call(package, subject, layer)
    fill(package, layer)
    before = _shown(package, layer)
    for change in changes:
        change(layer)
    fill(package, layer)  # of what is low in rank one factor is 0 at first
    after = _shown(package, layer)
    facts: Facts = {"result": result(package, call(package, subject, layer), subject.random)}
    for what, values in after.items():
        facts |= {f"{what} {n}": v for n, v in values.items() if v != before[what].get(n)}
    if not subject.random and not subject.uses[0].kwargs:
        facts["losses"] = normal(_losses(package, subject, layer), package)
    facts["weights"] = [described(package, v) for v in layer.weights]
    return {**facts, **stored(package, layer)}


def _shown(package: Any, layer: Any) -> dict[str, Facts]:
    shown = attributes(package, layer)
    for name in ("kernel", "embeddings"):
        weight, whole = getattr(layer, name, None), layer.quantization_mode in (None, "float8")
        if weight is not None and whole:  # not stored in few bits; of low rank it is a tensor in Keras
            shown[name] = normal(package.ops.convert_to_tensor(weight), package)
    return {"attribute": shown, "config": {k: normal(v, package) for k, v in layer.get_config().items()}}


def _losses(package: Any, subject: Subject, layer: Any) -> list[float]:
    """Of a few steps of training."""
    (x, *_), y = subject.uses[0].args, package.ops.convert_to_numpy(call(package, subject, layer))
    model = package.Sequential([layer])
    model.compile(package.optimizers.SGD(0.1), "mse")
    return [float(model.train_on_batch(x, y + 1)) for _ in range(3)]
