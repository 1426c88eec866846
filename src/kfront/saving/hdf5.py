"""HDF5, checked: plain numeric datasets in groups, written without copies, read only after every check.

A reader follows hard links only, one name at a time, so nothing in a file can lead out of it: no external storage, no
virtual datasets, no soft or external links. Shape and dtype are known before a byte of data is read.
"""

from __future__ import annotations

import contextlib
import functools
import io
import math
import mmap
import os
from collections.abc import Iterator
from typing import Any, BinaryIO

import h5py
import numpy as np
from h5py import h5a, h5d, h5g, h5l, h5s, h5t, h5z  # pyright: ignore[reportAttributeAccessIssue]

from kfront.core.dtypes import FLOATS, numpy_dtype
from kfront.core.errors import SavingError, UnsafeFileError
from kfront.core.guard import LIMITS, corrupt_file_errors, shown
from kfront.core.typing import AnyCallable
from kfront.saving.archive import Window, let_go, mapped
from kfront.saving.hdf5_text import Texts

_FILTERS = {h5z.FILTER_DEFLATE, h5z.FILTER_SHUFFLE, h5z.FILTER_FLETCHER32}
_LAYOUTS = {h5d.COMPACT, h5d.CONTIGUOUS, h5d.CHUNKED}
_OPAQUE = tuple(d for d in FLOATS if d == "bfloat16" or d.startswith("float8"))
_SMALL = 1 << 20

reading = functools.partial(corrupt_file_errors, "HDF5 file")  # scope: HDF5 has many exceptions for damaged files


@functools.cache
def _opaque(dtype: np.dtype) -> str | None:
    """The name of a dtype that HDF5 has not."""
    return dtype.name if dtype.name in _OPAQUE else None


class _Target(io.RawIOBase):
    """The file that HDF5 writes to.

    It keeps errors of the system to itself, because HDF5 would go on after one.

    Attributes:
        error: the first; what comes after it is not written.
    """

    def __init__(self, file: Any) -> None:
        self.file = file
        self.error: OSError | None = None

    def _try(self, otherwise: int, call: AnyCallable, *args: object) -> int:
        if self.error is None:
            try:
                return call(*args)
            except OSError as error:
                self.error = error
        return otherwise

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move."""
        return self._try(offset, self.file.seek, offset, whence)

    def readinto(self, buffer: memoryview) -> int:
        """Read."""
        return self._try(len(buffer), self.file.readinto, buffer)

    def write(self, data: bytes | memoryview) -> int:
        """Write, if nothing has failed yet."""
        return self._try(len(data), self.file.write, data)

    def truncate(self, size: int | None = None) -> int:
        """Set the length."""
        return self._try(size or 0, self.file.truncate, size)

    def flush(self) -> None:
        """Write what waits."""
        self._try(0, self.file.flush)


@contextlib.contextmanager
def new_file(file: BinaryIO) -> Iterator[h5py.File]:
    """An HDF5 file that is written in the block.

    Args:
        file: a file opened for reading and writing.

    Raises:
        OSError: the system refused.
    """
    target = _Target(file)
    try:
        with h5py.File(target, "w") as h5:
            yield h5
    finally:
        if target.error is not None:
            raise target.error


class H5Writer:
    """Writes groups, arrays and short texts.

    Args:
        file: a file opened for reading and writing.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._open = contextlib.ExitStack()
        self._file = self._open.enter_context(new_file(file))
        self._groups: dict[tuple[str, ...], object] = {(): self._file.id}
        self._types: dict[object, object] = {}
        self._text = h5t.py_create(h5py.string_dtype(), logical=True)
        self._text_in_memory = h5t.py_create(h5py.string_dtype())

    def group(self, path: tuple[str, ...]) -> h5g.GroupID:
        """The group of that path, made on first use."""
        found = self._groups.get(path)
        if found is None:
            found = self._groups[path] = h5g.create(self.group(path[:-1]), path[-1].encode())
        return found

    def text(self, where: object, name: str, value: str) -> None:
        """A text attribute of a group or dataset."""
        attribute = h5a.create(where, name.encode(), self._text, h5s.create(h5s.SCALAR))
        attribute.write(np.array(value, dtype=h5py.string_dtype()), mtype=self._text_in_memory)

    def put(self, group: object, name: str, value: object) -> None:
        """An array; bfloat16 and float8 as opaque bytes with their name beside, as Keras does."""
        value = np.asarray(value)
        if not value.flags.c_contiguous:
            value = np.ascontiguousarray(value)
        special = _opaque(value.dtype)
        if special is not None:
            value = value.view(f"V{value.dtype.itemsize}")
        elif value.dtype.kind not in "biufc":
            raise SavingError(f"[save] expected arrays of numbers, got dtype {value.dtype} for {name!r}.")
        kind = self._types.get(value.dtype)
        if kind is None:
            kind = self._types[value.dtype] = h5t.py_create(value.dtype, logical=True)
        space = h5s.create_simple(value.shape) if value.shape else h5s.create(h5s.SCALAR)
        data = h5d.create(group, name.encode(), kind, space)
        if special is not None:
            self.text(data, "dtype", special)
        if value.size:
            data.write(h5s.ALL, h5s.ALL, value, mtype=kind)

    def close(self) -> None:
        """Write what is pending.

        Raises:
            OSError: the system refused to write, now or before.
        """
        self._groups.clear()
        self._open.close()


