"""`pack_sequences`: several sequences in one row, so that little is filled up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from kfront.core.errors import ArgumentError, ShapeError


class PackedSequences(NamedTuple):
    """Sequences in rows, as `pack_sequences` gives them.

    Attributes:
        tokens: array of shape (rows, length).
        segment_ids: int32 array of that shape: 1 for the first sequence of a row, and so on; 0 where it is filled up.
        positions: int32 array of that shape: places in the sequences, from 0.
        sources: (row, start, stop) of each sequence, in the order in which they were given.

    Example:

    >>> import kfront
    >>> packed = kfront.utils.pack_sequences([[5, 6], [7]], length=3)
    >>> packed.tokens[packed.sources[1][0], packed.sources[1][1]]
    np.int64(7)
    """

    tokens: np.ndarray
    segment_ids: np.ndarray
    positions: np.ndarray
    sources: list[tuple[int, int, int]]


def pack_sequences(sequences: Sequence[Sequence[int] | np.ndarray], length: int, pad: int = 0) -> PackedSequences:
    """Put sequences into rows of one length, several in each: the longest first, each where least is left.

    Attention that gets `segment_ids` keeps them apart, embeddings take `positions`, and a loss that is weighted with
    ``segment_ids > 0`` leaves out what is filled up: then the numbers are those of sequences in rows of their own.

    Args:
        sequences: tokens of each sequence, one or more and at most `length`.
        length: of the rows.
        pad: token that fills up rows.

    Returns:
        The rows, in tuples of arrays.

    Raises:
        ArgumentError: a length is not allowed.
        ShapeError: a sequence is empty, too long, or no sequence.

    Example:

    >>> import kfront
    >>> packed = kfront.utils.pack_sequences([[1, 2], [3, 4, 5, 6], [7], [8]], length=4)
    >>> packed.tokens.tolist(), packed.segment_ids.tolist()
    ([[3, 4, 5, 6], [1, 2, 7, 8]], [[1, 1, 1, 1], [1, 1, 2, 3]])
    >>> packed.positions.tolist()
    [[0, 1, 2, 3], [0, 1, 0, 0]]
    """
    if isinstance(length, bool) or not isinstance(length, int) or length < 1:
        raise ArgumentError(f"[pack_sequences] expected `length` to be a positive int, got {length!r}.")
    arrays = [np.asarray(s) for s in sequences]
    for i, a in enumerate(arrays):
        if a.ndim != 1 or not 0 < len(a) <= length:
            raise ShapeError(
                f"[pack_sequences] expected sequences of 1 to {length} tokens, got shape {a.shape} for number {i}; cut "
                "it, or make the rows longer."
            )
    places, rows = _places([len(a) for a in arrays], length)
    tokens = np.full((rows, length), pad, np.result_type(*arrays) if arrays else np.int64)
    segment_ids, positions = (np.zeros((rows, length), np.int32) for _ in range(2))
    counts = [0] * rows
    for i in sorted(range(len(arrays)), key=lambda i: places[i]):
        row, start, stop = places[i]
        counts[row] += 1
        tokens[row, start:stop] = arrays[i]
        segment_ids[row, start:stop] = counts[row]
        positions[row, start:stop] = np.arange(stop - start)
    return PackedSequences(tokens, segment_ids, positions, places)


def _places(lengths: list[int], length: int) -> tuple[list[tuple[int, int, int]], int]:
    """(row, start, stop) of each sequence and the number of rows, by best fit of decreasing lengths."""
    with_room: list[list[int]] = [[] for _ in range(length + 1)]  # rows by how many places are left
    some = 0  # bit i: whether a row has i places left
    places, rows = [(0, 0, 0)] * len(lengths), 0
    for i in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
        fitting = some >> lengths[i] << lengths[i]
        left = (fitting & -fitting).bit_length() - 1 if fitting else length
        if not fitting:
            with_room[left].append(rows)
            rows += 1
        row = with_room[left].pop()
        if not with_room[left]:
            some &= ~(1 << left)
        places[i] = (row, length - left, length - left + lengths[i])
        with_room[left - lengths[i]].append(row)
        some |= 1 << (left - lengths[i])
    return places, rows
