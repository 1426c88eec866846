"""Reductions over groups of rows."""

from __future__ import annotations

from typing import Any

from kfront.core import shapes_nn
from kfront.core.dtypes import result_type
from kfront.core.op import op


def _segment_rule(data: Any, segment_ids: Any) -> tuple[Any, Any]:
    return None, result_type(data)


_segment_rule.keeps = True  # type: ignore[attr-defined]


@op(2, _segment_rule, shapes_nn.segment, home="math")
def segment_sum(data: Any, segment_ids: Any, num_segments: int | None = None, sorted: bool = False) -> Any:
    """Sum of the rows of each segment.

    Args:
        data: tensor of shape (n, ...).
        segment_ids: integer tensor of shape (n,): the segment of each row; rows out of range are left out.
        num_segments: number of segments; the largest number + 1 if None (not while tracing).
        sorted: whether `segment_ids` ascend.

    Returns:
        tensor of shape (num_segments, ...), in the dtype of `data`; 0 for empty segments.
    """


@op(2, _segment_rule, shapes_nn.segment, home="math")
def segment_max(data: Any, segment_ids: Any, num_segments: int | None = None, sorted: bool = False) -> Any:
    """Largest values of the rows of each segment.

    Args:
        data: tensor of shape (n, ...).
        segment_ids: integer tensor of shape (n,): the segment of each row; rows out of range are left out.
        num_segments: number of segments; the largest number + 1 if None (not while tracing).
        sorted: whether `segment_ids` ascend.

    Returns:
        tensor of shape (num_segments, ...), in the dtype of `data`; -inf (the least integer) for empty segments.
    """


@op(2, _segment_rule, home="math")
def segment_min(data: Any, segment_ids: Any, num_segments: int | None = None, sorted: bool = False) -> Any:
    """Smallest values of the rows of each segment.

    Args:
        data: tensor of shape (n, ...).
        segment_ids: integer tensor of shape (n,): the segment of each row; rows out of range are left out.
        num_segments: number of segments; the largest number + 1 if None (not while tracing).
        sorted: whether `segment_ids` ascend.

    Returns:
        tensor of shape (num_segments, ...), in the dtype of `data`; inf (the largest integer) for empty segments.
    """
    from kfront.core.dtypes import is_int
    from kfront.ops.elementwise import dtype_of, negative
    from kfront.ops.logic import bitwise_invert

    # of integers the complement turns the order round without overflow
    turn = bitwise_invert if is_int(dtype_of(data)) else negative
    return turn(segment_max(turn(data), segment_ids, num_segments, sorted))


@op(2, _segment_rule, home="math")
def segment_prod(data: Any, segment_ids: Any, num_segments: int | None = None, sorted: bool = False) -> Any:
    """Product of the rows of each segment.

    Args:
        data: tensor of shape (n, ...).
        segment_ids: integer tensor of shape (n,): the segment of each row; rows out of range are left out.
        num_segments: number of segments; the largest number + 1 if None (not while tracing).
        sorted: whether `segment_ids` ascend.

    Returns:
        tensor of shape (num_segments, ...), in the dtype of `data`; 1 for empty segments.
    """
    from kfront.ops.create import ones_like
    from kfront.ops.index import scatter_update
    from kfront.ops.logic import greater_equal, less, logical_and, where
    from kfront.ops.reduce import max
    from kfront.ops.shape import expand_dims

    if num_segments is None:
        num_segments = int(max(segment_ids)) + 1
    base = segment_sum(data, segment_ids, num_segments + 1)
    inside = logical_and(greater_equal(segment_ids, 0), less(segment_ids, num_segments))
    places = expand_dims(where(inside, segment_ids, num_segments), 1)
    out = scatter_update(ones_like(base), places, data, "mul")
    return out[:num_segments]
