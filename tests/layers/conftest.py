"""Results of the installed Keras for the cases, made once and kept in the temporary folder."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import pickle
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))


@pytest.fixture(scope="session")
def reference() -> dict[str, Any]:
    """What Keras gives for each case; skips if it is not installed."""
    if importlib.util.find_spec("keras") is None:
        pytest.skip("needs the installed Keras as reference")
    from importlib.metadata import version

    text = (HERE / "layer_cases.py").read_bytes() + (HERE / "reference.py").read_bytes() + version("keras").encode()
    name = f"kfront-layers-{hashlib.sha256(text).hexdigest()[:16]}-{os.getuid()}.pickle"
    path = Path(tempfile.gettempdir()) / name
    if not path.exists():
        part = path.with_suffix(f".{os.getpid()}")
        done = subprocess.run([sys.executable, str(HERE / "reference.py"), str(part)], capture_output=True, text=True)
        if done.returncode:
            pytest.fail(f"Keras failed on the cases: {done.stderr[-2000:]}")
        part.rename(path)
    return pickle.loads(path.read_bytes())
