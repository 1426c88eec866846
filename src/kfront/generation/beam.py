"""Beam search."""

from __future__ import annotations

from kfront import ops
from kfront.core import tree
from kfront.core.errors import ArgumentError
from kfront.core.typing import Tensor
from kfront.generation.decoder import Decoder, Nest
from kfront.generation.samplers import Sampler, best_of

_NEVER = -1e9  # logarithm of the probability of what is not to be chosen


class Beam(Sampler):
    """The sequence of the highest probability that is found by following several at once.

    Of all continuations of `width` sequences the most probable ones are followed. Those that end go into a pool of
    `width` sequences, by their scores: the logarithm of the probability of what was added to the prompt, divided by
    ``length ** length_penalty``. A search is over when no sequence that is followed can get into the pool.

    Args:
        width: how many sequences are followed.
        length_penalty: more than 0 favours long sequences, less than 0 short ones.

    Raises:
        ArgumentError: if the width is not a positive int.

    Example:

    >>> import kfront
    >>> model = kfront.Sequential([kfront.Input((None,), dtype="int32"), kfront.layers.Embedding(5, 5)])
    >>> tokens = kfront.generation.generate(model, [[1]], max_length=4, sampler=kfront.generation.Beam(2), cache=False)
    >>> tokens.shape
    (1, 4)
    """

    name = "beam"

    def __init__(self, width: int = 4, length_penalty: float = 1.0) -> None:
        if not isinstance(width, int) or width < 1:
            raise ArgumentError(f"[Beam] expected `width` to be a positive int, got {width!r}.")
        self.width, self.length_penalty = width, float(length_penalty)

    def decode(self, decoder: Decoder, tokens: Tensor, lengths: Tensor, draws: Tensor) -> Tensor:
        """See `Sampler.decode`. The loop carries, besides, scores and pools (batch, width), and logits."""
        output, entries = decoder.begin(tokens, lengths)
        at, batch, width = decoder.place(lengths), decoder.plan.batch, self.width
        several = tree.map_structure(lambda x: ops.repeat(x, width, 0), [decoder.logits(output), entries])
        rows = ops.repeat(ops.expand_dims(tokens, 1), width, 1)
        scores = ops.repeat(ops.array([[0.0, *[_NEVER] * (width - 1)]], "float32"), batch, 0)
        done = ops.zeros((batch,), "bool")
        pool = rows, ops.full((batch, width), _NEVER, "float32"), ops.zeros((batch, width), "bool")
        carry = rows, at, done, scores, pool, lengths, *several

        def step(i: Tensor, carry: Nest) -> Nest:
            rows, at, done, scores, pool, beams, token = self._select(decoder, carry)
            entries = tree.map_structure(lambda x: ops.take(x, beams, axis=0), carry[-1])
            flat = ops.reshape(rows, (batch * width, -1))
            places = ops.repeat(carry[1], width, 0) if decoder.plan.ragged else carry[1]
            output, entries = decoder.next(flat, token, places, entries)
            return rows, at, done, scores, pool, carry[5], decoder.logits(output), entries

        carry = decoder.loop(step, carry, decoder.steps - 1, decoder.done)
        best, *_ = self._select(decoder, carry)[4]
        return best[:, 0]

    def _select(self, decoder: Decoder, carry: Nest) -> tuple[Nest, ...]:
        """Choose the next tokens: what is carried on, rows of the cache that they continue, and the tokens."""
        rows, at, done, scores, pool, lengths, logits, _ = carry
        batch, width = decoder.plan.batch, self.width
        chances = ops.reshape(ops.log_softmax(ops.cast(logits, "float32"), -1), (batch, width, -1))
        classes = chances.shape[-1]
        totals = ops.reshape(ops.add(chances, ops.expand_dims(scores, 2)), (batch, -1))
        totals, found = best_of(totals, 2 * width)
        beams, token = ops.floor_divide(found, classes), ops.cast(ops.mod(found, classes), "int32")
        place = ops.reshape(at, (-1, 1)) if decoder.plan.ragged else at
        here = ops.arange(decoder.plan.length, dtype="int32") == (ops.expand_dims(place, 2) if len(at.shape) else at)
        rows = ops.where(here, ops.expand_dims(token, 2), _rows_at(rows, beams))
        ends = ops.logical_or(decoder.ending(token), place >= decoder.plan.length - 1)
        made = ops.cast(
            place + 1 - (ops.reshape(lengths, (-1, 1)) if len(at.shape) else decoder.plan.prompt), "float32"
        )
        divisor = ops.power(made, self.length_penalty)
        pool = self._into_pool(pool, rows, ops.divide(totals, divisor), ends, done)
        scores, order = best_of(ops.where(ends, _NEVER, totals), width)
        hopeless = scores[:, :1] / divisor <= ops.where(pool[2], ops.min(pool[1], -1, keepdims=True), _NEVER)
        done = ops.logical_or(done, ops.all(hopeless, -1))
        beams, token, rows = _at(beams, order), _at(token, order), _rows_at(rows, order)
        first = ops.expand_dims(ops.arange(batch, dtype="int32") * width, 1)
        beams = ops.reshape(ops.cast(beams, "int32") + first, (-1,))
        return rows, decoder.further(at), done, scores, pool, beams, ops.reshape(token, (-1,))

    def _into_pool(self, pool: Nest, rows: Tensor, scores: Tensor, ends: Tensor, done: Tensor) -> tuple[Tensor, ...]:
        """The best of those in the pool and those that end now; only the first `width` continuations may."""
        enters = ops.logical_and(ends, ops.arange(2 * self.width) < self.width)
        enters = ops.logical_and(enters, ops.logical_not(ops.expand_dims(done, 1)))
        scores = ops.where(enters, scores, _NEVER)
        kept, order = best_of(ops.concatenate([pool[1], scores], 1), self.width)
        rows = _rows_at(ops.concatenate([pool[0], rows], 1), order)
        return rows, kept, _at(ops.concatenate([pool[2], enters], 1), order)


def _at(x: Tensor, places: Tensor) -> Tensor:
    return ops.take_along_axis(x, places, 1)


def _rows_at(rows: Tensor, places: Tensor) -> Tensor:
    """Of rows (batch, n, length) those at places (batch, m)."""
    return ops.take_along_axis(rows, ops.expand_dims(places, 2), 1)
