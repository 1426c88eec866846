"""Ops on sparse operands, written once over what an engine's sparse tensors consist of: indices, values, a shape.

An engine has sparse tensors if it defines five hooks (`is_sparse`, `sparse_parts`, `make_sparse`, `densify`,
`sparse_matmul`). Ops that keep zeros work on the values, sums and products on the indices; ops whose result is full
anyway take the dense tensor. Whatever else would have to make a large tensor dense says so instead.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from kfront.core.dtypes import WEAK
from kfront.core.errors import UnsupportedError
from kfront.core.op_registry import ops
from kfront.core.state import state
from kfront.core.typing import AnyCallable, Backend, Size, Tensor

if TYPE_CHECKING:
    from kfront.core.op import Op

# what an op does with zeros, as its declaration says -> which of its operands must be sparse for a sparse result
ZEROS: dict[str, Callable[[list[bool]], bool]] = {
    "kept": lambda sparse: sparse[0],  # of one tensor, 0 at 0: computed on the values
    "moved": lambda sparse: sparse[0],  # values stay as they are, at other places; a composed body may be run on it
    "scaled": lambda sparse: sparse[0] and not any(sparse[1:]),  # the first operand times something without zeros
    "joined": all,  # 0 where all operands are
    "absorbed": any,  # 0 where one of the operands is
    "reduced": lambda sparse: sparse[0],  # summed along axes
    "filled": lambda sparse: False,  # full results, or cheap ones: computed from the dense tensor
    "refused": lambda sparse: False,  # it would have to make a large tensor dense
}
_FORMS: dict[str, Callable[..., object]] = {}


def run(op: Op, b: Backend, values: Sequence[Tensor], key: Sequence[Any], static: Sequence[object]) -> Any:
    """Run an op with a sparse operand.

    Args:
        op: the declared op.
        b: the backend.
        values: operands: native tensors, sparse ones, Python numbers, None.
        key: the dtypes of the operands behind the backend's name, as `Op` keeps them.
        static: the other arguments.
    """
    if op.rule is not None:
        names = [d if d in WEAK else None if d is type(None) else b.dtype_name(d) for d in key[1:]]
        plan = op.plan(names, tuple(static))
        values = [v if c is None else _cast(b, v, c) for v, c in zip(values, plan, strict=True)]
    if op.name in _FORMS:
        return _FORMS[op.name](b, values, **dict(zip(op.static, static, strict=True)))
    if op.zeros == "kept":
        return _of_values(b, values[0], lambda x: op.arrange(op.public, [x, *values[1:]], static))
    if op.zeros == "joined":
        return _joined(b, op.public, *values)
    if op.zeros == "moved":
        return op.arrange(op.body, values, static)
    if op.zeros == "filled":
        dense = [b.densify(v) if b.is_sparse(v) else v for v in values]
        return op.public(dense, *static) if op.listed else op.arrange(op.public, dense, static)
    raise UnsupportedError(
        f"[{op.name}] expected dense tensors, got a sparse one; make it dense with "
        "kfront.ops.convert_to_tensor(x, sparse=False)."
    )


def is_sparse_result(op: Op, operands: Sequence[Tensor], static: Sequence[object]) -> bool:
    """Whether an op with a symbolic sparse operand gives a sparse tensor.

    Args:
        op: the declared op.
        operands: KerasTensors, tensors, numbers.
        static: the other arguments.
    """
    if op.zeros == "reduced" and dict(zip(op.static, static, strict=True))["axis"] is None:
        return False
    return ZEROS[op.zeros]([bool(getattr(x, "sparse", False)) for x in operands if x is not None])


def check(b: Backend) -> None:
    """Check that an engine has sparse tensors.

    Raises:
        UnsupportedError: if it has not.
    """
    if not b.has_sparse:
        raise b._no_sparse()


def _cast(b: Backend, x: Tensor, dtype: str) -> Tensor:
    if b.is_sparse(x):
        return _of_values(b, x, lambda v: b.cast(v, dtype))
    return b.convert(x, dtype) if type(x) in WEAK else b.cast(x, dtype)


def _of_values(b: Backend, x: Tensor, f: Callable[[Any], Any]) -> Tensor:
    indices, values, shape = b.sparse_parts(x)
    return b.make_sparse(indices, f(values), shape, True)


def _form(*names: str) -> Callable[[Any], Any]:
    def decorate(f: Callable[..., object]) -> Any:
        for name in names:
            _FORMS[name] = f
        return f

    return decorate


# ---- sums, products --------------------------------------------------------------------------------------------------


def _joined(b: Backend, f: AnyCallable, x: Tensor, y: Tensor) -> Tensor:
    if not (b.is_sparse(x) and b.is_sparse(y)) or tuple(x.shape) != tuple(y.shape):
        return f(*(b.densify(v) if b.is_sparse(v) else v for v in (x, y)))
    (i, u, shape), (j, v, _) = b.sparse_parts(x), b.sparse_parts(y)
    both = ops.concatenate([i, j], 0)  # the places of both; each gets zeros where only the other has a value
    left = b.make_sparse(both, ops.concatenate([u, ops.zeros_like(v)], 0), shape, False)
    right = b.make_sparse(both, ops.concatenate([ops.zeros_like(u), v], 0), shape, False)
    places, u, _ = b.sparse_parts(left)
    return b.make_sparse(places, f(u, b.sparse_parts(right)[1]), shape, True)


def _at(dense: Tensor, indices: Tensor, rank: int) -> Any:
    """The elements of a dense operand at places of a tensor that it is broadcast to."""
    if type(dense) in WEAK or not len(dense.shape):
        return dense
    first = rank - len(dense.shape)
    where = [indices[:, first + d] if n != 1 else ops.zeros_like(indices[:, 0]) for d, n in enumerate(dense.shape)]
    return ops.get_item(dense, tuple(where))


def _scaled(b: Backend, f: AnyCallable, x: Tensor, y: Any) -> Tensor:
    """`f` of a sparse tensor and a dense operand that is broadcast to its shape."""
    indices, values, shape = b.sparse_parts(x)
    if type(y) not in WEAK and len(y.shape) > len(shape):
        return f(b.densify(x), y)
    if type(y) not in WEAK and any(m == 1 != n for m, n in zip(shape[::-1], tuple(y.shape)[::-1], strict=False)):
        return f(b.densify(x), y)
    return b.make_sparse(indices, f(values, _at(y, indices, len(shape))), shape, True)


@_form("multiply")
def _multiply(b: Backend, operands: Sequence[Tensor]) -> Tensor:
    x, y = operands
    if not b.is_sparse(x):
        x, y = y, x
    return _scaled(b, ops.multiply, x, b.densify(y) if b.is_sparse(y) else y)


@_form("divide")
def _divide(b: Backend, operands: Sequence[Tensor]) -> Any:
    x, y = operands
    if not b.is_sparse(y):
        return _scaled(b, ops.divide, x, y)
    return ops.divide(b.densify(x) if b.is_sparse(x) else x, b.densify(y))  # 0 / 0 is no 0


@_form("matmul")
def _matmul(b: Backend, operands: Sequence[Tensor]) -> Any:
    x, y = operands
    if len(x.shape) != 2 or len(y.shape) != 2:
        return ops.matmul(*(b.densify(v) if b.is_sparse(v) else v for v in operands))
    if not b.is_sparse(x):
        return ops.transpose(b.sparse_matmul(_transpose(b, [y]), ops.transpose(x)))
    if not b.is_sparse(y):
        return b.sparse_matmul(x, y)
    return b.to_sparse(b.sparse_matmul(x, b.densify(y)))


@_form("linear")
def _linear(b: Backend, operands: Sequence[Tensor]) -> Any:
    x, kernel, bias = operands
    *rows, size = x.shape
    out = _matmul(b, [_reshape(b, [x], (-1, int(size))), kernel])
    out = ops.reshape(out, (*rows[:1], *map(int, rows[1:]), out.shape[-1])) if len(rows) != 1 else out
    return out if bias is None else ops.add(out, bias)


# ---- reductions ------------------------------------------------------------------------------------------------------


@_form("sum")
def _sum(
    b: Backend,
    operands: Sequence[Tensor],
    axis: int | Sequence[int] | None = None,
    keepdims: bool = False,
    **other: object,
) -> Any:
    indices, values, shape = b.sparse_parts(operands[0])
    if axis is None:
        total = ops.sum(values)
        return ops.reshape(total, (1,) * len(shape)) if keepdims else total
    axes = {a % len(shape) for a in ((axis,) if isinstance(axis, int) else axis)}
    kept = [d for d in range(len(shape)) if d not in axes]
    if not kept:
        return _sum(b, operands, None, keepdims)
    if keepdims:
        columns = [ops.zeros_like(indices[:, d]) if d in axes else indices[:, d] for d in range(len(shape))]
        return b.make_sparse(
            ops.stack(columns, 1), values, tuple(1 if d in axes else n for d, n in enumerate(shape)), False
        )
    return b.make_sparse(ops.stack([indices[:, d] for d in kept], 1), values, tuple(shape[d] for d in kept), False)


@_form("mean")
def _mean(
    b: Backend,
    operands: Sequence[Any],
    axis: int | Sequence[int] | None = None,
    keepdims: bool = False,
    **other: object,
) -> Any:
    shape = b.sparse_parts(operands[0])[2]
    axes = range(len(shape)) if axis is None else (axis,) if isinstance(axis, int) else axis
    total = _sum(b, operands, axis, keepdims)
    count = math.prod(int(shape[a]) for a in axes)
    return _scaled(b, _divided, total, float(count)) if b.is_sparse(total) else _divided(total, float(count))


def _divided(x: Tensor, y: object) -> Any:
    return ops.divide(x, y)


@_form("shape")
def _shape(b: Backend, operands: Sequence[Tensor]) -> tuple[Size, ...]:
    return tuple(b.sparse_parts(operands[0])[2])


# ---- shapes ----------------------------------------------------------------------------------------------------------


@_form("reshape")
def _reshape(b: Backend, operands: Sequence[Tensor], newshape: Any) -> Tensor:
    indices, values, shape = b.sparse_parts(operands[0])
    size, known = math.prod(shape), math.prod(d for d in newshape if d != -1)
    new = [size // known if d == -1 else d for d in newshape]
    line = ops.zeros_like(indices[:, 0])
    for d, n in enumerate(shape):
        line = line * n + indices[:, d]
    columns: list[Tensor] = []
    for n in reversed(new):
        columns.insert(0, line % n)
        line = line // n
    return b.make_sparse(ops.stack(columns, 1), values, tuple(new), True)


@_form("transpose")
def _transpose(b: Backend, operands: Sequence[Tensor], axes: Sequence[int] | None = None) -> Tensor:
    indices, values, shape = b.sparse_parts(operands[0])
    axes = [a % len(shape) for a in axes] if axes is not None else list(range(len(shape)))[::-1]
    columns = ops.stack([indices[:, a] for a in axes], 1)
    return b.make_sparse(columns, values, tuple(shape[a] for a in axes), False)


@_form("expand_dims")
def _expand_dims(b: Backend, operands: Sequence[Tensor], axis: Any) -> Tensor:
    axes = (axis,) if isinstance(axis, int) else tuple(axis)
    shape = list(b.sparse_parts(operands[0])[2])
    rank = len(shape) + len(axes)
    for a in sorted(a % rank for a in axes):
        shape.insert(a, 1)
    return _reshape(b, operands, tuple(shape))


@_form("squeeze")
def _squeeze(b: Backend, operands: Sequence[Tensor], axis: int | Sequence[int] | None = None) -> Tensor:
    shape = b.sparse_parts(operands[0])[2]
    axes = range(len(shape)) if axis is None else [axis] if isinstance(axis, int) else axis
    gone = {a % len(shape) for a in axes if shape[a] == 1}
    return _reshape(b, operands, tuple(n for d, n in enumerate(shape) if d not in gone))


@_form("concatenate")
def _concatenate(b: Backend, operands: Sequence[Tensor], axis: int = 0) -> Any:
    if not all(map(b.is_sparse, operands)):
        return ops.concatenate([b.densify(x) if b.is_sparse(x) else x for x in operands], axis)
    parts = [b.sparse_parts(x) for x in operands]
    shape = list(parts[0][2])
    axis, places, start = axis % len(shape), [], 0
    for indices, _, own in parts:
        columns = [indices[:, d] + start if d == axis else indices[:, d] for d in range(len(shape))]
        places.append(ops.stack(columns, 1))
        start += own[axis]
    shape[axis] = start
    return b.make_sparse(ops.concatenate(places, 0), ops.concatenate([p[1] for p in parts], 0), tuple(shape), False)


# ---- made of class numbers -------------------------------------------------------------------------------------------


def _positions(x: Tensor) -> tuple[list[Any], tuple[Any, ...]]:
    """The index of each element of a dense tensor: a vector for each axis; and the sizes of the axes."""
    sizes, columns, step = tuple(ops.shape(x)), [], 1
    place = ops.arange(math.prod(sizes))
    for n in reversed(sizes):
        columns.insert(0, (place // step) % n)
        step = step * n
    return columns, sizes


def sparse_one_hot(x: Tensor, num_classes: int, axis: int, dtype: str) -> Any:
    """`ops.one_hot` as a sparse tensor: one value for each element, 0 for a class out of range."""
    b = state.backend
    check(b)
    columns, sizes = _positions(x)
    axis, flat = axis % (len(sizes) + 1), ops.reshape(x, (-1,))
    inside = ops.logical_and(ops.greater_equal(flat, 0), ops.less(flat, num_classes))
    columns.insert(axis, ops.cast(ops.where(inside, flat, 0), "int32"))
    shape = (*sizes[:axis], num_classes, *sizes[axis:])
    return b.make_sparse(ops.stack(columns, 1), ops.cast(inside, dtype), shape, True)


def sparse_multi_hot(x: Tensor, num_classes: int, axis: int, dtype: str) -> Tensor:
    """`ops.multi_hot` as a sparse tensor."""
    b, gone = state.backend, 1 if len(x.shape) > 1 else 0
    indices, values, shape = b.sparse_parts(sparse_one_hot(x, num_classes, axis, "int32"))
    kept = [d for d in range(len(shape)) if d != gone]
    counts = b.make_sparse(ops.stack([indices[:, d] for d in kept], 1), values, tuple(shape[d] for d in kept), False)
    return _of_values(b, counts, lambda n: ops.cast(ops.greater(n, 0), dtype))


def sparse_bincount(x: Tensor, weights: object, length: object) -> Any:
    """`ops.bincount` as a sparse tensor.

    Args:
        x: integer tensor of shape (n,) or (batch, n).
        weights: tensor of its shape, or None.
        length: number of bins.
    """
    b = state.backend
    check(b)
    columns, sizes = _positions(x)
    columns[-1] = ops.cast(ops.reshape(x, (-1,)), "int32")
    values = ops.ones_like(columns[-1]) if weights is None else ops.reshape(ops.broadcast_to(weights, sizes), (-1,))
    return b.make_sparse(ops.stack(columns, 1), values, (*sizes[:-1], length), False)
