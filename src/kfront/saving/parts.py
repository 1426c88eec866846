"""Tensors in parts: each process writes those that it holds into a safetensors file, and an index says where they lie.

A part is one tensor of a file; the index gives its offset in the whole. A reader asks for any part of any tensor, by
offset and shape, whatever parts were written: it copies from each stored part what the two have in common, from files
that are mapped into memory, so that nobody makes a whole tensor who does not hold one.
"""

from __future__ import annotations

import json
import math
import mmap
import re
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np

from kfront.core import guard
from kfront.core.dtypes import numpy_dtype
from kfront.core.errors import SavingError, UnsafeFileError
from kfront.core.files import atomic_write
from kfront.core.typing import Config
from kfront.saving.archive import let_go, mapped
from kfront.saving.directory import open_plain
from kfront.saving.safetensors import as_array, read_header, write_safetensors

INDEX = "index.json"
FORM = "kfront.parts.1"
_FILE = re.compile(r"part-\d{5,}\.safetensors")
Where = tuple[int, ...]


class Held(NamedTuple):
    """A part that this process writes.

    Attributes:
        name: of the tensor.
        shape: of the whole tensor.
        offset: where the part begins in it.
        array: its values.
    """

    name: str
    shape: Where
    offset: Where
    array: np.ndarray


def write_parts(folder: Path, number: int, held: list[Held]) -> list[Config]:
    """Write the parts of one process.

    Args:
        folder: an existing folder.
        number: of the process.
        held: its parts.

    Returns:
        Their entries for the index.
    """
    file, tensors, entries = f"part-{number:05d}.safetensors", [], []
    for name, shape, offset, array in held:
        stored = name if array.shape == shape else f"{name}@{','.join(map(str, offset))}"
        tensors.append((stored, array))
        entry = {"file": file, "name": stored, "offset": list(offset), "shape": list(array.shape)}
        entries.append({"tensor": name, "shape": list(shape), "dtype": array.dtype.name, "part": entry})
    with atomic_write(folder / file, size=sum(array.nbytes for _, array in tensors)) as out:
        write_safetensors(tensors, out)
    return entries


def write_index(folder: Path, entries: list[Config], facts: Config) -> None:
    """Write the index over the parts of all processes.

    Args:
        folder: where the parts are.
        entries: what `write_parts` gave in all of them.
        facts: what else a reader should know.
    """
    tensors: Config = {}
    for entry in entries:
        found = tensors.setdefault(entry["tensor"], {"shape": entry["shape"], "dtype": entry["dtype"], "parts": []})
        found["parts"].append(entry["part"])
    with atomic_write(folder / INDEX) as out:
        out.write(json.dumps({"form": FORM, **facts, "tensors": tensors}, indent=1).encode())


class Stored(NamedTuple):
    """A tensor of an index: its shape and dtype, as `compare` looks at them, and its parts."""

    shape: Where
    dtype: str
    parts: list[Config]


