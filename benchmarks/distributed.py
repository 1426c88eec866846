"""A Transformer on several processes, beside one written by hand with FSDP2 or with `jax.jit` and shardings.

``python -m benchmarks.distributed [--engine torch]``: both programs in the same two processes, a step of one and a step
of the other in turn. Printed are medians of the times and of the processor time of all processes, which other work on
the machine disturbs less; the bytes that a process holds (weights and Adam's slots); the collectives of a step.

``python -m benchmarks.distributed --plot docs/mesh_cost.svg``: what a step of the same batch costs on meshes of 1, 2
and 4 processes on torch: processor time of a process times their number, and the bytes of each. The other processes are
made up there (torch's "fake" group), so that the time is that of computing, whatever else the machine does.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

import numpy as np

WORDS, TIME, BATCH, HEADS, BLOCKS = 256, 64, 32, 4, 2
LIMIT = 1.10
MESHES = ((1, 1), (2, 1), (1, 2), (4, 1), (2, 2), (1, 4))
_THREADS = {
    **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"),
    "JAX_PLATFORMS": "cpu",
    "TF_CPP_MIN_LOG_LEVEL": "3",
}
Step = Callable[[], list[float]]
Job = dict[str, Any]


# ---- one process -----------------------------------------------------------------------------------------------------


def _kfront(job: Job) -> tuple[Step, Callable[[], int]]:
    """A step of kfront's model on the mesh, and the bytes that this process holds."""
    import kfront
    from kfront import distribution, layers

    if job["mesh"] != [1, 1]:
        mesh = distribution.DeviceMesh(tuple(job["mesh"]), ["batch", "model"])
        split = "model" if job["mesh"][1] > 1 else None
        layouts = distribution.get_layout_map(mesh, split, "batch", smallest=job["smallest"])
        distribution.set_distribution(distribution.ModelParallel(layout_map=layouts, batch_dim_name="batch"))
    width = job["width"]
    tokens = kfront.Input((TIME,), dtype="int32")
    x = layers.Embedding(WORDS, width)(tokens)
    for _ in range(BLOCKS):
        h = layers.LayerNormalization()(x)
        x = x + layers.MultiHeadAttention(HEADS, width // HEADS)(h, h)
        h = layers.Dense(4 * width, "gelu")(layers.LayerNormalization()(x))
        x = x + layers.Dense(width)(h)
    x = layers.GlobalAveragePooling1D()(layers.LayerNormalization()(x))
    model = kfront.Model(tokens, layers.Dense(WORDS)(x))
    loss = kfront.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(kfront.optimizers.Adam(2e-3, global_clipnorm=1.0), loss, metrics=["accuracy"])
    x, y = _batch()

    def held() -> int:
        parts = kfront.backends.current().distributor.shards
        trained = [*model.trainable_variables, *model.optimizer.variables]
        return sum(part.array.nbytes for v in trained for part in parts(v))

    return lambda: [float(v) for v in model.train_on_batch(x, y)], held


def _by_hand(job: Job) -> tuple[Step, Callable[[], int]]:
    x, y = _batch()
    sizes = (WORDS, job["width"], HEADS, BLOCKS)
    if job["engine"] == "torch":
        import torch

        from benchmarks import native_mesh_torch

        step, held = native_mesh_torch.make(*sizes, job["whole"])
        given = torch.from_numpy(x), torch.from_numpy(y).long()
        return lambda: step(*given), held
    import jax

    from benchmarks import native_mesh_jax

    mesh = jax.sharding.Mesh(np.array(jax.devices()), ("batch",))
    step, held = native_mesh_jax.make(*sizes, "batch", mesh)
    return lambda: step(x, y), held


def _batch() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.integers(0, WORDS, (BATCH, TIME)).astype("int32"), rng.integers(0, WORDS, BATCH).astype("int32")


def _counted(job: Job, step: Step) -> dict[str, int]:
    """The collectives of a step: those that torch runs, or those in the largest program that XLA compiles for it."""
    if job["engine"] == "torch":
        from torch.distributed.tensor.debug import CommDebugMode

        step()  # blocks are known after the first step
        with CommDebugMode() as mode:
            step()
        found = mode.get_comm_counts()
        names = {str(k).split(".")[-1]: n for k, n in found.items()}
        return {
            kind: sum(n for name, n in names.items() if part in name.replace("_", ""))
            for kind, part in (("gather", "allgather"), ("scatter", "reducescatter"), ("reduce", "allreduce"))
        }
    folder = pathlib.Path(job["dump"])
    before = set(folder.glob("*after_optimizations.txt"))
    step()
    made = set(folder.glob("*after_optimizations.txt")) - before
    text = max((p.read_text() for p in made), key=len)
    return {
        kind: text.count(f" {op}(") + text.count(f" {op}-start(")
        for kind, op in (("gather", "all-gather"), ("scatter", "reduce-scatter"), ("reduce", "all-reduce"))
    }


def _worker(job: Job) -> None:
    import kfront

    if job["count"] > 1:
        kfront.distribution.initialize(job["address"], job["count"], job["id"])
    kfront.utils.set_random_seed(0)
    programs = {"kfront": _kfront, **({"by hand": _by_hand} if job["native"] else {})}
    made = {name: make(job) for name, make in programs.items()}
    collectives = {name: _counted(job, step) if job["count"] > 1 else {} for name, (step, _) in made.items()}
    wall: dict[str, list[float]] = {name: [] for name in made}
    cpu: dict[str, list[float]] = {name: [] for name in made}
    for i in range(job["rounds"] + 2):
        for name, (step, _) in made.items():
            begun, used = time.perf_counter(), time.process_time()
            step()
            if i > 1:  # two to warm up
                wall[name].append(time.perf_counter() - begun)
                cpu[name].append(time.process_time() - used)
    told = {
        name: {
            "wall": float(np.median(wall[name])),
            "cpu": float(np.median(cpu[name])),
            "bytes": held(),
            "collectives": collectives[name],
        }
        for name, (_, held) in made.items()
    }
    print(json.dumps(told), flush=True)


# ---- all processes ---------------------------------------------------------------------------------------------------


def run(engine: str, mesh: tuple[int, int], native: bool, **more: Any) -> dict[str, Any]:
    """For each program: the median time of a step, the processor time of all processes, bytes, collectives.

    Args:
        engine: "torch" or "jax".
        mesh: devices along the axes "batch" and "model", each in a process of its own.
        native: whether to run the program that is written by hand, too.
        **more: of the job: width, rounds, whole, smallest.
    """
    count = mesh[0] * mesh[1]
    with socket.socket() as free, tempfile.TemporaryDirectory() as dump:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
        free.close()
        flags = "--xla_cpu_multi_thread_eigen=false --xla_dump_hlo_as_text --xla_dump_to="
        job = {"engine": engine, "mesh": mesh, "count": count, "address": address, "native": native, **more}
        started = []
        for i in range(count):
            os.mkdir(f"{dump}/{i}")
            env = {**os.environ, **_THREADS, "KERAS_BACKEND": engine, "XLA_FLAGS": f"{flags}{dump}/{i}"}
            command = [sys.executable, "-m", "benchmarks.distributed", "--job"]
            command.append(json.dumps({**job, "id": i, "dump": f"{dump}/{i}"}))
            started.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env))
        ended = [p.communicate()[0] for p in started]
    if any(p.returncode for p in started):
        raise RuntimeError(f"a process of {engine} on {mesh} failed")
    found = [json.loads(out.strip().splitlines()[-1]) for out in ended]
    return {name: {**found[0][name], "cpu": sum(f[name]["cpu"] for f in found)} for name in found[0]}


