"""Inference: the spec of a symbolic call is what the eager call gives, with unknown dimensions too."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import kfront
from kfront import ops
from kfront.core.spec import Abstract, KerasTensor

sys.path.insert(0, str(Path(__file__).parent))
import cases_more  # noqa: F401
from cases import CASES, Case

# the result of these is no tensor, or depends on values
PLAIN = {"nonzero", "where", "bincount", "unique"}
CREATION = {
    "zeros", "ones", "empty", "full", "arange", "linspace", "logspace", "eye", "identity", "tri", "array",
    "convert_to_tensor", "geomspace",
}  # fmt: skip
KEYS = {"get_item"}


@pytest.fixture(autouse=True)
def on_numpy() -> Any:
    with kfront.backend_scope("numpy"):
        yield


def spec_of(v: Any, unknown: bool) -> Any:
    """Arrays as symbolic tensors, with the first dimension unknown or not."""
    if isinstance(v, np.ndarray):
        shape = (None, *v.shape[1:]) if unknown and v.ndim else v.shape
        return KerasTensor(shape, ops.dtype(v))
    if isinstance(v, (list, tuple)) and any(isinstance(x, np.ndarray) for x in v):
        return type(v)(spec_of(x, unknown) for x in v)
    return v


def tensors_of(c: Case) -> list[np.ndarray]:
    found = [x for a in (*c.args, *c.kwargs.values()) for x in (a if isinstance(a, (list, tuple)) else [a])]
    return [x for x in found if isinstance(x, np.ndarray)]


def check(spec: Any, value: Any, exact: bool) -> None:
    if isinstance(value, (list, tuple)):
        assert type(spec) is type(value) and len(spec) == len(value)
        for s, v in zip(spec, value, strict=True):
            check(s, v, exact)
        return
    if not isinstance(spec, KerasTensor):
        assert spec == value
        return
    value = np.asarray(value)
    assert spec.dtype == ops.dtype(value)
    assert len(spec.shape) == value.ndim, f"inferred {spec.shape}, got {value.shape}"
    if exact:
        assert spec.shape == value.shape
    assert all(d in (None, n) for d, n in zip(spec.shape, value.shape, strict=True)), (
        f"inferred {spec.shape}, got {value.shape}"
    )


def call(c: Case, unknown: bool | None) -> Any:
    f = getattr(ops, c.name)
    if unknown is None:
        return f(*c.args, **c.kwargs)
    key = c.args[1:] if c.name in KEYS else None
    args = [spec_of(a, unknown) for a in (c.args[:1] if key is not None else c.args)]
    return f(*args, *(key or ()), **{k: spec_of(v, unknown) for k, v in c.kwargs.items()})


SYMBOLIC = [c for c in CASES if tensors_of(c) and c.name not in CREATION]


@pytest.mark.parametrize("c", [pytest.param(c, id=c.label) for c in SYMBOLIC])
def test_inferred_is_eager(c: Case) -> None:
    by_values = c.name in PLAIN and not (c.name == "where" and len(c.args) > 1)
    check(call(c, unknown=False), call(c, None), exact=not by_values)


@pytest.mark.parametrize("c", [pytest.param(c, id=c.label) for c in SYMBOLIC if c.dynamic])
def test_unknown_first_dimension(c: Case) -> None:
    check(call(c, unknown=True), call(c, None), exact=False)


@pytest.mark.parametrize("dtype", ["float32", "int32"])
def test_creation_from_symbolic_shapes(dtype: str) -> None:
    x = Abstract((None, 3), "float32")
    for make in (ops.zeros, ops.ones):
        out = make(ops.shape(x), dtype=dtype)
        assert type(out) is Abstract and out.shape == (None, 3) and out.dtype == dtype
    assert ops.reshape(x, (ops.shape(x)[0], 3, 1)).shape == (None, 3, 1)
    assert ops.broadcast_to(np.ones(3, "float32"), ops.shape(x)).shape == (None, 3)
    assert ops.arange(ops.shape(x)[0]).shape == (None,)


def test_shape_of_symbolic_values() -> None:
    assert ops.shape(KerasTensor((None, 3))) == (None, 3)
    n, three = ops.shape(Abstract((None, 3), "float32"))
    assert type(n) is Abstract and n.shape == () and n.dtype == "int32" and three == 3
