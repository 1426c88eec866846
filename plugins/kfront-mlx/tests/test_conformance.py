"""The conformance suite of kfront, the quick form."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from kfront.backends import get

XFAIL = Path(__file__).parents[1] / "xfail.txt"


def test_the_suite():
    words = ["-m", "kfront.conformance", "--backend", "mlx", "--quick", "--xfail", str(XFAIL)]
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]


def test_few_failures_are_expected():
    lines = [t for t in XFAIL.read_text().splitlines() if t and not t.startswith("#")]
    assert len(lines) <= 25


def test_the_backend_has_all():
    assert get("mlx").name == "mlx" and get("mlx").trainable
