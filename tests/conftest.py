"""What every test shares: the backends, and settings that do not leak from one test into the next."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

os.environ.setdefault("KFRONT_OFFLINE", "1")
os.environ.setdefault("MPLBACKEND", "Agg")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# no keras.json is read, and none can be written (Keras writes one, which would choose its backend here)
os.environ.setdefault("KERAS_HOME", os.path.join(os.devnull, "none"))

# JAX compiles each eager op for each shape, and the same small models again and again: its programs are kept, as the
# conformance suite keeps them; a change of the program, of JAX or of its flags makes another one
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", os.path.expanduser("~/.cache/kfront/xla"))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "-1")

# processes that tests start find the package in the source tree too
_ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
os.environ["PYTHONPATH"] = os.pathsep.join(p for p in (f"{_ROOT}/src", os.environ.get("PYTHONPATH")) if p)

import pytest

from kfront import backends
from kfront.core import settings
from kfront.core.state import UNSET, state

_KNOWN = ("numpy", "torch", "jax", "tensorflow")
_WANTED = os.environ.get("KFRONT_TEST_ENGINES", ",".join(_KNOWN)).split(",")  # `nox -s quick` asks for two
ENGINES = [n for n in _KNOWN if n in backends.installed() and n in _WANTED]
TRAINABLE = [n for n in ENGINES if n != "numpy"]


class _TritonFirst:
    """Imports torch's compiler before TensorFlow: Triton, which it loads, crashes beside the LLVM of TensorFlow."""

    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if name == "tensorflow":
            sys.meta_path.remove(cls)
            importlib.import_module("torch._dynamo")


if importlib.util.find_spec("torch") and importlib.util.find_spec("triton"):
    sys.meta_path.insert(0, _TritonFirst)


def pytest_collection_modifyitems(config, items):
    """Leave out what is parametrized with an engine that is not asked for."""
    others = set(_KNOWN) - set(_WANTED)
    params = {i: i.callspec.params.values() if hasattr(i, "callspec") else () for i in items}
    left = {i for i, values in params.items() if any(type(v) is str and v in others for v in values)}
    items[:] = [i for i in items if i not in left]
    config.hook.pytest_deselected(items=list(left))


def wanted(session, file, argument):
    """Values of an argument of a file's tests that are run: those for which a fixture needs to make something."""
    here = [i.callspec.params for i in session.items if i.path == Path(file) and hasattr(i, "callspec")]
    return {params[argument] for params in here if argument in params}


@pytest.fixture(params=ENGINES)
def backend(request):
    """The test once for each installed engine, which is current; gives the Backend object."""
    with backends.backend_scope(request.param) as b:
        yield b


@pytest.fixture(params=TRAINABLE)
def trainable_backend(request):
    """The same for the engines that train."""
    with backends.backend_scope(request.param) as b:
        yield b


@pytest.fixture(autouse=True)
def _settings_stay():
    """Put back what a test sets globally."""
    before = dict(vars(settings.now))
    chosen, process_wide = state.backend, type(state).backend
    state.any_mask_seen = state.add_loss_used = (
        False  # what a process learns once: no test should lean on the one before it
    )
    yield
    floatx = settings.now.floatx
    vars(settings.now).clear()
    vars(settings.now).update(before)
    if floatx != settings.now.floatx:
        for forget in settings.on_floatx:
            forget()
    state.backend, type(state).backend = chosen, process_wide if process_wide is not None else UNSET
