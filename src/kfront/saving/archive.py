"""The zip file behind `.keras`: written in one pass, read only after every check."""

from __future__ import annotations

import contextlib
import io
import mmap
import os
import re
import struct
import zipfile
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

from kfront.core.errors import SavingError, UnsafeFileError
from kfront.core.guard import LIMITS, corrupt_file_errors, shown

try:
    from zlib_ng.zlib_ng import crc32  # with the processor's own instructions
except ImportError:
    from zlib import crc32

_ASSET = re.compile(r"assets(/[^/\\:\x00-\x1f]+)+/?")
_DOS_DATE = (1 << 5) | 1  # 1980-01-01, as Keras has it
_MAX32 = 0xFFFFFFFF
_PADDING = 0xD935  # an extra field of zeros, as tools that align archives write it
_SMALL, _PIECE = 1 << 16, 1 << 22  # bytes


class Window(io.RawIOBase):
    """A part of a file, with the interface of a file.

    Args:
        file: a seekable binary file.
        start: where the part begins.
        size: its length; it grows with writing if None.
    """

    def __init__(self, file: Any, start: int, size: int | None = None) -> None:
        self.file, self.start = file, start
        self.fixed = size is not None
        self.size = size or 0
        self.position = 0
        self._descriptor = _descriptor(file) if hasattr(os, "pwrite") else None
        self._waiting, self._waiting_at = bytearray(), 0  # adjacent small writes, joined

    def readable(self) -> bool:
        """True."""
        return True

    def writable(self) -> bool:
        """Whether it may grow."""
        return not self.fixed

    def seekable(self) -> bool:
        """True."""
        return True

    def tell(self) -> int:
        """Position within the part."""
        return self.position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move to a position within the part."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self.position, os.SEEK_END: self.size}[whence]
        self.position = max(0, base + offset)
        return self.position

    def readinto(self, buffer: Any) -> int:
        """Read up to the end of the part."""
        view = memoryview(buffer).cast("B")
        count = max(0, min(len(view), self.size - self.position))
        self._settle()
        self.file.seek(self.start + self.position)
        got = self.file.readinto(view[:count]) if count else 0
        self.position += got
        return got

    def write(self, data: Any) -> int:
        """Write at the position."""
        view = memoryview(data).cast("B")
        count, place = len(view), self.position
        if count < _SMALL:
            self._wait(view, place)
        else:
            self._put(view, place)  # in one piece, which is faster to read
        self.position = place + count
        self.size = max(self.size, self.position)
        return count

    def _wait(self, view: memoryview, place: int) -> None:
        if place != self._waiting_at + len(self._waiting) or len(self._waiting) > _SMALL:
            self._settle()
            self._waiting_at = place
        self._waiting += view

    def _settle(self) -> None:
        """Write pending bytes."""
        if self._waiting:
            data, self._waiting = self._waiting, bytearray()
            self._put(memoryview(data), self._waiting_at)

    def _put(self, view: memoryview, place: int) -> None:
        if self._waiting:
            self._settle()
        place += self.start
        if self._descriptor is None:
            self.file.seek(place)
            self.file.write(view)
            return
        while view:
            count = os.pwrite(self._descriptor, view, place)
            view, place = view[count:], place + count

    def truncate(self, size: int | None = None) -> int:
        """Set the length of the part."""
        self._settle()
        end = self.position if size is None else size
        if end > self.size:
            self._put(memoryview(b"\0"), end - 1)
        else:
            self.file.truncate(self.start + end)
        self.size = end
        return end

    def flush(self) -> None:
        """Write what waits."""
        if not self.closed:
            self._settle()

    def crc(self) -> int:
        """CRC-32 of the part."""
        self._settle()
        if not self.fixed:
            self.file.flush()
        value, at, end = 0, self.start, self.start + self.size
        with _bytes_of(self.file) if self.size > _PIECE else contextlib.nullcontext() as data:
            while at < end:
                count = min(_PIECE, end - at)
                if data is None:
                    value = crc32(self._get(at, count), value)
                else:
                    with memoryview(data) as view, view[at : at + count] as part:
                        value = crc32(part, value)
                    let_go(data, at, count)
                at += count
        return value

    def _get(self, start: int, count: int) -> bytes:
        if self._descriptor is not None:
            return os.pread(self._descriptor, count, start)
        self.file.seek(start)
        return self.file.read(count)


def _descriptor(file: object) -> int | None:
    """The descriptor of a file on disk, whose own buffer is emptied; None for anything else (compressed files too)."""
    plain = isinstance(file, (io.FileIO, io.BufferedRandom, io.BufferedReader))
    if not plain or not isinstance(getattr(file, "raw", file), io.FileIO):
        return None
    if file.writable():
        file.flush()
    return file.fileno()


def mapped(file: object, access: int) -> mmap.mmap | None:
    """The bytes of a file on disk without a copy; None where that is not possible."""
    number = _descriptor(file)
    try:
        return None if number is None else mmap.mmap(number, 0, access=access)
    except (OSError, ValueError):
        return None


