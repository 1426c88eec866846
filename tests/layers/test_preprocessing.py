"""Layers for numbers, strings and text, beside Keras's values: where data come from, errors, files, pipelines."""

from __future__ import annotations

import importlib.util
import json
import pickle
from typing import Any

import numpy as np
import pytest

import kfront
from kfront.core.errors import (
    ArgumentError,
    DataError,
    DTypeError,
    NotBuiltError,
    ShapeError,
    UnsafeFileError,
    UnsupportedError,
)
from kfront.layers.preprocess import hash_functions
from kfront.layers.preprocess.packed_strings import pack
from kfront.utils.dataset import Dataset

L = kfront.layers
TEXTS = np.array(["the cat sat", "a cat", "the dog", "the end"])
needs_torch = pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="torch is not installed")
needs_tensorflow = pytest.mark.skipif(importlib.util.find_spec("tensorflow") is None, reason="no TensorFlow")


# ---- hashes ----------------------------------------------------------------------------------------------------------


@needs_tensorflow
def test_hashes_are_those_of_tensorflow():
    """Of every length, so that each branch of FarmHash is taken, and beyond ASCII."""
    import tensorflow as tf

    rng = np.random.default_rng(0)
    words = ["x" * n for n in range(200)]
    words += ["".join(map(chr, rng.integers(33, 1200, n))) for n in range(120)]
    data = tf.constant([w.encode() for w in words])
    want = tf.fingerprint(data).numpy().view("<u8")[:, 0]
    np.testing.assert_array_equal(hash_functions.fingerprint(pack(words)), want)
    for key in ((3, 4), (133, 133), (1, 2**63 - 1)):
        want = tf.strings.to_hash_bucket_strong(data, 2**62, key=list(key)).numpy()
        np.testing.assert_array_equal(hash_functions.bins(pack(words), 2**62, key), want)


def test_siphash_of_the_paper():
    """Appendix A of the paper: the key 00…0f and the 15 bytes 00…0e give a129ca6149be45e5."""
    key = (0x0706050403020100, 0x0F0E0D0C0B0A0908)
    assert hex(int(hash_functions.siphash(pack([bytes(range(15))]), key)[0])) == "0xa129ca6149be45e5"
    assert hash_functions.fingerprint(pack([])).shape == hash_functions.siphash(pack([]), (1, 2)).shape == (0,)


# ---- what adapt reads ------------------------------------------------------------------------------------------------


def sources():
    batches = [TEXTS[:3], TEXTS[3:]]
    yield "list", lambda: TEXTS.tolist()
    yield "objects", lambda: TEXTS.astype(object)
    yield "bytes", lambda: np.char.encode(TEXTS, "utf-8")
    yield "column", lambda: TEXTS[:, None]
    yield "generator", lambda: iter(batches)
    yield "batches", lambda: Dataset.from_arrays(TEXTS).batch(3)
    yield "samples", lambda: Dataset.from_arrays(TEXTS)
    if importlib.util.find_spec("tensorflow"):
        yield "tf.data", lambda: __import__("tensorflow").data.Dataset.from_tensor_slices(TEXTS).batch(3)
    if importlib.util.find_spec("torch"):
        loader = lambda: __import__("torch").utils.data.DataLoader(TEXTS.tolist(), batch_size=3)  # noqa: E731
        yield "DataLoader", loader
    if importlib.util.find_spec("pandas"):
        yield "pandas", lambda: __import__("pandas").Series(TEXTS)


@pytest.mark.parametrize("source", [s for _, s in sources()], ids=[n for n, _ in sources()])
def test_adapt_reads(source):
    with kfront.backend_scope("numpy"):
        layer = L.TextVectorization(output_mode="tf_idf")
        layer.adapt(source())
        assert layer.get_vocabulary() == ["[UNK]", "the", "cat", "sat", "end", "dog", "a"]
        idf = np.log(1 + 4 / (1 + np.array([3, 2, 1, 1, 1, 1.0])))
        np.testing.assert_allclose(layer(["the the cat"])[0, 1:3], idf[:2] * [2, 1], rtol=1e-6)
        words = L.StringLookup()
        words.adapt(source())
        assert words.get_vocabulary() == ["[UNK]", *sorted(TEXTS, reverse=True)]


def test_adapt_forgets_and_merges(backend):
    data = np.random.default_rng(0).normal(3, 2, (40, 3)).astype("float32")
    layer = L.Normalization()
    layer.adapt(data + 100)
    layer.adapt(Dataset.from_arrays(data).batch(7))
    np.testing.assert_allclose(backend.to_numpy(layer.mean)[0], data.mean(0), rtol=1e-5)
    np.testing.assert_allclose(backend.to_numpy(layer.variance)[0], data.var(0), rtol=1e-5)
    out = backend.to_numpy(layer(data))
    np.testing.assert_allclose(out.mean(0), 0, atol=1e-5)
    back = L.Normalization(invert=True)
    back.adapt(data)
    np.testing.assert_allclose(backend.to_numpy(back(out)), data, rtol=1e-4, atol=1e-4)


