"""Files that are written completely or not at all."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import re
import secrets
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from kfront.core.errors import SavingError

_MARK = "kfront-tmp"
SHORT = 100  # characters of a file's name in that of a temporary one
_LITTLE = 1 << 20
_KEEP_SIZE = 1  # of fallocate: the file stays as long as it is
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class NoFileError(SavingError, FileNotFoundError):
    """There is no such file; Keras raises `FileNotFoundError` or `ValueError`, according to the kind of file."""


@contextlib.contextmanager
def atomic_write(target: Any, overwrite: bool = True, size: int = 0) -> Iterator[BinaryIO]:
    """Open a file for reading and writing that replaces `target` when the block ends without an error.

    The bytes go to an unnamed file in the same folder where the system has such (Linux), else to a hidden one beside
    the target; they are synced before the target's name points to them. After an error, or a crash at any moment, the
    old file is as it was.

    Args:
        target: path of the file; a symbolic link is followed.
        overwrite: whether an existing file may be replaced.
        size: how many bytes will be written at least, as far as is known.

    Raises:
        SavingError: the file exists and may not be replaced, or cannot be written.
    """
    path = Path(os.path.realpath(os.fspath(target)))
    if path.exists() and not overwrite:
        raise SavingError(f"[save] expected a new file, got {path}, which exists; pass `overwrite=True`.")
    if path.is_dir():
        raise SavingError(f"[save] expected the path of a file, got the folder {path}.")
    if not path.parent.is_dir():
        raise NoFileError(f"[save] expected an existing folder, got {path.parent}; create it first.")
    _sweep(path)
    _freed.wait()
    try:
        file, name = _open(path)
    except OSError as error:
        raise SavingError(f"[save] expected a folder that can be written to, got {path.parent}: {error}.") from error
    try:
        with file:
            _reserve(file, size)
            yield file
            file.flush()
            os.ftruncate(file.fileno(), os.fstat(file.fileno()).st_size)  # frees reserved space that was not used
            os.fsync(file.fileno())
            _keep_mode(path, file)
            if name is None:
                name = _temporary(path)
                _give_name(file, name)
        with _freed_later(path):
            os.replace(name, path)
            name = None
            sync_folder(path.parent)
    except OSError as error:
        raise SavingError(
            f"[save] expected to write {path}, the system refused: {error}; the old file is kept."
        ) from error
    finally:
        if name is not None:
            with contextlib.suppress(OSError):
                os.unlink(name)


@contextlib.contextmanager
def atomic_folder(target: Any, known: frozenset[str], overwrite: bool = True) -> Iterator[Path]:
    """An empty folder that takes the place of `target` when the block ends without an error.

    Args:
        target: path of the folder.
        known: names that such a folder may hold; one that holds others is not replaced.
        overwrite: whether an existing folder may be replaced.

    Raises:
        SavingError: the folder exists and may not be replaced, or cannot be written.
    """
    path = Path(os.path.realpath(os.fspath(target)))
    if path.exists() and not overwrite:
        raise SavingError(f"[save] expected a new folder, got {path}, which exists; pass `overwrite=True`.")
    if path.exists() and (not path.is_dir() or set(os.listdir(path)) - known):
        raise SavingError(f"[save] expected the folder of a saved model or a new one, got {path}, which holds others.")
    if not path.parent.is_dir():
        raise NoFileError(f"[save] expected an existing folder, got {path.parent}; create it first.")
    _sweep(path)
    new = Path(_temporary(path))
    try:
        new.mkdir()
        yield new
        for folder, _, files in os.walk(new):
            for name in files:
                _sync_file(os.path.join(folder, name))
            sync_folder(Path(folder))
        exchange(new, path)
    except OSError as error:
        raise SavingError(
            f"[save] expected to write {path}, the system refused: {error}; the old one is kept."
        ) from error
    finally:
        shutil.rmtree(new, ignore_errors=True)
    sync_folder(path.parent)


def _reserve(file: BinaryIO, size: int) -> None:
    """Ask for the space of a large file before it is written (Linux): it is written and replaced faster then."""
    if size < _LITTLE or os.name != "posix":
        return
    call = getattr(ctypes.CDLL(None, use_errno=True), "fallocate", None)
    if call is not None:
        call.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_long, ctypes.c_long)
        if call(file.fileno(), _KEEP_SIZE, 0, size) and ctypes.get_errno() in _FULL:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


class _Freed:
    """Frees the space of replaced files in a thread: for a large file that takes as long as writing it."""

    def __init__(self) -> None:
        self.thread: threading.Thread | None = None

    def close(self, descriptor: int) -> None:
        """Close the last descriptor of a file."""
        self.thread = threading.Thread(target=os.close, args=(descriptor,), name="kfront-freed", daemon=True)
        self.thread.start()

    def wait(self) -> None:
        """Wait until the space is free: the next write may need it."""
        thread, self.thread = self.thread, None
        if thread is not None:
            thread.join()


_freed = _Freed()


@contextlib.contextmanager
def _freed_later(path: Path) -> Iterator[None]:
    """Replace a large file inside (Linux): its name changes at once, its space is freed later."""
    held = None
    with contextlib.suppress(OSError, AttributeError):
        if path.stat().st_size > _LITTLE:
            held = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        yield
    finally:
        if held is not None:
            _freed.close(held)


def _sync_file(name: str) -> None:
    descriptor = os.open(name, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def exchange(new: Path, path: Path) -> None:
    """Exchange two folders by name."""
    if not path.exists():
        os.rename(new, path)
        return
    with contextlib.suppress(OSError, AttributeError):  # in one step where the system can (Linux, renameat2)
        swap, here = ctypes.CDLL(None, use_errno=True).renameat2, -100
        if swap(here, os.fsencode(new), here, os.fsencode(path), 2) == 0:
            return
    old = Path(f"{_temporary(path)}")
    os.rename(path, old)
    os.rename(new, path)
    os.rename(old, new)


def _open(path: Path) -> tuple[BinaryIO, str | None]:
    """A writable file in the target's folder, and its name if it has one."""
    flag = getattr(os, "O_TMPFILE", None)
    if flag is not None and os.path.isdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            descriptor = os.open(path.parent, flag | os.O_RDWR | os.O_CLOEXEC, 0o666)
            return os.fdopen(descriptor, "w+b"), None
    name = _temporary(path)
    return open(name, "x+b"), name


