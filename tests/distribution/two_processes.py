"""Checks of `kfront.distribution` on torch, run in each of several processes: prints what fails, as JSON.

python two_processes.py ADDRESS COUNT ID
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import traceback
from pathlib import Path

os.environ["KERAS_BACKEND"] = "torch"

import numpy as np
import torch
import torch.distributed.fsdp

import kfront
from kfront import distribution as D
from kfront import errors, layers

RNG = np.random.default_rng(0)
X = RNG.normal(size=(21, 6)).astype("float32")
Y = RNG.normal(size=(21, 4)).astype("float32")


def make(optimizer=None, **how):
    model = kfront.Sequential([kfront.Input((6,)), layers.Dense(8, "relu"), layers.Dense(4)])
    model.compile(optimizer or kfront.optimizers.Adam(0.01, global_clipnorm=1.0), "mse", metrics=["mae"], **how)
    return model


def numbers(model, size=5):
    """21 samples in batches of 5: parts of 2 and 3 samples, and a last batch of one that a process has alone."""
    kfront.utils.set_random_seed(3)
    model.set_weights([np.cos(np.arange(w.size)).reshape(w.shape) for w in model.get_weights()])
    history = model.fit(X, Y, batch_size=size, epochs=2, verbose=0, validation_data=(X[:7], Y[:7])).history
    tests = model.evaluate(X, Y, batch_size=size, verbose=0)
    return [*history.values(), tests, model.predict(X, batch_size=size, verbose=0), *model.get_weights()]


def same(got, wanted, tolerance=2e-5):
    for a, b in zip(got, wanted, strict=True):
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


def everywhere(x):
    """A value of each process."""
    out = [None] * COUNT
    torch.distributed.all_gather_object(out, x)
    return out


class Own(kfront.Model):
    """A model with a training step of its own."""

    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(4)

    def call(self, x):
        return self.dense(x)

    def train_step(self, data):
        x, y = data
        self.zero_grad()
        loss = kfront.ops.mean((self(x) - y) ** 2)
        loss.backward()
        self.optimizer.apply([v.value.grad for v in self.trainable_variables], self.trainable_variables)
        return {"loss": loss.detach()}


def own():
    kfront.utils.set_random_seed(1)
    model = Own()
    model.compile(kfront.optimizers.SGD(0.1))
    return [model.fit(X[:20], Y[:20], batch_size=4, epochs=2, verbose=0).history["loss"], *model.get_weights()]


def check_devices():
    assert D.list_devices() == [f"cpu:{i}" for i in range(COUNT)]
    parallel = D.DataParallel()
    assert (parallel.num_processes, parallel.data_shard_id, parallel.num_model_replicas) == (COUNT, MINE, COUNT)


def check_training_is_as_in_one_process():
    with D.DataParallel().scope():
        same(numbers(make()), ALONE["adam"])
        same(numbers(make(steps_per_execution=2)), ALONE["adam"])
        scaled = kfront.optimizers.LossScaleOptimizer(kfront.optimizers.SGD(0.1), initial_scale=8.0)
        same(numbers(make(scaled)), ALONE["scaled"])


def check_own_steps():
    with D.DataParallel().scope():
        same(own(), ALONE["own"])


def check_processes_start_alike():
    kfront.utils.set_random_seed(100 + MINE)
    with D.DataParallel().scope():
        weights = layers.Dense(4)
        weights.build((None, 3))
        found = everywhere(weights.kernel.numpy())
        assert (found[0] == found[-1]).all()
        dropped = everywhere(layers.Dropout(0.5)(np.ones((4, 50), "float32"), training=True).numpy())
        assert not (dropped[0] == dropped[-1]).all()
    kfront.utils.set_random_seed(100)  # `fit` shuffles, and wants the same seeds everywhere


def check_statistics_are_averaged():
    with D.DataParallel().scope():
        model = kfront.Sequential([kfront.Input((6,)), layers.BatchNormalization(), layers.Dense(4)])
        model.compile("sgd", "mse")
        model.fit(X[:20], Y[:20], batch_size=4, verbose=0)
        found = everywhere(model.get_weights())
    same(found[0], found[-1], 0)


def check_processes_share_the_writing_of_a_checkpoint():
    (folder,) = set(everywhere(tempfile.mkdtemp() if not MINE else "")) - {""}
    with D.DataParallel().scope():
        kfront.utils.set_random_seed(1)
        model = kfront.Sequential(
            [kfront.Input((129,)), layers.Dense(256), layers.BatchNormalization(), layers.Dense(1)]
        )
        model.compile("adam", "mse")
        model.train_on_batch(np.ones((4, 129)), np.ones((4, 1)))
        kfront.saving.save_checkpoint(model, f"{folder}/a", MINE)
        wanted = [*model.get_weights(), *(v.numpy() for v in model.optimizer.variables)]
        model.train_on_batch(np.ones((4, 129)), np.ones((4, 1)))
        assert kfront.saving.load_checkpoint(model, f"{folder}/a") == MINE
        same([*model.get_weights(), *(v.numpy() for v in model.optimizer.variables)], wanted, 0)
    sizes = [path.stat().st_size for path in sorted(Path(folder, "a").glob("part-*"))]
    assert len(sizes) == COUNT and max(sizes) < 1.2 * min(sizes), sizes


def check_parts_of_their_own():
    with D.DataParallel(auto_shard_dataset=False).scope():
        kfront.utils.set_random_seed(3)
        model = make("sgd")
        part = slice(MINE * 10, MINE * 10 + 10)
        model.fit(X[part], Y[part], batch_size=5, verbose=0, shuffle=False)
        found = everywhere(model.get_weights())
        assert len(model.predict(X[part], verbose=0)) == 10 * COUNT
    same(found[0], found[-1], 0)


def check_parts_of_variables():
    kfront.utils.set_random_seed(3)
    layer = layers.Dense(3)
    layer.build((None, 5))
    wanted, whole = layer.kernel.numpy(), np.arange(15, dtype="float32").reshape(5, 3)
    torch.distributed.fsdp.fully_shard(layer)  # FSDP2 by hand puts DTensors in place
    d = kfront.backends.get("torch").distributor
    ((offset, array, *held),) = d.shards(layer.weights[0])
    assert (offset, array.shape, held) == (((3 * MINE, 0)), (3 - MINE, 3), [0, 1])
    assert (array == wanted[offset[0] : offset[0] + len(array)]).all()
    d.assign_shards(layer.weights[0], lambda at, shape: whole[at[0] : at[0] + shape[0]])
    assert (layer.weights[0].numpy() == whole).all()
    counter = kfront.Variable([2.0, 3.0])
    ((offset, array, *held),) = d.shards(counter)  # those of other processes may be others
    assert (offset, array.tolist(), held) == ((0,), [2.0, 3.0], [MINE, 1])


def check_errors():
    for call, kind in (
        (lambda: D.DataParallel(devices=["cpu:0"]), errors.ArgumentError),
        (lambda: D.DeviceMesh((1,), ["model"], devices=["cpu:0"]).backend_mesh, errors.ArgumentError),
        (lambda: D.DeviceMesh((COUNT + 1,), ["model"]), errors.ArgumentError),
    ):
        try:
            call()
        except kind:
            continue
        raise AssertionError(f"expected {kind.__name__}")


if __name__ == "__main__":
    address, COUNT, MINE = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    ALONE = {
        "adam": numbers(make()),
        "scaled": numbers(make(kfront.optimizers.LossScaleOptimizer(kfront.optimizers.SGD(0.1), initial_scale=8.0))),
        "own": own(),
    }
    D.initialize(address, COUNT, MINE)
    failed = {}
    for name, check in [(n, f) for n, f in globals().items() if n.startswith("check_")]:
        try:
            check()
        except Exception:
            failed[name] = traceback.format_exc()
        D.set_distribution(None)
        torch.distributed.barrier()
    json.dump(failed, sys.stdout)
    torch.distributed.destroy_process_group()
