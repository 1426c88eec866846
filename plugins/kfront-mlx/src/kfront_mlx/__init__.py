"""MLX behind the contract of `kfront.backends.base.Backend`.

Installed, it is the backend "mlx": ``KERAS_BACKEND=mlx``, ``kfront.config.set_backend("mlx")``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

import mlx.core as mx
import mlx.nn
import numpy as np

from kfront.backends.base import NULL, Backend
from kfront.backends.typing import Closure, Pair
from kfront.core import tree
from kfront.core.dtypes import standardize
from kfront.core.errors import BackendError, DTypeError
from kfront.core.operators import VariableBase
from kfront.core.spec import KerasTensor
from kfront.core.typing import DTypeLike, Nested
from kfront_mlx import (
    control,
    conv,
    create,
    elementwise,
    fft,
    index,
    linalg,
    native,
    nn,
    pool,
    random,
    reduce,
    shape,
    step,
    transforms,
)
from kfront_mlx.common import DTYPES, NAMES, canonical, known, lift, to_numpy, wide_floats
from kfront_mlx.common import native as native_dtype

if TYPE_CHECKING:
    from kfront.core.variable import Variable
    from kfront.layers.base import Layer

__all__ = ["MlxBackend", "make_backend"]


class MlxBackend(Backend):
    """MLX: arrays that are computed when they are needed, functional transforms, steps under `mx.compile`."""

    name = "mlx"
    types = frozenset({mx.array})
    native_base = mlx.nn.Module
    Variable = native.MlxVariable
    survives_fork = False
    modules = (elementwise, reduce, create, shape, index, linalg, nn, conv, pool, fft, random, control)

    @property
    def dtypes(self) -> tuple[str, ...]:  # type: ignore[override]
        """The dtypes there are: float64 on the CPU only."""
        return tuple(d for d in DTYPES if d != "float64" or wide_floats())

    # -- tensors ------------------------------------------------------------------------------------------------------

    def is_tensor(self, x: object) -> bool:
        """Whether `x` is an array."""
        return isinstance(x, mx.array)

    def native_dtype(self, name: str) -> mx.Dtype:
        """MLX's dtype of that name."""
        return native_dtype(name)

    def dtype_name(self, dtype: DTypeLike) -> str:
        """The name of a dtype."""
        found = NAMES.get(dtype) if isinstance(dtype, mx.Dtype) else None
        return found or standardize(dtype)

    def convert(self, x: Any, dtype: str | None = None) -> mx.array:
        """An array of anything array-like."""
        if isinstance(x, mx.array):
            return x if dtype is None else elementwise.cast(x, dtype)
        if isinstance(x, VariableBase):
            return self.convert(x.value if x._kf_backend is self else x.numpy(), dtype)
        if isinstance(x, (bool, int, float, complex)):
            return _of_number(x, dtype)
        if isinstance(x, KerasTensor):
            raise x._no_value("conversion to a tensor")
        if isinstance(x, (list, tuple)):
            return _of_list(self, x, dtype)
        host = _on_host(x)
        if host.dtype.kind in "OUS":
            raise DTypeError(f"[convert_to_tensor] expected numbers, got dtype {host.dtype}; MLX has no such arrays.")
        return lift(host, dtype)

    def cast(self, x: mx.array, dtype: str) -> mx.array:
        """`x` in another dtype."""
        return elementwise.cast(x, dtype)

    def to_numpy(self, x: Any) -> np.ndarray:
        """The value as a NumPy array."""
        if isinstance(x, VariableBase):
            return x.numpy()
        return to_numpy(x) if isinstance(x, mx.array) else np.asarray(x)

    def set_mask(self, x: mx.array, mask: mx.array) -> None:
        """Attach a mask."""
        native.set_mask(x, mask)

    def get_mask(self, x: object) -> mx.array | None:
        """The mask of a tensor, or None."""
        return native.get_mask(x)

    def compute_spec(self, fn: Closure[mx.array], *args: object, **kwargs: object) -> object:
        """Outputs of raw MLX code: what it makes of zeros, twice, to tell known dimensions from unknown ones."""

        def filled(fill: int) -> Any:
            def zeros(x: Any) -> Any:
                if not isinstance(x, KerasTensor):
                    return x
                return mx.zeros([fill if d is None else d for d in x.shape], native_dtype(x.dtype))

            with native.Journal():
                now, named = tree.map_structure(zeros, (args, kwargs))
                return fn(*now, **named)

        def merge(a: mx.array, b: mx.array) -> KerasTensor:
            return KerasTensor([m if m == n else None for m, n in zip(a.shape, b.shape, strict=True)], NAMES[a.dtype])

        return tree.map_structure(merge, filled(83), filled(97))

    # -- layers -------------------------------------------------------------------------------------------------------

    def native_members(self, cls: type, root: type) -> dict[str, object]:
        """What makes a layer class a class of modules."""
        return native.members(cls)

    def track_variable(self, layer: Layer, attribute: str, variable: Variable) -> None:
        """A variable became an attribute of a layer."""
        native.file(layer)

    def track_layer(self, layer: Layer, attribute: str, sublayer: Layer) -> None:
        """A layer became an attribute of a layer."""
        native.file(layer)

    def untrack(self, layer: Layer, attribute: str) -> None:
        """An attribute that held a variable or layer is gone."""
        native.file(layer)

    # -- execution ----------------------------------------------------------------------------------------------------

    def is_tracing(self) -> bool:
        """Whether a step is traced, or a function of a batch."""
        return native.local.traced > 0

    def has_value(self, x: object) -> bool:
        """Whether the numbers in an array can be read now."""
        return known(x)

    def device(self, name: str | None) -> AbstractContextManager[object]:
        """Context in which MLX computes on a device such as "cpu", "gpu:0"."""
        return NULL if name is None else mx.stream(_device(name))

    def synchronize(self, x: mx.array) -> object:
        """Wait until `x` is computed."""
        mx.eval(x)
        return x

    def set_random_seed(self, seed: int) -> None:
        """Seed MLX's own generator."""
        mx.random.seed(seed % 2**64)

    def value_and_grad(
        self, fn: Callable[[], Pair[mx.array]], variables: Sequence[Variable], state: Sequence[Variable] = ()
    ) -> tuple[Nested[mx.array], Nested[mx.array], list[mx.array | None]]:
        """Value and gradients of a closure over Variables."""
        return step.value_and_grad(fn, variables, state)

    vjp = staticmethod(transforms.vjp)
    jvp = staticmethod(transforms.jvp)
    checkpoint = staticmethod(transforms.checkpoint)

    def compile_step(
        self, fn: Closure[mx.array], state: Callable[[], Sequence[Variable]], jit: bool | str
    ) -> Closure[mx.array]:
        """`fn` under `mx.compile`; "auto" on GPUs only, as on the CPU a C++ compiler runs for each kernel."""
        compiled = mx.default_device() != mx.cpu if jit == "auto" else jit
        return step.Step(fn, state) if compiled else step.Eager(fn, state)

    def cannot_trace(self, error: Exception) -> bool:
        """Whether an error says that a traced array has no value."""
        return isinstance(error, ValueError) and "during function transformations" in str(error)


