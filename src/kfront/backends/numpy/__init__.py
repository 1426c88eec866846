"""The NumPy backend: the reference that the others are compared with, and inference where no engine is installed."""

from __future__ import annotations

import weakref
from typing import Any

import ml_dtypes
import numpy as np

from kfront.backends.base import Backend, numpy_dtype, op_modules
from kfront.backends.numpy import elementwise
from kfront.core.dtypes import ALL, standardize
from kfront.core.errors import ArgumentTypeError
from kfront.core.operators import VariableBase
from kfront.core.typing import DTypeLike
from kfront.core.variable import Variable

__all__ = ["NumpyBackend", "make_backend"]

_DTYPES = tuple(d for d in ALL if d != "string")
_NATIVE = {name: numpy_dtype(name) for name in _DTYPES}
_NAMES = {dtype: name for name, dtype in _NATIVE.items()}
_EXTENDED = (ml_dtypes.bfloat16, ml_dtypes.float8_e4m3fn, ml_dtypes.float8_e5m2)


class NumpyVariable(Variable):
    """A Variable whose storage is a NumPy array."""

    def _make(self, value: object) -> None:
        self._value = np.array(value, dtype=_NATIVE.get(self._dtype))

    def _write(self, value: object) -> None:
        self._value = np.array(value)  # the caller's memory may change, that of a mapped file too


class NumpyBackend(Backend):
    """NumPy behind the contract of `Backend`."""

    name = "numpy"
    types = frozenset((np.ndarray, *(d.type for d in _NATIVE.values())))
    Variable = NumpyVariable
    dtypes = _DTYPES
    trainable = False
    modules = op_modules(__name__)

    def is_tensor(self, x: object) -> bool:
        return isinstance(x, (np.ndarray, np.generic))

    def native_dtype(self, name: str) -> np.dtype:
        return _NATIVE[name] if name in _NATIVE else numpy_dtype(name)

    def dtype_name(self, dtype: DTypeLike) -> str:
        found = _NAMES.get(dtype)
        if found is not None:
            return found
        return "string" if getattr(dtype, "kind", "") in "OUS" else standardize(dtype)

    def convert(self, x: object, dtype: str | None = None) -> np.ndarray:
        if isinstance(x, VariableBase):
            x = x.value
        if isinstance(x, (np.ndarray, np.generic)):
            return x if dtype is None else self.cast(x, dtype)
        if dtype is not None and isinstance(x, (bool, int, float)):
            return np.asarray(x, _NATIVE[dtype])
        x = _host(x) if (found := self.foreign_sparse(x)) is None else found
        out = _array(x)
        if dtype is not None:
            return self.cast(out, dtype)
        if isinstance(x, (bool, int, float, complex, list, tuple)) and not _has_arrays(x):
            return _narrow(out)
        return out

    def cast(self, x: np.ndarray, dtype: str) -> np.ndarray:
        return elementwise.cast(x, dtype)

    def to_numpy(self, x: np.ndarray) -> np.ndarray:
        return np.asarray(_host(x))

    def set_mask(self, x: np.ndarray, mask: np.ndarray) -> None:
        if isinstance(x, np.ndarray):
            key = id(x)
            _masks[key] = (weakref.ref(x, lambda _: _masks.pop(key, None)), mask)

    def get_mask(self, x: np.ndarray) -> np.ndarray | None:
        found = _masks.get(id(x))
        return found[1] if found is not None and found[0]() is x else None


# Arrays take no attributes: their masks are kept beside them, by id, as long as they live.
_masks: dict[int, tuple[weakref.ref[Any], Any]] = {}


def _host(x: object) -> Any:
    """Tensors of other engines and Variables as arrays, also inside lists."""
    if isinstance(x, (list, tuple)):
        return [_host(v) for v in x]
    if isinstance(x, VariableBase):
        x = x.value
    if hasattr(x, "detach"):
        x = x.detach().cpu()
        return x.float().numpy().astype(ml_dtypes.bfloat16) if str(x.dtype) == "torch.bfloat16" else x.numpy()
    if hasattr(x, "numpy") and not isinstance(x, (np.ndarray, np.generic)):
        return x.numpy()
    return np.asarray(x) if hasattr(x, "__array__") else x


def _array(x: object) -> np.ndarray:
    """As an array of numbers; NumPy would make one of any object."""
    try:
        out = np.asarray(x)
    except ValueError:  # lists of different lengths
        out = None
    if out is None or out.dtype.kind in "OUS":
        raise ArgumentTypeError(f"expected numbers, got {x!r:.100}.")
    return out


def _has_arrays(x: np.ndarray) -> bool:
    return any(_has_arrays(v) for v in x) if isinstance(x, (list, tuple)) else hasattr(x, "dtype")


def _narrow(out: np.ndarray) -> np.ndarray:
    """Python numbers: floats in floatx, ints in int32 where they fit."""
    if out.dtype == np.float64:
        return out.astype(_NATIVE[standardize(None)])
    if out.dtype == np.int64 and (not out.size or (out.min() >= -(2**31) and out.max() < 2**31)):
        return out.astype(np.int32)
    return out.astype(np.complex64) if out.dtype == np.complex128 else out


def make_backend() -> NumpyBackend:
    """The backend, for the registry."""
    return NumpyBackend()