@contextlib.contextmanager
def _bytes_of(file: BinaryIO) -> Iterator[Any]:
    """The file's bytes for reading, without a copy, or None where that cannot be had."""
    if isinstance(file, io.BytesIO):
        with file.getbuffer() as buffer:
            yield buffer
        return
    found = mapped(file, mmap.ACCESS_READ)
    with contextlib.nullcontext() if found is None else found:
        yield found


def let_go(data: Any, start: int, size: int) -> None:
    """Free the memory of a part of a mapped file whose values were copied; a later access reads it again.

    Args:
        data: the mapping; nothing happens with other bytes.
        start: where the part begins.
        size: its length.
    """
    first, end = -(-start // mmap.PAGESIZE) * mmap.PAGESIZE, (start + size) // mmap.PAGESIZE * mmap.PAGESIZE
    if end > first and hasattr(data, "madvise") and hasattr(mmap, "MADV_DONTNEED"):
        data.madvise(mmap.MADV_DONTNEED, first, end - first)


class ArchiveWriter:
    """Writes an uncompressed zip file from the current position of `file`.

    Args:
        file: a seekable binary file, opened for reading and writing.
    """

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.base = file.tell()
        self.entries: list[tuple[bytes, int, int, int]] = []  # name, crc, size, offset of its header

    def add(self, name: str, data: bytes) -> None:
        """A member with these bytes."""
        with self.member(name) as window:
            window.write(data)

    @contextlib.contextmanager
    def member(self, name: str) -> Iterator[Window]:
        """A member whose content is written, in any order, to the window that is yielded."""
        encoded = name.encode("utf-8")
        offset = self.file.tell() - self.base
        # content starts at a multiple of 64, so that arrays can be read without a copy
        pad = -(offset + 30 + len(encoded) + 20) % 64
        pad += 64 if 0 < pad < 4 else 0
        header = 30 + len(encoded) + 20 + pad
        self.file.write(b"\0" * header)
        window = Window(self.file, self.base + offset + header)
        yield window
        crc, size = window.crc(), window.size
        self.file.seek(self.base + offset)
        # sizes are in the 64-bit extra field, so that a member of any size has the same header
        self.file.write(
            struct.pack(
                "<IHHHHHIIIHH", 0x04034B50, 45, 0x800, 0, 0, _DOS_DATE, crc, _MAX32, _MAX32, len(encoded), 20 + pad
            )
        )
        self.file.write(encoded + struct.pack("<HHQQ", 1, 16, size, size))
        if pad:
            self.file.write(struct.pack("<HH", _PADDING, pad - 4) + b"\0" * (pad - 4))
        self.file.seek(window.start + size)
        self.entries.append((encoded, crc, size, offset))

    def close(self) -> None:
        """Write the directory; the file itself stays open."""
        start = self.file.tell() - self.base
        for name, crc, size, offset in self.entries:
            big = [v for v in (size, size, offset) if v >= _MAX32]
            extra = struct.pack(f"<HH{len(big)}Q", 1, 8 * len(big), *big) if big else b""
            small, place = min(size, _MAX32), min(offset, _MAX32)
            self.file.write(
                struct.pack(
                    "<IHHHHHHIIIHHHHHII",
                    *(0x02014B50, 0x0300 | 45, 45, 0x800, 0, 0, _DOS_DATE, crc, small, small),
                    *(len(name), len(extra), 0, 0, 0, 0o600 << 16, place),
                )
                + name
                + extra
            )
        end = self.file.tell() - self.base
        count, length = len(self.entries), end - start
        if end >= _MAX32 or count >= 0xFFFF:
            self.file.write(struct.pack("<IQHHIIQQQQ", 0x06064B50, 44, 45, 45, 0, 0, count, count, length, start))
            self.file.write(struct.pack("<IIQI", 0x07064B50, 0, end, 1))
        counts = min(count, 0xFFFF)
        self.file.write(
            struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, counts, counts, min(length, _MAX32), min(start, _MAX32), 0)
        )
        self.file.truncate()


