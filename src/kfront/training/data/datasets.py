"""Data that come as batches, or sample by sample: iterators, loaders, `PyDataset`, indexable datasets.

Each can continue in another process from the position that it had; see `kfront.training.progress`.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from kfront.backends import get
from kfront.config import floatx
from kfront.core import tree
from kfront.core.errors import DataError
from kfront.core.rng import make_default_seed, permutation
from kfront.training.data.arrays import check_batch_size, epoch_order
from kfront.training.data.base import Batch, Data, unpack


class IterableData(Data):
    """Anything that can be iterated: generators, tf.data, grain, lists of batches.

    Args:
        source: the iterable.
        steps: batches per epoch, if it is known.
        restart: whether a new iterator is made for each epoch; else one serves all epochs.
        make: makes an iterator of `source`.
        own_state: whether `source` may be asked for its state (that of a Hugging Face stream leaves out its shuffle).
    """

    waits = True

    def __init__(
        self,
        source: object,
        steps: int | None,
        restart: bool,
        make: Callable[[Any], Iterator[Any]] = iter,
        own_state: bool = True,
    ) -> None:
        self.source, self.steps, self.restart, self.make = source, steps, restart, make
        self._stateful = source if own_state else None
        self._live: object = None
        self._made = self._taken = 0
        self._first_mark: object = None
        self._random: Callable[[], Any] | None = None

    def _iterator(self) -> Any:
        if self.restart or self._live is None:
            self._live, self._taken = self.make(self.source), 0
            self._made += 1
        return self._live

    def batches(self, skip: int = 0) -> Iterator[Batch]:
        iterator = self._iterator()
        for item in itertools.islice(iterator, skip, None) if skip else iterator:
            self._taken += 1
            yield unpack(item)

    # -- going on in another process -----------------------------------------------------------------------------------

    def watch(self, random: Callable[[], object]) -> None:
        self._random = random

    def mark(self) -> Any:
        """The generators at the time the iterator was made; one iterator for all epochs has one mark."""
        if self._random is not None and (self.restart or self._first_mark is None):
            self._first_mark = self._random()
        return {"random": self._first_mark, "source": _own_state(self._stateful)}

    def position(self) -> Any:
        return {"made": self._made, "taken": self._taken, "iterator": _own_state(self._live)}

    def resume(self, mark: Any, position: Any, batch: int, random: Callable[[object], None]) -> Iterator[Batch] | None:
        """The iterators of earlier epochs are made again; of this one, the batches that were taken are skipped.

        Sources and iterators that know their own state (`state_dict` or `get_state`) are set to it instead.
        """
        done = position["made"] - bool(batch or not self.restart)
        if self.restart:
            for _ in range(done):
                self.make(self.source)
        self._made = done
        self._first_mark = mark["random"]
        if not batch and self.restart:
            return self.batches()
        random(mark["random"])
        _set_own_state(self._stateful, mark["source"])
        live, taken = self._iterator(), position["taken"]
        if not _set_own_state(live, position["iterator"]):
            for _ in itertools.islice(live, taken):
                pass
        self._taken = taken
        return self._rest(live)

    def go_to(self, position: Any) -> None:
        for _ in range(position["made"] - (not self.restart)):
            self.make(self.source)
        if not self.restart:
            for _ in itertools.islice(self._iterator(), position["taken"]):
                pass
            self._taken = position["taken"]

    def _rest(self, live: Iterator[object]) -> Iterator[Batch]:
        for item in live:
            self._taken += 1
            yield unpack(item)


def _own_state(x: object) -> Any:
    """The state that an object reports: torchdata's and datasets' `state_dict`, grain's `get_state`."""
    for name in ("state_dict", "get_state"):
        method = getattr(x, name, None)
        if callable(method):
            state = method()
            return None if state is None else {"by": name, "state": state}
    return None


def _set_own_state(x: object, saved: Any) -> bool:
    """Give an object its state; False if none was saved."""
    if saved is None:
        return False
    setter = getattr(x, {"state_dict": "load_state_dict", "get_state": "set_state"}[saved["by"]], None)
    if setter is None:
        return False
    setter(saved["state"])
    return True


