"""The protected members by which published subclasses of `MultiHeadAttention` reach into it.

Layers with caches, relative positions or projections of their own derive from `MultiHeadAttention` and use names that
start with an underscore. They mean the same here: options and projections under a second name, and the three steps of
attention as methods.
"""

from __future__ import annotations

from typing import Any, ClassVar

from kfront import ops
from kfront.core.state import state
from kfront.core.typing import Tensor
from kfront.layers.attention import attention_equations
from kfront.layers.options import second_name
from kfront.ops.random import dropout


class HeadHooks:
    """Second names and overridable steps of multi-head attention."""

    _num_heads = second_name("num_heads")
    _key_dim = second_name("key_dim")
    _value_dim = second_name("value_dim")
    _use_bias = second_name("use_bias")
    _dropout = second_name("dropout")
    _output_shape = second_name("output_shape")
    _attention_axes = second_name("attention_axes")
    _flash_attention = second_name("flash_attention")
    _query_dense = second_name("query_dense")
    _key_dense = second_name("key_dense")
    _value_dense = second_name("value_dense")
    _output_dense = second_name("output_dense")
    _kernel_initializer = second_name("kernel_initializer")
    _bias_initializer = second_name("bias_initializer")
    _kernel_regularizer = second_name("kernel_regularizer")
    _bias_regularizer = second_name("bias_regularizer")
    _kernel_constraint = second_name("kernel_constraint")
    _bias_constraint = second_name("bias_constraint")
    _activity_regularizer = second_name("activity_regularizer")

    _dot_product_equation: str
    _combine_equation: str
    _attends_itself: ClassVar[bool] = False  # whether a subclass has its own `_compute_attention` or mask

    def __init_subclass__(cls, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        steps = ("_compute_attention", "_compute_attention_mask", "_masked_softmax")
        cls._attends_itself = any(getattr(cls, s) is not getattr(HeadHooks, s) for s in steps)

    def _get_common_kwargs_for_sublayer(self: Any) -> dict[str, object]:
        """Options that all projections share, initializers copied so that they do not start out equal."""
        clone = lambda x: x.clone() if hasattr(x, "clone") else x  # noqa: E731
        return {
            "kernel_initializer": clone(self.kernel_initializer),
            "bias_initializer": clone(self.bias_initializer),
            "kernel_regularizer": self.kernel_regularizer,
            "bias_regularizer": self.bias_regularizer,
            "kernel_constraint": self.kernel_constraint,
            "bias_constraint": self.bias_constraint,
            "dtype": self.dtype_policy,
        }

    def _build_attention(self: Any, rank: int) -> None:
        """Prepare for projected inputs of a rank, (batch, ..., heads, size)."""
        self._set_axes(rank - 1)
        self._dot_product_equation, self._combine_equation, _ = attention_equations(rank, self._axes)
        self._start_dropout()

    def _dropout_layer(self: Any, weights: Any, training: bool | None = None) -> Any:
        """Attention weights, some dropped in training; a subclass may put a layer in its place."""
        training = state.training if training is None else training
        return dropout(weights, self.dropout, None, self.seed_generator) if training and self.dropout else weights

    def _masked_softmax(self: Any, attention_scores: object, attention_mask: Tensor | None = None) -> Tensor:
        """Weights (batch, heads, targets, sources) from scores, 0 where the mask (batch, targets, sources) is False."""
        mask = self._spread_mask(attention_scores, attention_mask)
        return self._softmax(attention_scores, mask=mask)

    def _softmax(self: Any, scores: Tensor, mask: Tensor | None = None) -> Tensor:
        """Weights from scores and a mask of as many axes; a subclass may put a layer in its place."""
        return self._normalized(scores, mask)

    def _compute_attention_mask(
        self: Any,
        query: Tensor,
        value: object,
        query_mask: Tensor | None = None,
        value_mask: Tensor | None = None,
        key_mask: Tensor | None = None,
        attention_mask: Tensor | None = None,
        use_causal_mask: bool = False,
    ) -> Any:
        """One mask of all, (batch, targets, sources), or None."""
        return self._mask(query, value, (value_mask, key_mask, attention_mask), use_causal_mask)

    def _compute_causal_mask(self: Any, query: Tensor, value: object = None) -> Tensor:
        """True where a source is not behind its target, (1, targets, sources)."""
        return ops.greater_equal(self._distance(query, query if value is None else value), 0)

    def _compute_attention(
        self: Any,
        query: Tensor,
        key: Tensor,
        value: object,
        attention_mask: Tensor | None = None,
        training: bool | None = None,
        return_attention_scores: bool = False,
    ) -> tuple[Tensor, Tensor]:
        """(means of values, weights or None) of projected inputs (batch, ..., heads, size)."""
        return self._attend(query, key, value, (None, None, attention_mask), False, training, return_attention_scores)
