"""Texts in the attributes of HDF5 groups: read only after it is known how much memory they take.

A text of variable length stands in the file's heap, and an attribute only points to it. A small file could point to one
long text thousands of times; what all pointers to long texts ask for together is bounded before any is followed
(https://support.hdfgroup.org/documentation/hdf5/latest/_f_m_t3.html, global heap).
"""

from __future__ import annotations

import re
import struct
from typing import Any

import h5py
import numpy as np
from h5py import h5a, h5t  # pyright: ignore[reportAttributeAccessIssue]

from kfront.core.errors import SavingError, UnsafeFileError
from kfront.saving.archive import bytes_of
from kfront.saving.guard import LIMITS, shown

__all__ = ["Texts", "write_text", "write_texts"]

_LONG = 1 << 16  # texts up to this size cannot add up to much: an attribute holds a few thousand of them
_MOST_LONG = 16  # a model has two: its architecture and how it is compiled
_COLLECTION = b"GCOL\x01\0\0\0"
_ATTRIBUTE = re.compile(rb"(?:keras_version|backend|(?:model|training)_config|(?:layer|weight)_names[0-9]*)\0")
_HEADER_LIMIT = 64_000  # bytes that an attribute may take in the header of its group


class Texts:
    """Reads the text attributes of one file.

    Args:
        file: a binary file.
        h5: the same, opened by h5py.
        what: its name, for messages.
    """

    def __init__(self, file: Any, h5: h5py.File, what: str) -> None:
        self.what = what
        size = file.seek(0, 2)
        limit = 4 * LIMITS.json_bytes
        with bytes_of(file) as data:
            if data is None or isinstance(data, memoryview):
                file.seek(0)
                data = file.read()
            if _long_texts(data, size, h5) > limit:
                raise UnsafeFileError(
                    f"[load] expected texts of at most {limit:,} bytes in {what}, got one long text that is used again "
                    "and again."
                )
            _check_lengths(data, size, what)

    def one(self, group: Any, name: str) -> str | None:
        """A text attribute, None if there is none.

        Args:
            group: id of a group.
            name: the attribute's name.
        """
        if not h5a.exists(group, name.encode()):
            return None
        attribute = h5a.open(group, name.encode())
        self._check(attribute, name)
        value: Any = h5py.Group(group).attrs[name]
        return _decoded(value, name)

    def many(self, group: Any, name: str) -> list[str] | None:
        """A list of texts, which long ones have in pieces: ``name0``, ``name1`` …; None if there is none."""
        if h5a.exists(group, name.encode()):
            return self._list(group, name)
        out: list[str] = []
        for i in range(LIMITS.names_in_group):
            if not h5a.exists(group, f"{name}{i}".encode()):
                return out if i else None
            out += self._list(group, f"{name}{i}")
        return out

    def _list(self, group: Any, name: str) -> list[str]:
        attribute = h5a.open(group, name.encode())
        if attribute.get_space().get_simple_extent_npoints() == 0:
            return []
        self._check(attribute, name)
        value = np.asarray(h5py.Group(group).attrs[name])
        return [_decoded(v, name) for v in value.reshape(-1).tolist()]

    def _check(self, attribute: Any, name: str) -> None:
        """Refuse what is no text, or is too long."""
        kind = attribute.get_type()
        if kind.get_class() != h5t.STRING:
            raise SavingError(f"[load] expected a text in attribute {name!r} of {self.what}, got something else.")
        count = attribute.get_space().get_simple_extent_npoints()
        size = count * (_LONG if kind.is_variable_str() else kind.get_size())
        if count > LIMITS.names_in_group or size > 16 * LIMITS.json_bytes:
            raise UnsafeFileError(
                f"[load] expected at most {LIMITS.names_in_group:,} names in {name!r}, got {count:,}."
            )


def _decoded(value: Any, name: str) -> str:
    try:
        text = value.decode("utf-8") if isinstance(value, bytes) else str(value)
        text.encode("utf-8")  # h5py hides bytes that are none of UTF-8 behind lone surrogates
        return text
    except UnicodeError:
        raise SavingError(f"[load] expected UTF-8 in attribute {name!r}, got {shown(value)}.") from None


