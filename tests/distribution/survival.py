"""What happens to several processes, the long forms: `nox -s distributed` runs it.

``python tests/distribution/survival.py [PART ..]``

Parts run side by side, each in processes of its own: many of them wait. Each prints its time when it is done.
"""

from __future__ import annotations

import os
import re
import resource
import subprocess
import sys
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE, ROOT = Path(__file__).parent, Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from tests.distribution import processes

AT_ONCE = 3  # parts, on two cores
CHAINS = (  # data, dropout that is the same on every engine, [(engine, processes, devices of each, mesh)]
    ("arrays", False, [("torch", 4, 1, [4]), ("torch", 2, 1, [2]), ("torch", 1, 1, None), ("jax", 1, 8, [8])]),
    ("arrays", True, [("torch", 4, 1, [2, 2]), ("torch", 2, 1, [1, 2]), ("jax", 1, 8, [2, 4]), ("torch", 1, 1, None)]),
    ("iterable", False, [("jax", 1, 8, [2, 4]), ("jax", 2, 2, [4]), ("torch", 2, 1, [2, 1])]),
)


def kills():
    """200 kills of torch at random moments, in four rows side by side, and some of JAX, which starts more slowly."""
    rows = [("torch", 50, seed) for seed in range(4)] + [("jax", 8, 0)]
    script = str(HERE / "kills.py")
    started = [subprocess.Popen([sys.executable, script, *map(str, row)]) for row in rows]
    codes = [p.wait() for p in started]
    assert not any(codes), [row for row, code in zip(rows, codes, strict=True) if code]


def hosts():
    """Models on meshes of JAX in two processes: the numbers of one device."""
    same_numbers().long("jax", [([[2, 1], [2, 2], [4, 1]], 2)])


def devices():
    """The same in one process."""
    same_numbers().long("jax", [([[2, 1], [2, 2], [4, 1]], 1)])


def numbers():
    """The same on torch, in two and four processes, and compiled, where a graph break is an error."""
    same_numbers().long("torch", [([[2, 1], [1, 2]], 2), ([[2, 2], [4, 1]], 4)])
    how = {"steps": 8, "models": ["mlp", "transformer"]}
    one = same_numbers().run("torch", [1, 1], 1, **how)
    compiled = same_numbers().run_all("torch", [[2, 1], [1, 2]], 2, **how, jit=True, compiler="aot_eager")
    for (dtype, mesh), got in compiled.items():
        same_numbers().told(f"compiled, torch {mesh[0]}x{mesh[1]}", dtype, one, got)


def cases():
    """Sample weights, clipping, accumulation, averages, mixed precision on a mesh of JAX; torch's are in the tests."""
    processes.warm("jax")
    from tests.distribution import cases

    with processes.Run(cases.work, "jax", 1, 4, mesh=[2, 2], cases=["all together", "sample_weight"]) as run:
        print("  " + ", ".join(run.results()[0]), flush=True)


def same_numbers():
    """The module, once engines may be imported."""
    processes.warm("torch", "jax")
    from tests.distribution import same_numbers

    return same_numbers


def failures():
    """Every way to fail is named within 30 seconds."""
    processes.warm("torch", "jax")
    from tests.distribution import failing

    for engine, count, ways in (("torch", 2, list(failing.WAYS)), ("torch", 3, ["killed"]), ("jax", 2, failing.WAYS)):
        failing.end(engine, count, ways)


def data():
    """Each sample once; where all processes have the same batches, the result of one."""
    processes.warm("torch", "jax")
    import grain  # noqa: F401  (once for all processes)
    import tensorflow  # noqa: F401
    from tests.distribution import counted

    alone = counted.counts("torch", 1, counted.SHARED)
    for engine, count, split in (
        ("torch", 2, False),
        ("torch", 2, True),
        ("torch", 3, False),
        ("torch", 4, False),
        ("jax", 2, False),
    ):
        moved = counted.counts(engine, count, (*counted.SHARED, *counted.APART), split)
        assert all(abs(moved[kind] - alone[kind]) < 1e-6 for kind in counted.SHARED), (engine, count, moved, alone)
        print(f"  {engine} {count}: {len(moved)} kinds of data", flush=True)


def meshes():
    """Runs that are killed and continued: the losses and weights of one that nobody killed."""
    from tests.distribution import checkpointed

    processes.warm("torch", "jax")
    for chain in CHAINS:
        checkpointed.go_on(*chain)


