"""When a process of several fails, the others end and name it; `nox -s distributed` tries every way on both engines."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from kfront import backends

SCRIPT = Path(__file__).with_name("failing.py")


@pytest.mark.sampled(4, table="long")
@pytest.mark.skipif("torch" not in backends.installed(), reason="needs torch")
def test_a_process_that_is_killed_or_differs_is_named():
    command = [sys.executable, SCRIPT, "torch", "2", "killed", "other rates", "another rate later"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
