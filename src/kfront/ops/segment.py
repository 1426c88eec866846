"""Reductions over groups of rows."""

from __future__ import annotations

from typing import Any

from kfront.core import shapes_nn
from kfront.core.dtypes import result_type
from kfront.core.op import op

__all__ = ["segment_max", "segment_sum"]


def _segment_rule(data: Any, segment_ids: Any) -> tuple[Any, Any]:
    return None, result_type(data)


_segment_rule.keeps = True  # type: ignore[attr-defined]


@op(2, _segment_rule, shapes_nn.segment)
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


@op(2, _segment_rule, shapes_nn.segment)
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
