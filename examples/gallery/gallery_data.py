"""Data of the gallery that are made from what comes with Python."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import numpy as np

Part = tuple[np.ndarray, np.ndarray]


def library_lines(packages: list[str], most: int, together: int = 4) -> tuple[Part, Part]:
    """Texts of four lines from packages of the standard library: (train, test), each (texts, numbers of the packages).

    Of each package a fourth of the files is left for testing. Lines that name the package are left out, and so are
    those of a word or two.
    """
    parts: tuple[list[tuple[str, int]], list[tuple[str, int]]] = ([], [])
    for kind, package in enumerate(packages):
        folder = Path(str(importlib.import_module(package).__file__)).parent
        counts = [0, 0]
        for number, file in enumerate(sorted(folder.glob("*.py"))):
            test = number % 4 == 3
            lines = (" ".join(line.split()) for line in file.read_text(encoding="utf-8").splitlines())
            kept = [t for t in lines if len(re.findall(r"\w+", t)) > 3 and package not in t.lower()]
            for start in range(0, len(kept) - together, together):
                if counts[test] < most:
                    counts[test] += 1
                    parts[test].append((" ".join(kept[start : start + together]), kind))
    return tuple((np.array([t for t, _ in part]), np.array([k for _, k in part])) for part in parts)  # type: ignore[return-value]
