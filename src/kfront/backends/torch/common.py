"""What the modules of the torch adapter share: dtypes, the current device, axes.

torch has no arithmetic for uint16, uint32 and uint64 (https://github.com/pytorch/pytorch/issues/58734), so these
names stand for the next wider signed type: uint16 for int32, uint32 and uint64 for int64.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from kfront.backends.typing import Axes
from kfront.core.dtypes import standardize
from kfront.core.state import state
from kfront.core.typing import DTypeLike

DTYPES = (
    "bool", "uint8", "int8", "int16", "int32", "int64", "float16", "bfloat16", "float32", "float64", "float8_e4m3fn",
    "float8_e5m2", "complex64", "complex128",
)  # fmt: skip
TORCH: dict[str, torch.dtype] = {n: getattr(torch, n) for n in DTYPES}
NAMES: dict[torch.dtype, str] = {d: n for n, d in TORCH.items()}
NAMES |= {torch.uint16: "uint16", torch.uint32: "uint32", torch.uint64: "uint64"}
TORCH |= {"uint16": torch.int32, "uint32": torch.int64, "uint64": torch.int64}
_SHARED = {np.dtype(n): n for n in ("float32", "float64", "float16", *DTYPES[:6])}
WIDER = {torch.uint16: torch.int32, torch.uint32: torch.int64, torch.uint64: torch.int64}


def shared_dtype(array: np.ndarray) -> str | None:
    """The dtype of an array whose memory a tensor can have; None if it has to be copied."""
    flags = array.flags
    if not flags.carray or not (flags.owndata or min(array.strides, default=0) >= 0):  # an axis of size 1 may have any
        return None
    return _SHARED.get(array.dtype)


def native(dtype: DTypeLike) -> torch.dtype:
    """The torch dtype of a dtype name (or of anything that `standardize` knows)."""
    found = TORCH.get(dtype) if type(dtype) is str else None
    return found if found is not None else TORCH[standardize(dtype)]


def _find_device() -> torch.device | None:
    if torch.cuda.is_available():
        return torch.device("cuda")
    if hasattr(torch, "xpu") and torch.xpu.is_available():
        return torch.device("xpu")
    return None


_default: list[torch.device | None] = []


def default_device() -> torch.device | None:
    """The accelerator if there is one, None for the CPU."""
    if not _default:
        _default.append(_find_device())
    return _default[0]


def current_device() -> torch.device | None:
    """Where new tensors are made: the innermost device scope, else the default (None is the CPU)."""
    here = state.device
    if here is not None:
        return here
    return _default[0] if _default else default_device()


def on_device(name: Tensor) -> torch.device:
    """The device that a Keras name ("cpu:0", "gpu:1", "cuda") stands for."""
    if isinstance(name, torch.device):
        return name
    name = str(name).lower().replace("gpu", "cuda")
    return torch.device("cpu" if name.startswith("cpu") else name)


NOTHING = ((), [])  # as an axis: nothing is reduced, where torch reduces all


def axes_of(axis: Axes, ndim: int) -> tuple[int, ...]:
    """`axis` (None, int or sequence) as a tuple of ints, counted from the front."""
    if axis is None:
        return tuple(range(ndim))
    if isinstance(axis, (tuple, list)):
        return tuple(a + ndim if a < 0 else a for a in axis)
    return (axis + ndim if axis < 0 else axis,)


def at_hand(x: torch.Tensor) -> bool:
    """Whether the values can be looked at without waiting: on the CPU, and neither compiled nor transformed."""
    return x.is_cpu and not torch.compiler.is_compiling() and not torch._C._functorch.maybe_current_level()