def test_integers_from_any_engine(backend):
    layer = L.IntegerLookup(output_mode="count")
    layer.adapt(backend.convert(np.array([[3, 3], [5, 9]])))
    assert layer.get_vocabulary() == [-1, 3, 9, 5]
    assert backend.to_numpy(layer(backend.convert(np.array([[3, 7]])))).tolist() == [[1, 1, 0, 0]]


@pytest.mark.parametrize("mode", ["one_hot", "multi_hot", "count"])
@pytest.mark.parametrize("far", [2**31 + 1, 2**32 + 1, -(2**32) + 1])
@pytest.mark.parametrize("rows", [1, 400])
def test_class_numbers_beyond_32_bits_are_no_classes(backend, mode, far, rows):
    if backend.name == "jax":
        pytest.skip("has no 64-bit integers unless they are enabled")
    numbers = np.full((rows, 1 if mode == "one_hot" else 2), far)
    numbers[:, 1:] = 2
    want = np.zeros((rows, 30))
    want[:, 2] = mode != "one_hot"
    layer = L.CategoryEncoding(30, output_mode=mode)
    np.testing.assert_array_equal(backend.to_numpy(layer(numbers)), want)


def test_labels_are_no_feature():
    with pytest.raises(DataError, match="map the data set"):
        L.StringLookup().adapt(Dataset.from_arrays((TEXTS, np.arange(4))).batch(2))


# ---- options ---------------------------------------------------------------------------------------------------------


def test_own_functions_are_kept(backend):
    @kfront.saving.register_keras_serializable("tests")
    def shout(x):
        return np.char.upper(np.asarray(x).astype(str) if not hasattr(x, "numpy") else x.numpy().astype(str))

    @kfront.saving.register_keras_serializable("tests")
    def commas(x):
        return [str(t).split(",") for t in (x.numpy().astype(str) if hasattr(x, "numpy") else x)]

    layer = L.TextVectorization(standardize=shout, split=commas, vocabulary=["A", "B C"])
    again = L.TextVectorization.from_config(json.loads(json.dumps(layer.get_config())))
    for one in (layer, again):
        assert backend.to_numpy(one(["a,b c,d", "a"])).tolist() == [[2, 3, 1], [2, 0, 0]]


def test_sparse_and_ragged(backend):
    make = lambda: L.TextVectorization(vocabulary=["the", "cat"], ragged=True)  # noqa: E731
    if backend.ragged_tensors:
        assert make()(TEXTS).to_list() == [[2, 3, 1], [1, 3], [2, 1], [2, 1]]
    else:
        with pytest.raises(UnsupportedError, match="ragged"):
            make()
    if not backend.has_sparse:
        with pytest.raises(UnsupportedError, match="sparse"):
            L.CategoryEncoding(3, sparse=True)
        return
    lookup = L.IntegerLookup(vocabulary=[0, 2], sparse=True, output_mode="count")
    for layer in (L.CategoryEncoding(3, sparse=True), lookup, L.Hashing(4, output_mode="count", sparse=True)):
        out = layer(np.array([[0, 2]]))
        assert backend.is_sparse(out) and backend.to_numpy(out).sum() == 2
        assert layer(kfront.Input((2,), dtype="int32")).sparse


def test_vocabulary_files(tmp_path):
    file = tmp_path / "words.txt"
    file.write_text("a\nb c\né\n", encoding="utf-8")
    layer = L.StringLookup(vocabulary=str(file))
    assert layer.get_vocabulary(include_special_tokens=False) == ["a", "b c", "é"]
    assert layer.get_config()["vocabulary"] is None  # a file names no other file: its words are an asset
    model = kfront.Sequential([kfront.Input((1,), dtype="string"), layer])
    model.save(tmp_path / "m.keras")
    file.unlink()
    again = kfront.saving.load_model(tmp_path / "m.keras").layers[0]
    assert again.get_vocabulary() == layer.get_vocabulary()


def test_tokens_with_line_breaks_survive(tmp_path):
    layer = L.StringLookup(output_mode="tf_idf")
    layer.adapt(["a\nb", "c", "c "])
    model = kfront.Sequential([kfront.Input((2,), dtype="string"), layer])
    model.save(tmp_path / "m.keras")
    again = kfront.saving.load_model(tmp_path / "m.keras").layers[0]
    assert again.get_vocabulary() == layer.get_vocabulary()
    np.testing.assert_array_equal(again._idf, layer._idf)


