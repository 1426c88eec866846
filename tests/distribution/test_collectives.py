"""On a mesh whose other processes are made up: as many collectives as FSDP2 has by hand."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from kfront import backends

pytestmark = pytest.mark.skipif("torch" not in backends.installed(), reason="needs torch")


def run(script):
    root = Path(__file__).parents[2]
    path = os.pathsep.join([str(root), os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, str(Path(__file__).with_name(script))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, env={**os.environ, "PYTHONPATH": path})
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def test_as_many_as_by_hand():
    found = json.loads(run("collectives.py").strip().splitlines()[-1])
    for mine, hand in (f.values() for f in found.values()):
        assert mine["gather"] <= hand["gather"] and mine["scatter"] <= hand["scatter"], found
        assert mine["reduce"] == hand["reduce"] == 2, found  # the norm; loss and accuracy at once
    assert found["one block"]["kfront"]["gather"] == 1 and found["several blocks"]["kfront"]["gather"] > 1, found