def compare(engine: str, **more: Any) -> bool:
    """Print kfront beside the program by hand, in two processes; whether the bound and the same collectives hold."""
    found = run(engine, (2, 1), True, **more)
    print(f"{engine}, 2 processes, width {more['width']}: a step of each in turn, medians of {more['rounds']}")
    for name, row in found.items():
        sums = ", ".join(f"{n} {kind}" for kind, n in row["collectives"].items())
        times = f"{1e3 * row['wall']:8.1f} ms  {1e3 * row['cpu']:8.1f} ms of processors"
        print(f"  {name:8} {times}  {row['bytes']} bytes  {sums}")
    mine, hand = found["kfront"], found["by hand"]
    ratios = {key: mine[key] / hand[key] for key in ("wall", "cpu", "bytes")}
    print("  ratios:", ", ".join(f"{key} {r:.2f}" for key, r in ratios.items()), f"(bound {LIMIT:.2f})", flush=True)
    alike = mine["collectives"] == hand["collectives"]
    return alike and ratios["cpu"] <= LIMIT and ratios["bytes"] <= LIMIT


def _alone(mesh: tuple[int, int], rounds: int, **more: Any) -> dict[str, Any]:
    """What the first process of a mesh does for a step, the others being made up; time is that of all together."""
    import torch.distributed as dist
    from torch.testing._internal.distributed.fake_pg import FakeStore

    import kfront

    count = mesh[0] * mesh[1]
    if count > 1:
        dist.init_process_group("fake", store=FakeStore(), rank=0, world_size=count)
    job = {"engine": "torch", "mesh": list(mesh), "count": count, **more}
    step, held = _kfront(job)
    collectives = _counted(job, step) if count > 1 else {}
    times = []
    for _ in range(rounds + 2):
        used = time.process_time()
        step()
        times.append(time.process_time() - used)
    found = {"cpu": count * float(np.median(times[2:])), "bytes": held(), "collectives": collectives}
    kfront.distribution.set_distribution(None)
    if count > 1:
        dist.destroy_process_group()
    return found


