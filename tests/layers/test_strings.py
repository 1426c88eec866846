"""Strings by whole arrays: buffers, digits, the table of byte strings, and layers on batches large and small."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import kfront
from kfront.layers.preprocess import byte_table, encoding
from kfront.layers.preprocess.byte_table import ByteTable
from kfront.layers.preprocess.packed_strings import digits, pack, packed, words_between

L = kfront.layers
RNG = np.random.default_rng(0)
WORDS = ["".join(RNG.choice(list("abcäß漢 \0x"), n)) for n in RNG.integers(0, 25, 2000)]
ASCII = ["".join(RNG.choice(list("abAB.,-"), n)) for n in RNG.integers(1, 9, 2000)]


def plain(p):
    return [p.data[s : s + n].tobytes() for s, n in zip(p.start, p.length, strict=True)]


@pytest.mark.parametrize(
    "array",
    [
        np.array(WORDS, object),
        np.array([w.encode() for w in WORDS], object),
        np.array(ASCII),
        np.array(ASCII, "S"),
        np.array(ASCII)[::3],
        np.array(ASCII).reshape(40, 50).T,
        np.array(ASCII).astype(np.array(ASCII).dtype.newbyteorder()),
        np.array(["ä", "b"]),
        np.array([], "U3"),
        np.array(["", ""]),
        np.array(["a", b"b"], object),
    ],
    ids=lambda a: f"{a.dtype}{a.shape}",
)
def test_arrays_as_one_buffer(array):
    want = [v if isinstance(v, bytes) else v.encode() for v in array.ravel().tolist()]
    assert plain(packed(array)) == want


@pytest.mark.parametrize("dtype", ["int64", "int32", "int8", "uint8", "uint64"])
def test_digits(dtype):
    info = np.iinfo(dtype)
    values = [*RNG.integers(info.min, info.max, 99, dtype), info.min, info.max, 0, 9, 10, 99, 100]
    values = np.array([*values, *([-1, -10] if info.min else [])], dtype)
    assert plain(digits(values)) == [str(v).encode() for v in values.tolist()]


def test_words_between():
    words, counts = words_between(b"a bb  ccc\0\0 d\0  \0e f")
    assert plain(words) == [b"a", b"bb", b"ccc", b"d", b"e", b"f"]
    assert counts.tolist() == [3, 0, 1, 0, 2]
    words, counts = words_between(b"")
    assert plain(words) == [] and counts.tolist() == [0]


def test_the_table_finds_what_a_dict_finds():
    numbers = {w.encode(): i for i, w in enumerate(dict.fromkeys(WORDS[:1000]))}
    table = ByteTable(numbers, -7)
    assert table.whole
    want = [numbers.get(w.encode(), -7) for w in WORDS]
    assert -7 in want and table.find(pack(WORDS)).tolist() == want
    assert ByteTable({}, 3).find(pack(["a", ""])).tolist() == [3, 3]


def test_words_chosen_to_collide_do_no_harm():
    """A vocabulary that sits in one place of the table is left to a dict."""
    tokens = [f"{n:x}" for n in range(200_000)]
    low, high = byte_table._keys(pack(tokens))
    at = ByteTable({bytes([i]): i for i in range(100)}, 0)._at(low, high)
    chosen = [tokens[i] for i in np.flatnonzero(at == np.bincount(at).argmax())[:100]]
    assert len(chosen) == 100
    assert not ByteTable({t.encode(): i for i, t in enumerate(chosen)}, -1).whole
    with kfront.backend_scope("numpy"):
        layer = L.StringLookup(vocabulary=chosen)
        assert layer(np.array(chosen * 10)).tolist() == list(range(1, 101)) * 10


TEXTS = [" ".join(RNG.choice(ASCII, n)) for n in RNG.integers(0, 9, 300)]
TEXTS += ["", " ", "\t a\nb ", "Ä b", "漢 ab", "a\x1fb c", "ab\xa0b"]
VOCABULARY = list(dict.fromkeys([*ASCII[:200], *(w.lower().strip(".,-") for w in ASCII[200:500]), "漢"]))
VOCABULARY = [w for w in VOCABULARY if w]
VOCABULARY += [" ".join(w) for w in dict.fromkeys(itertools.pairwise(VOCABULARY[:100]))]
VOCABULARY += list(
    dict.fromkeys(" ".join(t.lower().split()[:n]) for n in (2, 3, 7) for t in TEXTS if len(t.split()) >= n)
)
VOCABULARY = list(dict.fromkeys(VOCABULARY))
VECTORIZERS = {
    "plain": {},
    "cut": {"output_sequence_length": 3},
    "count": {"output_mode": "count"},
    "multi_hot": {"output_mode": "multi_hot"},
    "lower": {"standardize": "lower"},
    "strip": {"standardize": "strip_punctuation"},
    "as they are": {"standardize": None},
    "bigrams": {"ngrams": 2},
    "trigrams first": {"ngrams": (3, 1, 2), "output_sequence_length": 9},
    "long": {"ngrams": (7,), "output_mode": "count"},
    "ngrams of characters": {"ngrams": 2, "split": "character"},
    "characters": {"split": "character"},
    "whole": {"split": None},
}


@pytest.mark.parametrize("name", VECTORIZERS)
def test_large_batches_are_as_small_ones(name):
    with kfront.backend_scope("numpy"):
        layer = L.TextVectorization(vocabulary=VOCABULARY, **VECTORIZERS[name])
        ones = [layer([t])[0] for t in TEXTS]
        encoded = [t.encode() for t in TEXTS]
        mixed = [t.encode() if i % 2 else t for i, t in enumerate(TEXTS)]
        for batch in (TEXTS, np.array(TEXTS), np.array(encoded, object), np.array(mixed, object)):
            got = layer(batch)
            for row, one in zip(got, ones, strict=True):
                width = one.shape[0] if one.ndim else None
                np.testing.assert_array_equal(row[:width] if width is not None else row, one)
                if width is not None:
                    assert not row[width:].any()
        assert len(np.unique(np.asarray(got))) > 1


@pytest.mark.parametrize("oov", [1, 3])
def test_lookups_of_all_kinds_of_arrays(oov):
    with kfront.backend_scope("numpy"):
        layer = L.StringLookup(vocabulary=VOCABULARY, num_oov_indices=oov, mask_token="ab")
        want = [int(layer([w])[0]) for w in ASCII]
        arrays = [ASCII, np.array(ASCII), np.array(ASCII, "S"), np.array(ASCII, object)]
        arrays.append(np.array([w.encode() if i % 2 else w for i, w in enumerate(ASCII)], object))
        for x in arrays:
            assert layer(x).tolist() == want
        assert len(set(want)) > 100 and set(range(oov + 1)) <= set(want)


@pytest.mark.parametrize("mask", ["ab", None])
@pytest.mark.parametrize("salt", [None, (3, 4)])
def test_hashes_of_all_kinds_of_arrays(salt, mask):
    with kfront.backend_scope("numpy"):
        layer = L.Hashing(50, salt=salt, mask_value=mask)
        want = [int(layer([w])[0]) for w in ASCII]
        for x in (ASCII, np.array(ASCII), np.array(ASCII, "S"), np.array(ASCII, object)):
            assert layer(x).tolist() == want
        numbers = L.Hashing(50, salt=salt, mask_value=mask and 7)
        ints = np.arange(-200, 300)
        assert numbers(ints).tolist() == L.Hashing(50, salt=salt, mask_value=mask and "7")(ints.astype(str)).tolist()


def test_counting_integers_is_as_counting_strings():
    values = RNG.zipf(1.5, 3000) % 100
    with kfront.backend_scope("numpy"):
        layer, merged = L.IntegerLookup(), L.IntegerLookup()
        layer.adapt(values)
        for part in np.split(values, 3):
            merged.update_state(part)
        merged.finalize_state()
        counts = {v: (values == v).sum() for v in set(values.tolist())}
        want = sorted(counts, key=lambda v: (-counts[v], -v))
        assert layer.get_vocabulary(False) == merged.get_vocabulary(False) == want


INTEGERS = {
    "one unknown": {},
    "several": {"num_oov_indices": 3},
    "mask": {"mask_token": 7, "oov_token": -9},
    "one_hot": {"output_mode": "one_hot"},
    "count": {"output_mode": "count", "mask_token": 7},
    "multi_hot": {"output_mode": "multi_hot", "num_oov_indices": 2, "max_tokens": 9, "pad_to_max_tokens": True},
    "tf_idf": {"output_mode": "tf_idf", "idf_weights": [0.5, 2.0, 1.0, 3.0]},
    "back": {"invert": True, "oov_token": 8},
}


@pytest.mark.parametrize(
    "vocabulary", [[3, -5, 7, 4], [10**6, 3, -(10**6), 0], [4, 7, 9, 1]], ids=["near", "far", "up"]
)
@pytest.mark.parametrize("name", INTEGERS)
def test_integers_in_ops_are_as_on_the_host(name, vocabulary, backend):
    """What traced code runs gives what NumPy gives."""
    layer = L.IntegerLookup(vocabulary=vocabulary, **INTEGERS[name])
    x = np.array([[3, 7, -5, 0], [10**6, 10**6 + 1, -(10**6), 4], [1, 2, -7, 9]], "int32")
    want = layer.on_host(x[:, :1] if name == "one_hot" else x)
    got = layer.in_ops(backend)(backend.convert(x[:, :1] if name == "one_hot" else x))
    np.testing.assert_array_equal(backend.to_numpy(got), want)
    assert backend.dtype_name(got.dtype) == backend.dtype_name(backend.convert(want).dtype)


def test_integers_that_ops_cannot_hold_stay_on_the_host(backend):
    assert L.IntegerLookup(vocabulary=[1], num_oov_indices=0).in_ops(backend) is None
    assert L.IntegerLookup(vocabulary=[1], num_oov_indices=2, oov_method="farmhash").in_ops(backend) is None
    far = L.IntegerLookup(vocabulary=[2**40]).in_ops(backend)
    assert (far is None) == (backend.name == "jax")


@pytest.mark.parametrize("mode", ["multi_hot", "count", "tf_idf"])
@pytest.mark.parametrize("shape", [(5,), (6, 3), (2, 4, 3), (4, 0)])
def test_counting_is_as_adding_vectors(mode, shape, backend, monkeypatch):
    """Large batches are counted by segments or by the engine's own kernel; numbers out of range count for nothing."""
    x = np.random.default_rng(0).integers(-2, 9, shape).astype("int32")
    weights = np.linspace(0.5, 2, x.size, dtype="float32").reshape(shape) if mode == "tf_idf" else None
    found = []
    for few in (1 << 17, 0):
        monkeypatch.setattr(encoding, "_FEW", few)
        args = [kfront.ops.convert_to_tensor(x), 7, mode, "float32"]
        out = encoding.encode(*args, None if weights is None else kfront.ops.convert_to_tensor(weights))
        assert kfront.backend.standardize_dtype(out.dtype) == "float32"
        found.append(kfront.ops.convert_to_numpy(out))
    np.testing.assert_allclose(*found, rtol=1e-6)
    hot = (x[..., None] == np.arange(7)) * (1.0 if weights is None else weights[..., None])
    np.testing.assert_allclose(found[0], hot.sum(-2).clip(max=1) if mode == "multi_hot" else hot.sum(-2), rtol=1e-6)