def restarts():
    """A process is killed under torchrun, which starts all again: they end with the losses of one process."""
    script = str(ROOT / "examples" / "restarts.py")
    with processes.temporary() as folder:
        plain = [sys.executable, script, f"{folder}/alone"]
        run = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", "--max-restarts=2"]
        wanted = _losses(plain)
        for address in ("--standalone", f"--master-port={processes.free_address().partition(':')[2]}"):
            found = _losses([*run, address, script, f"{folder}/{address}", "--kill", "20"])
            assert found and found == wanted[-len(found) :], (found, wanted)
            print(f"  {address}: epochs {len(wanted) - len(found) + 1} to {len(wanted)} after the restart", flush=True)


def _losses(command):
    done = subprocess.run(command, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    return [line.partition(", ")[2] for line in done.stdout.splitlines() if line.startswith("attempt")]


def examples():
    """One program prints the same on torch in 1 to 4 processes, and on JAX."""
    script = str(ROOT / "examples" / "many_devices.py")
    env = {**os.environ, "XLA_FLAGS": "--xla_force_host_platform_device_count=4"}
    wanted = None
    for engine, count, mesh in (("torch", 1, None), ("torch", 2, (2, 1)), ("torch", 4, (2, 2)), ("jax", 1, (2, 2))):
        start = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={count}"] if count > 1 else []
        axes = [] if mesh is None else ["--batch", str(mesh[0]), "--model", str(mesh[1])]
        command = [sys.executable, *start, script, engine, *axes]
        done = subprocess.run(command, capture_output=True, text=True, timeout=240, env=env)
        assert done.returncode == 0, done.stderr
        found = [float(x) for x in re.findall(r"loss (\S+),", done.stdout)]
        wanted = wanted or found
        assert found and all(abs(a - b) < 2e-5 for a, b in zip(found, wanted, strict=True)), (engine, mesh, found)
        print(f"  {engine}, {count} x {mesh}: losses {found}", flush=True)


def memory():
    """Memory of a process for a model that is sharded: its share and a constant."""
    from tests.distribution import mesh_memory

    for count in (2, 4):
        for phase, used, bound in mesh_memory.memory(count):
            print(f"  {count} processes, {phase}: {used:.0f} MiB of at most {bound:.0f}", flush=True)
            assert used <= bound


def inductor():
    """Blocks under a mesh of torch: Inductor compiles them whole; falling back to eager is an error."""
    subprocess.run([sys.executable, str(HERE / "compiled.py")], check=True)


def workers():
    """TensorFlow's strategy for several processes: two of them give the numbers of one device."""
    processes.warm("tensorflow")
    from tests.distribution import on_two_workers

    with processes.Run(on_two_workers.work, "tensorflow") as run:
        (alone,) = run.results()
    addresses = [processes.free_address() for _ in range(2)]
    with processes.Run(on_two_workers.work, "tensorflow", 2, workers=addresses) as run:
        for found in run.results():
            far = max(abs(a - b) for a, b in zip(found, alone, strict=True))
            print(f"  {far:.1e} from one device", flush=True)
            assert far < 2e-5


# those that take longest begin first
PARTS = (hosts, kills, devices, numbers, failures, cases, meshes, data, examples, restarts, inductor, memory, workers)


def here(name):
    """Run a part in this process, and print how it went and how to repeat it; whether it has passed."""
    (part,) = (f for f in PARTS if f.__name__ == name)
    began, passed = time.monotonic(), True
    print(f"{name}: {part.__doc__}", flush=True)
    try:
        part()
    except Exception:  # what it has used is printed all the same
        traceback.print_exc()
        passed = False
    used = sum(
        seconds
        for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
        for seconds in resource.getrusage(who)[:2]  # of the user, of the system
    )
    again = "" if passed else f"; again: nox -s distributed -- {name}"
    print(f"{name}: {'passed' if passed else 'FAILED'} in {time.monotonic() - began:.0f} s, ", end="")
    print(f"{used:.0f} s of processors{again}", flush=True)
    return passed


def apart(name):
    """Run a part in a process of its own, and print what it prints; its last line."""
    command = [sys.executable, __file__, name]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    print(done.stdout, flush=True)
    last = done.stdout.strip().rpartition("\n")[2]
    return last if last.startswith(f"{name}: ") else f"{name}: FAILED, ended with {done.returncode}"


def main(names):
    """Run parts, all if none is named; whether one has failed."""
    if len(names) == 1:
        return not here(*names)
    began = time.monotonic()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        summary = list(pool.map(apart, names or [f.__name__ for f in PARTS]))
    print(*summary, f"all in {time.monotonic() - began:.0f} s", sep="\n")
    return any(": passed in" not in line for line in summary)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
