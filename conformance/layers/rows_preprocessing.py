"""Rows of the layers for numbers, strings, text and audio.

Layers that compute with NumPy on the host have rows of their own, which say the exact result; see `host.py`.
"""

from __future__ import annotations

import numpy as np

import kfront

from .host import HostRow
from .row import Row, ids, row, x

__all__ = ["HOST_ROWS", "ROWS"]

L = kfront.layers

ROWS: list[Row] = [
    row("Normalization", "learned", lambda: L.Normalization(), x(4), free=()),
    row("Normalization", "given", lambda: L.Normalization(mean=[0.5, 1.0], variance=[4.0, 0.25]), x(3, 2), free=(1,)),
    row(
        *("Normalization", "padded", lambda: L.Normalization(mean=[0.5, 1.0], variance=[4.0, 0.25]), x(5, 2)),
        padded="steps",
        light=True,
    ),
    row("Normalization", "all, inverted", lambda: L.Normalization(axis=None, invert=True), x(4, 2), free=(1, 2)),
    row("Normalization", "two axes", lambda: L.Normalization(axis=(1, -1)), x(3, 4, 2), free=(2,), light=True),
    row("Discretization", "numbers", lambda: L.Discretization([2.0, 4.0, 7.0]), ids(4, below=10), free=(1,)),
    row(
        "Discretization",
        "one-hot",
        lambda: L.Discretization([2.0, 4.0], output_mode="one_hot"),
        ids(1, below=10),
    ),
    row(
        "Discretization",
        "count",
        lambda: L.Discretization([2.0, 4.0], output_mode="count"),
        ids(3, 5, below=10),
        free=(1, 2),
        light=True,
    ),
    row("CategoryEncoding", "multi-hot", lambda: L.CategoryEncoding(6), ids(4, below=6), free=(1,)),
    row("CategoryEncoding", "one-hot", lambda: L.CategoryEncoding(6, "one_hot"), ids(3, 2, below=8), free=(1, 2)),
    row("CategoryEncoding", "one-hot, last axis 1", lambda: L.CategoryEncoding(6, "one_hot"), ids(1, below=6)),
    row(
        "CategoryEncoding",
        "weighted count",
        lambda: L.CategoryEncoding(5, "count"),
        ids(4, below=5),
        count_weights=x(4, low=0.1),
    ),
    row(
        "MelSpectrogram",
        "power",
        lambda: L.MelSpectrogram(64, 16, num_mel_bins=6, sampling_rate=800, power_to_db=False),
        x(100),
    ),
    row(
        "MelSpectrogram",
        "decibels",
        lambda: L.MelSpectrogram(64, 16, 48, "hamming", 800, 6, top_db=30.0),
        x(100),
    ),
    row("STFTSpectrogram", "log", lambda: L.STFTSpectrogram(frame_length=16), x(70, 1), free=(1,), rtol=1e-4),
    row("STFTSpectrogram", "psd", lambda: L.STFTSpectrogram("psd", 16, 4, 32), x(40, 2), free=(1,)),
    row(
        "STFTSpectrogram",
        "stft, same, images",
        lambda: L.STFTSpectrogram("stft", 10, 5, padding="same", expand_dims=True, window="hamming"),
        x(40, 2),
        free=(1,),
    ),
    row(
        "STFTSpectrogram",
        "real, channels first",
        lambda: L.STFTSpectrogram("real", 8, data_format="channels_first", scaling="spectrum", periodic=True),
        x(2, 40),
        light=True,
    ),
]

WORDS = np.array([["a", "b"], ["zebra", "é"], ["", "a"]])
NUMBERS = np.array([[12, 36], [7, -4], [0, 1138]])
TEXTS = np.array(["The cat, the DOG!", "a bird", ""])
VOCABULARY = ["the", "cat", "dog"]

