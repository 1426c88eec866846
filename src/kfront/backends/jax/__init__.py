"""The JAX adapter."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.export import is_symbolic_dim

from kfront import config
from kfront.backends.base import Backend, op_modules
from kfront.backends.distributor import Distributor
from kfront.backends.jax import elementwise, foreach, host, native, pytree, sparse, step, transforms
from kfront.backends.jax.common import ARRAY, TRACER, _identity, canonical, compiled, forget, lift, tracing, x64
from kfront.backends.jax.tuned import TABLE
from kfront.backends.typing import Closure, Pair
from kfront.core.dtypes import ALL, standardize
from kfront.core.errors import ArgumentError, BackendError, DTypeError
from kfront.core.op import OPS
from kfront.core.operators import VariableBase
from kfront.core.spec import KerasTensor
from kfront.core.typing import DTypeLike, Nested

if TYPE_CHECKING:
    from kfront.core.op import Op
    from kfront.layers.base import Layer


__all__ = ["JaxBackend", "make_backend"]

_DTYPES = tuple(d for d in ALL if d != "string")
_NAMES = {jnp.dtype(d): d for d in _DTYPES}
_WIDE = frozenset(("int64", "uint64", "float64", "complex128"))


class JaxBackend(Backend):
    """JAX: immutable arrays, functional transforms, compiled by XLA."""

    name = "jax"
    types = frozenset({ARRAY})
    Variable = native.JaxVariable
    seed_dtype = "uint32"
    survives_fork = False  # its threads are gone in the child
    steps_take_state = True
    host_call = staticmethod(host.host_call)
    _attaching = False
    modules = op_modules(__name__)
    tuned_table = TABLE
    foreach_type = foreach.JaxForeach
    exports = {  # noqa: RUF012
        "stablehlo": "kfront.backends.jax.export",
        "tf_saved_model": "kfront.backends.jax.saved_model",
    }

    def export_archive(self) -> type | None:
        """The archive of SavedModels."""
        from kfront.backends.jax.saved_model import JaxArchive  # loads TensorFlow

        return JaxArchive

    def finish(self) -> Backend:
        """As for any backend; composed ops of several steps are compiled as one."""
        self._attaching = True  # fast paths for 64-bit types too: x64 may be enabled later
        super().finish()
        self._attaching = False
        for name, one in OPS.items():
            if one.fuse and getattr(self, name) is one.body:
                setattr(self, name, _fused(one))
        return self

    def use_tuned_kernels(self, on: bool) -> None:
        """As for any backend; what was compiled before is traced again, as its code calls other ops now."""
        before = self.matmul
        super().use_tuned_kernels(on)
        if self.matmul is not before:
            self.forget_compiled()

    @property
    def dtypes(self) -> tuple[str, ...]:  # type: ignore[override]
        """The dtypes there are: those of 64 bits with `jax_enable_x64` only."""
        return _DTYPES if self._attaching or x64() else tuple(d for d in _DTYPES if d not in _WIDE)

    forget_compiled = staticmethod(forget)

    # -- tensors ------------------------------------------------------------------------------------------------------

    foreign_kinds = {"jax": "kfront.backends.jax.foreign"}  # noqa: RUF012

    def is_tensor(self, x: object) -> bool:
        """Whether `x` is an array or a tracer."""
        return type(x) is ARRAY or isinstance(x, jax.Array) or sparse.is_sparse(x)

    def native_dtype(self, name: str) -> np.dtype:
        """The NumPy dtype object that `x.dtype` is."""
        return jnp.dtype(name)

    def dtype_name(self, dtype: DTypeLike) -> str:
        """The name of an engine dtype."""
        found = _NAMES.get(dtype) if dtype.__class__ is not str else None
        return found or standardize(dtype)

    def static_shape(self, x: Array) -> tuple[int, ...]:
        """The shape; every dimension is known."""
        return x.shape

    def convert(self, x: object, dtype: str | None = None) -> Array:
        """A JAX array of anything array-like."""
        kind = type(x)
        if kind is ARRAY or isinstance(x, TRACER):
            return x if dtype is None else elementwise.cast(x, dtype)
        if sparse.is_sparse(x):
            return x if dtype is None else sparse.make_sparse(x.indices, elementwise.cast(x.data, dtype), x.shape, True)
        if kind in _NUMBERS:
            return _identity(_number(_NUMBERS[kind], dtype)(x))
        if isinstance(x, VariableBase):
            x = x.value if x._kf_backend is self else x.numpy()
            return self.convert(x, dtype)
        if (found := self.foreign_sparse(x)) is not None:
            return self.convert(found, dtype)
        return _convert_host(x, None if dtype is None else canonical(dtype))

    def cast(self, x: Array, dtype: str) -> Array:
        """`x` in another dtype."""
        return elementwise.cast(x, dtype)

    def to_numpy(self, x: Array) -> np.ndarray:
        """The value as a NumPy array (it may share memory and be read-only)."""
        x = sparse.densify(x) if sparse.is_sparse(x) else x
        return x.numpy() if isinstance(x, VariableBase) else np.asarray(x)

    def set_mask(self, x: Array, mask: Array) -> None:
        """Attach a mask."""
        native.set_mask(x, mask)

    def get_mask(self, x: Array) -> Array | None:
        """The mask of a tensor, or None."""
        return native.get_mask(x)

    def compute_spec(self, fn: Closure[Array], *args: object, **kwargs: object) -> object:
        """Outputs of raw JAX code: `jax.eval_shape`, twice, to tell known dimensions from unknown ones."""
        flat, structure = jax.tree_util.tree_flatten((args, kwargs))
        first, second = (_eval_shape(fn, flat, structure, fill) for fill in (83, 97))

        def merge(a: Array, b: Array) -> Array:
            return KerasTensor([m if m == n else None for m, n in zip(a.shape, b.shape, strict=True)], a.dtype)

        return jax.tree_util.tree_map(merge, first, second)

    # -- layers ----------------------------------------------------------------------------------------------

    def init_layer(self, layer: Layer) -> None:
        """Note the trace that the layer is made in."""
        layer.__dict__["_kf_made_in"] = native.trace_now()

    def track_variable(self, layer: Layer, attribute: str, variable: native.JaxVariable) -> None:  # type: ignore[override]
        """A variable belongs to the trace of its layer: one that is built while a function is traced, to none."""
        variable._kf_made_in = layer.__dict__.get("_kf_made_in")

    def native_members(self, cls: type, root: type) -> dict[str, object]:
        """What fills a layer that comes out of a transform."""
        return pytree.members(cls)

    def register_layer_class(self, cls: type) -> None:
        """Make a layer class a pytree."""
        pytree.register(cls)

    partition = staticmethod(pytree.partition)
    merge = staticmethod(pytree.merge)

    def make_distributor(self) -> Distributor:
        """Meshes of `jax.sharding`."""
        from kfront.backends.jax.distribution import JaxDistributor  # its modules of JAX are for several devices

        return JaxDistributor(self)

    # -- execution ----------------------------------------------------------------------------------------------------

    def eager(self) -> AbstractContextManager[object]:
        """Context in which values are concrete even while JAX traces."""
        return jax.ensure_compile_time_eval()

    def is_tracing(self) -> bool:
        """Whether a computation is being staged out (`jit`, `scan`, `eval_shape` of one)."""
        return tracing()

    def has_value(self, x: object) -> bool:
        """Whether `x` is an array, not a tracer (of `jit`, but also of an eager `vmap` or `grad`)."""
        return not isinstance(x, TRACER)

    def device(self, name: str | None) -> AbstractContextManager[object]:
        """Context in which new arrays live on a device such as "cpu", "gpu:0"."""
        return contextlib.nullcontext() if name is None else jax.default_device(_device(name))

    def synchronize(self, x: Array) -> object:
        """Wait until `x` is computed."""
        return jax.block_until_ready(x)

    def profiler(self, folder: str) -> AbstractContextManager[object]:
        """Context in which `jax.profiler` runs."""
        return jax.profiler.trace(folder)

    def next_key(self, variable: Variable) -> Array:
        """The state of a SeedGenerator, which is then advanced."""
        key = variable._value
        variable.assign(_advance(key))
        return key

    def feed(self, x: Array, fresh: bool = False) -> Array:
        """A NumPy array goes into compiled code as it is: `jit` takes it faster than `jnp.asarray` does.

        Unless it is fresh a copy does, because `jit` on CPU may read it after it has returned, when a generator already
        fills it anew.
        """
        if type(x) is not np.ndarray or x.dtype.kind not in "fiub":
            return self.convert(x)
        return x if fresh else np.array(x)

    def value_and_grad(
        self, fn: Callable[[], Pair[Array]], variables: Sequence[Variable], state: Sequence[Variable] = ()
    ) -> tuple[Nested[Array], Nested[Array], list[Array]]:
        """Value and gradients of a closure over Variables."""
        return step.value_and_grad(fn, variables, state)

    is_sparse = staticmethod(sparse.is_sparse)
    sparse_parts = staticmethod(sparse.sparse_parts)
    make_sparse = staticmethod(sparse.make_sparse)
    densify = staticmethod(sparse.densify)
    sparse_matmul = staticmethod(sparse.sparse_matmul)
    to_sparse = staticmethod(sparse.to_sparse)
    vjp = staticmethod(transforms.vjp)
    jvp = staticmethod(transforms.jvp)
    checkpoint = staticmethod(transforms.checkpoint)

    def one_batch(self, data: object, kind: str) -> object:
        """An iterator; see `Backend.one_batch`."""
        return iter([data])

    def compile_step(
        self, fn: Closure[Array], state: Callable[[], Sequence[Variable]], jit: bool | str
    ) -> Closure[Array]:
        """`fn` under `jax.jit`, its state donated."""
        return step.Step(fn, state) if jit else fn

    def compile_loop(
        self, fn: Closure[Array], state: Callable[[], Sequence[Variable]], jit: bool | str, count: int | None = None
    ) -> Closure[Array]:
        """`fn` over a list of batches in one `lax.scan`."""
        return step.Loop(fn, state, count) if jit else super().compile_loop(fn, state, jit, count)

    def cannot_trace(self, error: Exception) -> bool:
        """Whether an error says that a tracer has no value, shape or truth."""
        return isinstance(error, _TRACING)


def _fused(one: Op) -> Closure[Array]:
    """A composed op's body compiled for its static arguments and the settings that bodies read."""
    static = [0, *(i + 1 for i, n in enumerate(one.parameters) if n in one.static)]
    body = one.body
    run = jax.jit(lambda settings, *args: body(*args), static_argnums=static, inline=True)

    def call(*args: object) -> Nested[Array]:
        try:
            return run((config.floatx(), config.epsilon(), config.image_data_format()), *args)
        except (TypeError, ValueError, IndexError):  # unhashable static argument, body that reads values, error
            return body(*args)

    return call


