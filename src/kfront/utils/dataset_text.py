"""`text_dataset_from_directory`."""

from __future__ import annotations

import os
from functools import partial
from typing import Any

from kfront.core.spec import Abstract
from kfront.utils.dataset_files import find_files, make_datasets


def text_dataset_from_directory(
    directory: str | os.PathLike[str],
    labels: object = "inferred",
    label_mode: str | None = "int",
    class_names: object = None,
    batch_size: int | None = 32,
    max_length: int | None = None,
    shuffle: bool = True,
    seed: int | None = None,
    validation_split: float | None = None,
    subset: str | None = None,
    follow_links: bool = False,
    format: str = "tf",
    verbose: bool = True,
) -> Any:
    """The `.txt` files of a directory as a data set of texts and labels.

    Args:
        directory: has one folder for each class, if `labels` is "inferred".
        labels: "inferred" from the folders, a list of ints in the order of the paths, or None for none.
        label_mode: "int" (int32), "binary" (float32 0 or 1, shape (1,)), "categorical" (one-hot float32), or None.
        class_names: order of the classes; alphabetical if None.
        batch_size: texts per batch; None for single texts.
        max_length: cut texts to so many bytes.
        shuffle: whether to shuffle, differently in each epoch; otherwise files come in the order of their paths.
        seed: of the order.
        validation_split: fraction of the files for validation.
        subset: "training", "validation" or "both"; then two data sets are returned.
        follow_links: whether to follow links to folders.
        format: "tf" for a `tf.data.Dataset` on TensorFlow, and on every other engine a `kfront.utils.dataset.Dataset`,
            which has its methods; "grain" for a `grain.IterDataset`.
        verbose: whether to print how many files were found.

    Returns:
        a data set, or two for "both", with attributes `class_names` and `file_paths`.

    Raises:
        DataError: no such files.

    Example:

    >>> import pathlib, tempfile
    >>> import kfront
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for name in ("good", "bad"):
    ...         pathlib.Path(folder, name).mkdir()
    ...         _ = pathlib.Path(folder, name, "a.txt").write_text(f"a {name} film")
    ...     data = kfront.utils.text_dataset_from_directory(folder, shuffle=False, verbose=False)
    ...     data.class_names, [tuple(labels.shape) for texts, labels in data]
    (['bad', 'good'], [(2,)])
    """
    who = "text_dataset_from_directory"
    files = find_files(who, directory, (".txt",), labels, label_mode, class_names, follow_links, verbose)
    options = {"batch_size": batch_size, "shuffle": shuffle, "seed": seed, "validation_split": validation_split}
    options.update(subset=subset, format=format, verbose=verbose)
    return make_datasets(who, files, partial(_load, max_length), Abstract((), "string"), label_mode, options)


def _load(max_length: int | None, path: str) -> str:
    with open(path, "rb") as file:
        return file.read(-1 if max_length is None else max_length).decode("utf-8", errors="ignore")
