"""OpenVINO's two files fit each other, whenever replacing them is interrupted."""

from __future__ import annotations

import contextlib
import os
import shutil

import numpy as np
import pytest
from tests.conftest import ENGINES

import kfront
from kfront.export.openvino import replace_pair

openvino = pytest.importorskip("openvino")
pytestmark = pytest.mark.skipif("torch" not in ENGINES, reason="torch writes the format")
X = np.random.default_rng(0).normal(size=(2, 5, 3)).astype("float32")


def _export(units, seed, path):
    """The values of a model with a loop, which is written to the path."""
    with kfront.backend_scope("torch"):
        kfront.utils.set_random_seed(seed)
        model = kfront.Sequential([kfront.Input((5, 3)), kfront.layers.LSTM(units), kfront.layers.Dense(2)])
        model.export(path, format="openvino", verbose=False)
        return model.predict(X, verbose=0)


def _values(path):
    core = openvino.Core()
    compiled = core.compile_model(core.read_model(path), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return next(iter(compiled(X).values()))


class _Stop(BaseException):
    """As the process ends."""


@pytest.mark.sampled(4, table="long")
@pytest.mark.parametrize("units", [(4, 16), (16, 4)])
def test_replacing_the_pair(tmp_path, monkeypatch, units):
    """A larger model in the place of a smaller one, and the other way round; stopped before each file's new name."""
    want = [_export(n, i, tmp_path / f"{i}.xml") for i, n in enumerate(units)]
    assert not np.allclose(*want, atol=1e-2)
    folder, replace, seen = tmp_path / "at", os.replace, []
    for stop in range(6):
        folder.mkdir()
        for ending in (".xml", ".bin"):
            shutil.copy(tmp_path / f"0{ending}", folder / f"m{ending}")
        left = [stop]

        def stopping(*names, left=left):
            if left[0] == 0:
                raise _Stop
            left[0] -= 1
            replace(*names)

        with monkeypatch.context() as patch, contextlib.suppress(_Stop):
            patch.setattr(os, "replace", stopping)
            replace_pair(str(tmp_path / "1"), str(folder / "m"))
            assert stop == 5
        got = _values(folder / "m.xml")
        seen.append([np.allclose(got, w, atol=1e-4) for w in want].index(True))
        assert sorted(os.listdir(folder)) == ["m.bin", "m.xml"]
        if stop < 5:
            shutil.rmtree(folder)
    assert seen == [0, 0, 1, 1, 1, 1]
    for ending in (".xml", ".bin"):
        assert (folder / f"m{ending}").read_bytes() == (tmp_path / f"1{ending}").read_bytes()


def test_exporting_again_replaces_the_pair(tmp_path, monkeypatch):
    """What `export` does is what is tested above."""
    calls = []
    monkeypatch.setattr("kfront.backends.torch.export.replace_pair", lambda *paths: calls.append(paths))
    _export(2, 0, tmp_path / "m.xml")
    assert [target for _, target in calls] == [str(tmp_path / "m")]
