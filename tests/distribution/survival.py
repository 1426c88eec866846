"""The long forms of what happens to several processes: `nox -s distributed` runs it.

``python tests/distribution/survival.py [numbers] [inductor] [meshes] [failures] [restarts] [data] [workers] [kills]``

The numbers and the memory of `same_numbers.py`; steps that Inductor compiles; runs that are killed and continued on
other meshes and engines; every way to fail, on both engines; restarts by torchrun; samples counted on 1 to 4 processes;
two workers of TensorFlow's strategy; 200 kills at random moments.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.distribution import counted, same_numbers
from tests.distribution.checkpointed import Run, free_address, newest, same
from tests.distribution.test_counted import counts
from tests.distribution.test_failures import WAYS, ends

# (data, dropout that is the same on every engine, [(engine, processes, devices of each, mesh)])
CHAINS = (
    ("arrays", False, [("torch", 4, 1, [4]), ("torch", 2, 1, [2]), ("torch", 1, 1, None), ("jax", 1, 8, [8])]),
    ("arrays", True, [("torch", 4, 1, [2, 2]), ("torch", 2, 1, [1, 2]), ("jax", 1, 8, [2, 4]), ("torch", 1, 1, None)]),
    ("iterable", False, [("jax", 1, 8, [2, 4]), ("jax", 2, 2, [4]), ("torch", 2, 1, [2, 1])]),
)
STEPS = 4  # after which all but the last run of a chain is killed


def numbers():
    """Models on meshes: the numbers of one device, and memory of each process."""
    assert not same_numbers.main()


def inductor():
    """Blocks under a mesh of torch: Inductor compiles them whole; falling back to eager is an error."""
    subprocess.run([sys.executable, str(Path(__file__).with_name("compiled.py"))], check=True)


def meshes():
    """Runs that are killed and continued: the losses and weights of one that nobody killed."""
    for data, dropout, stages in CHAINS:
        how = {"data": data, "dropout": dropout}
        with tempfile.TemporaryDirectory() as folder, Run("torch", **how) as alone:
            alone.wait()
            wanted = alone.result()
            for number, (engine, count, devices, mesh) in enumerate(stages):
                last = number == len(stages) - 1
                more = {"mesh": mesh, "folder": folder, **({} if last else {"kill": STEPS})}
                with Run(engine, count, devices, **how, **more) as run:
                    codes = run.wait(300)
                    assert codes == [0 if last else -9] * count, run.text()
                    print(f"  {data}, {engine} {count} x {devices}, {mesh}: steps {run.steps()[:1]} to", end=" ")
                    print(f"{run.steps()[-1]}, {newest(folder)[-1]}", flush=True)
                    for i in range(count) if last else ():
                        same(run.result(i), wanted)


def failures():
    """Every way to fail is named within 30 seconds."""
    for engine, count in (("torch", 2), ("torch", 3), ("jax", 2)):
        for way in WAYS if count == 2 else ("killed",):
            ends(engine, way, count)
            print(f"  {engine} {count}: {way}", flush=True)


def data():
    """Each sample once; where all processes have the same batches, the result of one."""
    alone = counts("torch", 1, counted.SHARED)
    for engine, count, split in (
        ("torch", 2, False),
        ("torch", 2, True),
        ("torch", 3, False),
        ("torch", 4, False),
        ("jax", 2, False),
    ):
        moved = counts(engine, count, (*counted.SHARED, *counted.APART), split)
        assert all(abs(moved[kind] - alone[kind]) < 1e-6 for kind in counted.SHARED), (engine, count, moved, alone)
        print(f"  {engine} {count}: {len(moved)} kinds of data", flush=True)


def restarts():
    """A process is killed under torchrun, which starts all again: they end with the losses of one process."""
    script = str(Path(__file__).parents[2] / "examples" / "restarts.py")
    with tempfile.TemporaryDirectory() as folder:
        plain = [sys.executable, script, f"{folder}/alone"]
        run = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", "--max-restarts=2"]
        wanted = _losses(plain)
        for address in ("--standalone", f"--master-port={free_address().partition(':')[2]}"):
            found = _losses([*run, address, script, f"{folder}/{address}", "--kill", "20"])
            assert found and found == wanted[-len(found) :], (found, wanted)
            print(f"  {address}: epochs {len(wanted) - len(found) + 1} to {len(wanted)} after the restart", flush=True)


def workers():
    """TensorFlow's strategy for several processes: two of them give the numbers of one device."""
    script = str(Path(__file__).parent / "on_two_workers.py")
    (alone,) = same_numbers.spawn(script, [[]], 240)
    addresses = ",".join(free_address() for _ in range(2))
    for found in same_numbers.spawn(script, [[addresses, str(i)] for i in range(2)], 240):
        far = max(abs(a - b) for a, b in zip(found, alone, strict=True))
        print(f"  {far:.1e} from one device", flush=True)
        assert far < 2e-5


def _losses(command):
    done = subprocess.run(command, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    return [line.partition(", ")[2] for line in done.stdout.splitlines() if line.startswith("attempt")]


def kills():
    """200 kills at random moments, and some of JAX, which starts more slowly."""
    script = str(Path(__file__).parent / "kills.py")
    for engine, count in (("torch", "200"), ("jax", "8")):
        subprocess.run([sys.executable, script, engine, count], check=True)


def _processor_time():
    """Seconds that processes have computed which have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main(names):
    """Run parts, all if none is named, and print which have passed; how many have not."""
    parts = {f.__name__: f for f in (numbers, inductor, meshes, failures, restarts, data, workers, kills)}
    summary = []
    for name in names or parts:
        began, used = time.monotonic(), _processor_time()
        print(f"{name}: {parts[name].__doc__}", flush=True)
        try:
            parts[name]()
            result = "passed"
        except Exception:  # the other parts are run all the same
            traceback.print_exc()
            result = "failed"
        took = f"{time.monotonic() - began:.0f} s, {_processor_time() - used:.0f} s of processors"
        summary.append(f"{name}: {result} in {took}")
        print(summary[-1], flush=True)
    print("", *summary, sep="\n")
    return sum(": failed" in line for line in summary)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
