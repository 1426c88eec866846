"""Random damage to valid files and configs: only kfront's own errors come out, nothing hangs or grows.

``KFRONT_FUZZ`` sets the number of cases (1,000 by default, 20,000 in the long form).
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import time
import warnings

import numpy as np
import pytest
from tests.saving import models
from tests.security import attacks as a
from tests.security.test_configs import FUNCTIONAL, SEQUENTIAL, WRONG, _paths, _with, _without

import kfront
from kfront.core import codec, guard
from kfront.core.errors import KfrontError
from kfront.saving import keras2

CASES = int(os.environ.get("KFRONT_FUZZ", "1000"))
PARTS = 10


def _keras_2():
    """A functional model with a TensorFlow function, as tf.keras writes it."""
    head = {"class_name": "InputLayer", "config": {"batch_input_shape": [None, 4], "dtype": "float32", "name": "x"}}
    function = {"class_name": "TFOpLambda", "config": {"name": "f", "function": "math.add"}}
    dense = {"class_name": "Dense", "config": {"name": "d", "units": 2, "activation": "relu", "dtype": "float32"}}
    layers = [
        {**head, "name": "x", "inbound_nodes": []},
        {**dense, "name": "d", "inbound_nodes": [[["x", 0, 0, {}]]]},
        {**function, "name": "f", "inbound_nodes": [["d", 0, 0, {"y": ["d", 0, 0], "name": None}]]},
    ]
    config = {"name": "m", "layers": layers, "input_layers": [["x", 0, 0]], "output_layers": [["f", 0, 0]]}
    return {"class_name": "Functional", "config": config}


KERAS_2 = _keras_2()


def _model():
    return kfront.Sequential([kfront.Input((4,)), kfront.layers.Dense(2)])


def _trained():
    """A model with an optimizer that has state."""
    model = _model()
    model.compile("adam", "mse", metrics=["mae", "auc"])
    with kfront.backend_scope(model._kf_backend):
        model.optimizer.build(model.trainable_variables)
    return model


def _quantized():
    model = _model()
    model.quantize("int8")
    model.layers[0].enable_lora(2)
    return model


@pytest.fixture(scope="module")
def archives(tmp_path_factory):
    """Valid files: of a plain model, of one with an optimizer, of a quantized one with an adapter."""
    path, out = tmp_path_factory.mktemp("fuzz") / "x.keras", []
    for make in (_model, _trained, _quantized):
        make().save(path)
        out.append(path.read_bytes())
    return out


@pytest.fixture(autouse=True)
def bounded():
    """No test needs much memory at any moment."""
    with a.little_memory(600 << 20):
        yield


def _damage(data: bytes, rng: np.random.Generator) -> bytes:
    out = bytearray(data)
    for _ in range(int(rng.integers(1, 8))):
        if not out:
            break
        at = int(rng.integers(len(out)))
        kind = int(rng.integers(7))
        if kind == 0:
            out[at] ^= 1 << int(rng.integers(8))
        elif kind == 1:
            out[at] = int(rng.choice([0, 1, 0x7F, 0x80, 0xFF]))
        elif kind == 2:
            out[at : at + 4] = int(rng.choice([0, 1, 2**31 - 1, 2**32 - 1])).to_bytes(4, "little")
        elif kind == 3:
            out[at : at + 8] = int(rng.choice([0, 2**40, 2**63 - 1])).to_bytes(8, "little")
        elif kind == 4:
            del out[at : at + int(rng.integers(1, 64))]
        elif kind == 5:
            other = int(rng.integers(len(out)))
            out[at:at] = out[other : other + int(rng.integers(1, 64))]
        else:
            del out[at:]
    return bytes(out)


def _quietly(attempt) -> bool:
    """Whether the attempt succeeded; anything but kfront's errors goes on up."""
    start = time.monotonic()
    with warnings.catch_warnings(), contextlib.suppress(KfrontError):
        warnings.simplefilter("ignore")
        attempt()
        return True
    assert time.monotonic() - start < 30
    return False


