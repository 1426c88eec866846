"""`image_dataset_from_directory`."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

import numpy as np

from kfront.config import image_data_format
from kfront.core.errors import ArgumentError, DataError
from kfront.core.options import data_format as layout
from kfront.core.spec import Abstract
from kfront.core.typing import Config
from kfront.ops.image_common import in_proportion
from kfront.utils.dataset_files import find_files, make_datasets

_SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".png")
_MODES = {"grayscale": ("L", 1), "rgb": ("RGB", 3), "rgba": ("RGBA", 4)}


def image_dataset_from_directory(
    directory: str | os.PathLike[str],
    labels: object = "inferred",
    label_mode: str | None = "int",
    class_names: object = None,
    color_mode: str = "rgb",
    batch_size: int | None = 32,
    image_size: tuple[int, int] = (256, 256),
    shuffle: bool = True,
    seed: int | None = None,
    validation_split: float | None = None,
    subset: str | None = None,
    interpolation: str = "bilinear",
    follow_links: bool = False,
    crop_to_aspect_ratio: bool = False,
    pad_to_aspect_ratio: bool = False,
    data_format: str | None = None,
    format: str = "tf",
    verbose: bool = True,
) -> Any:
    """The images of a directory (JPEG, PNG, BMP, GIF) as a data set of images and labels.

    Args:
        directory: has one folder for each class, if `labels` is "inferred".
        labels: "inferred" from the folders, a list of ints in the order of the paths, or None for none.
        label_mode: "int" (int32), "binary" (float32 0 or 1, shape (1,)), "categorical" (one-hot float32), or None.
        class_names: order of the classes; alphabetical if None.
        color_mode: "grayscale", "rgb" or "rgba".
        batch_size: images per batch; None for single images.
        image_size: (height, width) that images are resized to.
        shuffle: whether to shuffle, differently in each epoch; otherwise files come in the order of their paths.
        seed: of the order.
        validation_split: fraction of the files for validation.
        subset: "training", "validation" or "both"; then two data sets are returned.
        interpolation: "bilinear", "nearest", "bicubic", "area", "lanczos3", "lanczos5", "gaussian", "mitchellcubic".
        follow_links: whether to follow links to folders.
        crop_to_aspect_ratio: whether to keep the proportions and cut what is too much.
        pad_to_aspect_ratio: whether to keep the proportions and fill what is missing with 0.
        data_format: "channels_last" or "channels_first"; the configured one if None.
        format: "tf" or "grain", see `text_dataset_from_directory`.
        verbose: whether to print how many files were found.

    Returns:
        a data set, or two for "both": float32 images with values 0 to 255, and labels.

    Raises:
        DataError: no such files, or one that is no image.

    Example:

    >>> import pathlib, tempfile
    >>> import numpy as np
    >>> import kfront
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for name in ("cats", "dogs"):
    ...         pathlib.Path(folder, name).mkdir()
    ...         kfront.utils.save_img(f"{folder}/{name}/a.png", np.zeros((8, 8, 3)))
    ...     data = kfront.utils.image_dataset_from_directory(folder, image_size=(4, 4), verbose=False)
    ...     data.class_names, [tuple(images.shape) for images, labels in data]
    (['cats', 'dogs'], [(2, 4, 4, 3)])
    """
    who = "image_dataset_from_directory"
    if color_mode not in _MODES:
        raise ArgumentError(f"[{who}] expected `color_mode` in {', '.join(map(repr, _MODES))}, got {color_mode!r}.")
    if interpolation not in _TAPS:
        raise ArgumentError(
            f"[{who}] expected `interpolation` in {', '.join(map(repr, _TAPS))}, got {interpolation!r}."
        )
    if crop_to_aspect_ratio and pad_to_aspect_ratio:
        raise ArgumentError(f"[{who}] expected one of `crop_to_aspect_ratio` and `pad_to_aspect_ratio`, got both.")
    files = find_files(who, directory, _SUFFIXES, labels, label_mode, class_names, follow_links, verbose)
    first = (layout(who, "data_format", data_format) if data_format else image_data_format()) == "channels_first"
    fit = "crop" if crop_to_aspect_ratio else "pad" if pad_to_aspect_ratio else None
    size = (int(image_size[0]), int(image_size[1]))
    pillow, channels = _MODES[color_mode]
    shape = (channels, *size) if first else (*size, channels)
    options = {"batch_size": batch_size, "shuffle": shuffle, "seed": seed, "validation_split": validation_split}
    options.update(subset=subset, format=format, verbose=verbose)
    load = partial(_load, pillow, size, interpolation, fit, first)
    return make_datasets(who, files, load, Abstract(shape, "float32"), label_mode, options)


def _load(mode: str, size: tuple[int, int], how: str, fit: str | None, first: bool, path: str) -> np.ndarray:
    from PIL import Image, UnidentifiedImageError  # optional; who calls has checked that it is there

    try:
        with Image.open(path) as image:
            array = np.asarray(image.convert(mode), "float32")
    except (UnidentifiedImageError, OSError, ValueError) as e:
        raise DataError(f"[image_dataset_from_directory] expected an image in {path}, got: {e}.") from e
    array = array[:, :, None] if array.ndim == 2 else array
    array = _fitted(array, size, fit) if fit is not None else array
    out = resize(array, size, how)
    return np.ascontiguousarray(out.transpose(2, 0, 1)) if first else out


def _fitted(x: np.ndarray, size: tuple[int, int], how: str) -> np.ndarray:
    """The middle of the image that has the proportions of `size`, or the image with a frame of zeros."""
    height, width = x.shape[:2]
    h, w = in_proportion(height, width, size, how == "crop")
    if how == "crop":
        top, left = (height - h) // 2, (width - w) // 2
        return x[top : top + h, left : left + w]
    top, left = (h - height) // 2, (w - width) // 2
    return np.pad(x, ((top, top), (left, left), (0, 0)))


# ---- resizing: a few weighted rows and columns for each new one ------------------------------------------------------


def _cubic(b: float, c: float) -> Callable[[np.ndarray], np.ndarray]:
    """The family of Mitchell and Netravali, 1988, "Reconstruction filters in computer graphics"."""

    def kernel(x: np.ndarray) -> np.ndarray:
        x = np.abs(x)
        near = (12 - 9 * b - 6 * c) * x**3 + (-18 + 12 * b + 6 * c) * x**2 + (6 - 2 * b)
        far = (-b - 6 * c) * x**3 + (6 * b + 30 * c) * x**2 + (-12 * b - 48 * c) * x + (8 * b + 24 * c)
        return np.where(x < 1, near, np.where(x < 2, far, 0.0)) / 6

    return kernel


def _lanczos(radius: int) -> Callable[[np.ndarray], np.ndarray]:
    return lambda x: np.where(np.abs(x) < radius, np.sinc(x) * np.sinc(x / radius), 0.0)


# name -> (radius, kernel); None where it is made another way
_TAPS: Config = {
    "bilinear": (1, lambda x: np.maximum(0.0, 1 - np.abs(x))),
    "nearest": None,
    "bicubic": (2, _cubic(0.0, 0.5)),
    "area": None,
    "lanczos3": (3, _lanczos(3)),
    "lanczos5": (5, _lanczos(5)),
    "gaussian": (1.5, lambda x: np.where(np.abs(x) < 1.5, np.exp(-2.0 * x**2), 0.0)),
    "mitchellcubic": (2, _cubic(1 / 3, 1 / 3)),
}
_BLUR = ("gaussian", "mitchellcubic")  # these change an image of the right size, too


@lru_cache(maxsize=256)
def _taps(old: int, new: int, how: str) -> tuple[np.ndarray, np.ndarray]:
    """For each new place the old places that it is made of, and their weights: two arrays of shape (new, taps)."""
    scale = old / new
    center = (np.arange(new) + 0.5) * scale
    if how == "nearest":
        return np.minimum(center.astype("int64"), old - 1)[:, None], np.ones((new, 1), "float32")
    if how == "area":
        low, high = np.arange(new) * scale, (np.arange(new) + 1) * scale
        places = np.floor(low).astype("int64")[:, None] + np.arange(int(np.ceil(scale)) + 1)
        weights = np.clip(np.minimum(places + 1, high[:, None]) - np.maximum(places, low[:, None]), 0, None)
    else:
        radius, kernel = _TAPS[how]
        places = np.floor(center - radius).astype("int64")[:, None] + np.arange(int(2 * radius) + 2)
        weights = kernel(places + 0.5 - center[:, None])
    weights = np.where((places >= 0) & (places < old), weights, 0.0)
    used = np.abs(weights).sum(0) > 0
    places, weights = places[:, used], weights[:, used]
    weights = weights / weights.sum(1, keepdims=True)
    return np.clip(places, 0, old - 1), weights.astype("float32")


def resize(image: np.ndarray, size: tuple[int, int], interpolation: str = "bilinear") -> np.ndarray:
    """An image of another size, its pixels taken at their centers, without a filter against aliasing.

    Args:
        image: float32 of shape (height, width, channels).
        size: (height, width).
        interpolation: as for `image_dataset_from_directory`.

    Returns:
        float32 of shape (*size, channels).
    """
    for axis in (0, 1):
        if image.shape[axis] == size[axis] and interpolation not in _BLUR:
            continue
        places, weights = _taps(image.shape[axis], size[axis], interpolation)
        out: Any = None
        for k in range(places.shape[1]):
            weight = weights[:, k].reshape((-1, 1, 1) if axis == 0 else (1, -1, 1))
            part = image.take(places[:, k], axis) * weight
            out = part if out is None else np.add(out, part, out=out)
        image = out
    return image
