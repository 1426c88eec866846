"""Run the programs, say which faults are gone, and write the page."""

from __future__ import annotations

from kfront.backends import installed

from . import ENGINES, PAGE, mended, page

gone = [line for engine in ENGINES if engine in installed() for line in mended(engine)]
print("\n".join(gone) or "every fault is still there")
PAGE.write_text(page(), encoding="utf-8")
print(PAGE)
raise SystemExit(bool(gone))