def _give_name(file: BinaryIO, name: str) -> None:
    """Link an unnamed file into its folder; copy it where the file system refuses."""
    folder = os.open(os.path.dirname(name), os.O_RDONLY)
    try:
        # a folder descriptor is given because os.link follows /proc/self/fd only then (bugs.python.org/issue37612)
        os.link(f"/proc/self/fd/{file.fileno()}", name, src_dir_fd=folder, follow_symlinks=True)
    except OSError:
        file.seek(0)
        with open(name, "xb") as copy:
            shutil.copyfileobj(file, copy, 1 << 20)
            copy.flush()
            os.fsync(copy.fileno())
    finally:
        os.close(folder)


def _temporary(path: Path) -> str:
    return str(path.parent / f".{path.name[:SHORT]}.{_MARK}-{os.getpid()}-{secrets.token_hex(4)}")


_LEFT = re.compile(rf"\.(.+)\.{_MARK}-(\d+)-[0-9a-f]{{8}}", re.DOTALL)


def sweep(folder: Path, ours: Callable[[str], object]) -> None:
    """Remove temporary files of processes that were killed while saving.

    Args:
        folder: where files were saved.
        ours: of the name that a file was to have, cut off after SHORT characters: whether it is one of those to remove.
    """
    try:
        found = [(n, _LEFT.fullmatch(n)) for n in os.listdir(folder)]
    except OSError:
        return
    for name, match in found:
        if match is not None and ours(match[1]) and not _alive(int(match[2])):
            left = folder / name
            if left.is_dir() and not left.is_symlink():
                shutil.rmtree(left, ignore_errors=True)
            with contextlib.suppress(OSError):
                os.unlink(left)


def _sweep(path: Path) -> None:
    sweep(path.parent, path.name[:SHORT].__eq__)


def _alive(pid: int) -> bool:
    if pid == os.getpid() or os.name != "posix":
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _keep_mode(path: Path, file: BinaryIO) -> None:
    """The new file has the old one's permissions."""
    with contextlib.suppress(OSError, AttributeError):
        os.fchmod(file.fileno(), path.stat().st_mode & 0o777)


def sync_folder(folder: Path) -> None:
    """Have the names in a folder written to the disk."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
