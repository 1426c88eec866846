"""Sorting, and searching what is sorted."""

# pyright: reportReturnType=false
# (primitives have no body: each engine has its own)

from __future__ import annotations

from kfront.core import shapes
from kfront.core.dtypes import index_result, keep, result_type
from kfront.core.op import op
from kfront.core.typing import Tensor, TensorLike
from kfront.ops.primitives.arguments import option, ranks, whole


@op(dtype=keep, shape=shapes.along, home="numpy")
def sort(x: TensorLike, axis: int | None = -1) -> Tensor:
    """Ascending order along an axis.

    Args:
        x: tensor.
        axis: int, or None for the flat tensor.

    Returns:
        tensor of the shape and dtype of `x`.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.sort([3, 1, 2])).tolist()
    [1, 2, 3]
    """


@op(dtype=index_result, shape=shapes.along, home="numpy")
def argsort(x: TensorLike, axis: int | None = -1) -> Tensor:
    """Positions that put an axis into ascending order; equal elements keep their order.

    Args:
        x: tensor.
        axis: int, or None for the flat tensor.

    Returns:
        int32 tensor of the shape of `x`.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.argsort([3, 1, 2])).tolist()
    [1, 2, 0]
    """


def _top_k_rule(x: Tensor) -> tuple[object, object]:
    return None, [result_type(x), "int32"]


@op(dtype=_top_k_rule, shape=shapes.top_k, prepare={"k": whole("k", 0)}, home="math")
def top_k(x: TensorLike, k: int, sorted: bool = True, is_stable: bool = True) -> tuple[Tensor, Tensor]:
    """The k largest elements along the last axis, and where they are.

    Args:
        x: tensor of shape (..., n).
        k: how many, at most n.
        sorted: whether they come in descending order.
        is_stable: whether of equal elements the first come first; here they always do.

    Returns:
        Tuple (values, indices): shape (..., k), in the dtype of `x` and int32.

    Example:

    >>> from kfront import ops
    >>> values, indices = ops.top_k(ops.array([1.0, 3.0, 2.0]), 2)
    >>> ops.convert_to_numpy(values).tolist(), ops.convert_to_numpy(indices).tolist()
    ([3.0, 2.0], [1, 2])
    """


def _search_rule(a: Tensor, b: Tensor) -> tuple[object, object]:
    return result_type(a, b), "int32"


@op(
    2,
    _search_rule,
    shapes.searchsorted,
    prepare={"sorted_sequence": ranks("sorted_sequence", 1), "side": option("side", "left", "right")},
    zeros="filled",
    home="numpy",
    class_name="SearchSorted",
)
def searchsorted(sorted_sequence: TensorLike, values: TensorLike, side: str = "left") -> Tensor:
    """Where values would be inserted into a sorted sequence.

    Args:
        sorted_sequence: ascending tensor of shape (n,).
        values: tensor of any shape.
        side: "left" for the first suitable position, "right" for the last.

    Returns:
        int32 tensor of the shape of `values`, in [0, n].

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.searchsorted([1, 3, 5], [2, 5])).tolist()
    [1, 2]
    """
