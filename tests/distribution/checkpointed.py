"""A training run that is killed and continued on other meshes and engines.

``python checkpointed.py`` does a short one: two processes of torch, then eight devices of JAX.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.distribution import processes

EPOCHS, SAMPLES, SIZE = 3, 44, 8  # 6 batches, the last one of 4 samples
STEPS = 4  # after which all but the last run of a chain is killed
SHORT = ("arrays", False, [("torch", 2, 1, [2]), ("jax", 1, 8, [2, 4])])


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

    kfront.config.set_process_timeout(20)  # a busy machine may keep one of them waiting; all must end within 30
    kfront.config.set_portable_random(bool(job.get("dropout")))
    if job["count"] > 1:
        D.initialize(job["address"], job["count"], job["id"])
        print("together", flush=True)
    D.set_distribution(distribution_of(job.get("mesh")))
    model = model_of(job.get("dropout"))

    class Tell(callbacks.Callback):
        """Prints when a batch is done, and kills the process where that is asked for."""

        _kf_last = True

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


class Run(processes.Run):
    """The processes of a run of `train`."""

    def __init__(self, engine, count=1, devices=1, **job):
        super().__init__(train, engine, count, devices, **job)

    def steps(self, i=0):
        """The (epoch, batch) that a process has told of."""
        lines = self.text(i).splitlines()
        found = [json.loads(line) for line in lines if line.startswith('{"epoch"') and line.endswith("}")]
        return [(f["epoch"], f["batch"]) for f in found]


def same(got, wanted, tolerance=2e-5):
    import numpy as np

    for name, values in got["history"].items():
        late = wanted["history"][name][-len(values) :]
        np.testing.assert_allclose(values, late, rtol=tolerance, atol=tolerance, err_msg=name)
    for a, b in zip(got["weights"], wanted["weights"], strict=True):
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


def newest(folder):
    return sorted(p.name for p in Path(folder).iterdir() if not p.name.startswith("."))


def go_on(data, dropout, stages):
    """Runs that are killed after some steps and continued: the losses and weights of one that nobody killed.

    Args:
        data, dropout: what is trained on, and whether there is dropout that is the same on every engine.
        stages: (engine, processes, devices of each, mesh) of each run.
    """
    how = {"data": data, "dropout": dropout}
    with processes.temporary() as folder, Run("torch", **how) as alone:
        (wanted,) = alone.results()
        for engine, count, devices, mesh in stages[:-1]:
            with Run(engine, count, devices, **how, mesh=mesh, folder=folder, kill=STEPS) as run:
                assert run.wait() == [-signal.SIGKILL] * count, run.text()
                _tell(run, folder, data, engine, count, devices, mesh)
        engine, count, devices, mesh = stages[-1]
        with Run(engine, count, devices, **how, mesh=mesh, folder=folder) as run:
            for result in run.results():
                same(result, wanted)
            assert run.steps()[0] > (0, 1) and run.steps()[-1] == (2, 5), run.text()
            _tell(run, folder, data, engine, count, devices, mesh)


def _tell(run, folder, data, engine, count, devices, mesh):
    where = f"{data}, {engine} {count} x {devices}, {mesh}"
    print(f"  {where}: steps {run.steps()[0]} to {run.steps()[-1]}, {newest(folder)[-1]}", flush=True)


if __name__ == "__main__":
    processes.warm("torch", "jax")
    go_on(*SHORT)
