"""Arrays and lists out of old pickles, by an unpickler that can make nothing else."""

from __future__ import annotations

import codecs
import io
import pickle
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from kfront.core.errors import DataError

_MOST = 1 << 30  # bytes of one member
_reconstruct = np.empty(0).__reduce__()[0]  # what NumPy's own pickles of arrays call
# what a pickle may name: the parts of an array, and how Python 2 wrote bytes
_ALLOWED: dict[tuple[str, str], object] = {
    ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy._core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("_codecs", "encode"): codecs.encode,
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        found = _ALLOWED.get((module, name))
        if found is None:
            raise pickle.UnpicklingError(f"{module}.{name} is no part of an array")
        return found

    def persistent_load(self, pid: object) -> NoReturn:
        raise pickle.UnpicklingError("it refers to something outside")


def unpickle(data: bytes, what: object) -> Any:
    """Dicts, lists, numbers, bytes and arrays out of a pickle.

    Args:
        data: the pickle.
        what: the name of the file, for messages.

    Raises:
        DataError: it holds anything else, or is damaged.
    """
    try:
        return _Unpickler(io.BytesIO(data), encoding="bytes").load()
    except Exception as e:
        raise DataError(f"[datasets] expected arrays in {what}, got {type(e).__name__}: {e}; delete the file.") from e


def read_tar(path: Path, names: tuple[str, ...]) -> Iterator[bytes]:
    """The contents of members of a tar archive, in the order of `names`; nothing is unpacked to disk.

    Raises:
        DataError: a member is missing or too large, or the archive is damaged.
    """
    try:
        with tarfile.open(path) as archive:
            members = {m.name: m for m in archive.getmembers() if m.isfile()}
            for name in names:
                member = members.get(name)
                if member is None or member.size > _MOST:
                    raise DataError(f"[datasets] expected {name} in {path}, got none of a sane size; delete the file.")
                yield archive.extractfile(member).read()  # type: ignore[union-attr]
    except (tarfile.TarError, OSError, EOFError) as e:
        raise DataError(f"[datasets] expected a tar archive, got {e}; delete {path}.") from e


def read_ragged_npz(path: Path, names: tuple[str, ...]) -> list[np.ndarray]:
    """Arrays of an `.npz` file, of numbers or of lists of ints.

    Raises:
        DataError: an array is missing, or holds anything else.
    """
    out = []
    try:
        with zipfile.ZipFile(path) as archive:
            for name in names:
                if archive.getinfo(name + ".npy").file_size > _MOST:
                    raise DataError(f"[datasets] expected {name!r} in {path} to be of a sane size; delete the file.")
                with archive.open(name + ".npy") as file:
                    out.append(_array(file.read(), f"{path}: {name}"))
    except (KeyError, OSError, EOFError, ValueError, zipfile.BadZipFile) as e:
        if isinstance(e, DataError):
            raise
        raise DataError(f"[datasets] expected {path} to hold {', '.join(names)}, got {e}; delete the file.") from e
    return out


def _array(data: bytes, what: str) -> np.ndarray:
    file = io.BytesIO(data)
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read(file)
    if not dtype.hasobject:
        return np.load(io.BytesIO(data), allow_pickle=False)
    found = unpickle(data[file.tell() :], what)
    good = isinstance(found, np.ndarray) and found.shape == shape and found.ndim == 1
    if not good or not all(type(row) is list and all(type(i) is int for i in row) for row in found):
        raise DataError(f"[datasets] expected lists of ints in {what}, got something else; delete the file.")
    return found
