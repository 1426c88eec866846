"""Connectionist temporal classification: loss and decoding (Graves et al., ICML 2006)."""

from __future__ import annotations

import math
from typing import Any

from kfront.core.dtypes import result_type, to_float
from kfront.core.errors import ArgumentError, ShapeError, UnsupportedError
from kfront.core.op import op
from kfront.ops.arithmetic import add, logaddexp, maximum, multiply, subtract
from kfront.ops.control import scan
from kfront.ops.create import arange, ones_like
from kfront.ops.elementwise import cast, dtype_of, negative
from kfront.ops.index import get_item, take_along_axis
from kfront.ops.logic import greater, less, logical_and, logical_not, not_equal, where
from kfront.ops.nn_activation import log_softmax
from kfront.ops.reduce import argmax, argsort, max, sum
from kfront.ops.shape import broadcast_to, concatenate, dim, expand_dims, pad, reshape, stack, transpose

__all__ = ["ctc_decode", "ctc_loss"]

_NEVER = -1e30  # log of a probability of 0; finite, so that gradients stay finite


def _loss_rule(target: Any, output: Any, target_length: Any, output_length: Any) -> tuple[Any, Any]:
    d = to_float(result_type(output))
    return ("int32", d, "int32", "int32"), d


def _shifted(x: Any, steps: int) -> Any:
    """`x` moved right along the last axis, filled with log 0."""
    return pad(get_item(x, (..., slice(None, -steps))), ((0, 0), (steps, 0)), "constant", _NEVER)


@op(4, _loss_rule)
def ctc_loss(target: Any, output: Any, target_length: Any, output_length: Any, mask_index: int = 0) -> Any:
    """-log of the probability of all paths that yield the target.

    Args:
        target: class numbers, integer tensor of shape (batch, target steps).
        output: logits, tensor of shape (batch, steps, classes); halves are computed in float32.
        target_length: integer tensor of shape (batch,): how many class numbers count.
        output_length: integer tensor of shape (batch,): how many steps count.
        mask_index: number of the blank class.

    Returns:
        tensor of shape (batch,), in the dtype of `output`; inf where no path exists.

    Raises:
        ShapeError: if the ranks do not fit.
    """
    if len(target.shape) != 2 or len(output.shape) != 3:
        raise ShapeError(
            f"[ctc_loss] expected `target` (batch, target steps) and `output` (batch, steps, classes), "
            f"got {tuple(target.shape)} and {tuple(output.shape)}."
        )
    labels = _with_blanks(target, mask_index)
    places, steps = dim(labels, 1), dim(output, 1)
    kind = dtype_of(output)
    logs = log_softmax(cast(output, "float32") if kind in ("float16", "bfloat16") else output, -1)
    logs = take_along_axis(logs, broadcast_to(expand_dims(labels, 1), [dim(output, 0), steps, places]), 2)
    before = pad(get_item(labels, (..., slice(None, -2))), ((0, 0), (2, 0)), "constant", mask_index)
    may_skip = logical_and(not_equal(labels, mask_index), not_equal(labels, before))
    spot = arange(places)
    start = where(less(spot, 2), get_item(logs, (slice(None), 0)), _NEVER)

    def step(alpha: Any, item: Any) -> Any:
        log, t = item
        stay = logaddexp(alpha, _shifted(alpha, 1))
        new = add(where(may_skip, logaddexp(stay, _shifted(alpha, 2)), stay), log)
        alpha = where(expand_dims(less(t, output_length), 1), maximum(new, _NEVER), alpha)
        return alpha, None

    rest = transpose(get_item(logs, (slice(None), slice(1, None))), (1, 0, 2))
    alpha, _ = scan(step, start, (rest, arange(1, steps)))
    return cast(_end(alpha, target_length), kind)


def _with_blanks(target: Any, blank: int) -> Any:
    """(blank, first, blank, second, …, blank)."""
    gaps = add(multiply(target, 0), blank)
    pairs = stack([gaps, target], 2)
    line = reshape(pairs, (dim(target, 0), -1))
    return pad(line, ((0, 0), (0, 1)), "constant", blank)


def _end(alpha: Any, target_length: Any) -> Any:
    last = expand_dims(multiply(target_length, 2), 1)
    at_blank = take_along_axis(alpha, last, 1)
    at_label = take_along_axis(alpha, maximum(subtract(last, 1), 0), 1)
    total = where(greater(last, 0), logaddexp(at_blank, at_label), at_blank)
    total = get_item(total, (..., 0))
    return where(less(total, _NEVER / 2), math.inf, negative(total))


def ctc_decode(
    inputs: Any,
    sequence_lengths: Any,
    strategy: str = "greedy",
    beam_width: int = 100,
    top_paths: int = 1,
    merge_repeated: bool = True,
    mask_index: int = 0,
) -> tuple[Any, Any]:
    """Class sequences from the output of a network.

    Args:
        inputs: logits, tensor of shape (batch, steps, classes).
        sequence_lengths: integer tensor of shape (batch,): how many steps count.
        strategy: "greedy" (the best class of each step); "beam_search" is not available.
        beam_width: number of candidates of the beam search.
        top_paths: number of results of the beam search.
        merge_repeated: whether repeated classes without a blank in between count once.
        mask_index: number of the blank class.

    Returns:
        Tuple (decoded, scores): int32 of shape (1, batch, steps), filled up with -1, and minus the sum of the largest
        logits of the steps that count, of shape (batch, 1).

    Raises:
        ArgumentError: for an unknown `strategy`.
        UnsupportedError: for the beam search.
    """
    if strategy not in ("greedy", "beam_search"):
        raise ArgumentError(f"[ctc_decode] expected `strategy` 'greedy' or 'beam_search', got {strategy!r}.")
    if strategy == "beam_search":
        raise UnsupportedError("[ctc_decode] expected strategy='greedy', got 'beam_search', which is not available.")
    return _greedy(inputs, sequence_lengths, merge_repeated, mask_index)


@op(2, name="ctc_greedy_decode")
def _greedy(inputs: Any, sequence_lengths: Any, merge_repeated: bool, mask_index: int) -> Any:
    steps = dim(inputs, 1)
    best = argmax(inputs, -1)
    counts = less(arange(steps), expand_dims(cast(sequence_lengths, "int32"), 1))
    scores = negative(sum(where(counts, max(inputs, -1), 0.0), -1, True))
    keep = logical_and(counts, not_equal(best, mask_index))
    if merge_repeated:
        first = ones_like(get_item(best, (slice(None), slice(None, 1))), "bool")
        now, before = (get_item(best, (slice(None), s)) for s in (slice(1, None), slice(None, -1)))
        keep = logical_and(keep, concatenate([first, not_equal(now, before)], 1))
    order = argsort(cast(logical_not(keep), "int32"), 1)  # stable: what is kept moves to the front
    moved = take_along_axis(where(keep, best, -1), order, 1)
    return expand_dims(moved, 0), scores
