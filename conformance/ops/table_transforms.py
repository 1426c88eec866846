"""The table: ops whose reference is a search (the transforms themselves are tested in tests/transforms)."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from .entry import Entry, floats, tol

__all__ = ["entries"]


def _beam(logits: Any, lengths: Any, width: int, paths: int, blank: int) -> Any:
    """Sequences by the probability of all paths that yield them (a beam as wide as there are sequences is exact)."""
    batch, steps, classes = logits.shape
    text = np.full((paths, batch, steps), -1, "int32")
    scores = np.full((batch, paths), -np.inf, logits.dtype)
    logs = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    for i, length in enumerate(lengths):
        found: dict[tuple[int, ...], Any] = {}
        for path in itertools.product(range(classes), repeat=int(length)):
            sequence = tuple(c for c, _ in itertools.groupby(path) if c != blank)
            found[sequence] = found.get(sequence, 0.0) + np.exp(sum(logs[i, t, c] for t, c in enumerate(path)))
        for j, (sequence, p) in enumerate(sorted(found.items(), key=lambda pair: -pair[1])[:paths]):
            text[j, i, : len(sequence)] = sequence
            scores[i, j] = np.log(p)
    return text, scores


def entries() -> list[Entry]:
    """The entries of this file."""
    b = Entry("ctc_beam_decode", _beam, tol(16, 8, 4), "fixed", smooth=False)
    lengths = np.array([4, 3], "int32")
    return [b(floats(2, 4, 3), lengths, 64, 2, 0).edge(floats(2, 4, 3), lengths, 64, 3, 2)]
