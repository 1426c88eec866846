"""Keys and values of tokens that attention layers have seen, kept so that no later token has them computed again."""

from __future__ import annotations

from collections.abc import Sequence

from kfront import ops
from kfront.core.errors import ArgumentError, ShapeError
from kfront.core.state import state
from kfront.core.typing import Tensor, TensorLike


class Cache:
    """Keys and values of attention layers, in tensors of a fixed size, and where each sequence continues.

    In a ``with`` block, attention layers that are called with `use_causal_mask=True` let the tokens of the call see
    those of the blocks before, too. The first block takes the beginnings of the sequences, padded at their ends to one
    length, each later one the next tokens of all. `ops.token_positions` counts on meanwhile.

    Args:
        length: how many tokens there is room for in a sequence.
        lengths: (batch,) ints, how many tokens of each sequence the first block holds; all of them if None.

    Raises:
        ArgumentError: by an attention layer that cannot use a cache: one without a causal mask that attends its own
            inputs, one that is given an `attention_mask`, or one that is asked for scores.
        ShapeError: if the tokens of a block do not fit into what is left.

    Example:

    >>> import kfront
    >>> layer = kfront.layers.MultiHeadAttention(num_heads=2, key_dim=4)
    >>> x = kfront.random.normal((1, 3, 8))
    >>> whole = layer(x, x, use_causal_mask=True)
    >>> cache = kfront.generation.Cache(length=16)
    >>> for part in (x[:, :2], x[:, 2:]):
    ...     with cache:
    ...         last = layer(part, part, use_causal_mask=True)
    >>> bool(kfront.ops.all(kfront.ops.abs(last - whole[:, 2:]) < 1e-5))
    True
    """

    def __init__(self, length: int, lengths: TensorLike | None = None) -> None:
        self.length = length
        self.start: int | Tensor | None = None  # place of the next token: a number, or one for each sequence
        self.entries: list[list[Tensor]] = []  # (batch, heads, length, size), of each attention layer in turn
        self._lengths = lengths
        self._turn = self._count = 0
        self._outer: list[Cache | None] = []

    def __enter__(self) -> Cache:
        self._outer.append(state.cache)
        state.cache = self
        self._turn = 0
        if self.start is None:
            self.entries = []
        return self

    def __exit__(self, kind: type[BaseException] | None, *exc: object) -> None:
        state.cache = self._outer.pop()
        if kind is not None:
            return
        if self.start is not None:
            self.start = self.start + self._count
        else:
            self.start = self._count if self._lengths is None else ops.cast(self._lengths, "int32")

    @property
    def begins(self) -> bool:
        """Whether the tokens of this block have none before them."""
        return self.start is None

    def counted_on(self, steps: Tensor) -> Tensor:
        """Places of tokens whose places in the block are `steps`, (1, n)."""
        if self.start is None:
            return steps
        start = ops.convert_to_tensor(self.start, "int32")
        return ops.add(steps, ops.expand_dims(start, -1) if len(start.shape) else start)

    def extend(self, key: Tensor, value: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor, Tensor | None]:
        """Keys (batch, length, heads, size), values and mask (batch, length) of all tokens, with new ones put in.

        At the beginning the new ones are all there are, and are returned as they are.
        """
        turn, self._turn, self._count = self._turn, self._turn + 1, key.shape[1]
        new = [ops.swapaxes(x, 1, 2) for x in (key, value)]  # products read them in this order
        if mask is not None:
            new.append(ops.expand_dims(mask, (1, 3)))
        if (0 if self.start is None else self.start if isinstance(self.start, int) else 1) + key.shape[1] > self.length:
            raise ShapeError(
                f"[Cache] expected at most {self.length} tokens in a sequence, got {key.shape[1]} after "
                f"{self.start or 0}; make the cache longer."
            )
        if self.start is None:
            self.entries.append([_with_room(x, self.length) for x in new])
            return key, value, mask
        entry = self.entries[turn]
        write = state.backend.write_slots
        entry[:] = [write(old, x, self.start) for old, x in zip(entry, new, strict=True)]
        key, value, *masks = entry
        return ops.swapaxes(key, 1, 2), ops.swapaxes(value, 1, 2), masks[0][:, 0, :, 0] if masks else None


def _with_room(x: Tensor, length: int) -> Tensor:
    return ops.pad(x, [(0, 0), (0, 0), (0, length - x.shape[2]), (0, 0)])


def masked_sources(masks: Sequence[Tensor | None]) -> Tensor | None:
    """One mask (batch, sources) of those that are there, or None."""
    out = None
    for mask in masks:
        if mask is not None:
            mask = ops.cast(mask, "bool")
            out = mask if out is None else ops.logical_and(out, mask)
    return out


def check_cacheable(who: str, causal: bool, own: bool, mask: Tensor | None, scores: bool) -> bool:
    """Whether an attention layer uses the cache: one whose targets see sources up to themselves.

    Args:
        who: name of the layer.
        causal: whether it has a causal mask.
        own: whether it attends its own inputs, rather than others (an encoder's outputs) that are always there whole.
        mask: `attention_mask` of the call.
        scores: whether it is asked for scores.
    """
    if not causal and not own:
        return False
    if causal and mask is None and not scores:
        return True
    raise ArgumentError(
        f"[{who}] expected, while a cache is in use, `use_causal_mask=True` and neither `attention_mask` nor "
        f"`return_attention_scores`, got use_causal_mask={causal}, attention_mask "
        f"{'None' if mask is None else 'of shape ' + str(tuple(mask.shape))}, return_attention_scores={scores}; "
        "generate with `cache=False`."
    )
