"""Batches of images, in turn or mixed: of arrays, of folders, of tables of files."""

from __future__ import annotations

import os
import threading
import warnings
from collections.abc import Iterable, Sequence
from collections.abc import Iterator as Iterates
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

import numpy as np

from kfront.config import floatx
from kfront.core.errors import ArgumentError, ArgumentTypeError, ShapeError
from kfront.core.typing import Config
from kfront.ops.primitives.arguments import data_format as layout
from kfront.utils import PyDataset
from kfront.utils.image_utils import array_to_img, img_to_array, load_img

if TYPE_CHECKING:
    from kfront._legacy.preprocessing.image.generator import ImageDataGenerator

Column: TypeAlias = Any
"""The name of a column, or a list of several."""

Table: TypeAlias = Any
"""A `pandas.DataFrame`; pandas need not be installed."""

Batch: TypeAlias = Any
"""Images, or a tuple of them with labels and perhaps weights."""

Labels: TypeAlias = "np.ndarray | list[np.ndarray] | list[int | list[int]]"
"""What belongs to the files."""

Arrays: TypeAlias = Any
"""What NumPy makes an array of, or a pair of images with what goes with them, or None."""

_KEPT = (
    "image_data_generator target_size color_mode class_mode subset interpolation keep_aspect_ratio save_to_dir "
    "save_prefix save_format"
)
_CHANNELS = {"rgb": 3, "rgba": 4, "grayscale": 1}


def warn_of_channels(who: str, shape: tuple[int, ...], axis: int, data_format: str) -> None:
    """Say that images have a number of channels that is not usual."""
    if shape[axis] not in (1, 3, 4):
        warnings.warn(
            f"[{who}] expected 1, 3 or 4 channels on axis {axis} ({data_format}), got shape {shape}.", stacklevel=3
        )


