"""Public names, signatures and class names are Keras's."""

from __future__ import annotations

import importlib.util
import inspect
import os
import pickle
import subprocess
import sys
from typing import Any

import pytest

import kfront

_SCRIPT = """
import inspect, os, pickle, sys
os.environ["KERAS_BACKEND"] = "numpy"
import keras
out = {}
for space in ("layers", "initializers", "regularizers", "constraints", "dtype_policies"):
    module = getattr(keras, space)
    for name in dir(module):
        obj = getattr(module, name)
        if name.startswith("_") or not callable(obj):
            continue
        function = obj.__init__ if isinstance(obj, type) else obj
        parameters = [(p.name, p.kind.name, None if p.default is p.empty else repr(p.default))
                      for p in inspect.signature(function).parameters.values()]
        call = None
        if isinstance(obj, type) and space == "layers" and hasattr(obj, "call"):
            call = [(p.name, None if p.default is p.empty else repr(p.default))
                    for p in inspect.signature(obj.call).parameters.values()]
        out[space, name] = (parameters, call, obj.__name__)
pickle.dump(out, open(sys.argv[1], "wb"))
"""
SPACES = ("layers", "initializers", "regularizers", "constraints", "dtype_policies")
# a namespace that Keras has not, and names that it has from 3.16 on
OWN = {("layers", "graph"), *(("layers", n) for n in ("GroupedQueryAttention", "Mosaic", "TernaryDense"))}
MORE = {"kwargs", "segment_ids"}  # arguments of `call` that Keras has not
OURS = [(s, n) for s in SPACES for n in dir(getattr(kfront, s)) if not n.startswith("_") and (s, n) not in OWN]


@pytest.fixture(scope="module")
def keras_signatures(tmp_path_factory: Any) -> dict[Any, Any]:
    """Signatures of the installed Keras; skips if there is none."""
    if importlib.util.find_spec("keras") is None:
        pytest.skip("needs the installed Keras as reference")
    path = tmp_path_factory.mktemp("signatures") / "found.pickle"
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    subprocess.run([sys.executable, "-c", _SCRIPT, str(path)], check=True, capture_output=True, env=environment)
    return pickle.loads(path.read_bytes())


@pytest.mark.parametrize(("space", "name"), OURS, ids=lambda v: str(v))
def test_same_signature(space: str, name: str, keras_signatures: dict[Any, Any]) -> None:
    obj = getattr(getattr(kfront, space), name)
    assert (space, name) in keras_signatures, f"Keras has no {space}.{name}"
    parameters, call, class_name = keras_signatures[space, name]
    function = obj.__init__ if isinstance(obj, type) else obj
    ours = [
        (p.name, p.kind.name, None if p.default is p.empty else repr(p.default))
        for p in inspect.signature(function).parameters.values()
    ]
    plain = [p for p in ours if p[0] not in ("self", "args", "kwargs")]
    assert plain == [p for p in parameters if p[0] not in ("self", "args", "kwargs")]
    assert obj.__name__ == class_name
    if call is not None:
        found = [
            (p.name, None if p.default is p.empty else repr(p.default))
            for p in inspect.signature(obj.call).parameters.values()
        ]
        assert [p for p in found if p[0] not in MORE] == [p for p in call if p[0] != "kwargs"]
