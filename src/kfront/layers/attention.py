"""Attention over one head: dot-product (Luong) and additive (Bahdanau)."""

from __future__ import annotations

import itertools
import string
from collections.abc import Sequence
from typing import Any, Unpack

from kfront import ops
from kfront.core.errors import ArgumentError, ShapeError
from kfront.core.options import Option, base_arguments, between, normalisers, one_of
from kfront.core.rng import SeedGenerator
from kfront.core.spec import Abstract
from kfront.core.typing import LayerOptions, Shape, Tensor
from kfront.core.variable import read
from kfront.layers.options import OptionLayer, known_axis
from kfront.ops.primitives.dtypes import dtype_of
from kfront.ops.primitives.shapes import dim
from kfront.ops.random import dropout

_HALF = ("float16", "bfloat16")


def causal_mask(scores: Tensor) -> Tensor:
    """True where a source is not behind the target, (targets, sources): the last two axes of `scores`."""
    targets, sources = ops.arange(dim(scores, -2)), ops.arange(dim(scores, -1))
    return ops.greater_equal(ops.expand_dims(targets, 1), ops.expand_dims(sources, 0))


def masked_softmax(scores: Tensor, mask: Any, axis: Any = -1) -> Tensor:
    """Softmax in which masked places get no share; in float32 for halves.

    Args:
        scores: floating tensor.
        mask: bool tensor that broadcasts to it, False at places left out, or None.
        axis: axis or axes that sum up to 1.
    """
    kind = dtype_of(scores)
    wide = ops.cast(scores, "float32") if kind in _HALF else scores
    if mask is not None:
        wide = ops.where(mask, wide, ops.add(wide, -1e9))
    weights = ops.softmax(wide, axis=axis)
    if mask is not None:
        weights = ops.where(mask, weights, ops.zeros_like(weights))
    return ops.cast(weights, kind) if kind in _HALF else weights


def projection_equation(free_dims: int, bound_dims: int, output_dims: int) -> tuple[str, str, int]:
    """The einsum equation of a projection.

    Args:
        free_dims: how many first axes stay, the batch among them.
        bound_dims: how many last axes are summed over.
        output_dims: how many axes take their place.

    Returns:
        (equation, letters of the new axes, rank of the result).
    """
    letters = iter(string.ascii_lowercase)
    a, b, c = ("".join(itertools.islice(letters, n)) for n in (free_dims, bound_dims, output_dims))
    return f"{a}{b},{b}{c}->{a}{c}", c, free_dims + output_dims


def attention_equations(rank: int, attn_axes: Sequence[int]) -> tuple[str, str, int]:
    """The einsum equations of attention between projected tensors (batch, ..., heads, size).

    Args:
        rank: their rank.
        attn_axes: those that attention runs over.

    Returns:
        (equation of the scores from keys and queries, of the means from weights and values, rank of the scores).
    """
    target = string.ascii_lowercase[:rank]
    source = "".join(
        string.ascii_lowercase[rank + attn_axes.index(i)] if i in attn_axes else c for i, c in enumerate(target)
    )
    free = "".join(c for i, c in enumerate(target[:-2]) if i not in attn_axes)
    product = f"{free}{target[-2]}{''.join(target[i] for i in attn_axes)}{''.join(source[i] for i in attn_axes)}"
    return f"{source},{target}->{product}", f"{product},{source}->{target}", len(product)


