"""Calls from compiled code back to Python: one custom operator, for callers that are known by number."""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from kfront.backends.torch.common import native

if TYPE_CHECKING:
    from kfront.core.spec import KerasTensor


_numbers = itertools.count()
_callers: weakref.WeakValueDictionary[int, Any] = weakref.WeakValueDictionary()


def host_handle(caller: object) -> int:
    """The number by which compiled code finds `caller`, while that lives."""
    number = next(_numbers)
    _callers[number] = caller
    return number


@torch.library.custom_op("kfront::host_call", mutates_args=())
def _call(tensors: list[torch.Tensor], number: int, shape: list[int], dtype: torch.dtype) -> torch.Tensor:
    out = _callers[number].on_arrays(*(t.detach().cpu().numpy() for t in tensors))
    return torch.from_numpy(np.ascontiguousarray(out)).to(tensors[0].device, dtype)


@_call.register_fake
def _(tensors: list[torch.Tensor], number: int, shape: list[int], dtype: torch.dtype) -> torch.Tensor:
    return torch.empty(shape, dtype=dtype, device=tensors[0].device)


def host_call(caller: object, tensors: Sequence[Tensor], spec: KerasTensor) -> Any:
    """See `Backend.host_call`."""
    return _call(list(tensors), caller.host_handle, list(spec.shape), native(spec.dtype))
