"""Whether training on a mesh gives the numbers of one device: weights, losses, metrics, outputs.

`python same_numbers.py` trains every model for 50 steps on every mesh, engine and dtype, prints a table, and fails
where a bound is passed; `test_numbers.py` runs a short form.
"""

from __future__ import annotations

import json
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
        subprocess.Popen([sys.executable, script, *a], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for a in arguments
    ]
    try:
        ended = [p.communicate(timeout=timeout) for p in started]
    finally:
        for p in started:
            p.kill()
    assert all(p.returncode == 0 for p in started), "\n".join(errors[-4000:] for _, errors in ended)
    return [json.loads(out.strip().splitlines()[-1]) for out, _ in ended]


def free_address():
    """Where the first process can listen."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{free.getsockname()[1]}"


def run(engine, mesh, processes, dtype="float32", steps=50, models=MODELS, timeout=900, **more):
    """What `mesh_numbers.py` gives."""
    asked = {"engine": engine, "mesh": mesh, "count": processes, "address": free_address()}
    asked |= {"dtype": dtype, "steps": steps, "models": models, **more}
    return spawn(SCRIPT, [[json.dumps({**asked, "process": i})] for i in range(processes)], timeout)[0]


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


RUNS = [
    *(("torch", mesh, mesh[0] * mesh[1]) for mesh in ([2, 1], [1, 2], [2, 2], [4, 1])),
    *(("jax", mesh, 1) for mesh in ([2, 1], [2, 2], [4, 1])),
    ("jax", [2, 1], 2),
    ("jax", [2, 2], 2),
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


def main():
    failed = []
    for processes in (2, 4):
        for phase, used, bound in memory(processes):
            print(f"memory in {processes} processes, {phase}: {used:.0f} MiB of at most {bound:.0f}", flush=True)
            failed += [f"memory in {processes} processes, {phase}"] * (used > bound)
    how = {"steps": 8, "models": ["mlp", "transformer"]}
    one = run("torch", [1, 1], 1, **how)
    for mesh in ([2, 1], [1, 2]):  # a graph break is an error
        found = compare(one, run("torch", mesh, 2, **how, jit=True, compiler="aot_eager"), "float32")
        print(f"compiled, torch {mesh[0]}x{mesh[1]}: {found}", flush=True)
        failed += [f"compiled {mesh} {name}: {wrong}" for name, (_, wrong) in found.items() if wrong]
    for dtype in BOUNDS:
        alone = {engine: run(engine, [1, 1], 1, dtype) for engine in ("torch", "jax")}
        jobs = [("jax against torch", alone["torch"], lambda: alone["jax"])] if dtype == "float64" else []
        for engine, mesh, processes in RUNS:
            title = f"{engine} {mesh[0]}x{mesh[1]}, {processes} process{'es' * (processes > 1)}"
            jobs.append((title, alone[engine], lambda e=engine, m=mesh, n=processes: run(e, m, n, dtype)))
        for title, one, job in jobs:
            start = time.monotonic()
            found = compare(one, job(), dtype)
            cells = "  ".join(f"{name} {far:.1e}" for name, (far, _) in found.items())
            print(f"{dtype} {title:25} {cells}  ({time.monotonic() - start:.0f} s)", flush=True)
            failed += [f"{dtype} {title} {name}: {wrong}" for name, (_, wrong) in found.items() if wrong]
    print("\n".join(failed) or "All as on one device.")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