class Iterator(PyDataset):
    """Base of iterators over images; a subclass makes the batch of given indices.

    It is a data set for `fit`, with a length and batches by number, and a Python iterator that never ends.

    Args:
        n: number of images.
        batch_size: images in a batch.
        shuffle: whether they are mixed for each epoch.
        seed: for NumPy's generator, which is set before each batch; not if None.
        **kwargs: workers, use_multiprocessing, max_queue_size.
    """

    if TYPE_CHECKING:  # what subclasses set

        def __getattr__(self, name: str) -> Any: ...

    white_list_formats = ("png", "jpg", "jpeg", "bmp", "ppm", "tif", "tiff")

    def __init__(self, n: int, batch_size: int, shuffle: bool, seed: int | None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.n, self.batch_size, self.seed, self.shuffle = n, batch_size, seed, shuffle
        self.batch_index = self.total_batches_seen = 0
        self.lock = threading.Lock()
        self.index_array: np.ndarray | None = None
        self.index_generator = self._flow_index()

    def _set_index_array(self) -> None:
        """The order of an epoch."""
        self.index_array = np.random.permutation(self.n) if self.shuffle else np.arange(self.n)

    def _start_batch(self) -> None:
        """Set the generator of random numbers to what this batch is to have."""
        if self.seed is not None:
            np.random.seed(self.seed + self.total_batches_seen)
        self.total_batches_seen += 1

    def __len__(self) -> int:
        return -(-self.n // self.batch_size)

    def __getitem__(self, idx: int) -> Batch:
        if idx >= len(self):
            raise ArgumentError(f"[{type(self).__name__}] expected the number of a batch below {len(self)}, got {idx}.")
        self._start_batch()
        if self.index_array is None:
            self._set_index_array()
        return self._get_batches_of_transformed_samples(self._indices(idx))

    def _indices(self, batch: int) -> np.ndarray:
        assert self.index_array is not None
        return self.index_array[batch * self.batch_size : (batch + 1) * self.batch_size]

    def on_epoch_end(self) -> None:
        """Mix anew."""
        self._set_index_array()

    def reset(self) -> None:
        """Begin the epoch again."""
        self.batch_index = 0

    def _flow_index(self) -> Iterates[np.ndarray]:
        self.reset()
        while True:
            self._start_batch()
            if self.batch_index == 0:
                self._set_index_array()
            batch = self.batch_index
            self.batch_index = (batch + 1) % max(len(self), 1)
            yield self._indices(batch)

    def __iter__(self) -> Iterator:
        return self

    def __next__(self) -> Batch:
        with self.lock:
            indices = next(self.index_generator)
        return self._get_batches_of_transformed_samples(indices)

    def _get_batches_of_transformed_samples(self, index_array: np.ndarray) -> Batch:
        """The batch of the images with these indices; each subclass has its own."""
        raise NotImplementedError

    def _changed(self, image: np.ndarray) -> np.ndarray:
        """An image as the generator changes it."""
        generator = self.image_data_generator
        return generator.standardize(generator.apply_transform(image, generator.get_random_transform(image.shape)))

    def _batch(
        self, made: Iterable[np.ndarray], shape: tuple[int, ...], numbers: np.ndarray, digits: int
    ) -> np.ndarray:
        """A batch of images; they are written, if that is wanted, under names that do not repeat."""
        images = np.zeros((len(numbers), *shape), self.dtype)
        for place, image in enumerate(made):
            images[place] = image
        for image, number in zip(images, numbers, strict=True) if self.save_to_dir else ():
            name = f"{self.save_prefix}_{number}_{np.random.randint(10**digits)}.{self.save_format}"
            array_to_img(image, self.data_format, scale=True).save(os.path.join(self.save_to_dir, name))
        return images

    def _weighted(self, x: Batch, y: Batch, index_array: np.ndarray) -> Batch:
        """A batch with its weights, if there are any."""
        return (x, y) if self.sample_weight is None else (x, y, self.sample_weight[index_array])

    def _part(self, subset: str | None) -> tuple[float, float] | None:
        """The shares of the data between which a part of it lies."""
        if subset is None:
            return None
        if subset not in ("training", "validation"):
            raise ArgumentError(
                f"[{type(self).__name__}] expected `subset` 'training' or 'validation', got {subset!r}."
            )
        share = self.image_data_generator._validation_split
        return (share, 1) if subset == "training" else (0, share)


class NumpyArrayIterator(Iterator):
    """Batches of arrays; see `ImageDataGenerator.flow`."""

    def __init__(
        self,
        x: Arrays,
        y: Arrays,
        image_data_generator: ImageDataGenerator,
        batch_size: int = 32,
        shuffle: bool = False,
        sample_weight: Arrays = None,
        seed: int | None = None,
        data_format: str | None = None,
        save_to_dir: str | None = None,
        save_prefix: str = "",
        save_format: str = "png",
        subset: str | None = None,
        ignore_class_split: bool = False,
        dtype: str | None = None,
    ) -> None:
        self.dtype, self.data_format = dtype or floatx(), layout(data_format)
        self.image_data_generator = image_data_generator
        self.save_to_dir, self.save_prefix, self.save_format = save_to_dir, save_prefix, save_format
        others: list[Arrays] = []
        if isinstance(x, (tuple, list)):
            others = [np.asarray(o) for o in (x[1] if isinstance(x[1], list) else [x[1]])]
            x = x[0]
        y, sample_weight = (None if v is None else np.asarray(v) for v in (y, sample_weight))
        for other in (*others, y, sample_weight):
            if other is not None and len(other) != len(x):
                raise ShapeError(f"[NumpyArrayIterator] expected as many as the {len(x)} images, got {len(other)}.")
        if part := self._part(subset):
            cut = slice(*(int(len(x) * share) for share in part))
            if y is not None and not ignore_class_split:
                self._check_classes(y, int(len(x) * image_data_generator._validation_split))
            x, y, sample_weight, *others = (None if v is None else v[cut] for v in (x, y, sample_weight, *others))
        self.x, self.x_misc, self.y, self.sample_weight = np.asarray(x, self.dtype), others, y, sample_weight
        if self.x.ndim != 4:
            raise ShapeError(f"[NumpyArrayIterator] expected images of rank 4, got shape {self.x.shape}.")
        axis = 3 if self.data_format == "channels_last" else 1
        warn_of_channels("NumpyArrayIterator", self.x.shape, axis, self.data_format)
        super().__init__(len(self.x), batch_size, shuffle, seed)

    @staticmethod
    def _check_classes(y: np.ndarray, cut: int) -> None:
        if not np.array_equal(np.unique(y[:cut]), np.unique(y[cut:])):
            raise ArgumentError(
                "[NumpyArrayIterator] expected the same classes in both parts of the data, got others; mix the data if "
                "it is sorted, or pass `ignore_class_split=True`."
            )

    def _get_batches_of_transformed_samples(self, index_array: np.ndarray) -> Batch:
        made = (self._changed(self.x[index].astype(self.dtype)) for index in index_array)
        images = self._batch(made, self.x.shape[1:], index_array, 4)
        x = [images, *(other[index_array] for other in self.x_misc)] if self.x_misc else images
        return x if self.y is None else self._weighted(x, self.y[index_array], index_array)


class _Files(Iterator):
    """Batches of image files; a subclass finds the files and their labels."""

    allowed_class_modes: ClassVar[set[str | None]]
    classes: Labels
    class_indices: dict[str, int]
    filenames: list[str]

    def _set(self, given: Config) -> None:
        """Keep and check the arguments that both kinds have."""
        vars(self).update((name, given[name]) for name in _KEPT.split())
        if self.color_mode not in _CHANNELS:
            raise ArgumentError(
                f"[{type(self).__name__}] expected `color_mode` of {sorted(_CHANNELS)}, got {self.color_mode!r}."
            )
        if self.class_mode not in self.allowed_class_modes:
            modes = sorted(map(str, self.allowed_class_modes))
            raise ArgumentError(f"[{type(self).__name__}] expected `class_mode` of {modes}, got {self.class_mode!r}.")
        self.data_format, self.dtype = layout(given["data_format"]), given["dtype"] or floatx()
        self.target_size, self.split = tuple(self.target_size), self._part(self.subset)
        channels = (_CHANNELS[self.color_mode],)
        last = self.data_format == "channels_last"
        self.image_shape = (*self.target_size, *channels) if last else (*channels, *self.target_size)

    def _begin(self, filenames: list[str], found: str, batch_size: int, shuffle: bool, seed: int | None) -> None:
        """Keep the names of files, and say how many there are."""
        self.filenames, self.samples = filenames, len(filenames)
        self._filepaths = [os.path.join(self.directory, file) for file in filenames]
        print(f"Found {self.samples} {found}.")
        super().__init__(self.samples, batch_size, shuffle, seed)

    @property
    def filepaths(self) -> list[str]:
        """Where the files are."""
        return self._filepaths

    @property
    def labels(self) -> Labels:
        """The class of each file."""
        return self.classes

    @property
    def sample_weight(self) -> np.ndarray | None:
        """The weight of each file, if they have one."""
        return None

    def _image(self, path: str) -> np.ndarray:
        image = load_img(path, self.color_mode, self.target_size, self.interpolation, self.keep_aspect_ratio)
        found = img_to_array(image, self.data_format)
        return found if self.image_data_generator is None else self._changed(found)

    def _get_batches_of_transformed_samples(self, index_array: np.ndarray) -> Batch:
        made = (self._image(self.filepaths[index]) for index in index_array)
        images = self._batch(made, self.image_shape, index_array, 7)
        if self.class_mode is None:
            return images
        labels = images.copy() if self.class_mode == "input" else self._labels(index_array)
        return self._weighted(images, labels, index_array)

    def _labels(self, index_array: np.ndarray) -> Batch:
        chosen = [self.classes[index] for index in index_array]
        if self.class_mode in ("binary", "sparse"):
            return np.array(chosen, self.dtype)
        rows = np.zeros((len(chosen), len(self.class_indices)), self.dtype)
        for row, numbers in zip(rows, chosen, strict=True):
            row[numbers] = 1
        return rows


class DirectoryIterator(_Files):
    """Batches of the images in folders; see `ImageDataGenerator.flow_from_directory`."""

    allowed_class_modes: ClassVar = {"categorical", "binary", "sparse", "input", None}

    def __init__(
        self,
        directory: str,
        image_data_generator: ImageDataGenerator | None,
        target_size: tuple[int, int] = (256, 256),
        color_mode: str = "rgb",
        classes: Sequence[str] | None = None,
        class_mode: str | None = "categorical",
        batch_size: int = 32,
        shuffle: bool = True,
        seed: int | None = None,
        data_format: str | None = None,
        save_to_dir: str | None = None,
        save_prefix: str = "",
        save_format: str = "png",
        follow_links: bool = False,
        subset: str | None = None,
        interpolation: str = "nearest",
        keep_aspect_ratio: bool = False,
        dtype: str | None = None,
    ) -> None:
        self._set(locals())
        self.directory = directory
        names = classes or sorted(e.name for e in os.scandir(directory) if e.is_dir())
        self.num_classes, self.class_indices = len(names), {name: number for number, name in enumerate(names)}
        found = [
            (number, file) for name, number in self.class_indices.items() for file in self._listed(name, follow_links)
        ]
        self.classes = np.array([number for number, _ in found], "int32")
        told = f"images belonging to {self.num_classes} classes"
        self._begin([file for _, file in found], told, batch_size, shuffle, seed)

    def _listed(self, name: str, follow_links: bool) -> list[str]:
        """The images of a class, in the order of their folders, and of these the part that is wanted."""
        folders = sorted(os.walk(os.path.join(self.directory, name), followlinks=follow_links))
        paths = [os.path.join(folder, file) for folder, _, files in folders for file in sorted(files)]
        paths = [os.path.relpath(p, self.directory) for p in paths if p.lower().endswith(self.white_list_formats)]
        return paths if self.split is None else paths[slice(*(int(len(paths) * share) for share in self.split))]


class DataFrameIterator(_Files):
    """Batches of the images that a table names; see `ImageDataGenerator.flow_from_dataframe`."""

    allowed_class_modes: ClassVar = {"categorical", "binary", "sparse", "input", "multi_output", "raw", None}

    def __init__(
        self,
        dataframe: Table,
        x_col: str,
        y_col: Column,
        weight_col: str | None,
        classes: Sequence[str] | None,
        directory: str | None,
        validate_filenames: bool,
        batch_size: int,
        shuffle: bool,
        seed: int | None,
        **given: Any,
    ) -> None:
        self._set({"keep_aspect_ratio": False, **given})
        self.directory = directory or ""
        self._check(dataframe, x_col, y_col, weight_col, classes)
        table = self._with_files(dataframe, x_col) if validate_filenames else dataframe
        named = self.class_mode in ("categorical", "binary", "sparse")
        if named:
            table, names = self._of_classes(table, y_col, classes)
            self.class_indices = {name: number for number, name in enumerate(names)}
        if self.split:
            table = table[slice(*(int(len(table) * share) for share in self.split))]
        if named:
            numbers = self.class_indices
            self.classes = [[numbers[n] for n in v] if _several(v) else numbers[v] for v in table[y_col]]
        elif self.class_mode == "raw":
            self._targets = table[y_col].values
        elif self.class_mode == "multi_output":
            self._targets = [np.array(table[column].tolist()) for column in y_col]
        self._sample_weight = table[weight_col].values if weight_col else None
        told = "validated image filenames" if validate_filenames else "non-validated image filenames"
        told += f" belonging to {len(self.class_indices)} classes" if named else ""
        self._begin(table[x_col].tolist(), told, batch_size, shuffle, seed)

    @property
    def labels(self) -> Labels:
        """The class of each file, or what its row has instead."""
        return self._targets if self.class_mode in ("multi_output", "raw") else self.classes

    @property
    def sample_weight(self) -> np.ndarray | None:
        """The weight of each file, if they have one."""
        return self._sample_weight

    def _labels(self, index_array: np.ndarray) -> Batch:
        if self.class_mode == "multi_output":
            return [target[index_array] for target in self._targets]
        return self._targets[index_array] if self.class_mode == "raw" else super()._labels(index_array)

    def _check(
        self, table: Table, x_col: str, y_col: Column, weight_col: str | None, classes: Sequence[str] | None
    ) -> None:
        """Refuse columns that are of another kind than the mode needs."""
        mode = self.class_mode
        if not all(isinstance(file, str) for file in table[x_col]):
            raise ArgumentTypeError(f"[DataFrameIterator] expected names of files in the column {x_col!r}, got others.")
        if mode == "multi_output" and not isinstance(y_col, list):
            raise ArgumentTypeError(f"[DataFrameIterator] expected `y_col` to be a list for {mode!r}, got {y_col!r}.")
        kinds = {"categorical": (str, list, tuple), "binary": (str,), "sparse": (str,)}.get(str(mode))
        if kinds and not all(isinstance(value, kinds) for value in table[y_col]):
            raise ArgumentTypeError(
                f"[DataFrameIterator] expected names of classes in the column {y_col!r}, got others."
            )
        if mode == "binary" and (count := len(classes or set(table[y_col]))) != 2:
            raise ArgumentError(f"[DataFrameIterator] expected 2 classes for 'binary', got {count}; pass `classes`.")
        if weight_col and not np.issubdtype(table[weight_col].dtype, np.number):
            raise ArgumentTypeError(f"[DataFrameIterator] expected numbers in the column {weight_col!r}, got others.")
        if classes and mode in ("input", "multi_output", "raw", None):
            warnings.warn(f"[DataFrameIterator] `classes` mean nothing for {mode!r}.", stacklevel=4)

    def _with_files(self, table: Table, x_col: str) -> Table:
        """The rows whose files are images that exist."""
        paths = [os.path.join(self.directory, file) for file in table[x_col]]
        good = np.array([p.lower().endswith(self.white_list_formats) and os.path.isfile(p) for p in paths], bool)
        if not good.all():
            warnings.warn(f"[DataFrameIterator] {np.sum(~good)} rows name no image; they are left out.", stacklevel=4)
        return table[good]

    @staticmethod
    def _of_classes(table: Table, y_col: Column, classes: Sequence[str] | None) -> tuple[Table, list[str]]:
        """The rows with a class that is wanted, and the names of classes."""
        if classes:
            wanted = set(classes)
            kept = [[n for n in v if n in wanted] if _several(v) else v for v in table[y_col]]
            good = np.array([bool(v) if _several(v) else v in wanted for v in kept], bool)
            return table.assign(**{y_col: kept})[good], list(classes)
        return table, sorted({n for v in table[y_col] for n in (v if _several(v) else (v,))})


def _several(value: object) -> bool:
    return isinstance(value, (list, tuple))
