"""Weights in several files: ``name.weights.json`` lists which of ``name_00000.weights.h5`` … hold an object's state.

Each part is written completely, and the list after all parts. Where there is a list already, new parts get names of
their own, so that the old list and its parts stay whole until the new ones are complete.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kfront.core import guard
from kfront.core.errors import SavingError, UnsafeFileError
from kfront.core.files import SHORT, NoFileError, atomic_write, sweep
from kfront.saving.directory import open_plain
from kfront.saving.hdf5 import Dataset, H5Reader, H5Writer
from kfront.saving.weights_h5 import Item, read_from, write_items

if TYPE_CHECKING:
    from kfront.models.model import Model

_GIGABYTE = 1 << 30
_PART = re.compile(r"[^/\\:\x00-\x1f]+\.weights\.h5")


class _Writer:
    """Writes one part after the other, with the methods of `H5Writer`."""

    def __init__(self, stack: contextlib.ExitStack, name: Any, most: float, expected: int) -> None:
        self.stack, self.name, self.most, self.expected = stack, name, most, expected
        self.places: dict[str, list[str]] = {}
        self.parts: list[str] = []
        self.total = 0
        self._open()

    def _open(self) -> None:
        path: Path = self.name(len(self.parts))
        self.parts.append(path.name)
        reserved = int(max(0, min(self.most, self.expected - self.total)))
        self.h5, self.size = H5Writer(self.stack.enter_context(atomic_write(path, size=reserved))), 0
        self.stack.callback(self.h5.close)  # before its file, whatever happens

    def group(self, path: tuple[str, ...]) -> tuple[str, ...]:
        """The group of that path."""
        return path

    def text(self, where: tuple[str, ...], name: str, value: str) -> None:
        """A text attribute."""
        self.h5.text(self.h5.group(where), name, value)

    def put(self, group: tuple[str, ...], name: str, value: object) -> None:
        """An array, in the next part if this one is full."""
        value = np.asarray(value)
        if self.size and self.size + value.nbytes > self.most:
            self.h5.close()
            self._open()
        self.size += value.nbytes
        self.total += value.nbytes
        self.h5.put(self.h5.group(group), name, value)
        parts = self.places.setdefault("/" + "/".join(group), [])
        if self.parts[-1] not in parts:
            parts.append(self.parts[-1])


def _list_path(filepath: str | os.PathLike[str]) -> Path:
    path = str(filepath)
    return Path(path if path.endswith(".weights.json") else path.removesuffix(".weights.h5") + ".weights.json")


def write_sharded(
    items: Sequence[Item], filepath: str | os.PathLike[str], overwrite: bool, max_shard_size: float
) -> None:
    """Write all state of a model into files of limited size.

    Args:
        items: what `collect` gives for the model.
        filepath: ends in ``.weights.h5`` or ``.weights.json``.
        overwrite: whether existing files may be replaced.
        max_shard_size: the most gigabytes of a file; a single larger array has a file of its own.

    Raises:
        SavingError: the files exist and may not be replaced, or cannot be written.
    """
    if isinstance(max_shard_size, bool) or not isinstance(max_shard_size, (int, float)) or not max_shard_size > 0:
        raise SavingError(f"[save_weights] expected `max_shard_size` in gigabytes, got {max_shard_size!r}.")
    target = _list_path(filepath)
    if target.exists() and not overwrite:
        raise SavingError(f"[save_weights] expected a new file, got {target}, which exists; pass `overwrite=True`.")
    stem = target.name.removesuffix(".weights.json")
    ours = re.compile(re.escape(stem) + r"_\d{5}(-[0-9a-f]{8})?\.weights\.h5")
    mark = f"-{secrets.token_hex(4)}" if target.exists() else ""
    old = {n for n in _parts_of(target) if ours.fullmatch(n)}
    with contextlib.ExitStack() as stack:
        name = lambda i: target.parent / f"{stem}_{i:05d}{mark}.weights.h5"  # noqa: E731
        writer = _Writer(stack, name, max_shard_size * _GIGABYTE, sum(i.size for i in items))
        write_items(items, writer)
        writer.h5.close()
    # a later save removes these if the program is killed before it does
    replaced = sorted(n for n in old if (target.parent / n).exists())
    metadata = {"total_size": writer.total, **({"replaced": replaced} if replaced else {})}
    listed = {"metadata": metadata, "weight_map": writer.places}
    with atomic_write(target, overwrite) as file:
        file.write(json.dumps(listed, indent=4).encode())
    marked = re.compile(re.escape(stem) + r"_\d{5}-[0-9a-f]{8}\.weights\.h5")
    for found in os.listdir(target.parent):
        # parts of the previous list, and those of an interrupted save
        if found not in writer.parts and (found in old or marked.fullmatch(found)):
            with contextlib.suppress(OSError):
                os.unlink(target.parent / found)
    sweep(target.parent, lambda n: ours.fullmatch(n) or (len(n) == SHORT and n.startswith(f"{stem}_"[:SHORT])))


def _parts_of(target: Path) -> set[str]:
    """The parts that an existing list names, its own and those it replaced; none if it cannot be read."""
    try:
        if not target.exists():
            return set()
        replaced = guard.expect(_read_json(target).get("metadata"), dict, "metadata").get("replaced", [])
        return {*_read_list(target), *(n for n in guard.expect(replaced, list, "replaced") if isinstance(n, str))}
    except SavingError:
        return set()


def _read_json(path: Path) -> dict[str, object]:
    with open(path, "rb") as file:
        return guard.expect(guard.parse_json(file.read(guard.LIMITS.json_bytes + 1), str(path)), dict, str(path))


def _read_list(path: Path) -> list[str]:
    """The names of the parts: plain names of files in the same folder."""
    places = guard.expect(_read_json(path).get("weight_map"), dict, "weight_map")
    parts: dict[str, None] = {}
    for value in places.values():
        for name in guard.expect([value] if isinstance(value, str) else value, list, "weight_map"):
            if not isinstance(name, str) or _PART.fullmatch(name) is None or name.startswith("."):
                raise UnsafeFileError(
                    f"[load_weights] expected names of '.weights.h5' files beside {path.name}, got "
                    f"{guard.shown(name)}; a file may not name files elsewhere."
                )
            parts[name] = None
    if len(parts) > guard.LIMITS.zip_members:
        raise UnsafeFileError(
            f"[load_weights] expected at most {guard.LIMITS.zip_members:,} parts, got {len(parts):,}."
        )
    return list(parts)


class _Reader:
    """Several files as one, with the methods of `H5Reader`."""

    def __init__(self, readers: list[H5Reader], what: str) -> None:
        self.readers, self.what = readers, what

    def group(self, path: tuple[str, ...]) -> Any:
        """A group of that path, or None if no part has one."""
        return next((g for r in self.readers if (g := r.group(path)) is not None), None)

    def names(self, path: tuple[str, ...]) -> list[str]:
        """The names in a group, of all parts."""
        return list(dict.fromkeys(n for r in self.readers for n in r.names(path)))

    def dataset(self, path: tuple[str, ...]) -> Dataset | None:
        """A checked dataset, or None if no part has it."""
        return next((d for r in self.readers if (d := r.dataset(path)) is not None), None)

    def holds_data(self, path: tuple[str, ...], budget: int = 200) -> bool:
        """Whether there is any dataset at or below `path`."""
        return any(r.group(path[:-1]) is not None and r.holds_data(path, budget) for r in self.readers)

    def close(self) -> None:
        """Release the files."""
        for r in self.readers:
            r.close()


def read_sharded(model: Model, filepath: str | os.PathLike[str], skip_mismatch: bool, links: bool = False) -> None:
    """Read state from files that a ``.weights.json`` lists.

    Args:
        model: a built model or layer.
        filepath: path of the list.
        skip_mismatch: as in `read_weights`.
        links: whether the parts may be links (as in the folder of a download that kfront made).

    Raises:
        UnsafeFileError: the list names something else than files beside it.
        SavingError: parts are missing or damaged, or do not fit the model.
    """
    path, what = Path(filepath), str(filepath)
    if not path.is_file():
        raise NoFileError(f"[load_weights] expected an existing file, got {path}; check the path.")
    with contextlib.ExitStack() as stack:
        readers = []
        for name in _read_list(path):
            part = path.parent / name
            opened = part.open("rb") if links and part.is_file() else open_plain(part, what)
            file = stack.enter_context(opened)
            readers.append(H5Reader(file, f"{what}: {name}"))
        read_from(model, _Reader(readers, what), what, skip_mismatch)
