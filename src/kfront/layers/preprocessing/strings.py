"""Strings on the host: what counts as text, and many strings as one buffer of bytes."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from kfront.core.errors import ArgumentTypeError

__all__ = ["Packed", "decoded", "is_text", "pack", "texts"]

_KINDS = "USTO"  # NumPy's kinds of strings, bytes, variable-width strings, objects


class Packed(NamedTuple):
    """Strings as UTF-8 in one buffer.

    Attributes:
        data: uint8, with 8 bytes to spare at its end.
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
    if x.dtype.kind in "UT" or all(map(str.__instancecheck__, flat)):
        return flat
    return [_text(v, encoding) for v in flat]


def _text(value: Any, encoding: str) -> str:
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


def pack(strings: list[str]) -> Packed:
    """A list of strings as one buffer."""
    joined = "".join(strings)
    if joined.isascii():
        lengths = list(map(len, strings))
        data = joined.encode("ascii")
    else:
        encoded = [s.encode("utf-8") for s in strings]
        lengths = list(map(len, encoded))
        data = b"".join(encoded)
    length = np.array(lengths, "int64")
    start = np.zeros(len(strings), "int64")
    np.cumsum(length[:-1], out=start[1:])
    return Packed(np.frombuffer(data + bytes(8), "uint8"), start, length)
