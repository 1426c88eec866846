"""Graphs of single ops go both ways between kfront and Keras, for every op that both have."""

from __future__ import annotations

import importlib.util
import json

import numpy as np
import pytest
from tests.saving import models
from tests.saving.keras_process import run_keras

import kfront

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(importlib.util.find_spec("keras") is None, reason="Keras is not installed"),
]
CASES = list(enumerate(models.op_cases()))
LABELS = [f"{i}-{c.name}" for i, c in CASES]


@pytest.fixture(scope="module")
def exchanged(tmp_path_factory):
    """The folder in which both sides have written."""
    folder = tmp_path_factory.mktemp("ops")
    graphs = {}
    with kfront.backend_scope("numpy"):
        for i, case in CASES:
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


@pytest.mark.parametrize("i,case", CASES, ids=LABELS)
def test_keras_reads_the_graph(exchanged, i, case):
    error = exchanged / f"kfront{i}.error"
    assert not error.exists(), error.read_text()
    errors = json.loads((exchanged / "errors.json").read_text())
    if f"own{i}" in errors:
        pytest.skip(f"Keras itself cannot: {errors[f'own{i}'][:200]}")
    assert f"theirs{i}" not in errors, errors[f"theirs{i}"]
    _compare(_arrays(exchanged / f"theirs{i}.npz"), _arrays(exchanged / f"own{i}.npz"))


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
        want = numbers(getattr(kfront.ops, case.name)(*case.args, **case.kwargs))
    _compare(got, want)
