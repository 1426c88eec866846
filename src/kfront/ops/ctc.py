"""Connectionist temporal classification: loss and decoding (Graves et al., ICML 2006)."""

from __future__ import annotations

import math
from typing import Any

from kfront.core.dtypes import result_type, to_float
from kfront.core.errors import ArgumentError, ShapeError
from kfront.core.op import op
from kfront.core.shapes import shape_of
from kfront.core.typing import Tensor, TensorLike
from kfront.ops.control import scan
from kfront.ops.creation import full_like, ones_like, zeros_like
from kfront.ops.primitives.arithmetic import add, floor_divide, logaddexp, maximum, mod, multiply, negative, subtract
from kfront.ops.primitives.creation import arange
from kfront.ops.primitives.dtypes import cast, dtype_of
from kfront.ops.primitives.indexing import get_item, take_along_axis, where
from kfront.ops.primitives.linalg import matmul
from kfront.ops.primitives.logic import (
    bitwise_xor,
    equal,
    greater,
    greater_equal,
    less,
    logical_and,
    logical_not,
    not_equal,
)
from kfront.ops.primitives.nn import log_softmax
from kfront.ops.primitives.reductions import all as all_
from kfront.ops.primitives.reductions import argmax, logsumexp, max, sum
from kfront.ops.primitives.shapes import broadcast_to, concatenate, dim, expand_dims, pad, reshape, stack, transpose
from kfront.ops.primitives.sorting import argsort, top_k

_NEVER = -1e30  # log of a probability of 0; finite, so that gradients stay finite


def _loss_rule(target: object, output: Tensor, target_length: object, output_length: object) -> tuple[object, object]:
    d = to_float(result_type(output))
    return ("int32", d, "int32", "int32"), d


def _shifted(x: TensorLike, steps: int) -> Tensor:
    """`x` moved right along the last axis, filled with log 0."""
    return pad(get_item(x, (..., slice(None, -steps))), ((0, 0), (steps, 0)), "constant", _NEVER)


@op(4, _loss_rule, fuse=True, home="nn", class_name="CTCLoss")
def ctc_loss(
    target: Tensor, output: Tensor, target_length: TensorLike, output_length: TensorLike, mask_index: int = 0
) -> Tensor:
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

    Example:

    >>> from kfront import ops
    >>> tuple(ops.ctc_loss([[1, 2]], ops.zeros((1, 4, 3)), [2], [4]).shape)
    (1,)
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
    may_skip = not_equal(labels, before)  # a blank is two places behind a blank, unless it is a label itself
    spot = arange(places)
    start = where(less(spot, 2), get_item(logs, (slice(None), 0)), _NEVER)

    def step(alpha: TensorLike, item: Any) -> tuple[Tensor, None]:
        log, t = item
        skipped = where(may_skip, _shifted(alpha, 2), _NEVER)
        new = add(logsumexp(stack([alpha, _shifted(alpha, 1), skipped], 0), 0), log)
        alpha = where(expand_dims(less(t, output_length), 1), maximum(new, _NEVER), alpha)
        return alpha, None

    rest = transpose(get_item(logs, (slice(None), slice(1, None))), (1, 0, 2))
    alpha, _ = scan(step, start, (rest, arange(1, steps)))
    return cast(_end(alpha, target_length), kind)


def _with_blanks(target: TensorLike, blank: int) -> Tensor:
    """(blank, first, blank, second, …, blank)."""
    gaps = add(multiply(target, 0), blank)
    pairs = stack([gaps, target], 2)
    line = reshape(pairs, (dim(target, 0), -1))
    return pad(line, ((0, 0), (0, 1)), "constant", blank)


def _end(alpha: TensorLike, target_length: TensorLike) -> Tensor:
    last = expand_dims(multiply(target_length, 2), 1)
    at_blank = take_along_axis(alpha, last, 1)
    at_label = take_along_axis(alpha, maximum(subtract(last, 1), 0), 1)
    total = logsumexp(stack([at_blank, where(greater(last, 0), at_label, _NEVER)], 0), 0)
    total = get_item(total, (..., 0))
    return where(less(total, _NEVER / 2), math.inf, negative(total))


