"""Texts in the attributes of HDF5 objects, read from the bytes of the file itself.

A text of variable length is in a heap of the file, and an attribute only points to it, with the length that it
claims. The HDF5 library takes that much memory before it looks at the text (4 GB for a file of 2 kB), and a small file
may point to one long text thousands of times. So the few texts that kfront needs are found here: object header,
attribute, heap. Nothing is taken that the file has not, and what is looked at all together is bounded
(https://support.hdfgroup.org/documentation/hdf5/latest/_f_m_t3.html).
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from typing import BinaryIO

import h5py
import numpy as np
from h5py import h5o  # pyright: ignore[reportAttributeAccessIssue]

from kfront.core.errors import SavingError, UnsafeFileError
from kfront.core.guard import LIMITS, shown

_HEADER_LIMIT = 64_000  # bytes that an attribute may take in the header of its group
_SLACK = 1 << 20  # bytes that may be read of the smallest files
_ATTRIBUTE, _CONTINUATION, _ELSEWHERE = 0x0C, 0x10, 0x15  # kinds of messages in the header of an object
_NOWHERE = (1 << 64) - 1  # an address
_STRING, _VARIABLE = 3, 9  # classes of types


class Texts:
    """Reads the text attributes of one file.

    Args:
        file: a seekable binary file.
        h5: the same, opened by h5py.
        what: its name, for messages.

    Raises:
        UnsafeFileError: its addresses are not those of a plain file.
    """

    def __init__(self, file: BinaryIO, h5: h5py.File, what: str) -> None:
        self._file, self._what = file, what
        self._size = file.seek(0, 2)
        # no writer uses a piece of the file twice, and what is rightly read twice are headers
        self._left = 3 * min(self._size, LIMITS.json_bytes) + _SLACK
        self._heaps: dict[int, dict[int, memoryview]] = {}
        plist = h5.id.get_create_plist()
        if plist.get_userblock() or plist.get_sizes() != (8, 8):
            raise UnsafeFileError(
                f"[load] expected a plain HDF5 file, got {what} with a user block or unusual addresses."
            )

    def one(self, obj: object, name: str) -> str | None:
        """A text attribute, None if there is none.

        Args:
            obj: id of a group or dataset.
            name: the attribute's name.

        Raises:
            UnsafeFileError: the file claims more than it has.
            SavingError: the attribute is no text, or several.
        """
        found = self._attributes(obj).get(name)
        if found is None:
            return None
        texts = self._texts(name, found)
        if len(texts) != 1:
            raise SavingError(f"[load] expected one text in attribute {name!r} of {self._what}, got {len(texts):,}.")
        return texts[0]

    def many(self, obj: object, name: str) -> list[str] | None:
        """A list of texts, which long ones have in pieces: ``name0``, ``name1`` …; None if there is none."""
        attributes = self._attributes(obj)
        if name in attributes:
            return self._texts(name, attributes[name])
        out: list[str] = []
        for i in range(LIMITS.names_in_group):
            if f"{name}{i}" not in attributes:
                return out if i else None
            out += self._texts(name, attributes[f"{name}{i}"])
        return out

    def _bytes(self, at: int, count: int) -> bytes:
        """A piece of the file."""
        if not 0 <= at <= at + count <= self._size:
            raise UnsafeFileError(
                f"[load] expected texts within {self._what}, got one of {count:,} bytes beyond its end."
            )
        self._spend(count)
        self._file.seek(at)
        return self._file.read(count)

    def _spend(self, count: int) -> None:
        self._left -= count
        if self._left < 0:
            raise UnsafeFileError(
                f"[load] expected texts no larger than {self._what} itself, got some that it uses again and again."
            )

    def _attributes(self, obj: object) -> dict[str, tuple[bytes, bytes, bytes]]:
        """The attributes in the header of an object: name -> (type, extents, value)."""
        out: dict[str, tuple[bytes, bytes, bytes]] = {}
        for kind, data in self._messages(h5o.get_info(obj).addr):
            if kind == _ELSEWHERE and struct.unpack_from("<Q", data, 4 if data[1] & 1 else 2)[0] != _NOWHERE:
                raise SavingError(
                    f"[load] expected at most eight attributes of one object in an HDF5 file of the latest form, got "
                    f"more in {self._what}; write it with h5py's `libver='earliest'`."
                )
            if kind == _ATTRIBUTE:
                name, *rest = _parts(data)
                out[name.rstrip(b"\0").decode("utf-8", "replace")] = (rest[0], rest[1], rest[2])
        return out

    def _messages(self, at: int) -> Iterator[tuple[int, bytes]]:
        """The parts of the header of an object, both versions of it: kind and content."""
        head = self._bytes(at, 16)
        new = head.startswith(b"OHDR")
        if new:
            flags, at = head[5], at + 6
            at += 16 * bool(flags & 0x20) + 4 * bool(flags & 0x10)
            width = 1 << (flags & 3)
            blocks = [(at + width, int.from_bytes(self._bytes(at, width), "little"))]
            form, each = struct.Struct("<BH"), 6 if flags & 0x04 else 4
        else:
            blocks = [(at + 16, struct.unpack_from("<I", head, 8)[0])]
            form, each = struct.Struct("<HH"), 8
        for start, length in blocks:
            block, at = self._bytes(start, length), 0
            while at + each <= len(block):
                kind, size = form.unpack_from(block, at)
                data = block[at + each : at + each + size]
                at += each + size
                if kind == _CONTINUATION:
                    start, length = struct.unpack("<QQ", data)
                    blocks.append((start + 4, length - 8) if new else (start, length))
                else:
                    yield kind, data

    def _texts(self, name: str, attribute: tuple[bytes, bytes, bytes]) -> list[str]:
        """The values of an attribute."""
        kind, space, value = attribute
        count = _count(space)
        if count > LIMITS.names_in_group:
            raise UnsafeFileError(
                f"[load] expected at most {LIMITS.names_in_group:,} names in {name!r}, got {count:,}."
            )
        if count == 0:
            return []
        size = struct.unpack_from("<I", kind, 4)[0]
        if kind[0] & 15 == _STRING and count * size <= len(value):
            found = [value[i * size : (i + 1) * size] for i in range(count)]
        elif kind[0] & 15 == _VARIABLE and kind[1] & 15 == 1:
            found = [self._long(name, *struct.unpack_from("<IQI", value, 16 * i)) for i in range(count)]
        else:
            raise SavingError(f"[load] expected a text in attribute {name!r} of {self._what}, got something else.")
        return [_decoded(text, name) for text in found]

    def _long(self, name: str, length: int, place: int, index: int) -> bytes:
        """A text in the heap."""
        if length == 0:
            return b""
        text = self._heap(place).get(index, b"")
        if len(text) != length:
            raise UnsafeFileError(
                f"[load] expected a text as long as the file has it, {len(text):,} bytes, in {name!r} of {self._what}, "
                f"got one that claims {length:,}."
            )
        self._spend(length)
        return bytes(text)

    def _heap(self, place: int) -> dict[int, memoryview]:
        """The texts of one collection, by their numbers."""
        found = self._heaps.get(place)
        if found is None:
            mark, size = struct.unpack("<4s4xQ", self._bytes(place, 16))
            if mark != b"GCOL":
                raise SavingError(f"[load] expected an intact HDF5 file, got {self._what} with a damaged heap.")
            data, at = memoryview(self._bytes(place + 16, size - 16)), 0
            found = self._heaps[place] = {}
            while at + 16 <= len(data):
                index, length = struct.unpack_from("<H6xQ", data, at)
                if index == 0:  # the rest is free
                    break
                found[index] = data[at + 16 : at + 16 + length]
                at += 16 + -(-length // 8) * 8
        return found


def _parts(attribute: bytes) -> list[bytes]:
    """Name, type, extents and value."""
    version, parts = attribute[0], []
    at, padded = 9 if version == 3 else 8, 8 if version == 1 else 1
    for size in struct.unpack_from("<HHH", attribute, 2):
        parts.append(attribute[at : at + size])
        at += -(-size // padded) * padded
    if version > 1 and attribute[1] & 3:
        parts[1] = b"\0" * 8  # its type is stored elsewhere, as that of no text is
    return [*parts, attribute[at:]]


def _count(space: bytes) -> int:
    """The number of values in a dataspace."""
    version, rank = space[0], space[1]
    if version > 1 and space[3] == 2:
        return 0
    return math.prod(struct.unpack_from(f"<{rank}Q", space, 8 if version == 1 else 4))


def _decoded(value: bytes, name: str) -> str:
    try:
        return value.split(b"\0", 1)[0].decode("utf-8")
    except UnicodeError:
        raise SavingError(f"[load] expected UTF-8 in attribute {name!r}, got {shown(value)}.") from None


# ---- writing ---------------------------------------------------------------------------------------------------------


def write_text(group: h5py.Group, name: str, value: str) -> None:
    """A text attribute of an h5py group."""
    group.attrs[name] = value


def write_texts(group: h5py.Group, name: str, values: list[str]) -> None:
    """A list of texts as an attribute, in pieces named ``name0``, ``name1`` … where it is too long for one."""
    if not values:
        group.attrs[name] = np.empty(0)
        return
    most = _HEADER_LIMIT // 16  # a pointer to a text takes 16 bytes
    pieces = [values[i : i + most] for i in range(0, len(values), most)]
    for i, piece in enumerate(pieces):
        group.attrs[name if len(pieces) == 1 else f"{name}{i}"] = np.array(piece, dtype=h5py.string_dtype())
