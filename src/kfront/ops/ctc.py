"""Connectionist temporal classification: loss and decoding (Graves et al., ICML 2006)."""

from __future__ import annotations

import math
from typing import Any

from kfront.core.dtypes import result_type, to_float
from kfront.core.errors import ArgumentError, ShapeError
from kfront.core.op import op
from kfront.core.shapes import shape_of
from kfront.core.typing import Tensor, TensorLike
from kfront.ops import primitives as p
from kfront.ops.control import scan
from kfront.ops.creation import full_like, ones_like, zeros_like

_NEVER = -1e30  # log of a probability of 0; finite, so that gradients stay finite


def _loss_rule(target: object, output: Tensor, target_length: object, output_length: object) -> tuple[object, object]:
    d = to_float(result_type(output))
    return ("int32", d, "int32", "int32"), d


def _shifted(x: TensorLike, steps: int) -> Tensor:
    """`x` moved right along the last axis, filled with log 0."""
    return p.pad(p.get_item(x, (..., slice(None, -steps))), ((0, 0), (steps, 0)), "constant", _NEVER)


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
    places, steps = p.dim(labels, 1), p.dim(output, 1)
    kind = p.dtype_of(output)
    logs = p.log_softmax(p.cast(output, "float32") if kind in ("float16", "bfloat16") else output, -1)
    logs = p.take_along_axis(logs, p.broadcast_to(p.expand_dims(labels, 1), [p.dim(output, 0), steps, places]), 2)
    before = p.pad(p.get_item(labels, (..., slice(None, -2))), ((0, 0), (2, 0)), "constant", mask_index)
    may_skip = p.not_equal(labels, before)  # a blank is two places behind a blank, unless it is a label itself
    spot = p.arange(places)
    start = p.where(p.less(spot, 2), p.get_item(logs, (slice(None), 0)), _NEVER)

    def step(alpha: TensorLike, item: Any) -> tuple[Tensor, None]:
        log, t = item
        skipped = p.where(may_skip, _shifted(alpha, 2), _NEVER)
        new = p.add(p.logsumexp(p.stack([alpha, _shifted(alpha, 1), skipped], 0), 0), log)
        alpha = p.where(p.expand_dims(p.less(t, output_length), 1), p.maximum(new, _NEVER), alpha)
        return alpha, None

    rest = p.transpose(p.get_item(logs, (slice(None), slice(1, None))), (1, 0, 2))
    alpha, _ = scan(step, start, (rest, p.arange(1, steps)))
    return p.cast(_end(alpha, target_length), kind)


def _with_blanks(target: TensorLike, blank: int) -> Tensor:
    """(blank, first, blank, second, …, blank)."""
    gaps = p.add(p.multiply(target, 0), blank)
    pairs = p.stack([gaps, target], 2)
    line = p.reshape(pairs, (p.dim(target, 0), -1))
    return p.pad(line, ((0, 0), (0, 1)), "constant", blank)


def _end(alpha: TensorLike, target_length: TensorLike) -> Tensor:
    last = p.expand_dims(p.multiply(target_length, 2), 1)
    at_blank = p.take_along_axis(alpha, last, 1)
    at_label = p.take_along_axis(alpha, p.maximum(p.subtract(last, 1), 0), 1)
    total = p.logsumexp(p.stack([at_blank, p.where(p.greater(last, 0), at_label, _NEVER)], 0), 0)
    total = p.get_item(total, (..., 0))
    return p.where(p.less(total, _NEVER / 2), math.inf, p.negative(total))


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
    steps = p.dim(inputs, 1)
    best = p.argmax(inputs, -1)
    counts = p.less(p.arange(steps), p.expand_dims(p.cast(sequence_lengths, "int32"), 1))
    scores = p.negative(p.sum(p.where(counts, p.max(inputs, -1), 0.0), -1, True))
    keep = p.logical_and(counts, p.not_equal(best, mask_index))
    if merge_repeated:
        first = ones_like(p.get_item(best, (slice(None), slice(None, 1))), "bool")
        now, before = (p.get_item(best, (slice(None), s)) for s in (slice(1, None), slice(None, -1)))
        keep = p.logical_and(keep, p.concatenate([first, p.not_equal(now, before)], 1))
    order = p.argsort(p.cast(p.logical_not(keep), "int32"), 1)  # stable: what is kept moves to the front
    moved = p.take_along_axis(p.where(keep, best, -1), order, 1)
    return p.expand_dims(moved, 0), scores


_HASHES = (0x3C6EF35F, 0x19660D), (0x5BD1E995, 0x1000193)


def _numbers(before: TensorLike, symbol: TensorLike) -> Tensor:
    """The numbers of prefixes, 64 bits as two halves along the last axis, after another class."""
    parts = [
        p.multiply(p.bitwise_xor(p.get_item(before, (..., i)), p.multiply(p.add(symbol, 1), a)), b)
        for i, (a, b) in enumerate(_HASHES)
    ]
    return p.stack(parts, -1)


def _extended(beam: tuple[Tensor, ...], log: TensorLike, blank: int) -> tuple[Tensor, Tensor, Tensor]:
    """One more step: log probabilities of the prefixes as they are (ending in a blank, or not), and with each class."""
    in_blank, in_class, _, _, last, _ = beam
    total = p.logaddexp(in_blank, in_class)
    width, classes = shape_of(last)[1], p.dim(log, 1)
    repeat = p.equal(p.expand_dims(last, 2), p.arange(classes))
    rows = p.expand_dims(log, 1)
    longer = p.add(p.where(repeat, p.expand_dims(in_blank, 2), p.expand_dims(total, 2)), rows)
    longer = p.where(p.equal(p.arange(classes), blank), _NEVER, longer)
    rows = p.broadcast_to(rows, [p.dim(log, 0), width, classes])
    again = p.get_item(p.take_along_axis(rows, p.expand_dims(p.maximum(last, 0), 2), 2), (..., 0))
    stay = p.add(total, p.get_item(log, (slice(None), slice(blank, blank + 1))))
    return stay, p.add(in_class, again), longer


