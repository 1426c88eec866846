"""Values and dtypes of every op on the reference backend, against the installed Keras (its JAX backend)."""

from __future__ import annotations

import importlib.util
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import kfront
from kfront import ops

sys.path.insert(0, str(Path(__file__).parent))
import cases_more  # noqa: F401
from cases import CASES, Case

pytestmark = pytest.mark.slow  # Keras compiles each case anew

HERE = Path(__file__).parent
needs = pytest.mark.skipif(
    any(importlib.util.find_spec(m) is None for m in ("keras", "jax")), reason="Keras and JAX are the reference"
)


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    target = tmp_path_factory.mktemp("keras") / "reference.pickle"
    env = {**os.environ, "KERAS_BACKEND": "jax", "OMP_NUM_THREADS": "1", "JAX_PLATFORMS": "cpu"}
    subprocess.run([sys.executable, str(HERE / "keras_reference.py"), str(target)], env=env, check=True, timeout=600)
    return pickle.loads(target.read_bytes())


@pytest.fixture(autouse=True)
def on_numpy() -> Any:
    with kfront.backend_scope("numpy"):
        yield


def same(got: Any, want: Any, tol: float) -> None:
    if isinstance(want, list):
        assert isinstance(got, (list, tuple)) and len(got) == len(want)
        for g, w in zip(got, want, strict=True):
            same(g, w, tol)
        return
    got = ops.convert_to_numpy(got)
    assert got.dtype == want.dtype, f"dtype {got.dtype}, Keras {want.dtype}"
    assert got.shape == want.shape, f"shape {got.shape}, Keras {want.shape}"
    if want.dtype.kind in "biu":
        np.testing.assert_array_equal(got, want)
    else:
        wide = np.complex128 if want.dtype.kind == "c" else np.float64
        g, w = got.astype(wide), want.astype(wide)
        scale = float(np.max(np.abs(w[np.isfinite(w)]), initial=0)) if w.size else 0.0
        np.testing.assert_allclose(g, w, rtol=tol, atol=tol * min(scale, 1.0) + 1e-30, equal_nan=True)


@needs
@pytest.mark.parametrize("n", [pytest.param(n, id=c.label) for n, c in enumerate(CASES) if not c.keras])
def test_values(n: int, reference: list[Any]) -> None:
    c: Case = CASES[n]
    want = reference[n]
    if isinstance(want, str):
        pytest.skip(f"Keras refuses: {want}")
    same(getattr(ops, c.name)(*c.args, **c.kwargs), want, c.tol)
