"""The table: connectionist temporal classification."""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from typing import Any

import numpy as np

from .entry import Entry, floats, tol

__all__ = ["entries"]

INF, NAN = math.inf, math.nan


def _ctc_loss(target: Any, output: Any, target_length: Any, output_length: Any, mask_index: int = 0) -> Any:
    out = []
    for labels, logits, n, steps in zip(target, output, target_length, output_length, strict=True):
        logs = logits - np.log(np.sum(np.exp(logits), -1, keepdims=True))
        line = [mask_index]
        for label in labels[:n]:
            line += [int(label), mask_index]
        alpha = np.full(len(line), -INF)
        alpha[:2] = logs[0, line[:2]]
        for t in range(1, steps):
            new = np.full(len(line), -INF)
            for s in range(len(line)):
                skip = s > 1 and line[s] != mask_index and line[s] != line[s - 2]
                before = [alpha[s - k] for k in (0, 1, 2) if s >= k and (k < 2 or skip)]
                new[s] = np.logaddexp.reduce(before) + logs[t, line[s]]
            alpha = new
        out.append(-np.logaddexp.reduce(alpha[-2:]))
    return np.array(out)


def _greedy(inputs: Any, lengths: Any, merge_repeated: bool, mask_index: int) -> Any:
    batch, steps, _ = inputs.shape
    decoded = np.full((1, batch, steps), -1)
    scores = np.zeros((batch, 1))
    for b in range(batch):
        best, last = [], None
        for t in range(lengths[b]):
            c = int(np.argmax(inputs[b, t]))
            scores[b] -= np.max(inputs[b, t])
            if c != mask_index and not (merge_repeated and c == last):
                best.append(c)
            last = c
        decoded[0, b, : len(best)] = best
    return decoded, scores


def _beams(inputs: Any, lengths: Any, top_paths: int, mask_index: int) -> Any:
    """The most probable texts, each with all paths that yield it."""
    batch, steps, classes = inputs.shape
    decoded, scores = np.full((top_paths, batch, steps), -1), np.zeros((batch, top_paths))
    for b in range(batch):
        logs = inputs[b] - np.log(np.sum(np.exp(inputs[b]), -1, keepdims=True))
        found: dict[tuple[int, ...], float] = defaultdict(lambda: -INF)
        for path in itertools.product(range(classes), repeat=int(lengths[b])):
            text = tuple(c for c, _ in itertools.groupby(path) if c != mask_index)
            found[text] = np.logaddexp(found[text], sum(logs[t, c] for t, c in enumerate(path)))
        for i, text in enumerate(sorted(found, key=lambda t: -found[t])[:top_paths]):
            decoded[i, b, : len(text)], scores[b, i] = text, found[text]
    return decoded, scores


def _decoded(x: Any, n: Any, strategy: str = "greedy", top_paths: int = 1, mask_index: int = 0, **more: Any) -> Any:
    if strategy == "greedy":
        return _greedy(x, n, more.get("merge_repeated", True), mask_index)
    return _beams(x, n, top_paths, mask_index)


def _ctc() -> list[Entry]:
    c = Entry("ctc_loss", _ctc_loss, tol(16, 8, 4), ("fixed", "float", "fixed"))
    target, lengths = np.array([[1, 2, 2], [3, 1, 0]], "int32"), np.array([3, 2], "int32")
    c(target, floats(2, 6, 4), lengths, np.array([6, 5], "int32")).also("float64")
    g = Entry("ctc_greedy_decode", _greedy, tol(4, 4, 4), "fixed", smooth=False)
    g(floats(2, 6, 3), np.array([6, 4], "int32"), True, 0).edge(floats(2, 6, 3), np.array([6, 4], "int32"), False, 2)
    d = Entry("ctc_decode", _decoded, tol(4, 4, 4), "fixed", smooth=False)
    d(floats(2, 6, 3), np.array([6, 4], "int32")).edge(floats(2, 5, 3), np.array([5, 2], "int32"), mask_index=2)
    few = {"strategy": "beam_search", "beam_width": 40, "top_paths": 4}  # as wide as there are texts: it is exact
    d.edge(floats(2, 4, 3), np.array([4, 3], "int32"), **few).edge(floats(1, 4, 3), np.array([4]), mask_index=2, **few)
    return [c, g, d]


def entries() -> list[Entry]:
    """The entries of this file."""
    return [*_ctc()]