_advance = compiled()(lambda key: key + jnp.array([0, 1], key.dtype))


_TRACING = (
    jax.errors.ConcretizationTypeError,
    jax.errors.NonConcreteBooleanIndexError,
    jax.errors.TracerArrayConversionError,
    jax.errors.TracerIntegerConversionError,
    jax.errors.UnexpectedTracerError,
)
_NUMBERS = {bool: bool, int: int, float: float, np.float64: float, complex: complex}


def _number(kind: type, dtype: str | None) -> Any:
    """The NumPy type that a Python number is stored in."""
    return _scalar_type(canonical(kind if dtype is None else dtype))


@functools.cache
def _scalar_type(name: str) -> Any:
    return jnp.dtype(name).type


def _convert_host(x: object, dtype: str | None) -> Array:
    if isinstance(x, (list, tuple)):
        return _convert_list(x, dtype)
    if isinstance(x, KerasTensor):
        raise x._no_value("conversion to a tensor")
    if is_symbolic_dim(x):  # a size that is open in a trace
        return jnp.asarray(x, dtype or "int32")
    if not isinstance(x, (np.ndarray, np.generic)):
        shared = _shared(x)
        if shared is not None:
            return shared if dtype is None or shared.dtype.name == dtype else elementwise.cast(shared, dtype)
        x = _from_other(x)
    if x.dtype.kind in "OUS":
        raise DTypeError(f"[convert_to_tensor] expected numbers, got dtype {x.dtype}; JAX has no such arrays.")
    return lift(x, dtype)


