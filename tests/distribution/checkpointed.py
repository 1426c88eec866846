"""A training run that is killed and continued on other meshes and engines; also the script that does one run.

``python checkpointed.py '{"engine": "torch", "folder": ..}'`` trains one process of a run and prints its losses and the
sums of its weights as JSON; `Run` starts all processes of one.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

EPOCHS, SAMPLES, SIZE = 3, 44, 8  # 6 batches, the last one of 4 samples


# ---- one process -----------------------------------------------------------------------------------------------------


def data_of(kind):
    """Arguments of `fit`."""
    import numpy as np

    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(SAMPLES, 6)).astype("float32"), rng.normal(size=(SAMPLES, 4)).astype("float32")
    if kind == "arrays":
        return {"x": x, "y": y, "batch_size": SIZE}

    class Once:
        def __iter__(self):
            order = np.random.permutation(SAMPLES)
            return ((x[order[i : i + SIZE]], y[order[i : i + SIZE]]) for i in range(0, SAMPLES, SIZE))

    return {"x": Once()}


def distribution_of(mesh):
    """A distribution, None for none; a mesh of two axes splits weights."""
    from kfront import distribution as D

    if mesh is None:
        return None
    if len(mesh) == 1:
        return D.DataParallel()
    layouts = D.LayoutMap(D.DeviceMesh(tuple(mesh), ["batch", "model"]))
    layouts[".*wide/kernel"] = ("batch", "model")
    layouts[".*wide/bias"] = ("model",)
    layouts[".*narrow/kernel"] = ("model", None)
    return D.ModelParallel(layout_map=layouts, batch_dim_name="batch")


def model_of(dropout):
    import kfront
    from kfront import layers

    kfront.utils.set_random_seed(5)
    drop = [layers.Dropout(0.3, seed=3)] if dropout else []
    model = kfront.Sequential(
        [
            kfront.Input((6,)),
            layers.Dense(16, "tanh", name="wide"),
            *drop,
            layers.LayerNormalization(),
            layers.Dense(4, name="narrow"),
        ]
    )
    optimizer = kfront.optimizers.Adam(0.01, use_ema=True, ema_momentum=0.9, global_clipnorm=1.0, epsilon=1e-5)
    model.compile(optimizer, "mse", metrics=["mae"])
    return model


def train(job):
    import kfront
    from kfront import callbacks
    from kfront import distribution as D

    kfront.config.set_portable_random(bool(job.get("dropout")))
    if job.get("count", 1) > 1:
        D.initialize(job["address"], job["count"], job["id"])
        print("together", flush=True)
    D.set_distribution(distribution_of(job.get("mesh")))
    model = model_of(job.get("dropout"))

    class Tell(callbacks.Callback):
        """Prints when a batch is done, and kills the process where that is asked for."""

        _last = True

        def __init__(self):
            super().__init__()
            self.done = 0

        def on_train_batch_end(self, batch, logs=None):
            self.done += 1
            time.sleep(job.get("pause", 0))
            if self.done == job.get("kill"):
                os.kill(os.getpid(), signal.SIGKILL)
            print(json.dumps({"epoch": self.epoch, "batch": batch}), flush=True)

        def on_epoch_begin(self, epoch, logs=None):
            self.epoch = epoch

    listening = [Tell()]
    if job.get("folder"):
        save = {"save_freq": job.get("save_freq", 1), "save_on_background": job.get("background", True)}
        listening.insert(0, callbacks.ShardedCheckpoint(job["folder"], **save))
    history = model.fit(**data_of(job.get("data", "arrays")), epochs=EPOCHS, verbose=0, callbacks=listening)
    weights = [w.tolist() for w in model.get_weights()]
    print(json.dumps({"history": history.history, "epochs": history.epoch, "weights": weights}), flush=True)


# ---- all processes ---------------------------------------------------------------------------------------------------


def free_address():
    with socket.socket() as s:
        s.bind(("localhost", 0))
        return f"localhost:{s.getsockname()[1]}"


class Run:
    """The processes of a run, which end with the block.

    Args:
        engine: "torch" or "jax".
        count: of processes.
        devices: of each process, on JAX.
        **job: what `train` looks at.
    """

    def __init__(self, engine, count=1, devices=1, **job):
        env = {**os.environ, "KERAS_BACKEND": engine, "JAX_PLATFORMS": "cpu"}
        env["XLA_FLAGS"] = f"--xla_force_host_platform_device_count={devices}"
        address = free_address()
        self.out = [tempfile.TemporaryFile("w+") for _ in range(count)]  # noqa: SIM115  (pipes would fill up)
        self.processes = [
            subprocess.Popen(
                [sys.executable, __file__, json.dumps({**job, "address": address, "count": count, "id": i})],
                stdout=self.out[i],
                stderr=subprocess.STDOUT,
                env=env,
            )
            for i in range(count)
        ]

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.kill()

    def kill(self, which=None):
        """SIGKILL one process, or all."""
        for p in self.processes if which is None else [self.processes[which]]:
            p.kill()
        for p in self.processes if which is None else [self.processes[which]]:
            p.wait()

    def wait(self, seconds=120):
        """Wait for all; their exit codes."""
        end = time.monotonic() + seconds
        return [p.wait(max(0.1, end - time.monotonic())) for p in self.processes]

    def text(self, i=0):
        self.out[i].seek(0)
        return self.out[i].read()

    def steps(self, i=0):
        """The (epoch, batch) that a process has told of."""
        found = [json.loads(line) for line in self.text(i).splitlines() if line.startswith('{"epoch"')]
        return [(f["epoch"], f["batch"]) for f in found]

    def result(self, i=0):
        assert self.processes[i].returncode == 0, self.text(i)
        return json.loads(self.text(i).strip().splitlines()[-1])


def same(got, wanted, tolerance=2e-5):
    import numpy as np

    for name, values in got["history"].items():
        late = wanted["history"][name][-len(values) :]
        np.testing.assert_allclose(values, late, rtol=tolerance, atol=tolerance, err_msg=name)
    for a, b in zip(got["weights"], wanted["weights"], strict=True):
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


def newest(folder):
    return sorted(p.name for p in Path(folder).iterdir() if not p.name.startswith("."))


if __name__ == "__main__":
    train(json.loads(sys.argv[1]))
