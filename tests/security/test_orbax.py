"""Checkpoints of Orbax under attack: damaged, lying about sizes, with links, and with configs that ask for code."""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys

import numpy as np
import pytest
from tests.conftest import ENGINES
from tests.security import attacks as a
from tests.security.test_code import GADGETS, _gadget
from tests.security.test_files import _rss

import kfront
from kfront.core.errors import KfrontError, SavingError, UnsafeFileError
from kfront.saving import orbax

pytest.importorskip("orbax.checkpoint")


def _model():
    return kfront.Sequential([kfront.Input((4,)), kfront.layers.Dense(2, name="dense")], name="s")


def _save(folder, arrays=None, config=None):
    """A checkpoint of `_model`, or of these arrays."""
    if arrays is None:
        arrays = {"kernel": np.full((4, 2), 0.5, "float32"), "bias": np.zeros(2, "float32")}
    checkpoints = orbax.manager(folder, None, False)
    orbax.save(checkpoints, 0, {"trainable_variables": {"s": {"dense": arrays}}}, config or orbax.config_of(_model()))
    checkpoints.wait_until_finished()
    checkpoints.close()
    return folder


@pytest.fixture(scope="module")
def valid(tmp_path_factory):
    for name in ENGINES:  # all of them are loaded before memory is measured
        with kfront.backend_scope(name):
            _model()
    return _save(tmp_path_factory.mktemp("orbax") / "valid")


@pytest.fixture(scope="module")
def big(tmp_path_factory):
    """Arrays of 512 MiB whose equal values take next to nothing in the files; another process needs that memory."""
    folder = tmp_path_factory.mktemp("orbax") / "big"
    write = """if True:
        import sys, numpy as np
        from tests.security.test_orbax import _save
        arrays = {"kernel": np.zeros((1 << 14, 1 << 13), "float32")}
        _save(sys.argv[1], arrays)
    """
    subprocess.run([sys.executable, "-c", write, str(folder)], check=True, env={**os.environ, "KERAS_BACKEND": "numpy"})
    return folder


@pytest.fixture
def copy(valid, tmp_path):
    return shutil.copytree(valid, tmp_path / "copy")


@pytest.fixture(autouse=True)
def bounded(tmp_path, valid):
    """Little memory, and no marker file."""
    _model().load_weights(valid)
    before = _rss()
    yield
    assert _rss() - before < 400 << 20
    assert not (tmp_path / "marker").exists(), "the payload ran"


def test_the_harmless_checkpoint_loads(backend, valid):
    np.testing.assert_array_equal(kfront.saving.load_model(valid).get_weights()[0], np.full((4, 2), 0.5))


def test_arrays_that_claim_more_than_there_is(backend, big):
    weights = _model().get_weights()
    model = _model()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(UnsafeFileError, match="about the size"):
        model.load_weights(big)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200 << 10
    assert all(x.shape == y.shape for x, y in zip(model.get_weights(), weights, strict=True))


def test_the_config_claims_more_than_there_is(backend, tmp_path):
    form = json.loads(orbax.config_of(_model()))
    form["config"]["layers"][1]["config"]["units"] = 1 << 31
    with pytest.raises(UnsafeFileError, match="about the size"):
        kfront.saving.load_model(_save(tmp_path / "big", config=json.dumps(form)))


def test_names_that_lead_elsewhere(tmp_path):
    with pytest.raises(SavingError):
        orbax._check_sizes({"a": {"..": np.zeros(2)}}, 1 << 20, "x")
    with pytest.raises(SavingError):
        orbax._check_sizes({"a/../../b": np.zeros(2)}, 1 << 20, "x")


def test_links(copy, tmp_path):
    target = next(p for p in (copy / "0" / "pytree").rglob("*") if p.is_file())
    shutil.move(target, tmp_path / "elsewhere")
    target.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UnsafeFileError, match="a link"):
        _model().load_weights(copy)


@pytest.mark.parametrize("entry", GADGETS[::6], ids=lambda e: f"{e[0]}-{e[1]}"[:60])
def test_gadgets(entry, valid, copy, tmp_path):
    gadget = _gadget(entry, tmp_path / "marker")
    for config in (gadget, a.sequential(gadget), a.sequential(a.lambda_layer(a.marshalled(tmp_path / "marker")))):
        (copy / "0" / "model_config" / "_strings.json").write_text(json.dumps({"config": json.dumps(config)}))
        with pytest.raises(SavingError):
            kfront.saving.load_model(copy)


@pytest.mark.parametrize("text", ["", "[]", "{", '{"config": 3}', '{"config": "[]"}', '{"config": "{}"}', "[" * 10**5])
def test_configs_that_are_none(copy, text):
    (copy / "0" / "model_config" / "_strings.json").write_text(text)
    with pytest.raises(SavingError):
        kfront.saving.load_model(copy)


def test_damaged_files(copy):
    """Every file cut off, emptied, filled with other bytes, or gone; nothing but kfront's errors comes out."""
    rng = np.random.default_rng(0)
    model, failed = _model(), 0
    for path in [p for p in (copy / "0" / "pytree").rglob("*") if p.is_file()]:
        data = path.read_bytes()
        flipped = bytearray(data)
        for at in rng.integers(0, max(1, len(data)), 5):
            flipped[at] ^= 0xFF
        for damaged in (b"", data[: len(data) // 2], bytes(flipped), b"{}", None):
            path.unlink() if damaged is None else path.write_bytes(damaged)
            try:
                model.load_weights(copy)
            except KfrontError:
                failed += 1
            path.write_bytes(data)
    assert failed > 10
    model.load_weights(copy)
