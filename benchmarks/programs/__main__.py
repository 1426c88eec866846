"""``python -m benchmarks.programs``: all programs on all engines, into the record that the documentation shows.

``--engines`` and ``--programs`` take some of them, and leave the other rows of the record as they are.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from benchmarks.programs import ENGINES, PROGRAMS, RECORDED, programs


def main() -> None:
    """Measure, print each row and record it."""
    parser = argparse.ArgumentParser("benchmarks.programs", description=__doc__)
    parser.add_argument("--engines", default=",".join(ENGINES))
    parser.add_argument("--programs", default=",".join(PROGRAMS))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", default=str(RECORDED), help="the record")
    args = parser.parse_args()
    target = Path(args.out)
    recorded = json.loads(target.read_text(encoding="utf-8")) if target.exists() else {}
    for engine in args.engines.split(","):
        for row in programs(engine, args.programs.split(","), args.rounds):
            print(f"{engine} {row.name}: kfront {row.kfront:.2f}, Keras {row.keras:.2f} of native", flush=True)
            rows = {r["name"]: r for r in recorded.get(engine, [])} | {row.name: row._asdict()}
            recorded[engine] = [rows[name] for name in PROGRAMS if name in rows]
            target.write_text(json.dumps(recorded, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
