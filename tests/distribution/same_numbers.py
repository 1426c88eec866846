"""Whether training on a mesh gives the numbers of one device: weights, losses, metrics, outputs.

``python same_numbers.py ENGINE PROCESSES`` does a short form.
"""

from __future__ import annotations

import math
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import numpy as np
from tests.distribution import mesh_numbers, processes

MODELS = ["mlp", "cnn", "lstm", "transformer"]
BOUNDS = {"float32": 2e-5, "float64": 1e-10}  # largest relative difference of a loss from that on one device
SHORT = {"steps": 3, "models": ["mlp", "transformer"]}


def run_all(engine, meshes, count, dtypes=("float32",), models=MODELS, compiler=None, **how):
    """What `mesh_numbers` gives, by dtype and mesh."""
    devices = max(math.prod(mesh) for mesh in meshes) // count
    job = {"meshes": meshes, "dtypes": dtypes, "models": models, "how": how}
    job |= {"compiler": compiler} if compiler else {}
    with processes.Run(mesh_numbers.work, engine, count, devices, **job) as run:
        found = run.results(900)[0]
    return {(dtype, tuple(mesh)): results for dtype, mesh, results in found}


def run(engine, mesh, count, dtype="float32", **more):
    """The same for one mesh."""
    return run_all(engine, [mesh], count, [dtype], **more)[dtype, tuple(mesh)]


def compare(one, got, dtype):
    """For each model: (largest relative difference of a loss, what is wrong)."""
    out = {}
    for name, wanted in one.items():
        mine = got[name]
        far = max(abs(a - b) / abs(b) for a, b in zip(mine["losses"], wanted["losses"], strict=True))
        wrong = []
        if mine["start"] != wanted["start"]:
            wrong.append("other initial weights")
        if not far <= BOUNDS[dtype]:
            wrong.append(f"losses differ by {far:.1e}")
        loose = 100 * BOUNDS[dtype]  # after 50 steps, where no mean evens things out
        if max(abs(a - b) for a, b in zip(mine["tests"], wanted["tests"], strict=True)) > loose:
            wrong.append(f"evaluation: {mine['tests']}, {wanted['tests']}")
        if np.abs(np.array(mine["outputs"]) - np.array(wanted["outputs"])).max() > loose:
            wrong.append("other outputs")
        out[name] = (far, "; ".join(wrong))
    return out


def told(title, dtype, one, got):
    """Print how far the losses of each model are from those on one device; nothing may be wrong."""
    found = compare(one, got, dtype)
    print(f"  {dtype} {title:25}", "  ".join(f"{name} {far:.1e}" for name, (far, _) in found.items()), flush=True)
    wrong = {name: why for name, (_, why) in found.items() if why}
    assert not wrong, wrong


def long(engine, runs):
    """50 steps of all models in both dtypes.

    Args:
        engine: the engine.
        runs: (meshes, processes); all are compared with one device of the engine in float32, of torch in float64.
    """
    alone = run_all(engine, [[1, 1]], 1, BOUNDS)
    if engine != "torch":
        exact = run_all("torch", [[1, 1]], 1, ["float64"])
        told(f"{engine} 1x1", "float64", exact["float64", (1, 1)], alone["float64", (1, 1)])
        alone |= exact
    for meshes, count in runs:
        for (dtype, mesh), got in run_all(engine, meshes, count, BOUNDS).items():
            title = f"{engine} {mesh[0]}x{mesh[1]}, {count} process{'es' * (count > 1)}"
            told(title, dtype, alone[dtype, (1, 1)], got)


if __name__ == "__main__":
    ENGINE, COUNT = sys.argv[1], int(sys.argv[2])
    processes.warm(ENGINE)
    told(f"{ENGINE} 2x1", "float32", run(ENGINE, [1, 1], 1, **SHORT), run(ENGINE, [2, 1], COUNT, **SHORT))
