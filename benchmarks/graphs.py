"""``python -m benchmarks.graphs --plot docs/graph_cost.svg``: what deep and wide models cost, per layer and per node.

A line that stays level is time linear in the size. Functional models are chains in which every second node takes two
tensors. Each engine is measured in a process of its own, in CPU time.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

NODES, DEPTHS = (100, 300, 1000, 3000, 5000), (10, 30, 100, 300, 1000)
ACTIONS = ("build", "summary", "clone", "save", "load")
_ENGINES, _CALLS = ("torch", "jax", "tensorflow"), 5


def _timed(action: Callable[[], Any]) -> tuple[float, Any]:
    gc.collect()
    start = time.process_time()
    out = action()
    return time.process_time() - start, out


def _graph(count: int) -> Any:
    from kfront import Input, Model, layers

    x = first = Input((8,))
    for i in range(count):
        x = layers.Add()([x, first]) if i % 2 else layers.Identity()(x)
    return Model(first, x)


def nodes(count: int) -> dict[str, float]:
    """Microseconds per node of what is done to a functional model of so many."""
    import kfront

    found = {}
    found["build"], model = _timed(lambda: _graph(count))
    found["summary"], _ = _timed(lambda: model.summary(print_fn=lambda *text, **more: None))
    found["clone"], _ = _timed(lambda: kfront.models.clone_model(model))
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/model.keras"
        found["save"], _ = _timed(lambda: model.save(path))
        found["load"], _ = _timed(lambda: kfront.models.load_model(path))
    return {k: v / count * 1e6 for k, v in found.items()}


def depth(count: int) -> float:
    """Microseconds per layer of a call of so many Dense layers, without a compiler; the median of several."""
    import numpy as np

    from kfront import Input, Sequential, layers

    model = Sequential([Input((16,)), *(layers.Dense(16, "relu") for _ in range(count))])
    x = model._kf_backend.convert(np.ones((1, 16), "float32"))
    model(x)
    return statistics.median(_timed(lambda: model(x))[0] for _ in range(_CALLS)) / count * 1e6


def measure() -> dict[str, Any]:
    """All numbers of this process's engine."""
    nodes(NODES[0])  # what is made once
    depth(DEPTHS[0])
    return {"nodes": [nodes(n) for n in NODES], "depths": [depth(n) for n in DEPTHS]}


def plot(path: str, found: dict[str, dict[str, Any]]) -> None:
    """Draw a panel for each action on nodes, and one for the depth."""
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(2, 3, figsize=(9, 4.6))
    for axis, action in zip(axes.flat, (*ACTIONS, "call"), strict=True):
        for engine, rows in found.items():
            x, y = (DEPTHS, rows["depths"]) if action == "call" else (NODES, [r[action] for r in rows["nodes"]])
            axis.plot(x, y, marker="o", markersize=3, label=engine)
        axis.set_xscale("log")
        axis.set_ylim(bottom=0)
        axis.set_title(f"{action} [µs per {'layer' if action == 'call' else 'node'}]", fontsize=9)
        axis.tick_params(labelsize=7)
        axis.spines[["top", "right"]].set_visible(False)
    axes.flat[0].legend(fontsize=7)
    figure.supxlabel("nodes of a functional model; layers of a Sequential for the last", fontsize=8)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})


def main() -> int:
    """Measure all engines, print, and plot."""
    parser = argparse.ArgumentParser("benchmarks.graphs")
    parser.add_argument("--plot", default="", help="where to write the plot")
    parser.add_argument("--engine", default="", help="measure this one here, and print JSON")
    args = parser.parse_args()
    if args.engine:
        print(json.dumps(measure()))
        return 0
    found = {}
    for engine in _ENGINES:
        command = [sys.executable, "-m", "benchmarks.graphs", "--engine", engine]
        env = {**os.environ, "KERAS_BACKEND": engine}
        out = subprocess.run(command, env=env, check=True, capture_output=True, text=True).stdout
        found[engine] = json.loads(out.splitlines()[-1])
        for n, row in zip(NODES, found[engine]["nodes"], strict=True):
            print(engine, n, "nodes:", *(f"{k} {row[k]:.0f}" for k in ACTIONS), flush=True)
        print(engine, "layers:", *(f"{n}: {v:.1f}" for n, v in zip(DEPTHS, found[engine]["depths"], strict=True)))
    if args.plot:
        plot(args.plot, found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
