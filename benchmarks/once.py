"""``python -m benchmarks.once``: epochs of one model, in a process of their own; prints the ratios as JSON.

Where in memory the state of a candidate lies is worth up to a tenth of its time, and stays the same within a process.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from collections.abc import Callable
from typing import Any

from benchmarks import models
from benchmarks.bench import Bench
from benchmarks.timing import Paired, paired, quartiles

__all__ = ["epochs"]

_PROCESSES, _FEWER, _DEEP = 8, 3, 100  # so many layers take minutes to compile
_BATCH = 32


def epochs(bench: Bench, kind: str, depth: int, steps: int) -> Paired:
    """The geometric mean over several processes of the ratios to the native loop.

    Args:
        bench: the engine, and what is measured beside it.
        kind: the model's name in `models`.
        depth: its layers, for "deep".
        steps: batches of an epoch.
    """
    found = []
    for i in range(_PROCESSES if depth < _DEEP else _FEWER):
        command = [sys.executable, "-m", "benchmarks.once", "--engine", bench.engine, "--kind", kind]
        command += ["--depth", str(depth), "--steps", str(steps), "--rounds", str(bench.rounds)]
        command += ["--reverse"] * (i % 2) + ["--keras"] * (bench.keras is not None)
        out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        found.append(json.loads(out.splitlines()[-1]))
    ratios = {k: statistics.geometric_mean(one["ratios"][k] for one in found) for k in found[0]["ratios"]}
    native = statistics.median(one["native"] for one in found)
    return Paired(ratios, native, quartiles([one["ratios"]["kfront"] for one in found]))


def main() -> None:
    """Measure one model once, the candidates built in the usual order or the other way round."""
    parser = argparse.ArgumentParser("benchmarks.once")
    parser.add_argument("--engine", required=True)
    parser.add_argument("--kind", required=True)
    parser.add_argument("--depth", type=int, default=0)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--reverse", action="store_true")
    parser.add_argument("--keras", action="store_true")
    args = parser.parse_args()
    bench = Bench(args.engine, args.keras, args.rounds)
    x, y = models.data(args.kind, _BATCH * args.steps)

    def native() -> Callable[[], Any]:
        return bench.native.fit(bench.native.build(args.kind, args.depth), x, y, _BATCH)

    def epoch(api: Any) -> Callable[[], Any]:
        model = models.make(api, args.kind, args.depth)
        return lambda: model.fit(x, y, batch_size=_BATCH, epochs=1, verbose=0)

    makers = {"native": native, **{k: lambda api=api: epoch(api) for k, api in bench.apis().items()}}
    order = list(makers)[:: -1 if args.reverse else 1]
    measured = paired({k: makers[k]() for k in order}, 1, args.rounds)
    print(json.dumps({"ratios": measured.ratios, "native": measured.native}))


if __name__ == "__main__":
    main()
