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
import math
import random
import shutil
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.distribution import processes
from tests.distribution.checkpointed import Run, same

BATCHES = 6  # of an epoch
DURING, LATEST = 0.8, 1.0  # part of the kills that come after the first step, and within how many seconds
ALONE = 0.2  # of the kills, those of one process among several
MOST = 30.0  # seconds that others may take to end
MESHES = {"torch": [None, [2], [2], [3], [1, 2]], "jax": [None, [8], [2, 4]]}


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


class Killed(Run):
    """A run, killed at a random moment."""

    def step(self, i=0):
        """How many steps have been done since the very beginning, as far as a process has told."""
        told = self.steps(i)
        return told[-1][0] * BATCHES + told[-1][1] + 1 if told else 0

    def at_random(self, rng):
        """Wait for a random moment and kill; what was killed, or None if the run was completed before."""
        during, count = rng.random() < DURING, len(self.processes)
        while during and self.alive() and not self.step():
            time.sleep(0.005)
        time.sleep(rng.uniform(0, LATEST))
        if not self.alive():
            return None
        # before processes are together it is for those who start them to notice that one is missing
        alone = rng.random() < ALONE and all("together" in self.text(i) for i in range(count))
        which = [rng.randrange(count)] if alone else list(range(count))
        self.kill(which)
        self.wait(MOST)
        return ("one of " if alone else "all ") + str(count)


def attempt(rng, engine, checkpoints, before, wanted):
    """A run that is killed, or completed; what was killed, the step that is saved, and whether a save was under way."""
    mesh, save_freq = rng.choice(MESHES[engine]), rng.choice([1, 1, 2, 4])
    background = rng.random() < 0.8
    how = {"mesh": mesh, "save_freq": save_freq, "background": background, "folder": str(checkpoints), "pause": 0.03}
    count, devices = (math.prod(mesh or [1]), 1) if engine == "torch" else (1, 8)
    with Killed(engine, count, devices, **how) as run:
        killed = run.at_random(rng)
        saved, saving = whole(checkpoints), any(checkpoints.glob(".*"))
        assert saved >= before, f"a checkpoint was lost: step {before}, then {saved}\n{run.text()}"
        told = max(run.step(i) for i in range(count))
        # one save may be under way, with the steps since
        assert told - saved < save_freq * (1 + background), (
            f"step {told} was done, step {saved} is saved, every {save_freq}\n{run.text()}"
        )
        if killed is None:
            same(run.results()[0], wanted)
    return killed, saved, saving


def main(engine, kills, seed=0):
    processes.warm(engine)
    rng, counts, saving, saved = random.Random(seed), collections.Counter(), 0, 0
    with processes.temporary() as folder:
        with Run(engine) as alone:
            (wanted,) = alone.results()
        while sum(counts.values()) - counts["completed"] < kills:
            checkpoints = Path(folder, f"run-{counts['completed']}")
            checkpoints.mkdir(exist_ok=True)
            killed, saved, open_save = attempt(rng, engine, checkpoints, saved, wanted)
            counts[killed or "completed"] += 1
            if killed is None:
                saved = 0
                shutil.rmtree(checkpoints)
            else:
                saving += open_save
    print(json.dumps({"engine": engine, **counts, "of these while saving": saving}))


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
