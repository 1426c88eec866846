"""`get_file`: what an archive or an address from outside cannot do."""

from __future__ import annotations

import os
import tarfile

import pytest
from tests.utils.test_file_utils import tar_with, url, zip_with

from kfront.core.errors import KfrontError, UnsafeFileError
from kfront.utils import get_file


@pytest.fixture
def places(tmp_path, monkeypatch):
    """(folder of sources, cache): the process stands in a third folder, and a fourth has a name with the same start."""
    for name in ("source", "cache", "elsewhere"):
        (tmp_path / name).mkdir()
    (tmp_path / "cache" / "datasets").mkdir()
    (tmp_path / "cache" / "datasets" / "evil_archive_other").mkdir()
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("KFRONT_OFFLINE", raising=False)
    monkeypatch.chdir(tmp_path / "elsewhere")
    before = {p for p in tmp_path.rglob("*")}
    yield tmp_path / "source", tmp_path / "cache"
    new = [p for p in tmp_path.rglob("*") if p not in before and not p.is_relative_to(tmp_path / "source")]
    assert not [p for p in new if "evil_archive" not in p.parts and p.name != "evil_archive" and "evil" in p.name], new
    assert not list((tmp_path / "elsewhere").iterdir())
    assert not list((tmp_path / "cache" / "datasets" / "evil_archive_other").iterdir())


LINK, HARD = tarfile.SYMTYPE, tarfile.LNKTYPE
CHAINS = {
    "prefix": [("../evil_archive_other/evil", b"x")],
    "up": [("a/../../evil", b"x")],
    "chain": [("a", (LINK, "b")), ("b", (LINK, "..")), ("a/evil", b"x")],
    "here": [("link", (LINK, ".")), ("link/../evil", b"x")],
    "hard name": [("../evil", (HARD, "fine.txt"))],
    "hard target": [("inner", (HARD, "../../evil"))],
    "link then file": [("evil", (LINK, "/tmp/evil_target")), ("evil", b"x")],
    "long": [("/".join(["d" * 200] * 30) + "/../" * 40 + "evil", b"x")],
    "relative to elsewhere": [("../../elsewhere/evil", b"x")],
}


@pytest.mark.parametrize("members", CHAINS.values(), ids=CHAINS.keys())
def test_members_that_lead_out(places, members):
    source, cache = places
    tar = tar_with(source / "evil.tar.gz", ("fine.txt", b"x"), *members)
    with pytest.raises(UnsafeFileError):
        get_file("evil", origin=url(tar), extract=True, cache_dir=str(cache))
    assert not os.path.exists("/tmp/evil_target")


@pytest.mark.parametrize(
    "name", ["../evil", "a/../../evil", "/evil", "..\\evil", "C:\\evil", "../evil_archive_other/evil"]
)
def test_zip_members_that_lead_out(places, name):
    source, cache = places
    archive = zip_with(source / "evil.zip", (name, "x", 0o100644))
    with pytest.raises(UnsafeFileError):
        get_file("evil", origin=url(archive), extract=True, cache_dir=str(cache))


@pytest.mark.parametrize(
    "end", ["..%2f..%2fevil", "%2e%2e/%2e%2e/evil%00", "..", ".", "a%5c..%5cevil", "evil%2f..%2f..%2fevil"]
)
def test_names_from_addresses(places, end):
    """A file name made from the address has no parts of a path in it."""
    source, cache = places
    try:
        path = get_file(origin=f"{source.as_uri()}/{end}", cache_dir=str(cache))
    except (KfrontError, OSError):
        return
    assert os.path.dirname(path) == str(cache / "datasets")
