"""Choosing backends, and adding one from outside."""

from __future__ import annotations

import threading
from importlib.metadata import EntryPoint

import numpy as np
import pytest

import kfront
from kfront import backends
from kfront.backends.numpy import NumpyBackend
from kfront.core.errors import BackendError
from kfront.core.op import OPS


class Mirror(NumpyBackend):
    """A third party's backend: NumPy under another name."""

    name = "mirror"


class Incomplete(NumpyBackend):
    """Lacks two primitives."""

    name = "incomplete"

    def finish(self):
        class Part:
            pass

        kept = Part()
        for module in self.modules:
            kept.__dict__.update({n: v for n, v in vars(module).items() if n not in ("add", "conv")})
        self.modules = (kept,)
        return super().finish()


@pytest.fixture
def outside(monkeypatch):
    """Two entry points of the group `kfront.backends`."""
    points = {
        n: EntryPoint(n, f"{__name__}:{c.__name__}", "kfront.backends")
        for n, c in {"mirror": Mirror, "incomplete": Incomplete}.items()
    }
    for point, made in zip(points.values(), (Mirror, Incomplete), strict=True):
        monkeypatch.setattr(
            type(point), "load", lambda self, table={"mirror": Mirror, "incomplete": Incomplete}: table[self.name]
        )
    monkeypatch.setattr(backends, "_entry_points", lambda: points)
    yield
    backends._loaded.pop("mirror", None)


def test_a_third_party_backend_runs_models(outside):
    assert "mirror" in backends.available() and "mirror" in backends.installed()
    with kfront.backend_scope("mirror"):
        model = kfront.Sequential([kfront.Input((3,)), kfront.layers.Dense(2)])
        assert model.predict(np.ones((4, 3)), verbose=0).shape == (4, 2)


def test_missing_primitives_are_listed(outside):
    with pytest.raises(BackendError) as caught:
        backends.get("incomplete")
    assert "2 are missing: add, conv" in str(caught.value)


def test_a_wrong_name_tells_what_is_installed():
    with pytest.raises(BackendError) as caught:
        kfront.config.set_backend("pytorch")
    assert "pytorch" in str(caught.value) and "numpy" in str(caught.value) and "pip install" in str(caught.value)


def test_a_scope_is_of_its_thread():
    seen = {}

    def other():
        seen["thread"] = kfront.config.backend()

    before = kfront.config.backend()
    with kfront.backend_scope("numpy"):
        assert kfront.config.backend() == "numpy"
        worker = threading.Thread(target=other)
        worker.start()
        worker.join()
    assert kfront.config.backend() == before
    assert seen["thread"] == before


def test_scopes_nest_and_survive_errors():
    before = kfront.config.backend()
    with pytest.raises(RuntimeError), kfront.backend_scope("numpy"):
        raise RuntimeError
    assert kfront.config.backend() == before


def test_every_backend_has_every_primitive(backend):
    b = backends.get(kfront.config.backend())
    missing = [n for n, o in OPS.items() if not callable(getattr(b, n, None))]
    assert not missing
    assert set(b.overridden()) <= set(OPS)
