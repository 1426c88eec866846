"""What Keras has under the name `tensorflow.keras` only gives the same on Keras and on kfront, on every engine.

`tensorflow_keras/cases.txt` are expressions, `names.txt` the public names; `side.py` evaluates them. Keras runs on
TensorFlow, where these functions work, and what it answered is kept.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conformance.keras.answers import kept_answers
from tests.conftest import TRAINABLE

HERE = Path(__file__).parent / "tensorflow_keras"
NAMES = (HERE / "names.txt").read_text().split()
CASES = [line for line in (HERE / "cases.txt").read_text().splitlines() if line and not line.startswith("#")]
ALIASES = {"backend": "K", "layers": "L", "image": "I", "sequence": "S", "text": "T"}  # as in `side.py`
SHORT = {"ImageDataGenerator": "D", "TimeseriesGenerator": "G"}
# what JAX has not: numbers of 64 bits, unless a setting asks for them
NARROWER = {"jax": {"int64": "int32", "float64": "float32"}}
# classes of errors that TensorFlow has for what is a ValueError elsewhere
AS_VALUE_ERROR = {"InvalidArgumentError", "UnimplementedError"}
# expression -> why it gives something else, or more than Keras allows
OTHERWISE = {
    "K.ndim(keras.Input((3,)))": "symbolic tensors may be asked for their rank",
    "K.constant([1, 2, 3], shape=(2, 2))": "a ValueError, as wrong shapes are everywhere; TensorFlow's is a TypeError",
    '~K.random_bernoulli((100, 50), dtype="int32")': "Keras draws the dtype's own numbers first, which it cannot",
}
# expression -> absolute error that is allowed, because TensorFlow reads the cubic kernel from a table of 1,024 values
LOOSE = {'K.resize_images(img, 3, 2, "channels_last", interpolation="bicubic")': 1e-3}

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("keras") is None or importlib.util.find_spec("tensorflow") is None,
    reason="Keras on TensorFlow is not installed",
)


def _run(out: Path, engine: str, *start: str) -> dict:
    env = {**os.environ, "KERAS_BACKEND": engine, "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, *start, str(HERE / "side.py"), str(out)]
    done = subprocess.run(command, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(out.read_text())


@pytest.fixture(scope="session")
def keras(tmp_path_factory) -> dict:
    """What Keras gives: kept until the cases, Keras or TensorFlow change."""
    parts = [
        importlib.import_module("tensorflow").__version__,
        *(p.read_text() for p in sorted(HERE.iterdir()) if p.is_file()),
    ]
    stamp = hashlib.sha256("".join(parts).encode()).hexdigest()[:16]
    kept = kept_answers("tensorflow") / "tensorflow_keras" / f"{stamp}.json"
    if not kept.exists():
        found = _run(tmp_path_factory.mktemp("keras") / "out.json", "tensorflow")
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(json.dumps(found))
    return json.loads(kept.read_text())


@pytest.fixture(scope="session", params=TRAINABLE)
def kfront(request, tmp_path_factory) -> tuple[str, dict]:
    """What kfront gives on an engine."""
    out = tmp_path_factory.mktemp("kfront") / "out.json"
    return request.param, _run(out, request.param, "-m", "kfront.as_keras")


def _difference(got, want, narrower: dict[str, str], atol: float = 2e-6) -> str:
    """What is wrong with an observed value; "" if nothing is."""
    if isinstance(want, dict) and "error" in want:
        classes = set(got.get("error", ())) if isinstance(got, dict) else set()
        wanted = {"ValueError" if c in AS_VALUE_ERROR else c for c in want["error"]}
        wanted -= {"Exception", "BaseException", "object"}
        return "" if classes & wanted else f"expected {want['error'][0]}"
    if isinstance(got, int) and isinstance(want, dict) and want.get("shape") == []:  # a size, which is an int here
        got = want | {"values": [got]}
    if isinstance(want, dict) and "shape" in want and isinstance(got, dict) and "shape" in got:
        if got["shape"] != want["shape"] or got["dtype"] != narrower.get(want["dtype"], want["dtype"]):
            return f"expected {want['dtype']} {want['shape']}, got {got['dtype']} {got['shape']}"
        if "bits" in want:
            return "" if got["bits"] == want["bits"] else f"other bits, mean {got['mean']} for {want['mean']}"
        if "statistics" in want:
            close = np.allclose(got["statistics"][:2], want["statistics"][:2], atol=0.06)
            return "" if close else f"other statistics: {got['statistics']} for {want['statistics']}"
        if want["values"] and isinstance(want["values"][0], str):
            return "" if got["values"] == want["values"] else "other strings"
        close = np.allclose(got["values"], want["values"], rtol=2e-5, atol=atol, equal_nan=True)
        return "" if close else f"other values: {got['values'][:6]} for {want['values'][:6]}"
    if isinstance(want, dict) and isinstance(got, dict) and want.keys() == got.keys():
        return next(filter(None, (_difference(got[k], want[k], narrower) for k in want)), "")
    if isinstance(want, list) and isinstance(got, list) and len(want) == len(got):
        return next(filter(None, (_difference(g, w, narrower) for g, w in zip(got, want))), "")
    if isinstance(want, float) and isinstance(got, (int, float)):
        return "" if np.isclose(got, want, rtol=2e-5, atol=2e-6) else f"{got} for {want}"
    return "" if got == want else f"{str(got)[:300]} for {str(want)[:300]}"


def test_gives_what_keras_gives(kfront, keras):
    engine, got = kfront
    wrong = {}
    for line in CASES:
        narrower = NARROWER.get(engine, {}) if line.startswith(("K.", "~K.")) else {}
        found = _difference(got["facts"][line], keras["facts"][line], narrower, LOOSE.get(line, 2e-6))
        if bool(found) != (line in OTHERWISE):
            wrong[line] = found or "no difference, although one is explained"
    assert wrong == {}


def test_signatures(kfront, keras):
    _, got = kfront
    wrong = {}
    for name in NAMES:
        here, there = got["signatures"][name], keras["signatures"][name]
        wrong |= {
            f"{name}.{k}": (here.get(k), there[k]) for k in ("", *there.get("own", ())) if here.get(k) != there[k]
        }
    assert wrong == {}


def test_every_name_has_cases():
    """At least two expressions use each name."""
    few = []
    for name in NAMES:
        *namespace, own = name.split(".")
        place = ALIASES.get(namespace[-1], f"tf_keras.{namespace[-1]}")
        short = rf"|\b{SHORT[own]}\(" if own in SHORT else ""
        used = re.compile(rf'(\b{re.escape(place)}\.|assigned\("){own}\b{short}')
        if sum(bool(used.search(line)) for line in CASES) < 2:
            few.append(name)
    assert few == []
