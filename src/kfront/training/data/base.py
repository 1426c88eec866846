"""What all sources of training data have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from itertools import islice
from typing import Any

from kfront.backends.leveling import Length
from kfront.config import read_ahead
from kfront.core.errors import DataError
from kfront.training.data.ahead import ReadAhead

Batch = tuple[Any, Any, Any]


class Data:
    """One source of batches.

    Attributes:
        steps: batches per epoch, None when it is not known.
        batch_size: samples per batch, None when it is not known.
        size: samples of an epoch, -1 when it is not known.
        remainder: samples in the last batch of an epoch where that is smaller than the others, else 0.
        fresh: whether the arrays of a batch are new ones, to which there is no other reference.
        stays: whether they are not written to while a loop runs, unless by callbacks.
        waits: whether its batches are made when they are asked for, so that a slow one is worth reading ahead.
        engines: names of engines whose generators of random numbers it draws from.
        apart: whether its samples are one part of those of all processes, as a distributed sampler gives them.
    """

    steps: int | None = None
    batch_size: int | None = None
    size: int = -1
    remainder: int = 0
    fresh: bool = False
    stays: bool = False
    waits: bool = False
    engines: tuple[str, ...] = ()
    apart: bool = False

    def length(self, most: int | None, done: int) -> Length:
        """How much there is in what is left of an epoch.

        Args:
            most: how many batches will be taken at most, None for all.
            done: how many have been.
        """
        if self.size < 0 or self.steps is None or self.batch_size is None:
            return Length(-1, 0, 0)
        left = self.steps - done
        whole = most is None or most >= left
        last = self.size - (self.steps - 1) * self.batch_size if whole else self.batch_size
        return Length(left if most is None else min(left, most), self.batch_size, last)

    def ahead(
        self, batches: Iterator[Batch], most: int | None, followed: bool
    ) -> AbstractContextManager[Iterator[Batch]]:
        """Context that gives the batches of an epoch, made ahead in another thread where that helps.

        Args:
            batches: an iterator over them.
            most: how many will be taken at most, None for all.
            followed: whether a callback saves the position of the source, which must then not run ahead.
        """
        # else the thread would draw random numbers between those that the steps draw
        alone = self.waits and not self.engines
        depth = read_ahead() if alone and not followed else 0
        return ReadAhead(batches, depth, most) if depth else nullcontext(islice(batches, most))

    def batches(self, skip: int = 0) -> Iterator[Batch]:
        """The batches of one epoch, without the first `skip`."""
        raise NotImplementedError

    def on_epoch_begin(self) -> None:
        """Called before each epoch."""

    def on_epoch_end(self) -> None:
        """Called after each epoch."""

    def close(self) -> None:
        """Called once when the loop ends, however it ends."""

    # -- continuing in another process; see `kfront.training.progress` -------------------------------------------------

    def watch(self, random: Callable[[], object]) -> None:
        """From now on `mark` and `position` are asked for.

        Args:
            random: gives the states of the process's generators of random numbers.
        """

    def mark(self) -> Any:
        """What the epoch whose iterator is made next depends on, beside the process's generators."""
        return None

    def position(self) -> Any:
        """The position of the source, in a form of its own."""
        return None

    def resume(
        self, mark: object, position: object, batch: int, random: Callable[[object], None]
    ) -> Iterator[Batch] | None:
        """Set a new source to the position of an old one.

        Args:
            mark: of the epoch that was cut off.
            position: of the old source.
            batch: batches that were taken from that epoch.
            random: sets the states of the process's generators, with None to those at the time of the mark.

        Returns:
            An iterator over the rest of the epoch; None if `batches(batch)` is one.
        """
        return None

    def go_to(self, position: object) -> None:
        """Set a new source, between two epochs, to the position of an old one."""


def origin(x: object) -> str:
    """Modules of the classes of `x`, to recognize a library without importing it."""
    return " ".join(c.__module__ for c in type(x).__mro__)


def unpack(item: object) -> Batch:
    """A batch as (x, y, sample_weight).

    Raises:
        DataError: for a tuple of more than three.
    """
    if isinstance(item, list):
        item = tuple(item)
    if not isinstance(item, tuple):
        return item, None, None
    if len(item) == 1:
        return item[0], None, None
    if len(item) == 2:
        return item[0], item[1], None
    if len(item) == 3:
        return item[0], item[1], item[2]
    raise DataError(
        f"[fit] expected batches (x,), (x, y) or (x, y, sample_weight), got a tuple of {len(item)}; several inputs go "
        "in one list or dict as x."
    )
