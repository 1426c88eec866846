"""Drawn inputs: the same each time, of every kind, and what is wrong is found and made small."""

from __future__ import annotations

import numpy as np
import pytest
from conformance.ops import inputs
from conformance.ops.entry import arrays_of, kind_of
from conformance.ops.samples import table
from conformance.suite import run_case

import kfront
from kfront.backends import get

NAMES = ("add", "sum", "concatenate", "conv", "matmul", "take", "softmax")


def drawn(name, count=24):
    return [a for s in inputs.drawn(name, count) for a in arrays_of((s.args, s.kwargs))]


def test_the_same_each_time():
    for name in NAMES:
        first = drawn(name)
        inputs.drawn.cache_clear()
        again = drawn(name)
        assert len(first) == len(again)
        for x, y in zip(first, again, strict=True):
            assert x.dtype == y.dtype
            np.testing.assert_array_equal(x, y)


def test_of_every_kind():
    arrays = [x for name in NAMES for x in drawn(name)]
    assert {x.ndim for x in arrays} >= {0, 1, 2, 3, 4, 5}
    assert any(not x.size for x in arrays) and any(not x.flags.c_contiguous for x in arrays)
    assert {kind_of(x) for x in arrays} >= {
        "bool",
        "uint8",
        "int8",
        "int64",
        "float16",
        "bfloat16",
        "float32",
        "float64",
    }
    floating = np.concatenate([x.ravel().astype("float64") for x in arrays if "float" in kind_of(x)])
    assert np.isnan(floating).any() and np.isinf(floating).any()
    assert (np.signbit(floating) & (floating == 0)).any()
    shapes = [[x.shape for x in arrays_of(s.args)] for s in inputs.drawn("add", 24)]
    assert any(a != b for a, b in shapes)


def failures(name):
    with kfront.backend_scope("numpy"):
        found = [c for c in inputs.cases(["numpy"], False) if c.name == name]
        return [r.message for r in (run_case(c, []) for c in found) if r.status == "fail"]


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("floor", lambda x: np.ceil(x)),
        ("exp", lambda x: np.exp(x) * x.dtype.type(1.0001)),
        ("max", lambda x, axis=None, keepdims=False, initial=None: np.nanmax(x, axis, keepdims=keepdims)),
        ("reshape", lambda x, shape: np.reshape(np.ravel(x, "K"), shape)),  # in the order of memory
        ("square", lambda x: np.minimum(x * x, x.dtype.type(100))),  # a large number
    ],
)
def test_what_is_wrong_is_found(name, wrong, monkeypatch):
    assert failures(name) == []
    monkeypatch.setattr(get("numpy"), name, wrong, raising=False)
    (message,) = failures(name)
    assert "differ" in message
    assert message.count(",") < 40, message  # a small example


def test_steep_places_may_differ():
    """Near a pole half an ulp of the operand moves the result by more than the tolerance; not by any number."""
    entry = table()["tan"]
    x = np.array([np.float32(np.pi / 2)])
    sample = inputs.sample_of((x,), {})
    right = [np.tan(x.astype("float64")).astype("float32")]
    inputs.near(entry, sample, [right[0] * np.float32(1.01)])
    with pytest.raises(AssertionError):
        inputs.near(entry, sample, [right[0] * np.float32(9.0)])
    tiny = np.array([1e-40], "float32")
    inputs.near(table()["sign"], inputs.sample_of((tiny,), {}), [np.zeros(1, "float32")])
    with pytest.raises(AssertionError):
        inputs.near(table()["sign"], inputs.sample_of((np.ones(1, "float32"),), {}), [np.zeros(1, "float32")])
