"""The steps of data sets that `tf.data` has too, with its results where it is installed."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest

from kfront import ops
from kfront.core.errors import ArgumentError
from kfront.utils.dataset import Dataset

EIGHT = np.arange(8, dtype="int32")


def lists(value):
    """Elements as plain lists; the datasets of windows as the lists of their elements."""
    if isinstance(value, (tuple, list)):
        return [lists(v) for v in value]
    if hasattr(value, "as_numpy_iterator"):
        return [lists(v) for v in value.as_numpy_iterator()]
    return np.asarray(value).tolist()


def ours(steps):
    return lists(list(steps(Dataset.from_arrays(EIGHT), Dataset)))


STEPS = {
    "flat_map": lambda d, D: d.batch(3).flat_map(lambda x: of(D, x)),
    "interleave": lambda d, D: d.batch(3).interleave(lambda x: of(D, x), cycle_length=2, block_length=1),
    "interleave in blocks": lambda d, D: d.batch(2).interleave(lambda x: of(D, x), cycle_length=3, block_length=2),
    "rebatch": lambda d, D: d.batch(3).rebatch(4),
    "rebatch, whole ones": lambda d, D: d.batch(3).rebatch(5, drop_remainder=True),
    "shard": lambda d, D: d.shard(3, 1),
    "apply": lambda d, D: d.apply(lambda one: one.skip(6)),
    "zip": lambda d, D: D.zip((d, d.skip(5))),
    "padded_batch": lambda d, D: d.map(lambda x: x * 0 + np.ones(3, "int32")).padded_batch(3, padded_shapes=[5]),
    "window": lambda d, D: d.window(3).flat_map(lambda w: w.batch(3)),
    "window, shifted": lambda d, D: d.window(3, shift=1, drop_remainder=True).flat_map(lambda w: w.batch(3)),
    "window, spread": lambda d, D: d.window(2, shift=3, stride=2).flat_map(lambda w: w.batch(2)),
}


def of(kind, x):
    return kind.from_arrays(np.asarray(x)) if kind is Dataset else kind.from_tensor_slices(x)


@pytest.mark.skipif(importlib.util.find_spec("tensorflow") is None, reason="tf.data is the reference")
@pytest.mark.parametrize("name", STEPS)
def test_as_tf_data_does_it(name):
    import tensorflow as tf

    theirs = lists(list(STEPS[name](tf.data.Dataset.from_tensor_slices(EIGHT), tf.data.Dataset).as_numpy_iterator()))
    assert ours(STEPS[name]) == theirs


def test_windows_of_pairs_are_pairs_of_datasets():
    pairs = Dataset.from_arrays((EIGHT, EIGHT * 2)).window(2)
    assert [(lists(x), lists(y)) for x, y in pairs.take(2)] == [([0, 1], [0, 2]), ([2, 3], [4, 6])]


def test_batches_are_filled_up_to_their_largest_element():
    ragged = Dataset(lambda: iter([(np.ones(n), str(n)) for n in (1, 3, 2)]), 3)
    numbers, texts = next(iter(ragged.padded_batch(3, padding_values=(-1.0, ""))))
    assert numbers.tolist() == [[1, -1, -1], [1, 1, 1], [1, 1, -1]]
    assert texts.tolist() == ["1", "3", "2"]
    with pytest.raises(ArgumentError, match=r"up to \(2,\), got \(3,\)"):
        next(iter(ragged.map(lambda x, y: x).padded_batch(3, padded_shapes=(2,))))


def test_sizes_reduction_and_specs():
    data = Dataset.from_arrays(EIGHT, class_names=["a"])
    assert len(data.shard(3, 1)) == 3
    assert len(Dataset.zip(data, data.take(3))) == 3
    assert data.reduce(0, lambda total, x: total + int(x)) == 28
    assert data.with_options(None).shard(2, 0).class_names == ["a"]
    spec = data.batch(4).element_spec
    assert (spec.shape, spec.dtype) == ((None,), "int32")
    assert data.element_spec.shape == ()
    with pytest.raises(ArgumentError, match="empty"):
        _ = data.take(0).element_spec
    with pytest.raises(ArgumentError, match="from 0 to 2"):
        data.shard(3, 3)


def test_as_numpy_iterator_gives_arrays_whatever_a_step_made(backend):
    data = Dataset.from_arrays((EIGHT.astype("float32"), EIGHT)).batch(4).map(lambda x, y: (ops.square(x), y))
    for element in data.as_numpy_iterator():
        assert [type(a) for a in element] == [np.ndarray, np.ndarray]
