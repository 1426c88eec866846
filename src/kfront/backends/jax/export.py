"""Models as StableHLO."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import jax
from jax import Array, export

from kfront.backends import get
from kfront.backends.jax.common import canonical
from kfront.backends.jax.native import Journal, Trace
from kfront.core import tree
from kfront.core.files import atomic_write
from kfront.core.typing import Nested

if TYPE_CHECKING:
    from kfront.core.spec import KerasTensor
    from kfront.models.model import Model

    Signature = tuple[Nested[KerasTensor], ...]


def write_stablehlo(
    model: Model,
    signature: Signature,
    path: str,
    *,
    platforms: Sequence[str] | None = None,
    constraints: Sequence[str] = (),
) -> None:
    """A model for `jax.export.deserialize`: StableHLO with the weights in it, and its signature.

    Args:
        model: the model.
        signature: its arguments.
        path: the file.
        platforms: among "cpu", "cuda", "rocm", "tpu"; that of this process if None.
        constraints: what holds for the unknown sizes "batch", "n0", "n1" …, such as "n0 >= 3".
    """

    def serve(*inputs: Nested[Array]) -> Any:
        with Journal(), Trace():
            return model(*inputs)

    exported = export.export(jax.jit(serve), platforms=platforms)(*arguments(signature, constraints))
    with atomic_write(path) as file:
        file.write(exported.serialize())


def polymorphic(signature: Signature) -> list[Array]:
    """Shapes as JAX writes them: all unknown batch sizes are one, every other unknown size is its own."""
    count = iter(range(1 << 20))

    def one(x: Array) -> str:
        dims = (str(n) if n is not None else "batch" if i == 0 else f"n{next(count)}" for i, n in enumerate(x.shape))
        return f"({', '.join(dims)},)" if x.shape else "()"

    return tree.map_structure(one, list(signature))


def arguments(signature: Signature, constraints: Sequence[str] = (), shapes: object = None) -> tuple[Array, ...]:
    """Arguments with symbolic sizes, those of `polymorphic` unless there are shapes."""
    scope = export.SymbolicScope(constraints)

    def one(x: Array, shape: str) -> Any:
        dims = export.symbolic_shape(shape, scope=scope, like=x.shape)
        return jax.ShapeDtypeStruct(dims, get("jax").native_dtype(canonical(x.dtype)))

    return tuple(tree.map_structure(one, list(signature), shapes or polymorphic(signature)))