class Dataset:
    """An array in a file, checked but not read.

    Attributes:
        path: its path in the file.
        shape: its shape.
        dtype: name of its dtype.
        in_place: whether the values are contiguous and inside the file, so that reading them cannot fail.
    """

    __slots__ = ("_data", "_id", "_start", "dtype", "in_place", "path", "shape")

    def __init__(self, handle: h5d.DatasetID, path: str, reader: H5Reader) -> None:
        self._id, self.path = handle, path
        self.shape, self.dtype, native = _checked(handle, path, reader)
        start = handle.get_offset()
        self._start, self._data = start, reader._data if native else None
        self.in_place = start is not None
        if start is not None and not 0 <= start <= reader._size - self.nbytes:
            raise SavingError(f"[load] expected data inside the file, got {path} beyond its end: it is cut off.")

    def read(self) -> np.ndarray:
        """The values; a view of the mapped file where it has them as they are in memory."""
        with reading(self.path):
            dtype = numpy_dtype(self.dtype)
            if self._data is not None and self._start is not None:
                return self._data.array(self.dtype, self.shape, self._start)
            out = np.empty(self.shape, dtype=dtype)
            if out.size:
                if self.dtype in _OPAQUE:
                    self._id.read(h5s.ALL, h5s.ALL, out.view(f"V{dtype.itemsize}"))
                else:
                    self._id.read(h5s.ALL, h5s.ALL, out)
            return out

    def let_go(self) -> None:
        """Free the memory of the mapped file that the values took, after they were copied."""
        if self._data is not None and self._start is not None:
            let_go(self._data.map, self._data.base + self._start, self.nbytes)

    @property
    def nbytes(self) -> int:
        """Size of the values in memory."""
        count = 1
        for d in self.shape:
            count *= d
        return count * numpy_dtype(self.dtype).itemsize

    def check_proportion(self) -> None:
        """Refuse an array that declares far more than the file stores, if it is not compared with a variable."""
        with reading(self.path):
            stored = self._id.get_storage_size()
        if self.nbytes > _SMALL and self.nbytes > 1100 * stored:
            raise UnsafeFileError(
                f"[load] expected stored data for {self.path}, got a declared size of {self.nbytes:,} bytes over "
                f"{stored:,} stored ones."
            )