def plot(path: str, **more: Any) -> None:
    """Draw what a step costs on each mesh."""
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot

    found = {mesh: _alone(mesh, **more) for mesh in MESHES}
    names = [f"{a}×{b}" for a, b in MESHES]
    figure, axes = pyplot.subplots(1, 2, figsize=(8, 2.8))
    for axis, key, title, unit in (
        (axes[0], "cpu", "processor time of a step, all processes", 1e-3),  # exchanges left out
        (axes[1], "bytes", "weights and Adam's slots of a process", 1e6),
    ):
        values = [found[mesh][key] / unit for mesh in MESHES]
        bars = axis.bar(names, values, color="#4477aa")
        axis.bar_label(bars, [f"{v:.0f}" if key == "cpu" else f"{v:.1f}" for v in values], fontsize=8)
        axis.set_title(f"{title} [{'ms' if key == 'cpu' else 'MB'}]", fontsize=9)
        axis.set_xlabel("mesh: batch × model", fontsize=8)
        axis.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    for mesh, row in found.items():
        print(mesh, row, flush=True)


def main() -> int:
    """Compare, or plot; the exit status is 1 where a bound does not hold."""
    parser = argparse.ArgumentParser("benchmarks.distributed", description=__doc__)
    parser.add_argument("--engine", default="torch,jax", help="torch, jax or both")
    parser.add_argument("--width", type=int, default=128, help="of the model")
    parser.add_argument("--rounds", type=int, default=12, help="steps of each program")
    parser.add_argument("--blocks", action="store_true", help="by hand, shard each block by itself")
    parser.add_argument("--smallest", type=int, default=1, help="elements of a weight that is sharded; FSDP2 takes all")
    parser.add_argument("--plot", default="", help="where to write a plot of meshes of 1, 2 and 4")
    parser.add_argument("--job", default="", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.job:
        _worker(json.loads(given.job))
        return 0
    more = {"width": given.width, "rounds": given.rounds, "whole": not given.blocks, "smallest": given.smallest}
    if given.plot:
        os.environ["KERAS_BACKEND"] = "torch"
        plot(given.plot, **more)
        return 0
    return int(not all([compare(engine, **more) for engine in given.engine.split(",")]))


if __name__ == "__main__":
    sys.exit(main())