def _merged(beam: tuple[Tensor, ...], stay_class: TensorLike, longer: TensorLike) -> tuple[Tensor, Tensor]:
    """A prefix made longer that is in the beam already counts there."""
    in_blank, in_class, _, count, last, number = beam
    alive = p.greater(p.logaddexp(in_blank, in_class), _NEVER / 2)
    made = _numbers(p.expand_dims(number, 2), p.expand_dims(last, 1))  # (batch, from, to, 2)
    same = p.all(p.equal(made, p.expand_dims(number, 1)), -1)
    same = p.logical_and(same, p.equal(p.add(p.expand_dims(count, 2), 1), p.expand_dims(count, 1)))
    same = p.logical_and(same, p.logical_and(p.expand_dims(alive, 2), p.expand_dims(alive, 1)))
    width, classes = shape_of(last)[1], p.dim(longer, 2)
    to = p.broadcast_to(p.expand_dims(p.maximum(last, 0), 1), [p.dim(last, 0), width, width])
    gained = p.max(p.where(same, p.take_along_axis(longer, to, 2), _NEVER), 1)
    kind = p.dtype_of(longer)
    hit = p.equal(p.expand_dims(last, 2), p.arange(classes))
    moved = p.greater(p.matmul(p.cast(same, kind), p.cast(hit, kind)), 0.5)
    return p.logaddexp(stay_class, gained), p.where(moved, _NEVER, longer)


def _best(
    beam: tuple[Tensor, ...], stay_blank: TensorLike, stay_class: TensorLike, longer: TensorLike
) -> tuple[Tensor, ...]:
    """The most probable of all prefixes, kept and made longer."""
    _, _, text, count, last, number = beam
    width, classes, steps = p.dim(last, 1), p.dim(longer, 2), p.dim(text, 2)
    stay = p.logaddexp(stay_blank, stay_class)
    scores = p.concatenate([stay, p.reshape(longer, (p.dim(longer, 0), -1))], 1)
    found, index = p.top_k(scores, width)
    index = p.cast(index, "int32")
    is_longer = p.greater_equal(index, width)
    place = p.subtract(index, width)
    source = p.where(is_longer, p.floor_divide(p.maximum(place, 0), classes), index)
    symbol = p.mod(p.maximum(place, 0), classes)

    def rows(x: TensorLike) -> Any:
        return p.take_along_axis(x, source, 1)

    def rows3(x: TensorLike) -> Tensor:
        return p.take_along_axis(x, p.broadcast_to(p.expand_dims(source, 2), [p.dim(source, 0), width, p.dim(x, 2)]), 1)

    text, count, last, number = rows3(text), rows(count), rows(last), rows3(number)
    here = p.logical_and(p.expand_dims(is_longer, 2), p.equal(p.arange(steps), p.expand_dims(count, 2)))
    return (
        p.where(is_longer, _NEVER, rows(stay_blank)),
        p.where(is_longer, found, rows(stay_class)),
        p.where(here, p.expand_dims(symbol, 2), text),
        p.add(count, p.cast(is_longer, "int32")),
        p.where(is_longer, symbol, last),
        p.where(p.expand_dims(is_longer, 2), _numbers(number, symbol), number),
    )


@op(2, name="ctc_beam_decode", fuse=True)
def _beam_search(
    inputs: TensorLike, sequence_lengths: TensorLike, beam_width: int, top_paths: int, mask_index: int
) -> tuple[Tensor, Tensor]:
    kind, batch, steps = p.dtype_of(inputs), p.dim(inputs, 0), p.dim(inputs, 1)
    logs = p.log_softmax(p.cast(inputs, "float32") if kind in ("float16", "bfloat16") else inputs, -1)
    lengths = p.cast(sequence_lengths, "int32")
    places = p.broadcast_to(p.arange(beam_width), [batch, beam_width])
    never = full_like(p.cast(places, p.dtype_of(logs)), _NEVER)
    none = full_like(places, -1)
    text = p.broadcast_to(p.expand_dims(none, 2), [batch, beam_width, steps])
    number = p.broadcast_to(p.expand_dims(zeros_like(places), 2), [batch, beam_width, 2])
    beam = (p.where(p.equal(places, 0), 0.0, never), never, text, zeros_like(places), none, number)

    def step(beam: tuple[Tensor, ...], item: Any) -> tuple[tuple[Tensor, ...], None]:
        log, t = item
        stay_blank, stay_class, longer = _extended(beam, log, mask_index)
        stay_class, longer = _merged(beam, stay_class, longer)
        new = _best(beam, *(p.maximum(x, _NEVER) for x in (stay_blank, stay_class, longer)))
        counts = p.less(t, lengths)
        flags = [p.reshape(counts, [batch, *[1] * (len(x.shape) - 1)]) for x in new]
        return tuple(p.where(f, a, b) for f, a, b in zip(flags, new, beam, strict=True)), None

    (in_blank, in_class, text, *_), _ = scan(step, beam, (p.transpose(logs, (1, 0, 2)), p.arange(steps)))
    total = p.get_item(p.logaddexp(in_blank, in_class), (slice(None), slice(None, top_paths)))
    impossible = p.less(total, _NEVER / 2)
    text = p.where(p.expand_dims(impossible, 2), -1, p.get_item(text, (slice(None), slice(None, top_paths))))
    return p.transpose(text, (1, 0, 2)), p.cast(p.where(impossible, -math.inf, total), kind)
