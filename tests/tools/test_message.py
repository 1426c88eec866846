"""What the hook says of commit messages."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from tools.message import complaint

SCRIPT = Path(__file__).parents[2] / "tools" / "message.py"


@pytest.mark.parametrize(
    "message, words",
    [
        ("Say what\n\nBecause of this.\n", ""),
        ("x" * 72 + "\n\nBecause.\n# a comment of git\n", ""),
        ("Merge branch 'mine'\n", ""),
        ("x" * 73 + "\n\nBecause.\n", "at most 72 characters, got 73"),
        ("Say what\n", "a body"),
        ("Say what\nBecause.\n", "an empty line"),
        ("Say what\n\n# a comment of git\n", "a body"),
        ("Say what\n\n# ------------------------ >8 ------------------------\ndiff\n", "a body"),
        ("# a comment of git\n", "a subject"),
    ],
)
def test_complaints(message, words):
    found = complaint(message)
    assert (words in found) if words else found == ""


def test_the_hook_refuses(tmp_path):
    path = tmp_path / "message"
    path.write_text("x" * 80)
    done = subprocess.run([sys.executable, SCRIPT, path], capture_output=True, text=True)
    assert done.returncode == 1 and "[commit] expected a subject" in done.stderr
