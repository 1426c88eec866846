"""Checks of `ModelParallel` on torch, run in each of two processes: prints what fails, as JSON.

python on_a_mesh.py ADDRESS COUNT ID
"""

from __future__ import annotations

import copy
import io
import json
import os
import pickle
import sys
import tempfile
import traceback
from pathlib import Path

os.environ["KERAS_BACKEND"] = "torch"
sys.path.insert(0, str(Path(__file__).parents[2]))

import numpy as np
import torch
from tests.distribution.cases import CASES, RNG, X, Y, make, net, same, split, trained
from torch.distributed.tensor import DTensor, Replicate, Shard
from torch.distributed.tensor.debug import CommDebugMode

import kfront
from kfront import distribution as D
from kfront import errors, layers, ops, optimizers

MESHES = ((2, 1), (1, 2))


def check_training_is_as_on_one_device():
    failed = {}
    for shape in MESHES:
        for name in CASES if shape == (2, 1) else ("adam", "clipnorm", "accumulation", "lamb"):
            with split(shape).scope():
                try:
                    same(trained(name), ALONE[name])
                except Exception:
                    failed[f"{name} {shape}"] = traceback.format_exc(limit=-4)
    assert not failed, "\n".join(f"{k}: {v}" for k, v in failed.items())


def check_where_things_lie():
    with split().scope():
        model = make("adam")
        model.optimizer.build(model.trainable_variables)
        slots = model.optimizer.variables
    kernel, bias = model.layers[0].weights
    assert kernel.layout.axes == ("batch", "model") and kernel.own.placements == (Shard(0), Replicate())
    assert kernel.own.to_local().shape == (3, 8) and bias.own.to_local().shape == (8,)
    momentum = next(v for v in slots if v.name.endswith("dense_a_kernel_momentum"))
    assert momentum.own.to_local().shape == (3, 8) and momentum.shape == (6, 8)
    assert isinstance(model.layers[0]._parameters["kernel"], DTensor)
    assert [p.shape for p in model.parameters()] == [w.shape for w in model.trainable_variables]
    assert kernel.numpy().shape == tuple(kernel.shape) == (6, 8)
    kernel.assign(np.arange(48.0).reshape(6, 8))
    assert (kernel.numpy() == np.arange(48.0).reshape(6, 8)).all() and kernel.own.placements[0] == Shard(0)


def check_parts_are_read_and_set():
    d = kfront.backends.get("torch").distributor
    for shape in MESHES:
        with split(shape).scope():
            v = net().layers[0].weights[0]
        ((offset, array, mine, copies),) = d.shards(v)
        rows = tuple(slice(o, o + n) for o, n in zip(offset, array.shape, strict=True))
        assert array.size == 24 and (mine, copies) == (0, 1) and (array == v.numpy()[rows]).all()
        whole = np.arange(48, dtype="float32").reshape(6, 8)
        d.assign_shards(v, lambda at, size, w=whole: w[tuple(slice(o, o + n) for o, n in zip(at, size, strict=True))])
        assert (v.numpy() == whole).all()


def check_outputs_are_laid_out():
    layouts = D.LayoutMap(D.DeviceMesh((1, 2), ["batch", "model"]))
    layouts[".*dense_a/output"] = (None, "model")
    with D.ModelParallel(layout_map=layouts).scope():
        model = net()
        assert model.layers[0](X[:4]).placements == (Replicate(), Shard(1))


def check_calls_by_hand():
    for shape in MESHES:
        with split(shape).scope():
            model = net()
            same([ops.convert_to_numpy(model(X[:5]))], [ALONE["outputs"]])
            grads = kfront.grad(lambda: ops.mean(model(X[:6]) ** 2), wrt=model.trainable_variables)()
            same([ops.convert_to_numpy(g) for g in grads], ALONE["grads"])
            optimizer = optimizers.Adam(0.1)
            optimizer.apply(grads, model.trainable_variables)
            same([w.numpy() for w in model.trainable_variables], ALONE["stepped"])
            same([model.predict_on_batch(X[:3])], [ALONE["batch"]])


