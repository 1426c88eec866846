"""Preprocessing layers inside input pipelines: grain, torch's DataLoader, `tf.data`, each with the values of a call."""

from __future__ import annotations

import importlib.util
import subprocess
import sys

import numpy as np
import pytest

import kfront

L = kfront.layers
TEXTS = ["the cat sat", "a cat", "the dog", "the end", "a dog", "cat"]
WORDS = ["a", "b", "c", "a", "d", "b"]
IDS = [3, 70, 5, 3, 9, 12]
NUMBERS = np.linspace(-1, 1, 12, dtype="float32").reshape(6, 2)

# name -> makes the layer, samples, whether it learns from them
LAYERS = {
    "TextVectorization": (lambda: L.TextVectorization(output_sequence_length=3), TEXTS, True),
    "TextVectorization tf_idf": (lambda: L.TextVectorization(output_mode="tf_idf"), TEXTS, True),
    "StringLookup": (lambda: L.StringLookup(num_oov_indices=2), WORDS, True),
    "StringLookup one_hot": (lambda: L.StringLookup(vocabulary=["a", "b"], output_mode="one_hot"), WORDS, False),
    "IntegerLookup": (lambda: L.IntegerLookup(vocabulary=[3, 9]), IDS, False),
    "Hashing": (lambda: L.Hashing(7), WORDS, False),
    "Hashing of integers": (lambda: L.Hashing(7, salt=3), IDS, False),
    "Normalization": (lambda: L.Normalization(), NUMBERS, True),
    "Discretization": (lambda: L.Discretization(num_bins=3), NUMBERS, True),
    "CategoryEncoding": (lambda: L.CategoryEncoding(80, output_mode="one_hot"), IDS, False),
    "Rescaling": (lambda: L.Rescaling(2.0, 1.0), NUMBERS, False),
}


def made(name):
    make, data, learns = LAYERS[name]
    layer, data = make(), np.array(data)
    if learns:
        layer.adapt(data)
    return layer, data


def same(batches, layer, data, backend):
    got = np.concatenate([np.asarray(b) for b in batches])
    np.testing.assert_allclose(got, backend.to_numpy(layer(data)), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", LAYERS)
def test_grain(name, backend):
    """Batches in `map`, through threads that read ahead."""
    grain = pytest.importorskip("grain")
    layer, data = made(name)
    batches = grain.MapDataset.source(data).batch(2).map(layer).to_iter_dataset()
    same([backend.to_numpy(b) for b in batches], layer, data, backend)


@pytest.mark.parametrize("name", ["TextVectorization", "StringLookup", "Normalization"])
def test_grain_transforms(name, backend):
    """As an operation of `grain.DataLoader`."""
    grain = pytest.importorskip("grain.python")
    layer, data = made(name)

    class Apply(grain.MapTransform):
        def map(self, batch):
            return backend.to_numpy(layer(batch))

    sampler = grain.IndexSampler(len(data), shard_options=grain.NoSharding(), shuffle=False, num_epochs=1)
    loader = grain.DataLoader(data_source=data, sampler=sampler, operations=[grain.Batch(2), Apply()], worker_count=0)
    same(list(loader), layer, data, backend)


_WORKERS = """
import numpy as np, grain, kfront
from absl import flags

if __name__ == "__main__":
    flags.FLAGS(["run"])
    with kfront.backend_scope("numpy"):
        layer = kfront.layers.TextVectorization(output_sequence_length=3)
        layer.adapt(["the cat sat", "a cat"])
        data = ["the cat", "a dog", "cat", "sat"]
        batches = grain.MapDataset.source(data).batch(2).map(layer).to_iter_dataset()
        batches = batches.mp_prefetch(grain.MultiprocessingOptions(num_workers=1))
        np.testing.assert_array_equal(np.concatenate(list(batches)), layer(data))
        print("same")
"""


@pytest.mark.sampled(4, table="long")
def test_grain_workers(tmp_path):
    """In a process of its own, to which the layer is pickled."""
    pytest.importorskip("grain")
    (tmp_path / "run.py").write_text(_WORKERS)
    done = subprocess.run([sys.executable, str(tmp_path / "run.py")], capture_output=True, text=True, timeout=120)
    assert done.stdout.strip().endswith("same"), done.stderr[-2000:]


@pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="torch is not installed")
@pytest.mark.parametrize("workers", [0, 1])
def test_data_loader(workers, backend):
    """As `collate_fn`: workers give back what can travel between processes."""
    import torch

    layers = [made(name) for name in LAYERS]

    def collate(indices):
        return [backend.to_numpy(layer(data[indices])) for layer, data in layers]

    if workers and not backend.survives_fork:
        collate = lambda indices: [np.asarray(layer(data[indices])) for layer, data in layers]  # noqa: E731
    loader = torch.utils.data.DataLoader(range(6), batch_size=2, num_workers=workers, collate_fn=collate)
    for (layer, data), batches in zip(layers, zip(*loader, strict=True), strict=True):
        same(batches, layer, data, backend)


@pytest.mark.skipif(importlib.util.find_spec("tensorflow") is None, reason="no TensorFlow")
def test_tf_data(backend):
    import tensorflow as tf

    for name in LAYERS:
        layer, data = made(name)
        same(tf.data.Dataset.from_tensor_slices(data).batch(2).map(layer), layer, data, backend)
