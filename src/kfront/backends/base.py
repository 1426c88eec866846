"""The contract of a backend.

An adapter is a subclass of `Backend` with the hooks below, and modules of functions: every function in them whose
name is a declared op is that engine's implementation. `finish` checks that no primitive is missing, lends every
composed op its body, and works out for which dtypes each op may skip promotion.

Calling convention of op implementations: all arguments positional, in declared order; tensors native and already
cast by the op's dtype rule (a Python scalar only where the op is declared `weak`), None for an absent operand.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import importlib.util
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeGuard

import numpy as np

from kfront.backends.distributor import Distributor, Reduction
from kfront.backends.foreach import Foreach
from kfront.backends.tuned import TunedTable
from kfront.backends.typing import Closure
from kfront.core import tree
from kfront.core.dtypes import ALL, numpy_dtype, standardize
from kfront.core.errors import BackendError, UnsupportedError
from kfront.core.op import OPS, Op
from kfront.core.op_registry import ops
from kfront.core.state import distribution_on, named
from kfront.core.typing import AnyCallable, DTypeLike, Size, Tensor
from kfront.core.variable import Variable

if TYPE_CHECKING:
    from kfront.core.spec import KerasTensor
    from kfront.layers.base import Layer
    from kfront.training.trainer import Trainer


__all__ = ["Backend", "Foreach"]


def _keeps(one: Op, dtype: str, operands: tuple[object, ...]) -> bool:
    """Whether the op's rule leaves operands of `dtype` as they are."""
    try:
        cast = one.rule(*operands)[0]
    except Exception:
        return False
    return all(c in (None, dtype) for c in cast) if isinstance(cast, (tuple, list)) else cast in (None, dtype)


def loop_by_condition(
    step: AnyCallable, carry: object, count: int, finished: Callable[..., Tensor] | None, start: object
) -> Any:
    """`Backend.decode_loop` by `ops.while_loop`.

    Axes of size 1 are not carried along: XLA on CPU leaves them out of products, and copies what has them elsewhere.
    """

    def packed(now: object) -> Any:
        return tree.map_structure(ops.squeeze, now)

    def whole(now: object) -> Any:
        return tree.map_structure(lambda x, first: ops.reshape(x, first.shape), now, carry)

    def more(i: Tensor, now: object) -> Tensor:
        left = i < first + count
        return left if finished is None else ops.logical_and(left, ops.logical_not(ops.all(finished(whole(now)))))

    first = ops.convert_to_tensor(start, "int32")
    begun = (first, packed(carry))
    return whole(ops.while_loop(more, lambda i, now: (i + 1, packed(step(i, whole(now)))), begun, count)[1])


def _unwritten(backend: str, name: str) -> AnyCallable:
    def fail(*args: object) -> Tensor:
        raise UnsupportedError(f"[{name}] expected an implementation in the adapter {backend!r}, got none; write it.")

    return fail


_OP_FILES = "elementwise reduce create shape index linalg nn conv pool fft image random control"


def op_modules(adapter: str) -> tuple[ModuleType, ...]:
    """The modules of an adapter that hold ops: those of the adapters' common plan, as far as it has them."""
    there = [f"{adapter}.{name}" for name in _OP_FILES.split()]
    return tuple(importlib.import_module(name) for name in there if importlib.util.find_spec(name) is not None)


NULL = contextlib.nullcontext()  # one object serves all: it keeps no state


