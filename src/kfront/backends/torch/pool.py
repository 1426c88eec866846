"""Pooling on torch, in the layouts of `conv`."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F

from kfront.backends.torch.conv import each, enter, leave, line, padded
from kfront.backends.typing import Sizes

Tensor = torch.Tensor
_MAX = (None, None, F.max_pool2d, F.max_pool3d)
_AVERAGE = (None, None, F.avg_pool2d, F.avg_pool3d)
_HALVES = (torch.float16, torch.bfloat16)


def _pool_setup(inputs: Tensor, pool_size: Sizes, strides: Sizes, data_format: str) -> tuple[Tensor, Tensor, Tensor]:
    n = inputs.ndim - 2
    size = each(pool_size, n)
    steps = size if strides is None else each(strides, n)
    return enter(inputs, data_format), line(size, 1), line(steps, 1)


def max_pool(inputs: Tensor, pool_size: Sizes, strides: Sizes | None, padding: str, data_format: str) -> Tensor:
    x, size, steps = _pool_setup(inputs, pool_size, strides, data_format)
    lowest = -math.inf if x.dtype.is_floating_point else torch.iinfo(x.dtype).min
    x, pads = padded(x, size, steps, padding, lowest)
    out = _MAX[len(size)](x, size, steps, pads)  # type: ignore[misc]
    return leave(out, inputs.ndim, data_format)


def average_pool(inputs: Tensor, pool_size: Sizes, strides: Sizes | None, padding: str, data_format: str) -> Tensor:
    if inputs.ndim == 5 and inputs.dtype in _HALVES and inputs.device.type == "cpu":  # avg_pool3d is not there for them
        return average_pool(inputs.float(), pool_size, strides, padding, data_format).to(inputs.dtype)
    x, size, steps = _pool_setup(inputs, pool_size, strides, data_format)
    wide, pads = padded(x, size, steps, padding)
    pool = _AVERAGE[len(size)]
    if wide is x:
        out = pool(x, size, steps, pads, False, False)  # type: ignore[misc]
    else:  # padding that differs between sides: divide by the share of each window that lies inside
        ones = torch.ones((1, 1, *x.shape[2:]), dtype=x.dtype, device=x.device)
        inside = pool(padded(ones, size, steps, padding)[0], size, steps)  # type: ignore[misc]
        out = pool(wide, size, steps) / inside  # type: ignore[misc]
    return leave(out, inputs.ndim, data_format)
