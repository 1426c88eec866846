"""A model that is asked for one token after the other: what samplers work with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

from kfront import ops
from kfront.core import tree
from kfront.core.errors import ShapeError
from kfront.core.state import state
from kfront.core.typing import Tensor
from kfront.layers.attention_cache import Cache

Nest: TypeAlias = Any  # nested tensors, in a structure that the model or the sampler knows


class Plan(NamedTuple):
    """What a compiled loop is made for.

    Attributes:
        batch: number of sequences.
        prompt: length that prompts are padded to.
        shortest: length of the shortest prompt; `prompt` if they have one length.
        length: length of the result.
        stop: tokens that end a sequence.
        pad: token that fills up what is behind the end.
        cached: whether the model keeps keys and values, rather than seeing all tokens again each time.
    """

    batch: int
    prompt: int
    shortest: int
    length: int
    stop: tuple[int, ...]
    pad: int
    cached: bool

    @property
    def ragged(self) -> bool:
        """Whether prompts have different lengths, so that each sequence has a place of its own."""
        return self.shortest < self.prompt


class Decoder:
    """A model and what is wanted of it.

    `begin` and `next` give the model's output for one token of each sequence: logits (batch, classes), or a tuple that
    begins with them. Beside it they give the *entries* of the cache, nested tensors whose first axis is the batch.

    Args:
        model: takes tokens (batch, length), gives logits (batch, length, classes).
        plan: what is wanted.
        loop: see `Backend.decode_loop`.
    """

    def __init__(self, model: Callable[..., Nest], plan: Plan, loop: Callable[..., Nest]) -> None:
        self.model, self.plan, self._loop = model, plan, loop
        self.steps = plan.length - plan.shortest
        self.ends = bool(plan.stop) or plan.ragged  # whether some sequences may be done before others

    # -- the model ----------------------------------------------------------------------------------------------------

    def begin(self, tokens: Tensor, lengths: Tensor, whole: bool = False) -> tuple[Nest, ...]:
        """Output for the last token of each prompt, entries, and if `whole` the output for all tokens."""
        plan = self.plan
        at = lengths - 1 if plan.ragged else plan.prompt - 1
        cache = Cache(plan.length, lengths if plan.ragged else None)
        if plan.cached:
            with cache:
                output = self._call(tokens[:, : plan.prompt])
        else:
            output = self._call(tokens)
        return (self._rows(output, at), cache.entries, output)[: 2 + whole]

    def next(self, tokens: Tensor, token: Tensor, at: Tensor, entries: Nest) -> tuple[Nest, Nest]:
        """Output for the token (batch,) at its place, a scalar or (batch,), and the entries with it."""
        if not self.plan.cached:
            return self._rows(self._call(tokens), at), entries
        cache = Cache(self.plan.length)
        cache.start, cache.entries = at, [list(entry) for entry in entries]
        with cache:
            output = self._call(ops.expand_dims(token, 1))
        return self._rows(output, 0), cache.entries

    def _call(self, tokens: Tensor) -> Nest:
        outer, state.training = state.training, False
        try:
            return self.model(tokens)
        finally:
            state.training = outer

    def _rows(self, output: Nest, at: int | Tensor) -> Nest:
        """Of each sequence the vector at a place: an int, a scalar or (batch,)."""

        def row(x: Tensor) -> Tensor:
            if isinstance(at, int):
                return x[:, at]
            if len(at.shape) == 0:
                return ops.take(x, ops.reshape(at, (1,)), axis=1)[:, 0]
            return ops.take_along_axis(x, ops.reshape(at, (-1, 1, 1)), 1)[:, 0]

        return tree.map_structure(row, output)

    def logits(self, output: Nest) -> Tensor:
        """The logits among a model's outputs."""
        found = output[0] if isinstance(output, (tuple, list)) else output
        if len(getattr(found, "shape", ())) != 2:
            raise ShapeError(
                "[generate] expected a model that gives logits of shape (batch, length, classes), or a tuple that "
                f"begins with them, got {type(output).__name__} with {getattr(found, 'shape', '')} for one token."
            )
        return found

    # -- one token after the other ------------------------------------------------------------------------------------

    def place(self, lengths: Tensor) -> Tensor:
        """The place of the first new token: a scalar, or (batch,) if the prompts have different lengths."""
        return lengths if self.plan.ragged else ops.convert_to_tensor(self.plan.prompt, "int32")

    def write(self, tokens: Tensor, at: Tensor, done: Tensor, token: Tensor) -> tuple[Tensor, Tensor]:
        """(tokens with one put in at its place where a sequence is not done, which sequences are done with it)."""
        place = ops.expand_dims(at, -1) if self.plan.ragged else at
        here = ops.expand_dims(ops.arange(self.plan.length, dtype="int32"), 0) == place
        if self.ends:
            here = ops.logical_and(here, ops.expand_dims(ops.logical_not(done), 1))
            done = ops.logical_or(done, self.ending(token))
        if self.plan.ragged:
            done = ops.logical_or(done, at >= self.plan.length - 1)
        return ops.where(here, ops.expand_dims(token, 1), tokens), done

    def ending(self, token: Tensor) -> Tensor:
        """Whether a token ends its sequence."""
        out = ops.zeros_like(token, dtype="bool")
        for stop in self.plan.stop:
            out = ops.logical_or(out, ops.equal(token, stop))
        return out

    def further(self, at: Tensor) -> Tensor:
        """The place after `at`."""
        return ops.minimum(at + 1, self.plan.length - 1) if self.plan.ragged else at + 1

    @staticmethod
    def done(carry: tuple[Nest, ...]) -> Tensor:
        """Which sequences are done, of what a step carries on."""
        return carry[2]

    def loop(
        self,
        step: Callable[[Nest, Nest], Nest],
        carry: Nest,
        count: int,
        finished: Callable[[Nest], Tensor] | None,
        start: int | Tensor = 0,
    ) -> Nest:
        """`carry` after a number of steps, fewer if all sequences are done; a decoder has one `step`."""
        return self._loop(step, carry, count, finished if self.ends else None, start)
