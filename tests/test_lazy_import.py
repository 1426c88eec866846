from __future__ import annotations

import importlib
import json
import subprocess
import sys

import pytest

import kfront
from kfront.core.lazy import lazy_namespace, names

ENGINES = ("torch", "jax", "tensorflow", "keras")


def run(code: str, **env: str) -> str:
    import os

    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env={**os.environ, **env}, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip().splitlines()[-1]


def test_import_loads_nothing_heavy():
    heavy = ("numpy", "h5py", "rich", "ml_dtypes", *ENGINES)
    assert run(f"import sys, kfront; print([m for m in {heavy} if m in sys.modules])") == "[]"


def test_import_loads_little():
    """A few small modules of kfront and none of its dependencies; the time it takes is the benchmarks' business."""
    code = (
        "import sys; before = set(sys.modules); import kfront; new = set(sys.modules) - before;"
        "print(len([m for m in new if m.startswith('kfront')]), [m for m in ('numpy', 'h5py', 'rich') if m in new])"
    )
    count, heavy = run(code).split(" ", 1)
    assert int(count) <= 8 and heavy == "[]"


def test_using_the_namespaces_loads_no_engine():
    code = (
        "import sys, kfront; [getattr(kfront, n) for n in dir(kfront)];"
        f"print([m for m in {ENGINES} if m in sys.modules])"
    )
    assert run(code) == "[]"


@pytest.mark.parametrize("engine", ["numpy", "torch", "jax", "tensorflow"])
def test_one_engine_loads_no_other(engine):
    pytest.importorskip(engine, reason=f"{engine} is not installed")
    code = (
        "import sys, kfront; model = kfront.Sequential([kfront.Input((3,)), kfront.layers.Dense(2)]);"
        "import numpy as np; model.predict(np.ones((1, 3)), verbose=0);"
        f"print([m for m in {ENGINES} if m in sys.modules and m != {engine!r}])"
    )
    assert run(code, KERAS_BACKEND=engine) == "[]"


def test_dir_is_exact():
    """Every name that is shown can be had, and nothing else is shown."""
    code = """
import importlib, json, pkgutil, types, kfront
bad, seen = [], set()
def walk(module):
    if module.__name__ in seen: return
    seen.add(module.__name__)
    for name in dir(module):
        try: value = getattr(module, name)
        except Exception as e: bad.append(f"{module.__name__}.{name}: {e!r}"); continue
        if isinstance(value, types.ModuleType):
            if not value.__name__.startswith("kfront"): bad.append(f"{module.__name__}.{name} is {value.__name__}")
            else: walk(value)
        elif name.startswith("_") and name != "__version__": bad.append(f"{module.__name__}.{name} is private")
walk(kfront)
print(json.dumps([sorted(seen), bad]))
"""
    seen, bad = json.loads(run(code, KERAS_BACKEND="numpy"))
    assert bad == []
    assert {"kfront.config", "kfront.datasets.mnist", "kfront.layers", "kfront.ops", "kfront.utils"} <= set(seen)


def test_top_level_names():
    assert {"Layer", "Model", "Sequential", "Input", "Variable", "backend_scope", "ops", "config"} <= set(dir(kfront))
    assert dir(kfront) == sorted(kfront.__all__)
    assert kfront.__version__ == kfront.version()


def test_unknown_name_suggests_a_near_one():
    with pytest.raises(AttributeError, match="Sequental.*did you mean 'Sequential'"):
        kfront.Sequental


def test_a_public_name_may_not_be_hidden_by_its_module():
    with pytest.raises(ImportError, match="rename"):
        lazy_namespace("some.where", names(".relu", "relu"))


def test_names_are_loaded_once():
    module = importlib.import_module("kfront.utils")
    assert module.to_categorical is vars(module)["to_categorical"]


def test_every_folder_is_a_package():
    """A folder without `__init__.py` could be imported under a second name, with a second copy of its state."""
    from pathlib import Path

    root = Path(kfront.__file__).parent
    folders = {p.parent for p in root.rglob("*.py")}
    assert [str(f.relative_to(root)) for f in folders if not (f / "__init__.py").exists()] == []


_TRAINED = """import sys, numpy as np, kfront
x = np.zeros((4, 4), "float32")
model = kfront.Sequential([kfront.layers.Dense(4)])
model.compile("adam", "mse")
model.fit(x, x, verbose=0), model.predict(x, verbose=0)
assert "scipy" not in sys.modules
eye = kfront.ops.convert_to_tensor(np.eye(4), sparse=True)
print(kfront.backends.get("jax").is_sparse(eye))"""


def test_training_on_jax_does_not_import_scipy():
    pytest.importorskip("jax", reason="jax is not installed")
    assert run(_TRAINED, KERAS_BACKEND="jax") == "True"
