"""`vectorize` and `jvp`: functions made of functions."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Sequence
from typing import Any

from kfront.core import shapes, tree
from kfront.core.errors import ArgumentError, ArgumentTypeError, ShapeError
from kfront.core.op_registry import function
from kfront.core.spec import Abstract, KerasTensor
from kfront.core.typing import AnyCallable, Tensor
from kfront.ops import primitives as p
from kfront.ops.control import vectorized_map
from kfront.transforms.gradients import jvp as transform

_SIGNATURE = re.compile(r"\([^()]*\)(,\([^()]*\))*->\([^()]*\)(,\([^()]*\))*")


def _core_dims(signature: str) -> list[tuple[str, ...]]:
    """Names of the core dimensions of each input."""
    text = signature.replace(" ", "")
    if not _SIGNATURE.fullmatch(text):
        raise ArgumentError(f"[vectorize] expected a `signature` such as '(n),(n)->()', got {signature!r}.")
    return [tuple(d for d in part.split(",") if d) for part in re.findall(r"\(([^()]*)\)", text.split("->")[0])]


@function("numpy")
def vectorize(
    pyfunc: AnyCallable, *, excluded: Iterable[int | str] | None = None, signature: str | None = None
) -> AnyCallable:
    """A function of scalars (or of small tensors) that takes tensors of any shape, as NumPy's `vectorize`.

    Args:
        pyfunc: function made of ops.
        excluded: positions and names of arguments that are passed on as they are.
        signature: such as "(m,n),(n)->(m)": the core dimensions that `pyfunc` takes; scalars if None.

    Returns:
        A function that broadcasts its arguments and maps `pyfunc` over the leading axes.

    Raises:
        ArgumentError: if `signature` is malformed.

    Example:

    >>> from kfront import ops
    >>> add_up = ops.vectorize(lambda a, b: ops.sum(a * b), signature="(n),(n)->()")
    >>> ops.convert_to_numpy(add_up(ops.ones((3, 4)), ops.ones(4))).tolist()
    [4.0, 4.0, 4.0]
    """
    if not callable(pyfunc):
        raise ArgumentTypeError(f"[vectorize] expected `pyfunc` to be callable, got {pyfunc!r}.")
    left_out = set(excluded or ())
    cores = None if signature is None else _core_dims(signature)

    @functools.wraps(pyfunc)
    def run(*args: Any, **kwargs: Any) -> Any:
        places = [i for i in range(len(args)) if i not in left_out]
        names = [k for k in kwargs if k not in left_out]
        tensors = [_tensor(args[i]) for i in places] + [_tensor(kwargs[k]) for k in names]
        ranks = [0] * len(tensors) if cores is None else [len(c) for c in cores]
        if len(ranks) != len(tensors):
            raise ArgumentError(f"[vectorize] expected {len(ranks)} arguments for {signature!r}, got {len(tensors)}.")

        def call(*values: Any) -> Any:
            full, named = list(args), dict(kwargs)
            for i, v in zip(places, values, strict=False):
                full[i] = v
            named.update(zip(names, values[len(places) :], strict=True))
            return pyfunc(*full, **named)

        return _mapped(call, tensors, ranks)

    return run


def _tensor(x: Any) -> Any:
    return x if isinstance(x, KerasTensor) else p.convert_to_tensor(x)


def _mapped(call: AnyCallable, tensors: Sequence[Tensor], ranks: list[int]) -> Any:
    """`call` over the broadcast leading axes of tensors, whose last `ranks` axes it takes."""
    dims = [shapes.shape_of(t) for t in tensors]
    if any(len(d) < r for d, r in zip(dims, ranks, strict=True)):
        raise ShapeError(f"[vectorize] expected tensors of ranks of at least {ranks}, got shapes {dims}.")
    loop = shapes.broadcast(*(d[: len(d) - r] for d, r in zip(dims, ranks, strict=True)))
    if not loop:
        return call(*tensors)
    if None in loop:
        raise ShapeError(f"[vectorize] expected known leading dimensions, got {loop}.")
    cores = [d[len(d) - r :] for d, r in zip(dims, ranks, strict=True)]
    flat = [p.reshape(p.broadcast_to(t, (*loop, *c)), (-1, *c)) for t, c in zip(tensors, cores, strict=True)]
    out = vectorized_map(lambda rows: call(*rows), tuple(flat))
    return tree.map_structure(lambda y: p.reshape(y, (*loop, *shapes.shape_of(y)[1:])), out)


@function("linalg")
def jvp(fun: AnyCallable, primals: Any, tangents: Any, has_aux: bool = False) -> Any:
    """Value of a function and its derivative in a direction, in one forward pass.

    Args:
        fun: takes the primals, returns nested tensors; with `has_aux` a pair (result, anything else).
        primals: tuple of tensors: where.
        tangents: tuple of tensors of the same shapes: in which direction.
        has_aux: whether `fun` returns something besides.

    Returns:
        Tuple (result, derivative), with `has_aux` (result, derivative, the rest).

    Raises:
        UnsupportedError: if the engine does not differentiate forward.

    Example:

    >>> from kfront import ops
    >>> value, tangent = ops.jvp(lambda x: x * x, (ops.array(3.0),), (ops.array(1.0),))
    >>> float(value), float(tangent)
    (9.0, 6.0)
    """
    if any(isinstance(x, KerasTensor) for x in tree.flatten((primals, tangents))):
        out = fun(*primals)
        result, rest = out if has_aux else (out, None)
        slope = tree.map_structure(lambda y: Abstract(y.shape, y.dtype) if isinstance(y, KerasTensor) else y, result)
        return (result, slope, rest) if has_aux else (result, slope)

    primals, tangents = (tuple(map(p.convert_to_tensor, x)) for x in (primals, tangents))
    return transform(fun, primals, tangents, has_aux)
