"""What Keras has under the name `tensorflow.keras` only gives the same on Keras and on kfront, on every engine.

`tensorflow_keras/cases.txt` are expressions, `names.txt` the public names; `side.py` evaluates them. Keras runs on
TensorFlow, where these functions work, and what it answered is kept.
"""

from __future__ import annotations

import functools
import hashlib
import importlib
import importlib.util
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conformance.keras.answers import kept_answers
from tests.conftest import ENGINES, TRAINABLE

import kfront
from kfront._legacy import backend as K
from kfront._legacy import layers
from kfront._legacy.preprocessing import image
from kfront.core.errors import UnsupportedError
from kfront.interop import as_keras

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
    '~K.random_bernoulli((300, 300), dtype="int32")': "Keras draws the dtype's own numbers first, which it cannot",
}
# expression -> absolute error that is allowed, because TensorFlow reads the cubic kernel from a table of 1,024 values
LOOSE = {'K.resize_images(img, 3, 2, "channels_last", interpolation="bicubic")': 1e-3}

compared = pytest.mark.skipif(
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
def wanted(tmp_path_factory) -> dict:
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


@pytest.fixture(scope="session")
def found(tmp_path_factory) -> Callable[[str], dict]:
    """What kfront gives on an engine."""
    folder = tmp_path_factory.mktemp("kfront")
    return functools.cache(lambda engine: _run(folder / f"{engine}.json", engine, "-m", "kfront.as_keras"))


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
            # of so many numbers that 0.06 are five deviations of the mean and more
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


@compared
@pytest.mark.slow
@pytest.mark.sampled(2, by="engine")
@pytest.mark.parametrize("engine", ENGINES)
def test_gives_what_keras_gives(engine, found, wanted):
    got = found(engine)
    wrong = {}
    for line in CASES:
        narrower = NARROWER.get(engine, {}) if line.startswith(("K.", "~K.")) else {}
        other = _difference(got["facts"][line], wanted["facts"][line], narrower, LOOSE.get(line, 2e-6))
        no_sparse = engine == "numpy" and "dense_to_sparse" in line and "UnsupportedError" in str(got["facts"][line])
        if bool(other) != (line in OTHERWISE or no_sparse):
            wrong[line] = other or "no difference, although one is explained"
    assert wrong == {}


@compared
@pytest.mark.slow
@pytest.mark.sampled(2, by="engine")
@pytest.mark.parametrize("engine", ENGINES)
def test_signatures(engine, found, wanted):
    got = found(engine)
    wrong = {}
    for name in NAMES:
        here, there = got["signatures"][name], wanted["signatures"][name]
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


def test_seen_under_the_names_of_tensorflow_only():
    code = """
import sys, kfront
kfront.install_as_keras()
import keras
import keras._tf_keras.keras as tf_keras
assert not any(m.startswith("kfront._legacy.backend") for m in sys.modules)  # loaded when asked for
from keras._tf_keras.keras import backend as K, layers
from keras._tf_keras.keras.losses import *
from keras._tf_keras.keras.preprocessing.text import Tokenizer
assert K is tf_keras.backend and K is not keras.backend and K.epsilon is keras.backend.epsilon
assert not hasattr(keras.backend, "mean") and not hasattr(keras.losses, "mse")
assert layers.Dense is keras.layers.Dense and {"Dense", "RandomHeight"} <= set(dir(layers))
assert mse is keras.losses.mean_squared_error and Reduction.SUM == "sum"
assert "text" in dir(tf_keras.preprocessing) and not hasattr(keras.preprocessing, "text")
assert tf_keras.__version__ == keras.__version__
from keras.src.legacy.preprocessing.text import Tokenizer as private
assert private is Tokenizer
try: import keras._tf_keras.keras.backend.values
except ModuleNotFoundError: print("ok")
"""
    env = {**os.environ, "KERAS_BACKEND": "numpy"}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True)
    assert done.stdout == "ok\n", done.stderr
    assert as_keras._target("tensorflow.keras.backend") == "kfront._legacy.backend"


@pytest.mark.skipif("tensorflow" not in TRAINABLE, reason="TensorFlow is not installed")
def test_gradients_of_a_tensorflow_graph():
    import tensorflow as tf

    with kfront.backend_scope("tensorflow"):
        found = tf.function(lambda v: K.gradients(K.sum(v * v), [v])[0])(tf.constant([1.0, 2.0]))
    assert found.numpy().tolist() == [2.0, 4.0]
    with pytest.raises(UnsupportedError, match="value_and_grad"):
        K.gradients(np.ones(1), [np.ones(1)])


@pytest.mark.parametrize("engine", TRAINABLE)
def test_random_sizes_in_training(engine):
    """TensorFlow and torch train through layers that change sizes; JAX, which compiles for known sizes, says so."""

    def fit(**options):
        image = [layers.RandomHeight(0.5), layers.RandomWidth((-0.5, -0.1), "nearest")]
        head = [kfront.layers.GlobalAveragePooling2D(), kfront.layers.Dense(1)]
        model = kfront.Sequential([kfront.Input((8, 8, 1)), *image, *head])
        model.compile("sgd", "mse", **options)
        return model.fit(np.ones((4, 8, 8, 1)), np.ones((4, 1)), batch_size=2, verbose=0).history["loss"][0]

    with kfront.backend_scope(engine):
        assert fit(run_eagerly=True) >= 0
        if engine == "jax":
            with pytest.raises(UnsupportedError, match="run_eagerly"):
                fit()
        else:
            assert fit() >= 0


@pytest.mark.parametrize("engine", TRAINABLE)
def test_variables_and_shapes_in_compiled_steps(engine):
    """What Keras cannot do: `K.zeros` gives a tensor there; shapes are joined as tensors are."""

    def changed(x):
        x = x + K.zeros((3,)) * K.variable(2.0)
        return K.reshape(x, K.concatenate([K.shape(x)[:1], (3, 1)], axis=0))

    with kfront.backend_scope(engine):
        model = kfront.Sequential([kfront.Input((3,)), kfront.layers.Lambda(changed), kfront.layers.Flatten()])
        model.compile("sgd", "mse")
        assert model.evaluate(np.ones((4, 3)), np.ones((4, 3)), batch_size=2, verbose=0) == 0
        dense = kfront.layers.Dense(2)
        dense.build((None, 3))
        assert (K.dtype(dense.kernel), K.int_shape(dense.kernel)) == ("float32", (3, 2))


def test_files_may_name_the_layers():
    """By the place that Keras's files give them, which the test of `serialize_keras_object` compares."""
    config = {"module": "keras._legacy.layers", "class_name": "ThresholdedReLU", "config": {"theta": 0.5}}
    assert kfront.saving.deserialize_keras_object(config | {"registered_name": None}).theta == 0.5
    with pytest.raises(ValueError):
        kfront.saving.deserialize_keras_object(config | {"module": "keras.layers", "registered_name": None})


def test_without_scipy(monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy.ndimage", None)
    with pytest.raises(ImportError, match=r"SciPy.*kfront\[images\]"):
        image.random_rotation(np.ones((1, 4, 4)), 10)
