"""Contrastive search."""

from __future__ import annotations

from kfront import ops
from kfront.core import tree
from kfront.core.errors import ArgumentError
from kfront.core.typing import Tensor
from kfront.generation.decoder import Decoder, Nest
from kfront.generation.samplers import Sampler, best_of


class Contrastive(Sampler):
    """The probable token whose vector is least like those of the tokens before (Su et al., 2022, arXiv:2202.06417).

    Of the `k` most probable tokens that one is chosen whose probability times ``1 - alpha``, less `alpha` times the
    greatest cosine between its hidden vector and one of a token before, is the greatest. The model gives a tuple
    (logits, hidden vectors), the vectors of shape (batch, length, features): what its last layer gets, as a rule.

    Args:
        k: how many tokens are tried; the model computes all of them.
        alpha: weight of the likeness, in [0, 1].

    Raises:
        ArgumentError: if an argument is out of its range, or the model gives no hidden vectors.

    Example:

    >>> import kfront
    >>> inputs = kfront.Input((None,), dtype="int32")
    >>> hidden = kfront.layers.Embedding(5, 8)(inputs)
    >>> model = kfront.Model(inputs, (kfront.layers.Dense(5)(hidden), hidden))
    >>> search = kfront.generation.Contrastive(k=2)
    >>> kfront.generation.generate(model, [[1]], max_length=4, sampler=search).shape
    (1, 4)
    """

    name = "contrastive"

    def __init__(self, k: int = 4, alpha: float = 0.6) -> None:
        if not isinstance(k, int) or k < 1 or not 0 <= alpha <= 1:
            raise ArgumentError(f"[Contrastive] expected a positive int `k` and `alpha` in [0, 1], got {k}, {alpha}.")
        self.k, self.alpha = k, float(alpha)

    def decode(self, decoder: Decoder, tokens: Tensor, lengths: Tensor, draws: Tensor) -> Tensor:
        """See `Sampler.decode`. The loop carries, besides, logits, and vectors (batch, length, features)."""
        output, entries, whole = decoder.begin(tokens, lengths, whole=True)
        if not isinstance(whole, (tuple, list)) or len(whole) < 2:
            raise ArgumentError("[Contrastive] expected a model that gives (logits, hidden vectors), got one output.")
        past = _unit(whole[1])
        past = ops.pad(past, [(0, 0), (0, decoder.plan.length - past.shape[1]), (0, 0)])
        done = ops.zeros((decoder.plan.batch,), "bool")
        carry = tokens, decoder.place(lengths), done, decoder.logits(output), past, entries
        return decoder.loop(lambda i, now: self._kf_step(decoder, now), carry, decoder.steps, decoder.done)[0]

    def _kf_step(self, decoder: Decoder, carry: Nest) -> Nest:
        tokens, at, done, logits, past, entries = carry
        batch, k = decoder.plan.batch, self.k
        chances, tried = best_of(ops.softmax(ops.cast(logits, "float32"), -1), k)
        token = ops.cast(ops.reshape(tried, (-1,)), "int32")
        rows, places, never = (ops.repeat(x, k, 0) if len(x.shape) else x for x in (tokens, at, ops.zeros_like(done)))
        rows, _ = decoder.write(rows, places, never, token)
        output, entries = decoder.next(rows, token, places, tree.map_structure(lambda x: ops.repeat(x, k, 0), entries))
        vectors = ops.reshape(_unit(output[1]), (batch, k, -1))
        likeness = ops.matmul(vectors, ops.swapaxes(past, 1, 2))
        place = ops.reshape(at, (-1, 1, 1)) if len(at.shape) else at
        known = ops.arange(decoder.plan.length, dtype="int32") < place
        likeness = ops.max(ops.where(known, likeness, -1.0), -1)
        pick = ops.argmax((1 - self.alpha) * chances - self.alpha * likeness, -1)
        flat = ops.cast(pick, "int32") + ops.arange(batch, dtype="int32") * k
        token, logits, entries = tree.map_structure(
            lambda x: ops.take(x, flat, axis=0), (token, decoder.logits(output), entries)
        )
        vector = ops.take_along_axis(vectors, ops.reshape(pick, (-1, 1, 1)), 1)
        here = (
            ops.swapaxes(ops.arange(decoder.plan.length, dtype="int32") == place, -1, -2)
            if len(at.shape)
            else (ops.expand_dims(ops.arange(decoder.plan.length, dtype="int32") == at, -1))
        )
        tokens, done = decoder.write(tokens, at, done, token)
        return tokens, decoder.further(at), done, logits, ops.where(here, vector, past), entries


def _unit(x: Tensor) -> Tensor:
    """Vectors of length 1 in their directions."""
    return ops.normalize(ops.cast(x, "float32"), -1)
