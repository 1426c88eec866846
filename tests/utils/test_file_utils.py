from __future__ import annotations

import hashlib
import io
import os
import tarfile
import zipfile
from pathlib import Path

import pytest

from kfront.core.errors import ArgumentError, DataError, UnsafeFileError
from kfront.utils import get_file


@pytest.fixture
def source(tmp_path):
    """A folder to download from."""
    folder = tmp_path / "source"
    folder.mkdir()
    (folder / "a.txt").write_text("hello")
    return folder


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))
    return tmp_path / "home" / "datasets"


def url(path: Path) -> str:
    return path.as_uri()


def tar_with(path: Path, *members) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for name, content in members:
            info = tarfile.TarInfo(name)
            if isinstance(content, bytes):
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
            else:
                info.type, info.linkname = content
                tar.addfile(info)
    return path


def zip_with(path: Path, *members) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content, mode in members:
            info = zipfile.ZipInfo(name)
            info.external_attr = mode << 16
            archive.writestr(info, content)
    return path


def test_download_once(source, cache):
    path = get_file(origin=url(source / "a.txt"))
    assert path == str(cache / "a.txt") and Path(path).read_text() == "hello"
    (source / "a.txt").write_text("changed")
    assert Path(get_file(origin=url(source / "a.txt"))).read_text() == "hello"
    assert Path(get_file(origin=url(source / "a.txt"), force_download=True)).read_text() == "changed"


def test_places(source, cache, tmp_path):
    there = get_file("b.txt", origin=url(source / "a.txt"), cache_dir=str(tmp_path / "c"), cache_subdir="d/e")
    assert there == str(tmp_path / "c" / "d" / "e" / "b.txt")
    assert get_file(origin=url(source / "a.txt"), cache_subdir=str(tmp_path / "f")) == str(tmp_path / "f" / "a.txt")


@pytest.mark.parametrize("algorithm", ["md5", "sha256"])
def test_hash(source, cache, algorithm):
    right = hashlib.new(algorithm, b"hello").hexdigest()
    assert get_file(origin=url(source / "a.txt"), file_hash=right.upper())
    with pytest.raises(DataError, match=algorithm):
        get_file("other.txt", origin=url(source / "a.txt"), file_hash="0" * len(right))
    assert os.listdir(cache) == ["a.txt"]  # nothing of a wrong file stays


def test_a_damaged_cache_is_downloaded_again(source, cache):
    right = hashlib.sha256(b"hello").hexdigest()
    cache.mkdir(parents=True)
    (cache / "a.txt").write_text("damaged")
    assert Path(get_file(origin=url(source / "a.txt"), file_hash=right)).read_text() == "hello"


def test_failed_download(source, cache):
    with pytest.raises(DataError, match="no_such.txt"):
        get_file(origin=url(source / "no_such.txt"))
    assert os.listdir(cache) == []


def test_offline(cache, monkeypatch):
    monkeypatch.setenv("KFRONT_OFFLINE", "1")
    with pytest.raises(DataError, match="KFRONT_OFFLINE"):
        get_file(origin="https://example.org/x.bin")


@pytest.mark.parametrize("fname", ["../up", "/abs", "a/b", "..", "C:x", "a\\b", "a\0b", ""])
def test_name_must_be_plain(source, cache, fname):
    with pytest.raises(ArgumentError, match="plain file name"):
        get_file(fname, origin=url(source / "a.txt"))


@pytest.mark.parametrize(
    "origin", [None, "", "a.txt", "gopher://x/y", "https://x/..%2f..", "https://x/%2e%2e", "file:///"]
)
def test_origin_must_be_a_url_with_a_name(cache, origin):
    with pytest.raises(ArgumentError):
        get_file(origin=origin)


def test_extract_tar_and_zip(source, cache):
    tar = tar_with(source / "x.tar.gz", ("top/b.txt", b"b"), ("a.txt", b"a"))
    folder = Path(get_file(origin=url(tar), extract=True))
    assert folder == cache / "x.tar.gz" and (folder / "top" / "b.txt").read_text() == "b"
    assert Path(get_file("foo", origin=url(tar), untar=True)) == cache / "foo"
    assert Path(get_file("foo.tar.gz", origin=url(tar), extract=True)) == cache / "foo_extracted"
    archive = zip_with(source / "x.zip", ("top/b.txt", "b", 0o100644), ("empty/", "", 0o40755))
    folder = Path(get_file(origin=url(archive), extract=True))
    assert (folder / "top" / "b.txt").read_text() == "b" and (folder / "empty").is_dir()
    assert Path(get_file(origin=url(archive), extract=True)) == folder  # from the cache


def test_what_is_no_archive_stays_a_file(source, cache):
    assert Path(get_file(origin=url(source / "a.txt"), extract=True)).read_text() == "hello"


@pytest.mark.parametrize(
    "member",
    [
        ("../evil", b"x"),
        ("a/../../evil", b"x"),
        ("/evil", b"x"),
        ("C:/evil", b"x"),
        ("..\\evil", b"x"),
        ("link", (tarfile.SYMTYPE, "/etc/passwd")),
        ("link", (tarfile.SYMTYPE, ".")),
        ("hard", (tarfile.LNKTYPE, "/etc/passwd")),
        ("pipe", (tarfile.FIFOTYPE, "")),
        ("device", (tarfile.CHRTYPE, "")),
    ],
)
def test_tar_members_that_would_escape(source, cache, tmp_path, member):
    tar = tar_with(source / "evil.tar.gz", ("fine.txt", b"x"), member)
    with pytest.raises(UnsafeFileError, match="evil_archive"):
        get_file("evil", origin=url(tar), extract=True)
    assert sorted(os.listdir(cache)) == ["evil_archive"]
    assert not [p for p in tmp_path.rglob("evil") if p.is_file()]


@pytest.mark.parametrize(
    "member", [("../evil", "x", 0o100644), ("/evil", "x", 0o100644), ("link", "/etc/passwd", 0o120777)]
)
def test_zip_members_that_would_escape(source, cache, member):
    archive = zip_with(source / "evil.zip", member)
    with pytest.raises(UnsafeFileError):
        get_file("evil", origin=url(archive), extract=True)
    assert sorted(os.listdir(cache)) == ["evil_archive"]


def test_an_archive_larger_than_the_disk(source, cache, monkeypatch):
    import collections
    import shutil

    tar = tar_with(source / "big.tar.gz", ("zeros", bytes(1000)))
    usage = collections.namedtuple("usage", "total used free")(1000, 1, 999)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    with pytest.raises(UnsafeFileError, match="room"):
        get_file("big", origin=url(tar), extract=True)
