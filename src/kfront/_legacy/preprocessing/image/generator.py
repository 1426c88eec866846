"""Images standardized and changed at random, batch by batch, as a Python generator or data set."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import numpy as np

from kfront._legacy.preprocessing.image.iterators import (
    Arrays,
    DataFrameIterator,
    DirectoryIterator,
    Iterator,
    NumpyArrayIterator,
    Table,
    warn_of_channels,
)
from kfront._legacy.preprocessing.image.transforms import (
    apply_affine_transform,
    apply_brightness_shift,
    apply_channel_shift,
    drawn_zoom,
)
from kfront.config import floatx
from kfront.core.errors import ArgumentError, ShapeError
from kfront.core.typing import Config
from kfront.ops.primitives.arguments import data_format as layout

Kind = TypeVar("Kind", bound=Iterator)

Shifts: TypeAlias = Any
"""A share of the size or a number of pixels, or several numbers of which one is drawn."""


def _shift(limits: Shifts, size: int) -> float:
    """Pixels to shift by: one of the numbers or of those below an int, with either sign, or a number between limits."""
    try:
        pixels = np.random.choice(limits) * np.random.choice([-1, 1])
    except ValueError:  # a floating number
        pixels = np.random.uniform(-limits, limits)
    return pixels * size if np.max(limits) < 1 else pixels


class ImageDataGenerator:
    """Makes batches of images, standardized and changed at random, from arrays, folders or tables of files.

    Args:
        featurewise_center, featurewise_std_normalization: whether the mean of a data set is taken from images, and
            whether they are divided by its deviation; for these and the next `fit` sees the data first.
        samplewise_center, samplewise_std_normalization: the same for each image by itself.
        zca_whitening, zca_epsilon: whether pixels are made uncorrelated, and what is added to their variances.
        rotation_range, shear_range: greatest angles, in degrees.
        width_shift_range, height_shift_range: greatest shifts: a share below 1, else pixels; an int for whole pixels
            below it; or a list of pixels.
        brightness_range: two factors.
        zoom_range: two scales, or how far they are from 1 at most.
        channel_shift_range: greatest number that is added.
        fill_mode, cval, interpolation_order: as for `apply_affine_transform`.
        horizontal_flip, vertical_flip: whether to flip one image in two.
        rescale: a factor for all values.
        preprocessing_function: from an image to an image of its shape, called after the random changes.
        data_format: "channels_last" or "channels_first"; the configured one if None.
        validation_split: share of the data that is kept for validation.
        dtype: of batches; floatx if None.

    Raises:
        ArgumentError: if an option is not allowed.

    Example:

    >>> import numpy as np
    >>> batches = ImageDataGenerator(rescale=0.5).flow(np.ones((5, 4, 4, 3)), np.arange(5), batch_size=2, shuffle=False)
    >>> images, labels = next(batches)
    >>> images.shape, float(images.max()), labels.tolist()
    ((2, 4, 4, 3), 0.5, [0, 1])
    """

    if TYPE_CHECKING:  # the options are attributes

        def __getattr__(self, name: str) -> Any: ...

    def __init__(
        self,
        featurewise_center: bool = False,
        samplewise_center: bool = False,
        featurewise_std_normalization: bool = False,
        samplewise_std_normalization: bool = False,
        zca_whitening: bool = False,
        zca_epsilon: float = 1e-6,
        rotation_range: float = 0,
        width_shift_range: Shifts = 0.0,
        height_shift_range: Shifts = 0.0,
        brightness_range: Sequence[float] | None = None,
        shear_range: float = 0.0,
        zoom_range: float | Sequence[float] = 0.0,
        channel_shift_range: float = 0.0,
        fill_mode: str = "nearest",
        cval: float = 0.0,
        horizontal_flip: bool = False,
        vertical_flip: bool = False,
        rescale: float | None = None,
        preprocessing_function: Callable[[np.ndarray], np.ndarray] | None = None,
        data_format: str | None = None,
        validation_split: float = 0.0,
        interpolation_order: int = 1,
        dtype: str | None = None,
    ) -> None:
        given = dict(locals())
        self._validation_split = given.pop("validation_split")
        given.pop("self")
        self.__dict__.update(given)
        self.dtype, self.data_format = dtype or floatx(), layout(data_format)
        self.channel_axis, self.row_axis, self.col_axis = (
            (3, 1, 2) if self.data_format == "channels_last" else (1, 2, 3)
        )
        self.mean: Arrays = None
        self.std: Arrays = None
        self.zca_whitening_matrix: Arrays = None
        if validation_split and not 0 < validation_split < 1:
            raise ArgumentError(
                f"[ImageDataGenerator] expected `validation_split` between 0 and 1, got {validation_split}."
            )
        if isinstance(zoom_range, (int, float)):
            self.zoom_range = [1 - zoom_range, 1 + zoom_range]
        for name in ("zoom_range", "brightness_range"):
            value = getattr(self, name)
            if value is not None:
                if (
                    not isinstance(value, (list, tuple))
                    or len(value) != 2
                    or not all(isinstance(v, (int, float)) for v in value)
                ):
                    raise ArgumentError(f"[ImageDataGenerator] expected `{name}` to be two numbers, got {value!r}.")
                setattr(self, name, list(value))
        self._imply(zca_whitening, "zca_whitening", "featurewise_center", True)
        self._imply(zca_whitening, "zca_whitening", "featurewise_std_normalization", False)
        for kind in ("featurewise", "samplewise"):
            deviation = f"{kind}_std_normalization"
            self._imply(getattr(self, deviation), deviation, f"{kind}_center", True)

    def _imply(self, holds: bool, option: str, other: str, value: bool) -> None:
        """Set an option that follows from another, and say so where it was given otherwise."""
        if holds and getattr(self, other) != value:
            setattr(self, other, value)
            warnings.warn(f"[ImageDataGenerator] `{option}` sets `{other}={value}`.", stacklevel=3)

    def flow(
        self,
        x: Arrays,
        y: Arrays = None,
        batch_size: int = 32,
        shuffle: bool = True,
        sample_weight: Arrays = None,
        seed: int | None = None,
        save_to_dir: str | None = None,
        save_prefix: str = "",
        save_format: str = "png",
        ignore_class_split: bool = False,
        subset: str | None = None,
    ) -> NumpyArrayIterator:
        """Batches of arrays.

        Args:
            x: images of rank 4, or a pair (images, array or arrays that go with them unchanged).
            y, sample_weight: labels and weights, or None.
            batch_size, shuffle, seed: size of batches, whether images are mixed for each epoch, and from which seed.
            save_to_dir, save_prefix, save_format: where the images are written that the batches have, if anywhere.
            ignore_class_split: whether both parts of a split may have different classes.
            subset: "training" or "validation", the part for which there is a `validation_split`.

        Returns:
            An iterator, and data set for `fit`: x, (x, y) or (x, y, weights).
        """
        return self._iterator(NumpyArrayIterator, locals())

    def flow_from_directory(
        self,
        directory: str,
        target_size: tuple[int, int] = (256, 256),
        color_mode: str = "rgb",
        classes: Sequence[str] | None = None,
        class_mode: str | None = "categorical",
        batch_size: int = 32,
        shuffle: bool = True,
        seed: int | None = None,
        save_to_dir: str | None = None,
        save_prefix: str = "",
        save_format: str = "png",
        follow_links: bool = False,
        subset: str | None = None,
        interpolation: str = "nearest",
        keep_aspect_ratio: bool = False,
    ) -> DirectoryIterator:
        """Batches of the images in the folders of a folder, one for each class.

        Args:
            directory: the folder.
            target_size, interpolation, keep_aspect_ratio: how images are resized, see `load_img`.
            color_mode: "rgb", "rgba" or "grayscale".
            classes: names of folders in the order of classes; all, sorted, if None.
            class_mode: form of labels: "categorical" (one-hot), "binary" or "sparse" (numbers), "input" (the images
                themselves), None (no labels).
            follow_links: whether links to folders are followed.
            batch_size, shuffle, seed, save_to_dir, save_prefix, save_format, subset: as for `flow`.

        Returns:
            An iterator, and data set for `fit`.
        """
        return self._iterator(DirectoryIterator, locals())

    def flow_from_dataframe(
        self,
        dataframe: Table,
        directory: str | None = None,
        x_col: str = "filename",
        y_col: str | Sequence[str] = "class",
        weight_col: str | None = None,
        target_size: tuple[int, int] = (256, 256),
        color_mode: str = "rgb",
        classes: Sequence[str] | None = None,
        class_mode: str | None = "categorical",
        batch_size: int = 32,
        shuffle: bool = True,
        seed: int | None = None,
        save_to_dir: str | None = None,
        save_prefix: str = "",
        save_format: str = "png",
        subset: str | None = None,
        interpolation: str = "nearest",
        validate_filenames: bool = True,
        **kwargs: object,
    ) -> DataFrameIterator:
        """Batches of the images that a table names.

        Args:
            dataframe: a `pandas.DataFrame`.
            directory: folder of the files; None if the table has whole paths.
            x_col, y_col, weight_col: columns with files, labels (also a list of columns) and weights.
            class_mode: as for `flow_from_directory`, or "raw" (what the columns have) or "multi_output" (a list of
                columns); in "categorical", an image may have a list of classes.
            validate_filenames: whether rows without a file are left out; skipping this is faster.
            **kwargs: ignored.
            target_size, color_mode, classes, batch_size, shuffle, seed, save_to_dir, save_prefix, save_format, subset,
                interpolation: as for `flow_from_directory`.

        Returns:
            An iterator, and data set for `fit`.
        """
        return self._iterator(DataFrameIterator, locals())

    def _iterator(self, kind: type[Kind], given: Config) -> Kind:
        """An iterator with the arguments of a method, which `given` holds."""
        own = {"self", "kwargs", "image_data_generator", "data_format", "dtype"}
        arguments = {name: value for name, value in given.items() if name not in own}
        return kind(image_data_generator=self, data_format=self.data_format, dtype=self.dtype, **arguments)

    def standardize(self, x: np.ndarray) -> np.ndarray:
        """One image, or a batch, with rescaled and centred values; a floating array is changed in place."""
        x = x if self.preprocessing_function is None else self.preprocessing_function(x)
        if self.rescale:
            x *= self.rescale
        if self.samplewise_center:
            x -= x.mean()
        if self.samplewise_std_normalization:
            x /= x.std() + 1e-6
        if self.featurewise_center and self._fitted("mean"):
            x -= self.mean
        if self.featurewise_std_normalization and self._fitted("std"):
            x /= self.std + 1e-6
        if self.zca_whitening and self._fitted("zca_whitening_matrix"):
            x = (x.reshape(-1, np.prod(x.shape[-3:])) @ self.zca_whitening_matrix).reshape(x.shape)
        return x

    def _fitted(self, name: str) -> bool:
        if getattr(self, name) is None:
            warnings.warn(f"[ImageDataGenerator] `{name}` is not known yet; call `fit(images)` first.", stacklevel=3)
        return getattr(self, name) is not None

    def get_random_transform(self, img_shape: Sequence[int], seed: int | None = None) -> Config:
        """Parameters of a change of an image.

        Args:
            img_shape: its shape.
            seed: for NumPy's generator, if it is to be set.

        Returns:
            A dict for `apply_transform`.
        """
        if seed is not None:
            np.random.seed(seed)
        height, width = img_shape[self.row_axis - 1], img_shape[self.col_axis - 1]
        found = {"theta": np.random.uniform(-self.rotation_range, self.rotation_range) if self.rotation_range else 0}
        found["tx"] = _shift(self.height_shift_range, height) if np.any(self.height_shift_range) else 0
        found["ty"] = _shift(self.width_shift_range, width) if np.any(self.width_shift_range) else 0
        found["shear"] = np.random.uniform(-self.shear_range, self.shear_range) if self.shear_range else 0
        found["zx"], found["zy"] = drawn_zoom(self.zoom_range)
        found["flip_horizontal"] = (np.random.random() < 0.5) * self.horizontal_flip
        found["flip_vertical"] = (np.random.random() < 0.5) * self.vertical_flip
        limits = self.channel_shift_range
        found["channel_shift_intensity"] = np.random.uniform(-limits, limits) if limits else None
        found["brightness"] = None if self.brightness_range is None else np.random.uniform(*self.brightness_range)
        return found

    def apply_transform(self, x: np.ndarray, transform_parameters: Config) -> np.ndarray:
        """An image changed by parameters, see `get_random_transform`; those that are absent change nothing."""
        rows, columns, channels = self.row_axis - 1, self.col_axis - 1, self.channel_axis - 1
        given = transform_parameters
        moves = {k: given[k] for k in ("theta", "tx", "ty", "shear", "zx", "zy") if k in given}
        place = {"row_axis": rows, "col_axis": columns, "channel_axis": channels}
        edge = {"fill_mode": self.fill_mode, "cval": self.cval, "order": self.interpolation_order}
        x = apply_affine_transform(x, **moves, **place, **edge)
        if given.get("channel_shift_intensity") is not None:
            x = apply_channel_shift(x, given["channel_shift_intensity"], channels)
        for flipped, axis in ((given.get("flip_horizontal"), columns), (given.get("flip_vertical"), rows)):
            x = np.flip(x, axis) if flipped else x
        brightness = given.get("brightness")
        return x if brightness is None else apply_brightness_shift(x, brightness, scale=False)

    def random_transform(self, x: np.ndarray, seed: int | None = None) -> np.ndarray:
        """An image changed at random."""
        return self.apply_transform(x, self.get_random_transform(x.shape, seed))

    def fit(self, x: Arrays, augment: bool = False, rounds: int = 1, seed: int | None = None) -> None:
        """Find the mean, deviation or correlations of a data set.

        Args:
            x: images of rank 4.
            augment: whether images are changed at random first, `rounds` times each.
            rounds: see `augment`.
            seed: for NumPy's generator, if it is to be set.

        Raises:
            ShapeError: if the rank is not 4.
        """
        x = np.array(x, self.dtype)
        if x.ndim != 4:
            raise ShapeError(f"[ImageDataGenerator.fit] expected images of rank 4, got shape {x.shape}.")
        warn_of_channels("ImageDataGenerator.fit", x.shape, self.channel_axis, self.data_format)
        if seed is not None:
            np.random.seed(seed)
        if self.rescale:
            x *= self.rescale
        if augment:
            x = np.stack([self.random_transform(image) for _ in range(rounds) for image in x])
        axes, shape = (0, self.row_axis, self.col_axis), [1, 1, 1]
        shape[self.channel_axis - 1] = x.shape[self.channel_axis]
        if self.featurewise_center:
            self.mean = np.mean(x, axis=axes).reshape(shape)
            x -= self.mean
        if self.featurewise_std_normalization:
            self.std = np.std(x, axis=axes).reshape(shape)
            x /= self.std + 1e-6
        if self.zca_whitening:
            rows = x.reshape(len(x), -1)
            _, deviations, directions = np.linalg.svd(rows / np.sqrt(len(rows)))
            variances = np.zeros(len(directions))
            variances[: len(deviations)] = deviations**2
            self.zca_whitening_matrix = (directions.T / np.sqrt(variances + self.zca_epsilon)) @ directions
