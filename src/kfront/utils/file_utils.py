"""Files from the network: cached, checked, and unpacked without trusting the archive."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import stat
import tarfile
import tempfile
import urllib.error
import urllib.parse
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO, Any

from kfront.core import settings
from kfront.core.errors import ArgumentError, DataError, UnsafeFileError
from kfront.utils.io_utils import print_msg
from kfront.utils.progbar import Progbar

_SCHEMES = ("https", "http", "ftp", "file")
_ARCHIVE_SUFFIX = re.compile(r"\.(tar(\.\w+)?|tgz|tbz2?|txz|zip)$", re.IGNORECASE)
_CHUNK = 1 << 20
_TIMEOUT = 60.0  # seconds without a byte
_MOST_MEMBERS = 5_000_000


def get_file(
    fname: str | None = None,
    origin: str | None = None,
    untar: bool = False,
    md5_hash: str | None = None,
    file_hash: str | None = None,
    cache_subdir: str = "datasets",
    hash_algorithm: str = "auto",
    extract: bool = False,
    archive_format: object = "auto",
    cache_dir: str | None = None,
    force_download: bool = False,
) -> str:
    """The path of a file that is downloaded unless it is in the cache already.

    A download appears under its name only when it is complete and its hash is right. From archives only plain files
    and folders that stay inside the target are unpacked; links, devices and paths that lead outside are errors.

    Args:
        fname: name in the cache; that of `origin` if None. With `extract`, the name of the folder.
        origin: URL (https, http, ftp or file).
        untar: older form of `extract=True, archive_format="tar"`.
        md5_hash: older form of `file_hash`.
        file_hash: hexadecimal SHA-256 or MD5 hash that the file must have.
        cache_subdir: folder inside the cache, or an absolute path.
        hash_algorithm: ``"sha256"``, ``"md5"``, or ``"auto"`` to choose by the length of `file_hash`.
        extract: whether to unpack the file.
        archive_format: ``"tar"``, ``"zip"``, ``"auto"`` for either, a list of these, or None for none.
        cache_dir: the cache; the folder in `KERAS_HOME`, else `~/.keras`, if None.
        force_download: whether to download again what is in the cache.

    Returns:
        Path of the file, or of the folder it was unpacked into.

    Raises:
        ArgumentError: `origin` is missing or no URL of these kinds, or `fname` is not a plain file name.
        DataError: the download failed, or has another hash.
        UnsafeFileError: the archive would write outside its folder, or holds links or devices.

    Example:

    >>> import kfront
    >>> kfront.utils.get_file(origin="https://example.org/data.csv", file_hash="…")  # doctest: +SKIP
    """
    name = _plain_name(fname, origin)
    assert origin is not None
    folder = Path(cache_dir).expanduser() if cache_dir else settings.home()
    folder = folder / cache_subdir
    folder.mkdir(parents=True, exist_ok=True)
    if not os.access(folder, os.W_OK):
        folder = Path(tempfile.gettempdir()) / ".keras" / cache_subdir
        folder.mkdir(parents=True, exist_ok=True)
    expected = file_hash or md5_hash
    algorithm = "md5" if expected is not None and expected is md5_hash else hash_algorithm
    unpack = extract or untar
    target, archive = _targets(folder, name, fname, unpack)
    if force_download or not _is_cached(archive, expected, algorithm):
        _download(origin, archive, expected, algorithm)
        if unpack and target.is_dir() and target != archive:
            shutil.rmtree(target)
    if not unpack:
        return str(archive)
    unpacked = target.is_dir() and any(target.iterdir())
    if not unpacked and not _extract(archive, target, "tar" if untar else archive_format):
        shutil.copyfile(archive, target)
    return str(target)


def _plain_name(fname: Any, origin: object) -> str:
    """The file name in the cache: one path component, never a path."""
    if not isinstance(origin, str) or not origin:
        raise ArgumentError("[get_file] expected `origin` to be a URL, got nothing; pass the address of the file.")
    if urllib.parse.urlsplit(origin).scheme.lower() not in _SCHEMES:
        raise ArgumentError(f"[get_file] expected `origin` to be a URL ({', '.join(_SCHEMES)}), got {origin!r}.")
    if fname is None:
        path = urllib.parse.unquote(urllib.parse.urlsplit(origin).path)
        name = path.replace("\\", "/").rsplit("/", 1)[-1]
    else:
        name = os.fspath(fname)
    if not name or name in (".", "..") or re.search(r'[/\\\0:*?"<>|]', name):
        raise ArgumentError(
            f"[get_file] expected a plain file name, got {name!r} (fname={fname!r}, origin={origin!r}); pass `fname` "
            "without a folder, and the folder as `cache_dir` or `cache_subdir`."
        )
    return name


def _targets(folder: Path, name: str, fname: str | None, unpack: bool) -> tuple[Path, Path]:
    """(folder to unpack into, file to download to)."""
    if not unpack:
        return folder / name, folder / name
    if fname is not None and _ARCHIVE_SUFFIX.search(name):
        return folder / (_ARCHIVE_SUFFIX.sub("", name) + "_extracted"), folder / name
    return folder / name, folder / (name + "_archive")


# ---- hashes ----------------------------------------------------------------------------------------------------------


def _hash(path: Path, algorithm: str) -> str:
    with path.open("rb") as f:
        return hashlib.file_digest(f, algorithm).hexdigest()


def _algorithm(expected: str, algorithm: str) -> str:
    if algorithm == "auto":
        algorithm = "sha256" if len(expected) == 64 else "md5"
    if algorithm not in ("sha256", "md5"):
        raise ArgumentError(f"[get_file] expected `hash_algorithm` to be 'sha256', 'md5' or 'auto', got {algorithm!r}.")
    return algorithm


def _is_cached(path: Path, expected: str | None, algorithm: str) -> bool:
    if not path.is_file():
        return False
    if expected is None or _hash(path, _algorithm(expected, algorithm)) == expected.lower():
        return True
    print_msg(f"{path} has another hash than the one asked for: it is downloaded again.")
    return False


# ---- download --------------------------------------------------------------------------------------------------------


def is_offline() -> bool:
    """Whether `KFRONT_OFFLINE` forbids downloads."""
    return os.environ.get("KFRONT_OFFLINE", "").lower() not in ("", "0", "false", "no")


def _download(origin: str, path: Path, expected: str | None, algorithm: str) -> None:
    """Download to a temporary file beside `path`, check it, and move it there in one step."""
    if is_offline() and urllib.parse.urlsplit(origin).scheme.lower() != "file":
        raise DataError(f"[get_file] expected {path} to exist: KFRONT_OFFLINE forbids to download {origin}; unset it.")
    print_msg(f"Downloading {origin}")
    handle, temporary = tempfile.mkstemp(prefix=path.name + ".", suffix=".part", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as out:
            _fetch(origin, out)
        if expected is not None:
            kind = _algorithm(expected, algorithm)
            found = _hash(Path(temporary), kind)
            if found != expected.lower():
                raise DataError(
                    f"[get_file] expected a file with the {kind} hash {expected}, got {found} from {origin}; the "
                    "download is damaged or the file has changed: try again, or correct `file_hash`."
                )
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _fetch(origin: str, out: IO[bytes]) -> None:
    try:
        with urllib.request.urlopen(origin, timeout=_TIMEOUT) as response:
            declared = response.headers.get("Content-Length")
            total = int(declared) if declared and declared.isdigit() else None
            bar = Progbar(total, unit_name="byte")
            done = 0
            while chunk := response.read(_CHUNK):
                out.write(chunk)
                done += len(chunk)
                bar.update(done, finalize=False)
            bar.update(done, finalize=True)
    except (OSError, ValueError) as e:  # URLError is an OSError
        reason = getattr(e, "reason", None) or e
        raise DataError(
            f"[get_file] expected to download {origin}, got {reason}; check the address and the network, or put the "
            "file into the cache by hand."
        ) from e
    if total is not None and done != total:
        raise DataError(f"[get_file] expected {total} bytes from {origin}, got {done}; try again.")


# ---- archives --------------------------------------------------------------------------------------------------------


def _extract(archive: Path, target: Path, archive_format: Any) -> bool:
    """Unpack into `target`, which appears in one step; False when it is no archive of the formats asked for."""
    formats = ["tar", "zip"] if archive_format == "auto" else archive_format or []
    formats = [formats] if isinstance(formats, str) else list(formats)
    for one in formats:
        if one not in ("tar", "zip"):
            raise ArgumentError(f"[get_file] expected `archive_format` 'tar', 'zip', 'auto' or None, got {one!r}.")
    if "tar" in formats and tarfile.is_tarfile(archive):
        members = _tar_members
    elif "zip" in formats and zipfile.is_zipfile(archive):
        members = _zip_members
    else:
        return False
    temporary = Path(tempfile.mkdtemp(prefix=target.name + ".", suffix=".part", dir=target.parent))
    try:
        _write_members(members(archive), temporary, archive)
        if target.is_dir():
            target.rmdir()  # only ever an empty one
        os.replace(temporary, target)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    return True


Member = tuple[str, int, Any]  # name, declared size, a callable that opens it; None for a folder


def _tar_members(path: Path) -> Iterator[Member]:
    with tarfile.open(path) as tar:
        for member in tar:
            if member.isdir():
                yield member.name, 0, None
            elif member.isreg():
                yield member.name, member.size, lambda m=member: tar.extractfile(m)
            else:
                kind = "a link" if member.issym() or member.islnk() else "a device or other special file"
                raise UnsafeFileError(f"[get_file] expected plain files in {path}, got {kind}: {member.name!r}.")


def _zip_members(path: Path) -> Iterator[Member]:
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            kind = stat.S_IFMT(info.external_attr >> 16)
            if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise UnsafeFileError(
                    f"[get_file] expected plain files in {path}, got a link or device: {info.filename!r}."
                )
            if info.is_dir():
                yield info.filename, 0, None
            else:
                yield info.filename, info.file_size, lambda i=info: archive.open(i)


def _write_members(members: Iterator[Member], root: Path, archive: Path) -> None:
    room = shutil.disk_usage(root).free
    for count, (name, size, opener) in enumerate(members):
        parts = _safe_parts(name, archive)
        room -= size
        if room < 0 or count > _MOST_MEMBERS:
            raise UnsafeFileError(f"[get_file] {archive} unpacks to more than the disk has room for.")
        path = root.joinpath(*parts)
        if opener is None:
            path.mkdir(parents=True, exist_ok=True)
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        with opener() as source, path.open("wb") as out:
            left = size
            while chunk := source.read(_CHUNK):
                left -= len(chunk)
                if left < 0:
                    raise UnsafeFileError(f"[get_file] {name!r} in {archive} is larger than its header says.")
                out.write(chunk)


def _safe_parts(name: str, archive: Path) -> tuple[str, ...]:
    """The parts of a member's path, all of them inside the target."""
    plain = name.replace("\\", "/")
    parts = PurePosixPath(plain).parts
    if plain.startswith("/") or ".." in parts or "\0" in name or any(":" in p for p in parts):
        raise UnsafeFileError(f"[get_file] expected paths inside the archive's folder, got {name!r} in {archive}.")
    return parts