HOST_ROWS: list[HostRow] = [
    # the hashes are FarmHash's Fingerprint64 and SipHash-2-4 modulo the number of bins, as TensorFlow computes them
    HostRow(
        "Hashing",
        "strings",
        lambda: L.Hashing(1000),
        WORDS,
        [[939, 822], [162, 25], [263, 939]],
    ),
    HostRow("Hashing", "salt", lambda: L.Hashing(1000, salt=[3, 4]), WORDS, [[568, 978], [15, 439], [26, 568]]),
    HostRow("Hashing", "numbers", lambda: L.Hashing(1000), NUMBERS, [[888, 277], [88, 770], [735, 993]]),
    HostRow(
        "Hashing",
        "mask, one-hot",
        lambda: L.Hashing(3, mask_value="", output_mode="one_hot"),
        np.array(["a", "", "b"]),
        [[0, 0, 1], [1, 0, 0], [0, 1, 0]],
    ),
    HostRow(
        "HashedCrossing",
        "strings and numbers",
        lambda: L.HashedCrossing(5),
        (np.array(["a", "b", "c"]), np.array([1, 2, 3])),
        [0, 2, 4],
    ),
    HostRow(
        "HashedCrossing",
        "numbers",
        lambda: L.HashedCrossing(1_000_000),
        (np.array([[1], [2], [3]]), np.array([[4], [5], [6]])),
        [[320725], [687438], [603543]],
    ),
    HostRow("StringLookup", "int", lambda: L.StringLookup(vocabulary=["a", "b"]), WORDS, [[1, 2], [0, 0], [0, 1]]),
    HostRow(
        "StringLookup",
        "mask, three unknown",
        lambda: L.StringLookup(vocabulary=["a", "b"], mask_token="", num_oov_indices=3),
        WORDS,
        [[4, 5], [3, 2], [0, 4]],
    ),
    HostRow(
        "StringLookup",
        "tf-idf",
        lambda: L.StringLookup(vocabulary=["a", "b"], idf_weights=[0.5, 0.25], output_mode="tf_idf"),
        WORDS,
        [[0, 0.5, 0.25], [0.75, 0, 0], [0.375, 0.5, 0]],
    ),
    HostRow(
        "StringLookup",
        "inverted",
        lambda: L.StringLookup(vocabulary=["a", "b"], invert=True),
        np.array([[1, 2], [0, 9]]),
        [["a", "b"], ["[UNK]", "[UNK]"]],
    ),
    HostRow(
        "IntegerLookup",
        "int",
        lambda: L.IntegerLookup(vocabulary=[12, 36, 1138], mask_token=0),
        NUMBERS,
        [[2, 3], [1, 1], [0, 4]],
    ),
    HostRow(
        "IntegerLookup",
        "far apart, two unknown",
        lambda: L.IntegerLookup(vocabulary=[12, 36, 10**12], num_oov_indices=2),
        NUMBERS,
        [[2, 3], [1, 0], [0, 0]],
    ),
    HostRow(
        "IntegerLookup",
        "multi-hot",
        lambda: L.IntegerLookup(vocabulary=[12, 36], output_mode="multi_hot"),
        NUMBERS,
        [[0, 1, 1], [1, 0, 0], [1, 0, 0]],
    ),
    HostRow(
        "IntegerLookup",
        "inverted",
        lambda: L.IntegerLookup(vocabulary=[12, 36], invert=True),
        np.array([[1, 2], [0, 9]]),
        [[12, 36], [-1, -1]],
    ),
    HostRow(
        "TextVectorization",
        "int",
        lambda: L.TextVectorization(vocabulary=VOCABULARY),
        TEXTS,
        [[2, 3, 2, 4], [1, 1, 0, 0], [0, 0, 0, 0]],
    ),
    HostRow(
        "TextVectorization",
        "length, pairs",
        lambda: L.TextVectorization(vocabulary=[*VOCABULARY, "the cat"], ngrams=2, output_sequence_length=5),
        TEXTS[:, None],
        [[2, 3, 2, 4, 5], [1, 1, 1, 0, 0], [0, 0, 0, 0, 0]],
    ),
    HostRow(
        "TextVectorization",
        "count",
        lambda: L.TextVectorization(5, output_mode="count", pad_to_max_tokens=True, vocabulary=VOCABULARY),
        TEXTS,
        [[0, 2, 1, 1, 0], [2, 0, 0, 0, 0], [0, 0, 0, 0, 0]],
    ),
    HostRow(
        "TextVectorization",
        "characters",
        lambda: L.TextVectorization(vocabulary=["a", "b"], split="character"),
        np.array(["Ab", "é"]),
        [[2, 3], [1, 0]],
    ),
]
