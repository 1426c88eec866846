"""What every test shares: the backends, and settings that do not leak from one test into the next."""

from __future__ import annotations

import contextlib
import importlib
import os

os.environ.setdefault("KFRONT_OFFLINE", "1")
os.environ.setdefault("MPLBACKEND", "Agg")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# no keras.json is read, and none can be written (Keras writes one, which would choose its backend here)
os.environ.setdefault("KERAS_HOME", os.path.join(os.devnull, "none"))

# processes that tests start find the package in the source tree too
_ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
os.environ["PYTHONPATH"] = os.pathsep.join(p for p in (f"{_ROOT}/src", os.environ.get("PYTHONPATH")) if p)

# Torch's compiler may load Triton, which crashes when TensorFlow (another copy of LLVM) is there already.
with contextlib.suppress(ImportError):
    importlib.import_module("torch._dynamo")

import pytest

from kfront import backends
from kfront.core import settings
from kfront.core.state import UNSET, state

ENGINES = [n for n in ("numpy", "torch", "jax", "tensorflow") if n in backends.installed()]
TRAINABLE = [n for n in ENGINES if n != "numpy"]


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
