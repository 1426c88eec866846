"""The TensorFlow backend."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

import ml_dtypes
import numpy as np

from kfront.backends.base import Backend, op_modules
from kfront.backends.tensorflow import common  # first: it sets the log level default
from kfront.backends.typing import Closure, Pair
from kfront.core.typing import DTypeLike, Nested

import tensorflow as tf  # isort: skip

from kfront import config
from kfront.backends.distributor import Reduction
from kfront.backends.tensorflow import elementwise, host, native, sparse, step, strategy, transforms
from kfront.backends.tensorflow.foreach import TensorFlowForeach
from kfront.backends.tensorflow.tuned import TABLE
from kfront.core.spec import Abstract
from kfront.core.variable import Variable

if TYPE_CHECKING:
    from tensorflow import Tensor

    from kfront.layers.base import Layer


__all__ = ["TensorFlowBackend", "make_backend"]

_DTYPES = (
    *("bool", "uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64"),
    *("float16", "bfloat16", "float32", "float64", "float8_e4m3fn", "float8_e5m2"),
    *("complex64", "complex128", "string"),
)
_NATIVE = {d: tf.as_dtype(d) for d in _DTYPES}
_NAMES = {t: d for d, t in _NATIVE.items()}
_TENSORS = (tf.Tensor, tf.SparseTensor, tf.RaggedTensor, tf.IndexedSlices)

try:  # what `tape.stop_recording()` uses, for all tapes at once; private
    from tensorflow.python.eager.record import stop_recording
except ImportError:  # pragma: no cover
    stop_recording = contextlib.nullcontext  # type: ignore[assignment]

try:  # private; without it AutoGraph rewrites kfront's code, which works as well
    from tensorflow.python.autograph.core import config as autograph
except ImportError:  # pragma: no cover
    autograph = None  # type: ignore[assignment]


def _keep_autograph_out() -> None:
    """Let AutoGraph leave kfront's own code alone inside a user's `@tf.function`.

    It would rewrite each layer and op (tracing is 7 times slower) and warn of generated functions without source.
    As in Keras, a layer's `call` is not rewritten either.
    """
    rules = getattr(autograph, "CONVERSION_RULES", None)
    if isinstance(rules, tuple) and hasattr(autograph, "DoNotConvert"):
        autograph.CONVERSION_RULES = (autograph.DoNotConvert("kfront"), *rules)


class TensorFlowBackend(Backend):
    """TensorFlow: eager tensors and `tf.function` graphs, variables on `tf.Variable`, layers that are trackable."""

    name = "tensorflow"
    takes_tf_data = True
    types = common.eager_types
    native_base = native.LayerBase
    native_types = (tf.Module, tf.Variable)
    survives_fork = False  # its thread pools are gone in the child
    ragged_tensors = True
    tuned_table = TABLE
    host_call = staticmethod(host.host_call)
    to_sparse = staticmethod(host.to_sparse)
    to_ragged = staticmethod(host.to_ragged)
    dataset = staticmethod(host.dataset)
    Variable = native.TensorFlowVariable
    dtypes = _DTYPES
    seed_dtype = "int64"  # the stateless random ops take int32 and int64 keys only
    modules = op_modules(__name__)
    foreach_type = TensorFlowForeach

    # -- tensors ------------------------------------------------------------------------------------------------------

    foreign_kinds = {  # noqa: RUF012
        "jax": "kfront.backends.tensorflow.foreign_jax",
        "savedmodel": "kfront.backends.tensorflow.foreign",
    }
    exports = {  # noqa: RUF012
        "tf_saved_model": "kfront.backends.tensorflow.export",
        "litert": "kfront.backends.tensorflow.litert",
    }

    instead_of_distribution = (
        "on TensorFlow make, compile and fit the model inside `tf.distribute.MirroredStrategy().scope()`."
    )

    def native_layer(self, layer: Layer) -> Closure[Tensor] | None:
        """A layer for strings in TensorFlow's ops."""
        from kfront.backends.tensorflow.strings import native_layer  # loads layers, which load this

        return native_layer(layer)

    def export_archive(self) -> type | None:
        """The archive of SavedModels."""
        from kfront.backends.tensorflow.export import Archive  # an exporter

        return Archive

    replicas = staticmethod(strategy.count)
    replicated = staticmethod(strategy.replicated)
    scope_of = staticmethod(strategy.scope_of)
    whole_batches = staticmethod(strategy.whole_batches)

    def gradient_reduction(self) -> Reduction | None:
        """The sum over the replicas of a `tf.distribute` strategy."""
        return strategy.summed if tf.distribute.has_strategy() else super().gradient_reduction()

    def variable_of(self, held: object) -> Variable | None:
        """See `Backend.variable_of`. A `tf.Variable` that nobody made a Variable for gets one."""
        if isinstance(held, tf.Variable):
            return native.variable_of(held)
        return super().variable_of(held)

    def is_tensor(self, x: object) -> bool:
        """Whether `x` is a TensorFlow tensor (dense, symbolic, sparse or ragged)."""
        return isinstance(x, _TENSORS)

    counts_as_tensor = staticmethod(tf.is_tensor)  # with `tf.Variable`s, and Variables, which stand for them

    def native_dtype(self, name: str) -> tf.DType:
        """The `tf.DType` of that name."""
        found = _NATIVE.get(name)
        return found if found is not None else tf.as_dtype(name)

    def dtype_name(self, dtype: DTypeLike) -> str:
        """The name of a `tf.DType`."""
        found = _NAMES.get(dtype) if isinstance(dtype, tf.DType) else None
        return found if found is not None else super().dtype_name(dtype)

    def static_shape(self, x: Tensor) -> tuple[int | None, ...]:
        """The shape as ints, None where it is not known."""
        return tuple(x.shape.as_list()) if isinstance(x.shape, tf.TensorShape) else tuple(x.shape)

    def convert(self, x: object, dtype: str | None = None) -> Tensor:
        """A tensor of anything array-like; see `Backend.convert`."""
        if x.__class__ in self.types:
            return x if dtype is None else elementwise.cast(x, dtype)
        if x.__class__ is np.ndarray and dtype is None:
            return tf.constant(x)
        if isinstance(x, Variable):
            x = x._tensor if x._kf_backend is self else x.numpy()
            return self.convert(x, dtype)
        if isinstance(x, (*_TENSORS, tf.Variable)):
            x = x if isinstance(x, (tf.SparseTensor, tf.RaggedTensor)) else tf.convert_to_tensor(x)
            return x if dtype is None else tf.cast(x, dtype)
        if x.__class__ in (bool, int, float, np.float64, complex):
            return _scalar(x, dtype)
        if isinstance(x, (list, tuple)):
            x = _sequence(x, narrow=dtype is None)
            if isinstance(x, tf.Tensor):
                return x if dtype is None else elementwise.cast(x, dtype)
        if (found := self.foreign_sparse(x)) is not None:
            return self.convert(found, dtype)
        shared = _shared(x)
        if shared is not None:
            return shared if dtype is None else elementwise.cast(shared, dtype)
        return _array(_host(x), dtype)

    def cast(self, x: Tensor, dtype: str) -> Tensor:
        """`x` in another dtype."""
        if x.__class__ in self.types:
            return elementwise.cast(x, dtype)
        x = x if isinstance(x, _TENSORS) else self.convert(x)
        return tf.cast(x, dtype)

    def to_numpy(self, x: Tensor) -> np.ndarray:
        """The value as a NumPy array."""
        if isinstance(x, tf.SparseTensor):
            x = tf.sparse.to_dense(x)
        elif isinstance(x, tf.RaggedTensor):
            x = x.to_tensor()
        elif isinstance(x, tf.IndexedSlices):
            x = tf.convert_to_tensor(x)
        return np.asarray(x.numpy()) if hasattr(x, "numpy") else np.asarray(x)

    def compute_spec(self, fn: Closure[Tensor], *args: object, **kwargs: object) -> object:
        """Outputs of raw TensorFlow code on abstract values, by tracing it."""

        def abstract(x: Tensor) -> Any:
            return Abstract(self.static_shape(x), self.dtype_name(x.dtype)) if isinstance(x, tf.Tensor) else x

        return step.compute_spec(abstract, fn, args, kwargs)

    # -- layers -------------------------------------------------------------------------------------------------------

    def set_native_attribute(self, layer: Layer, name: str, value: object) -> None:
        """A `tf.Module` or `tf.Variable` became an attribute of a layer."""
        object.__setattr__(layer, name, value)
        layer._tf_track(name, value)

    def native_members(self, cls: type, root: type) -> dict[str, object]:
        """What lists the `tf.Variable`s of a copy."""
        return native.members(cls)

    def init_layer(self, layer: Layer) -> None:
        """Note the `tf.distribute` strategy that the layer is made for."""
        if tf.distribute.has_strategy():
            layer.__dict__["_kf_strategy"] = tf.distribute.get_strategy()

    def track_variable(self, layer: Layer, attribute: str, variable: Variable) -> None:
        """Make a variable a trackable child of a layer."""
        layer._tf_track(attribute, variable)

    def track_layer(self, layer: Layer, attribute: str, sublayer: Layer) -> None:
        """Make a layer a trackable child of a layer."""
        if isinstance(sublayer, native.Trackable):
            layer._tf_track(attribute, sublayer)

    def untrack(self, layer: Layer, attribute: str) -> None:
        """Forget a trackable child."""
        layer._tf_untrack(attribute)

    # -- execution ----------------------------------------------------------------------------------------------------

    def eager(self) -> AbstractContextManager[object]:
        """Lift out of graphs that are being traced."""
        return tf.init_scope()

    def no_grad(self) -> AbstractContextManager[object]:
        """Pause all gradient tapes."""
        return stop_recording()

    def device(self, name: str | None) -> AbstractContextManager[object]:
        """Context with a device such as "cpu" or "gpu:0"."""
        if name is None:
            return contextlib.nullcontext()
        kind, _, index = name.partition(":")
        kind = {"cuda": "GPU"}.get(kind.lower(), kind.upper())
        return tf.device(name if name.startswith("/") else f"/{kind}:{index or 0}")

    def is_tracing(self) -> bool:
        """Whether a graph is being built."""
        return not tf.executing_eagerly()

    def synchronize(self, x: Tensor) -> object:
        """Wait for the devices; CPU ops are done when they return."""
        if tf.config.list_logical_devices("GPU"):
            tf.test.experimental.sync_devices()
        return x

    def profiler(self, folder: str) -> AbstractContextManager[object]:
        """Context in which `tf.profiler` runs."""
        return tf.profiler.experimental.Profile(folder)

    def next_key(self, variable: Variable) -> Tensor:
        """The seed state, advanced by [0, 1] after it was read."""
        key = variable._tensor
        variable.assign(_add(key, common.constant((0, 1), key.dtype)))
        return key

    def set_random_seed(self, seed: int) -> None:
        """Seed TensorFlow's global generator."""
        tf.random.set_seed(seed)

    def value_and_grad(
        self, fn: Callable[[], Pair[Tensor]], variables: Sequence[Variable], state: Sequence[Variable] = ()
    ) -> tuple[Nested[Tensor], Nested[Tensor], list[Tensor]]:
        """Value and gradients of a closure; see `Backend.value_and_grad`."""
        return step.value_and_grad(fn, variables, state)

    is_sparse = staticmethod(sparse.is_sparse)
    sparse_parts = staticmethod(sparse.sparse_parts)
    make_sparse = staticmethod(sparse.make_sparse)
    densify = staticmethod(sparse.densify)
    sparse_matmul = staticmethod(sparse.sparse_matmul)
    vjp = staticmethod(transforms.vjp)
    jvp = staticmethod(transforms.jvp)
    checkpoint = staticmethod(transforms.checkpoint)

    def one_batch(self, data: object, kind: str) -> object:
        """An iterator of a data set, which graphs take, but a list for predictions; see `Backend.one_batch`."""
        return [data] if kind == "predict" else iter(tf.data.Dataset.from_tensors(data))

    def compile_step(
        self, fn: Closure[Tensor], state: Callable[[], Sequence[Variable]], jit: bool | str
    ) -> Closure[Tensor]:
        """`fn` as a `tf.function`; see `Backend.compile_step`."""
        return step.compile_step(fn, state, jit)

    def compile_loop(
        self, fn: Closure[Tensor], state: Callable[[], Sequence[Variable]], jit: bool | str, count: int | None = None
    ) -> Closure[Tensor]:
        """Several batches in one graph call; see `Backend.compile_loop`."""
        return step.compile_loop(fn, state, jit)

    def cannot_trace(self, error: Exception) -> bool:
        """Whether an error says that a symbolic tensor has no value or truth."""
        return step.cannot_trace(error)


