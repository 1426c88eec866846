"""Every built-in layer gives Keras's values, shapes, weights, losses and configs, on every backend."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest
from layer_cases import CASES, Case, call_arguments, input_arrays, make, weight_arrays

import kfront
from kfront.core import naming, tree

SEVERAL = ("MultiHeadAttention", "GroupQueryAttention")


@pytest.fixture(autouse=True)
def fresh_names() -> None:
    """Automatic names count from the beginning, as in the reference."""
    naming.clear_names()


def arguments(case: Case) -> tuple[list[Any], dict[str, Any]]:
    """Positional and keyword arguments of the call, NumPy arrays."""
    x = input_arrays(case)
    return (x if case.layer in SEVERAL else [x]), call_arguments(case)


def to_numpy(b: Any, x: Any) -> Any:
    """Nested results as NumPy arrays."""
    return tree.map_structure(lambda v: b.to_numpy(v), x)


def plain(x: Any) -> Any:
    """Configs in a form that can be compared: lists for tuples, floats rounded to float32."""
    if isinstance(x, dict):
        return {k: plain(v) for k, v in x.items()}
    if isinstance(x, (list, tuple)):
        return [plain(v) for v in x]
    return float(np.float32(x)) if isinstance(x, float) else x


def built(case: Case, b: Any) -> tuple[Any, Any]:
    """The layer with the case's weights, and its outputs."""
    layer = make(kfront.layers, case)
    args, call = arguments(case)
    layer(*args, **call)
    layer.set_weights(weight_arrays(case, layer.weights))
    return layer, layer(*args, **call)


@pytest.mark.sampled(6)
@pytest.mark.parametrize("case", CASES, ids=lambda c: c.id)
def test_values(case: Case, backend: Any, reference: dict[str, Any]) -> None:
    want = reference[case.id]
    assert "error" not in want, want
    layer, out = built(case, backend)
    assert [tuple(w.shape) for w in layer.weights] == want["shapes"]
    assert [w.path for w in layer.weights] == want["paths"]
    assert [w.trainable for w in layer.weights] == want["trainable"]
    ours, theirs = tree.flatten(to_numpy(backend, out)), tree.flatten(want["out"])
    assert len(ours) == len(theirs)
    for a, e in zip(ours, theirs, strict=True):
        assert a.shape == e.shape and a.dtype == e.dtype
        np.testing.assert_allclose(a, e, rtol=case.tolerance, atol=case.tolerance)
    for w, e in zip(layer.get_weights(), want["after"], strict=True):
        np.testing.assert_allclose(w, e, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose([float(v) for v in layer.losses], want["losses"], rtol=1e-4)


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.id)
def test_symbolic(case: Case, reference: dict[str, Any]) -> None:
    want = reference[case.id]
    with kfront.backend_scope("numpy"):
        layer = make(kfront.layers, case)
        shapes = case.inputs if isinstance(case.inputs, list) else [case.inputs]
        specs = [kfront.KerasTensor((None, *s[1:]), "int32" if case.high else "float32") for s in shapes]
        extra = {k: v for k, v in case.call.items() if isinstance(v, bool)}
        first = specs if isinstance(case.inputs, list) else specs[0]
        out = layer(*specs, **extra) if case.layer in SEVERAL else layer(first, **extra)
    # the batch is unknown, everything else as in Keras's eager results (its symbolic ones are not always right)
    assert [tuple(t.shape) for t in tree.flatten(out)] == [(None, *e.shape[1:]) for e in tree.flatten(want["out"])]
    assert [t.dtype for t in tree.flatten(out)] == [dtype for _, dtype in want["symbolic"]]


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.id)
def test_config(case: Case, reference: dict[str, Any]) -> None:
    with kfront.backend_scope("numpy") as b:
        layer, out = built(case, b)
        config = kfront.saving.serialize_keras_object(layer)
        assert plain(config) == plain(reference[case.id]["config"])
        again = kfront.saving.deserialize_keras_object(config)
        assert plain(kfront.saving.serialize_keras_object(again)) == plain(config)
        again.set_weights(layer.get_weights())
        if case.training is not True:
            args, call = arguments(case)
            for a, e in zip(tree.flatten(again(*args, **call)), tree.flatten(out), strict=True):
                np.testing.assert_array_equal(a, e)


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.id)
def test_shape_without_weights(case: Case) -> None:
    with kfront.backend_scope("numpy"):
        layer = make(kfront.layers, case)
        args, call = arguments(case)
        shapes = [tuple(s) for s in (case.inputs if isinstance(case.inputs, list) else [case.inputs])]
        how = {k: v for k, v in call.items() if k in inspect.signature(layer.compute_output_shape).parameters}
        given = shapes if case.layer in SEVERAL else [shapes if isinstance(case.inputs, list) else shapes[0]]
        found = layer.compute_output_shape(*given, **how)
        out = layer(*args, **{k: v for k, v in call.items() if k != "return_attention_scores"})
    eager = [tuple(t.shape) for t in tree.flatten(out)]
    flat = [found] if not isinstance(found[0], (tuple, list)) else list(found)
    assert [tuple(s) for s in flat] == eager
