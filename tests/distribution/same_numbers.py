"""Whether training on a mesh gives the numbers of one device: weights, losses, metrics, outputs.

`python same_numbers.py` trains every model for 50 steps on every mesh, engine and dtype, prints a table, and fails
where a bound is passed; `test_numbers.py` runs a short form.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

MODELS = ["mlp", "cnn", "lstm", "transformer"]
BOUNDS = {"float32": 2e-5, "float64": 1e-10}  # largest relative difference of a loss from that on one device
SCRIPT = Path(__file__).with_name("mesh_numbers.py")


def spawn(script, arguments, timeout):
    """The last line that each of several processes prints, as JSON; all have ended when this returns."""
    started = [
        subprocess.Popen(
            [sys.executable, script, *a],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        for a in arguments
    ]
    try:
        ended = [p.communicate(timeout=timeout) for p in started]
    finally:
        for p in started:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(p.pid, signal.SIGKILL)  # those too that it has forked
    assert all(p.returncode == 0 for p in started), "\n".join(errors[-4000:] for _, errors in ended)
    return [json.loads(out.strip().splitlines()[-1]) for out, _ in ended]


def free_address():
    """Where the first process can listen."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{free.getsockname()[1]}"


def run_all(engine, meshes, processes, dtypes=("float32",), steps=50, models=MODELS, timeout=900, **more):
    """What `mesh_numbers.py` gives, by dtype and mesh."""
    asked = {"engine": engine, "meshes": meshes, "count": processes, "address": free_address()}
    asked |= {"dtypes": list(dtypes), "steps": steps, "models": models, **more}
    each = [{}] if engine == "torch" else [{"process": i} for i in range(processes)]
    found = spawn(SCRIPT, [[json.dumps({**asked, **own})] for own in each], timeout)[0]
    return {(dtype, tuple(mesh)): results for dtype, mesh, results in found}


def run(engine, mesh, processes, dtype="float32", **more):
    """The same for one mesh."""
    return run_all(engine, [mesh], processes, [dtype], **more)[dtype, tuple(mesh)]


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


RUNS = [  # engine, meshes, processes; the first of each engine is what the others are compared with
    ("torch", [[1, 1]], 1),
    ("torch", [[2, 1], [1, 2]], 2),
    ("torch", [[2, 2], [4, 1]], 4),
    ("jax", [[1, 1], [2, 1], [2, 2], [4, 1]], 1),
    ("jax", [[2, 1], [2, 2]], 2),
]


def memory(processes, timeout=300):
    """Peaks of memory for a sharded model, beside what they may be: (phase, MiB, bound)."""
    address, mib = free_address(), 1 << 20
    with tempfile.TemporaryDirectory() as folder:
        arguments = [[address, str(processes), str(i), folder] for i in range(processes)]
        found = spawn(SCRIPT.with_name("mesh_memory.py"), arguments, timeout)
    for phase in ("init", "step", "save", "load"):
        held = found[0]["weights"] * (3 if phase == "init" else 4)  # Adam's slots, and gradients
        yield phase, max(f[phase] for f in found) / mib, 1.3 * held / processes / mib + 16


def _told(dtype, title, one, got):
    """Print how far the losses of each model are from those on one device; what is wrong."""
    found = compare(one, got, dtype)
    print(f"{dtype} {title:25}", "  ".join(f"{name} {far:.1e}" for name, (far, _) in found.items()), flush=True)
    return [f"{dtype} {title} {name}: {wrong}" for name, (_, wrong) in found.items() if wrong]


def main():
    """Compare all, and print; whether something is wrong."""
    failed = []
    for processes in (2, 4):
        for phase, used, bound in memory(processes):
            print(f"memory in {processes} processes, {phase}: {used:.0f} MiB of at most {bound:.0f}", flush=True)
            failed += [f"memory in {processes} processes, {phase}"] * (used > bound)
    how = {"steps": 8, "models": ["mlp", "transformer"]}
    one = run("torch", [1, 1], 1, **how)
    compiled = run_all("torch", [[2, 1], [1, 2]], 2, **how, jit=True, compiler="aot_eager")
    for (_, mesh), got in compiled.items():  # a graph break is an error
        found = compare(one, got, "float32")
        print(f"compiled, torch {mesh[0]}x{mesh[1]}: {found}", flush=True)
        failed += [f"compiled {mesh} {name}: {wrong}" for name, (_, wrong) in found.items() if wrong]
    alone = {}
    for engine, meshes, processes in RUNS:
        start = time.monotonic()
        for (dtype, mesh), got in run_all(engine, meshes, processes, BOUNDS).items():
            title = f"{engine} {mesh[0]}x{mesh[1]}, {processes} process{'es' * (processes > 1)}"
            one = alone.setdefault((engine, dtype), got)
            if one is got and dtype == "float64":
                one = alone["torch", dtype]
            failed += _told(dtype, title, one, got)
        print(f"  ({time.monotonic() - start:.0f} s)", flush=True)
    print("\n".join(failed) or "All as on one device.")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
