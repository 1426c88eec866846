"""`KerasFileEditor`: inspect a file of weights, change names and arrays, save it under another name."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from h5py import h5g  # pyright: ignore[reportAttributeAccessIssue]

from kfront.core import guard
from kfront.core.errors import SavingError, UnsafeFileError
from kfront.core.files import NoFileError, atomic_write
from kfront.saving.archive import ArchiveReader
from kfront.saving.hdf5 import Dataset, H5Reader, H5Writer, reading
from kfront.saving.weights_h5 import collect
from kfront.utils.io_utils import print_msg

Tree = dict[str, Any]


class KerasFileEditor:
    """The weights of a ``.weights.h5`` or ``.keras`` file, to be looked at, changed and saved.

    An object (a layer, an optimizer) is named by its path in the file (``"layers/dense_1"``) or, where that is unique,
    by the last part of it (``"dense_1"``). The file passes the same gate as in `load_weights`.

    Args:
        filepath: path of the file.

    Attributes:
        weights_dict: objects by name, nested; arrays by name within.
        metadata: of a ``.keras`` file: which version wrote it, and when.
        config: of a ``.keras`` file: the model's config.

    Raises:
        SavingError: there is no such file, or it is damaged.
        UnsafeFileError: it asks for what data must not do.

    Example:

    >>> import kfront, tempfile
    >>> model = kfront.Sequential([kfront.Input((4,)), kfront.layers.Dense(2, name="head")])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     model.save_weights(f"{folder}/m.weights.h5")
    ...     editor = kfront.saving.KerasFileEditor(f"{folder}/m.weights.h5")
    ...     editor.rename_object("dense", "head")
    ...     editor.summary()
    Weights of m.weights.h5
      layers
        head
          0: shape=(4, 2), dtype=float32
          1: shape=(2,), dtype=float32
    """

    def __init__(self, filepath: str | os.PathLike[str]) -> None:
        self.filepath = os.fspath(filepath)
        if not self.filepath.endswith((".keras", ".weights.h5")):
            raise SavingError(
                f"[KerasFileEditor] expected a path that ends in '.keras' or '.weights.h5', got {self.filepath!r}."
            )
        if not os.path.isfile(self.filepath):
            raise NoFileError(f"[KerasFileEditor] expected an existing file, got {self.filepath!r}; check the path.")
        self.metadata: object = None
        self.config: object = None
        self.weights_dict: Tree = {}
        self._names: dict[str, str] = {}
        with open(self.filepath, "rb") as file:
            if self.filepath.endswith(".keras"):
                self._open_archive(file)
            else:
                self._read(file, os.path.getsize(self.filepath))

    def _open_archive(self, file: BinaryIO) -> None:
        archive = ArchiveReader(file, self.filepath)
        try:
            limit = guard.LIMITS.json_bytes
            self.metadata = guard.parse_json(archive.read("metadata.json", 1 << 20), "metadata.json")
            self.config = guard.parse_json(archive.read("config.json", limit), "config.json")
            size = os.path.getsize(self.filepath)
            with archive.open("model.weights.h5", lambda: 16 * size + (64 << 20)) as member:
                self._read(member, size)
        finally:
            archive.close()

    def _read(self, file: BinaryIO, size: int) -> None:
        """Read all groups and arrays; together they may not be larger than deflate can make of the file."""
        reader = H5Reader(file, self.filepath)
        left = 1100 * size + (64 << 20)
        seen: set[object] = set()
        try:
            stack: list[tuple[tuple[str, ...], Tree]] = [((), self.weights_dict)]
            while stack:
                path, tree = stack.pop()
                for name in reader.names(path):
                    here = (*path, name)
                    found = self._entry(reader, here, seen)
                    if isinstance(found, Dataset):
                        left -= found.nbytes
                        if left < 0:
                            raise UnsafeFileError(f"[KerasFileEditor] expected less data in {self.filepath}, got more.")
                        tree[name] = found.read()
                    else:
                        below = tree if name == "vars" else tree.setdefault(name, {})
                        stack.append((here, below))
        finally:
            reader.close()

    def _entry(self, reader: H5Reader, path: tuple[str, ...], seen: set[object]) -> object:
        """A checked dataset, or None for a group that is new."""
        where = "/".join(path)
        with reading(where):
            kind = h5g.get_objinfo(reader.group(path[:-1]), path[-1].encode(), follow_link=False)
        if kind.type == h5g.DATASET:
            found = reader.dataset(path)
            if found is not None:
                found.check_proportion()
            return found
        if kind.type != h5g.GROUP or kind.objno in seen or len(path) > guard.LIMITS.depth:
            raise UnsafeFileError(f"[KerasFileEditor] expected groups and arrays in the file, got a link at {where}.")
        seen.add(kind.objno)
        with reading(where):
            name = reader.texts.one(reader.group(path), "name") if path[-1] == "vars" else None
        if name is not None:
            self._names["/".join(path[:-1])] = name
        return None

    # -- looking ------------------------------------------------------------------------------------------------------

    def summary(self) -> None:
        """Print the objects with the names, shapes and dtypes of their arrays."""
        print_msg(f"Weights of {Path(self.filepath).name}")
        for depth, name, value in _lines(self.weights_dict, 1):
            form = f": shape={value.shape}, dtype={value.dtype}" if isinstance(value, np.ndarray) else ""
            print_msg(f"{'  ' * depth}{name}{form}")

    def compare(self, reference_model: object) -> dict[str, str | int]:
        """Print in what the file differs from a model.

        Args:
            reference_model: a built model.

        Returns:
            Dict with "status" (``"success"`` or ``"error"``), "error_count", "match_count".
        """
        mine = {p: v.shape for p, v in _arrays(self.weights_dict)}
        theirs: dict[str, object] = {}
        for item in collect(reference_model):
            theirs.update({"/".join((*item.path, n)): np.shape(v) for n, v in item.arrays})
        errors = [
            f"{p}: expected {theirs[p]}, got {mine.get(p, 'nothing')}" for p in theirs if mine.get(p) != theirs[p]
        ]
        errors += [f"{p}: expected nothing, got {mine[p]}" for p in mine if p not in theirs]
        matches = sum(mine.get(p) == shape for p, shape in theirs.items())
        for line in errors:
            print_msg(line)
        print_msg(f"{matches} arrays fit, {len(errors)} differ.")
        return {"status": "error" if errors else "success", "error_count": len(errors), "match_count": matches}

    # -- changing -----------------------------------------------------------------------------------------------------

    def rename_object(self, object_name: str, new_name: str) -> None:
        """Give an object another name.

        Args:
            object_name: its path, or its name where that is unique.
            new_name: the last part of the new path.
        """
        parent, name = self._find(object_name)
        _plain(new_name)
        if new_name in parent:
            raise SavingError(f"[rename_object] expected a name that is free, got {new_name!r}.")
        items = [(new_name if k == name else k, v) for k, v in parent.items()]
        parent.clear()
        parent.update(items)

    def delete_object(self, object_name: str) -> None:
        """Remove an object.

        Args:
            object_name: its path, or its name where that is unique.
        """
        parent, name = self._find(object_name)
        del parent[name]

    def add_object(self, object_path: str, weights: dict[str, object]) -> None:
        """Add a new object.

        Args:
            object_path: its whole path; the object above must be there.
            weights: name -> array.
        """
        *above, name = [_plain(p) for p in object_path.strip("/").split("/")]
        parent = self.weights_dict
        for part in above:
            parent = parent.get(part)
            if not isinstance(parent, dict):
                raise SavingError(f"[add_object] expected an existing object, got {'/'.join(above)!r}, which is none.")
        if name in parent:
            raise SavingError(f"[add_object] expected a path that is free, got {object_path!r}.")
        parent[name] = _checked(weights)

    def delete_weight(self, object_name: str, weight_name: str) -> None:
        """Remove an array of an object.

        Args:
            object_name: path or name of the object.
            weight_name: name of the array.
        """
        parent, name = self._find(object_name)
        if not isinstance(parent[name].get(weight_name), np.ndarray):
            known = ", ".join(k for k, v in parent[name].items() if isinstance(v, np.ndarray))
            raise SavingError(f"[delete_weight] expected an array among {known or 'none'}, got {weight_name!r}.")
        del parent[name][weight_name]

    def add_weights(self, object_name: str, weights: dict[str, object]) -> None:
        """Add arrays to an object; those of the same name are replaced.

        Args:
            object_name: path or name of the object.
            weights: name -> array.
        """
        parent, name = self._find(object_name)
        parent[name].update(_checked(weights))

    def _find(self, name: str) -> tuple[Tree, str]:
        """The dict that holds an object, and the object's name in it."""
        guard.expect(name, str, "object_name")
        wanted = name.strip("/").split("/")
        found: list[tuple[Tree, str]] = []
        stack: list[tuple[list[str], Tree]] = [([], self.weights_dict)]
        while stack:
            path, tree = stack.pop()
            for key, value in tree.items():
                if isinstance(value, dict):
                    if [*path, key] == wanted or (len(wanted) == 1 and key == wanted[0]):
                        found.append((tree, key))
                    stack.append(([*path, key], value))
        if len(found) != 1:
            what = "no such object" if not found else f"{len(found)} of that name; give the whole path"
            raise SavingError(f"[KerasFileEditor] expected the name or path of one object, got {name!r}: {what}.")
        return found[0]

    # -- saving -------------------------------------------------------------------------------------------------------

    def save(self, filepath: str | os.PathLike[str]) -> None:
        """Write the weights as they are now.

        Args:
            filepath: ends in ``.weights.h5``.
        """
        if not os.fspath(filepath).endswith(".weights.h5"):
            raise SavingError(f"[KerasFileEditor] expected a path that ends in '.weights.h5', got {filepath!r}.")
        with atomic_write(filepath) as file:
            writer = H5Writer(file)
            try:
                self._write(writer, (), self.weights_dict)
            finally:
                writer.close()

    def resave_weights(self, filepath: str | os.PathLike[str]) -> None:
        """The same as `save`."""
        self.save(filepath)

    def _write(self, writer: H5Writer, path: tuple[str, ...], tree: Tree) -> None:
        writer.group(path)
        arrays = {k: v for k, v in tree.items() if isinstance(v, np.ndarray)}
        if arrays:
            group = writer.group((*path, "vars"))
            if "/".join(path) in self._names:
                writer.text(group, "name", self._names["/".join(path)])
            for name, value in arrays.items():
                writer.put(group, name, value)
        for name, value in tree.items():
            if isinstance(value, dict):
                self._write(writer, (*path, name), value)


def _plain(name: object) -> str:
    if not isinstance(name, str) or name in ("", ".", "..", "vars") or set(name) & set("/\\\0"):
        raise SavingError(f"[KerasFileEditor] expected a plain name, got {guard.shown(name)}.")
    return name


def _checked(weights: object) -> dict[str, np.ndarray]:
    out = {}
    for name, value in guard.expect(weights, dict, "weights").items():
        array = np.asarray(value)
        if array.dtype.kind == "O":
            raise SavingError(f"[KerasFileEditor] expected arrays of numbers, got {guard.shown(value)} for {name!r}.")
        out[_plain(name)] = array
    return out


def _arrays(tree: Tree, path: str = "") -> list[tuple[str, np.ndarray]]:
    out = []
    for name, value in tree.items():
        here = f"{path}/{name}" if path else name
        out += [(here, value)] if isinstance(value, np.ndarray) else _arrays(value, here)
    return out


def _lines(tree: Tree, depth: int) -> list[tuple[int, str, object]]:
    out = []
    for name, value in tree.items():
        out.append((depth, name, value))
        if isinstance(value, dict):
            out += _lines(value, depth + 1)
    return out
