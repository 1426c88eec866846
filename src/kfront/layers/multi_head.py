"""Attention with several heads: MultiHeadAttention and GroupedQueryAttention."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar, TypeAlias, Unpack

from kfront import config, ops
from kfront.core.errors import ArgumentError, ArgumentTypeError, ShapeError
from kfront.core.options import Option, between, is_int, normalisers, positive
from kfront.core.registry import serializable
from kfront.core.rng import SeedGenerator
from kfront.core.spec import Abstract
from kfront.core.state import state
from kfront.core.typing import ConstraintLike, InitializerLike, NamedOptions, RegularizerLike, Shape, Tensor
from kfront.layers.attention import attention_equations, masked_softmax, projection_equation
from kfront.layers.attention_cache import check_cacheable, masked_sources
from kfront.layers.einsum_dense import EinsumDense
from kfront.layers.multi_head_hooks import HeadHooks
from kfront.layers.options import OptionLayer, known_axis
from kfront.ops.attention import dot_product_attention, same_segment, segment_attention
from kfront.ops.primitives.shapes import dim
from kfront.ops.random import dropout

Masks: TypeAlias = tuple[Tensor | None, Tensor | None, Tensor | None]  # of values, of keys, of attention


class _Heads(OptionLayer):
    """What both layers share: projections, masks, and attention between projected tensors."""

    _kf_normalise = normalisers(
        attention_axes=lambda layer, name, value: _axes_of(value),
        dropout=between(0, 1),
        flash_attention=Option(lambda layer, name, value: _flash_attention(value), write=None),
        head_dim=positive,
        key_dim=positive,
        num_heads=positive,
        num_key_value_heads=positive,
        num_query_heads=positive,
        output_shape=lambda layer, name, value: _output_shape(value),
        sliding_window=lambda layer, name, value: None if value is None else positive(layer, name, value),
        value_dim=lambda layer, name, value: layer.key_dim if value is None else positive(layer, name, value),
    )
    _kf_writes_activity_regularizer = True
    flash_attention: bool
    use_bias: bool
    use_gate: bool
    dropout: float
    sliding_window: int | None
    seed: int | None
    seed_generator: SeedGenerator | None = None
    kernel_initializer: InitializerLike
    bias_initializer: InitializerLike
    kernel_regularizer: RegularizerLike
    bias_regularizer: RegularizerLike
    kernel_constraint: ConstraintLike
    bias_constraint: ConstraintLike
    _query_dense: Any
    _key_dense: Any
    _value_dense: Any
    _axes: tuple[int, ...] = (1,)
    _attends_itself: ClassVar[bool] = False

    def _start_dropout(self) -> None:
        if self.dropout > 0 and self.seed_generator is None:
            self.seed_generator = SeedGenerator(self.seed)

    def _projection(self, name: str, equation: str, output_shape: Shape, bias_axes: str) -> EinsumDense:
        clone = lambda x: x.clone() if hasattr(x, "clone") else x  # noqa: E731  (else all would start out equal)
        return EinsumDense(
            equation,
            output_shape=output_shape,
            bias_axes=bias_axes if self.use_bias else None,
            name=name,
            dtype=self.dtype_policy,
            kernel_initializer=clone(self.kernel_initializer),
            bias_initializer=clone(self.bias_initializer),
            kernel_regularizer=self.kernel_regularizer,
            bias_regularizer=self.bias_regularizer,
            kernel_constraint=self.kernel_constraint,
            bias_constraint=self.bias_constraint,
        )

    def _into_heads(self, name: str, rank: int, heads: int, size: int) -> EinsumDense:
        """A projection (batch, ..., features) -> (batch, ..., heads, size)."""
        equation, made, _ = projection_equation(rank - 1, 1, 2)
        return self._projection(name, equation, (*(None,) * (rank - 2), heads, size), made)

    def _out_of_heads(self, name: str, rank: int, shape: tuple[int, ...]) -> EinsumDense:
        """A projection (batch, ..., heads, size) -> (batch, ..., *shape)."""
        equation, made, _ = projection_equation(rank - 1, 2, len(shape))
        return self._projection(name, equation, (*(None,) * (rank - 2), *shape), made)

    def project(self, query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values of all heads, (batch, ..., heads, size); a subclass may turn or normalize them.

        Args:
            query: tensor of shape (batch, targets, features).
            key: tensor of shape (batch, sources, features).
            value: tensor of shape (batch, sources, features).

        Example:

        >>> from kfront import layers, ops
        >>> class Rotary(layers.GroupQueryAttention):
        ...     def project(self, query, key, value):
        ...         q, k, v = super().project(query, key, value)
        ...         places = ops.token_positions(query)
        ...         return ops.rotary_embedding(q, places), ops.rotary_embedding(k, places), v
        >>> x = ops.ones((1, 4, 16))
        >>> tuple(Rotary(8, 4, 2)(x, x, use_causal_mask=True).shape)
        (1, 4, 16)
        """
        return self._query_dense(query), self._key_dense(key), self._value_dense(value)

    def _continued(
        self, key: Tensor, value: Tensor, masks: Masks, causal: bool, own: bool, scores: bool
    ) -> tuple[Tensor, Tensor, Masks]:
        """Keys, values and masks with those in the cache before them."""
        *sources, attention = masks
        if not check_cacheable(self.name, causal and self._axes == (1,), own, attention, scores):
            return key, value, masks
        key, value, mask = state.cache.extend(key, value, masked_sources(sources))
        return key, value, (mask, None, None)

    # -- masks ----------------------------------------------------------------------------------------------------

    def _segmented(self, masks: Masks, segments: Tensor, weights: bool) -> tuple[Masks, Tensor | None]:
        """Masks that say too which sequence each place belongs to, or the numbers of sequences as they are.

        Args:
            masks: of values, keys and attention.
            segments: numbers of sequences (batch, length).
            weights: whether the call needs the attention weights, to drop some or to return them.
        """
        plain = not self._attends_itself and self.sliding_window is None and self._axes == (1,)
        alone = state.cache is None and all(m is None for m in masks)
        if plain and alone and not weights and self.flash_attention is not False:
            return masks, segments
        same = same_segment(segments)
        values, keys, attention = masks
        return (values, keys, same if attention is None else ops.logical_and(ops.cast(attention, "bool"), same)), None

    def _mask(self, query: Tensor, key: Tensor, masks: tuple[Tensor | None, ...], causal: bool) -> Tensor | None:
        """One mask (batch, targets, sources) of all that say something, or None.

        Args:
            query: projected queries.
            key: projected keys.
            masks: masks of values and keys (batch, sources), and of attention (batch, targets, sources).
            causal: whether a target sees only sources that are not behind it.
        """
        *sources, attention = masks
        parts = [ops.expand_dims(ops.cast(m, "bool"), 1) for m in sources if m is not None]
        if attention is not None:
            parts.append(ops.cast(attention, "bool"))
        if causal or self.sliding_window is not None:
            ahead = self._distance(query, key)
            if causal:
                parts.append(ops.greater_equal(ahead, 0))
            if self.sliding_window is not None:
                parts.append(ops.less(ops.absolute(ahead), self.sliding_window))
        out = None
        for part in parts:
            out = part if out is None else ops.logical_and(out, part)
        return out

    def _distance(self, query: Tensor, key: Tensor) -> Tensor:
        """How far each source is behind its target, (1, targets, sources), along the first attention axis."""
        sources = ops.expand_dims(ops.arange(dim(key, self._axes[0])), 0)
        if state.cache is not None:  # targets come after what is in it
            return ops.subtract(ops.expand_dims(ops.token_positions(query), 2), sources)
        targets = ops.arange(dim(query, self._axes[0]))
        return ops.expand_dims(ops.subtract(ops.expand_dims(targets, 1), sources), 0)

    # -- attention ------------------------------------------------------------------------------------------------

    def _attend(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        masks: tuple[Tensor | None, ...],
        causal: bool,
        training: object,
        scores: bool,
        segments: Tensor | None = None,
    ) -> tuple[Any, Any]:
        """(means of values in the shape of the queries, weights or None)."""
        if segments is not None:
            return segment_attention(query, key, value, segments, causal), None
        drop = bool(training) and self.dropout > 0
        if not scores and not drop and len(query.shape) == 4 and self._axes == (1,):
            zeros = self.dropout > 0  # for targets without a source, as where dropout sees the weights
            only_causal = causal and self.sliding_window is None and not (zeros and any(m is not None for m in masks))
            only_causal = only_causal and (state.cache is None or state.cache.begins)
            mask = self._mask(query, key, masks, causal and not only_causal)
            if mask is not None and len(mask.shape) == 3:
                mask = ops.expand_dims(mask, 1)
            flash = None if self.flash_attention else False
            out = dot_product_attention(query, key, value, mask=mask, is_causal=only_causal, flash_attention=flash)
            if zeros and mask is not None:
                sees = ops.expand_dims(ops.swapaxes(ops.any(mask, axis=-1), 1, 2), -1)
                out = ops.where(sees, out, ops.zeros_like(out))
            return out, None
        return self._by_einsum(query, key, value, self._mask(query, key, masks, causal), drop)

    def _by_einsum(
        self, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, drop: bool
    ) -> tuple[object, object]:
        scores, means, _ = attention_equations(len(query.shape), self._axes)
        if len(key.shape) == len(query.shape) and key.shape[-2] != query.shape[-2]:
            groups = query.shape[-2] // key.shape[-2]
            key, value = ops.repeat(key, groups, axis=-2), ops.repeat(value, groups, axis=-2)
        scaled = ops.multiply(query, 1.0 / math.sqrt(query.shape[-1]))
        weights = self._weights(ops.einsum(scores, key, scaled), mask)
        used = dropout(weights, self.dropout, None, self.seed_generator) if drop else weights
        return ops.einsum(means, used, value), weights

    def _weights(self, scores: Tensor, mask: Tensor | None) -> Tensor:
        """Softmax of scores over the sources that a mask lets through."""
        return self._normalized(scores, self._spread_mask(scores, mask))

    def _spread_mask(self, scores: Tensor, mask: Tensor | None) -> Tensor | None:
        """A mask (batch, targets, sources) with the axes of the scores."""
        if mask is not None:
            for _ in range(len(scores.shape) - len(mask.shape)):
                mask = ops.expand_dims(mask, -2 * len(self._axes) - 1)
        return mask

    def _normalized(self, scores: Tensor, mask: Tensor | None) -> Tensor:
        count = len(self._axes)
        return masked_softmax(scores, mask, tuple(range(-count, 0)) if count > 1 else -1)


