"""The loaders on small files of their formats, which a folder serves under their URLs; nothing is downloaded."""

from __future__ import annotations

import hashlib
import io
import json
import os
import pickle
import tarfile

import numpy as np
import pytest

import kfront
from kfront import datasets
from kfront.core.errors import ArgumentError, DataError
from kfront.datasets._pickles import unpickle

RNG = np.random.default_rng(0)


@pytest.fixture
def serve(tmp_path, monkeypatch):
    """Put bytes where a loader looks for its file, and their hash where it looks for that."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("KFRONT_OFFLINE", "0")

    def put(module, name, data, url="_URL", hash_name="_SHA256"):
        (tmp_path / name).write_bytes(data)
        base = tmp_path.as_uri() + "/"
        monkeypatch.setattr(module, url, base + (name if url == "_URL" else ""))
        kind = hashlib.md5 if "MD5" in hash_name else hashlib.sha256
        monkeypatch.setattr(module, hash_name, kind(data).hexdigest())

    return put


def npz(**arrays):
    out = io.BytesIO()
    np.savez(out, **arrays)
    return out.getvalue()


def sequences(n, words=200):
    out = np.empty(n, object)
    out[:] = [RNG.integers(1, words, RNG.integers(3, 30)).tolist() for _ in range(n)]
    return out


def archive(members):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as file:
        for name, value in members.items():
            data = pickle.dumps(value, protocol=2)
            info = tarfile.TarInfo(name)
            info.size = len(data)
            file.addfile(info, io.BytesIO(data))
    return out.getvalue()


# ---- tables ----------------------------------------------------------------------------------------------------------


def test_boston(serve):
    x, y = RNG.normal(size=(30, 13)), RNG.normal(size=30)
    serve(datasets.boston_housing, "boston_housing.npz", npz(x=x, y=y))
    (x_train, y_train), (x_test, y_test) = datasets.boston_housing.load_data(seed=7)
    assert x_train.shape == (24, 13) and y_test.shape == (6,)
    order = np.arange(30)
    np.random.RandomState(7).shuffle(order)
    np.testing.assert_array_equal(np.concatenate([x_train, x_test]), x[order])
    np.testing.assert_array_equal(np.concatenate([y_train, y_test]), y[order])


def test_california(serve):
    x, y = RNG.normal(size=(700, 8)).astype("float32"), RNG.normal(size=700).astype("float32")
    serve(datasets.california_housing, "california_housing.npz", npz(x=x, y=y))
    (x_train, _), (x_test, _) = datasets.california_housing.load_data()
    assert (x_train.shape, x_test.shape) == ((560, 8), (140, 8))
    (small, _), _ = datasets.california_housing.load_data("small", test_split=0.0)
    assert small.shape == (600, 8)
    with pytest.raises(ArgumentError, match="version"):
        datasets.california_housing.load_data("middle")


# ---- images ----------------------------------------------------------------------------------------------------------


def batch(n, **labels):
    pixels = RNG.integers(0, 256, (n, 3072)).astype("uint8")
    return {b"data": pixels, **{k.encode(): v for k, v in labels.items()}}


def test_cifar10(serve):
    names = [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]
    parts = {f"cifar-10-batches-py/{n}": batch(4, labels=RNG.integers(0, 10, 4).tolist()) for n in names}
    serve(datasets.cifar10, "cifar-10-python.tar.gz", archive(parts))
    (x, y), (x_test, y_test) = datasets.cifar10.load_data()
    assert (x.shape, y.shape, x_test.shape, y_test.shape) == ((20, 32, 32, 3), (20, 1), (4, 32, 32, 3), (4, 1))
    assert {a.dtype.name for a in (x, y, x_test, y_test)} == {"uint8"}
    third = parts["cifar-10-batches-py/data_batch_3"]
    np.testing.assert_array_equal(x[9].transpose(2, 0, 1).ravel(), third[b"data"][1])
    assert y[8:12, 0].tolist() == third[b"labels"]
    kfront.config.set_image_data_format("channels_first")
    assert datasets.cifar10.load_data()[0][0].shape == (20, 3, 32, 32)


def test_cifar100(serve):
    fine, coarse = RNG.integers(0, 100, 5).tolist(), RNG.integers(0, 20, 5).tolist()
    parts = {f"cifar-100-python/{n}": batch(5, fine_labels=fine, coarse_labels=coarse) for n in ("train", "test")}
    serve(datasets.cifar100, "cifar-100-python.tar.gz", archive(parts))
    assert datasets.cifar100.load_data()[0][1][:, 0].tolist() == fine
    assert datasets.cifar100.load_data("coarse")[1][1][:, 0].tolist() == coarse
    with pytest.raises(ArgumentError, match="label_mode"):
        datasets.cifar100.load_data("all")


# ---- sequences -------------------------------------------------------------------------------------------------------


def test_imdb(serve):
    arrays = {"x_train": sequences(20), "y_train": RNG.integers(0, 2, 20)}
    arrays.update(x_test=sequences(10), y_test=RNG.integers(0, 2, 10))
    serve(datasets.imdb, "imdb.npz", npz(**arrays), "_BASE")
    (x, y), (x_test, y_test) = datasets.imdb.load_data(num_words=50, skip_top=5, seed=3)
    assert (len(x), len(y), len(x_test), len(y_test)) == (20, 20, 10, 10)
    order = np.arange(20)
    np.random.RandomState(3).shuffle(order)
    for got, i in zip(x, order, strict=True):
        shifted = [1, *(w + 3 for w in arrays["x_train"][i])]
        assert got == [w if 5 <= w < 50 else 2 for w in shifted]
    assert y.tolist() == arrays["y_train"][order].tolist()
    (x, _), _ = datasets.imdb.load_data(num_words=50, oov_char=None, start_char=None, index_from=0)
    assert max(max(r, default=0) for r in x) < 50
    (x, y), (x_test, _) = datasets.imdb.load_data(maxlen=12)
    assert len(x) == len(y) < 20 and len(x_test) < 10 and max(map(len, [*x, *x_test])) < 12
    greatest = max(max(r) for r in [*arrays["x_train"], *arrays["x_test"]]) + 3
    (x, _), (x_test, _) = datasets.imdb.load_data()
    assert max(max(r) for r in [*x, *x_test]) < greatest  # Keras replaces the greatest number
    with pytest.raises(ArgumentError, match="maxlen"):
        datasets.imdb.load_data(maxlen=1)


def test_reuters(serve):
    serve(datasets.reuters, "reuters.npz", npz(x=sequences(20), y=RNG.integers(0, 46, 20)), "_BASE")
    (x, y), (x_test, y_test) = datasets.reuters.load_data(num_words=100, test_split=0.25)
    assert (len(x), len(y), len(x_test), len(y_test)) == (15, 15, 5, 5) and x[0][0] == 1
    names = datasets.reuters.get_label_names()
    assert len(names) == 46 and names[:2] == ("cocoa", "grain")


@pytest.mark.parametrize("name", ["imdb", "reuters"])
def test_word_index(serve, name):
    module = getattr(datasets, name)
    serve(module, f"{name}_word_index.json", json.dumps({"the": 1, "a": 2}).encode(), "_BASE", "_WORDS_MD5")
    assert module.get_word_index() == {"the": 1, "a": 2}


# ---- what is refused -------------------------------------------------------------------------------------------------


def test_a_wrong_hash(serve, monkeypatch):
    serve(datasets.boston_housing, "boston_housing.npz", npz(x=np.ones((3, 13)), y=np.ones(3)))
    monkeypatch.setattr(datasets.boston_housing, "_SHA256", "0" * 64)
    with pytest.raises(DataError, match="sha256"):
        datasets.boston_housing.load_data()


class Evil:
    def __reduce__(self):
        return os.system, ("touch evil",)


def test_pickles_make_nothing_else(serve, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = np.empty(2, object)
    rows[:] = [[1], Evil()]
    serve(datasets.reuters, "reuters.npz", npz(x=rows, y=np.ones(2)), "_BASE")
    with pytest.raises(DataError, match="system"):
        datasets.reuters.load_data()
    serve(
        datasets.cifar100,
        "cifar-100-python.tar.gz",
        archive({f"cifar-100-python/{n}": Evil() for n in ("train", "test")}),
    )
    with pytest.raises(DataError, match="system"):
        datasets.cifar100.load_data()
    for value in (len, np.load, pickle.loads):
        with pytest.raises(DataError, match="no part of an array"):
            unpickle(pickle.dumps(value), "x")
    assert not (tmp_path / "evil").exists()


def test_wrong_contents(serve):
    rows = np.empty(2, object)
    rows[:] = [[1], "text"]
    serve(datasets.reuters, "reuters.npz", npz(x=rows, y=np.ones(2)), "_BASE")
    with pytest.raises(DataError, match="lists of ints"):
        datasets.reuters.load_data()
    serve(datasets.cifar100, "cifar-100-python.tar.gz", archive({"cifar-100-python/train": {}}))
    with pytest.raises(DataError, match="images and labels"):
        datasets.cifar100.load_data()
