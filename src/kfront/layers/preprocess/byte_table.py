"""`ByteTable`: numbers of byte strings, looked up many at a time in NumPy.

A hash table with open addressing. A string of up to 15 bytes and its length are two words, which are hashed, found and
compared by whole arrays; longer ones, which are rare among words, are in a dict.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping

import numpy as np

from kfront.layers.preprocess.packed_strings import Packed, pack, word_view

U = np.uint64
_SHORT = 15  # bytes of a string whose length fits into its second word
_MASKS = np.array([(1 << 8 * n) - 1 for n in range(9)], U)
_LOW = _MASKS[np.minimum(np.arange(_SHORT + 1), 8)]  # of each length: the bits that count in the first word
_HIGH = _MASKS[np.maximum(np.arange(_SHORT + 1) - 8, 0)]
_LENGTH = np.arange(_SHORT + 1, dtype=U) << U(56)
_MIX = (U(0x9E3779B97F4A7C15), U(0xC2B2AE3D27D4EB4F), U(0xD6E8FEB86659FD93))  # odd, with about as many ones as zeros
_EMPTY = U(0xFF) << U(56)  # no length
_MOST = 64  # places that a string may be away from where it belongs; more only if strings were chosen for that


class ByteTable:
    """byte string -> number.

    Args:
        numbers: the number of each string.
        missing: the number of any other.

    Attributes:
        whole: whether short strings are looked up by arrays; not where too many of them share a hash.
    """

    def __init__(self, numbers: Mapping[bytes, int], missing: int) -> None:
        self.missing = missing
        self.long = {k: n for k, n in numbers.items() if len(k) > _SHORT}
        short = [k for k in numbers if len(k) <= _SHORT]
        bits = max(4 * len(short) - 1, 1).bit_length()
        self.shift = U(64 - bits)
        low, high = _keys(pack(short))
        self.low, self.high = np.zeros(1 << bits, U), np.full(1 << bits, _EMPTY, U)
        self.number = np.full(1 << bits, missing, "int64")
        self.whole = self._fill(low, high, np.array([numbers[k] for k in short], "int64"))
        if not self.whole:
            self.long = dict(numbers)

    def _at(self, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        mixed = low * _MIX[0]
        mixed += high * _MIX[1]
        mixed ^= mixed >> U(29)
        mixed *= _MIX[2]
        mixed >>= self.shift
        return mixed.view("int64")

    def _fill(self, low: np.ndarray, high: np.ndarray, numbers: np.ndarray) -> bool:
        at, owner = self._at(low, high), np.full(len(self.low), -1)
        left = np.arange(len(low))
        for _ in range(_MOST):
            free = owner[at] < 0
            owner[at[free]] = left[free]  # of several that come to one place the last stays
            again = owner[at] != left
            left, at = left[again], (at[again] + 1) & (len(owner) - 1)
            if not left.size:
                break
        taken = np.flatnonzero(owner >= 0)
        of = owner[taken]
        self.low[taken], self.high[taken], self.number[taken] = low[of], high[of], numbers[of]
        return not left.size

    def find(self, packed: Packed) -> np.ndarray:
        """The number of each string, int64."""
        if not self.whole:
            return self._find_long(packed, packed.start, packed.length)
        long = np.flatnonzero(packed.length > _SHORT)
        if long.size:
            packed = Packed(packed.data, packed.start, packed.length.copy())
            packed.length[long], length = 0, packed.length[long]
        low, high = _keys(packed)
        at = self._at(low, high)
        out = self.number.take(at)
        there = self.high.take(at)
        other = there != high
        other |= self.low.take(at) != low
        left = np.flatnonzero(other)
        while left.size:
            out[left] = self.missing
            left = left[there[left] != _EMPTY]
            at[left] = step = (at[left] + 1) & (len(self.number) - 1)
            there[left] = self.high[step]
            same = (there[left] == high[left]) & (self.low[step] == low[left])
            out[left[same]] = self.number[step[same]]
            left = left[~same]
        if long.size:
            out[long] = self._find_long(packed, packed.start[long], length) if self.long else self.missing
        return out

    def _find_long(self, packed: Packed, start: np.ndarray, length: np.ndarray) -> np.ndarray:
        data = packed.data.tobytes()
        strings = [data[a:b] for a, b in zip(start.tolist(), (start + length).tolist(), strict=True)]
        return np.fromiter(map(self.long.get, strings, itertools.repeat(self.missing)), "int64", len(strings))


def _keys(packed: Packed) -> tuple[np.ndarray, np.ndarray]:
    """Two words for each string of up to 15 bytes."""
    words, length = word_view(packed.data), packed.length
    low = words[packed.start] & _LOW.take(length)
    high = words[packed.start + 8] & _HIGH.take(length)
    high |= _LENGTH.take(length)
    return low, high
