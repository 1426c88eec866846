"""Functions of JAX and modules of Flax inside layers."""

from __future__ import annotations

import inspect
from types import ModuleType
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
from jax import Array

from kfront.backends.typing import Closure, Pair
from kfront.core import tree
from kfront.core.errors import ArgumentTypeError, UnsupportedError
from kfront.core.typing import Nested

if TYPE_CHECKING:
    from kfront.layers.base import Layer


def first(fn: Closure[Array], rng: Array, inputs: Nested[Array]) -> Nested[Array]:
    """What `fn` gives for a key and inputs."""
    return fn(jnp.asarray(rng).astype("uint32"), inputs)


def run(
    layer: Layer, fn: Closure[Array], rng: Array, inputs: Nested[Array], training: bool, *variables: Array
) -> Pair[Array]:
    """(outputs, leaves of the new state) of ``fn(*variables, rng, inputs, training)``."""
    outputs, new = fn(*variables, rng, inputs, training)
    return outputs, leaves(new)


def parts(values: Nested[Array]) -> tuple[list[Array], Nested[Array]]:
    """The leaves of a pytree, whatever they are, and the structure."""
    return jax.tree_util.tree_flatten(values)


def flatten(values: Nested[Array]) -> tuple[list[tuple[str, Any]], Any]:
    """Pairs (name made of the path, array), and the structure."""
    found, structure = jax.tree_util.tree_flatten_with_path(values)
    return [(_name(path), jnp.asarray(x)) for path, x in found], structure


def _name(path: Any) -> str:
    parts = [str(getattr(p, "key", getattr(p, "idx", getattr(p, "name", p)))) for p in path]
    return ".".join(p for p in parts if p != "value").replace("/", ".")


def unflatten(structure: object, values: Nested[Array]) -> Nested[Array]:
    """The pytree of these leaves."""
    return jax.tree_util.tree_unflatten(structure, values)


def leaves(values: Nested[Array]) -> list[Array]:
    """The leaves of a pytree."""
    return jax.tree_util.tree_leaves(values)


def ones(shapes: Any, dtype: str) -> Nested[Array]:
    """Arrays of ones, unknown sizes 1."""
    return tree.map_shape_structure(lambda s: jnp.ones([1 if d is None else d for d in s], dtype), shapes)


def flax(module: Any, method: Any, who: str) -> _Linen | _Nnx:
    """The functions of a module of Flax.

    Raises:
        UnsupportedError: without Flax.
        ArgumentTypeError: if it is no such module.
    """
    try:
        from flax import linen, nnx  # pyright: ignore[reportMissingImports]  (a library that is not needed otherwise)
    except ImportError:
        raise UnsupportedError(f"[{who}] expected the package flax, got none; do `pip install flax`.") from None
    if isinstance(module, linen.Module):
        return _Linen(module, method)
    if isinstance(module, nnx.Module):
        return _Nnx(nnx, module, method)
    raise ArgumentTypeError(f"[{who}] expected a flax.linen.Module or flax.nnx.Module, got {module!r}.")


def _takes_training(fn: Closure[Array]) -> bool:
    return "training" in inspect.signature(fn).parameters


class _Linen:
    """A `flax.linen.Module`: variables outside of "params" are state."""

    def __init__(self, module: Any, method: Any) -> None:
        self.module = module
        self.method = getattr(type(module), method) if isinstance(method, str) else method
        self.more = _takes_training(self.method or type(module).__call__)

    def given(self, variables: Nested[Array]) -> Nested[Array]:
        """(params, state) of given variables, None if there are none."""
        return None if variables is None else self._split(variables)

    def _split(self, variables: Nested[Array]) -> Pair[Array]:
        return variables.get("params", {}), {k: v for k, v in variables.items() if k != "params"}

    def init(self, rng: Array, inputs: Nested[Array]) -> Pair[Array]:
        """First (params, state)."""
        more = {"training": True} if self.more else {}
        return self._split(self.module.init({"params": rng}, inputs, method=self.method, **more))

    def apply(
        self, params: Nested[Array], state: Nested[Array], rng: Array, inputs: Nested[Array], training: bool
    ) -> Pair[Array]:
        """(outputs, new state)."""
        more = {"training": training} if self.more else {}
        out, changed = self.module.apply(
            {"params": params, **state},
            inputs,
            rngs={"params": rng},
            method=self.method,
            mutable=list(state) if state else ["intermediates"],
            **more,
        )
        return out, {k: changed.get(k, v) for k, v in state.items()}


class _Nnx:
    """A `flax.nnx.Module`: what is neither a Param nor a key of a random stream is state."""

    def __init__(self, nnx: ModuleType, module: Any, method: Any) -> None:
        self.nnx, self.method = nnx, method or "__call__"
        self.more = _takes_training(getattr(type(module), self.method))
        self.graph, self.params, self.keys, self.state = nnx.split(module, nnx.Param, nnx.RngState, ...)

    def given(self, variables: Nested[Array]) -> Nested[Array]:
        """(params, state) of the module."""
        return self.params, self.state

    def init(self, rng: Array, inputs: Nested[Array]) -> Pair[Array]:
        """The module has its values already."""
        return self.params, self.state

    def apply(
        self, params: Nested[Array], state: Nested[Array], rng: Array, inputs: Nested[Array], training: bool
    ) -> Pair[Array]:
        """(outputs, new state)."""
        nnx = self.nnx
        module = nnx.merge(self.graph, params, jax.tree_util.tree_map(lambda k: _moved(k, rng), self.keys), state)
        if not self.more:
            module.train() if training else module.eval()
        out = getattr(module, self.method)(inputs, **({"training": training} if self.more else {}))
        return out, nnx.split(module, nnx.Param, nnx.RngState, ...)[3]


def _moved(key: object, rng: Array) -> Nested[Array]:
    """A key of the module's random streams, another one for each call; counters stay."""
    if not jnp.issubdtype(key.dtype, jax.dtypes.prng_key):
        return key
    return jax.random.fold_in(jax.random.fold_in(key, rng[0]), rng[1])
