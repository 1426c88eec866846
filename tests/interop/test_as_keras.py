from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def run(*arguments: str, check: bool = True, timeout: int = 600, **env: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, env={**os.environ, **env}, timeout=timeout
    )
    assert not check or done.returncode == 0, done.stdout + done.stderr
    return done


def test_modules_are_kfronts_own():
    code = """
import kfront; kfront.install_as_keras(); kfront.install_as_keras()
import keras, sys
import keras.layers as L
from keras import ops
from keras.models import Sequential
from keras.preprocessing.sequence import pad_sequences
import keras.datasets.mnist
assert L is kfront.layers and keras.layers is L and ops is kfront.ops
assert Sequential is kfront.Sequential is keras.Sequential
assert keras.datasets.mnist is kfront.datasets.mnist
assert L.__spec__.name == "kfront.layers"
assert keras.__version__.startswith("3.") and keras.version() == keras.__version__
assert dir(keras) == dir(kfront)
"""
    run("-c", code, KERAS_BACKEND="numpy")


def test_what_kfront_has_not_is_missing_as_usual():
    code = """
import kfront; kfront.install_as_keras()
import importlib.util, keras
for name in ("keras.core", "keras.no_such_thing", "keras.layers.no_such_thing"):
    try: __import__(name)
    except ModuleNotFoundError: pass
    else: raise AssertionError(name)
try: keras.no_such_thing
except AttributeError as e: assert "no_such_thing" in str(e)
else: raise AssertionError
try: from keras import no_such_thing
except ImportError: pass
else: raise AssertionError
assert importlib.util.find_spec("keras.layers") and not importlib.util.find_spec("keras.nothing")
"""
    run("-c", code, KERAS_BACKEND="numpy")


def test_submodules_are_loaded_when_asked_for():
    code = "import kfront, sys; kfront.install_as_keras(); import keras; print('kfront.layers' in sys.modules)"
    assert run("-c", code).stdout.strip() == "False"


def test_refuses_beside_the_real_keras():
    code = """
import sys, types
sys.modules["keras"] = types.ModuleType("keras")
import kfront
try: kfront.install_as_keras()
except kfront.core.errors.UnsupportedError as e: assert "before" in str(e)
else: raise AssertionError
"""
    run("-c", code)


def test_script_with_arguments(tmp_path):
    (tmp_path / "helper.py").write_text("value = 3\n")
    script = tmp_path / "script.py"
    script.write_text("import sys, helper, keras\nprint(__name__, sys.argv, helper.value, keras.utils.__name__)\n")
    out = run("-m", "kfront.as_keras", str(script), "a", "--b").stdout
    assert out == f"__main__ {[str(script), 'a', '--b']} 3 kfront.utils\n"


def test_module(tmp_path):
    (tmp_path / "program.py").write_text("import sys, keras\nprint(__name__, sys.argv[1:])\n")
    done = subprocess.run(
        [sys.executable, "-m", "kfront.as_keras", "-m", "program", "x"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
    )
    assert done.stdout == "__main__ ['x']\n", done.stderr


def test_no_such_script():
    done = run("-m", "kfront.as_keras", "no_such_script.py", check=False)
    assert done.returncode == 1 and "no_such_script.py" in done.stderr


@pytest.mark.parametrize("engine", ["torch", "jax", "tensorflow"])
def test_the_listing_runs_unedited(engine):
    pytest.importorskip(engine, reason=f"{engine} is not installed")
    out = run(
        "-m",
        "kfront.as_keras",
        str(ROOT / "examples" / "mnist_keras_listing.py"),
        KERAS_BACKEND=engine,
        KERAS_MAX_EPOCHS="1",
        KFRONT_OFFLINE="1",
    ).stdout
    accuracy = float(out.strip().splitlines()[-1].removeprefix("Test accuracy:"))
    assert accuracy > 0.8
