"""Resizing images without distortion."""

from __future__ import annotations

from typing import Any

import numpy as np

from kfront import ops
from kfront.core.errors import ArgumentError, ArgumentTypeError
from kfront.core.typing import Tensor


def smart_resize(
    x: Tensor, size: Any, interpolation: str = "bilinear", data_format: str | None = "channels_last", **kwargs: object
) -> np.ndarray | Tensor:
    """Images at another size without distortion: the largest centered window of the new aspect ratio, resized.

    Args:
        x: array or tensor of shape (height, width, channels) or (batch, height, width, channels), or channels first.
        size: (height, width) of the result.
        interpolation: "nearest", "bilinear", "bicubic", "lanczos3" or "lanczos5".
        data_format: "channels_last" or "channels_first"; the configured one if None.
        **kwargs: none are known.

    Returns:
        NumPy array if `x` is one, else a tensor, in the dtype of `x`.

    Raises:
        ArgumentError: if `size` is not a pair, or an argument is not known.
        ShapeError: if the rank is not 3 or 4.

    Example:

    >>> import numpy as np
    >>> smart_resize(np.ones((340, 500, 3)), (200, 200)).shape
    (200, 200, 3)
    """
    if kwargs:
        raise ArgumentError(f"[smart_resize] expected no other arguments, got {', '.join(sorted(kwargs))}.")
    if not hasattr(x, "shape"):
        raise ArgumentTypeError(f"[smart_resize] expected an array or a tensor as `x`, got {x!r}.")
    if not hasattr(size, "__len__") or len(size) != 2:
        raise ArgumentError(f"[smart_resize] expected `size` to be (height, width), got {size!r}.")
    out = ops.image.resize(x, size, interpolation, crop_to_aspect_ratio=True, data_format=data_format)
    return ops.convert_to_numpy(out) if isinstance(x, np.ndarray) else out
