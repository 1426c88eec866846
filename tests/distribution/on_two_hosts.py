"""Checks of `kfront.distribution` on JAX in processes with two devices each: prints what fails, as JSON.

python on_two_hosts.py ADDRESS COUNT ID
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
import traceback
from pathlib import Path

os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=2"
os.environ["JAX_PLATFORMS"] = "cpu"
os.environ["KERAS_BACKEND"] = "jax"

import numpy as np

import kfront
from kfront import distribution as D
from kfront import layers

RNG = np.random.default_rng(0)
X = RNG.normal(size=(12, 6)).astype("float32")
Y = RNG.normal(size=(12, 4)).astype("float32")


def make():
    kfront.utils.set_random_seed(3)
    model = kfront.Sequential([kfront.Input((6,)), layers.Dense(8, "relu", name="dense_a"), layers.Dense(4)])
    model.compile("adam", "mse", metrics=["mae"])
    return model


def numbers(model, x=X, y=Y, size=8):
    history = model.fit(x, y, batch_size=size, epochs=2, verbose=0, shuffle=False).history
    return [*history.values(), model.predict(X, batch_size=8, verbose=0), *(v.numpy() for v in model.variables)]


def same(got, wanted):
    for a, b in zip(got, wanted, strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-5, atol=2e-5)


def check_devices(alone):
    assert len(D.list_devices()) == 2 * COUNT
    parallel = D.DataParallel()
    assert (parallel.num_processes, parallel.data_shard_id, parallel.num_model_replicas) == (COUNT, MINE, 2 * COUNT)


def check_data_parallel(alone):
    with D.DataParallel().scope():
        same(numbers(make()), alone)


def check_model_parallel(alone):
    layouts = D.LayoutMap(D.DeviceMesh((2, COUNT), ["batch", "model"]))
    layouts[".*dense_a/kernel"] = (None, "model")
    with D.ModelParallel(layout_map=layouts).scope(), tempfile.TemporaryDirectory() as folder:
        model = make()
        same(numbers(model), alone)
        model.save_weights(f"{folder}/own.weights.h5")
        again = make()
        again.load_weights(f"{folder}/own.weights.h5")
        same([v.numpy() for v in again.variables], [v.numpy() for v in model.variables])


def check_processes_share_the_writing_of_a_checkpoint(alone):
    folder = Path(tempfile.gettempdir(), f"two-hosts-{address.rpartition(':')[2]}")
    layouts = D.LayoutMap(D.DeviceMesh((2, COUNT), ["batch", "model"]))
    for parallel in D.DataParallel(), D.ModelParallel(layout_map=layouts):
        with parallel.scope():
            model = kfront.Sequential([kfront.Input((129,)), layers.Dense(256, use_bias=False)])
            kfront.saving.save_checkpoint(model, folder)
            wanted = model.get_weights()
            model.set_weights([w * 0 for w in wanted])
            kfront.saving.load_checkpoint(model, folder)
            same(model.get_weights(), wanted)
        sizes = [path.stat().st_size for path in folder.glob("part-*")]
        assert len(sizes) == COUNT and max(sizes) < 1.2 * min(sizes), sizes
    kfront.backends.current().distributor.everyones([0])  # all have read it
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    address, COUNT, MINE = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    D.initialize(address, COUNT, MINE)
    wanted = numbers(make())
    failed = {}
    for name, check in [(n, f) for n, f in globals().items() if n.startswith("check_")]:
        try:
            check(wanted)
        except Exception:
            failed[name] = traceback.format_exc()
        D.set_distribution(None)
    json.dump(failed, sys.stdout)