_add = common.raw("AddV2")


def _scalar(x: object, dtype: str | None) -> Tensor:
    if dtype is None:
        if x.__class__ is int:
            dtype = "int32" if -(2**31) <= x < 2**31 else "int64"
        else:
            dtype = {bool: "bool", complex: "complex64"}.get(x.__class__) or config.floatx()
    if dtype.startswith("float8"):
        return tf.cast(tf.constant(x, tf.float32), dtype)
    kind = _NATIVE[dtype]
    return tf.constant(common.as_kind(x, kind), kind)


def _sequence(x: object, narrow: bool = True) -> Tensor:
    """A nested list: packed if it holds tensors, else a NumPy array, in the dtypes of Python numbers if `narrow`."""
    leaves = tf.nest.flatten(x)
    if any(isinstance(v, (tf.Tensor, tf.Variable, Variable)) for v in leaves):
        return tf.convert_to_tensor(tf.nest.map_structure(lambda v: v._tensor if isinstance(v, Variable) else v, x))
    out = np.asarray([_host(v) for v in x] if any(hasattr(v, "detach") for v in x) else x)
    if not narrow:
        return out
    if out.dtype == np.float64 and not any(
        isinstance(v, (np.ndarray, np.floating)) and not isinstance(v, float) for v in leaves
    ):
        return out.astype(config.floatx()) if config.floatx() != "bfloat16" else _array(out, "bfloat16")
    if out.dtype == np.int64 and not any(isinstance(v, (np.ndarray, np.integer)) for v in leaves):
        return out.astype(np.int32) if out.size == 0 or (abs(out) < 2**31).all() else out
    plain = out.dtype == np.complex128 and not any(isinstance(v, (np.ndarray, np.complex64)) for v in leaves)
    return out.astype(np.complex64) if plain else out


