from __future__ import annotations

import inspect
import json
import os
import subprocess
import sys

import pytest

import kfront
from kfront import config
from kfront.core import settings
from kfront.core.errors import ArgumentError, ArgumentTypeError, BackendError


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A KERAS_HOME of its own, and settings that have not been read yet."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    vars(settings.now).clear()

    def write(content):
        (tmp_path / "keras.json").write_text(content if isinstance(content, str) else json.dumps(content))
        return tmp_path / "keras.json"

    return write


def test_defaults_without_a_file(home):
    assert config.floatx() == "float32"
    assert config.epsilon() == 1e-7
    assert config.image_data_format() == "channels_last"
    assert config.is_interactive_logging_enabled()
    assert config.is_traceback_filtering_enabled()
    assert config.max_epochs() is None and config.max_steps_per_epoch() is None


def test_the_file_is_read_and_never_written(home):
    path = home({"floatx": "float64", "epsilon": 1e-5, "image_data_format": "channels_first", "backend": "numpy"})
    before = path.read_bytes()
    assert config.floatx() == "float64"
    assert config.epsilon() == 1e-5
    assert config.image_data_format() == "channels_first"
    assert config.default_backend() == "numpy"
    config.set_floatx("float16")
    assert path.read_bytes() == before and os.listdir(path.parent) == ["keras.json"]


def test_no_file_is_made(home, tmp_path):
    config.floatx(), config.default_backend()
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    "content", ["{", "[1]", '"text"', "\xff\xfe", "[" * 100_000, {"floatx": "int8"}, {"image_data_format": 3}]
)
def test_a_bad_file_is_named(home, content):
    path = home(content)
    with pytest.raises(ArgumentError, match="keras.json") as e:
        config.floatx(), config.image_data_format()
    assert str(path) in str(e.value)


def test_a_bad_epsilon_in_the_file_is_named(home):
    path = home({"epsilon": "small"})
    with pytest.raises(ArgumentError, match="epsilon") as e:
        config.epsilon()
    assert str(path) in str(e.value)


def test_environment_wins_over_file(home, monkeypatch):
    home({"backend": "numpy"})
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    assert config.default_backend() == "torch"


def test_first_installed_engine_is_the_default(home, monkeypatch):
    monkeypatch.setattr(kfront.backends, "installed", lambda: ["tensorflow", "jax", "numpy"])
    assert config.default_backend() == "jax"
    monkeypatch.setattr(kfront.backends, "installed", lambda: ["numpy"])
    assert config.default_backend() == "numpy"


def test_unknown_backend_names_what_is_installed(home, monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "tensorfow")
    with pytest.raises(BackendError, match=r"numpy.*tensorfow.*KERAS_BACKEND"):
        config.default_backend()
    with pytest.raises(BackendError, match="numpy"):
        config.set_backend("tensorfow")


def test_missing_engine_names_the_extra_and_the_source(home, monkeypatch):
    path = home({"backend": "jax"})
    monkeypatch.setattr(kfront.backends, "installed", lambda: ["torch", "numpy"])
    with pytest.raises(BackendError, match=r"kfront\[jax\]") as e:
        config.default_backend()
    assert str(path) in str(e.value) and "torch, numpy" in str(e.value)


def test_backend_of_the_thread():
    with kfront.backend_scope("numpy"):
        assert config.backend() == kfront.backend.backend() == "numpy"


def test_set_floatx():
    config.set_floatx("bfloat16")
    assert config.floatx() == "bfloat16"
    assert kfront.backend.result_type("int32", float) == "bfloat16"
    config.set_floatx("float32")
    assert kfront.backend.result_type("int32", float) == "float32"
    for wrong in ("int32", "float", None, 32):
        with pytest.raises(ArgumentError, match="float64"):
            config.set_floatx(wrong)


def test_dtype_policy_follows_floatx_until_it_is_set():
    config.set_dtype_policy(None)
    assert config.dtype_policy().name == "float32"
    config.set_floatx("float64")
    assert config.dtype_policy().name == "float64"
    config.set_dtype_policy("mixed_float16")
    config.set_floatx("float32")
    assert config.dtype_policy().name == "mixed_float16"
    with pytest.raises(ValueError):
        config.set_dtype_policy("mixed_float17")
    assert config.dtype_policy().name == "mixed_float16"
    config.set_dtype_policy(None)
    assert config.dtype_policy().name == "float32"


def test_set_epsilon():
    config.set_epsilon(1e-3)
    assert config.epsilon() == 1e-3
    with pytest.raises(ArgumentTypeError):
        config.set_epsilon("small")


def test_set_image_data_format():
    config.set_image_data_format("Channels_First")
    assert config.image_data_format() == "channels_first"
    with pytest.raises(ArgumentError, match="channels_last"):
        config.set_image_data_format("last")


@pytest.mark.parametrize(
    ("get", "put", "variable"),
    [
        (config.max_epochs, config.set_max_epochs, "KERAS_MAX_EPOCHS"),
        (config.max_steps_per_epoch, config.set_max_steps_per_epoch, "KERAS_MAX_STEPS_PER_EPOCH"),
    ],
)
def test_limits(get, put, variable, monkeypatch):
    monkeypatch.setenv(variable, "3")
    assert get() == 3
    put(5)
    assert get() == 5
    put(None)
    assert get() == 3
    monkeypatch.setenv(variable, "many")
    with pytest.raises(ArgumentError, match=variable):
        get()
    monkeypatch.delenv(variable)
    assert get() is None
    for wrong in (-1, 2.5, "x"):
        with pytest.raises(ArgumentError):
            put(wrong)


@pytest.mark.parametrize("name", ["interactive_logging", "traceback_filtering", "flash_attention"])
def test_switches(name):
    asks = getattr(config, f"is_{name}_enabled")
    assert asks() is True
    getattr(config, f"disable_{name}")()
    assert asks() is False
    getattr(config, f"enable_{name}")()
    assert asks() is True


def test_portable_random_holds_for_new_threads():
    import threading

    config.set_portable_random(True)
    try:
        seen = []
        thread = threading.Thread(target=lambda: seen.append(config.is_portable_random()))
        thread.start()
        thread.join()
        assert config.is_portable_random() and seen == [True]
    finally:
        config.set_portable_random(False)
    assert not config.is_portable_random()


def test_names_and_signatures_are_those_of_keras():
    pytest.importorskip("keras", reason="Keras comes with TensorFlow")
    code = (
        "import inspect, json, keras;"
        "print(json.dumps({n: str(inspect.signature(getattr(keras.config, n))) for n in dir(keras.config)"
        " if not n.startswith('_')}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    theirs = json.loads(done.stdout.splitlines()[-1])
    left_out = {"enable_unsafe_deserialization", "is_nnx_enabled"}  # no global switch off safety; no NNX mode
    for name in theirs.keys() - left_out:
        ours = inspect.signature(getattr(config, name))
        assert list(ours.parameters) == list(inspect.signature(eval("lambda " + theirs[name][1:-1] + ": 0")).parameters)