class LoaderData(Data):
    """A DataLoader of torch (with or without workers).

    A distributed sampler gives each process a part of the samples, in another order each epoch; those that it repeats,
    so that all parts have the same size, are left out.

    Args:
        loader: the loader.
    """

    engines = ("torch",)

    def __init__(self, loader: Any) -> None:
        self.loader = loader
        try:
            self.steps = len(loader)
        except TypeError:
            self.steps = None
        self.batch_size = getattr(loader, "batch_size", None)
        self._epoch = -1
        samplers = (getattr(loader, "sampler", None), getattr(getattr(loader, "batch_sampler", None), "sampler", None))
        self._sampler: Any = next((s for s in samplers if hasattr(s, "num_replicas") and hasattr(s, "rank")), None)
        self.apart = self._sampler is not None
        self._kf_own = self._count_own() if self.apart else 0
        if self.apart and self.steps and self.batch_size:
            self.size, self.steps = self._kf_own, -(-self._kf_own // self.batch_size)
            self.remainder = self._kf_own % self.batch_size if self.steps > 1 else 0
        elif self.steps and self.batch_size and not getattr(loader, "drop_last", False):
            self.size = len(loader.dataset)
            self.remainder = self.size % self.batch_size if self.steps > 1 else 0

    def _count_own(self) -> int:
        """The samples of this process, without those that the sampler repeats."""
        sampler = self._sampler
        own = min(len(sampler), len(range(sampler.rank, len(sampler.dataset), sampler.num_replicas)))
        return min(own, (self.steps or own) * (self.batch_size or 1)) if self.batch_size else own

    def on_epoch_begin(self) -> None:
        """Tell the sampler, which shuffles anew."""
        self._epoch += 1
        if hasattr(self._sampler, "set_epoch"):
            self._sampler.set_epoch(self._epoch)

    def batches(self, skip: int = 0) -> Iterator[Batch]:
        items = map(unpack, itertools.islice(self.loader, skip, None))
        return items if not self.apart else self._without_repeated(items, self._kf_own - skip * (self.batch_size or 0))

    def _without_repeated(self, items: Iterator[Batch], left: int) -> Iterator[Batch]:
        for batch in items:
            if left <= 0:
                return
            rows = len(next(x for x in tree.flatten(batch) if x is not None))
            if rows > left:
                batch = tree.map_structure(lambda x: None if x is None else x[:left], batch)  # noqa: B023
            left -= rows
            yield batch

    def _generators(self) -> list[Any]:
        """Generators of torch that its order comes from."""
        loader = self.loader
        inner = getattr(getattr(loader, "batch_sampler", None), "sampler", None)
        found = [getattr(o, "generator", None) for o in (loader, getattr(loader, "sampler", None), inner)]
        return [*{id(g): g for g in found if g is not None and hasattr(g, "get_state")}.values()]

    def mark(self) -> Any:
        own = [g.get_state().numpy() for g in self._generators()]
        return {"own": own, "loader": _own_state(self.loader), "epoch": self._epoch}

    position = mark

    def resume(
        self, mark: object, position: Any, batch: int, random: Callable[[object], None]
    ) -> Iterator[Batch] | None:
        rest = None
        if batch:
            random(None)
            self._set(mark)
            by_itself = _set_own_state(self.loader, position["loader"])
            rest = self.batches()
            for _ in itertools.islice(rest, 0 if by_itself else batch):
                pass
        self._set(position)
        return rest

    def _set(self, saved: Any) -> None:
        self._epoch = saved.get("epoch", -1)
        if hasattr(self._sampler, "set_epoch"):
            self._sampler.set_epoch(self._epoch)
        for generator, state in zip(self._generators(), saved["own"], strict=True):
            generator.set_state(get("torch").convert(np.asarray(state)))


class SequenceData(Data):
    """A `PyDataset`: indexable batches, loaded by its workers.

    Args:
        source: the dataset.
        shuffle: whether the order of batches is shuffled each epoch.
    """

    def __init__(self, source: Any, shuffle: bool | str) -> None:
        from kfront.utils import py_dataset  # worker pools take longer to import than all of training

        self.source, self.shuffle = source, shuffle
        self.steps = source.num_batches
        self.waits = source.workers == 1 and not source.use_multiprocessing
        self._enqueuer = py_dataset.Loader(source)
        self._random: Callable[[], object] | None = None
        self._hooks: list[object] = []  # the generators before each call of a hook, begin and end in turn

    def batches(self, skip: int = 0) -> Iterator[Batch]:
        count = self.steps
        if count is None:
            order: Any = itertools.count(skip)
        elif self.shuffle:
            order = permutation(make_default_seed(), count)[skip:].tolist()
        else:
            order = range(skip, count)
        return map(unpack, self._enqueuer.epoch(order))

    def on_epoch_begin(self) -> None:
        self._note()
        self.source.on_epoch_begin()

    def on_epoch_end(self) -> None:
        self._note()
        self.source.on_epoch_end()

    def close(self) -> None:
        self._enqueuer.close()

    # -- going on in another process -----------------------------------------------------------------------------------

    def _note(self) -> None:
        if self._random is not None and self._enqueuer.changes and not hasattr(self.source, "state_dict"):
            self._hooks.append(self._random())

    def watch(self, random: Callable[[], object]) -> None:
        self._random = random

    def position(self) -> Any:
        return {"source": _own_state(self.source), "hooks": self._hooks}

    def resume(
        self, mark: object, position: Any, batch: int, random: Callable[[object], None]
    ) -> Iterator[Batch] | None:
        """The dataset is given its state if it has a `state_dict`; else its hooks are called as they were before."""
        if not _set_own_state(self.source, position["source"]):
            for i, state in enumerate(position["hooks"]):
                random(state)
                self.source.on_epoch_end() if i % 2 else self.source.on_epoch_begin()
        self._hooks = list(position["hooks"])
        return None


class IndexedData(Data):
    """Samples by number: a torch Dataset, a Hugging Face Dataset, a grain source; put together to batches here.

    Args:
        source: has `__len__` and `__getitem__`.
        batch_size: samples per batch.
        shuffle: as for arrays, with the same order.
        fetch: makes a batch of sample numbers.
        engines: names of engines whose generators of random numbers `source` may draw from.
    """

    waits = True

    def __init__(
        self,
        source: Any,
        batch_size: int,
        shuffle: bool | str,
        fetch: Callable[[Any, Sequence[int]], Any],
        engines: tuple[str, ...] = (),
    ) -> None:
        self.source, self.shuffle, self.fetch, self.engines = source, shuffle, fetch, engines
        self.size = len(source)
        if not self.size:
            raise DataError(f"[fit] expected at least one sample, got an empty {type(source).__name__}.")
        self.batch_size = self._count = check_batch_size(batch_size)
        self.steps = -(-self.size // self._count)
        self.remainder = self.size % self._count if self.steps > 1 else 0

    def batches(self, skip: int = 0) -> Iterator[Batch]:
        return self._iterate(epoch_order(self.size, self._count, self.shuffle), skip)

    def _iterate(self, order: np.ndarray | None, skip: int) -> Iterator[Batch]:
        for i in range(skip * self._count, self.size, self._count):
            stop = min(i + self._count, self.size)
            index = range(i, stop) if order is None else order[i:stop].tolist()
            yield unpack(self.fetch(self.source, index))


def stack(samples: Sequence[object]) -> Any:
    """Samples put together along a new first axis.

    Raises:
        DataError: samples that differ in structure or shape.
    """

    def one(*leaves: Any) -> np.ndarray:
        arrays = [x.numpy() if hasattr(x, "numpy") else np.asarray(x) for x in leaves]
        if any(a.shape != arrays[0].shape for a in arrays[1:]):
            shapes = ", ".join(str(s) for s in sorted({a.shape for a in arrays})[:4])
            raise DataError(f"[fit] expected samples of one shape, got {shapes}; pad them, or use a DataLoader.")
        out = np.stack(arrays)
        return out.astype(floatx()) if out.dtype == np.float64 else out

    return tree.map_structure(one, *samples)


def by_index(source: Any, index: Sequence[int]) -> Any:
    """Samples one by one."""
    return stack([source[i] for i in index])
