"""Data of which each process has a part of its own: steps that all can take together, each sample once.

Where all have as many samples for a step, each computes its own. Where they have not, as when some run out of data
before the others, what there is for the step is brought together, and the step is that of a batch which all have.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from kfront.core import tree
from kfront.core.errors import DataError

if TYPE_CHECKING:
    from kfront.backends.distributor import Distributor

_UNKNOWN = -1


class Length(NamedTuple):
    """How much data there is for a loop.

    Attributes:
        batches: their number; -1 if it is not known, or not how large they are.
        size: samples of a batch.
        last: samples of the last one.
    """

    batches: int
    size: int
    last: int

    def at(self, step: int) -> int:
        """The samples of a step."""
        return 0 if step >= self.batches else self.last if step == self.batches - 1 else self.size


def level(
    distributor: Distributor, shards: int, devices: int, batches: Iterator[object], length: Length
) -> Iterator[Any]:
    """Batches for steps of all processes, each of which has data of its own; how they are to be fed is noted.

    Args:
        distributor: brings things together, and is told of each batch whether all have it.
        shards: how many parts the data have; processes that hold one replica together have the same.
        devices: which have to divide what all processes have for a step.
        batches: of this process.
        length: of these.

    Raises:
        DataError: this process has none, or other sizes than its source said.
    """
    count = distributor.processes()[0]
    leaders = [next(r for r in range(count) if r * shards // count == i) for i in range(shards)]
    told = distributor.everyones(list(length))
    lengths = [Length(*told[r]) for r in leaders]
    known, last = all(n.batches != _UNKNOWN for n in lengths), None
    for step in itertools.count():
        batch = next(batches, None)
        rows = 0 if batch is None else _rows(batch)
        if known:
            sizes = [n.at(step) for n in lengths]
            if rows != length.at(step):
                raise DataError(f"[fit] expected {length.at(step)} samples in batch {step}, got {rows}.")
        else:
            everyones = distributor.everyones([rows])
            sizes = [everyones[r][0] for r in leaders]
        if not any(sizes):
            return
        last = batch if batch is not None else last
        alike = len(set(sizes)) == 1 and sum(sizes) % devices == 0
        distributor.shared.append(not alike)
        yield batch if alike else _together(distributor, leaders, last, rows)


def _rows(batch: object) -> int:
    return len(next(x for x in tree.flatten(batch) if x is not None))


def _together(distributor: Distributor, leaders: list[int], batch: object, rows: int) -> Any:
    """The batch that the parts of all make."""
    if batch is None:
        raise DataError(
            "[fit] expected at least one batch of its own data in each process, got none; give it some, or pass "
            "`auto_shard_dataset=True` and the same data to all."
        )
    own = tree.map_structure(lambda x: None if x is None else np.asarray(x)[:rows], batch)
    found = distributor.gather(own)
    return tree.map_structure(
        lambda *parts: None if parts[0] is None else np.concatenate(parts), *(found[r] for r in leaders)
    )
