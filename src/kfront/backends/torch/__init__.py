"""The torch backend.

dtypes: bool, uint8, int8 to int64, float16, bfloat16, float32, float64, float8 (storage), complex64, complex128.
torch has no arithmetic for uint16, uint32 and uint64; their names stand for int32, int64 and int64 here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch._subclasses.fake_tensor import FakeTensorMode, unset_fake_temporarily

from kfront import config
from kfront.backends import get
from kfront.backends.base import NULL, Backend, numpy_dtype, op_modules
from kfront.backends.distributor import Distributor
from kfront.backends.torch import elementwise, index, nn, random, sparse, transforms
from kfront.backends.torch import host as _host
from kfront.backends.torch import native as _native
from kfront.backends.torch import step as _step
from kfront.backends.torch.common import DTYPES, NAMES, WIDER, current_device, native, on_device, shared_dtype
from kfront.backends.torch.decoding import DecodeLoop
from kfront.backends.torch.foreach import TorchForeach
from kfront.backends.torch.tuned import TABLE
from kfront.backends.torch.variable import TorchVariable, VariableParameter
from kfront.backends.typing import Closure
from kfront.core import tree
from kfront.core.dtypes import result_type, standardize
from kfront.core.errors import ArgumentError, DTypeError, KfrontError
from kfront.core.operators import VariableBase
from kfront.core.spec import Abstract, KerasTensor
from kfront.core.state import state
from kfront.core.typing import DTypeLike
from kfront.core.variable import StatelessScope

if TYPE_CHECKING:
    from kfront.layers.base import Layer


__all__ = ["TorchBackend", "make_backend"]

Tensor = torch.Tensor
_SCALARS: dict[type, Callable[[Any], torch.dtype]] = {
    bool: lambda x: torch.bool,
    int: lambda x: torch.int32 if -(1 << 31) <= x < (1 << 31) else torch.int64,
    float: lambda x: native(None),
    np.float64: lambda x: native(None),
    complex: lambda x: torch.complex64,
}
_BY_BITS = {
    "bfloat16": (np.int16, torch.bfloat16),
    "float8_e4m3fn": (np.int8, torch.float8_e4m3fn),
    "float8_e5m2": (np.int8, torch.float8_e5m2),
}
_SIZES = (7, 11)  # stand for an unknown dimension when shapes are inferred by running


class TorchBackend(Backend):
    """torch behind the contract of `Backend`."""

    name = "torch"
    types = frozenset((Tensor, torch.nn.Parameter, VariableParameter))
    refusals = (torch.linalg.LinAlgError,)
    native_base = torch.nn.Module
    native_types = (torch.nn.Module, Tensor)
    module_types = (torch.nn.Module,)
    Variable = TorchVariable
    dtypes = DTYPES
    seed_dtype = "int64"
    modules = op_modules(__name__)
    foreach_type = TorchForeach
    tuned_table = TABLE
    value_and_grad = staticmethod(_step.value_and_grad)
    compile_step = staticmethod(_step.compile_step)
    write_slots = staticmethod(index.write_slots)
    is_sparse = staticmethod(sparse.is_sparse)
    sparse_parts = staticmethod(sparse.sparse_parts)
    make_sparse = staticmethod(sparse.make_sparse)
    densify = staticmethod(sparse.densify)
    sparse_matmul = staticmethod(sparse.sparse_matmul)
    to_sparse = staticmethod(sparse.to_sparse)
    vjp = staticmethod(transforms.vjp)
    jvp = staticmethod(transforms.jvp)
    checkpoint = staticmethod(transforms.checkpoint)
    native_dtype = staticmethod(native)
    host_handle = staticmethod(_host.host_handle)
    host_call = staticmethod(_host.host_call)
    compiles_loops = False
    jit_default = property(lambda self: transforms.can_compile())

    def __init__(self) -> None:
        self._faking = 0

    def __reduce__(self) -> tuple[object, ...]:
        return get, (self.name,)  # there is one; copies of what holds it hold the same

    def decode_loop(self, variables: Callable[[], Sequence[Variable]]) -> Callable[..., Any]:
        """See `Backend.decode_loop`."""
        return DecodeLoop(variables)

    # -- tensors ------------------------------------------------------------------------------------------------------

    foreign_kinds = {"torch": "kfront.backends.torch.foreign"}  # noqa: RUF012
    exports = dict.fromkeys(("torch", "torch_aot", "onnx", "openvino"), "kfront.backends.torch.export")

    def is_tensor(self, x: object) -> bool:
        return isinstance(x, Tensor)

    def dtype_name(self, dtype: DTypeLike) -> str:
        found = NAMES.get(dtype)
        return found if found is not None else standardize(dtype)

    def static_shape(self, x: Tensor) -> tuple[int, ...]:
        return tuple(x.shape)

    def convert(self, x: object, dtype: str | None = None) -> Tensor:
        kind = type(x)
        if kind in _SCALARS:
            to = _SCALARS[kind](x) if dtype is None else native(dtype)
            return torch.tensor(x, dtype=to, device=current_device())
        if kind is np.ndarray:
            x = _from_numpy(x)
        elif isinstance(x, Tensor):
            x = x if x.dtype not in WIDER else x.to(WIDER[x.dtype])
        elif isinstance(x, VariableBase):
            x = x.value if isinstance(x, TorchVariable) else _from_numpy(x.numpy())
        elif isinstance(x, (np.ndarray, np.generic)):
            x = _from_numpy(np.asarray(x))
        elif isinstance(x, (list, tuple)):
            if dtype is not None and self.is_tracing() and not _holds_tensor(x):
                return torch.tensor(x, dtype=native(dtype))  # NumPy's arrays would be float32 tensors then
            x = self._from_list(x, narrow=dtype is None)
        else:
            x = _from_foreign(x) if (found := self.foreign_sparse(x)) is None else found
        return x if dtype is None or x.dtype is native(dtype) else elementwise.cast(x, dtype)

    def feed(self, x: Tensor, fresh: bool = False) -> Tensor:
        """A batch of the host on its way to the device."""
        if type(x) is not np.ndarray:
            return self.convert(x)
        device = current_device()
        if device is None and shared_dtype(x) is not None:
            return torch.from_numpy(x)
        if device is None or device.type != "cuda":
            return self.convert(x)
        with self.device("cpu"):
            return _step.upload(self.convert(x), device)

    def _from_list(self, x: Tensor, narrow: bool = True) -> Tensor:
        """A tensor of nested lists; Python numbers in floatx and int32, or not narrowed because a cast follows."""
        if _holds_tensor(x):
            parts = [self.convert(v) for v in x]
            kind = native(_common(parts))
            return torch.stack([p.to(kind) for p in parts])
        if torch.compiler.is_compiling() and _plain_leaf(x):  # torch.compile follows no NumPy dtypes
            return torch.tensor(x, dtype=_plain_dtype(x), device=current_device())
        array = np.asarray(x)
        if not narrow:
            return _from_numpy(array)
        if array.dtype == np.float64 and _plain_leaf(x):
            array = array.astype(numpy_dtype(standardize(None)))
        elif array.dtype == np.int64 and _plain_leaf(x) and (not array.size or np.abs(array).max() < 1 << 31):
            array = array.astype(np.int32)
        elif array.dtype == np.complex128 and _plain_leaf(x):
            array = array.astype(np.complex64)
        elif not array.size and not hasattr(x, "dtype"):
            array = array.astype(numpy_dtype(standardize(None)))
        return _from_numpy(array)

    def to_numpy(self, x: Tensor) -> np.ndarray:
        if isinstance(x, VariableBase):
            x = x._value
        if not isinstance(x, Tensor):
            return np.asarray(x)
        if type(x) is not Tensor and hasattr(x, "full_tensor"):  # a DTensor, of which this process has a part
            x = x.detach().full_tensor()
        if x.layout is not torch.strided:
            x = x.detach().to_dense()
        name = NAMES.get(x.dtype)
        if name in _BY_BITS:
            bits = torch.int16 if name == "bfloat16" else torch.int8
            return x.detach().cpu().contiguous().view(bits).numpy().view(numpy_dtype(name))
        return Tensor.numpy(x, force=True)  # a Parameter has its own, which comes here

    def set_mask(self, x: Tensor, mask: Tensor) -> None:
        x._keras_mask = mask

    def compute_spec(self, fn: Closure[Tensor], *args: object, **kwargs: object) -> object:
        """Run `fn` on fake tensors; with two sizes for unknown dimensions, what differs is unknown in the result.

        Code that asks for values, as a condition or NumPy does, runs on ones.
        """
        first, second = (self._run_for_shapes(fn, args, kwargs, n) for n in _SIZES)

        def merge(a: Tensor, b: Tensor) -> Any:
            if not isinstance(a, Tensor):
                return a
            dims = tuple(m if m == n else None for m, n in zip(a.shape, b.shape, strict=True))
            return Abstract(dims, self.dtype_name(a.dtype))

        return tree.map_structure(merge, first, second)

    def _run_for_shapes(self, fn: Closure[Tensor], args: object, kwargs: object, size: int) -> object:

        def ones(x: Tensor) -> Any:
            if not isinstance(x, KerasTensor):
                return x
            return torch.ones([size if d is None else d for d in x.shape], dtype=native(x.dtype))

        def run() -> object:
            with StatelessScope(), torch.no_grad():
                positional, keyed = tree.map_structure(ones, (args, kwargs))
                return fn(*positional, **keyed)

        self._faking += 1
        try:
            with FakeTensorMode(allow_non_fake_inputs=True):
                return run()
        except KfrontError:
            raise
        except Exception:  # it asks for values
            pass
        finally:
            self._faking -= 1
        return run()

    # -- layers -------------------------------------------------------------------------------------------------------

    def init_layer(self, layer: Layer) -> None:
        torch.nn.Module.__init__(layer)
        _native.init_tables(layer)
        layer.__dict__.update(training=False, _kf_mode_set=False)  # as in Keras: inference unless told; `train()` tells

    def native_members(self, cls: type, root: type) -> dict[str, object]:
        return _native.members(cls, root)

    def set_native_attribute(self, layer: Layer, name: str, value: Any) -> bool:
        return _native.set_native_attribute(layer, name, value)

    def delete_native_attribute(self, layer: Layer, name: str) -> bool:
        return _native.delete_native_attribute(layer, name)

    def track_variable(self, layer: Layer, attribute: str, variable: Variable) -> None:
        if isinstance(variable, TorchVariable):
            _native.track(layer, attribute, variable)

    def track_layer(self, layer: Layer, attribute: str, sublayer: Layer) -> None:
        if isinstance(sublayer, torch.nn.Module):
            _native.track(layer, attribute, sublayer)

    def show_weights(self, layer: Layer) -> None:
        _native.settle(layer)

    def untrack(self, layer: Layer, attribute: str) -> None:
        _native.untrack(layer, attribute)

    def make_distributor(self) -> Distributor:
        from kfront.backends.torch.distribution import TorchDistributor  # a decorator in it loads the compiler

        return TorchDistributor(self)

    # -- execution ----------------------------------------------------------------------------------------------------

    def eager(self) -> AbstractContextManager[object]:
        if self._faking:
            return unset_fake_temporarily()
        return NULL

    def no_grad(self) -> AbstractContextManager[object]:
        return torch.set_grad_enabled(False)  # half the Python of `torch.no_grad()`

    def device(self, name: str | None) -> AbstractContextManager[object]:
        return _DeviceScope(name)

    def is_tracing(self) -> bool:
        return torch.compiler.is_compiling()

    def compiling(self) -> bool:
        return torch.compiler.is_compiling()

    def has_value(self, x: object) -> bool:
        return not (torch.compiler.is_compiling() or self._faking or _is_wrapped(x))

    def synchronize(self, x: Tensor) -> object:
        if isinstance(x, Tensor) and x.is_cuda:
            torch.cuda.synchronize(x.device)
        return x

    def profiler(self, folder: str) -> AbstractContextManager[object]:
        return torch.profiler.profile(on_trace_ready=torch.profiler.tensorboard_trace_handler(folder))

    def batch_normalization_step(
        self,
        x: Tensor,
        offset: Tensor,
        scale: Tensor,
        axis: int,
        epsilon: float,
        moving: Sequence[Variable],
        rate: float,
    ) -> Any:
        held = self.foreach.in_place(moving)
        return None if held is None else nn.batch_normalization_step(x, offset, scale, axis, epsilon, held, rate)

    ambient_key = staticmethod(random.ambient_key)
    in_backward = staticmethod(random.in_backward)

    def next_key(self, variable: Variable) -> Tensor:
        return random.next_key(variable)

    def set_random_seed(self, seed: int) -> None:
        torch.manual_seed(seed)

    def random_state(self) -> object:
        on_devices = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []
        return [state.cpu().numpy() for state in (torch.get_rng_state(), *on_devices)]

    def set_random_state(self, saved: Any) -> None:
        first, *others = (torch.from_numpy(state) for state in saved)
        torch.set_rng_state(first)
        if others and len(others) == torch.cuda.device_count():
            torch.cuda.set_rng_state_all(others)


try:  # tensors inside the transforms of `torch.func`; private, so there may be none
    from torch._C._functorch import is_functorch_wrapped_tensor as _is_wrapped
except ImportError:  # pragma: no cover

    def _is_wrapped(x: object) -> bool:
        return False


class _DeviceScope:
    """Context manager: tensors and variables are made on a device."""

    def __init__(self, name: str | None) -> None:
        self.device = None if name is None else on_device(name)

    def __enter__(self) -> None:
        self._old, state.device = state.device, self.device

    def __exit__(self, *exc: object) -> None:
        state.device = self._old


# ---- conversion ------------------------------------------------------------------------------------------------------

_NUMPY_WIDER = {"uint16": np.int32, "uint32": np.int64, "uint64": np.int64}


def _from_numpy(array: np.ndarray) -> Tensor:
    """A tensor that shares the array's memory where torch can."""
    if torch.compiler.is_compiling():
        return torch.as_tensor(array, device=current_device())
    if shared_dtype(array) is not None:
        device = current_device()
        return torch.from_numpy(array) if device is None else torch.from_numpy(array).to(device)
    name = array.dtype.name
    if name in _BY_BITS:
        bits, kind = _BY_BITS[name]
        tensor = torch.from_numpy(np.array(array).view(bits)).view(kind)
    else:
        if name in _NUMPY_WIDER:
            if name == "uint64" and array.size and array.max() > np.iinfo(np.int64).max:
                raise ArgumentError(f"[torch] expected integers below 2**63, torch's largest, got {array.max()}.")
            array = array.astype(_NUMPY_WIDER[name])
        if array.dtype.kind not in "biufc":
            raise DTypeError(
                f"[torch] expected numbers, got an array of dtype {array.dtype}; torch has no such tensors."
            )
        if not array.flags.writeable or min(array.strides, default=0) < 0 or not array.dtype.isnative:
            array = array.astype(array.dtype.newbyteorder("="), copy=True)
        tensor = torch.from_numpy(array)
    device = current_device()
    return tensor if device is None else tensor.to(device)


