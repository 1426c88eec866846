"""Stable 64-bit hashes of many strings at once: FarmHash's fingerprint and SipHash, in NumPy.

The values are those of the published functions, on every machine; strings of one length class are hashed together.

References:
    FarmHash (G. Pike, 2014): https://github.com/google/farmhash
    SipHash: a fast short-input PRF (Aumasson and Bernstein, 2012): https://www.131002.net/siphash/siphash.pdf
"""

from __future__ import annotations

from typing import Any

import numpy as np

from kfront.core.typing import TensorLike
from kfront.layers.preprocess.packed_strings import Packed, word_view

U = np.uint64
_K0, _K1, _K2 = U(0xC3A5C85C97CB3127), U(0xB492B66FBE98F273), U(0x9AE16A3B2F90404F)
_CAT = U(0xC6A4A7935BD1E995)
_CROSS_KEY = U(0xDECAFCAFFE)

Words = np.ndarray  # uint64; sums and products wrap around


def _right(x: Words, n: int) -> Words:
    return (x >> U(n)) | (x << U(64 - n))


def _mix(x: Words) -> Words:
    return x ^ (x >> U(47))


class _Reader:
    """Little-endian words of some of the strings, at a distance from where each begins."""

    def __init__(self, packed: Packed, which: np.ndarray) -> None:
        data = packed.data
        self.data, self.at, self.length = data, packed.start[which], packed.length[which]
        self.size = self.length.astype("uint64")
        # every offset is a word: overlapping, read without alignment
        self.words = word_view(data)
        self.halves = np.ndarray((max(len(data) - 7, 0),), "<u4", data, strides=(1,))

    def word(self, distance: int, end: bool = False) -> Words:
        return self.words[self.at + (self.length + distance if end else distance)].astype(U, copy=False)

    def half(self, distance: int, end: bool = False) -> Words:
        return self.halves[self.at + (self.length + distance if end else distance)].astype(U)


# ---- FarmHash's Fingerprint64 ----------------------------------------------------------------------------------------


def fingerprint(packed: Packed) -> np.ndarray:
    """FarmHash's Fingerprint64 of each string.

    Args:
        packed: any number of strings.

    Returns:
        uint64 array.
    """
    out = np.full(len(packed.start), _K2, U)  # that of the empty string
    limits = ((1, 3, _to3), (4, 7, _to7), (8, 16, _to16), (17, 32, _to32), (33, 64, _to64))
    with np.errstate(over="ignore"):
        for low, high, function in limits:
            which = np.flatnonzero((packed.length >= low) & (packed.length <= high))
            if which.size:
                out[which] = function(_Reader(packed, which))
        which = np.flatnonzero(packed.length > 64)
        if which.size:
            out[which] = _longer(packed, which)
    return out


def _pair(u: Words, v: Words, mul: Words) -> Words:
    a = _mix((u ^ v) * mul)
    return _mix((v ^ a) * mul) * mul


def _to3(r: _Reader) -> Words:
    a, b, c = (r.data[at].astype(U) for at in (r.at, r.at + (r.length >> 1), r.at + r.length - 1))
    return _mix((a + (b << U(8))) * _K2 ^ (r.size + (c << U(2))) * _K0) * _K2


def _to7(r: _Reader) -> Words:
    return _pair(r.size + (r.half(0) << U(3)), r.half(-4, end=True), _K2 + r.size * U(2))


def _to16(r: _Reader) -> Words:
    mul = _K2 + r.size * U(2)
    a, b = r.word(0) + _K2, r.word(-8, end=True)
    return _pair(_right(b, 37) * mul + a, (_right(a, 25) + b) * mul, mul)


def _to32(r: _Reader) -> Words:
    mul = _K2 + r.size * U(2)
    a, b, c, d = r.word(0) * _K1, r.word(8), r.word(-8, end=True) * mul, r.word(-16, end=True) * _K2
    return _pair(_right(a + b, 43) + _right(c, 30) + d, a + _right(b + _K2, 18) + c, mul)


def _to64(r: _Reader) -> Words:
    mul = _K2 + r.size * U(2)
    a, b, c, d = r.word(0) * _K2, r.word(8), r.word(-8, end=True) * mul, r.word(-16, end=True) * _K2
    y = _right(a + b, 43) + _right(c, 30) + d
    z = _pair(y, a + _right(b + _K2, 18) + c, mul)
    e, f = r.word(16) * mul, r.word(24)
    g, h = (y + r.word(-32, end=True)) * mul, (z + r.word(-24, end=True)) * mul
    return _pair(_right(e + f, 43) + _right(g, 30) + h, e + _right(f + a, 18) + g, mul)


def _longer(packed: Packed, which: np.ndarray) -> Words:
    """Strings over 64 bytes, together, longest first, so that those that are through fall off the end."""
    order = np.argsort(-packed.length[which], kind="stable")
    r = _Reader(packed, which[order])
    blocks = (r.length - 1) // 64
    n = len(blocks)
    state = np.zeros((7, n), U)  # x, y, z, v0, v1, w0, w1
    state[0] = U(81) * _K2 + r.word(0)
    state[1] = U(81) * _K1 + U(113)
    state[2] = _mix(state[1] * _K2 + U(113)) * _K2
    for i in range(int(blocks[0])):
        live = int(np.searchsorted(-blocks, -i, "left"))  # those with more than i blocks
        state[:, :live] = _block(r, state[:, :live], r.at[:live] + 64 * i, _K1, last=False)
    rest = ((r.length - 1) & 63).astype(U)
    mul = _K1 + ((state[2] & U(0xFF)) << U(1))
    state[5] += rest
    state[3] += state[5]
    state[5] += state[3]
    x, y, z, v0, v1, w0, w1 = _block(r, state, r.at + r.length - 64, mul, last=True)
    out = np.empty(n, U)
    out[order] = _pair(_pair(v0, w0, mul) + _mix(y) * _K0 + z, _pair(v1, w1, mul) + x, mul)
    return out


