"""Dtypes and policies: of results, weights and what a layer says of itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..acting import call, fill, instance
from ..normal import Json, normal
from ..probing import Facts, Probe
from ..subjects import Subject

FAMILIES = ("layer",)
MOST = 1  # subjects of a name
POLICIES = ("float16", "bfloat16", "float64", "mixed_float16", "mixed_bfloat16")


def probes(subject: Subject) -> Iterator[Probe]:
    """The policy as an argument, and as the global one."""
    for policy in POLICIES:
        yield Probe(f"dtype={policy}", lambda package, policy=policy: _facts(package, subject, policy, False))
    yield Probe("global mixed_bfloat16", lambda package: _facts(package, subject, "mixed_bfloat16", True))


def _facts(package: Any, subject: Subject, policy: str, everywhere: bool) -> Facts:
    if everywhere:
        package.config.set_dtype_policy(policy)
    layer = instance(package, subject) if everywhere else instance(package, subject, dtype=policy)
    call(package, subject, layer)
    fill(package, layer)
    out = call(package, subject, layer)
    names = ("compute_dtype", "variable_dtype", "input_dtype", "dtype")
    facts: Facts = {n: normal(getattr(layer, n), package) for n in names}
    facts["policy"] = layer.dtype_policy.name
    facts["weights"] = {v.path: package.backend.standardize_dtype(v.dtype) for v in layer.weights}
    facts["result"] = _dtypes(package, out)
    return facts


def _dtypes(package: Any, value: Any) -> Json:
    """Dtypes and shapes; values in low precision depend on the order of steps."""
    if isinstance(value, dict):
        return {k: _dtypes(package, v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_dtypes(package, v) for v in value]
    found = normal(value, package)
    return (
        next(iter(found.values()))[:2]
        if isinstance(found, dict) and isinstance(next(iter(found.values())), list)
        else found
    )