@op(2, home="nn", class_name="CTCDecode")
def ctc_decode(
    inputs: Tensor,
    sequence_lengths: TensorLike,
    strategy: str = "greedy",
    beam_width: int = 100,
    top_paths: int = 1,
    merge_repeated: bool = True,
    mask_index: int | None = 0,
) -> tuple[Tensor, Tensor]:
    """Class sequences from the output of a network.

    Args:
        inputs: logits, tensor of shape (batch, steps, classes).
        sequence_lengths: integer tensor of shape (batch,): how many steps count.
        strategy: "greedy" (the best class of each step), or "beam_search" (the most probable sequences, each with all
            paths that yield it).
        beam_width: number of candidates that the beam search keeps after each step.
        top_paths: number of results of the beam search.
        merge_repeated: whether, for "greedy", repeated classes without a blank in between count once. In the beam
            search they always do, as paths yield sequences in this way.
        mask_index: number of the blank class; None for the last class.

    Returns:
        Tuple (decoded, scores), decoded int32 and filled up with -1. For "greedy" the shapes are (1, batch, steps) and
        (batch, 1), the score being minus the sum of the largest logits of the steps that count. For "beam_search" they
        are (top_paths, batch, steps) and (batch, top_paths), best first, the score being the log of the probability.

    Raises:
        ArgumentError: for an unknown `strategy`, or more paths than the beam is wide.

    Reference:
        Graves and Jaitly, "Towards End-to-End Speech Recognition with Recurrent Neural Networks", ICML 2014.

    Example:

    >>> from kfront import ops
    >>> decoded, scores = ops.ctc_decode(ops.array([[[0.0, 9.0], [9.0, 0.0], [0.0, 9.0]]]), [3])
    >>> ops.convert_to_numpy(decoded).tolist()
    [[[1, 1, -1]]]
    """
    if strategy not in ("greedy", "beam_search"):
        raise ArgumentError(f"[ctc_decode] expected `strategy` 'greedy' or 'beam_search', got {strategy!r}.")
    blank: int = inputs.shape[-1] - 1 if mask_index is None else mask_index
    if strategy == "greedy":
        return _greedy(inputs, sequence_lengths, merge_repeated, blank)
    if not 1 <= top_paths <= beam_width:
        raise ArgumentError(f"[ctc_decode] expected `top_paths` from 1 to `beam_width`, got {top_paths}, {beam_width}.")
    return _beam_search(inputs, sequence_lengths, beam_width, top_paths, blank)


@op(2, name="ctc_greedy_decode")
def _greedy(
    inputs: TensorLike, sequence_lengths: TensorLike, merge_repeated: bool, mask_index: int
) -> tuple[Tensor, Tensor]:
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


_HASHES = (0x3C6EF35F, 0x19660D), (0x5BD1E995, 0x1000193)


def _numbers(before: TensorLike, symbol: TensorLike) -> Tensor:
    """The numbers of prefixes, 64 bits as two halves along the last axis, after another class."""
    parts = [
        multiply(bitwise_xor(get_item(before, (..., i)), multiply(add(symbol, 1), a)), b)
        for i, (a, b) in enumerate(_HASHES)
    ]
    return stack(parts, -1)


def _extended(beam: tuple[Tensor, ...], log: TensorLike, blank: int) -> tuple[Tensor, Tensor, Tensor]:
    """One more step: log probabilities of the prefixes as they are (ending in a blank, or not), and with each class."""
    in_blank, in_class, _, _, last, _ = beam
    total = logaddexp(in_blank, in_class)
    width, classes = shape_of(last)[1], dim(log, 1)
    repeat = equal(expand_dims(last, 2), arange(classes))
    rows = expand_dims(log, 1)
    longer = add(where(repeat, expand_dims(in_blank, 2), expand_dims(total, 2)), rows)
    longer = where(equal(arange(classes), blank), _NEVER, longer)
    rows = broadcast_to(rows, [dim(log, 0), width, classes])
    again = get_item(take_along_axis(rows, expand_dims(maximum(last, 0), 2), 2), (..., 0))
    stay = add(total, get_item(log, (slice(None), slice(blank, blank + 1))))
    return stay, add(in_class, again), longer


