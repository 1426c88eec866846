"""SavedModels of functions of JAX, by way of jax2tf."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import jax
from jax import Array
from jax.experimental import jax2tf

from kfront.backends import backend_scope, get
from kfront.backends.jax.export import arguments, polymorphic
from kfront.backends.jax.native import Journal, Reads, Trace, store
from kfront.backends.typing import Closure
from kfront.core.typing import Nested

if TYPE_CHECKING:
    from kfront.core.spec import KerasTensor
    from kfront.core.variable import Variable
    from kfront.models.model import Model


_tensorflow = get("tensorflow")  # says what to install without it

from kfront.backends.tensorflow.export import Archive  # noqa: E402

# Of StableHLO: a TensorFlow older than JAX fails when it meets one, not before. `top_k` makes the first, and since
# JAX 0.12 every unknown size the second.
_NEW = re.compile(rb"composite_v2|custom_call_v2")


class JaxArchive(Archive):
    """As on TensorFlow; each Variable has a copy that TensorFlow holds."""

    options = frozenset(("is_static", "jax2tf_kwargs"))

    def __init__(self) -> None:
        super().__init__()
        self._copies: dict[int, tuple[Any, Any]] = {}  # of each Variable: itself, its copy

    def native(self, variable: Variable) -> Nested[Array]:
        found = self._copies.get(id(variable))
        if found is None:
            with backend_scope(_tensorflow):
                copy = _tensorflow.Variable(variable.numpy(), trainable=variable.trainable, name=variable.name)
            found = self._copies[id(variable)] = (variable, copy)
        return found[1]._value

    def function(
        self,
        fn: Closure[Array],
        signature: tuple[Nested[KerasTensor], ...],
        is_static: bool | None = None,
        jax2tf_kwargs: dict[str, Any] | None = None,
    ) -> Closure[Array]:
        given = dict(jax2tf_kwargs or {})
        shapes = given.pop("polymorphic_shapes", None) or polymorphic(signature)
        read, written = _state(fn, arguments(signature, given.get("polymorphic_constraints", ()), shapes))
        written = [] if is_static else written
        self._hold(read)
        converted = jax2tf.convert(_pure(fn, read, written), polymorphic_shapes=[None, *shapes], **given)

        def call(*inputs: Nested[Array]) -> Nested[Array]:
            out, new = converted([self.native(v).value() for v in read], *inputs)
            for v, x in zip(written, new, strict=True):
                self.native(v).assign(x)
            return out

        return call

    def endpoint(
        self, name: str, fn: Closure[Array], signature: tuple[Nested[KerasTensor], ...] | None, **options: object
    ) -> Nested[Array]:
        """Add a function, after seeing that TensorFlow can read what JAX wrote."""
        traced = super().endpoint(name, fn, signature, **options)
        if signature is not None and _NEW.search(
            traced.get_concrete_function().graph.as_graph_def().SerializeToString()
        ):
            self.try_out(traced, signature, f"JAX {jax.__version__}")
        return traced


def write_tf_saved_model(
    model: Model,
    signature: tuple[Nested[KerasTensor], ...],
    path: str,
    *,
    is_static: bool | None = None,
    jax2tf_kwargs: dict[str, Any] | None = None,
) -> None:
    """A model as a SavedModel with the endpoint "serve".

    Args:
        model: the model.
        signature: its arguments.
        path: the folder.
        is_static: whether what a call assigns to Variables is dropped; None: only if it assigns nothing.
        jax2tf_kwargs: for `jax2tf.convert`.
    """
    archive = JaxArchive()
    archive.track(model, list(model.variables))
    archive.endpoint("serve", model, signature, is_static=is_static, jax2tf_kwargs=jax2tf_kwargs)
    archive.save(path)


def _state(fn: Closure[Array], inputs: tuple[Any, ...]) -> tuple[list[Any], list[Any]]:
    """The Variables that a function reads, and those that it assigns."""
    written: list[Variable] = []

    def run(*inputs: Nested[Array]) -> Nested[Array]:
        with Journal() as journal, Trace():
            out = fn(*inputs)
            written[:] = journal.written()
            return out

    with Reads() as found:
        jax.eval_shape(run, *inputs)
    return list({**found, **{id(v): v for v in written}}.values()), written


def _pure(fn: Closure[Array], read: list[Variable], written: list[Variable]) -> Closure[Array]:
    """`fn` with the values of its Variables as first argument, and with new ones as second result."""

    def pure(values: list[Array], *inputs: Nested[Array]) -> Nested[Array]:
        with Journal(), Trace():
            for v, x in zip(read, values, strict=True):
                store(v, x)
            return fn(*inputs), [v._value for v in written]

    return pure
