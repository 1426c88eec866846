"""Strings on the host: what counts as text, and many strings as one buffer of bytes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from kfront.core.errors import ArgumentTypeError

_SPARE = 16  # bytes at the end of a buffer that may be read
_KINDS = "USTO"  # NumPy's kinds of strings, bytes, variable-width strings, objects


class Packed(NamedTuple):
    """Strings as UTF-8 in one buffer.

    Attributes:
        data: uint8, with 16 bytes to spare at its end.
        start: int64, where each string begins.
        length: int64, its number of bytes.
    """

    data: np.ndarray
    start: np.ndarray
    length: np.ndarray


def is_text(x: np.ndarray) -> bool:
    """Whether an array holds strings (or bytes, or objects, which must then be such)."""
    return x.dtype.kind in _KINDS


def texts(x: np.ndarray, encoding: str = "utf-8") -> list[str]:
    """The elements of an array of strings or bytes as a flat list of str.

    Raises:
        ArgumentTypeError: an element is neither.
    """
    flat = x.ravel().tolist()
    if x.dtype.kind in "UT" or set(map(type, flat)) <= {str}:
        return flat
    return [_text(v, encoding) for v in flat]


def _text(value: object, encoding: str) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return value.decode(encoding)
    raise ArgumentTypeError(f"[strings] expected strings or bytes, got {value!r} ({type(value).__name__}).")


def decoded(x: np.ndarray, encoding: str = "utf-8") -> np.ndarray:
    """An array of strings as an object array of str, of the same shape."""
    out = np.empty(x.size, object)
    out[:] = texts(x, encoding)
    return out.reshape(x.shape)


def pack(strings: list[str] | list[bytes]) -> Packed:
    """A list of strings, or of bytes, as one buffer."""
    if not strings:
        return Packed(np.zeros(_SPARE, "uint8"), np.zeros(0, "int64"), np.zeros(0, "int64"))
    text = isinstance(strings[0], str)
    joined = "\0".join(strings).encode() if text else b"\0".join(strings)  # type: ignore[arg-type]
    data = np.frombuffer(joined + bytes(_SPARE), "uint8")
    ends = np.flatnonzero(data[: len(joined) + 1] == 0)
    if len(ends) == len(strings):
        start = np.append(0, ends[:-1] + 1)
        return Packed(data, start, ends - start)
    encoded = [s.encode() for s in strings] if text else strings  # type: ignore[union-attr]
    length = np.fromiter(map(len, encoded), "int64", len(encoded))
    return Packed(data, np.cumsum(length + 1) - length - 1, length)


def packed(x: np.ndarray, encoding: str = "utf-8") -> Packed:
    """The elements of an array of strings or bytes as one buffer; an array of ASCII or bytes nearly is one."""
    width = x.dtype.itemsize // 4 if x.dtype.kind == "U" else x.dtype.itemsize
    if width and x.size and x.dtype.isnative:
        flat = np.ascontiguousarray(x).ravel()
        if x.dtype.kind == "U":
            codes = flat.view("uint32")
            if codes.max() < 128:
                return _fixed(codes.astype("uint8"), flat, width)
        elif x.dtype.kind == "S" and encoding == "utf-8":
            return _fixed(flat.view("uint8"), flat, width)
    flat = x.ravel().tolist()
    try:
        return pack(flat)
    except TypeError:  # not all of one kind
        return pack(texts(x, encoding))


def _fixed(data: np.ndarray, strings: np.ndarray, width: int) -> Packed:
    """Strings at equal distances."""
    start = np.arange(0, len(data), width)
    return Packed(np.append(data, np.zeros(_SPARE, "uint8")), start, np.char.str_len(strings))


def digits(x: np.ndarray) -> Packed:
    """Integers as strings of their decimal digits."""
    flat = x.ravel()
    negative = flat < 0
    rest = flat.astype("uint64")
    rest[negative] = -rest[negative]
    width = len(str(int(rest.max(initial=0)))) + 1
    data = np.empty((flat.size, width), "uint8")
    length = 1 + negative.astype("int64")
    for place in range(width - 1, 0, -1):
        left = rest // np.uint64(10)
        data[:, place] = rest - left * np.uint64(10) + np.uint64(ord("0"))
        length += left > 0
        rest = left
    data[negative, width - length[negative]] = ord("-")
    start = np.arange(1, flat.size + 1) * width - length
    return Packed(np.append(data.ravel(), np.zeros(_SPARE, "uint8")), start, length)


def word_view(data: np.ndarray) -> np.ndarray:
    """The little-endian 64-bit word that begins at each byte of a buffer, as a view."""
    return np.ndarray((max(len(data) - 7, 0),), "<u8", data, strides=(1,))


def words_between(joined: bytes) -> tuple[Packed, np.ndarray]:
    """The words of many texts.

    Args:
        joined: texts with a zero byte between two, and spaces between words.

    Returns:
        the words in order, and the number of words of each text.
    """
    data = np.frombuffer(b"".join((b"\0", joined, bytes(1 + _SPARE))), "uint8")
    inner = data[: len(joined) + 2]
    zero = inner == 0
    outside = zero | (inner == ord(" "))
    edges = np.flatnonzero(outside[1:] != outside[:-1]) + 1
    start = edges[::2]
    counts = np.diff(np.searchsorted(start, np.flatnonzero(zero)))
    return Packed(data, start, edges[1::2] - start), counts


def in_one_line(words: Packed) -> Packed:
    """Words again, in a buffer with one space after each, so that several in a row are one string."""
    length = words.length + 1
    start = np.cumsum(length) - length
    total = int(length.sum())
    data = np.zeros(total + _SPARE, "uint8")
    data[:total] = words.data[np.arange(total) + np.repeat(words.start - start, length)]
    data[start + words.length] = ord(" ")
    return Packed(data, start, words.length)