class _Mapped:
    """The bytes of an HDF5 file that is a part of a file on disk, mapped into memory: private, so that they may change.

    Args:
        data: the bytes of the file on disk.
        base: where the part begins.
    """

    def __init__(self, data: mmap.mmap, base: int) -> None:
        self.map, self.base = data, base

    def array(self, dtype: str, shape: tuple[int, ...], start: int) -> np.ndarray:
        """An array without a copy."""
        kind = numpy_dtype(dtype)
        flat = np.frombuffer(self.map, np.uint8, math.prod(shape) * kind.itemsize, self.base + start)
        return (flat if flat.ctypes.data % kind.itemsize == 0 else flat.copy()).view(kind).reshape(shape)


def _mapped(file: object) -> _Mapped | None:
    """The bytes of a file or part of one, where they can be mapped."""
    raw = getattr(file, "raw", file)
    whole, base = (raw.file, raw.start) if isinstance(raw, Window) else (file, 0)
    data = mapped(whole, mmap.ACCESS_COPY)
    return None if data is None else _Mapped(data, base)


def _checked(handle: h5d.DatasetID, path: str, reader: H5Reader) -> tuple[tuple[int, ...], str, bool]:
    """Shape and dtype name of a dataset that holds plain numbers inside the file, and whether they are as in memory."""
    plist = handle.get_create_plist()
    if plist.get_external_count() > 0:
        raise UnsafeFileError(
            f"[load] expected data inside the file, got {path} with external storage in another file."
        )
    layout = plist.get_layout()
    if layout not in _LAYOUTS:
        raise UnsafeFileError(f"[load] expected data inside the file, got {path}, a virtual dataset over other files.")
    for i in range(plist.get_nfilters()):
        if plist.get_filter(i)[0] not in _FILTERS:
            raise UnsafeFileError(
                f"[load] expected no or deflate compression, got filter {plist.get_filter(i)[0]} at {path}."
            )
    space = handle.get_space()
    extent = space.get_simple_extent_type()
    if extent not in (h5s.SCALAR, h5s.SIMPLE):
        raise SavingError(f"[load] expected an array, got {path} without a shape.")
    shape = tuple(int(d) for d in space.get_simple_extent_dims()) if extent == h5s.SIMPLE else ()
    dtype, native = _dtype_of(handle, path, reader)
    if layout == h5d.CHUNKED:
        _check_chunks(plist.get_chunk(), shape, path)
    elif 0 not in shape and handle.get_storage_size() == 0:
        raise SavingError(f"[load] expected stored data for {path}, got a dataset that was never written.")
    return shape, dtype, native


def _check_chunks(chunk: tuple[int, ...], shape: tuple[int, ...], path: str) -> None:
    size, whole = 1, 1
    for c, d in zip(chunk, shape, strict=True):
        size, whole = size * c, whole * d
    if size > 4 * whole + _SMALL:
        raise UnsafeFileError(f"[load] expected chunks no larger than the array {shape}, got {tuple(chunk)} at {path}.")


def _dtype_of(handle: h5d.DatasetID, path: str, reader: H5Reader) -> tuple[str, bool]:
    """Name of the dtype, and whether its values are in the file as in memory."""
    kind = handle.get_type()
    if kind.equal(h5t.NATIVE_FLOAT):
        return "float32", True
    if kind.get_class() == h5t.OPAQUE:
        name = reader.texts.one(handle, "dtype")
        if name in _OPAQUE and numpy_dtype(name).itemsize == kind.get_size():
            return name, True
        raise SavingError(f"[load] expected an array of numbers at {path}, got opaque bytes of dtype {shown(name)}.")
    if kind.get_class() in (h5t.INTEGER, h5t.FLOAT) or (kind.get_class() == h5t.ENUM and kind.get_size() == 1):
        dtype = kind.dtype
        if dtype.kind in "biuf" and dtype.itemsize <= 8:
            return dtype.newbyteorder("=").name, dtype.isnative and dtype.kind != "b"
    raise SavingError(f"[load] expected an array of numbers at {path}, got HDF5 type class {kind.get_class()}.")