def _block(r: _Reader, state: Words, at: np.ndarray, mul: object, last: bool) -> Words:
    x, y, z, v0, v1, w0, w1 = state
    word = lambda k: r.words[at + 8 * k].astype(U, copy=False)  # noqa: E731
    nine = U(9) if last else U(1)
    x = _right(x + y + v0 + word(1), 37) * mul
    y = _right(y + v1 + word(6), 42) * mul
    x = x ^ (w1 * nine)
    y = y + v0 * nine + word(5)
    z = _right(z + w0, 33) * mul
    v0, v1 = _weak(word(0), word(1), word(2), word(3), v1 * mul, x + w0)
    w0, w1 = _weak(word(4), word(5), word(6), word(7), z + w1, y + word(2))
    return np.stack([z, y, x, v0, v1, w0, w1])


def _weak(w: Words, x: Words, y: Words, z: Words, a: Words, b: Words) -> tuple[Words, Words]:
    a = a + w
    b = _right(b + a + z, 21)
    c = a
    a = a + x + y
    return a + z, b + _right(a, 44) + c


# ---- SipHash-2-4 -----------------------------------------------------------------------------------------------------


def siphash(packed: Packed, key: tuple[int, int]) -> np.ndarray:
    """SipHash-2-4 of each string.

    Args:
        packed: any number of strings.
        key: two unsigned 64-bit integers.

    Returns:
        uint64 array.
    """
    count = len(packed.start)
    if not count:
        return np.empty(0, U)
    order = np.argsort(-packed.length, kind="stable")
    r = _Reader(packed, order)
    blocks = r.length // 8
    key0, key1 = (U(k & 0xFFFFFFFFFFFFFFFF) for k in key)
    state = _Sip(np.empty((4, count), U))
    initial = (0x736F6D6570736575, 0x6C7967656E657261, 0x646F72616E646F6D, 0x7465646279746573)  # v0, v2, v1, v3
    for row, constant, k in zip(state.v, initial, (key0, key0, key1, key1), strict=True):
        row[:] = U(constant) ^ k
    for i in range(int(blocks[0])):
        live = int(np.searchsorted(-blocks, -i, "left"))
        state.first(live).absorb(r.words[r.at[:live] + 8 * i])
    kept = (r.length & 7).astype(U) * U(8)  # bits of the last, partial word
    tail = r.words[r.at + 8 * blocks] & ((U(1) << kept) - U(1))
    state.absorb(tail | (r.size << U(56)))
    state.v[1] ^= U(0xFF)
    for _ in range(4):
        state.round()
    out = np.empty(count, U)
    out[order] = np.bitwise_xor.reduce(state.v)
    return out


class _Sip:
    """The state of SipHash for many strings; its rows are v0, v2, v1, v3, so that two are worked on at once."""

    def __init__(self, v: Words, scratch: Words | None = None) -> None:
        self.v, self.scratch = v, np.empty_like(v[:2]) if scratch is None else scratch

    def first(self, count: int) -> _Sip:
        """The state for the first strings."""
        return self if count == self.v.shape[1] else _Sip(self.v[:, :count], self.scratch[:, :count])

    def absorb(self, word: Words) -> None:
        """Take in a word of each string."""
        self.v[3] ^= word
        self.round()
        self.round()
        self.v[0] ^= word

    def round(self) -> None:
        """SipRound."""
        even, odd = self.v[:2], self.v[2:]
        for bits, turned in ((_BITS[0], 0), (_BITS[1], 1)):
            even += odd if turned == 0 else odd[::-1]
            self._turn(odd, *bits)
            odd ^= even if turned == 0 else even[::-1]
            self._turn(even[turned], U(32), U(32))

    def _turn(self, x: Words, left: TensorLike, right: Any) -> None:
        part = self.scratch[: len(x)] if x.ndim > 1 else self.scratch[0]
        np.right_shift(x, right, out=part)
        x <<= left
        x |= part


# how far v1 and v3 are turned in the two halves of a round: to the left, and the rest to the right
_BITS = tuple((np.array([[n], [m]], U), np.array([[64 - n], [64 - m]], U)) for n, m in ((13, 16), (17, 21)))


# ---- what layers need ------------------------------------------------------------------------------------------------


def bins(packed: Packed, count: int, salt: tuple[int, int] | None = None) -> np.ndarray:
    """The bin of each string: its hash modulo the number of bins.

    Args:
        packed: any number of strings.
        count: number of bins.
        salt: None for FarmHash, two integers for SipHash with this key.

    Returns:
        int64 array of values in [0, count).
    """
    return _modulo(fingerprint(packed) if salt is None else siphash(packed, salt), count)


def _modulo(x: Words, count: int) -> np.ndarray:
    return (x - x // U(count) * U(count)).astype("int64")  # NumPy divides by one number with SIMD, unlike `%`


def cross(columns: list[np.ndarray], count: int) -> np.ndarray:
    """The bin of each combination of values.

    Args:
        columns: uint64 arrays of one length: fingerprints of strings, or integers as they are.
        count: number of bins.

    Returns:
        int64 array of values in [0, count).
    """
    with np.errstate(over="ignore"):
        out = np.broadcast_to(_CROSS_KEY, columns[0].shape)
        for column in columns:
            out = out ^ _CAT ^ _mix(column * _CAT) * _CAT
            out = _mix(_mix(out * _CAT) * _CAT)
    return _modulo(out, count)
