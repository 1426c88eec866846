"""Windows of time series, and pairs of words that stand near each other."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np

from kfront.core.errors import ArgumentError
from kfront.core.typing import Config
from kfront.utils import PyDataset

Steps: TypeAlias = Any
"""What has a length and slices: an array, or a list."""

__all__ = ["TimeseriesGenerator", "make_sampling_table", "skipgrams"]

_EULER = 0.577  # the constant of Euler and Mascheroni, in as many digits as the table's first makers gave


def __dir__() -> list[str]:
    return list(__all__)


class TimeseriesGenerator(PyDataset):
    """Batches of windows of a time series, each with the target that follows it.

    Args:
        data: sequence of steps, such as an array of shape (steps, ...).
        targets: one for each step.
        length: how many steps back a window begins.
        sampling_rate: distance of the steps in a window.
        stride: distance of windows.
        start_index, end_index: steps before the first and behind the second are not used.
        shuffle: whether windows are drawn at random, with NumPy's generator, instead of in turn.
        reverse: whether windows run back in time.
        batch_size: number of windows in a batch.
        **kwargs: workers, use_multiprocessing, max_queue_size.

    Raises:
        ArgumentError: if data and targets differ in length, or no window fits.

    Example:

    >>> import numpy as np
    >>> windows, targets = TimeseriesGenerator(np.arange(9), np.arange(9), length=3, batch_size=2)[0]
    >>> windows.tolist(), targets.tolist()
    ([[0, 1, 2], [1, 2, 3]], [3, 4])
    """

    def __init__(
        self,
        data: Steps,
        targets: Steps,
        length: int,
        sampling_rate: int = 1,
        stride: int = 1,
        start_index: int = 0,
        end_index: int | None = None,
        shuffle: bool = False,
        reverse: bool = False,
        batch_size: int = 128,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if len(data) != len(targets):
            raise ArgumentError(
                f"[TimeseriesGenerator] expected as many targets as steps, got {len(targets)} and {len(data)}."
            )
        self.data, self.targets, self.length, self.sampling_rate = data, targets, length, sampling_rate
        self.stride, self.shuffle, self.reverse, self.batch_size = stride, shuffle, reverse, batch_size
        self.start_index = start_index + length
        self.end_index = len(data) - 1 if end_index is None else end_index
        if self.start_index > self.end_index:
            raise ArgumentError(
                f"[TimeseriesGenerator] expected room for a window, got one of {length} steps that would end at "
                f"{self.start_index}, behind the last step {self.end_index}; give more data or a smaller `length`."
            )

    def __len__(self) -> int:
        step = self.batch_size * self.stride
        return (self.end_index - self.start_index + step) // step

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        if self.shuffle:
            ends = np.random.randint(self.start_index, self.end_index + 1, size=self.batch_size)
        else:
            first = self.start_index + self.batch_size * self.stride * index
            ends = np.arange(first, min(first + self.batch_size * self.stride, self.end_index + 1), self.stride)
        windows = np.array([self.data[end - self.length : end : self.sampling_rate] for end in ends])
        return windows[:, ::-1, ...] if self.reverse else windows, np.array([self.targets[end] for end in ends])

    def get_config(self) -> Config:
        """Arguments; data and targets as JSON."""
        names = "data targets length sampling_rate stride start_index end_index shuffle reverse batch_size"
        config = {name: getattr(self, name) for name in names.split()}
        return config | {name: _as_json(config[name]) for name in ("data", "targets")}

    def to_json(self, **kwargs: Any) -> str:
        """The config as JSON; keywords are those of `json.dumps`."""
        return json.dumps({"class_name": type(self).__name__, "config": self.get_config()}, **kwargs)


def _as_json(values: Steps) -> str:
    return json.dumps(values.tolist() if isinstance(values, np.ndarray) else values)


def make_sampling_table(size: int, sampling_factor: float = 1e-05) -> np.ndarray:
    """For each rank of frequency, the share of its words that `skipgrams` keeps: frequent words are kept seldom.

    Args:
        size: how many ranks.
        sampling_factor: frequency (estimated after Zipf's law) from which on words are left out.

    Returns:
        A NumPy array of shape (size,).

    Reference: Mikolov et al., 2013, arXiv:1310.4546.

    Example:

    >>> make_sampling_table(3, 1e-3).round(3).tolist()
    [0.032, 0.032, 0.055]
    """
    rank = np.arange(size)
    rank[0] = 1
    inverse = rank * (np.log(rank) + _EULER) + 0.5 - 1 / (12 * rank)  # of the frequency
    share = sampling_factor * inverse
    return np.minimum(1.0, share / np.sqrt(share))


def skipgrams(
    sequence: Sequence[int],
    vocabulary_size: int,
    window_size: int = 4,
    negative_samples: float = 1.0,
    shuffle: bool = True,
    categorical: bool = False,
    sampling_table: Sequence[float] | np.ndarray | None = None,
    seed: int | None = None,
) -> tuple[list[list[int]], Sequence[int | list[int]]]:
    """Pairs of words that stand near each other, and pairs of words drawn at random (with Python's generator).

    Args:
        sequence: word numbers; 0 is no word.
        vocabulary_size: the greatest word number, plus 1.
        window_size: how far two words may be apart.
        negative_samples: random pairs for each real one.
        shuffle: whether to mix the pairs.
        categorical: whether labels are [0, 1] and [1, 0] instead of 1 and 0.
        sampling_table: share of each word's places that count, see `make_sampling_table`.
        seed: of the mixing.

    Returns:
        Tuple (pairs, labels), 1 for real pairs.

    Reference: Mikolov et al., 2013, arXiv:1301.3781.

    Example:

    >>> skipgrams([1, 2, 3], 4, window_size=1, negative_samples=0, shuffle=False)
    ([[1, 2], [2, 1], [2, 3], [3, 2]], [1, 1, 1, 1])
    """
    pairs: list[list[int]] = []
    for at, word in enumerate(sequence):
        if word and (sampling_table is None or sampling_table[word] >= random.random()):
            near = range(max(0, at - window_size), min(len(sequence), at + window_size + 1))
            pairs += [[word, sequence[other]] for other in near if other != at and sequence[other]]
    real, drawn = len(pairs), int(len(pairs) * negative_samples)
    if drawn > 0:
        words = [word for word, _ in pairs]
        random.shuffle(words)
        pairs += [[words[k % real], random.randint(1, vocabulary_size - 1)] for k in range(drawn)]
    yes, no = ([0, 1], [1, 0]) if categorical else (1, 0)
    labels = [yes] * real + [no] * drawn
    if shuffle:
        seed = random.randint(0, 10_000_000) if seed is None else seed
        for values in (pairs, labels):  # both in the same order
            random.seed(seed)
            random.shuffle(values)
    return pairs, labels