def check_steps_of_torch():
    with split().scope():
        model = net()
        loss = (model(torch.from_numpy(X[:6])) ** 2).mean()
        loss.backward()
        assert all(isinstance(p.grad, DTensor) for p in model.parameters())
        torch.optim.SGD(model.parameters(), 0.1).step()


def check_dropout_is_that_of_one_device():
    kfront.config.set_portable_random(True)
    for shape in MESHES:
        with split(shape).scope():
            mesh = D.DeviceMesh(shape, ["batch", "model"])
            x = D.distribute_tensor(np.ones((8, 10), "float32"), D.TensorLayout(("batch", "model"), mesh))
            layer = layers.Dropout(0.5, seed=3)
            got = [ops.convert_to_numpy(layer(x, training=True)) for _ in range(2)]
        assert all((a == b).all() for a, b in zip(got, ALONE["dropped"], strict=True))
    kfront.config.set_portable_random(False)


class Told(kfront.Model):
    """Reads a metric before the step has ended."""

    def train_step(self, data):
        logs = super().train_step(data)
        self.f1 = ops.convert_to_numpy(self.get_metrics_result()["f1_score"])
        return logs


def counts(told=False, **how):
    """Metrics that count, after 21 samples in batches of 6, and the collectives of a step."""
    kfront.utils.set_random_seed(3)
    inputs = kfront.Input((6,))
    outputs = layers.Dense(4, "sigmoid", name="dense_b")(inputs)
    model = (Told if told else kfront.Model)(inputs, outputs)
    m = kfront.metrics
    model.compile("sgd", "mse", metrics=["accuracy", m.F1Score(average="macro"), m.R2Score(), m.AUC()])
    y = np.eye(4, dtype="float32")[Y]
    model.fit(X, y, batch_size=6, verbose=0)
    tests = model.evaluate(X, y, batch_size=6, verbose=0)
    with CommDebugMode() as mode:
        model.train_on_batch(X[:6], y[:6])
    return [*tests, *([model.f1.ravel()] if told else [])], mode.get_total_counts()


def check_metrics_are_summed_together():
    for shape, told in ((2, 1), False), ((2, 1), True), ((1, 2), False):
        with split(shape).scope():
            found, collectives = counts(told)
        same(found, ALONE["told" if told else "counts"])
        if shape == (2, 1) and not told:
            assert collectives == 5, collectives  # kernel there and back, bias, metrics, AUC's segments


def check_segments_are_summed_where_their_rows_lie():
    x, ids = RNG.normal(size=(8, 3)).astype("float32"), np.array([2, 0, 2, 1, 0, 0, 2, 0], "int32")
    wanted = np.stack([x[ids == i].sum(0) for i in range(4)])
    for shape in MESHES:
        with split(shape).scope():
            rows = D.TensorLayout(("batch", None), D.DeviceMesh(shape, ["batch", "model"]))
            own = D.distribute_tensor(x, rows).requires_grad_()
            sums = ops.segment_sum(own, ids, 4)
            same([ops.convert_to_numpy(sums)], [wanted])
            (grad,) = torch.autograd.grad((sums**2).sum(), own)
            same([ops.convert_to_numpy(grad)], [2 * wanted[ids]])


def check_mixed_precision():
    for policy in ("mixed_bfloat16", "mixed_float16"):
        kfront.config.set_dtype_policy(policy)
        try:
            with split().scope():
                model = make()
                got = model.fit(X[:18], Y[:18], batch_size=6, epochs=3, verbose=0).history["loss"]
            np.testing.assert_allclose(got, ALONE[policy], rtol=0.02)
            assert model.layers[0].weights[0].own.dtype is torch.float32
        finally:
            kfront.config.set_dtype_policy("float32")


