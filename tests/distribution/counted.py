"""Counts which samples an epoch trains on, for every kind of data, in several processes.

``python counted.py ENGINE COUNT KIND ..``

Each sample is a number. The model's step writes down the numbers that the process really computes with.
"""

from __future__ import annotations

import collections
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.distribution import processes

SAMPLES, SIZE = 23, 4


def numbers(rows=None):
    import numpy as np

    x = np.arange(SAMPLES, dtype="float32")[:, None]
    return x if rows is None else x[rows]


def batches(x, size=SIZE):
    return [(x[i : i + size], x[i : i + size]) for i in range(0, len(x), size)]


def shared(kind):
    """Data that all processes have, whole."""
    x = numbers()
    if kind == "arrays":
        return {"x": x, "y": x, "batch_size": SIZE}
    if kind == "generator":
        return {"x": iter(batches(x)), "steps_per_epoch": -(-SAMPLES // SIZE)}
    if kind == "PyDataset":
        import kfront

        class Numbers(kfront.utils.PyDataset):
            def __len__(self):
                return -(-SAMPLES // SIZE)

            def __getitem__(self, i):
                return x[i * SIZE : i * SIZE + SIZE], x[i * SIZE : i * SIZE + SIZE]

        return {"x": Numbers()}
    if kind == "loader":
        return {"x": loader(x)}
    if kind == "tf.data":
        import tensorflow as tf

        return {"x": tf.data.Dataset.from_tensor_slices((x, x)).shuffle(SAMPLES, seed=1).batch(SIZE)}
    import grain

    return {"x": grain.MapDataset.source([(row, row) for row in x]).seed(3).shuffle().batch(SIZE).to_iter_dataset()}


def loader(x, sampler=None, **how):
    import torch

    x = torch.from_numpy(x)
    data = torch.utils.data.TensorDataset(x, x)
    own = torch.Generator().manual_seed(1)  # engines draw otherwise from the one that all share
    shuffle = {"shuffle": True, "generator": own} if sampler is None else {"sampler": sampler(data)}
    return torch.utils.data.DataLoader(data, SIZE, **shuffle, **how)


def apart(kind, count, mine):
    """Data of which each process has a part, some more than others."""
    import torch

    part = numbers(slice(mine, None, count)) if kind != "uneven parts" else numbers(_uneven(count, mine))
    if kind == "sampler":
        sampler = lambda data: torch.utils.data.DistributedSampler(data, count, mine)  # noqa: E731
        return {"x": loader(numbers(), sampler)}
    if kind == "sampler in a batch sampler":
        inner = torch.utils.data.DistributedSampler(range(SAMPLES), count, mine, shuffle=False)
        x = torch.from_numpy(numbers())
        own = torch.utils.data.BatchSampler(inner, SIZE, False)
        return {"x": torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, x), batch_sampler=own)}
    if kind == "parts of a generator":
        return {"x": iter(batches(part))}
    return {"x": part, "y": part, "batch_size": SIZE}


def _uneven(count, mine):
    """Process 0 has most of the samples, the others two each."""
    first = SAMPLES - 2 * (count - 1)
    return slice(0, first) if not mine else slice(first + 2 * mine - 2, first + 2 * mine)


SHARED = ("arrays", "generator", "PyDataset", "loader", "tf.data", "grain")
APART = ("sampler", "sampler in a batch sampler", "parts", "uneven parts", "parts of a generator")


def work(job):
    """Count in one process."""
    import numpy as np

    import kfront
    import kfront.backends
    from kfront import distribution as D

    kfront.config.set_process_timeout(120)  # a busy machine may keep one of them waiting
    if job["count"] > 1:
        D.initialize(job["address"], job["count"], job["id"])
    seen = []

    distributor = kfront.backends.current().distributor

    class Seen(kfront.layers.Layer):
        """Gives its inputs back, and writes down those that count."""

        def call(self, x):
            if hasattr(x, "addressable_shards"):
                if job["id"] and x.is_fully_replicated:  # a batch that cannot be divided is computed by all
                    return x
                seen.append(sorted({int(n) for s in x.addressable_shards for n in np.asarray(s.data)[:, 0]}))
            elif hasattr(x, "to_local"):
                if not job["id"] or any(p.is_shard() for p in x.placements):
                    seen.append([int(n) for n in x.detach().to_local().numpy()[:, 0]])
            elif job.get("split"):  # a batch that cannot be divided is computed by all
                if not job["id"] and hasattr(x, "detach"):
                    seen.append([int(n) for n in x.detach().numpy()[:, 0]])
            elif hasattr(x, "detach") and distributor.share:  # else it takes part for the exchange alone
                seen.append([int(n) for n in x.detach().numpy()[:, 0]])
            return x

        def compute_output_shape(self, shape):
            return shape

    out = {}
    for kind in job["kinds"]:
        of_all = kind in SHARED or kind.startswith("sampler")
        with distribution(job["count"], job.get("split", False), of_all).scope():
            kfront.utils.set_random_seed(1)
            model = kfront.Sequential([kfront.Input((1,)), Seen(), kfront.layers.Dense(1, use_bias=False)])
            model.compile(kfront.optimizers.SGD(1e-5), "mse", metrics=[kfront.metrics.MeanMetricWrapper(first, "sum")])
            data = shared(kind) if kind in SHARED else apart(kind, job["count"], job["id"])
            seen.clear()
            weight = model.get_weights()[0]
            model.run_eagerly = True
            logs = model.fit(**data, verbose=0).history
            out[kind] = {
                "seen": list(seen),
                "mean": logs["sum"][0],
                "loss": logs["loss"][0],
                "moved": float((model.get_weights()[0] - weight)[0, 0]),
            }
    print(json.dumps(out), flush=True)


def distribution(count, split, of_all):
    """Weights copied, or split over the processes among which the batches are."""
    from kfront import distribution as D

    if not split:
        return D.DataParallel(auto_shard_dataset=of_all)
    layouts = D.LayoutMap(D.DeviceMesh((count, 1), ["batch", "model"]))
    return D.ModelParallel(layout_map=layouts, batch_dim_name="batch", auto_shard_dataset=of_all)


def first(y_true, y_pred):
    """The number of a sample; its mean over an epoch tells whether each was counted once."""
    return y_true[:, 0]


def counts(engine, count, kinds, split=False):
    """Count in so many processes, on a mesh with `split`; the change of the weight for each kind of data."""
    with processes.Run(work, engine, count, kinds=kinds, split=split) as run:
        found = run.results()
    for kind in kinds:
        seen = collections.Counter(n for one in found for batch in one[kind]["seen"] for n in batch)
        assert seen == dict.fromkeys(range(SAMPLES), 1), (engine, count, kind, seen)
        assert {one[kind]["mean"] for one in found} == {(SAMPLES - 1) / 2}, (engine, count, kind, found)
        assert len({one[kind]["moved"] for one in found}) == 1, (engine, count, kind, found)
    return {kind: found[0][kind]["moved"] for kind in kinds}


if __name__ == "__main__":
    processes.warm(sys.argv[1])
    counts(sys.argv[1], int(sys.argv[2]), sys.argv[3:])
