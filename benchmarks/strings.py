"""Layers for strings, ids and text beside Keras's, which run TensorFlow's kernels."""

from __future__ import annotations

import importlib
import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from benchmarks.timing import Row

__all__ = ["string_layers"]

_RNG = np.random.default_rng(0)
_LETTERS = np.array(list("abcdefghijklmnopqrstuvwxyz"))
WORDS = sorted({"".join(_RNG.choice(_LETTERS, n)) for n in _RNG.integers(2, 12, 20_000)})
_RNG.shuffle(WORDS)
_SHARE = 1 / np.arange(1, len(WORDS) + 1)  # Zipf's law
_SHARE /= _SHARE.sum()


def _words(count: int) -> list[str]:
    return [WORDS[i] for i in _RNG.choice(len(WORDS), count, p=_SHARE)]


def _texts(count: int) -> np.ndarray:
    return np.array([" ".join(_words(n)).capitalize() + "." for n in _RNG.integers(4, 20, count)], object)


_KNOWN = WORDS[:10_000]  # some of the words are unknown
_IDS = np.arange(10_000) * 7919 % 1_000_003

# name -> (makes the layer, makes a batch of a size)
_CASES: dict[str, tuple[Callable[[Any], Any], Callable[[int], Any]]] = {
    "TextVectorization": (lambda L: L.TextVectorization(vocabulary=_KNOWN, output_sequence_length=20), _texts),
    "TextVectorization of a list": (
        lambda L: L.TextVectorization(vocabulary=_KNOWN, output_sequence_length=20),
        lambda n: _texts(n).tolist(),
    ),
    "TextVectorization, bigrams": (
        lambda L: L.TextVectorization(vocabulary=_KNOWN, output_sequence_length=20, ngrams=2),
        _texts,
    ),
    "TextVectorization of characters": (
        lambda L: L.TextVectorization(vocabulary=list("etaoinshr"), output_sequence_length=80, split="character"),
        _texts,
    ),
    "TextVectorization count": (lambda L: L.TextVectorization(vocabulary=_KNOWN[:500], output_mode="count"), _texts),
    "StringLookup of a list": (lambda L: L.StringLookup(vocabulary=_KNOWN), _words),
    "StringLookup": (lambda L: L.StringLookup(vocabulary=_KNOWN), lambda n: np.array(_words(n))),
    "StringLookup of objects": (lambda L: L.StringLookup(vocabulary=_KNOWN), lambda n: np.array(_words(n), object)),
    "StringLookup, 3 for unknown": (
        lambda L: L.StringLookup(vocabulary=_KNOWN, num_oov_indices=3),
        lambda n: np.array(_words(n)),
    ),
    "IntegerLookup": (lambda L: L.IntegerLookup(vocabulary=_IDS), lambda n: _RNG.integers(0, 1_000_003, n)),
    "Hashing of strings": (lambda L: L.Hashing(1000), lambda n: np.array(_words(n))),
    "Hashing of a list": (lambda L: L.Hashing(1000), _words),
    "Hashing, salted": (lambda L: L.Hashing(1000, salt=[1, 2]), lambda n: np.array(_words(n))),
    "Hashing of ids": (lambda L: L.Hashing(1000), lambda n: _RNG.integers(0, 1_000_003, n)),
    "HashedCrossing": (
        lambda L: L.HashedCrossing(1000),
        lambda n: (np.array(_words(n)), _RNG.integers(0, 1_000_003, n)),
    ),
    "CategoryEncoding": (
        lambda L: L.CategoryEncoding(num_tokens=100, output_mode="multi_hot"),
        lambda n: _RNG.integers(0, 100, (n, 8)),
    ),
    "Discretization": (
        lambda L: L.Discretization(bin_boundaries=np.linspace(-2, 2, 50).tolist()),
        lambda n: _RNG.normal(size=(n, 4)).astype("float32"),
    ),
}
_SIZES = (32, 10_000)


def _fresh_bursts(candidates: dict[str, Callable[[], Any]], seconds: float, rounds: int) -> dict[str, list[float]]:
    """Seconds of one call, in rounds that alternate between the candidates."""
    times: dict[str, list[float]] = {k: [] for k in candidates}
    counts = {}
    for name, f in candidates.items():
        f()
        start = time.perf_counter()
        f()
        counts[name] = max(1, int(seconds / (time.perf_counter() - start)))
    for _ in range(rounds):
        for name, f in candidates.items():
            start = time.perf_counter()
            for _ in range(counts[name]):
                f()
            times[name].append((time.perf_counter() - start) / counts[name])
    return times


def string_layers(bench: Any) -> Iterator[Row]:
    """Batches of 32 and of 10,000 to the tensor of the engine; the ratio is that to Keras."""
    if bench.keras is None:
        return
    wait = importlib.import_module("jax").block_until_ready if bench.engine == "jax" else lambda result: result
    for name, (make, batch) in _CASES.items():
        for size in _SIZES:
            x = batch(size)
            made = {k: make(api.layers) for k, api in bench.apis().items()}
            run = {k: lambda f=f, x=x: wait(f(x)) for k, f in made.items()}
            times = _fresh_bursts(run, 0.01, bench.rounds)
            ratio = statistics.median(a / b for a, b in zip(times["kfront"], times["keras"], strict=True))
            base = statistics.median(times["keras"]) * 1e6
            yield Row(f"{name}, {size}", "x Keras", ratio, 1.0, base, 1.0)
    texts = _texts(5000)
    for name, make, data in (
        ("TextVectorization.adapt", lambda L: L.TextVectorization(max_tokens=5000), texts),
        ("StringLookup.adapt", lambda L: L.StringLookup(max_tokens=5000), np.array(_words(50_000))),
        ("IntegerLookup.adapt", lambda L: L.IntegerLookup(max_tokens=5000), _RNG.integers(0, 20_000, 50_000)),
        ("Discretization.adapt", lambda L: L.Discretization(num_bins=20), _RNG.normal(size=50_000).astype("float32")),
        ("Normalization.adapt", lambda L: L.Normalization(), _RNG.normal(size=(50_000, 8)).astype("float32")),
    ):
        run = {k: lambda a=api, m=make, d=data: m(a.layers).adapt(d) for k, api in bench.apis().items()}
        times = _fresh_bursts(run, 0.01, max(3, bench.rounds // 3))
        ratio = statistics.median(a / b for a, b in zip(times["kfront"], times["keras"], strict=True))
        yield Row(name, "x Keras", ratio, 1.0, statistics.median(times["keras"]) * 1e6, 1.0)