class PartReader:
    """Reads parts of tensors; to be closed, or used as a context manager.

    Args:
        folder: the folder of the index.

    Attributes:
        facts: the index without its tensors.
        tensors: name -> Stored.

    Raises:
        UnsafeFileError: the index names something else than files beside it.
        SavingError: there is no index of this form.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.what = folder, str(folder)
        with open_plain(folder / INDEX, self.what) as file:
            text = file.read(guard.LIMITS.json_bytes + 1)
        self.facts = guard.expect(guard.parse_json(text, self.what), dict, self.what)
        if self.facts.get("form") != FORM:
            raise SavingError(f"[load_checkpoint] expected an index {FORM!r} in {folder}, got another form.")
        listed = guard.expect(self.facts.pop("tensors", None), dict, "tensors")
        self.tensors = {name: _stored(name, found) for name, found in listed.items()}
        self._files: dict[str, tuple[mmap.mmap, int, Config]] = {}
        self._stack = ExitStack()

    def check(self) -> None:
        """Look whether the files hold what the index names.

        Raises:
            SavingError: they do not.
        """
        for stored in self.tensors.values():
            for part in stored.parts:
                self._find(part, stored.dtype)

    def read(self, name: str, offset: Where, shape: Where) -> np.ndarray:
        """A part of a tensor.

        Args:
            name: of the tensor.
            offset: where the part begins.
            shape: of the part.

        Raises:
            SavingError: a file is damaged, or not all values are there.
        """
        stored = self.tensors[name]
        out, filled = np.empty(shape, numpy_dtype(stored.dtype)), 0
        for part in stored.parts:
            begin, size = part["offset"], part["shape"]
            low = [max(a, b) for a, b in zip(offset, begin, strict=True)]
            high = [min(a + n, b + m) for a, n, b, m in zip(offset, shape, begin, size, strict=True)]
            if any(a >= b for a, b in zip(low, high, strict=True)):
                continue
            here = tuple(slice(a - o, b - o) for a, b, o in zip(low, high, offset, strict=True))
            there = tuple(slice(a - o, b - o) for a, b, o in zip(low, high, begin, strict=True))
            self._copy(part, stored.dtype, there, out[here] if here else out)
            filled += math.prod(b - a for a, b in zip(low, high, strict=True))
        if filled != out.size:
            raise SavingError(
                f"[load_checkpoint] expected {out.size} values of {name!r} at {tuple(offset)} in {self.what}, got "
                f"{filled}; the checkpoint is damaged."
            )
        return out

    def _find(self, part: Config, dtype: str) -> tuple[mmap.mmap, int]:
        """The file of a stored part, and where its bytes begin."""
        data, start, entries = self._open(part["file"])
        found = entries.get(part["name"])
        if found is None or found[:2] != (dtype, tuple(part["shape"])):
            raise SavingError(
                f"[load_checkpoint] expected {part['name']!r} of {dtype} {part['shape']} in {part['file']} of "
                f"{self.what}, got {'none' if found is None else found[:2]}; the checkpoint is damaged."
            )
        return data, start + found[2]

    def _copy(self, part: Config, dtype: str, there: tuple[slice, ...], out: np.ndarray) -> None:
        """Copy values of a stored part; its pages are let go of at once."""
        data, start = self._find(part, dtype)
        values = as_array(data, dtype, tuple(part["shape"]), start)
        np.copyto(out, values[there])
        let_go(data, start, values.nbytes)

    def _open(self, name: str) -> tuple[mmap.mmap, int, Config]:
        if name not in self._files:
            file = self._stack.enter_context(open_plain(self.folder / name, self.what))
            start, entries, _ = read_header(file, f"{self.what}: {name}")
            data = mapped(file, mmap.ACCESS_READ)
            if data is None:
                raise SavingError(f"[load_checkpoint] expected files that can be mapped into memory, got {name}.")
            self._files[name] = data, start, dict(entries)
        return self._files[name]

    def close(self) -> None:
        """Release the files."""
        self._files.clear()
        self._stack.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def _stored(name: str, found: object) -> Stored:
    """An entry of the index, checked: files beside it, parts inside the whole."""
    entry = guard.expect(found, dict, f"index of {guard.shown(name)}")
    shape, dtype = _sizes(name, entry.get("shape")), guard.expect(entry.get("dtype"), str, "dtype")
    parts = guard.expect(entry.get("parts"), list, "parts")
    for part in parts:
        guard.expect(part, dict, "part")
        file = part.get("file")
        if not isinstance(file, str) or _FILE.fullmatch(file) is None or not isinstance(part.get("name"), str):
            raise UnsafeFileError(
                f"[load_checkpoint] expected names of 'part-….safetensors' beside the index, got {guard.shown(file)}."
            )
        offset, size = _sizes(name, part.get("offset")), _sizes(name, part.get("shape"))
        inside = len(offset) == len(size) == len(shape)
        if not inside or any(o + n > whole for o, n, whole in zip(offset, size, shape, strict=True)):
            raise SavingError(
                f"[load_checkpoint] expected parts inside {shape} of {guard.shown(name)}, got {guard.shown(part)}."
            )
    return Stored(shape, dtype, parts)


def _sizes(name: str, found: object) -> Where:
    sizes = guard.expect(found, list, f"sizes of {guard.shown(name)}")
    if any(type(n) is not int or n < 0 for n in sizes):
        raise SavingError(f"[load_checkpoint] expected sizes of {guard.shown(name)}, got {guard.shown(sizes)}.")
    return tuple(sizes)