class MultiHeadAttention(HeadHooks, _Heads):
    """Several heads, each of which takes means of values, weighted by how well their keys fit a query.

    Args:
        num_heads: number of heads.
        key_dim: size of queries and keys of a head.
        value_dim: size of values of a head; `key_dim` if None.
        dropout: rate at which weights are dropped in training.
        output_shape: int or tuple: shape of an output vector; the query's if None.
        attention_axes: axes that attention runs over, the batch being 0; all but batch, heads and features if None.
        use_bias: whether projections have biases.
        sliding_window: how many places around it a target sees, itself included, to either side; all if None.
        flash_attention: False keeps the layer off the engine's fused kernels; the configured choice if None.
        kernel_initializer, bias_initializer: first values of the weights.
        kernel_regularizer, bias_regularizer: functions of the weights that are added to the loss.
        activity_regularizer: function of the output that is added to the loss.
        kernel_constraint, bias_constraint: functions applied to the weights after each update.
        use_gate: whether the heads' results are multiplied by a sigmoid of another projection of the query.
        seed: int, for the same dropout in each run.
        **kwargs: name, trainable, dtype.

    Call arguments: `query`, tensor of shape (batch, targets, features); `value`, (batch, sources, features); `key`, the
    value if left out; `query_mask`, `value_mask`, `key_mask`, bool tensors (batch, targets) or (batch, sources), False
    at places that do not count; `attention_mask`, bool tensor that broadcasts to (batch, targets, sources);
    `return_attention_scores`; `training`; `use_causal_mask`, whether a target sees only sources that are not behind it;
    `segment_ids`, int tensor (batch, length) where a row holds several sequences: a target sees those of its number.

    Returns: tensor of shape (batch, targets, features of the query, or `output_shape`), with `return_attention_scores`
    a tuple of it and the weights (batch, heads, targets, sources).

    Raises:
        ArgumentError: if an option is not allowed.
        ShapeError: if inputs do not fit.

    Reference: Vaswani et al., 2017, https://arxiv.org/abs/1706.03762.

    Example:

    >>> import kfront
    >>> layer = kfront.layers.MultiHeadAttention(num_heads=2, key_dim=8)
    >>> x = kfront.ops.ones((3, 5, 16))
    >>> tuple(layer(x, x, use_causal_mask=True).shape)
    (3, 5, 16)
    """

    num_heads: int = 0
    key_dim: int = 0
    value_dim: int = 0
    dropout: float = 0.0
    use_bias: bool = True
    attention_axes: tuple[int, ...] | None = None
    query_dense: Any = None
    key_dense: Any = None
    value_dense: Any = None
    output_dense: Any = None
    _gate_dense: Any = None
    output_shape: tuple[int, ...] | None
    attention_axes: tuple[int, ...] | None

    def __init__(
        self,
        num_heads: int,
        key_dim: int,
        value_dim: int | None = None,
        dropout: float = 0.0,
        use_bias: bool = True,
        output_shape: int | Sequence[int | None] | None = None,
        attention_axes: int | Sequence[int] | None = None,
        sliding_window: int | None = None,
        flash_attention: bool | None = None,
        kernel_initializer: InitializerLike = "glorot_uniform",
        bias_initializer: InitializerLike = "zeros",
        kernel_regularizer: RegularizerLike = None,
        bias_regularizer: RegularizerLike = None,
        activity_regularizer: RegularizerLike = None,
        kernel_constraint: ConstraintLike = None,
        bias_constraint: ConstraintLike = None,
        use_gate: bool = False,
        seed: int | None = None,
        **kwargs: Unpack[NamedOptions],
    ) -> None:
        super().__init__(**self._kf_store(locals()))
        self.supports_masking = True

    def build(self, query_shape: Shape, value_shape: Shape, key_shape: Shape | None = None) -> None:
        """Create the projections."""
        key_shape = value_shape if key_shape is None else key_shape
        self.compute_output_shape(query_shape, value_shape, key_shape)
        rank = len(query_shape)
        self._set_axes(rank)
        self.query_dense = self._into_heads("query", rank, self.num_heads, self.key_dim)
        self.query_dense.build(query_shape)
        self.key_dense = self._into_heads("key", len(key_shape), self.num_heads, self.key_dim)
        self.key_dense.build(key_shape)
        if self.use_gate:
            self._gate_dense = self._into_heads("gate", rank, self.num_heads, self.value_dim)
            self._gate_dense.build(query_shape)
        self.value_dense = self._into_heads("value", len(value_shape), self.num_heads, self.value_dim)
        self.value_dense.build(value_shape)
        self._start_dropout()
        out = self.output_shape or (known_axis(self.name, query_shape),)
        self.output_dense = self._out_of_heads("attention_output", rank, out)
        self.output_dense.build((*query_shape[:-1], self.num_heads, self.value_dim))

    def _set_axes(self, rank: int) -> None:
        axes = tuple(range(1, rank - 1)) if self.attention_axes is None else self.attention_axes
        if any(not -rank < a < rank or a % rank in (0, rank - 1) for a in axes):
            raise ArgumentError(
                f"[{self.name}] expected `attention_axes` between the batch and the features of inputs of rank {rank}, "
                f"got {axes}."
            )
        self.__dict__["attention_axes"] = tuple(axes)
        self.__dict__["_axes"] = tuple(a % rank for a in axes)

    def call(
        self,
        query: Tensor,
        value: Tensor,
        key: Tensor | None = None,
        query_mask: Tensor | None = None,
        value_mask: Tensor | None = None,
        key_mask: Tensor | None = None,
        attention_mask: Tensor | None = None,
        return_attention_scores: bool = False,
        training: bool | None = None,
        use_causal_mask: bool = False,
        segment_ids: Tensor | None = None,
    ) -> Any:
        """The layer's output, see the class."""
        q, k, v = self.project(query, value if key is None else key, value)
        masks: Masks = (value_mask, key_mask, attention_mask)
        if segment_ids is not None:
            wanted = return_attention_scores or bool(training and self.dropout > 0)
            masks, segment_ids = self._segmented(masks, segment_ids, wanted)
        if state.cache is not None:
            k, v, masks = self._continued(k, v, masks, use_causal_mask, query is value, return_attention_scores)
        if self._attends_itself:
            sources = value if state.cache is None else k
            mask = self._compute_attention_mask(query, sources, query_mask, *masks, use_causal_mask)
            out, weights = self._compute_attention(q, k, v, mask, training, return_attention_scores)
        else:
            out, weights = self._attend(q, k, v, masks, use_causal_mask, training, return_attention_scores, segment_ids)
        if self._gate_dense is not None:
            out = ops.multiply(out, ops.sigmoid(self._gate_dense(query)))
        out = self.output_dense(out)
        return (out, weights) if return_attention_scores else out

    def compute_output_shape(self, query_shape: Shape, value_shape: Shape, key_shape: Shape | None = None) -> Any:
        """(*query shape[:-1], features of the query or `output_shape`)."""
        _check_shapes(self.name, query_shape, value_shape, value_shape if key_shape is None else key_shape)
        return (*query_shape[:-1], *(self.output_shape or query_shape[-1:]))

    def compute_output_spec(
        self,
        query: Tensor,
        value: Tensor,
        key: Tensor | None = None,
        query_mask: Tensor | None = None,
        value_mask: Tensor | None = None,
        key_mask: Tensor | None = None,
        attention_mask: Tensor | None = None,
        return_attention_scores: bool = False,
        training: bool | None = None,
        use_causal_mask: bool = False,
        segment_ids: Tensor | None = None,
    ) -> Abstract | tuple[Abstract, Abstract]:
        """Specs of the outputs."""
        key = value if key is None else key
        shape = self.compute_output_shape(query.shape, value.shape, key.shape)
        out = Abstract(shape, self.compute_dtype)
        if not return_attention_scores:
            return out
        rank = len(query.shape)
        axes = tuple(range(1, rank - 1)) if self.attention_axes is None else self.attention_axes
        axes = tuple(a % rank for a in axes)
        free = [d for i, d in enumerate(query.shape[:-1]) if i not in axes]
        sizes = [x.shape[a] for x in (query, key) for a in axes]
        return out, Abstract((*free, self.num_heads, *sizes), self.compute_dtype)


