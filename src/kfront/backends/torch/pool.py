"""Pooling on torch, in the layouts of `conv`."""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F

from kfront.backends.torch.conv import each, enter, leave, line, padded
from kfront.backends.typing import Sizes
from kfront.core.op import OPS
from kfront.core.shapes_nn import spatial

Tensor = torch.Tensor
_MAX = (None, None, torch.max_pool2d, torch.max_pool3d)
_AVERAGE = (None, None, F.avg_pool2d, F.avg_pool3d)
_ADAPTIVE_MAX = (None, None, F.adaptive_max_pool2d, F.adaptive_max_pool3d)
_ADAPTIVE_AVERAGE = (None, None, F.adaptive_avg_pool2d, F.adaptive_avg_pool3d)
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
    if wide is x and (len(size) < 3 or all(n >= w for n, w in zip(x.shape[2:], size, strict=True))):
        out = pool(x, size, steps, pads, False, False)  # type: ignore[misc]
    else:  # padding that differs between sides, or windows larger than the input, which avg_pool3d refuses
        sides = [p for p in reversed(pads) for _ in range(2)]
        ones = torch.ones((1, 1, *x.shape[2:]), dtype=x.dtype, device=x.device)
        inside = pool(F.pad(padded(ones, size, steps, padding)[0], sides), size, steps)  # type: ignore[misc]
        out = pool(F.pad(wide, sides), size, steps) / inside  # divided by the share of each window that lies inside
    return leave(out, inputs.ndim, data_format)


def adaptive_max_pool(inputs: Tensor, output_size: Sizes, data_format: str) -> Tensor:
    if not inputs.is_floating_point():  # torch has it for floats only
        return OPS["adaptive_max_pool"].body(inputs, output_size, data_format)  # type: ignore[misc]
    return _adaptive(_ADAPTIVE_MAX, inputs, output_size, data_format)


def adaptive_average_pool(inputs: Tensor, output_size: Sizes, data_format: str) -> Tensor:
    return _adaptive(_ADAPTIVE_AVERAGE, inputs, output_size, data_format)


def _adaptive(kernels: tuple[Any, ...], inputs: Tensor, output_size: Sizes, data_format: str) -> Tensor:
    sizes = line(spatial(output_size, inputs.ndim - 2, "output_size"), 1)
    return leave(kernels[len(sizes)](enter(inputs, data_format), sizes), inputs.ndim, data_format)
