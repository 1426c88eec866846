"""Readers that trust no header: what a file declares is compared with what the data set is before memory is taken."""

from __future__ import annotations

import gzip
import zipfile
from pathlib import Path
from typing import IO

import numpy as np

from kfront.core.errors import DataError

Pattern = tuple[tuple[int | None, ...], str]  # shape, None for any length up to `most`; dtype


def read_npz(path: Path, expected: dict[str, Pattern], most: int) -> dict[str, np.ndarray]:
    """Arrays of an `.npz` file, never unpickled.

    Args:
        path: the file.
        expected: name -> (shape, dtype).
        most: greatest length of an axis whose length is None.

    Raises:
        DataError: an array is missing, or has another shape or dtype.
    """
    found = {}
    try:
        with zipfile.ZipFile(path) as archive:
            for name, pattern in expected.items():
                with archive.open(name + ".npy") as f:
                    _check(path, name, pattern, most, *_npy_header(f))
        with np.load(path, allow_pickle=False) as arrays:
            for name in expected:
                found[name] = arrays[name]
    except (KeyError, OSError, EOFError, zipfile.BadZipFile) as e:
        raise DataError(
            f"[datasets] expected {path} to hold {', '.join(expected)}, got {e}; delete the file, so that it is "
            "downloaded again."
        ) from e
    return found


def _npy_header(f: IO[bytes]) -> tuple[tuple[int, ...], object]:
    try:
        version = np.lib.format.read_magic(f)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, dtype = read(f)
    except ValueError as e:
        raise EOFError(str(e)) from e
    return shape, dtype


def _check(path: Path, name: str, pattern: Pattern, most: int, shape: tuple[int, ...], dtype: object) -> None:
    wanted, kind = pattern
    fits = len(shape) == len(wanted) and all(
        n <= most if w is None else n == w for n, w in zip(shape, wanted, strict=True)
    )
    if not fits or dtype != np.dtype(kind):
        raise DataError(
            f"[datasets] expected {name!r} in {path} to have shape {wanted} and dtype {kind}, got {shape} and {dtype}; "
            "delete the file, so that it is downloaded again."
        )


def read_idx(path: Path, shape: tuple[int, ...]) -> np.ndarray:
    """The bytes of a gzipped IDX file (http://yann.lecun.com/exdb/mnist/), as uint8.

    Args:
        path: the file.
        shape: the shape that it must have.

    Raises:
        DataError: the header says otherwise, or the file ends early.
    """
    try:
        with gzip.open(path) as f:
            magic = f.read(4)
            declared = tuple(int(n) for n in np.frombuffer(f.read(4 * len(shape)), ">u4"))
            if magic == bytes((0, 0, 8, len(shape))) and declared == shape:
                data = f.read(int(np.prod(shape)))
                if len(data) == np.prod(shape):
                    return np.frombuffer(data, "uint8").reshape(shape)
    except (OSError, EOFError, ValueError) as e:
        raise DataError(f"[datasets] expected a gzipped IDX file, got {e}; delete {path}.") from e
    raise DataError(f"[datasets] expected an IDX file of shape {shape} in {path}, got another; delete the file.")