def _axes_of(value: object) -> tuple[int, ...] | None:
    axes = (value,) if isinstance(value, int) else value
    if axes is not None and not isinstance(axes, (list, tuple)):
        raise ArgumentTypeError(f"[MultiHeadAttention] expected `attention_axes` to be ints or None, got {value!r}.")
    return None if axes is None else tuple(axes)


def _flash_attention(value: bool | None) -> bool | None:
    return config.is_flash_attention_enabled() if value is None else value


def _output_shape(value: object) -> tuple[int, ...] | None:
    if value is None:
        return None
    sizes = tuple(value) if isinstance(value, (list, tuple)) else (value,)
    if all(is_int(d) and d > 0 for d in sizes):
        return sizes  # type: ignore[return-value]
    raise ArgumentError(f"[MultiHeadAttention] expected `output_shape` to be an int, a tuple or None, got {value!r}.")


def _check_shapes(who: str, query: Shape, value: Shape, key: Shape) -> None:
    for name, shape in (("query", query), ("value", value), ("key", key)):
        if len(shape) < 3:
            raise ShapeError(
                f"[{who}] expected `{name}` of shape (batch, length, features), got {tuple(shape)}; "
                "add the missing axis."
            )
    if len(query) != len(value):
        raise ShapeError(f"[{who}] expected query and value of one rank, got shapes {tuple(query)} and {tuple(value)}.")
    if len(key) != len(value) or any(None not in p and p[0] != p[1] for p in zip(key[:-1], value[:-1], strict=True)):
        raise ShapeError(
            f"[{who}] expected value and key of one shape but for the last axis, got value {tuple(value)} and key "
            f"{tuple(key)}."
        )
    if None not in (query[0], value[0]) and query[0] != value[0]:
        raise ShapeError(f"[{who}] expected one batch size, got query {tuple(query)} and value {tuple(value)}.")