def _convert_list(x: object, dtype: str | None) -> Array:
    leaves = jax.tree_util.tree_leaves(x, is_leaf=lambda v: not isinstance(v, (list, tuple)))
    if any(isinstance(v, (jax.Array, VariableBase)) for v in leaves):
        x = jax.tree_util.tree_map(lambda v: v.value if isinstance(v, VariableBase) else v, x)
        return jnp.asarray(x, dtype)
    found = np.asarray([_from_other(v) for v in x] if any(hasattr(v, "detach") for v in leaves) else x)
    if dtype is None and not any(hasattr(v, "dtype") and not isinstance(v, float) for v in leaves):
        dtype = {"f": standardize(None), "i": "int32", "c": "complex64"}.get(found.dtype.kind)
        if dtype == "int32" and found.size and (found.max() > 2**31 - 1 or found.min() < -(2**31)):
            dtype = canonical("int64")
            if dtype != "int64":
                raise ArgumentError(
                    f"[convert_to_tensor] expected integers of 32 bits, got some from {found.min()} to {found.max()}; "
                    "JAX has larger ones only after `jax.config.update('jax_enable_x64', True)`."
                )
        dtype = None if dtype is None else canonical(dtype)
    return _convert_host(found, dtype)


def _shared(x: object) -> Array | None:
    """An array in the memory of another engine's tensor, None where it must be copied: do not change the tensor."""
    if not hasattr(x, "__dlpack__"):
        return None
    try:
        out = jax.dlpack.from_dlpack(x.detach() if hasattr(x, "detach") else x)
    except Exception:  # a dtype, device or layout that DLPack does not carry
        return None
    return out if canonical(out.dtype) == out.dtype.name else None