def _shared(x: object) -> Tensor | None:
    """A tensor in the memory of another engine's, None where it must be copied: do not change the other one."""
    if hasattr(x, "detach"):  # torch
        fits = x.layout.__str__() == "torch.strided" and x.device.type == "cpu" and x.is_contiguous()
        pointer, x = (x.data_ptr() if fits else 1), x.detach()
    else:
        pointer = x.unsafe_buffer_pointer() if hasattr(x, "unsafe_buffer_pointer") and not _traced(x) else 1
    if pointer % 64 or not pointer:  # TensorFlow's kernels rely on it
        return None
    try:
        return tf.experimental.dlpack.from_dlpack(x.__dlpack__())
    except Exception:  # a dtype or device that DLPack does not carry
        return None


def _traced(x: object) -> bool:
    return not x.__class__.__name__.startswith("Array")


def _host(x: object) -> np.ndarray:
    """NumPy view of another library's array."""
    if isinstance(x, np.ndarray):
        return x
    if hasattr(x, "detach"):  # torch
        x = x.detach().cpu()
        if str(x.dtype) == "torch.bfloat16":
            return x.float().numpy().astype(ml_dtypes.bfloat16)
        return x.numpy()
    return np.asarray(x)


def _array(x: object, dtype: str | None) -> Tensor:
    if dtype is None or not isinstance(x, np.ndarray):
        return tf.convert_to_tensor(x) if dtype is None else elementwise.cast(tf.convert_to_tensor(x), dtype)
    kind = _NATIVE[dtype]
    if dtype == "string":
        return tf.convert_to_tensor(x, kind)
    if x.dtype.kind not in "biufcV" or x.dtype.name == dtype:
        return elementwise.cast(tf.convert_to_tensor(x), dtype)
    return tf.convert_to_tensor(x.astype(kind.as_numpy_dtype))


def make_backend() -> TensorFlowBackend:
    """The backend object."""
    _keep_autograph_out()
    return TensorFlowBackend()