class H5Reader:
    """Reads groups and datasets, following hard links only.

    Args:
        file: a file opened for reading.
        what: its name, for messages.

    Raises:
        SavingError: it is not HDF5.
    """

    def __init__(self, file: BinaryIO, what: str) -> None:
        self.what = what
        with reading(what):
            self._size = file.seek(0, os.SEEK_END)
            file.seek(0)
            self._file = h5py.File(file, "r")
        plain = not self._file.id.get_create_plist().get_userblock()
        self._data = _mapped(file) if plain and self._size > _SMALL else None
        self._groups: dict[tuple[str, ...], object] = {(): self._file.id}
        self._source = file

    @functools.cached_property
    def texts(self) -> Texts:
        """The text attributes of the file."""
        return Texts(self._source, self._file, self.what)

    def group(self, path: tuple[str, ...]) -> h5g.GroupID | None:
        """The group of that path, or None if it is not there."""
        if path in self._groups:
            return self._groups[path]
        parent = self.group(path[:-1])
        found = None if parent is None else self._open(parent, path, h5g.open)
        self._groups[path] = found
        return found

    def _open(self, parent: h5g.GroupID, path: tuple[str, ...], opener: Any) -> object:
        where = "/".join(path)
        with reading(where):
            name = path[-1].encode()
            links = parent.links
            if b"/" in name or name in (b"", b".", b"..") or not links.exists(name):
                return None
            if links.get_info(name).type != h5l.TYPE_HARD:
                raise UnsafeFileError(f"[load] expected data inside the file, got {where}, which is a link elsewhere.")
            return opener(parent, name)

    def names(self, path: tuple[str, ...]) -> list[str]:
        """The names in a group; [] if it is not there."""
        group = self.group(path)
        if group is None:
            return []
        with reading("/".join(path)):
            count = group.get_num_objs()
            if count > LIMITS.names_in_group:
                raise UnsafeFileError(
                    f"[load] expected at most {LIMITS.names_in_group:,} names in a group, got {count:,}."
                )
            return [n.decode("utf-8") for n in group]

    def dataset(self, path: tuple[str, ...]) -> Dataset | None:
        """A checked dataset, or None if it is not there."""
        parent = self.group(path[:-1])
        if parent is None:
            return None
        handle = self._open(parent, path, h5d.open)
        if handle is None:
            return None
        with reading("/".join(path)):
            return Dataset(handle, "/".join(path), self)

    def holds_data(self, path: tuple[str, ...], budget: int = 200) -> bool:
        """Whether there is any dataset at or below `path`; looks at no more than `budget` names."""
        stack = [path]
        while stack and budget > 0:
            here = stack.pop()
            parent = self.group(here[:-1])
            budget -= 1
            with reading("/".join(here)):
                name = here[-1].encode()
                if parent is None or not parent.links.exists(name) or parent.links.get_info(name).type != h5l.TYPE_HARD:
                    continue
                kind = h5g.get_objinfo(parent, name).type
            if kind == h5g.DATASET:
                return True
            if kind == h5g.GROUP and len(here) < 64:
                stack.extend((*here, n) for n in self.names(here)[:budget])
        return False

    def close(self) -> None:
        """Release the file."""
        self._groups.clear()
        self._data = None
        with contextlib.suppress(Exception):
            self._file.close()


class Store(dict):  # type: ignore[type-arg]
    """What a layer's own `load_own_variables` reads from: name -> array, read when asked for."""

    def __init__(self, reader: H5Reader, path: tuple[str, ...]) -> None:
        super().__init__()
        for name in reader.names(path):
            found = reader.dataset((*path, name))
            if found is not None:
                found.check_proportion()
                super().__setitem__(name, found)

    def __getitem__(self, name: str) -> np.ndarray:
        value = super().__getitem__(name)
        return value.read() if isinstance(value, Dataset) else value

    def get(self, name: str, default: object = None) -> Any:
        """The array of that name, or `default`."""
        try:
            return self[name]
        except KeyError:
            return default

    def items(self) -> Any:
        """Pairs (name, array)."""
        return [(k, self[k]) for k in self]

    def values(self) -> Any:
        """The arrays."""
        return [self[k] for k in self]