def _from_other(x: object) -> Any:
    """A NumPy array of another library's tensor."""
    if hasattr(x, "detach"):  # torch
        x = x.detach().cpu()
        if str(x.dtype) == "torch.bfloat16":  # torch 2.13 has no export of it to NumPy
            return x.float().numpy().astype(jnp.bfloat16)
        return x.numpy()
    if hasattr(x, "toarray"):  # scipy.sparse
        return x.toarray()
    return np.asarray(x)


def _eval_shape(fn: Closure[Array], flat: list[Array], structure: object, fill: int) -> Nested[Array]:
    specs = [x if not isinstance(x, KerasTensor) else _filled(x, fill) for x in flat]
    places = [i for i, x in enumerate(flat) if isinstance(x, KerasTensor)]

    def run(values: list[Array]) -> Nested[Array]:
        full = list(specs)
        for i, v in zip(places, values, strict=True):
            full[i] = v
        args, kwargs = jax.tree_util.tree_unflatten(structure, full)
        with native.Journal():
            return fn(*args, **kwargs)

    return jax.eval_shape(run, [specs[i] for i in places])


def _filled(x: Array, fill: int) -> Any:
    return jax.ShapeDtypeStruct([fill if d is None else d for d in x.shape], canonical(x.dtype))


def _device(name: str) -> jax.Device:
    kind, _, index = name.lower().replace("cuda", "gpu").partition(":")
    try:
        return jax.devices(kind)[int(index or 0)]
    except (RuntimeError, IndexError, ValueError) as error:
        have = ", ".join(f"{d.platform}:{d.id}" for d in jax.devices())
        raise BackendError(f"[device] expected one of {have}, got {name!r}.") from error


def make_backend() -> JaxBackend:
    """The adapter, as `kfront.backends.get` wants it."""
    return JaxBackend()
