"""Files in a directory as a data set: which files, which labels, which part, in which order."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from kfront.backends import current
from kfront.core.errors import ArgumentError, DataError
from kfront.core.spec import Abstract
from kfront.core.typing import Config
from kfront.utils.dataset import Dataset, stack
from kfront.utils.io_utils import print_msg


class NoFolderError(DataError, FileNotFoundError):
    """There is no such folder."""


class Files:
    """Paths of files with their labels.

    Attributes:
        paths: of the files.
        labels: one for each, or None.
        class_names: names of the classes, or None.
    """

    def __init__(self, paths: list[str], labels: Any, class_names: list[str] | None) -> None:
        self.paths, self.labels, self.class_names = paths, labels, class_names

    def __len__(self) -> int:
        return len(self.paths)

    def part(self, chosen: slice) -> Files:
        """Some of the files."""
        return Files(self.paths[chosen], None if self.labels is None else self.labels[chosen], self.class_names)

    def shuffled(self, seed: int) -> Files:
        """The files in an order that the seed decides (NumPy's Mersenne Twister, so that splits agree with Keras's)."""
        order = np.arange(len(self.paths))
        np.random.RandomState(seed).shuffle(order)
        labels = None if self.labels is None else self.labels[order]
        return Files([self.paths[i] for i in order], labels, self.class_names)


def seed_for(seed: int | None) -> int:
    """The seed, or a random one."""
    return int(np.random.default_rng().integers(1_000_000)) if seed is None else seed


def find_files(
    who: str,
    directory: str | os.PathLike[str],
    suffixes: Sequence[str],
    labels: object,
    label_mode: str | None,
    class_names: object,
    follow_links: bool,
    verbose: bool,
) -> Files:
    """The files below a directory, in the order of their names, and their labels.

    Raises:
        ArgumentError: an option is none of those that are documented, or labels do not fit the files.
        DataError: the directory is none, or holds no such files.
    """
    directory = os.fspath(directory)
    if not os.path.isdir(directory):
        raise NoFolderError(f"[{who}] expected a directory, got {directory!r}.")
    if label_mode not in ("int", "categorical", "binary", None):
        raise ArgumentError(
            f"[{who}] expected `label_mode` 'int', 'categorical', 'binary' or None, got {label_mode!r}."
        )
    if class_names is not None and labels != "inferred":
        raise ArgumentError(f"[{who}] expected `class_names` with labels='inferred' only.")
    labels = None if label_mode is None else labels
    inferred = isinstance(labels, str)
    if inferred and labels != "inferred":
        raise ArgumentError(f"[{who}] expected `labels` to be 'inferred', None or a list of ints, got {labels!r}.")
    names = _class_names(who, directory, class_names) if inferred else None
    paths: list[str] = []
    numbers: list[int] = []
    for i, folder in enumerate(names) if names is not None else [(0, "")]:
        found = _walk(os.path.join(directory, folder), tuple(suffixes), follow_links)
        paths += found
        numbers += [i] * len(found)
    if not paths:
        raise DataError(f"[{who}] expected files that end in {', '.join(suffixes)} below {directory!r}, got none.")
    if labels is None:
        found_labels = None
    elif inferred:
        found_labels = np.array(numbers, "int32")
    else:
        found_labels = np.asarray(labels)
        if len(found_labels) != len(paths):
            raise ArgumentError(f"[{who}] expected {len(paths)} labels, one for each file, got {len(found_labels)}.")
        names = [str(v) for v in np.unique(found_labels)]
    if label_mode == "binary" and found_labels is not None and names is not None and len(names) != 2:
        raise ArgumentError(f"[{who}] expected two classes for label_mode='binary', got {len(names)}.")
    if verbose:
        classes = f" belonging to {len(names)} classes" if names is not None else ""
        print_msg(f"Found {len(paths)} files{classes}.")
    return Files(paths, found_labels, names)


def _class_names(who: str, directory: str, given: Any) -> list[str]:
    found = sorted(n for n in os.listdir(directory) if os.path.isdir(os.path.join(directory, n)))
    if given is None:
        return found
    if set(given) != set(found):
        raise ArgumentError(
            f"[{who}] expected `class_names` to be the names of the folders {found}, got {list(given)}."
        )
    return list(given)


def _walk(root: str, suffixes: tuple[str, ...], follow_links: bool) -> list[str]:
    walked = sorted(os.walk(root, followlinks=follow_links), key=lambda t: t[0])
    return [
        os.path.join(folder, name)
        for folder, _, files in walked
        for name in sorted(files)
        if name.lower().endswith(suffixes)
    ]


# ---- parts -----------------------------------------------------------------------------------------------------------


def parts_of(who: str, files: Files, options: Config) -> list[Files]:
    """The files of the subset that is asked for: one part, or two for "both"."""
    validation_split, subset = options["validation_split"], options["subset"]
    if (validation_split is None) != (subset is None):
        raise ArgumentError(f"[{who}] expected `validation_split` and `subset` together.")
    if validation_split is None:
        return [files]
    if not 0 < validation_split < 1:
        raise ArgumentError(f"[{who}] expected `validation_split` between 0 and 1, got {validation_split}.")
    if subset not in ("training", "validation", "both"):
        raise ArgumentError(f"[{who}] expected `subset` 'training', 'validation' or 'both', got {subset!r}.")
    if options["shuffle"] and options["seed"] is None and subset != "both":
        raise ArgumentError(
            f"[{who}] expected a `seed` with shuffle=True and a subset, so that the other subset holds the other files."
        )
    count = int(validation_split * len(files))
    training, validation = files.part(slice(0, len(files) - count)), files.part(slice(len(files) - count, None))
    if options["verbose"]:
        used = {"training": training, "validation": validation}
        for name in ("training", "validation") if subset == "both" else (subset,):
            print_msg(f"Using {len(used[name])} files for {name}.")
    for name, part in (("training", training), ("validation", validation)):
        if not len(part) and subset in (name, "both"):
            raise DataError(f"[{who}] expected files for {name}, got none of {len(files)}; change `validation_split`.")
    return {"training": [training], "validation": [validation], "both": [training, validation]}[subset]


# ---- data sets -------------------------------------------------------------------------------------------------------


class _Samples:
    """The samples of files by number; loads a file when it is asked for."""

    def __init__(self, files: Files, load: Callable[[str], object], label_mode: str | None) -> None:
        self.files, self.load, self.mode = files, load, label_mode

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> Any:
        value = self.load(self.files.paths[index])
        return value if self.files.labels is None else (value, self.label(index))

    def label(self, index: int) -> np.ndarray:
        number = self.files.labels[index]
        if self.mode == "int":
            return np.asarray(number, "int32")
        if self.mode == "binary":
            return np.array([number], "float32")
        return np.eye(len(self.files.class_names or ()), dtype="float32")[number]


def make_datasets(
    who: str,
    files: Files,
    load: Callable[[str], object],
    spec: Abstract,
    label_mode: str | None,
    options: Config,
    join: Callable[[list[object]], object] = stack,
) -> Any:
    """The data set(s) of files.

    Args:
        who: the public function, for messages.
        files: all files.
        load: makes a sample of a path.
        spec: shape and dtype of a sample.
        label_mode: form of the labels.
        options: `batch_size`, `shuffle`, `seed`, `validation_split`, `subset`, `format`, `verbose`.
        join: makes a batch of a list of samples.
    """
    shuffle, seed = options["shuffle"], options["seed"]
    number = seed_for(seed)
    ordered = files.shuffled(number) if shuffle else files
    parts = parts_of(who, ordered, options)
    out = []
    for i, part in enumerate(parts):
        samples = _Samples(part, load, label_mode)
        labels = None if part.labels is None else _label_spec(label_mode, len(part.class_names or ()))
        whole = spec if labels is None else (spec, labels)
        facts = {"class_names": part.class_names, "file_paths": part.paths}
        # validation data keeps its order: nothing is learned from it
        reshuffled = shuffle and i == 0 and options["subset"] != "validation"
        out.append(as_format(who, samples, whole, options, number if reshuffled else None, facts, join))
    return tuple(out) if len(out) > 1 else out[0]


def _label_spec(mode: str | None, classes: int) -> Abstract:
    return Abstract(*{"int": ((), "int32"), "binary": ((1,), "float32")}.get(mode or "", ((classes,), "float32")))


def as_format(
    who: str,
    samples: Any,
    spec: object,
    options: Config,
    seed: int | None,
    facts: Mapping[str, object],
    join: Callable[[list[object]], object] = stack,
) -> Any:
    """Samples as the data set that `format` asks for.

    Args:
        who: the public function, for messages.
        samples: has `__len__` and `__getitem__`.
        spec: of a sample, nested.
        options: `batch_size` and `format`.
        seed: of the order, which is another in each epoch; None to keep it.
        facts: attributes of the data set.
        join: makes a batch of a list of samples.
    """
    size = options["batch_size"]
    if options["format"] == "grain":
        return _grain(who, samples, size, seed, facts, join)
    if options["format"] != "tf":
        raise ArgumentError(f"[{who}] expected `format` 'tf' or 'grain', got {options['format']!r}.")
    numbers = Dataset.from_arrays(np.arange(len(samples)), **facts)
    if seed is not None:
        numbers = numbers.shuffle(seed=seed)
    loaded = numbers.map(lambda i: samples[int(i)], num_parallel_calls=-1)
    if size is not None:
        loaded = _joined(loaded, size, join)
    return current().dataset(loaded.prefetch(), _batched(spec) if size is not None else spec)


def _joined(dataset: Dataset, size: int, join: Callable[[list[object]], object]) -> Dataset:
    if join is stack:
        return dataset.batch(size)

    def batches() -> Any:
        group = []
        for element in dataset:
            group.append(element)
            if len(group) == size:
                yield join(group)
                group = []
        if group:
            yield join(group)

    out = dataset.batch(size)
    out._source = batches
    return out


def _batched(spec: Any) -> object:
    if isinstance(spec, tuple):
        return tuple(map(_batched, spec))
    out = Abstract((None, *spec.shape), spec.dtype)
    out.ragged = spec.ragged
    return out


def _grain(who: str, samples: Any, size: int | None, seed: int | None, facts: Any, join: Any) -> object:
    try:
        import grain
    except ImportError as e:
        raise DataError(f"[{who}] expected Grain to be installed for format='grain': pip install grain.") from e
    out = grain.MapDataset.source(samples)
    out = out.shuffle(seed=seed) if seed is not None else out
    iterated = out.to_iter_dataset()
    iterated = iterated.batch(size, batch_fn=join) if size is not None else iterated
    for name, value in facts.items():
        setattr(iterated, name, value)
    return iterated
