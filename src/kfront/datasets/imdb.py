"""IMDB: 50,000 reviews of films, good or bad, as word numbers (Maas et al., 2011, ACL P11-1015)."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from kfront.core.errors import ArgumentTypeError
from kfront.datasets._pickles import read_ragged_npz
from kfront.datasets._sequences import prepared, shuffled, word_index
from kfront.utils.file_utils import get_file

__all__ = ["get_word_index", "load_data"]

_BASE = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"
_SHA256 = "69664113be75683a8fe16e3ed0ab59fda8886cb3cd7ada244f7d9544e4676b9f"
_WORDS_MD5 = "bfafd718b763782e994055a2d397834f"


def __dir__() -> list[str]:
    return list(__all__)


def load_data(
    path: str = "imdb.npz",
    num_words: int | None = None,
    skip_top: int = 0,
    maxlen: int | None = None,
    seed: int = 113,
    start_char: int | None = 1,
    oov_char: int | None = 2,
    index_from: int = 3,
    **kwargs: object,
) -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """The reviews, downloaded once and kept in `~/.keras/datasets` (or under `KERAS_HOME`).

    Words are numbered by how frequent they are; the number 0 is left for padding.

    Args:
        path: name of the file in the cache.
        num_words: numbers from this on become `oov_char`; the greatest number, and only that, if None.
        skip_top: numbers below this become `oov_char`.
        maxlen: reviews of this length or longer are left out; None for none.
        seed: of the order of the reviews.
        start_char: number at the start of each review; None for none.
        oov_char: number that stands for words which are left out; None to drop them.
        index_from: added to the numbers of words.
        **kwargs: none.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: object arrays of lists of ints, and int64 labels (0 bad, 1 good).

    Raises:
        DataError: the download failed, or the file is damaged.

    Example:

    >>> import kfront
    >>> (x_train, y_train), (x_test, y_test) = kfront.datasets.imdb.load_data(num_words=10_000)  # doctest: +SKIP
    """
    if kwargs:
        raise ArgumentTypeError(f"[imdb] expected known arguments, got {', '.join(sorted(kwargs))}.")
    file = Path(get_file(path, origin=_BASE + "imdb.npz", file_hash=_SHA256))
    x_train, y_train, x_test, y_test = read_ragged_npz(file, ("x_train", "y_train", "x_test", "y_test"))
    random = np.random.RandomState(seed)
    x_train, y_train = shuffled(x_train, y_train, random)
    x_test, y_test = shuffled(x_test, y_test, random)
    part = np.repeat([0, 1], [len(x_train), len(x_test)])
    labels = np.stack([np.concatenate([y_train, y_test]), part], axis=1)
    x, labels = prepared(
        np.concatenate([x_train, x_test]), labels, num_words, skip_top, maxlen, start_char, oov_char, index_from
    )
    y, at = np.ascontiguousarray(labels[:, 0]), int((labels[:, 1] == 0).sum())
    return (x[:at], y[:at]), (x[at:], y[at:])


def get_word_index(path: str = "imdb_word_index.json") -> dict[str, int]:
    """The number of each word, before `index_from` is added.

    Args:
        path: name of the file in the cache.

    Returns:
        A dict word -> number, 1 for the most frequent word.

    Raises:
        DataError: the download failed, or the file is damaged.

    Example:

    >>> import kfront
    >>> kfront.datasets.imdb.get_word_index()["the"]  # doctest: +SKIP
    1
    """
    return word_index(get_file(path, origin=_BASE + "imdb_word_index.json", file_hash=_WORDS_MD5))
