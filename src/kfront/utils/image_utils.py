"""Images from and to files and arrays; needs Pillow."""

from __future__ import annotations

import io
import os
from typing import Any, BinaryIO

import numpy as np

from kfront import config
from kfront.core.errors import ArgumentError, ShapeError, optional
from kfront.core.typing import Tensor

_MODES = {"rgb": "RGB", "rgba": "RGBA", "grayscale": "L"}
_INTERPOLATIONS = ("nearest", "bilinear", "bicubic", "hamming", "box", "lanczos")


def _pillow(who: str) -> Any:
    return optional(who, "PIL.Image", "Pillow", "viz")


def _layout(data_format: str | None, who: str) -> str:
    found = config.image_data_format() if data_format is None else data_format
    if not isinstance(found, str) or found not in ("channels_first", "channels_last"):
        raise ArgumentError(
            f"[{who}] expected `data_format` to be 'channels_first' or 'channels_last', got {data_format!r}."
        )
    return found


def array_to_img(x: Any, data_format: str | None = None, scale: bool = True, dtype: Any = None) -> Any:
    """A Pillow image of an array.

    Args:
        x: array of shape `(height, width, channels)`, or channels first; 1, 3 or 4 channels.
        data_format: ``"channels_last"`` or ``"channels_first"``; as configured if None.
        scale: whether values are stretched to 0…255.
        dtype: dtype to work in; floatx if None.

    Returns:
        A `PIL.Image.Image` of mode L (I for gray values above 255), RGB or RGBA.

    Raises:
        ImportError: Pillow is missing.
        ShapeError: `x` is not a single image.

    Example:

    >>> import numpy as np
    >>> import kfront
    >>> img = kfront.utils.array_to_img(np.zeros((4, 6, 3)))
    >>> img.size, img.mode
    ((6, 4), 'RGB')
    """
    image = _pillow("array_to_img")
    data_format = _layout(data_format, "array_to_img")
    x = np.asarray(x, dtype=dtype or config.floatx())
    if x.ndim != 3:
        raise ShapeError(f"[array_to_img] expected one image with 3 axes, got shape {x.shape}.")
    if data_format == "channels_first":
        x = x.transpose(1, 2, 0)
    if scale:
        x = x - x.min()
        top = x.max()
        x = x / (top if top else 1) * 255
    channels = x.shape[2]
    if channels == 1:
        flat = x[:, :, 0]
        # 32-bit grey where 8 bits do not hold the values
        return image.fromarray(flat.astype("int32" if flat.max() > 255 else "uint8"))
    if channels not in (3, 4):
        raise ShapeError(f"[array_to_img] expected 1, 3 or 4 channels, got {channels} (shape {x.shape}).")
    return image.fromarray(x.astype("uint8"))


def img_to_array(img: object, data_format: str | None = None, dtype: Any = None) -> np.ndarray:
    """The pixels of a Pillow image.

    Args:
        img: the image.
        data_format: ``"channels_last"`` or ``"channels_first"``; as configured if None.
        dtype: dtype of the result; floatx if None.

    Returns:
        Array of shape `(height, width, channels)`, or channels first.

    Raises:
        ShapeError: the pixels have neither 2 nor 3 axes.

    Example:

    >>> import numpy as np
    >>> import kfront
    >>> img = kfront.utils.array_to_img(np.ones((4, 6, 1)), scale=False)
    >>> x = kfront.utils.img_to_array(img)
    >>> x.shape, float(x.max())
    ((4, 6, 1), 1.0)
    """
    data_format = _layout(data_format, "img_to_array")
    x = np.asarray(img, dtype=dtype or config.floatx())
    if x.ndim == 2:
        x = x[:, :, None]
    if x.ndim != 3:
        raise ShapeError(f"[img_to_array] expected an image with 2 or 3 axes, got shape {x.shape}.")
    return x.transpose(2, 0, 1) if data_format == "channels_first" else x