class Backend:
    """What an engine must provide; see the module's docstring for the ops.

    Attributes:
        name: as in `KERAS_BACKEND`.
        types: concrete tensor types that take the fast path of ops.
        native_base: class mixed into layers when they are created, or None.
        refusals: classes of the engine's errors that mean values which an op is not defined for.
        native_types: the engine's own module and tensor classes, which a layer may hold as attributes.
        module_types: those of them that `TorchModuleWrapper` makes layers of.
        Variable: the `Variable` subclass with this engine's storage.
        dtypes: the dtype names the engine has.
        trainable: whether it differentiates.
        seed_dtype: dtype of the state of a SeedGenerator.
        jit_default: what `kfront.jit` gives `compile_step` as `jit` unless told otherwise.
        compiles_loops: what `compile_step` gets as `jit` for a step with a decoding loop in it.
        takes_tf_data: whether tensors of a `tf.data.Dataset` are its own.
        survives_fork: whether the engine can compute in a child process that was forked from one that uses it.
        steps_take_state: whether a step whose arguments do not tell is called as ``(state, data)``.
        ragged_tensors: whether layers can give ragged tensors, by `to_ragged`.
        foreach_type: the class of `foreach`, functions on lists of tensors.
        modules: modules that hold op implementations, later ones win.
        tuned_table: the tuned kernels, None if there are none.
        unfinished: whether primitives may be missing, as while an adapter is written: calling one of them fails.
    """

    name: str = ""
    types: frozenset[type] = frozenset()
    refusals: tuple[type[Exception], ...] = ()
    native_base: type | None = None
    native_types: tuple[type, ...] = ()
    module_types: tuple[type, ...] = ()
    Variable: Any = None
    dtypes: tuple[str, ...] = ALL
    trainable: bool = True
    seed_dtype: str = "uint32"
    jit_default: bool | str = "auto"
    compiles_loops: bool = True
    takes_tf_data: bool = False
    survives_fork: bool = True
    steps_take_state: bool = False
    ragged_tensors: bool = False
    foreach_type: type[Foreach] = Foreach
    modules: tuple[ModuleType, ...] = ()
    tuned_table: TunedTable | None = None
    unfinished: bool = False

    if TYPE_CHECKING:  # every op is an attribute, see `finish`

        def __getattr__(self, name: str) -> Any: ...

    def __reduce__(self) -> tuple[object, ...]:
        return named, (self.name,)

    # -- registration -------------------------------------------------------------------------------------------------

    def finish(self) -> Backend:
        """Collect op implementations and check that none is missing.

        Raises:
            BackendError: with the list of missing primitives.
        """
        for module in self.modules:
            for name, value in vars(module).items():
                if name in OPS and callable(value):
                    setattr(self, name, value)
        missing = sorted(n for n, o in OPS.items() if o.primitive and not hasattr(self, n))
        for name in missing if self.unfinished else ():
            setattr(self, name, _unwritten(self.name, name))
        if missing and not self.unfinished:
            raise BackendError(
                f"[{self.name}] expected an implementation of every primitive, {len(missing)} are missing: "
                f"{', '.join(missing)}; define functions of these names in the adapter's modules."
            )
        for name, one in OPS.items():
            self._kf_attach(name, one)
        return self

    def _kf_attach(self, name: str, one: Op) -> None:
        if not hasattr(self, name):
            setattr(self, name, one.body)
        setattr(self, f"ok_{name}", self._unchanged_dtypes(one))
        if one.weak and len(one.tensors) == 2:
            setattr(self, f"oki_{name}", self._unchanged_with(one, int))
            setattr(self, f"okf_{name}", self._unchanged_with(one, float))

    def use_tuned_kernels(self, on: bool) -> None:
        """Run the tuned kernels, or their plain forms; see `kfront.config.set_tuned_kernels`."""
        if self.tuned_table is not None:
            self.tuned_table.switch(self, self.__dict__.setdefault("_plain_forms", {}), on)

    def forget_compiled(self) -> None:
        """Let go of what the engine has compiled for models that may be gone; what is used again is compiled again."""

    def plain_form(self, op: str) -> Any:
        """What runs in place of a tuned kernel when these are off; None for a hook that has none."""
        return self.__dict__["_plain_forms"][op]

    def _unchanged_dtypes(self, one: Op) -> frozenset[object]:
        """Native dtypes that operands of one dtype keep under the op's rule."""
        if one.rule is None or one.static_dtype:
            return frozenset()
        given = [n not in one.cast_always for n in one.tensors] or [True]
        operands = {d: tuple(d if x else None for x in given) for d in self.dtypes}
        return frozenset(self.native_dtype(d) for d in self.dtypes if _keeps(one, d, operands[d]))

    def _unchanged_with(self, one: Op, number: type) -> frozenset[object]:
        """Native dtypes that a tensor keeps beside a Python number."""
        return frozenset(self.native_dtype(d) for d in self.dtypes if _keeps(one, d, (d, number)))

    def overridden(self) -> list[str]:
        """Names of the composed ops that this backend defines itself."""
        return [n for n, o in OPS.items() if not o.primitive and getattr(self, n) is not o.body]

    # -- tensors ------------------------------------------------------------------------------------------------------

    # -- replicas -----------------------------------------------------------------------------------------------------

    def replicas(self) -> int:
        """How many replicas of a model work on a batch together, where this is code of one of them."""
        return 1

    def replicated(self, model: Trainer, run: Closure[Tensor], kind: str) -> Closure[Tensor]:
        """A step that is given whole batches, on the replicas of a model.

        Args:
            model: the model.
            run: the step of one replica, of native tensors, not compiled yet.
            kind: "train", "test" or "predict".
        """
        return run

    def whole_batches(self, x: Iterable[object]) -> Iterator[object]:
        """The batches of a dataset of the engine that gives each replica its part."""
        return iter(x)

    def scope_of(self, model: Trainer) -> AbstractContextManager[object]:
        """Context in which the variables of a model are made."""
        return NULL

    def gradient_reduction(self) -> Reduction | None:
        """What an optimizer that is built now does with its gradients first, None for nothing."""
        now = distribution_on(self)
        return None if now is None else self.distributor.reduction(now)

    # -- variables ----------------------------------------------------------------------------------------------------

    def variable_of(self, held: object) -> Variable | None:
        """The Variable of an engine's own variable, None for anything else."""
        return held._handle if isinstance(held, Variable) else None

    def is_tensor(self, x: object) -> TypeGuard[Tensor]:
        """Whether `x` is a tensor of this engine, traced ones included."""
        raise NotImplementedError

    def counts_as_tensor(self, x: object) -> bool:
        """Whether `x` is a tensor for the engine itself; more than `is_tensor` where its variables are tensors."""
        return self.is_tensor(x)

    def native_dtype(self, name: str) -> object:
        """The engine's dtype of that name."""
        raise NotImplementedError

    def dtype_name(self, dtype: DTypeLike) -> str:
        """The name of an engine dtype."""
        return standardize(dtype)

    def static_shape(self, x: Tensor) -> tuple[int | None, ...]:
        """The shape as ints, None where it is not known."""
        return tuple(x.shape)

    def convert(self, x: object, dtype: str | None = None) -> Tensor:
        """A native tensor of anything array-like: Python numbers and lists, NumPy, Variables, other engines' tensors.

        Python floats become floatx, ints int32, bools bool; arrays keep their dtype.
        """
        raise NotImplementedError

    def cast(self, x: Tensor, dtype: str) -> Tensor:
        """A native tensor in another dtype."""
        raise NotImplementedError

    def to_numpy(self, x: Tensor) -> np.ndarray:
        """The value as a NumPy array (bfloat16 and float8 through ml_dtypes)."""
        return np.asarray(x)

    def host_value(self, value: object, dtype: str) -> Tensor | np.ndarray:
        """`value` as a NumPy array of `dtype`, or as it is when it is a native tensor of that dtype."""
        if self.is_tensor(value):
            return value if self.dtype_name(value.dtype) == dtype else self.cast(value, dtype)
        if hasattr(value, "detach") or (hasattr(value, "numpy") and not isinstance(value, np.ndarray)):
            value = self.to_numpy(self.convert(value))
        return np.asarray(value).astype(numpy_dtype(dtype), copy=False)

    # An engine with sparse tensors defines these (see `kfront.core.sparse`), and `to_sparse`.

    def is_sparse(self, x: object) -> bool:
        """Whether `x` is a sparse tensor of this engine."""
        return False

    def sparse_parts(self, x: Tensor) -> tuple[Tensor, Tensor, tuple[Size, ...]]:
        """What a sparse tensor consists of: indices of shape (n, rank), values of shape (n,), its shape."""
        raise self._no_sparse()

    def make_sparse(self, indices: Tensor, values: Tensor, shape: tuple[Size, ...], unique: bool) -> Tensor:
        """A sparse tensor; values at the same place are added up unless they are `unique`."""
        raise self._no_sparse()

    def densify(self, x: Tensor) -> Tensor:
        """A sparse tensor as a dense one."""
        return x

    def sparse_matmul(self, x: Tensor, y: Tensor) -> Tensor:
        """Product of a sparse matrix and a dense one."""
        raise self._no_sparse()

    def foreign_sparse(self, x: Tensor) -> Tensor | None:
        """A sparse matrix of SciPy or sparse tensor of another engine as one of this, or dense where this has none.

        Args:
            x: anything; for what is no such matrix or tensor the result is None.
        """
        kind = type(x)
        if kind.__module__ in ("builtins", "numpy"):  # at once, for what is converted most
            return None
        if hasattr(x, "tocoo"):  # SciPy
            x = x.tocoo()
            places, values, shape = np.stack([x.row, x.col], 1).astype("int64"), x.data, x.shape
        elif kind.__name__ in ("BCOO", "SparseTensor") or "sparse" in str(getattr(x, "layout", "")):
            other = named(kind.__module__.partition(".")[0])
            *parts, shape = other.sparse_parts(x)
            places, values = map(other.to_numpy, parts)
        else:
            return None
        if self.has_sparse:
            return self.make_sparse(self.convert(places), self.convert(values), tuple(map(int, shape)), False)
        dense = np.zeros(shape, values.dtype)
        np.add.at(dense, tuple(places.T), values)
        return self.convert(dense)

    @property
    def has_sparse(self) -> bool:
        """Whether the engine has sparse tensors."""
        return type(self).is_sparse is not Backend.is_sparse

    def _no_sparse(self) -> UnsupportedError:
        return UnsupportedError(
            f"[{self.name}] expected dense tensors, got a sparse one, which this engine has not; "
            "use torch, jax or tensorflow, or make it dense."
        )

    def set_mask(self, x: Tensor, mask: Tensor) -> None:
        """Attach a Keras mask to a tensor."""
        with contextlib.suppress(AttributeError):
            x._keras_mask = mask

    def get_mask(self, x: object) -> Tensor | None:
        """The mask attached to a tensor, or None."""
        return getattr(x, "_keras_mask", None)

    def compute_spec(self, fn: Closure[Tensor], *args: object, **kwargs: object) -> object:
        """Outputs of raw framework code on abstract values, by the engine's own abstract evaluation."""
        raise UnsupportedError(
            f"[{self.name}] expected `compute_output_shape` to be defined: this engine cannot infer the shapes of "
            "raw framework code; define it on the layer."
        )

    fused_sparse_crossentropy_mean: AnyCallable | None = None
    """The mean of `sparse_categorical_crossentropy` over rows, where one kernel has all of it.

    It raises IndexError for a label that is no class, and gives None where it is not to be had.
    """

    row_counts: Callable[..., object] | None = None
    """``(x, depth, dtype, binary)``: how often each number below `depth` occurs along the last axis of an int32 tensor.

    If `binary`, whether it does, as 0 or 1. Other numbers do not count. For tensors at hand only; None where nothing
    is faster than sums over segments.
    """

    # -- layers and variables -----------------------------------------------------------------------------------------

    def init_layer(self, layer: Layer) -> None:
        """Called before a layer's `__init__`."""

    def native_members(self, cls: type, root: type) -> dict[str, object]:
        """Class members for a layer class bound to this backend, beside `native_base` (e.g. `__call__`, `forward`).

        Args:
            cls: the class as its author wrote it.
            root: `kfront.layers.Layer`, to see whether `cls` overrides a member.
        """
        return {}

    def set_native_attribute(self, layer: Layer, name: str, value: object) -> bool:
        """Take one of `native_types` as an attribute of a layer; False leaves it to the layer."""
        return False

    def delete_native_attribute(self, layer: Layer, name: str) -> bool:
        """Delete an attribute that the engine keeps; False leaves it to the layer."""
        return False

    def track_variable(self, layer: Layer, attribute: str, variable: Variable) -> None:
        """A variable became an attribute of a layer."""

    def track_layer(self, layer: Layer, attribute: str, sublayer: Layer) -> None:
        """A layer became an attribute of a layer."""

    def show_weights(self, layer: Layer) -> None:
        """The dtype that a layer reads its weights in is another now."""

    def untrack(self, layer: Layer, attribute: str) -> None:
        """An attribute that held a variable or layer is gone."""

    def register_layer_class(self, cls: type) -> None:
        """A layer class was bound to this backend."""

    def partition(self, layer: Layer) -> tuple[Layer, Layer]:
        """A layer as two trees: what is trained, and the rest."""
        raise self._no_trees("partition")

    def merge(self, layers: Sequence[Layer]) -> Layer:
        """The layer of such trees."""
        raise self._no_trees("merge")

    def _no_trees(self, name: str) -> UnsupportedError:
        return UnsupportedError(
            f"[{name}] expected a layer of the JAX backend, whose layers are trees, got one of {self.name!r}; use "
            "`layer.trainable_variables` and `layer.non_trainable_variables`, with `layer.stateless_call`."
        )

    # -- execution ----------------------------------------------------------------------------------------------------

    def eager(self) -> AbstractContextManager[object]:
        """Context in which values are concrete even while the engine traces."""
        return NULL

    def no_grad(self) -> AbstractContextManager[object]:
        """Context in which nothing is recorded for gradients."""
        return NULL

    def device(self, name: str | None) -> AbstractContextManager[object]:
        """Context in which new tensors and variables live on a device such as "cpu", "gpu:0"."""
        return NULL

    def feed(self, x: Tensor | np.ndarray, fresh: bool = False) -> Any:
        """A NumPy array or tensor of a batch as compiled steps take it best.

        Args:
            x: the array.
            fresh: whether nobody else holds it, or will ever write to it.
        """
        return self.convert(x)

    foreign_kinds: dict[str, str] = {}  # noqa: RUF012  (kind of models of the engine's own -> module that wraps them)

    def foreign(self, kind: str, who: str) -> Any:
        """The functions that a layer around models of one engine's own needs; see `kfront.layers.foreign`.

        Args:
            kind: "torch", "jax" or "savedmodel".
            who: the layer's class, for the message.

        Raises:
            UnsupportedError: if they are another engine's.
        """
        module = self.foreign_kinds.get(kind)
        if module is None:
            owner = {"savedmodel": "tensorflow"}.get(kind, kind)
            also = " or tensorflow" if kind == "jax" else ""
            raise UnsupportedError(
                f"[{who}] expected the {owner}{also} engine, got {self.name!r}, which cannot run such models; make the "
                f"layer inside `kfront.backend_scope({owner!r})`."
            )
        return importlib.import_module(module)

    exports: dict[str, str] = {}  # noqa: RUF012  (format of `Model.export` -> module with its `write_<format>`)

    def exporter(self, format: str) -> Callable[..., None]:
        """The function that writes a format of `exports`.

        It takes the model, its signature (a tuple of arguments: structures of KerasTensors), the path, and its options
        by keyword.
        """
        return getattr(importlib.import_module(self.exports[format]), f"write_{format}")

    def export_archive(self) -> type | None:
        """The class behind `kfront.export.ExportArchive`, None if the engine has no SavedModels."""
        return None

    def compiling(self) -> bool:
        """Whether Python code is being compiled by the engine at the moment; asked often, so it must cost nothing."""
        return False

    def is_tracing(self) -> bool:
        """Whether the engine is tracing or compiling at the moment."""
        return False

    def has_value(self, x: object) -> bool:
        """Whether the numbers in a tensor can be read now: nothing is traced or transformed around it."""
        return not self.is_tracing()

    def host_handle(self, caller: object) -> Any:
        """What traced code needs to find `caller` for a `host_call`; made when the caller is."""
        return None

    def native_layer(self, layer: Layer) -> Closure[Tensor] | None:
        """What a layer for the host does, as a function of tensors that are traced; None if that needs Python.

        Args:
            layer: a `HostLayer`.
        """
        return None

    def host_call(self, caller: object, tensors: Sequence[Tensor], spec: KerasTensor) -> Any:
        """Inside traced code: a call of `caller.on_arrays`, with NumPy arrays, whenever that code runs.

        Args:
            caller: has `on_arrays`, and `host_handle` from this backend.
            tensors: traced tensors, the arguments.
            spec: shape and dtype of the array that `on_arrays` returns.
        """
        raise UnsupportedError(
            f"[{self.name}] expected values, got tensors of code that is traced, from which this engine cannot call "
            "back to the host; run this layer on the data before the model."
        )

    def dataset(self, dataset: object, spec: KerasTensor) -> object:
        """A `kfront.utils.dataset.Dataset` in the form that users of this engine expect; that itself as a rule.

        Args:
            dataset: yields NumPy arrays, nested.
            spec: their shapes and dtypes in the same structure.
        """
        return dataset

    def synchronize(self, x: Tensor) -> object:
        """Wait until `x` is computed."""
        return x

    def profiler(self, folder: str) -> AbstractContextManager[object]:
        """Context in which the engine's profiler runs; it writes for TensorBoard below `folder`."""
        raise UnsupportedError(
            f"[{self.name}] expected an engine with a profiler, got {self.name!r}; pass `profile_batch=0`."
        )

    def in_backward(self) -> bool:
        """Whether gradients are being computed: what runs then repeats a call whose results were not kept."""
        return False

    def batch_normalization_step(
        self,
        x: Tensor,
        offset: Tensor,
        scale: Tensor,
        axis: int,
        epsilon: float,
        moving: Sequence[Variable],
        rate: float,
    ) -> Tensor:
        """`x` normalized by its own moments, which the moving ones follow at once; None where it takes two steps.

        Args:
            x: the inputs.
            offset: what is added at the end, or None.
            scale: what the result is multiplied by, or None.
            axis: axis of the channels.
            epsilon: added to the variance.
            moving: the moving mean and variance.
            rate: how far they go towards the moments of `x`.
        """
        return None

    def ambient_key(self) -> Tensor:
        """A key from the generator that the engine's users seed; None where that is of no use: then a seed gives it."""
        return None

    def next_key(self, variable: Variable) -> Tensor:
        """The value of a SeedGenerator's state (shape (2,)), which is then advanced by [0, 1]."""
        key = variable._tensor
        variable.assign(self.add(key, self.convert(np.array([0, 1]), self.seed_dtype)))
        return key

    def set_random_seed(self, seed: int) -> None:
        """Seed the engine's global generators."""

    def random_state(self) -> object:
        """State of the engine's global generators: nested lists and dicts of arrays, None if it has none."""
        return None

    def set_random_state(self, saved: object) -> None:
        """Set the engine's global generators to what `random_state` gave."""

    def value_and_grad(
        self, fn: Callable[[], tuple[Tensor, Any]], variables: Sequence[Variable], state: Sequence[Variable] = ()
    ) -> tuple[Tensor, Any, list[Tensor]]:
        """Value and gradients of a closure.

        Args:
            fn: no arguments, returns (scalar loss, anything else).
            variables: Variables to differentiate by.
            state: all other Variables that `fn` may assign.

        Returns:
            (loss, the other result, gradients in the order of `variables`, None where unconnected).
        """
        raise self._no_gradients()

    def _no_gradients(self) -> UnsupportedError:
        return UnsupportedError(
            f"[{self.name}] expected a backend that differentiates, got {self.name!r}, which only runs models; "
            "move it with `kfront.convert(model, 'torch')` (or 'jax', 'tensorflow'; `pip install 'kfront[torch]'`)."
        )

    def vjp(
        self, fn: Closure[Tensor], holders: Sequence[Variable], once: bool = False
    ) -> tuple[list[Tensor], list[Tensor], Any]:
        """Results of a closure, and what takes their gradients back; `kfront.transforms` rests on it.

        Args:
            fn: no arguments, returns two lists of tensors: results, and others that no gradient is asked for.
            holders: objects whose `_value` is read by `fn`: Variables, and Cells that hold tensors. Each is
                differentiated by as if it held a tensor of its own; what `fn` assigns to them and to other Variables
                is in them afterwards.
            once: whether the gradients are taken once only, right away, by Variables as a rule: the engine need not
                keep what it computed, nor record for gradients of gradients unless it is inside another transform.

        Returns:
            (results, others, pull); `pull` takes a tensor for each result and returns one for each holder.
        """
        raise self._no_gradients()

    def jvp(
        self, fn: Closure[Tensor], holders: Sequence[Variable], tangents: Sequence[Tensor]
    ) -> tuple[list[Tensor], list[Tensor], list[Tensor]]:
        """Results of a closure and their derivatives in a direction: (results, others, derivatives); see `vjp`."""
        raise self._no_gradients()

    def checkpoint(self, fn: Callable[..., list[object]], tensors: Sequence[Tensor]) -> list[Tensor]:
        """`fn(*tensors)`, a list of tensors, computed once more for the gradient instead of kept."""
        return fn(*tensors)

    def one_batch(self, data: object, kind: str) -> object:
        """What a function in Keras's form takes for a batch: a list, or an iterator.

        Args:
            data: (x,), (x, y) or (x, y, sample_weight).
            kind: "train", "test" or "predict".
        """
        return [data]

    def compile_step(self, fn: Closure[Tensor], state: Callable[[], Sequence[object]], jit: bool | str) -> Any:
        """A callable like `fn` that runs compiled where that pays.

        Args:
            fn: takes nested tensors (None allowed), reads and assigns Variables of `state`, returns nested tensors.
            state: gives the list of all Variables that `fn` reads or assigns; asked at each (re)compilation.
            jit: True, False, or "auto" for the engine's best choice.

        Returns:
            The callable; after each call the Variables hold their new values.
        """
        return fn

    def cannot_trace(self, error: Exception) -> bool:
        """Whether an error came up because compiled code is traced, and would not have come up eagerly."""
        return False

    def compile_loop(
        self, fn: Closure[Tensor], state: Callable[[], Sequence[object]], jit: bool | str, count: int | None = None
    ) -> Any:
        """As `compile_step` for a list of batches: runs `fn` on each on the device, returns the last result.

        Args:
            fn: as for `compile_step`.
            state: as for `compile_step`.
            jit: as for `compile_step`.
            count: how many batches a list has, but for the last of an epoch.
        """
        step = self.compile_step(fn, state, jit)

        def run(batches: Iterable[object]) -> Any:
            out = None
            for batch in batches:
                out = step(*batch)
            return out

        return run

    instead_of_distribution = "choose one, e.g. `kfront.backend_scope('jax')`."

    def write_slots(self, slots: Tensor, new: Tensor, start: object) -> Tensor:
        """`slots` (batch, heads, length, size) with `new` put in from a place of the length on, maybe in place.

        Args:
            slots: tensor that nobody else uses.
            new: tensor of its dtype, (batch, heads, n, size).
            start: int or scalar tensor, or an integer tensor (batch,): a place for each row.
        """
        start = self.convert(start, "int32")
        if not self.static_shape(start):
            one = self.static_shape(slots)[0] == 1  # as in `loop_by_condition`
            slots, new = (slots[0], new[0]) if one else (slots, new)
            out = ops.slice_update(slots, [*[0] * (not one), 0, start, 0], new)
            return out[None] if one else out
        shape = batch, heads, count = self.static_shape(new)[:3]
        rows, ways, steps = (ops.arange(n, dtype="int32") for n in (batch, heads, count))
        places = ops.add(ops.reshape(start, (-1, 1, 1)), steps)
        axes = ops.reshape(rows, (-1, 1, 1)), ops.reshape(ways, (-1, 1)), places
        return ops.scatter_update(slots, ops.stack([ops.broadcast_to(x, shape) for x in axes], -1), new)

    def decode_loop(self, variables: Callable[[], Sequence[Variable]]) -> AnyCallable:
        """What runs one step many times: ``loop(step, carry, count, finished, start)``.

        It gives `carry` after ``carry = step(i, carry)`` for `count` numbers from `start` on, int32 scalars. The nested
        tensors of `carry` keep their shapes; those that a step was given are not used any more. `finished(carry)`, if
        it is not None, is a bool tensor: when all of it is True, steps may be left out. `step` refers to no tensors but
        these and the values of `variables()`.
        """
        return loop_by_condition

    @property
    def distributor(self) -> Distributor:
        """What `kfront.distribution` rests on."""
        found = self.__dict__.get("_distributor")
        if found is None:
            found = self._distributor = self.make_distributor()
        return found

    @property
    def active_distributor(self) -> Distributor:
        """`distributor` where there is one; else one for a single process, as the engine's own may import a lot."""
        return self.__dict__.get("_distributor") or Distributor(self)

    def make_distributor(self) -> Distributor:
        """The engine's `Distributor`; imports what only that needs."""
        return Distributor(self)

    @functools.cached_property
    def foreach(self) -> Any:
        """Functions on lists of tensors, for optimizers."""
        return self.foreach_type(self)
