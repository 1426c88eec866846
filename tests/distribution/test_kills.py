"""Runs that are killed at random moments; `nox -s distributed` does it 200 times."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from kfront import backends


@pytest.mark.sampled(4, table="long")
@pytest.mark.skipif("torch" not in backends.installed(), reason="needs torch")
def test_a_few_kills_lose_nothing():
    script = Path(__file__).parent / "kills.py"
    done = subprocess.run([sys.executable, script, "torch", "5", "3"], capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert sum(n for kind, n in found.items() if kind.startswith(("all", "one"))) == 5