class Attention(OptionLayer):
    """Means of values, weighted by how well their keys fit a query.

    Args:
        use_scale: whether there is a trained factor of the scores.
        score_mode: "dot" (products of query and key) or "concat" (sum of tanh of their sum).
        dropout: rate at which weights are dropped in training.
        seed: int, for the same dropout in each run.
        **kwargs: name, trainable, dtype.

    Call arguments: `inputs`, list [query, value] or [query, value, key], tensors of shape (batch, targets, depth),
    (batch, sources, features) and (batch, sources, depth), the key being the value if left out; `mask`, list of bool
    tensors (batch, targets) and (batch, sources) or None; `return_attention_scores`; `use_causal_mask`, whether a
    target sees only sources that are not behind it; `training`.

    Returns: tensor of shape (batch, targets, features), with `return_attention_scores` a tuple of it and the weights
    (batch, targets, sources).

    Raises:
        ShapeError: if `inputs` is not such a list.

    Reference: Luong et al., 2015, https://arxiv.org/abs/1508.04025.

    Example:

    >>> import kfront
    >>> query, value = kfront.ops.ones((2, 4, 5)), kfront.ops.ones((2, 6, 5))
    >>> tuple(kfront.layers.Attention()([query, value]).shape)
    (2, 4, 5)
    """

    seed_generator: SeedGenerator | None = None
    scale: Any = None
    concat_score_weight: Any = None
    _kf_normalise = normalisers(dropout=between(0, 1), score_mode=one_of("dot", "concat"))
    use_scale: bool
    score_mode: str
    dropout: float
    seed: int | None

    def __init__(
        self,
        use_scale: bool = False,
        score_mode: str = "dot",
        dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**self._kf_store(locals()))
        if self.dropout > 0:
            self.seed_generator = SeedGenerator(self.seed)
        self.supports_masking = True

    def build(self, input_shape: Sequence[Shape]) -> None:
        """Create the factors."""
        self._check_depth(self._checked(input_shape))
        if self.use_scale:
            self.scale = self.add_weight(name="scale", shape=(), initializer="ones")
        if self.score_mode == "concat":
            self.concat_score_weight = self.add_weight(name="concat_score_weight", shape=(), initializer="ones")

    def _checked(self, inputs: object) -> Any:
        """`inputs` (tensors or shapes) if it is a list of two or three."""
        if (
            not isinstance(inputs, (list, tuple))
            or len(inputs) not in (2, 3)
            or isinstance(inputs[0], (int, type(None)))
        ):
            got = f"{len(inputs)} of them" if isinstance(inputs, list) else "one tensor"
            raise ShapeError(f"[{self.name}] expected a list [query, value] or [query, value, key], got {got}.")
        return inputs

    def _check_depth(self, shapes: Any) -> None:
        query, key = shapes[0], shapes[-1]
        if len(query) != len(key) or len(query) < 3:
            raise ShapeError(f"[{self.name}] expected inputs of one rank, 3 or more, got shapes {list(shapes)}.")
        if None not in (query[-1], key[-1]) and query[-1] != key[-1]:
            raise ShapeError(
                f"[{self.name}] expected query and key of one depth (last axis), got shapes {tuple(query)} and "
                f"{tuple(key)}; project one of them, or pass another key."
            )

    def _calculate_scores(self, query: Tensor, key: Tensor) -> Tensor:
        if self.score_mode == "dot":
            scores = ops.matmul(query, ops.swapaxes(key, -2, -1))
            return scores if self.scale is None else ops.multiply(scores, read(self.scale))
        both = ops.add(ops.expand_dims(query, -2), ops.expand_dims(key, -3))
        if self.scale is not None:
            both = ops.multiply(both, read(self.scale))
        return ops.multiply(read(self.concat_score_weight), ops.sum(ops.tanh(both), axis=-1))

    def call(
        self,
        inputs: Sequence[Tensor],
        mask: Sequence[Tensor | None] | None = None,
        training: bool = False,
        return_attention_scores: bool = False,
        use_causal_mask: bool = False,
    ) -> Any:
        """The layer's output, see the class."""
        query, value, *rest = self._checked(inputs)
        key = rest[0] if rest else value
        query_mask, value_mask = self._masks(mask, len(inputs))
        scores = self._calculate_scores(query, key)
        allowed = self._calculate_score_mask(scores, value_mask, use_causal_mask)
        out, weights = self._apply_scores(scores, value, scores_mask=allowed, training=training)
        if query_mask is not None:
            out = ops.where(ops.expand_dims(ops.cast(query_mask, "bool"), -1), out, ops.zeros_like(out))
        return (out, weights) if return_attention_scores else out

    # steps that published subclasses override, under the names that they have there

    def _calculate_score_mask(self, scores: Tensor, v_mask: Tensor | None, use_causal_mask: bool) -> Tensor | None:
        allowed = None if v_mask is None else ops.expand_dims(ops.cast(v_mask, "bool"), -2)
        if not use_causal_mask:
            return allowed
        causal = causal_mask(scores)
        return causal if allowed is None else ops.logical_and(allowed, causal)

    def _apply_scores(
        self, scores: Tensor, value: Tensor, scores_mask: Tensor | None = None, training: bool = False
    ) -> tuple[Tensor, Tensor]:
        if scores_mask is not None:
            low = -65504.0 if dtype_of(scores) == "float16" else -1e9
            scores = ops.where(scores_mask, scores, ops.add(scores, low))
        weights = ops.softmax(scores, axis=-1)
        if training and self.dropout > 0:
            weights = dropout(weights, self.dropout, None, self.seed_generator)
        return ops.matmul(weights, value), weights

    def _masks(self, mask: object, count: int) -> tuple[Any, Any]:
        if mask is None:
            return None, None
        if not isinstance(mask, (list, tuple)) or not 2 <= len(mask) <= count:
            raise ArgumentError(
                f"[{self.name}] expected `mask` to be a list [query mask, value mask], with None where there is none, "
                f"got {mask!r}."
            )
        return mask[0], mask[1]

    def compute_mask(self, inputs: Sequence[Tensor], mask: Sequence[Tensor | None] | None = None) -> Tensor | None:
        """The mask of the query."""
        return mask[0] if isinstance(mask, (list, tuple)) and mask else None

    def compute_output_shape(self, input_shape: Sequence[Shape]) -> Shape:
        """(*query shape[:-1], value shape[-1])."""
        query, value, *_ = self._checked(input_shape)
        return (*query[:-1], value[-1])

    def compute_output_spec(
        self,
        inputs: Sequence[Tensor],
        mask: Sequence[Tensor | None] | None = None,
        return_attention_scores: bool = False,
        training: bool | None = None,
        use_causal_mask: bool = False,
    ) -> Any:
        """Specs of the outputs."""
        shapes = [tuple(x.shape) for x in self._checked(inputs)]
        out = Abstract(self.compute_output_shape(shapes), self.compute_dtype)
        if not return_attention_scores:
            return out
        key = shapes[-1] if len(shapes) == 3 else shapes[1]
        return out, Abstract((*shapes[0][:-1], key[1]), self.compute_dtype)


