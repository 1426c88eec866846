"""Kills training at random moments, many times, and goes on from what it has saved: is anything lost, stuck or broken?

``python tests/distribution/kills.py ENGINE KILLS [SEED]``

A run is killed with SIGKILL while it starts, trains or saves: all its processes, or one, and then the others must end
by themselves. After each kill every checkpoint that is there must be whole, and the newest no older than one save
before the last step that a process told of. The next run goes on from it, on other processes or another mesh; one that
is completed must have the losses and weights of a run that nobody killed.
"""

from __future__ import annotations

import collections
import json
import multiprocessing
import os
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path

BATCHES = 6  # of an epoch
FRACTION_ALONE = 0.2  # of the kills, those of one process among several
MOST = 30.0  # seconds that others may take to end


def child(job, out):
    """A process of a run, forked from one that has imported everything."""
    with open(out, "w", buffering=1) as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
        from tests.distribution.checkpointed import train

        train(job)


class ForkedRun:
    """The processes of a run; as `checkpointed.Run`, started in a tenth of the time."""

    def __init__(self, out, count, **job):
        from tests.distribution.checkpointed import free_address

        self.out = Path(out)
        self.out.mkdir(parents=True, exist_ok=True)
        fork, address = multiprocessing.get_context("fork"), free_address()
        self.processes = [
            fork.Process(target=child, args=({**job, "address": address, "count": count, "id": i}, self.out / str(i)))
            for i in range(count)
        ]
        for p in self.processes:
            p.start()

    def alive(self):
        return any(p.is_alive() for p in self.processes)

    def lines(self, i=0):
        path = self.out / str(i)
        return path.read_text().splitlines() if path.exists() else []

    def step(self, i=0):
        """How many steps have been done since the very beginning, as far as a process has told."""
        told = [json.loads(line) for line in self.lines(i) if line.startswith('{"epoch"') and line.endswith("}")]
        return told[-1]["epoch"] * BATCHES + told[-1]["batch"] + 1 if told else 0

    def kill(self, which):
        for i in which:
            self.processes[i].kill()
        end = time.monotonic() + MOST
        for i, p in enumerate(self.processes):
            p.join(max(0.0, end - time.monotonic()))
            if p.exitcode is None:
                p.kill()
                p.join()
                raise AssertionError(f"process {i} did not end within {MOST} seconds:\n" + "\n".join(self.lines(i)))


class SpawnedRun:
    """The same for an engine that cannot be forked."""

    def __init__(self, out, count, **job):
        from tests.distribution.checkpointed import Run

        self.run = Run("jax", count, 8, **job)
        self.processes = self.run.processes

    def alive(self):
        return any(p.poll() is None for p in self.processes)

    def lines(self, i=0):
        return self.run.text(i).splitlines()

    step = ForkedRun.step

    def kill(self, which):
        self.run.kill()


def whole(checkpoints):
    """The step of the newest checkpoint; all of them must be whole."""
    from kfront.saving.checkpoints import Checkpoint

    newest = 0
    for path in sorted(Path(checkpoints).glob("checkpoint-*")):
        with Checkpoint(path) as found:
            found.check()
            for name, stored in found.tensors.items():
                found.read(name, (0,) * len(stored.shape), stored.shape)
            state = found.state(0)
            newest = state["epoch"] * BATCHES + state["batch"]
    return newest


def one_kill(run, rng, save_freq, freshness):
    """Wait for a random moment and kill; what was killed, or None if the run was completed before."""
    during = rng.random() < 0.7
    end = time.monotonic() + 120
    while during and run.alive() and not run.step() and time.monotonic() < end:
        time.sleep(0.005)
    time.sleep(rng.uniform(0, freshness))
    if not run.alive():
        return None
    count = len(run.processes)
    # before processes are together it is for those who start them to notice that one is missing
    alone = rng.random() < FRACTION_ALONE and all("together" in run.lines(i) for i in range(count))
    which = [rng.randrange(count)] if alone else list(range(count))
    run.kill(which)
    return ("one of " if alone else "all ") + str(count)


def main(engine, kills, seed=0):
    os.environ["KERAS_BACKEND"] = engine
    from tests.distribution.checkpointed import model_of, same

    import kfront
    import kfront.saving.checkpoints

    rng, counts, folder = random.Random(seed), collections.Counter(), Path(tempfile.mkdtemp(prefix="kills-"))
    meshes = [None, [2], [2], [3], [1, 2]] if engine == "torch" else [None, [8], [2, 4]]
    start = ForkedRun if engine == "torch" else SpawnedRun
    if engine == "torch":
        model_of(False).predict(kfront.ops.zeros((1, 6)), verbose=0)  # imports all; a gradient would forbid to fork
    count_of = lambda mesh: 1 if mesh is None or engine == "jax" else mesh[0] * (mesh[1:] or [1])[0]  # noqa: E731
    try:
        alone = start(folder / "alone", 1)
        while alone.alive():
            time.sleep(0.05)
        wanted = json.loads(alone.lines()[-1])
        saved = number = saving = 0
        while sum(counts.values()) - counts["completed"] < kills:
            checkpoints, save_freq = folder / f"run-{counts['completed']}", rng.choice([1, 1, 2, 4])
            mesh, number = rng.choice(meshes), number + 1
            more = {"mesh": mesh, "pause": 0.03, "save_freq": save_freq, "background": rng.random() < 0.8}
            run = start(folder / f"out-{number}", count_of(mesh), folder=str(checkpoints), **more)
            killed = one_kill(run, rng, save_freq, 1.2)
            left = list(checkpoints.glob(".*")) if checkpoints.exists() else []
            before, saved = saved, whole(checkpoints) if checkpoints.exists() else 0
            told = max(run.step(i) for i in range(len(run.processes)))
            text = "\n".join(run.lines())
            assert saved >= before, f"a checkpoint was lost: step {before}, then {saved}\n{text}"
            # one save may be under way, with the steps since
            assert told - saved < save_freq * (2 if more["background"] else 1), (
                f"step {told} was done, step {saved} is saved, every {save_freq}\n{text}"
            )
            if killed is None:
                result = json.loads(text.splitlines()[-1])
                same(result, wanted)
                counts["completed"] += 1
                shutil.rmtree(checkpoints)
                saved = 0
            else:
                counts[killed] += 1
                saving += bool(left)
            shutil.rmtree(folder / f"out-{number}", ignore_errors=True)
        print(json.dumps({"engine": engine, **counts, "of these while saving": saving}))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))
    main(sys.argv[1], int(sys.argv[2]), *map(int, sys.argv[3:]))
