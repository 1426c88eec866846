"""Runs the installed Keras in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

SIDE = Path(__file__).parent / "keras_side.py"


def run_keras(command: str, folder: Path, engine: str) -> None:
    """``keras_side.py COMMAND FOLDER`` on an engine; what goes wrong there fails the test."""
    env = {
        **os.environ,
        "KERAS_BACKEND": engine,
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "OMP_NUM_THREADS": "1",
        "XLA_FLAGS": "--xla_backend_optimization_level=0",  # the steps are too brief to optimize
    }
    env.pop("PYTHONPATH", None)
    done = subprocess.run([sys.executable, str(SIDE), command, str(folder)], env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