def _from_foreign(x: object) -> Tensor:
    """A tensor of another engine, or anything that NumPy takes."""
    if isinstance(x, (torch.SymInt, torch.SymFloat)):  # a size that is open in a trace, or what comes of one
        kind = torch.int32 if isinstance(x, torch.SymInt) else native(standardize(None))
        return torch.scalar_tensor(x, dtype=kind, device=current_device())
    if hasattr(x, "__dlpack__"):
        try:
            tensor = torch.from_dlpack(x)
        except Exception:  # a dtype, device or engine state that DLPack does not carry
            pass
        else:
            device = current_device()
            tensor = tensor.to(WIDER.get(tensor.dtype, tensor.dtype))
            return tensor if device is None else tensor.to(device)
    return _from_numpy(np.asarray(x))


def _holds_tensor(x: object) -> bool:
    for v in x:
        if isinstance(v, (list, tuple)):
            if _holds_tensor(v):
                return True
        elif isinstance(v, (Tensor, VariableBase, torch.SymInt, torch.SymFloat)):
            return True
    return False


def _plain_leaf(x: object) -> bool:
    """Whether the first leaf of nested lists is a Python number, as NumPy's float64 and complex128 are."""
    while isinstance(x, (list, tuple)) and x:
        x = x[0]
    return isinstance(x, (bool, int, float, complex))


def _plain_dtype(x: object) -> torch.dtype:
    """The dtype of nested lists of Python numbers."""
    found = torch.bool
    for v in x:
        kind = _plain_dtype(v) if isinstance(v, (list, tuple)) else _SCALARS[type(v)](v)
        found = torch.promote_types(found, kind)
    return found


def _common(parts: Sequence[Tensor]) -> str:
    return result_type(*[NAMES[p.dtype] for p in parts])


def make_backend() -> TorchBackend:
    """The backend object; called once."""
    config.floatx(), config.epsilon(), config.image_data_format()  # read keras.json now: not in a graph
    return TorchBackend()
