"""A third party's backend, as small as one can be: NumPy in an array class of its own."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np

from kfront.backends.base import Backend, numpy_dtype
from kfront.backends.numpy import NumpyBackend
from kfront.core.op import OPS
from kfront.core.variable import Variable


class Box(np.lib.mixins.NDArrayOperatorsMixin):
    """An array, and nothing of NumPy's class."""

    def __init__(self, data: np.ndarray) -> None:
        self.data = data

    shape = property(lambda self: self.data.shape)
    dtype = property(lambda self: self.data.dtype)
    ndim = property(lambda self: self.data.ndim)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return self.data if dtype is None else self.data.astype(dtype)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        return box(getattr(ufunc, method)(*unbox(inputs), **kwargs))

    def __getitem__(self, key: Any) -> Any:
        return box(self.data[unbox(key)])

    def __len__(self) -> int:
        return len(self.data)

    def __bool__(self) -> bool:
        return bool(self.data)

    def __int__(self) -> int:
        return int(self.data)

    def __float__(self) -> float:
        return float(self.data)

    __index__ = __int__


def box(x: Any) -> Any:
    """Arrays in boxes, also inside lists and dicts; functions of arrays as functions of boxes."""
    return _each(x, lambda v: Box(np.asarray(v)) if isinstance(v, (np.ndarray, np.generic)) else v, box, unbox)


def unbox(x: Any) -> Any:
    """The other way round."""
    return _each(x, lambda v: v.data if isinstance(v, Box) else v, unbox, box)


def _each(x: Any, change: Callable[[Any], Any], there: Callable[[Any], Any], back: Callable[[Any], Any]) -> Any:
    if type(x) in (list, tuple):
        return type(x)(there(v) for v in x)
    if type(x) is dict:
        return {k: there(v) for k, v in x.items()}
    if callable(x) and not isinstance(x, type):
        return lambda *args, **kwargs: there(x(*back(args), **back(kwargs)))
    return change(x)


def _boxed(fn: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *args: box(fn(*unbox(args)))


class BoxedVariable(Variable):
    """A Variable whose storage is a Box."""

    def _make(self, value: Any) -> None:
        self._value = Box(np.array(unbox(value), dtype=numpy_dtype(self._dtype)))


class BoxedBackend(Backend):
    """Every op is NumPy's."""

    name = "boxed"
    types = frozenset([Box])
    Variable = BoxedVariable
    dtypes = NumpyBackend.dtypes
    trainable = False
    host = NumpyBackend()
    modules = tuple(ModuleType(m.__name__) for m in NumpyBackend.modules)

    def is_tensor(self, x: Any) -> bool:
        return isinstance(x, Box)

    def native_dtype(self, name: str) -> Any:
        return self.host.native_dtype(name)

    def dtype_name(self, dtype: Any) -> str:
        return self.host.dtype_name(dtype)

    def convert(self, x: Any, dtype: str | None = None) -> Any:
        if isinstance(x, Box) and dtype is None:
            return x
        return Box(np.asarray(self.host.convert(unbox(x), dtype)))

    def cast(self, x: Any, dtype: str) -> Any:
        return Box(self.host.cast(x.data, dtype))

    def to_numpy(self, x: Any) -> np.ndarray:
        return self.host.to_numpy(unbox(x))


for mine, theirs in zip(BoxedBackend.modules, NumpyBackend.modules, strict=True):
    for name, value in vars(theirs).items():
        if name in OPS and callable(value):
            setattr(mine, name, _boxed(value))


def make_backend() -> BoxedBackend:
    """The backend, for the registry."""
    return BoxedBackend()
