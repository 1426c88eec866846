"""Scaled dot-product attention."""

from __future__ import annotations

import math
from typing import Any

from kfront.core import shapes
from kfront.core.dtypes import result_type, to_float
from kfront.core.errors import ShapeError
from kfront.core.op import in_front_of, op
from kfront.core.typing import Tensor, TensorLike
from kfront.ops import primitives as p
from kfront.ops.casting import widen


def _attention_rule(query: Tensor, key: Tensor, value: object, bias: object, mask: Tensor) -> tuple[object, object]:
    d = to_float(result_type(query, key, value))
    return (d, d, d, None if bias is None else to_float(result_type(bias)), None if mask is None else "bool"), d


@op(
    ("query", "key", "value", "bias", "mask"),
    _attention_rule,
    name="dot_product_attention",
    home="nn",
    call_args=("query", "key", "value", "bias", "mask", "scale"),
)
def _attention(
    query: Any,
    key: Any,
    value: TensorLike,
    bias: TensorLike | None = None,
    mask: Any = None,
    scale: float | None = None,
    is_causal: bool = False,
    flash_attention: bool | None = None,
    attn_logits_soft_cap: float | None = None,
) -> Tensor:
    heads, key_heads = query.shape[2], key.shape[2]
    if heads != key_heads and None not in (heads, key_heads):
        key, value = p.repeat(key, heads // key_heads, 2), p.repeat(value, heads // key_heads, 2)
    depth = query.shape[-1]
    if scale is None and depth is None:  # only the engine's graph knows it
        factor: TensorLike = p.rsqrt(p.cast(p.dim(query, -1), p.dtype_of(query)))
    else:
        factor = 1.0 / math.sqrt(depth) if scale is None else scale
    scores = widen(p.einsum("btnh,bsnh->bnts", p.multiply(query, factor), key))
    if attn_logits_soft_cap is not None:
        scores = p.multiply(attn_logits_soft_cap, p.tanh(p.divide(scores, attn_logits_soft_cap)))
    if bias is not None:
        scores = p.add(scores, p.cast(bias, p.dtype_of(scores)))
    allowed = _allowed(scores, mask, is_causal)
    if allowed is not None:
        scores = p.where(allowed, scores, 0.7 * p.limits(p.dtype_of(scores))[0])
    weights = p.cast(p.softmax(scores, -1), p.dtype_of(value))
    return p.einsum("bnts,bsnh->btnh", weights, value)


def _check_scores(query: TensorLike, key: TensorLike, **given: TensorLike | None) -> None:
    """What is added to scores, or masks them, must not enlarge them: engines would differ."""
    (batch, targets, heads, _), sources = shapes.shape_of(query), shapes.shape_of(key)[1]
    scores = (batch, heads, targets, sources)
    for name, x in given.items():
        sizes = () if x is None else shapes.shape_of(x)
        pairs = zip(reversed(sizes), reversed(scores), strict=False)  # sizes that are symbols are not compared
        if len(sizes) > 4 or any(n != 1 and isinstance(n, int) and isinstance(w, int) and n != w for n, w in pairs):
            raise ShapeError(
                f"[dot_product_attention] expected `{name}` of a shape that broadcasts to that of the scores, (batch, "
                f"heads, targets, sources) = {scores}, got {sizes}."
            )


@in_front_of(_attention)
def dot_product_attention(
    query: TensorLike,
    key: TensorLike,
    value: TensorLike,
    bias: TensorLike | None = None,
    mask: TensorLike | None = None,
    scale: float | None = None,
    is_causal: bool = False,
    flash_attention: bool | None = None,
    attn_logits_soft_cap: float | None = None,
) -> Tensor:
    """Mean of values, weighted by how well their keys fit a query (Vaswani et al., 2017, arXiv:1706.03762).

    Args:
        query: tensor of shape (batch, targets, heads, depth).
        key: tensor of shape (batch, sources, key heads, depth); key heads divide heads.
        value: tensor of shape (batch, sources, key heads, depth).
        bias: tensor that broadcasts to (batch, heads, targets, sources), added to the scores.
        mask: bool tensor that broadcasts to it; False leaves a source out.
        scale: factor of the scores; 1 / sqrt(depth) if None.
        is_causal: whether a target sees only sources that are not behind it.
        flash_attention: whether the engine's fused kernel is used; its choice if None.
        attn_logits_soft_cap: scores are squeezed into (-cap, cap) by tanh.

    Returns:
        tensor of shape (batch, targets, heads, depth), in the promoted dtype.

    Raises:
        ShapeError: if a rank is not 4, or `bias` or `mask` does not broadcast to the scores.

    Example:

    >>> from kfront import ops
    >>> q, k = ops.ones((1, 2, 1, 4)), ops.ones((1, 3, 1, 4))
    >>> tuple(ops.dot_product_attention(q, k, k).shape)
    (1, 2, 1, 4)
    """
    for name, x in (("query", query), ("key", key), ("value", value)):
        if len(shapes.shape_of(x)) != 4:
            raise ShapeError(
                f"[dot_product_attention] expected `{name}` of shape (batch, length, heads, depth), "
                f"got {shapes.shape_of(x)}."
            )
    if bias is not None or mask is not None:
        _check_scores(query, key, bias=bias, mask=mask)
    return _attention(query, key, value, bias, mask, scale, is_causal, flash_attention, attn_logits_soft_cap)


def _segment_rule(query: Tensor, key: Tensor, value: object, segment_ids: object) -> tuple[object, object]:
    d = to_float(result_type(query, key, value))
    return (d, d, d, None), d


@op(4, _segment_rule, home="nn", fuse=True)
def segment_attention(
    query: Any, key: Any, value: Any, segment_ids: TensorLike, is_causal: bool = False, scale: float | None = None
) -> Tensor:
    """Attention in rows that hold several sequences each: a target sees the sources of its own sequence alone.

    The mask of who sees whom is not made where the engine computes without one.

    Args:
        query: tensor of shape (batch, length, heads, depth).
        key: tensor of shape (batch, length, key heads, depth); key heads divide heads.
        value: tensor of shape (batch, length, key heads, depth).
        segment_ids: integer tensor of shape (batch, length): the number of each place's sequence in its row.
        is_causal: whether a target sees only sources that are not behind it.
        scale: factor of the scores; 1 / sqrt(depth) if None.

    Returns:
        tensor of shape (batch, length, heads, depth), in the promoted dtype.

    Raises:
        ShapeError: if the numbers do not fit the query, or it has another rank.

    Example:

    >>> from kfront import ops
    >>> x = ops.reshape(ops.convert_to_tensor([1.0, 3.0, 8.0]), (1, 3, 1, 1))
    >>> mixed = ops.segment_attention(0.0 * x, x, x, [[1, 1, 2]])
    >>> [float(v) for v in ops.reshape(mixed, (-1,))]
    [2.0, 2.0, 8.0]
    """
    rows, ids = tuple(query.shape), shapes.shape_of(segment_ids)
    if len(rows) != 4 or len(ids) != 2 or any(None not in p and p[0] != p[1] for p in zip(rows, ids, strict=False)):
        raise ShapeError(
            f"[segment_attention] expected `query` of shape (batch, length, heads, depth) and `segment_ids` of shape "
            f"(batch, length), got {rows} and {ids}."
        )
    return _attention(query, key, value, None, p.expand_dims(same_segment(segment_ids), 1), scale, is_causal)


def same_segment(segment_ids: TensorLike) -> Tensor:
    """Mask (batch, length, length) of places with one number."""
    return p.equal(p.expand_dims(segment_ids, 2), p.expand_dims(segment_ids, 1))


def _allowed(scores: TensorLike, mask: TensorLike, is_causal: bool) -> TensorLike:
    if not is_causal:
        return mask
    targets, sources = p.arange(p.dim(scores, -2)), p.arange(p.dim(scores, -1))
    causal = p.greater_equal(p.expand_dims(targets, 1), p.expand_dims(sources, 0))
    return causal if mask is None else p.logical_and(mask, causal)