def _of_number(x: Any, dtype: str | None) -> mx.array:
    if dtype is not None:
        return mx.array(x, native_dtype(dtype))
    if type(x) is int and not -(2**31) <= x < 2**31:
        return lift(np.asarray(x))
    return mx.array(x, native_dtype(canonical(type(x))))


def _on_host(x: Any) -> np.ndarray:
    """A NumPy array of another library's tensor."""
    if hasattr(x, "detach"):  # torch
        x = x.detach().cpu()
        return x.float().numpy().astype(canonical("bfloat16")) if str(x.dtype) == "torch.bfloat16" else x.numpy()
    return x.toarray() if hasattr(x, "toarray") else np.asarray(x)


def _of_list(b: MlxBackend, x: Any, dtype: str | None) -> mx.array:
    leaves = tree.flatten(x)
    if any(isinstance(v, (mx.array, VariableBase)) for v in leaves):
        found = mx.stack([b.convert(v, dtype) for v in x])
        return found if dtype is None else elementwise.cast(found, dtype)
    host = np.asarray([_on_host(v) for v in x] if any(hasattr(v, "detach") for v in leaves) else x)
    if host.dtype.kind in "OUS":
        raise DTypeError(f"[convert_to_tensor] expected numbers, got dtype {host.dtype}; MLX has no such arrays.")
    if dtype is None and not any(hasattr(v, "dtype") and not isinstance(v, float) for v in leaves):
        dtype = {"f": standardize(None), "i": "int32", "c": "complex64"}.get(host.dtype.kind)
        if dtype == "int32" and host.size and (host.max() > 2**31 - 1 or host.min() < -(2**31)):
            dtype = "int64"
    return lift(host, dtype)


def _device(name: str) -> mx.Device:
    kind, _, place = name.lower().replace("cuda", "gpu").partition(":")
    found = {"cpu": mx.cpu, "gpu": mx.gpu}.get(kind)
    if found is None or not mx.is_available(found):
        raise BackendError(f"[device] expected a device that MLX has here, such as 'cpu', got {name!r}.")
    return mx.Device(found, int(place or 0))


def make_backend() -> MlxBackend:
    """The adapter, as `kfront.backends.get` wants it."""
    return MlxBackend()
