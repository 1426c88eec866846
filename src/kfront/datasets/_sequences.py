"""What IMDB and Reuters share: reviews and newswires as lists of word numbers."""

from __future__ import annotations

import itertools

import numpy as np

from kfront.core.errors import ArgumentError, DataError
from kfront.core.guard import parse_json

Parts = tuple[np.ndarray, np.ndarray]


def shuffled(x: np.ndarray, y: np.ndarray, random: np.random.RandomState) -> Parts:
    """Both in the same new order."""
    order = np.arange(len(x))
    random.shuffle(order)
    return x[order], y[order]


def prepared(
    x: np.ndarray,
    y: np.ndarray,
    num_words: int | None,
    skip_top: int,
    maxlen: int | None,
    start_char: int | None,
    oov_char: int | None,
    index_from: int,
) -> Parts:
    """Sequences with their start marked, words renumbered, rare and frequent ones replaced, long ones left out.

    Args:
        x: object array of lists of ints.
        y: labels.
        num_words: word numbers from this on are replaced; the greatest number if None.
        skip_top: word numbers below this are replaced.
        maxlen: sequences of this length or longer are left out; None for none.
        start_char: put before each sequence; None for nothing.
        oov_char: the index of a replaced word; None to leave it out.
        index_from: added to word numbers.

    Raises:
        ArgumentError: `maxlen` leaves nothing.
    """
    lengths = np.fromiter(map(len, x), "int64", len(x))
    flat = np.fromiter(itertools.chain.from_iterable(x), "int64", int(lengths.sum())) + (index_from or 0)
    if start_char is not None:
        flat = np.insert(flat, np.cumsum(lengths) - lengths, start_char)
        lengths = lengths + 1
    if maxlen:
        keep = lengths < maxlen
        if not keep.any():
            raise ArgumentError(f"[load_data] expected `maxlen` above the shortest sequence, got {maxlen}.")
        flat, y, lengths = flat[np.repeat(keep, lengths)], y[keep], lengths[keep]
    good = (flat >= skip_top) & (flat < (num_words or flat.max(initial=0)))
    if oov_char is not None:
        flat = np.where(good, flat, oov_char)
    else:
        rows = np.repeat(np.arange(len(lengths)), lengths)
        lengths = np.bincount(rows[good], minlength=len(lengths))
        flat = flat[good]
    values, ends = flat.tolist(), np.cumsum(lengths).tolist()
    out = np.empty(len(lengths), object)
    out[:] = [values[a:b] for a, b in zip([0, *ends], ends, strict=False)]
    return out, y


def word_index(path: str) -> dict[str, int]:
    """Words and their numbers out of a JSON file.

    Raises:
        DataError: it holds something else.
    """
    with open(path, "rb") as file:
        found: object = parse_json(file.read(), path)
    if not isinstance(found, dict) or not all(type(n) is int for n in found.values()):
        raise DataError(f"[datasets] expected words and their numbers in {path}, got something else; delete the file.")
    return found
