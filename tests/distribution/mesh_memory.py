"""Peak memory of a process for a model that is sharded over several."""

from __future__ import annotations

import json

import numpy as np
from tests.distribution import processes

import kfront
from kfront import distribution as D
from kfront import layers

WIDTH, DEPTH, BATCH = 1024, 16, 8


def peak():
    """The largest resident size since `reset`, in bytes."""
    with open("/proc/self/status", encoding="ascii") as file:
        return next(int(row.split()[1]) * 1024 for row in file if row.startswith("VmHWM"))


def reset():
    """Begin to measure; what is resident now."""
    with open("/proc/self/clear_refs", "w", encoding="ascii") as file:
        file.write("5")
    return peak()


def make(depth, width):
    model = kfront.Sequential([kfront.Input((width,)), *(layers.Dense(width, "tanh") for _ in range(depth))])
    model.compile(kfront.optimizers.Adam(1e-4), "mse")
    model.optimizer.build(model.trainable_variables)
    return model


def main(count, folder):
    x = np.ones((BATCH, WIDTH), "float32")
    layouts = D.get_layout_map(D.DeviceMesh((count, 1), ["batch", "model"]), None, "batch")
    with D.ModelParallel(layout_map=layouts).scope():
        small = make(2, 256)  # what a first step and a first checkpoint load is no part of the model
        small.train_on_batch(x[:, :256], x[:, :256])
        kfront.saving.save_checkpoint(small, f"{folder}/small")
        kfront.saving.load_checkpoint(small, f"{folder}/small")
        before = reset()
        model = make(DEPTH, WIDTH)
        found = {"weights": 4 * model.count_params()}
        found["init"] = peak() - before
        for name, act in (
            ("step", lambda: [model.train_on_batch(x, x) for _ in range(2)]),
            ("save", lambda: kfront.saving.save_checkpoint(model, f"{folder}/large")),
            ("load", lambda: kfront.saving.load_checkpoint(model, f"{folder}/large")),
        ):
            reset()
            act()
            found[name] = peak() - before
    return found


def work(job):
    """What each process does."""
    D.initialize(job["address"], job["count"], job["id"])
    print(json.dumps(main(job["count"], job["folder"])))


def memory(count):
    """Peaks of memory for a sharded model, beside what they may be: (phase, MiB, bound)."""
    with processes.temporary() as folder, processes.Run(work, "torch", count, start="spawn", folder=folder) as run:
        found, mib = run.results(), 1 << 20
    for phase in ("init", "step", "save", "load"):
        held = found[0]["weights"] * (3 if phase == "init" else 4)  # Adam's slots, and gradients
        yield phase, max(f[phase] for f in found) / mib, 1.3 * held / count / mib + 16
