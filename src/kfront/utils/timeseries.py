"""`timeseries_dataset_from_array`."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from kfront.backends import current
from kfront.core.dtypes import standardize
from kfront.core.errors import ArgumentError, DataError
from kfront.core.rng import host_generator
from kfront.core.spec import Abstract
from kfront.utils.dataset import Dataset
from kfront.utils.dataset_files import as_format, seed_for


def timeseries_dataset_from_array(
    data: object,
    targets: object,
    sequence_length: int,
    sequence_stride: int = 1,
    sampling_rate: int = 1,
    batch_size: int | None = 128,
    shuffle: bool = False,
    seed: int | None = None,
    start_index: int | None = None,
    end_index: int | None = None,
    format: str = "tf",
) -> Any:
    """Windows of a series as a data set, with a target for each.

    Args:
        data: array of shape (steps, ...).
        targets: array whose element `i` belongs to the window that starts at step `i`; None for windows alone.
        sequence_length: steps of a window.
        sequence_stride: steps from one window to the next.
        sampling_rate: steps from one to the next inside a window.
        batch_size: windows per batch; None for single ones.
        shuffle: whether windows come in random order, another in each epoch, instead of that of time.
        seed: of the order.
        start_index: first step to use.
        end_index: step before which to stop.
        format: "tf" for a `tf.data.Dataset` on TensorFlow, and on every other engine a `kfront.utils.dataset.Dataset`,
            which has its methods; "grain" for a dataset of Grain.

    Returns:
        a data set of windows of shape (batch, sequence_length, ...), or of tuples (windows, targets).

    Raises:
        ArgumentError: a number is out of bounds.

    Example:

    >>> import numpy as np, kfront
    >>> series = np.arange(10)
    >>> windows = kfront.utils.timeseries_dataset_from_array(series[:-3], series[3:], 3, batch_size=2)
    >>> x, y = next(iter(windows))
    >>> kfront.ops.convert_to_numpy(x).tolist(), kfront.ops.convert_to_numpy(y).tolist()
    ([[0, 1, 2], [1, 2, 3]], [3, 4])
    """
    data = np.asarray(data)
    low, high = _bounds(len(data), start_index, end_index)
    for name, value in (("sequence_length", sequence_length), ("sequence_stride", sequence_stride)):
        _whole(name, value, high - low)
    _whole("sampling_rate", sampling_rate, high - low)
    targets = None if targets is None else np.asarray(targets)
    last = high - low - (sequence_length - 1) * sampling_rate
    if targets is not None:
        last = min(last, len(targets) - low)
    starts = np.arange(0, max(last, 0), sequence_stride)
    if not len(starts):
        raise DataError(
            f"[timeseries_dataset_from_array] expected at least one window of {sequence_length} steps at a rate of "
            f"{sampling_rate} in {high - low} steps, got none."
        )
    windows = _Windows(data[low:high], targets if targets is None else targets[low:], starts,
                       np.arange(sequence_length) * sampling_rate)  # fmt: skip
    number = seed_for(seed) if shuffle else None
    if format != "tf":
        options = {"batch_size": batch_size, "format": format}
        return as_format("timeseries_dataset_from_array", windows, windows.spec(None), options, number, {})
    made = Dataset(windows.epochs(batch_size, number), -(-len(starts) // batch_size) if batch_size else len(starts))
    return current().dataset(made, windows.spec(batch_size))


class _Windows:
    def __init__(self, data: np.ndarray, targets: np.ndarray | None, starts: np.ndarray, steps: np.ndarray) -> None:
        self.data, self.targets, self.starts, self.steps = data, targets, starts, steps

    def __len__(self) -> int:
        return len(self.starts)

    def __getitem__(self, index: int) -> np.ndarray | tuple[np.ndarray, np.ndarray]:
        return self.at(self.starts[index])

    def at(self, starts: Any) -> Any:
        """The windows that begin at these steps, taken in one go."""
        x = self.data[np.asarray(starts)[..., None] + self.steps]
        return x if self.targets is None else (x, self.targets[starts])

    def epochs(self, batch_size: int | None, seed: int | None) -> Callable[[], Iterator[Any]]:
        """What gives the batches of an epoch; with a seed they are others in each."""
        rounds = itertools.count()

        def epoch() -> Iterator[Any]:
            order = self.starts
            if seed is not None:
                order = host_generator(seed + next(rounds)).permutation(order)
            blocks = np.split(order, range(batch_size, len(order), batch_size)) if batch_size is not None else order
            return map(self.at, blocks)

        return epoch

    def spec(self, batch_size: int | None) -> Any:
        batch: tuple[Any, ...] = () if batch_size is None else (None,)
        x = Abstract((*batch, len(self.steps), *self.data.shape[1:]), standardize(self.data.dtype))
        if self.targets is None:
            return x
        return x, Abstract((*batch, *self.targets.shape[1:]), standardize(self.targets.dtype))


def _bounds(steps: int, start: int | None, end: int | None) -> tuple[int, int]:
    for name, value in (("start_index", start), ("end_index", end)):
        if value is not None and not (name == "end_index") <= value <= steps:
            raise ArgumentError(
                f"[timeseries_dataset_from_array] expected `{name}` between 0 and {steps}, the steps there are, got "
                f"{value}."
            )
    low, high = start or 0, steps if end is None else end
    if low >= high:
        raise ArgumentError(f"[timeseries_dataset_from_array] expected start_index < end_index, got {low} and {high}.")
    return low, high


def _whole(name: str, value: object, most: int) -> None:
    if not isinstance(value, (int, np.integer)) or not 0 < value <= most:
        raise ArgumentError(f"[timeseries_dataset_from_array] expected `{name}` between 1 and {most}, got {value!r}.")
