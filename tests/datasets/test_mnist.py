from __future__ import annotations

import gzip
import warnings
import zipfile

import numpy as np
import pytest

from kfront.core.errors import DataError
from kfront.datasets import mnist
from kfront.datasets._files import read_idx, read_npz


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    return tmp_path / "datasets"


def test_offline_sample(home, monkeypatch):
    monkeypatch.setenv("KFRONT_OFFLINE", "1")
    with pytest.warns(UserWarning, match="10,000") as caught:
        (x_train, y_train), (x_test, y_test) = mnist.load_data()
    assert len(caught) == 1 and "\n" not in str(caught[0].message)
    assert x_train.shape == (8000, 28, 28) and y_train.shape == (8000,)
    assert x_test.shape == (2000, 28, 28) and y_test.shape == (2000,)
    assert {a.dtype.name for a in (x_train, y_train, x_test, y_test)} == {"uint8"}
    assert set(np.unique(y_test)) == set(range(10))


def test_failed_download_names_the_way_out(home, monkeypatch, tmp_path):
    monkeypatch.setenv("KFRONT_OFFLINE", "0")
    monkeypatch.setattr(mnist, "_URL", (tmp_path / "nowhere.npz").as_uri())
    with pytest.raises(DataError, match="KFRONT_OFFLINE=1"):
        mnist.load_data()


def test_wrong_file_is_refused(home, monkeypatch, tmp_path):
    monkeypatch.setenv("KFRONT_OFFLINE", "0")
    (tmp_path / "fake.npz").write_bytes(b"not the digits")
    monkeypatch.setattr(mnist, "_URL", (tmp_path / "fake.npz").as_uri())
    with pytest.raises(DataError, match="sha256"):
        mnist.load_data()


def test_cache_is_used_without_a_warning(home, monkeypatch, tmp_path):
    import hashlib

    home.mkdir()
    (home / "mnist.npz").write_bytes(mnist._SAMPLE.read_bytes())
    monkeypatch.setattr(mnist, "_SHA256", hashlib.sha256(mnist._SAMPLE.read_bytes()).hexdigest())
    monkeypatch.setenv("KFRONT_OFFLINE", "1")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert mnist.load_data()[1][0].shape == (2000, 28, 28)


LAYOUT = {"x": ((None, 2), "uint8")}


def npz(path, **arrays):
    np.savez(path, **arrays)
    return path


@pytest.mark.parametrize(
    "x", [np.zeros((3, 3), "uint8"), np.zeros((3, 2)), np.zeros((11, 2), "uint8"), np.zeros(3, "uint8")]
)
def test_npz_of_another_layout(tmp_path, x):
    with pytest.raises(DataError, match="shape"):
        read_npz(npz(tmp_path / "a.npz", x=x), LAYOUT, most=10)


def test_npz_with_objects_is_not_unpickled(tmp_path):
    with pytest.raises(DataError):
        read_npz(npz(tmp_path / "a.npz", x=np.array([[object(), 1]], dtype=object)), LAYOUT, most=10)


def test_npz_that_declares_a_huge_array(tmp_path):
    header = b"\x93NUMPY\x01\x00v\x00{'descr': '|u1', 'fortran_order': False, 'shape': (%d, 2), }" % 2**50
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("x.npy", header.ljust(127) + b"\n")
    with pytest.raises(DataError, match="shape"):
        read_npz(tmp_path / "a.npz", LAYOUT, most=10)


def test_npz_that_is_damaged(tmp_path):
    (tmp_path / "a.npz").write_bytes(b"PK nothing")
    with pytest.raises(DataError, match="a.npz"):
        read_npz(tmp_path / "a.npz", LAYOUT, most=10)
    with pytest.raises(DataError, match="x"):
        read_npz(npz(tmp_path / "b.npz", y=np.zeros((3, 2), "uint8")), LAYOUT, most=10)


def idx(shape, data):
    return gzip.compress(bytes((0, 0, 8, len(shape))) + b"".join(n.to_bytes(4, "big") for n in shape) + data)


def test_idx(tmp_path):
    path = tmp_path / "a.gz"
    path.write_bytes(idx((2, 3), bytes(range(6))))
    assert read_idx(path, (2, 3)).tolist() == [[0, 1, 2], [3, 4, 5]]
    for wrong in (idx((2, 4), bytes(8)), idx((2, 3), bytes(5)), b"no gzip", idx((6,), bytes(6))):
        path.write_bytes(wrong)
        with pytest.raises(DataError, match="a.gz"):
            read_idx(path, (2, 3))
