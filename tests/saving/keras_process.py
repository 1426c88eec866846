"""Runs the installed Keras in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

SIDE = Path(__file__).parent / "keras_side.py"


def run_keras(command: str, folder: Path, engine: str) -> None:
    """``keras_side.py COMMAND FOLDER`` on an engine; what goes wrong there fails the test."""
    with tempfile.TemporaryDirectory() as compiled:
        env = {
            **os.environ,
            "KERAS_BACKEND": engine,
            "TF_CPP_MIN_LOG_LEVEL": "3",
            "OMP_NUM_THREADS": "1",
            # JAX compiles the same steps for every copy of a model; once is enough, and too brief to optimize
            "JAX_COMPILATION_CACHE_DIR": compiled,
            "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
            "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
            "XLA_FLAGS": "--xla_backend_optimization_level=0",
        }
        env.pop("PYTHONPATH", None)
        done = subprocess.run(
            [sys.executable, str(SIDE), command, str(folder)], env=env, capture_output=True, text=True
        )
    assert done.returncode == 0, done.stderr[-3000:]
