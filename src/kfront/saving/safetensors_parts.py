"""Tensors of a checkpoint one by one: of a safetensors file, of several that an index lists, or of a state dict."""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from kfront.core import guard
from kfront.core.errors import SavingError, UnsafeFileError
from kfront.core.files import NoFileError, atomic_write
from kfront.saving.archive import let_go
from kfront.saving.hub import download, is_hub_path
from kfront.saving.safetensors import as_array, in_memory, read_header, write_safetensors
from kfront.saving.state_dict import as_host_array
from kfront.saving.weights_h5 import array_bytes

_GIGABYTE = 1 << 30
_SINGLE, _INDEX = "model.safetensors", ".safetensors.index.json"
_PART = re.compile(r"[^/\\:\x00-\x1f.][^/\\:\x00-\x1f]*\.safetensors")
Source = str | os.PathLike[str] | Mapping[str, object]


class StoredTensor(Protocol):
    """A tensor of a checkpoint that is not read yet."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Its shape."""
        ...

    @property
    def dtype(self) -> str:
        """Its dtype's name."""
        ...

    def numpy(self) -> np.ndarray:
        """Its values, without a copy where that can be had."""
        ...

    def let_go(self) -> None:
        """Free the memory that reading it took."""
        ...


class _OfFile:
    def __init__(self, data: object, start: int, dtype: str, shape: tuple[int, ...]) -> None:
        self.data, self.start, self.dtype, self.shape = data, start, dtype, shape

    def numpy(self) -> np.ndarray:
        return as_array(self.data, self.dtype, self.shape, self.start)

    def let_go(self) -> None:
        let_go(self.data, self.start, array_bytes(self.shape, self.dtype))


class _OfDict:
    def __init__(self, value: object) -> None:
        self.value = value
        self.shape: tuple[int, ...] = tuple(getattr(value, "shape", ()))
        self.dtype = str(getattr(value, "dtype", "none")).rpartition(".")[2]  # "torch.float32" too

    def numpy(self) -> np.ndarray:
        return as_host_array(self.value)

    def let_go(self) -> None:
        pass


def stored_tensors(source: Source) -> dict[str, StoredTensor]:
    """The tensors of a checkpoint by name; of files, headers alone are read.

    Args:
        source: path of a safetensors file, of an index of several, or of a folder with either; ``hf://user/name``; or
            a dict name -> tensor.

    Raises:
        UnsafeFileError: an index names something else than files beside it, or a header lies about its file.
        SavingError: it is none of these, or damaged.
    """
    if isinstance(source, Mapping):
        return {str(name): _OfDict(value) for name, value in source.items()}
    path = Path(download(source, _SINGLE) if is_hub_path(source) else source)
    if path.is_dir():
        single = path / _SINGLE
        path = single if single.is_file() else next(iter(sorted(path.glob(f"*{_INDEX}"))), single)
    if path.name.endswith(_INDEX):
        return _of_index(path)
    if path.suffix != ".safetensors":
        raise SavingError(
            f"[WeightTable] expected a file that ends in '.safetensors' or '{_INDEX}', a folder with one, or a dict of "
            f"tensors, got {source}; load other files with their own library, and pass the dict."
        )
    return _of_file(path)


def _of_file(path: Path) -> dict[str, StoredTensor]:
    # links are followed: in the folder of a download of the hub every file is one
    if not path.is_file():
        raise NoFileError(f"[WeightTable] expected an existing file, got {path}; check the path.")
    with open(path, "rb") as file:
        start, entries, _ = read_header(file, str(path))
        data = in_memory(file)
    return {name: _OfFile(data, start + at, dtype, shape) for name, (dtype, shape, at) in entries.items()}


def _of_index(path: Path) -> dict[str, StoredTensor]:
    places = _read_index(path)
    out: dict[str, StoredTensor] = {}
    for part in sorted(set(places.values())):
        found = _of_file(path.parent / part)
        double = next((name for name in found if name in out), None)
        if double is not None:
            raise SavingError(f"[WeightTable] expected each tensor once in the parts of {path}, got {double!r} twice.")
        out |= found
    lost = sorted(places.keys() - out.keys())
    if lost:
        raise SavingError(
            f"[WeightTable] expected every tensor that {path} lists in its parts, got no {', '.join(lost[:5])}; "
            "fetch the files again."
        )
    return out


