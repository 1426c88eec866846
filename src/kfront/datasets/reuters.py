"""Reuters: 11,228 newswires of 1987 in 46 topics, as word numbers (Reuters-21578; Lewis, 1997)."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from kfront.core.errors import ArgumentError
from kfront.datasets._pickles import read_ragged_npz
from kfront.datasets._sequences import prepared, shuffled, word_index
from kfront.utils.file_utils import get_file

__all__ = ["get_label_names", "get_word_index", "load_data"]

_BASE = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"
_SHA256 = "d6586e694ee56d7a4e65172e12b3e987c03096cb01eab99753921ef915959916"
_WORDS_MD5 = "4d44cc38712099c9e383dc6e5f11a921"
_TOPICS = """
    cocoa grain veg-oil earn acq wheat copper housing money-supply coffee sugar trade reserves ship cotton carcass crude
    nat-gas cpi money-fx interest gnp meal-feed alum oilseed gold tin strategic-metal livestock retail ipi iron-steel
    rubber heat jobs lei bop zinc orange pet-chem dlr gas silver wpi hog lead
"""


def __dir__() -> list[str]:
    return list(__all__)


def load_data(
    path: str = "reuters.npz",
    num_words: int | None = None,
    skip_top: int = 0,
    maxlen: int | None = None,
    test_split: float = 0.2,
    seed: int = 113,
    start_char: int | None = 1,
    oov_char: int | None = 2,
    index_from: int = 3,
) -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """The newswires, downloaded once and kept in `~/.keras/datasets` (or under `KERAS_HOME`).

    Words are numbered by how frequent they are; the number 0 is left for padding.

    Args:
        path: name of the file in the cache.
        num_words: numbers from this on become `oov_char`; the greatest number, and only that, if None.
        skip_top: numbers below this become `oov_char`.
        maxlen: newswires of this length or longer are left out; None for none.
        test_split: fraction of the newswires for the test set.
        seed: of the order of the newswires.
        start_char: number at the start of each newswire; None for none.
        oov_char: number that stands for words which are left out; None to drop them.
        index_from: added to the numbers of words.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: object arrays of lists of ints, and int64 topics 0 to 45.

    Raises:
        DataError: the download failed, or the file is damaged.

    Example:

    >>> import kfront
    >>> (x_train, y_train), (x_test, y_test) = kfront.datasets.reuters.load_data(num_words=10_000)  # doctest: +SKIP
    """
    if not 0 <= test_split < 1:
        raise ArgumentError(f"[reuters] expected `test_split` of at least 0 and below 1, got {test_split}.")
    file = Path(get_file(path, origin=_BASE + "reuters.npz", file_hash=_SHA256))
    x, y = read_ragged_npz(file, ("x", "y"))
    x, y = shuffled(x, y, np.random.RandomState(seed))
    x, y = prepared(x, y, num_words, skip_top, maxlen, start_char, oov_char, index_from)
    at = int(len(x) * (1 - test_split))
    return (x[:at], y[:at]), (x[at:], y[at:])


def get_word_index(path: str = "reuters_word_index.json") -> dict[str, int]:
    """The number of each word, before `index_from` is added.

    Args:
        path: name of the file in the cache.

    Returns:
        A dict word -> number, 1 for the most frequent word.

    Raises:
        DataError: the download failed, or the file is damaged.

    Example:

    >>> import kfront
    >>> kfront.datasets.reuters.get_word_index()["the"]  # doctest: +SKIP
    1
    """
    return word_index(get_file(path, origin=_BASE + "reuters_word_index.json", file_hash=_WORDS_MD5))


def get_label_names() -> tuple[str, ...]:
    """The names of the topics, in the order of their numbers.

    Example:

    >>> import kfront
    >>> kfront.datasets.reuters.get_label_names()[3]
    'earn'
    """
    return tuple(_TOPICS.split())