class AdditiveAttention(Attention):
    """Means of values, weighted by the sum of ``scale * tanh(query + key)``.

    Args:
        use_scale: whether the terms of a score have trained factors.
        dropout: rate at which weights are dropped in training.
        **kwargs: name, trainable, dtype.

    Call arguments: `inputs`, list [query, value] or [query, value, key], tensors of shape (batch, targets, depth),
    (batch, sources, features) and (batch, sources, depth), the key being the value if left out; `mask`, list of bool
    tensors (batch, targets) and (batch, sources) or None; `return_attention_scores`; `use_causal_mask`, whether a
    target sees only sources that are not behind it; `training`.

    Returns: tensor of shape (batch, targets, features), with `return_attention_scores` a tuple of it and the weights
    (batch, targets, sources).

    Raises:
        ShapeError: if `inputs` is not such a list.

    Reference: Bahdanau et al., 2015, https://arxiv.org/abs/1409.0473.

    Example:

    >>> import kfront
    >>> query, value = kfront.ops.ones((2, 4, 5)), kfront.ops.ones((2, 6, 5))
    >>> tuple(kfront.layers.AdditiveAttention()([query, value]).shape)
    (2, 4, 5)
    """

    _kf_normalise = normalisers(score_mode=Option(one_of("dot", "concat"), write=None))

    def __init__(self, use_scale: bool = True, dropout: float = 0.0, **kwargs: object) -> None:
        super().__init__(**base_arguments(locals()))

    def build(self, input_shape: Sequence[Shape]) -> None:
        """Create the factors."""
        self._check_depth(self._checked(input_shape))
        value = input_shape[1]
        if self.use_scale:
            self.scale = self.add_weight(
                name="scale", shape=(known_axis(self.name, value),), initializer="glorot_uniform"
            )

    def _calculate_scores(self, query: Tensor, key: Tensor) -> Tensor:
        terms = ops.tanh(ops.add(ops.expand_dims(query, -2), ops.expand_dims(key, -3)))
        return ops.sum(terms if self.scale is None else ops.multiply(terms, read(self.scale)), axis=-1)