def save_img(
    path: str | os.PathLike[str] | BinaryIO,
    x: Tensor,
    data_format: str | None = None,
    file_format: str | None = None,
    scale: bool = True,
    **kwargs: object,
) -> None:
    """Write an array as an image file.

    Args:
        path: file path, or a file object with `file_format`.
        x: array of one image.
        data_format: ``"channels_last"`` or ``"channels_first"``; as configured if None.
        file_format: e.g. ``"png"``; by the suffix of `path` if None.
        scale: whether values are stretched to 0…255.
        kwargs: passed to Pillow's `save`.

    Raises:
        ImportError: Pillow is missing.
        ShapeError: `x` is not a single image.

    Example:

    >>> import io
    >>> import numpy as np
    >>> import kfront
    >>> file = io.BytesIO()
    >>> kfront.utils.save_img(file, np.zeros((4, 6, 3)), file_format="png")
    >>> file.getvalue()[1:4]
    b'PNG'
    """
    img = array_to_img(x, data_format=data_format, scale=scale)
    suffix = str(path).lower() if isinstance(path, (str, os.PathLike)) else ""
    jpeg = (file_format or "").lower() in ("jpg", "jpeg") or suffix.endswith((".jpg", ".jpeg"))
    if img.mode == "RGBA" and jpeg:
        img = img.convert("RGB")
    img.save(path, format="jpeg" if file_format == "jpg" else file_format, **kwargs)


def load_img(
    path: str | os.PathLike[str] | io.IOBase,
    color_mode: str = "rgb",
    target_size: tuple[int, int] | None = None,
    interpolation: str = "nearest",
    keep_aspect_ratio: bool = False,
) -> Any:
    """Read an image file as a Pillow image.

    Args:
        path: file path, or a binary file object.
        color_mode: ``"rgb"``, ``"rgba"`` or ``"grayscale"``.
        target_size: `(height, width)` to resize to; None keeps the size.
        interpolation: ``"nearest"``, ``"bilinear"``, ``"bicubic"``, ``"hamming"``, ``"box"`` or ``"lanczos"``.
        keep_aspect_ratio: whether the middle of the image is cut to the target's proportions first.

    Returns:
        A `PIL.Image.Image`.

    Raises:
        ArgumentError: unknown `color_mode` or `interpolation`.
        ImportError: Pillow is missing.

    Example:

    >>> import io
    >>> import numpy as np
    >>> import kfront
    >>> file = io.BytesIO()
    >>> kfront.utils.save_img(file, np.zeros((4, 6, 3)), file_format="png")
    >>> kfront.utils.load_img(file, target_size=(2, 3)).size
    (3, 2)
    """
    image = _pillow("load_img")
    if color_mode not in _MODES:
        raise ArgumentError(f"[load_img] expected `color_mode` to be one of {', '.join(_MODES)}, got {color_mode!r}.")
    if interpolation not in _INTERPOLATIONS:
        raise ArgumentError(
            f"[load_img] expected `interpolation` to be one of {', '.join(_INTERPOLATIONS)}, got {interpolation!r}."
        )
    source = path if isinstance(path, io.IOBase) else os.fspath(path)
    with image.open(source) as opened:
        # grey images of 16 or 32 bits keep their depth
        deep = color_mode == "grayscale" and opened.mode in ("I", "I;16", "L")
        img = opened.copy() if deep else opened.convert(_MODES[color_mode])
    if target_size is None:
        return img
    height, width = target_size
    if (img.width, img.height) == (width, height):
        return img
    box = _middle(img.width, img.height, width, height) if keep_aspect_ratio else None
    return img.resize((width, height), image.Resampling[interpolation.upper()], box=box)


def _middle(width: int, height: int, to_width: int, to_height: int) -> tuple[int, int, int, int]:
    """The greatest box of the target's proportions in the middle of an image."""
    cut_width = min(width, int(height * to_width / to_height))
    cut_height = min(height, int(width * to_height / to_width))
    left, top = (width - cut_width) // 2, (height - cut_height) // 2
    return left, top, left + cut_width, top + cut_height