def _check_lengths(data: Any, size: int, what: str) -> None:
    """Refuse texts longer than the file: HDF5 takes the memory that a pointer asks for before it looks at the text."""
    for match in _ATTRIBUTE.finditer(data):
        for start, count in _pointers(data, match.start(), len(match[0])):
            for i in range(min(count, (size - start) // 16)):
                length = struct.unpack_from("<I", data, start + 16 * i)[0]
                if length > size:
                    raise UnsafeFileError(
                        f"[load] expected texts no longer than the file in {shown(match[0][:-1])} of {what}, got one "
                        f"that claims {length:,} bytes."
                    )


def _pointers(data: Any, name: int, length: int) -> list[tuple[int, int]]:
    """Where the values of an attribute begin and how many there are, if there is an attribute message at this name
    (https://support.hdfgroup.org/documentation/hdf5/latest/_f_m_t3.html, attribute message).
    """
    out = []
    for version, head in ((1, 8), (2, 8), (3, 9)):
        if name < head or data[name - head] != version:
            continue
        named, kind, space = struct.unpack_from("<HHH", data, name - head + 2)
        if named != length:
            continue
        named, kind, room = ((x + 7) // 8 * 8 if version == 1 else x for x in (named, kind, space))
        dims = name + named + kind
        start = dims + room
        if start + 16 > len(data):
            continue
        scalar = data[dims + 1] == 0
        first = dims + (8 if data[dims] == 1 else 4)
        out.append((start, 1 if scalar else struct.unpack_from("<Q", data, first)[0]))
    return out


def _long_texts(data: Any, size: int, h5: h5py.File) -> int:
    """The bytes that all pointers to long texts ask for together."""
    plist = h5.id.get_create_plist()
    if plist.get_userblock() or plist.get_sizes() != (8, 8):
        raise UnsafeFileError("[load] expected a plain HDF5 file, got one with a user block or unusual addresses.")
    total, seen, at = 0, 0, data.find(_COLLECTION)
    while at >= 0:
        end = min(size, at + struct.unpack_from("<Q", data, at + 8)[0]) if at + 16 <= size else at
        for index, length in _objects(data, at + 16, end):
            seen += 1
            if seen > _MOST_LONG:
                raise UnsafeFileError(f"[load] expected at most {_MOST_LONG} long texts in a file, got more.")
            total += length * _count(data, struct.pack("<QI", at, index))
        at = data.find(_COLLECTION, at + 8)
    return total


def _objects(data: Any, at: int, end: int) -> list[tuple[int, int]]:
    """(index, size) of the long objects of one collection."""
    out: list[tuple[int, int]] = []
    while at + 16 <= end:
        index, _, _, length = struct.unpack_from("<HHIQ", data, at)
        if index == 0:
            break
        if length > _LONG:
            out.append((index, length))
        at += 16 + (length + 7) // 8 * 8
    return out


def _count(data: Any, what: bytes) -> int:
    count, at = 0, data.find(what)
    while at >= 0:
        count, at = count + 1, data.find(what, at + 1)
    return count


# ---- writing ---------------------------------------------------------------------------------------------------------


def write_text(group: Any, name: str, value: str) -> None:
    """A text attribute of an h5py group."""
    group.attrs[name] = value


def write_texts(group: Any, name: str, values: list[str]) -> None:
    """A list of texts as an attribute, in pieces named ``name0``, ``name1`` … where it is too long for one."""
    if not values:
        group.attrs[name] = np.empty(0)
        return
    most = _HEADER_LIMIT // 16  # a pointer to a text takes 16 bytes
    pieces = [values[i : i + most] for i in range(0, len(values), most)]
    for i, piece in enumerate(pieces):
        group.attrs[name if len(pieces) == 1 else f"{name}{i}"] = np.array(piece, dtype=h5py.string_dtype())
