from __future__ import annotations

import os
import threading
import time
from itertools import islice

import numpy as np
import pytest

from kfront.core.errors import ArgumentError, DataError
from kfront.utils import PyDataset
from kfront.utils.py_dataset import Loader


class Numbers(PyDataset):
    """Batch i is (i, process that made it)."""

    bad = None
    die = None

    def __init__(self, n=20, **kwargs):
        super().__init__(**kwargs)
        self.n = n

    def __len__(self):
        return self.n

    def __getitem__(self, index):
        if index == self.bad:
            raise KeyError("broken sample")
        if index == self.die:
            os._exit(1)
        return np.full((2,), index), os.getpid()


class Changing(Numbers):
    """Its batches differ from epoch to epoch."""

    epoch = 0

    def __getitem__(self, index):
        return index + 100 * self.epoch

    def on_epoch_end(self):
        self.epoch += 1


class Endless(PyDataset):
    num_batches = None

    def __getitem__(self, index):
        return index


class Forgetful(PyDataset):
    """Does not call `super().__init__()`."""

    def __init__(self):
        self.items = [1, 2]

    def __len__(self):
        return len(self.items)

    def __getitem__(self, index):
        return self.items[index]


WAYS = [{"workers": 1}, {"workers": 3}, {"workers": 2, "use_multiprocessing": True}]


def numbers(batches):
    return [int(x[0]) for x, _ in batches]


@pytest.mark.parametrize("way", WAYS)
def test_every_batch_once_in_order(way):
    with Loader(Numbers(**way)) as loader:
        assert numbers(loader.epoch()) == list(range(20))
        assert numbers(loader.epoch()) == list(range(20))
        order = [3, 1, 2, 0]
        assert numbers(loader.epoch(order)) == order


def test_processes_are_others():
    with Loader(Numbers(workers=2, use_multiprocessing=True)) as loader:
        assert os.getpid() not in {pid for _, pid in loader.epoch()}


@pytest.mark.parametrize("way", WAYS)
def test_an_error_reaches_the_loop_and_does_not_hang(way):
    dataset = Numbers(**way)
    dataset.bad = 7
    with Loader(dataset) as loader:
        got = []
        with pytest.raises(KeyError, match="broken sample") as e:
            got.extend(loader.epoch())
    frames = "".join(str(f.path) for f in e.traceback) + str(e.value.__cause__)
    assert "test_py_dataset" in frames


def test_a_dead_process_is_an_error_not_a_hang():
    dataset = Numbers(workers=2, use_multiprocessing=True)
    dataset.die = 3
    with Loader(dataset) as loader, pytest.raises(DataError, match="__main__"):
        list(loader.epoch())


@pytest.mark.parametrize("way", WAYS)
def test_a_loop_left_early_leaves_no_worker(way):
    before = {t.name for t in threading.enumerate()}
    with Loader(Numbers(1000, **way)) as loader:
        assert numbers(islice(loader.epoch(), 3)) == [0, 1, 2]
        started = time.monotonic()
    assert time.monotonic() - started < 10
    left = {t.name for t in threading.enumerate()} - before
    assert not [n for n in left if n.startswith("kfront-data")]


def test_no_more_batches_ahead_than_asked_for():
    made = []

    class Watched(Numbers):
        def __getitem__(self, index):
            made.append(index)
            return index

    with Loader(Watched(100, workers=2, max_queue_size=4)) as loader:
        batches = loader.epoch()
        next(batches)
        time.sleep(0.2)
        assert len(made) <= 5
        batches.close()


@pytest.mark.parametrize("way", WAYS)
def test_changes_between_epochs_are_seen(way):
    dataset = Changing(3, **way)
    with Loader(dataset) as loader:
        assert list(loader.epoch()) == [0, 1, 2]
        dataset.on_epoch_end()
        assert list(loader.epoch()) == [100, 101, 102]


def test_endless():
    with Loader(Endless(workers=2)) as loader:
        assert list(islice(loader.epoch(), 5)) == [0, 1, 2, 3, 4]
    assert list(islice(iter(Endless()), 3)) == [0, 1, 2]


def test_without_a_length_there_is_no_end():
    class Unknown(PyDataset):
        def __getitem__(self, index):
            return index

    assert list(islice(Unknown(max_queue_size=0), 4)) == [0, 1, 2, 3]
    with pytest.raises(NotImplementedError, match="__len__"):
        Unknown().num_batches


def test_forgotten_init():
    dataset = Forgetful()
    assert (dataset.workers, dataset.use_multiprocessing, dataset.max_queue_size) == (1, False, 10)
    assert list(dataset) == list(Loader(dataset).epoch()) == [1, 2]


@pytest.mark.parametrize("wrong", [{"workers": -1}, {"workers": 1.5}, {"max_queue_size": -1}])
def test_wrong_numbers(wrong):
    with pytest.raises(ArgumentError, match=next(iter(wrong))):
        PyDataset(**wrong)


def test_what_is_not_defined():
    with pytest.raises(NotImplementedError, match="__getitem__"):
        PyDataset()[0]
    with pytest.raises(NotImplementedError, match="__len__"):
        PyDataset().num_batches
