"""What the modules of the NumPy adapter share."""

from __future__ import annotations

import functools
from typing import Any

import ml_dtypes
import numpy as np

from kfront.backends.typing import Axes, Function
from kfront.core.dtypes import numpy_dtype

HALVES = frozenset(
    np.dtype(d) for d in (np.float16, ml_dtypes.bfloat16, ml_dtypes.float8_e4m3fn, ml_dtypes.float8_e5m2)
)


def quiet(fn: Function[np.ndarray]) -> Function[np.ndarray]:
    """`fn` without NumPy's warnings: other engines give inf and NaN silently."""

    @functools.wraps(fn)
    def run(*args: object) -> np.ndarray:
        with np.errstate(all="ignore"):
            return fn(*args)

    return run


def wide(fn: Function[np.ndarray]) -> Function[np.ndarray]:
    """`fn` computed in float32 for halves, whose sums are not accurate (and which LAPACK does not have)."""

    @functools.wraps(fn)
    def run(x: np.ndarray, *args: object) -> np.ndarray:
        with np.errstate(all="ignore"):
            kind = x.dtype
            if kind not in HALVES:
                return fn(x, *args)
            rest = (a.astype(np.float32) if getattr(a, "dtype", None) in HALVES else a for a in args)
            out = fn(x.astype(np.float32), *rest)
            return tuple(map(functools.partial(_back, kind), out)) if isinstance(out, tuple) else _back(kind, out)

    return run


def _back(kind: np.dtype, x: np.ndarray) -> np.ndarray:
    return x.astype(kind) if x.dtype == np.float32 else x


@functools.cache
def dtype_of(name: str) -> np.dtype:
    """NumPy's dtype of a name."""
    return numpy_dtype(name)


def lowest(dtype: np.dtype) -> Any:
    """What is smaller than everything of a dtype: -inf, or the least integer."""
    if dtype == np.bool_:
        return False
    if dtype.kind in "iu":
        return np.iinfo(dtype).min
    return -np.inf


def tuple_axis(axis: Axes) -> int | tuple[int, ...] | None:
    """A list of axes as a tuple."""
    return tuple(axis) if isinstance(axis, list) else axis
