"""Calls of image ops whose values are those of the installed Keras; see test_image.py."""

from __future__ import annotations

import itertools
from typing import Any, NamedTuple

import numpy as np

_rng = np.random.Generator(np.random.Philox(key=5))


class Case(NamedTuple):
    """``ops.image.<name>(*args, **kwargs)``; `tol` is absolute, for values about 1 in float32."""

    name: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    tol: float

    @property
    def label(self) -> str:
        """A name."""
        short = lambda v: f"{v.dtype}{list(v.shape)}" if isinstance(v, np.ndarray) else str(v)  # noqa: E731
        return f"{self.name}-{'-'.join(map(short, self.args))}-{self.kwargs}"


CASES: list[Case] = []


def case(name: str, *args: Any, tol: float = 2e-6, **kwargs: Any) -> None:
    """Add a case."""
    CASES.append(Case(name, args, kwargs, tol))


X = _rng.uniform(0, 1, (2, 7, 9, 3)).astype("float32")
FIRST = np.ascontiguousarray(np.moveaxis(X, -1, 1))
BYTES = (X * 255).astype("uint8")
VOLUME = _rng.uniform(0, 1, (2, 4, 5, 6, 2)).astype("float32")

for method, antialias, size in itertools.product(
    ("nearest", "bilinear", "bicubic", "lanczos3", "lanczos5"), (False, True), ((4, 13), (12, 5))
):
    case("resize", X, size, interpolation=method, antialias=antialias)
for size in ((4, 8), (8, 4), (14, 9), (5, 5), (3, 7)):
    case("resize", X, size, crop_to_aspect_ratio=True)
    case("resize", X, size, pad_to_aspect_ratio=True, fill_value=0.5)
case("resize", X[0], (3, 4))
case("resize", FIRST, (3, 4), data_format="channels_first")
case("resize", BYTES, (4, 5), "nearest")
SCALE, MOVE = np.array([0.7, 2.0], "float32"), np.array([0.3, -0.5], "float32")
for method, antialias in itertools.product(("linear", "cubic", "lanczos3", "lanczos5"), (True, False)):
    case("scale_and_translate", X, (2, 6, 10, 3), SCALE, MOVE, (1, 2), method, antialias, tol=1e-5)
_at = _rng.uniform(-6, 12, (2, 40)).astype("float32")
for mode, order in itertools.product(("constant", "nearest", "wrap", "mirror", "reflect"), (0, 1)):
    case("map_coordinates", X[0, ..., 0], _at, order, mode, 0.5, tol=2e-5)
case("map_coordinates", BYTES[0, ..., 0], np.array([[0.5, 1.5], [2.0, 3.0]], "float32"), 0)
TURN = np.array(
    [[1.005, 0.122, -0.673, -0.201, 0.904, 0.357, 0.0, 0.0], [0.842, 0.014, 1.352, 0.137, 1.319, -1.852, 0.0, 0.0]],
    "float32",
)
for mode, between in itertools.product(("constant", "nearest", "wrap", "reflect"), ("bilinear", "nearest")):
    case("affine_transform", X, TURN, between, mode, 0.5, tol=2e-5)
case("affine_transform", X[0], TURN[0], tol=2e-5)
case("affine_transform", FIRST, TURN, data_format="channels_first", tol=2e-5)
START = np.array([[0, 0], [0, 6], [8, 0], [8, 6]], "float32")
END = np.array([[0.3, -0.4], [0.2, 6.6], [7.7, 0.3], [8.6, 6.1]], "float32")
case("perspective_transform", X[0], START, END, fill_value=0.5, tol=2e-5)
case("perspective_transform", X, np.stack([START] * 2), np.stack([END, END + 0.2]), tol=2e-5)
for name in ("rgb_to_grayscale", "rgb_to_hsv", "hsv_to_rgb"):
    case(name, X)
    case(name, X[0])
    case(name, FIRST, data_format="channels_first")
case("rgb_to_grayscale", BYTES)
case("gaussian_blur", X)
case("gaussian_blur", X[0], (5, 5), (1.5, 1.5))
case("ssim", X, X * 0.9, filter_size=5, tol=1e-5)
case("ssim", X[0] * 255, X[1] * 255, 255.0, 3, 0.8, 0.02, 0.05, tol=1e-5)
for layout, x in (("channels_last", X), ("channels_first", FIRST)):
    for options in ({"size": 2}, {"size": (2, 3), "strides": 1}, {"size": 3, "strides": 2, "padding": "same"}):
        case("extract_patches", x, **options, data_format=layout)
    case("crop_images", x, 1, 2, 2, 1, data_format=layout)
    case("pad_images", x, 1, 2, target_height=12, target_width=13, data_format=layout)
case("extract_patches", X[0], 2, 1, 2)
case("extract_patches", VOLUME, (2, 2, 3))
case("extract_patches_3d", VOLUME, 2, (1, 2, 1), padding="same")
case("sobel_edges", X[:, 1:-1], tol=1e-5)
