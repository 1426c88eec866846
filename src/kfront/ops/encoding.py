"""Class numbers as vectors."""

from __future__ import annotations

from typing import Any

from kfront.core.dtypes import result_type
from kfront.core.errors import ShapeError
from kfront.core.op import in_front_of, op
from kfront.core.sparse import sparse_multi_hot
from kfront.core.spec import KerasTensor
from kfront.core.typing import DTypeLike, Tensor, TensorLike
from kfront.ops import primitives as p
from kfront.ops.primitives.arguments import dtype_name, whole


def _table_rule(indices: Tensor, table: object) -> tuple[object, object]:
    return None, result_type(table)


_table_rule.keeps = True  # type: ignore[attr-defined]


@op(2, _table_rule, zeros="filled")
def embedding(indices: TensorLike, table: TensorLike) -> Tensor:
    """Rows of a table.

    Args:
        indices: integer tensor of any shape.
        table: tensor of shape (rows, n).

    Returns:
        tensor of shape indices.shape + (n,), in the dtype of `table`.

    Example:

    >>> from kfront import ops
    >>> from kfront.ops.encoding import embedding
    >>> ops.convert_to_numpy(embedding(ops.array([1, 0]), ops.array([[1.0, 2.0], [3.0, 4.0]]))).tolist()
    [[3.0, 4.0], [1.0, 2.0]]
    """
    return p.take(table, indices, 0)


@op(
    name="multi_hot",
    prepare={"num_classes": whole("num_classes", 0), "dtype": dtype_name},
    zeros="filled",
    home="nn",
)
def _multi_hot(inputs: Any, num_classes: int, axis: int, dtype: DTypeLike, sparse: bool) -> Tensor:
    if sparse and not isinstance(inputs, KerasTensor):
        return sparse_multi_hot(inputs, num_classes, axis, str(dtype))
    return p.max(p.one_hot(inputs, num_classes, axis, dtype), 1 if len(inputs.shape) > 1 else 0)


@in_front_of(_multi_hot)
def multi_hot(
    inputs: TensorLike,
    num_classes: int | None = None,
    axis: int = -1,
    dtype: DTypeLike = None,
    sparse: bool = False,
    **kwargs: Any,
) -> Tensor:
    """A 1 at the place of every class number of a sample, zeros elsewhere.

    Args:
        inputs: integer tensor of shape (n,) or (batch, n, ...).
        num_classes: number of classes.
        axis: place of the axis of classes in the result.
        dtype: dtype name; floatx if None.
        sparse: whether the result is a sparse tensor, on an engine that has them.
        **kwargs: `num_tokens`, an old name of `num_classes`.

    Returns:
        tensor of shape (num_classes,) or (batch, num_classes, ...).

    Raises:
        ShapeError: if `num_classes` is not given.
        UnsupportedError: with `sparse`, on an engine without sparse tensors.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.multi_hot([0, 2], 3)).tolist()
    [1.0, 0.0, 1.0]
    """
    num_classes = kwargs.get("num_tokens") if num_classes is None else num_classes
    if num_classes is None:
        raise ShapeError("[multi_hot] expected `num_classes`, got None.")
    return _multi_hot(inputs, num_classes, axis, dtype, sparse)
