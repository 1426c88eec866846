"""Plugin of pytest that runs Keras's own tests on Keras or on kfront and writes what came of each, one line of JSON.

`run.py` starts it. `KERAS_TESTS_SIDE` is `keras` or `kfront`, `KERAS_TESTS_OUT` the file of results.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.util
import json
import os
import re
import signal
import sys
import traceback
import unittest
from pathlib import Path

import ml_dtypes  # noqa: F401 - its names are known to NumPy from here on, as wherever Keras is imported
import pytest

SECONDS = 90  # for one test; Keras's longest takes a third of it
ON_KFRONT = os.environ.get("KERAS_TESTS_SIDE") == "kfront"
ENGINE = os.environ.get("KERAS_BACKEND", "torch")
# asked for here: tests change the environment
OUT = None if "PYTEST_XDIST_WORKER" in os.environ else Path(os.environ["KERAS_TESTS_OUT"])  # where results arrive
# in Keras's order, in which tests pair them
DTYPES = "float16 float32 float64 uint8 uint16 uint32 uint64 int8 int16 int32 int64 bfloat16 bool string"
DTYPES += " float8_e4m3fn float8_e5m2 complex64 complex128"


class PrivateMissing(Exception):
    """A test uses a name that is private to Keras."""


class Missing:
    """Stands for a name that is private to Keras, so that the other tests of a module can be run."""

    def __init__(self, name):
        self.__dict__["_name"] = name

    def __call__(self, *args, **kwargs):
        raise PrivateMissing(self._name)

    def __getattr__(self, attribute):
        if attribute.startswith("__"):
            raise AttributeError(attribute)
        return Missing(f"{self._name}.{attribute}")

    def __iter__(self):
        return iter(())

    def __contains__(self, value):
        return False

    def __mro_entries__(self, bases):
        return ()


class TestModules(importlib.abc.MetaPathFinder):
    """Finds `keras.src.…_test`, which tests of other modules import."""

    def find_spec(self, fullname, path=None, target=None):
        file = Path("t", *fullname.split(".")[1:]).with_suffix(".py")
        if fullname.startswith("keras.src.") and fullname.endswith("_test") and file.exists():
            return importlib.util.spec_from_file_location(fullname, file)
        return None


def _kfront_as_keras():
    from kfront.interop.as_keras import install_as_keras
    from kfront.interop.private_names import PrivateModule

    install_as_keras()
    found = PrivateModule.__getattr__

    def lenient(self, name):
        try:
            return found(self, name)
        except AttributeError:
            if name.startswith("__"):
                raise
            return Missing(f"{self.__name__}:{name}")

    PrivateModule.__getattr__ = lenient
    sys.meta_path.insert(0, TestModules())
    dtypes = importlib.import_module("keras.src.backend.common.dtypes")
    dtypes.ALLOWED_DTYPES, dtypes.FLOAT_TYPES = tuple(DTYPES.split()), ("bfloat16", "float16", "float32", "float64")


def _words_of_messages_do_not_count():
    """Errors and warnings are compared by class: their words are kfront's own."""
    raises = pytest.raises

    def assert_raises(self, expected_exception=None, expected_regex=None, *args, **kwargs):
        return self.assertRaises(expected_exception, *args, **kwargs)

    def assert_warns(self, expected_warning=None, expected_regex=None, *args, **kwargs):
        return self.assertWarns(expected_warning, *args, **kwargs)

    unittest.TestCase.assertRaisesRegex = assert_raises
    unittest.TestCase.assertWarnsRegex = assert_warns
    pytest.raises = lambda *args, match=None, **kwargs: raises(*args, **kwargs)


def _keep_engine_modules():
    """Tests that import `keras.src.backend.numpy.…` put that module in place of the engine's `numpy`; undo it."""
    backend = importlib.import_module("keras.src.backend")
    right = {name: getattr(backend, name) for name in ("numpy", "torch", "jax", "tensorflow") if hasattr(backend, name)}
    return lambda: vars(backend).update(right)


def skip_if_backend(given_backend, reason):
    """The decorator that Keras's tests import from its `conftest`."""
    return pytest.mark.skipif(given_backend == ENGINE, reason=reason)


sys.modules["conftest"] = sys.modules[__name__]
if ON_KFRONT:
    _kfront_as_keras()
    _words_of_messages_do_not_count()
restore = _keep_engine_modules()


def pytest_configure(config):
    for marker in ("requires_trainable_backend", "multi_device", "skipif_backend"):
        config.addinivalue_line("markers", f"{marker}: of Keras's tests")


def pytest_collection_modifyitems(items):
    restore()
    if ENGINE == "numpy":
        for item in items:
            if "requires_trainable_backend" in item.keywords:
                item.add_marker(pytest.mark.skip(reason="trains"))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    restore()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    """Ends a test that takes too long."""

    def late(number, frame):
        raise TimeoutError(f"took more than {SECONDS} seconds")

    signal.signal(signal.SIGALRM, late)
    signal.alarm(SECONDS)
    try:
        return (yield)
    finally:
        signal.alarm(0)


def _told(error):
    frames = traceback.extract_tb(error.__traceback__)
    ours = [f for f in frames if "/kfront/" in f.filename]
    where = [f"{f.filename.rpartition('/kfront/')[2]}:{f.lineno} {f.name}" for f in ours[-3:]]
    asked = not ours or ours[-1].name == "__getattr__"  # by the test itself
    private = asked and isinstance(error, AttributeError) and re.search(r"attribute '_[a-z]", str(error))
    kind = PrivateMissing if private or re.search(r"Missing'? object", str(error)) else type(error)
    return {"error": kind.__name__, "message": str(error)[:700], "frames": where}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if report.failed:
        report.user_properties.append(("told", _told(call.excinfo.value)))
    return report


def _write(nodeid, outcome, told):
    if OUT is None:  # in a worker of xdist
        return
    with OUT.open("a") as file:
        file.write(json.dumps({"id": nodeid.removeprefix("t/src/"), "outcome": outcome, **told}) + "\n")


def pytest_runtest_logreport(report):
    if report.when == "call" or not report.passed:
        told = {"error": "crash", "message": str(report.longrepr)[-700:]} if report.failed else {}
        _write(report.nodeid, report.outcome, dict(report.user_properties).get("told", told))


def pytest_collectreport(report):
    restore()
    if report.failed:
        message = str(report.longrepr)[-700:]
        error = "PrivateMissing" if "PrivateMissing" in message else "import"
        _write(report.nodeid, "failed", {"error": error, "message": message})