# ---- errors ----------------------------------------------------------------------------------------------------------

ERRORS = {
    "unadapted": (NotBuiltError, "adapt", lambda: L.StringLookup()(["a"])),
    "unadapted text": (NotBuiltError, "adapt", lambda: L.TextVectorization()(["a"])),
    "unadapted bins": (NotBuiltError, "adapt", lambda: L.Discretization(num_bins=3)(np.ones((2, 2)))),
    "unknown": (ArgumentError, "'z'", lambda: L.StringLookup(vocabulary=["a"], num_oov_indices=0)(["a", "z"])),
    "twice": (ArgumentError, "once", lambda: L.StringLookup(vocabulary=["a", "a"])),
    "no token": (ArgumentError, "at least one", lambda: L.StringLookup(vocabulary=[])),
    "too many": (ArgumentError, "at most 1", lambda: L.StringLookup(vocabulary=["a", "b"], max_tokens=2)),
    "no idf": (ArgumentError, "idf_weights", lambda: L.StringLookup(vocabulary=["a"], output_mode="tf_idf")),
    "idf length": (
        ArgumentError,
        "2 `idf",
        lambda: L.StringLookup(output_mode="tf_idf").set_vocabulary(["a", "b"], [1.0]),
    ),
    "mode": (ArgumentError, "output_mode", lambda: L.IntegerLookup(output_mode="tfidf")),
    "invert": (ArgumentError, "invert", lambda: L.StringLookup(invert=True, output_mode="count")),
    "both bins": (ArgumentError, "both", lambda: L.Discretization([1.0], num_bins=2)),
    "falling": (ArgumentError, "rise", lambda: L.Discretization([2.0, 1.0])),
    "mean alone": (ArgumentError, "together", lambda: L.Normalization(mean=1.0)),
    "adapt given": (ArgumentError, "given", lambda: L.Normalization(mean=1.0, variance=1.0).adapt(np.ones((2, 2)))),
    "axis": (ShapeError, "axes", lambda: L.Normalization(axis=3)(np.ones((2, 2)))),
    "unknown axis": (ShapeError, "known sizes", lambda: L.Normalization()(kfront.Input((None,)))),
    "several texts": (
        ShapeError,
        "StringLookup",
        lambda: L.TextVectorization(vocabulary=["a"])(np.array([["a", "b"]])),
    ),
    "numbers as text": (ArgumentError, "texts", lambda: L.TextVectorization(vocabulary=["a"])(np.ones(3))),
    "one feature": (ShapeError, "two or more", lambda: L.HashedCrossing(3)((np.array([1]),))),
    "wide feature": (
        ShapeError,
        "(batch, 1)",
        lambda: L.HashedCrossing(3)((np.ones((2, 2), int), np.ones((2, 2), int))),
    ),
    "float feature": (DTypeError, "float64", lambda: L.HashedCrossing(3)((np.ones(2), np.ones(2)))),
    "float bins": (ArgumentError, "integer dtype", lambda: L.Hashing(3, dtype="float32")),
    "no classes": (ArgumentError, "num_tokens", lambda: L.CategoryEncoding()),
    "weights": (ArgumentError, "count", lambda: L.CategoryEncoding(3)(np.array([[0]]), count_weights=np.ones((1, 1)))),
    "window": (ArgumentError, "window", lambda: kfront.initializers.STFT(window="none such")),
    "frames": (ArgumentError, "fft_length", lambda: L.STFTSpectrogram(frame_length=8, fft_length=4)),
    "channels": (ShapeError, "rank 3", lambda: L.STFTSpectrogram(frame_length=8)(np.ones((2, 30), "float32"))),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors(name, backend):
    kind, words, call = ERRORS[name]
    with pytest.raises(kind) as caught:
        call()
    assert words in str(caught.value)


@pytest.mark.parametrize("name", ["StringLookup", "IntegerLookup", "TextVectorization"])
@pytest.mark.parametrize("place", ["/etc/passwd", "https://example.org/words.txt", "file:///etc/passwd"])
def test_a_file_names_no_other_file(name, place, backend):
    config = getattr(L, name)(vocabulary=["1", "2"]).get_config()
    for key in ("vocabulary", "idf_weights"):
        bad = {**config, key: place}
        if key == "idf_weights":
            bad["output_mode"] = "tf_idf"
        with pytest.raises(UnsafeFileError, match=key):
            L.deserialize({"module": "keras.layers", "class_name": name, "config": bad})


# ---- in models and pipelines -----------------------------------------------------------------------------------------


def test_fit_on_text(trainable_backend):
    """Text goes into a model as NumPy arrays; compiled steps of an engine without strings say what to do."""
    x, y = np.array(["good film", "bad film"] * 8), np.array([1.0, 0.0] * 8)
    vectorize = L.TextVectorization(output_sequence_length=2)
    vectorize.adapt(x)
    layers = [kfront.Input((), dtype="string"), vectorize, L.Embedding(5, 4), L.Flatten(), L.Dense(1)]
    model = kfront.Sequential(layers)
    model.compile("adam", "mse", run_eagerly=True)
    first = model.evaluate(x, y, verbose=0)
    model.fit(x, y, epochs=5, verbose=0)
    assert model.evaluate(x, y, verbose=0) < first
    assert model.predict(x, verbose=0).shape == (16, 1)
    model.fit(x.astype(object), y, verbose=0)
    model.compile("adam", "mse")
    try:
        model.fit(x, y, verbose=0)
    except UnsupportedError as error:
        assert "string" not in trainable_backend.dtypes and "run_eagerly" in str(error)


@pytest.mark.parametrize("workers", [0, 2])
@needs_torch
def test_in_data_loader_workers(workers, backend):
    import torch

    layer = L.TextVectorization(output_sequence_length=3)
    layer.adapt(TEXTS)
    layer = pickle.loads(pickle.dumps(layer))

    class Texts(torch.utils.data.Dataset):
        def __len__(self):
            return len(TEXTS)

        def __getitem__(self, i):
            return np.asarray(layer.on_host(TEXTS[i : i + 1]))[0]

    found = torch.cat(list(torch.utils.data.DataLoader(Texts(), batch_size=2, num_workers=workers)))
    np.testing.assert_array_equal(found.numpy(), backend.to_numpy(layer(TEXTS)))


@needs_tensorflow
def test_in_tf_data(backend):
    import tensorflow as tf

    text = L.TextVectorization(output_mode="count")
    text.adapt(TEXTS)
    norm = L.Normalization()
    norm.adapt(np.arange(8.0).reshape(4, 2))
    data = tf.data.Dataset.from_tensor_slices((TEXTS, np.arange(8.0).reshape(4, 2))).batch(2)
    mapped = data.map(lambda t, x: (text(t), norm(x)), num_parallel_calls=2)
    assert mapped.element_spec[0].shape == (None, 7)
    got = [np.concatenate(parts) for parts in zip(*mapped.as_numpy_iterator(), strict=True)]
    np.testing.assert_array_equal(got[0], backend.to_numpy(text(TEXTS)))
    np.testing.assert_allclose(got[1], backend.to_numpy(norm(np.arange(8.0).reshape(4, 2))), rtol=1e-5)


def test_nothing_here_imports_an_engine():
    import subprocess
    import sys

    code = (
        "import sys, numpy as np, kfront; kfront.config.set_backend('numpy'); L = kfront.layers\n"
        "t = L.TextVectorization(); t.adapt(['a b']); t(['a'])\n"
        "L.Hashing(5)(['a']); L.StringLookup(vocabulary=['a'])(['a'])\n"
        "print([m for m in ('torch', 'jax', 'tensorflow', 'keras') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


@pytest.mark.parametrize("mode", ["multi_hot", "count"])
@pytest.mark.parametrize("shape", [(5,), (3, 4), (2, 3, 2), (4, 0), (0, 3)])
def test_categories_are_counted_as_vectors_of_each_would_be(backend: Any, mode: str, shape: tuple[int, ...]) -> None:
    """Numbers that are no categories count for nothing."""
    from kfront.layers.preprocess.encoding import encode

    x = np.random.default_rng(0).integers(-2, 8, shape)
    weights = np.random.default_rng(1).random(shape).astype("float32") if mode == "count" else None
    hot = (x[..., None] == np.arange(6)).astype("float32")
    each = hot if weights is None else hot * weights[..., None]
    want = each.sum(-2) if mode == "count" else (hot.sum(-2) > 0).astype("float32")
    with kfront.backend_scope(backend):
        given = None if weights is None else kfront.ops.convert_to_tensor(weights)
        out = encode(kfront.ops.convert_to_tensor(x.astype("int32")), 6, mode, "float32", given)
        np.testing.assert_allclose(kfront.ops.convert_to_numpy(out), want, rtol=1e-6)


def test_crossed_features_may_be_lists(backend):
    for features in ((["a", "b"], ["c", "d"]), ([1, 2], [3, 4])):
        got = L.HashedCrossing(5)(features)
        wanted = L.HashedCrossing(5)(tuple(map(np.array, features)))
        assert np.array_equal(kfront.ops.convert_to_numpy(got), kfront.ops.convert_to_numpy(wanted))