@serializable("keras.layers", "GroupQueryAttention", "GroupedQueryAttention")
class GroupedQueryAttention(_Heads):
    """Attention with several heads, in which groups of query heads share the heads of key and value.

    Args:
        head_dim: size of queries, keys and values of a head.
        num_query_heads: number of heads of the query.
        num_key_value_heads: number of heads of key and value, which divides that of the query: so many query heads
            share one.
        dropout: rate at which weights are dropped in training.
        use_bias: whether projections have biases.
        sliding_window: how many places around it a target sees, itself included, to either side; all if None.
        flash_attention: False keeps the layer off the engine's fused kernels; the configured choice if None.
        kernel_initializer, bias_initializer: first values of the weights.
        kernel_regularizer, bias_regularizer: functions of the weights that are added to the loss.
        activity_regularizer: function of the output that is added to the loss.
        kernel_constraint, bias_constraint: functions applied to the weights after each update.
        use_gate: whether the heads' results are multiplied by a sigmoid of another projection of the query.
        seed: int, for the same dropout in each run.
        **kwargs: name, trainable, dtype.

    Call arguments: `query`, tensor of shape (batch, targets, features); `value`, (batch, sources, features); `key`, the
    value if left out; `query_mask`, `value_mask`, `key_mask`, bool tensors (batch, targets) or (batch, sources), False
    at places that do not count; `attention_mask`, bool tensor that broadcasts to (batch, targets, sources);
    `return_attention_scores`; `training`; `use_causal_mask`, whether a target sees only sources that are not behind it;
    `segment_ids`, int tensor (batch, length) where a row holds several sequences: a target sees those of its number.

    Returns: tensor of shape (batch, targets, features of the query), with `return_attention_scores` a tuple
    of it and the weights (batch, heads, targets, sources).

    Raises:
        ArgumentError: if an option is not allowed.
        ShapeError: if inputs do not fit.

    Reference: Ainslie et al., 2023, https://arxiv.org/abs/2305.13245.

    Example:

    >>> import kfront
    >>> layer = kfront.layers.GroupQueryAttention(head_dim=8, num_query_heads=4, num_key_value_heads=2)
    >>> x = kfront.ops.ones((3, 5, 16))
    >>> tuple(layer(x, x).shape)
    (3, 5, 16)
    """

    _query_dense: Any = None
    _key_dense: Any = None
    _value_dense: Any = None
    _output_dense: Any = None
    _gate_dense: Any = None
    head_dim: int
    num_query_heads: int
    num_key_value_heads: int

    def __init__(
        self,
        head_dim: int,
        num_query_heads: int,
        num_key_value_heads: int,
        dropout: float = 0.0,
        use_bias: bool = True,
        sliding_window: int | None = None,
        flash_attention: bool | None = None,
        kernel_initializer: InitializerLike = "glorot_uniform",
        bias_initializer: InitializerLike = "zeros",
        kernel_regularizer: RegularizerLike = None,
        bias_regularizer: RegularizerLike = None,
        activity_regularizer: RegularizerLike = None,
        kernel_constraint: ConstraintLike = None,
        bias_constraint: ConstraintLike = None,
        use_gate: bool = False,
        seed: int | None = None,
        **kwargs: Unpack[NamedOptions],
    ) -> None:
        super().__init__(**self._kf_store(locals()))
        if self.num_query_heads % self.num_key_value_heads:
            raise ArgumentError(
                f"[GroupQueryAttention] expected `num_key_value_heads` to divide `num_query_heads`, got "
                f"{num_key_value_heads} and {num_query_heads}."
            )
        self.supports_masking = True

    def build(self, query_shape: Shape, value_shape: Shape, key_shape: Shape | None = None) -> None:
        """Create the projections."""
        key_shape = value_shape if key_shape is None else key_shape
        self.compute_output_shape(query_shape, value_shape, key_shape)
        wide, narrow, size = self.num_query_heads, self.num_key_value_heads, self.head_dim
        self._query_dense = self._into_heads("query", 3, wide, size)
        self._query_dense.build(query_shape)
        self._key_dense = self._into_heads("key", 3, narrow, size)
        self._key_dense.build(key_shape)
        if self.use_gate:
            self._gate_dense = self._into_heads("gate", 3, wide, size)
            self._gate_dense.build(query_shape)
        self._value_dense = self._into_heads("value", 3, narrow, size)
        self._value_dense.build(value_shape)
        self._start_dropout()
        self._output_dense = self._out_of_heads("attention_output", 3, (known_axis(self.name, query_shape),))
        self._output_dense.build((*query_shape[:-1], wide, size))

    def call(
        self,
        query: Tensor,
        value: Tensor,
        key: Tensor | None = None,
        query_mask: Tensor | None = None,
        value_mask: Tensor | None = None,
        key_mask: Tensor | None = None,
        attention_mask: Tensor | None = None,
        return_attention_scores: bool = False,
        training: bool | None = None,
        use_causal_mask: bool = False,
        segment_ids: Tensor | None = None,
    ) -> Any:
        """The layer's output, see the class."""
        q, k, v = self.project(query, value if key is None else key, value)
        masks: Masks = (value_mask, key_mask, attention_mask)
        if segment_ids is not None:
            wanted = return_attention_scores or bool(training and self.dropout > 0)
            masks, segment_ids = self._segmented(masks, segment_ids, wanted)
        if state.cache is not None:
            k, v, masks = self._continued(k, v, masks, use_causal_mask, query is value, return_attention_scores)
        out, weights = self._attend(q, k, v, masks, use_causal_mask, training, return_attention_scores, segment_ids)
        if self._gate_dense is not None:
            out = ops.multiply(out, ops.sigmoid(self._gate_dense(query)))
        out = self._output_dense(out)
        return (out, weights) if return_attention_scores else out

    def compute_output_shape(self, query_shape: Shape, value_shape: Shape, key_shape: Shape | None = None) -> Any:
        """The query's shape."""
        _check_shapes(self.name, query_shape, value_shape, value_shape if key_shape is None else key_shape)
        if len(query_shape) != 3:
            raise ShapeError(f"[{self.name}] expected inputs of rank 3, got query {tuple(query_shape)}.")
        return tuple(query_shape)

    def compute_output_spec(
        self,
        query: Tensor,
        value: Tensor,
        key: Tensor | None = None,
        query_mask: Tensor | None = None,
        value_mask: Tensor | None = None,
        key_mask: Tensor | None = None,
        attention_mask: Tensor | None = None,
        return_attention_scores: bool = False,
        training: bool | None = None,
        use_causal_mask: bool = False,
        segment_ids: Tensor | None = None,
    ) -> Abstract | tuple[Abstract, Abstract]:
        """Specs of the outputs."""
        key = value if key is None else key
        out = Abstract(self.compute_output_shape(query.shape, value.shape, key.shape), self.compute_dtype)
        if not return_attention_scores:
            return out
        shape = (query.shape[0], self.num_query_heads, query.shape[1], key.shape[1])
        return out, Abstract(shape, self.compute_dtype)
