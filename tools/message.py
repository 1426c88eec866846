"""Check a commit message: a subject of at most 72 characters, an empty line, a body that says why.

Usage: python tools/message.py FILE     as the hook `commit-msg` of git calls it
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

LONGEST = 72
MADE_BY_GIT = ("Merge ", "Revert ", "fixup! ", "squash! ")


def complaint(message: str) -> str:
    """What is wrong with a message; an empty text if nothing is."""
    text = re.split(r"^# -+ >8 -+$", message, flags=re.M)[0]
    subject, *rest = [line for line in text.strip().splitlines() if not line.startswith("#")] or [""]
    if subject.startswith(MADE_BY_GIT):
        return ""
    if len(subject) > LONGEST:
        return f"expected a subject of at most {LONGEST} characters, got {len(subject)}; move the rest into the body."
    if not subject or len(rest) < 2 or rest[0] or not any(rest[1:]):
        return "expected a subject, an empty line and a body that says why; write one."
    return ""


if __name__ == "__main__":
    wrong = complaint(Path(sys.argv[1]).read_text(encoding="utf-8"))
    if wrong:
        sys.exit(f"[commit] {wrong}")
