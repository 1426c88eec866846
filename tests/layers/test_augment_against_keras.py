"""Image layers with given parameters give Keras's images and labels on every backend; configs are Keras's."""

from __future__ import annotations

import hashlib
import importlib.util
import inspect
import json
import os
import pickle
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from augment_cases import CASES, DEFAULTS, LABELS, Case, pictures

import kfront
from kfront.core import naming, tree

HERE = Path(__file__).parent
LOOSE = {"RandomHue": 2e-5, "RandomSaturation": 2e-5, "ContrastLimitedAdaptiveHistogramEqualization": 2e-5}


@pytest.fixture(scope="module")
def keras_values() -> dict[str, Any]:
    """What Keras gives for each case, made once per state of the table."""
    if importlib.util.find_spec("keras") is None or importlib.util.find_spec("jax") is None:
        pytest.skip("needs the installed Keras on JAX as reference")
    text = (HERE / "augment_cases.py").read_bytes() + (HERE / "augment_reference.py").read_bytes()
    name = hashlib.sha256(text + version("keras").encode()).hexdigest()[:16]
    path = Path(tempfile.gettempdir()) / f"kfront-augment-{name}-{os.getuid()}.pickle"
    if not path.exists():
        part = path.with_suffix(f".{os.getpid()}")
        command = [sys.executable, str(HERE / "augment_reference.py"), str(part)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            pytest.fail(f"Keras failed on the cases: {done.stderr[-2000:]}")
        part.rename(path)
    return pickle.loads(path.read_bytes())


def check(name: str, got: np.ndarray, want: np.ndarray) -> None:
    """Equal dtypes and values."""
    assert got.dtype == want.dtype
    if got.dtype.kind in "iu":  # a value next to a whole number may be cut off to either side of it
        assert np.abs(got.astype("int64") - want.astype("int64")).max() <= 1
        assert (got != want).mean() < 0.01
    else:
        scale = np.abs(want.astype("float64")).max()
        np.testing.assert_allclose(got, want, rtol=0, atol=scale * LOOSE.get(name, 2e-6))


@pytest.mark.sampled(6)
@pytest.mark.parametrize("case", CASES, ids=lambda c: c.id)
def test_values(case: Case, backend: Any, keras_values: dict[str, Any]) -> None:
    want = keras_values[case.id]
    for layout in ("channels_last", "channels_first"):
        first = layout == "channels_first"
        layer = getattr(kfront.layers, case.layer)(**case.args, data_format=layout)
        move = lambda x, first=first: np.ascontiguousarray(np.moveaxis(x, -1, 1)) if first and x.ndim == 4 else x  # noqa: E731
        images = backend.convert(move(pictures(case.images, case.size)))
        given = tree.map_structure(lambda x, move=move: x if x is None else backend.convert(move(x)), case.parameters)
        if given is None:
            given = layer.get_random_transformation(images)
        check(case.layer, backend.to_numpy(layer.transform_images(images, given)), move(want["images"]))
    if want["labels"] is not None:
        labels = backend.to_numpy(layer.transform_labels(backend.convert(LABELS), given))
        np.testing.assert_allclose(labels, want["labels"], rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", DEFAULTS)
def test_config_signature_and_inference(name: str, backend: Any, keras_values: dict[str, Any]) -> None:
    want = keras_values[name]
    naming.clear_names()
    cls = getattr(kfront.layers, name)
    layer = cls(**DEFAULTS[name])
    got = json.loads(json.dumps(kfront.saving.serialize_keras_object(layer)))
    reference = json.loads(json.dumps(want["config"]))
    for config in (got, reference):
        config.pop("build_config", None)
    assert got == reference
    assert list(inspect.signature(cls.__init__).parameters) == _names(want["signature"])
    images = pictures("bytes", (9, 7))
    training = {} if name == "Rescaling" else {"training": False}
    out = backend.to_numpy(layer(images, **training))
    assert out.dtype == want["off"].dtype
    np.testing.assert_allclose(out, want["off"], rtol=0, atol=1e-4 if out.dtype.kind == "f" else 1)


def _names(signature: str) -> list[str]:
    """Names of parameters in the text of a signature."""
    space: dict[str, Any] = {}
    exec(f"def f{signature}: pass", {}, space)
    return list(inspect.signature(space["f"]).parameters)
