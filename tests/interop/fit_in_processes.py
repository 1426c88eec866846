"""`fit` over what `fully_shard` and DistributedDataParallel make of layers, in each of two processes; prints as JSON.

python fit_in_processes.py ADDRESS COUNT ID
"""

from __future__ import annotations

import json
import os
import sys
import traceback

os.environ["KERAS_BACKEND"] = "torch"

import numpy as np
import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor

import kfront
from kfront import layers

RNG = np.random.default_rng(0)
X = RNG.normal(size=(24, 6)).astype("float32")
Y = RNG.normal(size=(24, 4)).astype("float32")
SIZE = 6  # of the batches of one process
PLACE, COUNT, RANK = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])


def part(x):
    """What a process gets: of each batch its share, so that the batches of all are those of one process."""
    return x.reshape(-1, COUNT, SIZE // COUNT, x.shape[-1])[:, RANK].reshape(-1, x.shape[-1])


def sequential():
    return kfront.Sequential([kfront.Input((6,)), layers.Dense(8, "tanh"), layers.Dense(6, "relu"), layers.Dense(4)])


class Around(kfront.Model):
    """A model around a module, which DistributedDataParallel may hold."""

    def __init__(self, wrap):
        super().__init__()
        dense = layers.Dense(8, "tanh")
        dense.build((None, 6))
        self.net = wrap(nn.Sequential(dense, nn.Linear(8, 4)))

    def call(self, x):
        return self.net(x)


def filled(model):
    model(X[:1])
    model.set_weights([np.cos(np.arange(w.size)).reshape(w.shape) / 2 for w in model.get_weights()])
    return model


def sharded(model):
    for layer in model.layers:
        fully_shard(layer)
    return fully_shard(model)


def numbers(model, optimizer, x, y, size, **how):
    """What `fit`, `evaluate` and `predict` give, twice, so that each comes after the others."""
    model.compile(optimizer(), "mse", metrics=["mae"], **how)
    out = []
    for _ in range(2):
        history = model.fit(x, y, batch_size=size, epochs=2, shuffle=False, verbose=0, validation_data=(x, y)).history
        out += [*history.values(), model.evaluate(x, y, batch_size=size, verbose=0)]
    return [np.array(v) for v in out], model.predict(X, batch_size=SIZE, verbose=0), model.get_weights()


def compare(model, alone, optimizer, **how):
    """Losses of shares have the mean of one process's; predictions and weights are its own."""
    logs, *rest = numbers(model, optimizer, part(X), part(Y), SIZE // COUNT, **how)
    wanted, *others = numbers(alone, optimizer, X, Y, SIZE)
    everywhere = [None] * COUNT
    dist.all_gather_object(everywhere, logs)
    for got, want in zip(zip(*everywhere, strict=True), wanted, strict=True):
        np.testing.assert_allclose(np.mean(got, 0), want, rtol=2e-5, atol=2e-6)
    for got, want in zip(rest, others, strict=True):
        for a, b in zip(got, want, strict=True):
            np.testing.assert_allclose(a, b, rtol=2e-5, atol=2e-5)


def adam():
    return kfront.optimizers.Adam(0.01)


def check_fully_shard():
    model = sharded(filled(sequential()))
    compare(model, filled(sequential()), adam)
    assert all(isinstance(v.value, DTensor) for v in model.trainable_variables)
    slots = [v for v in model.optimizer.variables if v.shape]
    assert slots and all(isinstance(v.value, DTensor) for v in slots)


def check_fully_shard_other_optimizers():
    for optimizer in (
        lambda: kfront.optimizers.SGD(0.05, momentum=0.9, nesterov=True),
        lambda: kfront.optimizers.AdamW(0.01, weight_decay=0.1, global_clipnorm=0.5),
        lambda: kfront.optimizers.RMSprop(0.01, use_ema=True, clipnorm=0.5),
    ):
        compare(sharded(filled(sequential())), filled(sequential()), optimizer)


def check_fully_shard_after_training():
    """The optimizer has its state already; it is laid out as the weights are now."""
    models = [filled(sequential()) for _ in range(2)]
    for model in models:
        model.compile(adam(), "mse")
        model.fit(X, Y, batch_size=SIZE, shuffle=False, verbose=0)
    sharded(models[0])
    for model in models:
        model.optimizer.learning_rate = 0.02
    x, y, size = (part(X), part(Y), SIZE // COUNT)
    models[0].fit(x, y, batch_size=size, shuffle=False, verbose=0)
    models[1].fit(X, Y, batch_size=SIZE, shuffle=False, verbose=0)
    for a, b in zip(*(m.get_weights() for m in models), strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-5, atol=2e-5)


def check_files():
    """A file of sharded weights is that of whole ones, and goes into either."""
    model, other, whole = sharded(filled(sequential())), sharded(sequential()), sequential()
    model.compile(adam(), "mse")
    model.fit(part(X), part(Y), batch_size=SIZE // COUNT, verbose=0)
    for ending in (".keras", ".weights.h5"):
        path = f"{PLACE}-{RANK}{ending}"
        (model.save if ending == ".keras" else model.save_weights)(path)
        for m in (other, whole):
            m.set_weights([np.zeros_like(w) for w in m.get_weights()])
            m.load_weights(path)
            for a, b in zip(m.get_weights(), model.get_weights(), strict=True):
                np.testing.assert_array_equal(a, b)
    loaded = kfront.saving.load_model(f"{PLACE}-{RANK}.keras")
    np.testing.assert_allclose(loaded.predict(X, verbose=0), model.predict(X, verbose=0), rtol=1e-5, atol=1e-6)


def check_parallel():
    compare(filled(Around(nn.parallel.DistributedDataParallel)), filled(Around(lambda module: module)), adam)


def check_own_gradients_stay():
    """What a loop of one's own has left in `.grad` is there after `fit`."""
    model = filled(sequential())
    model(torch.from_numpy(X)).sum().backward()
    before = [v.value.grad.clone() for v in model.trainable_variables]
    model.compile(adam(), "mse")
    model.fit(X, Y, verbose=0)
    for v, grad in zip(model.trainable_variables, before, strict=True):
        torch.testing.assert_close(v.value.grad, grad)


def main():
    dist.init_process_group("gloo", init_method=f"file://{PLACE}", rank=RANK, world_size=COUNT)
    failed = {}
    wanted = sys.argv[4:]
    for name, check in list(globals().items()):
        if name.startswith("check_") and (not wanted or name in wanted):
            try:
                check()
            except Exception:
                failed[name] = traceback.format_exc()
    print(json.dumps(failed), flush=True)
    os._exit(0)  # gloo's threads may abort a process that ends on its own


if __name__ == "__main__":
    main()
