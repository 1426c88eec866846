"""Image ops, each compiled as a whole: run eagerly, their many small steps would be dispatched one by one."""

from __future__ import annotations

from typing import Any

from kfront.backends.jax.common import compiled
from kfront.core.op import OPS


def _whole(name: str, *static: int) -> Any:
    """The op's own body, compiled once per shapes and values of the arguments at the positions `static`."""
    return compiled(*static)(OPS[name].body)


resize = _whole("resize", *range(1, 9))
affine_transform = _whole("affine_transform", 2, 3, 5)
perspective_transform = _whole("perspective_transform", 3, 5)
map_coordinates = _whole("map_coordinates", 2, 3)
gaussian_blur = _whole("gaussian_blur", 1, 3)
sobel_edges = _whole("sobel_edges", 1)
ssim = _whole("ssim", *range(2, 8))
extract_patches = _whole("extract_patches", *range(1, 6))
extract_patches_3d = _whole("extract_patches_3d", *range(1, 6))
rgb_to_grayscale = _whole("rgb_to_grayscale", 1)
rgb_to_hsv = _whole("rgb_to_hsv", 1)
hsv_to_rgb = _whole("hsv_to_rgb", 1)
