"""Every sample is trained on once in an epoch; `nox -s distributed` counts on 1 to 4 processes, all kinds of data."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from kfront import backends

SCRIPT = Path(__file__).with_name("counted.py")
KINDS = ("arrays", "PyDataset", "loader", "sampler", "sampler in a batch sampler", "parts", "uneven parts")


@pytest.mark.skipif("torch" not in backends.installed(), reason="needs torch")
def test_each_sample_counts_once_in_two_processes():
    done = subprocess.run([sys.executable, SCRIPT, "torch", "2", *KINDS], capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