@pytest.mark.sampled(4)
@pytest.mark.parametrize("part", range(PARTS))
def test_damaged_files(archives, part):
    rng = np.random.default_rng(part)
    model = _model()
    weights = [a.weights(), a.weights(a.opaque), a.weights(a.opaque, libver="latest", track_order=True)]
    for i in range(CASES // PARTS // 3 + 1):
        _quietly(lambda i=i: kfront.saving.load_model(io.BytesIO(_damage(archives[i % len(archives)], rng))))
        data = _damage(weights[i % len(weights)], rng)
        _quietly(lambda data=data: kfront.saving.load_weights(model, io.BytesIO(data), skip_mismatch=True))


@pytest.fixture(scope="module")
def others(tmp_path_factory):
    """Valid files of the other forms."""
    folder = tmp_path_factory.mktemp("fuzz")
    _model().save(folder / "m.h5")
    _model().save_weights(folder / "m.safetensors")
    return {p.suffix: p.read_bytes() for p in folder.iterdir()}


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    """Weights in several files: names and contents."""
    folder = tmp_path_factory.mktemp("fuzz")
    _trained().save_weights(folder / "s.weights.h5", max_shard_size=1e-8)
    return {p.name: p.read_bytes() for p in folder.iterdir()}


@pytest.mark.sampled(4)
@pytest.mark.parametrize("part", range(PARTS))
def test_damaged_parts(parts, part, tmp_path):
    rng = np.random.default_rng(400 + part)
    model, names = _trained(), sorted(parts)
    for name in names:
        (tmp_path / name).write_bytes(parts[name])
    for _ in range(CASES // PARTS // 5 + 1):
        name = names[int(rng.integers(len(names)))]
        (tmp_path / name).write_bytes(_damage(parts[name], rng))
        _quietly(lambda: kfront.saving.load_weights(model, tmp_path / "s.weights.json", skip_mismatch=True))
        (tmp_path / name).write_bytes(parts[name])


@pytest.mark.sampled(4)
@pytest.mark.parametrize("part", range(PARTS))
def test_damaged_files_of_other_forms(others, part, tmp_path):
    rng = np.random.default_rng(200 + part)
    model = _model()
    for _ in range(CASES // PARTS // 5 + 1):
        for ending, data in others.items():
            path = tmp_path / f"x{ending}"
            path.write_bytes(_damage(data, rng))
            _quietly(lambda path=path: kfront.saving.load_weights(model, path, skip_mismatch=True))
        (tmp_path / "x.weights.h5").write_bytes(_damage(a.weights(a.opaque), rng))
        _quietly(lambda: kfront.saving.load_model(tmp_path / "x.h5"))
        _quietly(lambda: kfront.saving.KerasFileEditor(tmp_path / "x.weights.h5"))


@pytest.mark.sampled(4)
@pytest.mark.parametrize("part", range(PARTS))
def test_damaged_configs_of_keras_2(part):
    rng = np.random.default_rng(300 + part)
    values = [*WRONG, ["x", 0, 0], ["x", 0, 0, {}], {"class_name": "TFOpLambda", "config": {"function": "nn.relu"}}]
    for _ in range(CASES // PARTS // 5 + 1):
        config = KERAS_2
        for _ in range(int(rng.integers(1, 4))):
            paths = list(_paths(config))
            path = paths[int(rng.integers(len(paths)))]
            config = _with(config, path, values[int(rng.integers(len(values)))]) if path else config

        def attempt(config=config):
            with guard.loading("fuzz", config):
                codec.build(keras2.modern(config))

        _quietly(attempt)


@pytest.mark.sampled(4)
@pytest.mark.parametrize("part", range(PARTS))
def test_damaged_configs(part):
    rng = np.random.default_rng(100 + part)
    values = [*WRONG, a.dense(), a.function("relu"), a.reference("x"), {"class_name": "__ellipsis__", "config": {}}]
    for _ in range(CASES // PARTS // 3 + 1):
        config = SEQUENTIAL if rng.integers(2) else FUNCTIONAL
        for _ in range(int(rng.integers(1, 4))):
            paths = list(_paths(config))
            path = paths[int(rng.integers(len(paths)))]
            if path and rng.integers(4) == 0:
                config = _without(config, path)
            else:
                config = _with(config, path, values[int(rng.integers(len(values)))])
        _quietly(lambda config=config: kfront.saving.deserialize_keras_object(config))
        _quietly(lambda config=config: kfront.models.model_from_json(json.dumps(config)))


@pytest.fixture(scope="module")
def forms():
    """Configs of an object of every class that a file may name."""
    out = [v for v in models.objects(kfront).values() if not isinstance(v, str)]
    for module, case in models.layer_cases():
        layer = module.make(kfront.layers, case)
        with contextlib.suppress(KfrontError):
            out.append(kfront.saving.serialize_keras_object(layer))
    policies = {
        f"d{i}": p for i, p in enumerate(("int8_from_float32", "int4/32_from_float32", "gptq/4/8_from_float32"))
    }
    out.append(kfront.saving.serialize_keras_object(kfront.dtype_policies.DTypePolicyMap("float32", policies)))
    out.append(kfront.saving.serialize_keras_object(_quantized()))
    kinds = {"a": "float_normalized", "b": "integer_hashed", "c": "integer_hashed"}
    space = kfront.utils.FeatureSpace(kinds, crosses=[("b", "c")], crossing_dim=8)
    out.append(kfront.saving.serialize_keras_object(space))
    return json.loads(json.dumps(out))


@pytest.mark.sampled(4)
@pytest.mark.parametrize("part", range(PARTS))
def test_damaged_configs_of_every_class(forms, part):
    rng = np.random.default_rng(500 + part)
    values = [
        *WRONG,
        a.dense(),
        a.function("relu"),
        "int8",
        "float8_from_x",
        {"class_name": "__ellipsis__", "config": {}},
    ]
    rounds = max(1, CASES // PARTS // 5 // len(forms) + 1)
    for form in forms[part::PARTS] * rounds * 2:
        for _ in range(int(rng.integers(1, 3))):
            paths = list(_paths(form))
            path = paths[int(rng.integers(len(paths)))]
            if path and rng.integers(4) == 0:
                form = _without(form, path)
            else:
                form = _with(form, path, values[int(rng.integers(len(values)))])
        _quietly(lambda form=form: kfront.saving.deserialize_keras_object(form))


def test_damaged_json():
    rng = np.random.default_rng(5)
    text = json.dumps(FUNCTIONAL).encode()
    for _ in range(CASES // 3):
        damaged = _damage(text, rng)
        _quietly(lambda damaged=damaged: kfront.models.model_from_json(damaged))


def test_hypothesis_configs():
    hypothesis = pytest.importorskip("hypothesis")
    st = hypothesis.strategies
    leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
    names = st.sampled_from(["class_name", "config", "module", "registered_name", "layers", "units", "name", "dtype"])
    classes = st.sampled_from(["Sequential", "Functional", "Dense", "Lambda", "__numpy__", "__slice__", "function"])
    modules = st.sampled_from(["keras", "keras.layers", "builtins", "os", "keras.src.ops.numpy", None])
    trees = st.recursive(
        leaves | classes | modules,
        lambda sub: (
            st.lists(sub, max_size=4)
            | st.dictionaries(names, sub, max_size=5)
            | st.fixed_dictionaries({"class_name": classes, "config": sub, "module": modules})
        ),
        max_leaves=20,
    )

    @hypothesis.settings(max_examples=max(100, CASES // 5), deadline=None, database=None)
    @hypothesis.given(trees)
    def check(config):
        _quietly(lambda: kfront.saving.deserialize_keras_object(config))

    check()
