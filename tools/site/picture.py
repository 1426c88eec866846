"""Write docs/equal_curves.svg, the picture of README.md, from examples/gallery/equal_curves.py."""

from __future__ import annotations

import runpy
from pathlib import Path

from matplotlib import pyplot as plt

ROOT = Path(__file__).resolve().parents[2]

if __name__ == "__main__":
    with plt.rc_context({"svg.fonttype": "none", "svg.hashsalt": "kfront"}):  # text stays text: a tenth of the size
        runpy.run_path(str(ROOT / "examples" / "gallery" / "equal_curves.py"))
        plt.gcf().savefig(ROOT / "docs" / "equal_curves.svg", metadata={"Date": None})