def _read_index(path: Path) -> dict[str, str]:
    """Tensor -> name of the file that holds it, a plain name."""
    with open(path, "rb") as file:
        index = guard.parse_json(file.read(guard.LIMITS.json_bytes + 1), str(path))
    places = guard.expect(guard.expect(index, dict, str(path)).get("weight_map"), dict, "weight_map")
    for name in places.values():
        if not isinstance(name, str) or _PART.fullmatch(name) is None:
            raise UnsafeFileError(
                f"[WeightTable] expected names of '.safetensors' files beside {path.name}, got {guard.shown(name)}; "
                "an index may not name files elsewhere."
            )
    if len(set(places.values())) > guard.LIMITS.zip_members:
        raise UnsafeFileError(f"[WeightTable] expected at most {guard.LIMITS.zip_members:,} parts in {path}, got more.")
    return places


class Derived(Protocol):
    """A tensor that is to be written: its values are computed when it is its turn."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Its shape."""
        ...

    @property
    def dtype(self) -> np.dtype:
        """Its dtype."""
        ...

    def numpy(self) -> np.ndarray:
        """Its values."""
        ...


def write_checkpoint(
    tensors: Mapping[str, Derived],
    filepath: str | os.PathLike[str],
    overwrite: bool = True,
    max_shard_size: float | None = None,
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Write a safetensors file, or several with an index, as `transformers` reads them.

    Args:
        tensors: name -> tensor.
        filepath: ends in ``.safetensors``; the parts and the index get names made of it.
        overwrite: whether existing files may be replaced.
        max_shard_size: the most gigabytes of a file; a single larger tensor has a file of its own. None: one file.
        metadata: further texts for the header.

    Raises:
        SavingError: another ending, files that exist and may not be replaced, or cannot be written.
    """
    path, about = Path(filepath), {"format": "pt", **(metadata or {})}
    if path.suffix != ".safetensors":
        raise SavingError(f"[WeightTable] expected a path that ends in '.safetensors', got {filepath}.")
    sizes = {name: t.dtype.itemsize * int(np.prod(t.shape, dtype=np.int64)) for name, t in tensors.items()}
    if max_shard_size is None:
        with atomic_write(path, overwrite, sum(sizes.values())) as file:
            write_safetensors(list(tensors.items()), file, about)
        return
    if isinstance(max_shard_size, bool) or not isinstance(max_shard_size, (int, float)) or not max_shard_size > 0:
        raise SavingError(f"[WeightTable] expected `max_shard_size` in gigabytes, got {max_shard_size!r}.")
    index = path.with_name(path.stem + _INDEX)
    if not overwrite and (index.exists() or path.exists()):
        raise SavingError(f"[WeightTable] expected new files, got {index}, which exists; pass `overwrite=True`.")
    old = _replaceable(index, path)
    groups = _groups(sizes, max_shard_size * _GIGABYTE)
    mark = f"-{secrets.token_hex(4)}" if old else ""  # the old files stay whole until the new index is there
    places: dict[str, str] = {}
    for i, group in enumerate(groups, 1):
        part = f"{path.stem}{mark}-{i:05d}-of-{len(groups):05d}.safetensors"
        with atomic_write(path.with_name(part), size=sum(sizes[n] for n in group)) as file:
            write_safetensors([(n, tensors[n]) for n in group], file, about)
        places.update(dict.fromkeys(group, part))
    with atomic_write(index) as file:
        listed = {"metadata": {"total_size": sum(sizes.values())}, "weight_map": places}
        file.write(json.dumps(listed, indent=2).encode())
    for name in old - {index.name}:
        with contextlib.suppress(OSError):
            os.unlink(path.with_name(name))


def _groups(sizes: Mapping[str, int], most: float) -> list[list[str]]:
    """Names in turn, in groups of at most so many bytes."""
    groups: list[list[str]] = [[]]
    held = 0
    for name, size in sizes.items():
        if groups[-1] and held + size > most:
            groups.append([])
            held = 0
        groups[-1].append(name)
        held += size
    return groups


def _replaceable(index: Path, single: Path) -> set[str]:
    """Names of the files that a new index takes the place of."""
    own = re.compile(re.escape(single.stem) + r"(-[0-9a-f]{8})?-\d{5}-of-\d{5}\.safetensors")
    found: Sequence[str] = []
    if index.exists():
        with contextlib.suppress(SavingError):
            found = [name for name in _read_index(index).values() if own.fullmatch(name)]
    return {p.name for p in (index, single) if p.exists()} | set(found)