def _merged(beam: tuple[Tensor, ...], stay_class: TensorLike, longer: TensorLike) -> tuple[Tensor, Tensor]:
    """A prefix made longer that is in the beam already counts there."""
    in_blank, in_class, _, count, last, number = beam
    alive = greater(logaddexp(in_blank, in_class), _NEVER / 2)
    made = _numbers(expand_dims(number, 2), expand_dims(last, 1))  # (batch, from, to, 2)
    same = all_(equal(made, expand_dims(number, 1)), -1)
    same = logical_and(same, equal(add(expand_dims(count, 2), 1), expand_dims(count, 1)))
    same = logical_and(same, logical_and(expand_dims(alive, 2), expand_dims(alive, 1)))
    width, classes = shape_of(last)[1], dim(longer, 2)
    to = broadcast_to(expand_dims(maximum(last, 0), 1), [dim(last, 0), width, width])
    gained = max(where(same, take_along_axis(longer, to, 2), _NEVER), 1)
    kind = dtype_of(longer)
    hit = equal(expand_dims(last, 2), arange(classes))
    moved = greater(matmul(cast(same, kind), cast(hit, kind)), 0.5)
    return logaddexp(stay_class, gained), where(moved, _NEVER, longer)


def _best(
    beam: tuple[Tensor, ...], stay_blank: TensorLike, stay_class: TensorLike, longer: TensorLike
) -> tuple[Tensor, ...]:
    """The most probable of all prefixes, kept and made longer."""
    _, _, text, count, last, number = beam
    width, classes, steps = dim(last, 1), dim(longer, 2), dim(text, 2)
    stay = logaddexp(stay_blank, stay_class)
    scores = concatenate([stay, reshape(longer, (dim(longer, 0), -1))], 1)
    found, index = top_k(scores, width)
    index = cast(index, "int32")
    is_longer = greater_equal(index, width)
    place = subtract(index, width)
    source = where(is_longer, floor_divide(maximum(place, 0), classes), index)
    symbol = mod(maximum(place, 0), classes)

    def rows(x: TensorLike) -> Any:
        return take_along_axis(x, source, 1)

    def rows3(x: TensorLike) -> Tensor:
        return take_along_axis(x, broadcast_to(expand_dims(source, 2), [dim(source, 0), width, dim(x, 2)]), 1)

    text, count, last, number = rows3(text), rows(count), rows(last), rows3(number)
    here = logical_and(expand_dims(is_longer, 2), equal(arange(steps), expand_dims(count, 2)))
    return (
        where(is_longer, _NEVER, rows(stay_blank)),
        where(is_longer, found, rows(stay_class)),
        where(here, expand_dims(symbol, 2), text),
        add(count, cast(is_longer, "int32")),
        where(is_longer, symbol, last),
        where(expand_dims(is_longer, 2), _numbers(number, symbol), number),
    )


@op(2, name="ctc_beam_decode", fuse=True)
def _beam_search(
    inputs: TensorLike, sequence_lengths: TensorLike, beam_width: int, top_paths: int, mask_index: int
) -> tuple[Tensor, Tensor]:
    kind, batch, steps = dtype_of(inputs), dim(inputs, 0), dim(inputs, 1)
    logs = log_softmax(cast(inputs, "float32") if kind in ("float16", "bfloat16") else inputs, -1)
    lengths = cast(sequence_lengths, "int32")
    places = broadcast_to(arange(beam_width), [batch, beam_width])
    never = full_like(cast(places, dtype_of(logs)), _NEVER)
    none = full_like(places, -1)
    text = broadcast_to(expand_dims(none, 2), [batch, beam_width, steps])
    number = broadcast_to(expand_dims(zeros_like(places), 2), [batch, beam_width, 2])
    beam = (where(equal(places, 0), 0.0, never), never, text, zeros_like(places), none, number)

    def step(beam: tuple[Tensor, ...], item: Any) -> tuple[tuple[Tensor, ...], None]:
        log, t = item
        stay_blank, stay_class, longer = _extended(beam, log, mask_index)
        stay_class, longer = _merged(beam, stay_class, longer)
        new = _best(beam, *(maximum(x, _NEVER) for x in (stay_blank, stay_class, longer)))
        counts = less(t, lengths)
        flags = [reshape(counts, [batch, *[1] * (len(x.shape) - 1)]) for x in new]
        return tuple(where(f, a, b) for f, a, b in zip(flags, new, beam, strict=True)), None

    (in_blank, in_class, text, *_), _ = scan(step, beam, (transpose(logs, (1, 0, 2)), arange(steps)))
    total = get_item(logaddexp(in_blank, in_class), (slice(None), slice(None, top_paths)))
    impossible = less(total, _NEVER / 2)
    text = where(expand_dims(impossible, 2), -1, get_item(text, (slice(None), slice(None, top_paths))))
    return transpose(text, (1, 0, 2)), cast(where(impossible, -math.inf, total), kind)
