"""Graphs of single ops go both ways between kfront and Keras, for every op that both have."""

from __future__ import annotations

import importlib.util
import json
import pickle

import numpy as np
import pytest
from conformance.ops.samples import table
from tests.conftest import wanted
from tests.saving import models
from tests.saving.keras_process import run_keras

import kfront
from kfront import ops
from kfront.core.op_registry import class_of, ops_in_files
from kfront.saving import register_keras_serializable

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(importlib.util.find_spec("keras") is None, reason="Keras is not installed"),
]
PLAIN = {"float32", "int32", "bool"}
NUMBERS = {"ndim", "size", "token_positions"}  # of known shapes: no symbolic tensors


def is_plain(call):
    """Whether it has arrays, all with dimensions and of common dtypes."""
    arrays = models.op_arrays(call)
    return bool(arrays) and all(x.ndim and x.dtype.name in PLAIN for x in arrays)


@register_keras_serializable("control")
def double(x):
    return x * 2


@register_keras_serializable("control")
def half(*_):
    return 0.5


@register_keras_serializable("control")
def step(carry, x):
    return carry + x, carry * x


@register_keras_serializable("control")
def below(x):
    return x < 100.0


@register_keras_serializable("control")
def added(i, x):
    return x + 1.5


CONTROL = {
    "map": lambda x: ops.map(double, x),
    "vectorized_map": lambda x: ops.vectorized_map(double, x),
    "associative_scan": lambda x: ops.associative_scan(ops.add, x),
    "scan": lambda x: ops.scan(step, ops.sum(x, 0), x),
    "while_loop": lambda x: ops.while_loop(below, double, (ops.sum(x),)),
    "fori_loop": lambda x: ops.fori_loop(0, 3, added, x),
    "cond": lambda x: ops.cond(ops.sum(x) > 0, half, half),
    "switch": lambda x: ops.switch(ops.cast(ops.sum(x) > 0, "int32"), [double, double], x),
}


@pytest.mark.parametrize("name", CONTROL)
def test_control_flow_is_kept_in_files(name, backend, tmp_path):
    with kfront.backend_scope(backend) as b:
        x = kfront.Input((3,))
        model = kfront.Model(x, CONTROL[name](x))
        model.save(tmp_path / "model.keras")
        data = b.convert(np.arange(1.0, 7.0, dtype="float32").reshape(2, 3))
        want = [b.to_numpy(y) for y in kfront.tree.flatten(CONTROL[name](data))]
        for again in (
            kfront.saving.load_model(tmp_path / "model.keras"),
            kfront.Model.from_config(model.get_config()),
            kfront.models.clone_model(model),
        ):
            got = [b.to_numpy(y) for y in kfront.tree.flatten(again(data))]
            for one, other in zip(got, want, strict=True):
                np.testing.assert_allclose(one, other, rtol=1e-6)


def op_cases():
    """Two samples on plain arrays of each op of the conformance table that can stand in a file."""
    for name, entry in table().items():
        if class_of(name) is not None and name not in NUMBERS | CONTROL.keys():
            yield from [c for s in entry.samples if is_plain(c := models.OpCase(name, s.args, s.kwargs))][:2]


CASES = list(enumerate(op_cases()))
LABELS = [f"{i}-{c.name}" for i, c in CASES]


def test_every_op_of_files_has_a_case():
    without = set(ops_in_files().values()) - {c.name for _, c in CASES} - NUMBERS - CONTROL.keys()
    assert without == {"arange", "elastic_transform", "view_as_real"}  # of numbers, random, of complex numbers


@pytest.fixture(scope="module")
def exchanged(tmp_path_factory, request):
    """The folder in which both sides have written."""
    folder = tmp_path_factory.mktemp("ops")
    graphs, chosen = {}, wanted(request.session, __file__, "i")
    cases = {i: case for i, case in CASES if i in chosen}
    (folder / "cases.pickle").write_bytes(pickle.dumps({i: tuple(case) for i, case in cases.items()}))
    with kfront.backend_scope("numpy"):
        for i, case in cases.items():
            try:
                graphs[i] = models.op_model(kfront, case).to_json()
            except Exception as error:
                (folder / f"kfront{i}.error").write_text(f"{type(error).__name__}: {error}")
    (folder / "kfront.json").write_text(json.dumps(graphs))
    run_keras("ops", folder, "numpy")
    return folder


def _arrays(path):
    with np.load(path) as file:
        return [file[n] for n in file.files]


def _compare(got, want):
    assert len(got) == len(want)
    for x, y in zip(got, want, strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-3, atol=1e-4)


@pytest.mark.sampled(3, by="i")
@pytest.mark.parametrize("i,case", CASES, ids=LABELS)
def test_keras_reads_the_graph(exchanged, i, case):
    error = exchanged / f"kfront{i}.error"
    assert not error.exists(), error.read_text()
    errors = json.loads((exchanged / "errors.json").read_text())
    if f"own{i}" in errors:
        pytest.skip(f"Keras itself cannot: {errors[f'own{i}'][:200]}")
    assert f"theirs{i}" not in errors, errors[f"theirs{i}"]
    _compare(_arrays(exchanged / f"theirs{i}.npz"), _arrays(exchanged / f"own{i}.npz"))


@pytest.mark.sampled(3, by="i")
@pytest.mark.parametrize("i,case", CASES, ids=LABELS)
def test_the_graph_of_keras_is_read(exchanged, i, case):
    errors = json.loads((exchanged / "errors.json").read_text())
    if f"own{i}" in errors:
        pytest.skip(f"Keras itself cannot: {errors[f'own{i}'][:200]}")
    graph = json.loads((exchanged / "keras.json").read_text())[str(i)]
    with kfront.backend_scope("numpy") as b:
        numbers = lambda out: [b.to_numpy(x).astype("float64") for x in kfront.tree.flatten(out) if b.is_tensor(x)]  # noqa: E731
        model = kfront.models.model_from_json(graph)
        got = numbers(model([b.convert(x) for x in models.op_arrays(case)]))
        want = numbers(models.op_function(kfront, case.name)(*case.args, **case.kwargs))
    _compare(got, want)