class ArchiveReader:
    """A `.keras` archive whose members are the expected ones, do not overlap, and are as large as they say.

    Args:
        file: a seekable binary file.
        what: its name, for messages.

    Raises:
        UnsafeFileError: unexpected, double, overlapping or encrypted members, or sizes that cannot be true.
        SavingError: it is no zip file, or damaged.
    """

    def __init__(self, file: BinaryIO, what: str) -> None:
        self.file, self.what = file, what
        file.seek(0, os.SEEK_END)
        self.total = file.tell()
        try:
            self.zip = zipfile.ZipFile(file)
            infos = self.zip.infolist()
        except Exception as error:
            raise SavingError(
                f"[load] expected {what} to be a `.keras` file (a zip archive), got one that cannot be read: {error}."
            ) from None
        if len(infos) > LIMITS.zip_members:
            raise UnsafeFileError(
                f"[load] expected at most {LIMITS.zip_members:,} members in {what}, got {len(infos):,}."
            )
        self.members: dict[str, zipfile.ZipInfo] = {}
        for info in infos:
            self._check(info)
            self.members[info.filename] = info
        self._check_overlap(infos)

    def _check(self, info: zipfile.ZipInfo) -> None:
        name = info.filename
        if info.orig_filename != name and info.orig_filename.replace(os.sep, "/") != name:
            raise UnsafeFileError(
                f"[load] expected plain member names in {self.what}, got {shown(info.orig_filename)}."
            )
        if name in self.members:
            raise UnsafeFileError(f"[load] expected every member of {self.what} once, got {shown(name)} twice.")
        if name not in ("metadata.json", "config.json", "model.weights.h5", "assets/") and not is_asset(name):
            raise UnsafeFileError(
                f"[load] expected metadata.json, config.json, model.weights.h5 and assets/ in {self.what}, "
                f"got {shown(name)}."
            )
        if info.flag_bits & 0x1 or info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise UnsafeFileError(f"[load] expected stored or deflated members in {self.what}, got {shown(name)}.")
        if info.external_attr >> 28 == 0xA:
            raise UnsafeFileError(f"[load] expected files in {self.what}, got the symbolic link {shown(name)}.")
        stored = info.compress_type == zipfile.ZIP_STORED and info.compress_size != info.file_size
        if stored or info.header_offset < 0 or info.header_offset + info.compress_size > self.total:
            raise UnsafeFileError(f"[load] expected true sizes in {self.what}, got impossible ones for {shown(name)}.")

    def _check_overlap(self, infos: list[zipfile.ZipInfo]) -> None:
        end = 0
        for info in sorted(infos, key=lambda i: i.header_offset):
            if info.header_offset < end:
                raise UnsafeFileError(
                    f"[load] expected members one after another in {self.what}, got {shown(info.filename)} inside "
                    "another."
                )
            end = info.header_offset + 30 + len(info.filename.encode("utf-8")) + info.compress_size

    def read(self, name: str, limit: int) -> bytes:
        """All bytes of a small member.

        Args:
            name: the member.
            limit: the most bytes it may have.
        """
        info = self._info(name)
        if info.file_size > limit:
            raise UnsafeFileError(
                f"[load] expected at most {limit:,} bytes in {name} of {self.what}, it declares {info.file_size:,}."
            )
        with corrupt_file_errors(f"archive {self.what}", name), self.zip.open(info) as member:
            data = member.read(limit + 1)
        if len(data) != info.file_size:
            raise SavingError(f"[load] expected {info.file_size:,} bytes in {name} of {self.what}, got {len(data):,}.")
        return data

    @contextlib.contextmanager
    def open(self, name: str, limit: Callable[[], int]) -> Iterator[Any]:
        """A large member as a seekable file: in place if it is stored, unpacked into memory if it is deflated.

        Args:
            name: the member.
            limit: gives the most bytes that unpacking may take.
        """
        info = self._info(name)
        if info.compress_type == zipfile.ZIP_STORED:
            window = Window(self.file, self._start(info), info.file_size)
            if window.crc() != info.CRC:
                raise SavingError(f"[load] expected {name} of {self.what} to be intact, its checksum differs.")
            yield io.BufferedReader(window, 1 << 12)
        else:
            yield io.BytesIO(self.read(name, limit()))

    def _start(self, info: zipfile.ZipInfo) -> int:
        """Where a stored member's bytes begin."""
        self.file.seek(info.header_offset)
        header = self.file.read(30)
        if len(header) != 30 or header[:4] != b"PK\x03\x04":
            raise SavingError(
                f"[load] expected an intact archive, got {self.what} without the header of {shown(info.filename)}."
            )
        names, extra = struct.unpack("<HH", header[26:30])
        raw = self.file.read(names)
        start = info.header_offset + 30 + names + extra
        if raw != info.orig_filename.encode("utf-8") or start + info.file_size > self.total:
            raise UnsafeFileError(
                f"[load] expected one name and size per member, got {self.what} with two of {shown(info.filename)}."
            )
        return start

    def _info(self, name: str) -> zipfile.ZipInfo:
        info = self.members.get(name)
        if info is None:
            raise SavingError(
                f"[load] expected {name} in {self.what}, got only {', '.join(sorted(self.members)) or 'nothing'}; "
                "is it a file that `model.save` wrote?"
            )
        return info

    def stored_bytes(self, name: str) -> int:
        """The bytes that a member takes in the archive."""
        return self._info(name).compress_size

    def assets(self) -> list[str]:
        """The names of the asset files."""
        return [n for n in self.members if n.startswith("assets/") and not n.endswith("/")]

    def close(self) -> None:
        """Release the archive; the file stays open."""
        self.zip.close()


def is_asset(name: str) -> bool:
    """Whether a member's name is that of a file or folder below ``assets/``, and has no other meaning."""
    parts = name.rstrip("/").split("/")
    return _ASSET.fullmatch(name) is not None and not any(p.strip() in ("", ".", "..") for p in parts)
