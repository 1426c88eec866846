"""A model as a folder: what a `.keras` archive holds, as files (``save(zipped=False)``).

A folder is read like an archive: known names only, plain files only, no links, no more bytes than expected.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kfront.core.errors import SavingError, UnsafeFileError
from kfront.core.guard import LIMITS, shown
from kfront.saving.archive import is_asset

MEMBERS = frozenset({"metadata.json", "config.json", "model.weights.h5", "assets"})


def open_plain(path: Path, what: str) -> Any:
    """A file opened for reading, which must be a plain one: no link, no device.

    Raises:
        UnsafeFileError: it is something else.
        SavingError: it cannot be opened.
    """
    try:
        kind = os.lstat(path).st_mode
    except OSError:
        raise SavingError(f"[load] expected the file {path.name} beside the others of {what}, got none.") from None
    if not stat.S_ISREG(kind):
        raise UnsafeFileError(f"[load] expected plain files in {what}, got {shown(path.name)}, a link or device.")
    try:
        return os.fdopen(os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)), "rb")
    except OSError as error:
        raise SavingError(f"[load] expected to read {path}, the system refused: {error}.") from error


class DirectoryWriter:
    """Writes members as files, with the methods of `ArchiveWriter`.

    Args:
        folder: an existing folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def add(self, name: str, data: bytes) -> None:
        """A member with these bytes."""
        with self.member(name) as file:
            file.write(data)

    @contextlib.contextmanager
    def member(self, name: str) -> Iterator[Any]:
        """A member that is written in the block."""
        path = self.folder / name
        if not _is_known(name):
            raise SavingError(f"[save] expected plain names for the files of layers, got {shown(name)}.")
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "x+b") as file:
            yield file

    def close(self) -> None:
        """Nothing is left to do."""


def _is_known(name: str) -> bool:
    return is_asset(name) or (name in MEMBERS and name != "assets")


class DirectoryReader:
    """Reads the files of a saved model, with the methods of `ArchiveReader`.

    Args:
        folder: path of the folder.
        what: its name, for messages.

    Raises:
        UnsafeFileError: other files, links, or too many.
        SavingError: a name does not belong into such a folder.
    """

    def __init__(self, folder: Path, what: str) -> None:
        self.folder, self.what = folder, what
        self.members: dict[str, int] = {}
        stack = [folder]
        while stack:
            with os.scandir(stack.pop()) as entries:
                for entry in entries:
                    self._kf_add(entry, stack)

    def _kf_add(self, entry: Any, stack: list[Path]) -> None:
        path = Path(entry.path)
        name = path.relative_to(self.folder).as_posix()
        if entry.is_dir(follow_symlinks=False) and (name == "assets" or is_asset(name)):
            stack.append(path)
        elif not entry.is_file(follow_symlinks=False):
            raise UnsafeFileError(f"[load] expected plain files in {self.what}, got {shown(name)}, a link or folder.")
        elif not _is_known(name):
            raise UnsafeFileError(f"[load] expected {', '.join(sorted(MEMBERS))} in {self.what}, got {shown(name)}.")
        else:
            self.members[name] = entry.stat(follow_symlinks=False).st_size
        if len(self.members) + len(stack) > LIMITS.zip_members:
            raise UnsafeFileError(f"[load] expected at most {LIMITS.zip_members:,} files in {self.what}, got more.")

    def _size(self, name: str) -> int:
        if name not in self.members:
            raise SavingError(
                f"[load] expected {name} in {self.what}, got only {', '.join(sorted(self.members)) or 'nothing'}; "
                "is it a folder that `model.save` wrote?"
            )
        return self.members[name]

    def read(self, name: str, limit: int) -> bytes:
        """All bytes of a file that has at most `limit`."""
        if self._size(name) > limit:
            raise UnsafeFileError(f"[load] expected at most {limit:,} bytes in {name} of {self.what}, got more.")
        with open_plain(self.folder / name, self.what) as file:
            return file.read(limit)

    @contextlib.contextmanager
    def open(self, name: str, limit: object) -> Iterator[Any]:
        """A file, opened for reading."""
        self._size(name)
        with open_plain(self.folder / name, self.what) as file:
            yield file

    def stored_bytes(self, name: str) -> int:
        """The size of a file."""
        return self._size(name)

    def assets(self) -> list[str]:
        """The names of the asset files."""
        return [n for n in self.members if n.startswith("assets/")]

    def close(self) -> None:
        """Nothing is open."""
