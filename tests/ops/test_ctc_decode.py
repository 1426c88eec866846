"""Beam search: every path counted by hand, and what Keras 3.15 gives for a narrow beam."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import kfront
from kfront import ops
from kfront.core.errors import ArgumentError

LOGITS = (np.random.RandomState(0).randn(3, 6, 4) * 2).astype("float32")
LENGTHS = np.array([6, 4, 1])


def most_probable(logits, length, blank, count):
    """The sequences with the largest probability: that of all paths that yield them."""
    logs = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    found: dict[tuple[int, ...], float] = {}
    for path in itertools.product(range(logits.shape[1]), repeat=length):
        sequence = tuple(c for c, _ in itertools.groupby(path) if c != blank)
        found[sequence] = found.get(sequence, 0.0) + float(np.exp(sum(logs[t, c] for t, c in enumerate(path))))
    return sorted(found.items(), key=lambda pair: -pair[1])[:count]


@pytest.mark.parametrize("blank", [0, 3, None])
def test_a_wide_beam_finds_the_most_probable(backend, blank):
    text, scores = ops.ctc_decode(LOGITS, LENGTHS, "beam_search", top_paths=3, mask_index=blank)
    text, scores = ops.convert_to_numpy(text), ops.convert_to_numpy(scores)
    assert text.shape == (3, 3, 6) and text.dtype == "int32" and scores.shape == (3, 3) and scores.dtype == "float32"
    for i in range(3):
        best = most_probable(LOGITS[i], int(LENGTHS[i]), 3 if blank is None else blank, 3)
        for j, (sequence, probability) in enumerate(best):
            assert tuple(text[j, i]) == (*sequence, *[-1] * (6 - len(sequence)))
            np.testing.assert_allclose(scores[i, j], np.log(probability), atol=1e-5)


def test_a_narrow_beam(backend):
    text, scores = ops.ctc_decode(LOGITS, LENGTHS, "beam_search", beam_width=4, top_paths=2)
    assert ops.convert_to_numpy(text)[0, :2].tolist() == [[3, 3, 2, -1, -1, -1], [3, -1, -1, -1, -1, -1]]
    keras = [[-1.748, -2.251], [-1.698, -1.799], [-0.334, -1.533]]
    np.testing.assert_allclose(ops.convert_to_numpy(scores), keras, atol=1e-3)


def test_prefixes_that_come_back_and_paths_that_do_not_exist(backend):
    """One step has four sequences: the rest of the paths is empty, its probability 0."""
    text, scores = ops.ctc_decode(LOGITS, LENGTHS, "beam_search", beam_width=5, top_paths=5, mask_index=None)
    assert ops.convert_to_numpy(text)[4, 2].tolist() == [-1] * 6
    assert ops.convert_to_numpy(scores)[2, 4] == -np.inf
    uniform = np.zeros((1, 5, 3), "float32")
    text, scores = ops.ctc_decode(uniform, [5], "beam_search", beam_width=200, top_paths=20)
    best = most_probable(uniform[0], 5, 0, 20)
    np.testing.assert_allclose(ops.convert_to_numpy(scores)[0], [np.log(p) for _, p in best], atol=1e-5)


def test_halves_symbols_and_mistakes(backend):
    half = ops.cast(LOGITS, "float16")
    assert kfront.backend.standardize_dtype(ops.ctc_decode(half, LENGTHS, "beam_search")[1].dtype) == "float16"
    inputs, lengths = kfront.KerasTensor((None, None, 5)), kfront.KerasTensor((None,), "int32")
    text, scores = ops.ctc_decode(inputs, lengths, "beam_search", top_paths=2)
    assert (text.shape, text.dtype, scores.shape, scores.dtype) == ((2, None, None), "int32", (None, 2), "float32")
    with pytest.raises(ArgumentError, match="top_paths"):
        ops.ctc_decode(LOGITS, LENGTHS, "beam_search", beam_width=2, top_paths=3)
    with pytest.raises(ArgumentError, match="strategy"):
        ops.ctc_decode(LOGITS, LENGTHS, "best")
