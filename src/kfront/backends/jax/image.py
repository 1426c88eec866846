"""Image ops, each compiled as a whole: run eagerly, their many small steps would be dispatched one by one."""

from __future__ import annotations

from jax import Array

from kfront.backends.jax.common import compiled
from kfront.core.op import OPS


def _compiled_body(name: str, *static: int) -> Array:
    """The op's own body, compiled once per shapes and values of the arguments at the positions `static`."""
    return compiled(*static)(OPS[name].body)


resize = _compiled_body("resize", *range(1, 9))
affine_transform = _compiled_body("affine_transform", 2, 3, 5)
perspective_transform = _compiled_body("perspective_transform", 3, 5)
map_coordinates = _compiled_body("map_coordinates", 2, 3)
gaussian_blur = _compiled_body("gaussian_blur", 1, 3)
sobel_edges = _compiled_body("sobel_edges", 1)
ssim = _compiled_body("ssim", *range(2, 8))
extract_patches = _compiled_body("extract_patches", *range(1, 6))
rgb_to_grayscale = _compiled_body("rgb_to_grayscale", 1)
rgb_to_hsv = _compiled_body("rgb_to_hsv", 1)
hsv_to_rgb = _compiled_body("hsv_to_rgb", 1)
