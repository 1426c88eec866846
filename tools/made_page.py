"""Pages of the documentation that a program makes: written, or compared with what they would be now."""

from __future__ import annotations

import sys
from pathlib import Path


def main(path: Path, text: str) -> int:
    """Write the page; with ``--check`` among the arguments only say, by 1, that it is not current."""
    if "--check" in sys.argv:
        return int(path.read_text(encoding="utf-8") != text)
    path.write_text(text, encoding="utf-8")
    return 0
