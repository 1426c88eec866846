"""Images on torch: resizing by the fused kernels where they give what the op gives."""

from __future__ import annotations

from typing import Any

import torch
from torch.nn import functional

from kfront.core.op import OPS

Tensor = torch.Tensor
_composed: Any = OPS["resize"].body


def resize(
    images: Tensor,
    size: Tensor,
    interpolation: str = "bilinear",
    antialias: bool = False,
    crop_to_aspect_ratio: bool = False,
    pad_to_aspect_ratio: bool = False,
    fill_mode: str = "constant",
    fill_value: float = 0.0,
    data_format: str | None = None,
) -> Tensor:
    """Bilinear, and bicubic by the kernel with a = -1/2, which torch has with antialiasing only."""
    options = (interpolation, antialias, crop_to_aspect_ratio, pad_to_aspect_ratio, fill_mode, fill_value, data_format)
    last, n = data_format == "channels_last", images.dim()
    fused = interpolation in ("bilinear", "bicubic") and n in (3, 4) and images.is_floating_point() and images.numel()
    if not fused or crop_to_aspect_ratio or pad_to_aspect_ratio:
        return _composed(images, size, *options)
    x = images if images.dtype in (torch.float32, torch.float64) else images.float()
    x = x.movedim(-1, -3) if last else x
    if interpolation == "bicubic" and not antialias:
        if x.shape[-2] > size[0] or x.shape[-1] > size[1]:
            return _composed(images, size, *options)
        antialias = True  # nothing shrinks: no kernel is widened
    x = functional.interpolate(x if n == 4 else x[None], size, mode=interpolation, antialias=antialias)
    x = x if n == 4 else x[0]
    return (x.movedim(-3, -1) if last else x).to(images.dtype)