def check_files():
    with split().scope(), tempfile.TemporaryDirectory() as folder:
        model = make("adam")
        model.fit(X[:18], Y[:18], batch_size=6, verbose=0)
        model.save(f"{folder}/a.keras")
        model.save_weights(f"{folder}/a.weights.h5")
        again = kfront.models.load_model(f"{folder}/a.keras")
        same(again.get_weights(), model.get_weights(), 0)
        assert isinstance(again.layers[0].weights[0].own, DTensor)
        other = make("adam")
        other.load_weights(f"{folder}/a.weights.h5")
        same(other.get_weights(), model.get_weights(), 0)
        assert other.layers[0].weights[0].own.to_local().shape == (3, 8)
        wanted = model.get_weights()
    copied = copy.deepcopy(model)  # of one device again
    same(copied.get_weights(), wanted, 0)
    buffer = io.BytesIO(pickle.dumps(model))
    same(pickle.load(buffer).get_weights(), wanted, 0)


def check_the_table_of_layouts():
    layouts = D.get_layout_map(D.DeviceMesh((2, 1), ["batch", "model"]), "model", "batch", smallest=8)
    with D.ModelParallel(layout_map=layouts).scope():
        model = kfront.Sequential([kfront.Input((6,)), layers.Dense(8, name="up")], name="net")
        model.compile("sgd", "mse")
        rows = [row.split() for row in D.layout_table(model).splitlines()]
        assert rows[1] == ["net/up/kernel", "(6,", "8)", "(None,", "batch)", "96"]
        assert rows[-1] == ["total", str(96 + 16 + 8), "of", str(192 + 32 + 8)], rows
        layouts["nothing/kernel"] = (None, "model")
        try:
            D.layout_table(model)
        except errors.ArgumentError as error:
            assert "nothing/kernel" in str(error)
        else:
            raise AssertionError("expected an ArgumentError")


def check_errors():
    mesh = D.DeviceMesh((1, 2), ["batch", "model"])
    layouts = D.LayoutMap(mesh)
    layouts["odd"] = ("model",)
    with D.ModelParallel(layout_map=layouts).scope():
        for call in (
            lambda: kfront.Variable(np.zeros(3), name="odd"),
            lambda: D.distribute_tensor(np.zeros((4, 3)), D.TensorLayout((None, "model"), mesh)),
        ):
            try:
                call()
            except errors.ShapeError as error:
                assert "can divide" in str(error)
                continue
            raise AssertionError("expected a ShapeError")


def alone():
    kfront.config.set_portable_random(True)
    found = {name: trained(name) for name in CASES}
    layer = layers.Dropout(0.5, seed=3)
    found["dropped"] = [layer(np.ones((8, 10), "float32"), training=True).numpy() for _ in range(2)]
    model = net()
    found["outputs"] = model(X[:5]).detach().numpy()
    grads = kfront.grad(lambda: ops.mean(model(X[:6]) ** 2), wrt=model.trainable_variables)()
    found["grads"] = [g.numpy() for g in grads]
    optimizers.Adam(0.1).apply(grads, model.trainable_variables)
    found["stepped"] = [w.numpy() for w in model.trainable_variables]
    found["batch"] = model.predict_on_batch(X[:3])
    found["counts"], found["told"] = counts()[0], counts(told=True)[0]
    for policy in ("mixed_bfloat16", "mixed_float16"):
        kfront.config.set_dtype_policy(policy)
        found[policy] = make().fit(X[:18], Y[:18], batch_size=6, epochs=3, verbose=0).history["loss"]
    kfront.config.set_dtype_policy("float32")
    return found


if __name__ == "__main__":
    address, COUNT, MINE = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    only = sys.argv[4:]
    ALONE = alone()
    D.initialize(address, COUNT, MINE)
    from kfront.backends.torch import placed  # with the first process group

    placed._LARGE, placed._BLOCK = 0, 200  # small blocks, all of which are gathered again for the backward pass
    failed = {}
    for name, check in [(n, f) for n, f in globals().items() if n.startswith("check_")]:
        if only and name not in only:
            continue
        kfront.config.set_portable_random(True)
        try:
            check()
        except Exception:
            failed[name] = traceback.format_exc()
        D.set_distribution(None)
        torch.distributed.barrier()
    json.dump(failed, sys.stdout)
    torch.distributed.destroy_process_group()
