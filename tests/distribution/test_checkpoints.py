"""Runs that are killed go on, on other meshes and engines; the long forms are in `nox -s distributed`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from kfront import backends

SCRIPT = Path(__file__).with_name("checkpointed.py")


@pytest.mark.sampled(4, table="long")
@pytest.mark.skipif(not {"torch", "jax"} <= {*backends.installed()}, reason="needs torch and JAX")
def test_two_processes_of_torch_go_on_as_eight_devices_of_jax():
    done = subprocess.run([sys.executable, SCRIPT], capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    assert "steps (0, 0) to (0, 2)" in done.stdout and "(2, 5), checkpoint-000018" in done.stdout
