"""`save_weights` and `load_weights`: the file's extension selects the format."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from kfront.core.errors import SavingError
from kfront.core.files import atomic_write
from kfront.core.guard import shown
from kfront.core.typing import Config
from kfront.saving import background, checkpoints, orbax
from kfront.saving.archive import ArchiveReader
from kfront.saving.directory import DirectoryReader
from kfront.saving.hub import download, is_hub_path
from kfront.saving.keras_format import load_archive_weights, open_source, shown_path
from kfront.saving.legacy_h5 import is_legacy, read_legacy_weights
from kfront.saving.safetensors import named_values, read_safetensors, write_safetensors
from kfront.saving.sharded import read_sharded, write_sharded
from kfront.saving.walk import walk
from kfront.saving.weights_h5 import Item, array_bytes, collect, read_weights, write_collected

if TYPE_CHECKING:
    from kfront.models.model import Model


def save_weights(
    model: Model, filepath: object, overwrite: bool = True, max_shard_size: float | None = None, **kwargs: object
) -> Any:
    """Save a model's weights, and its optimizer's state if it is compiled.

    Args:
        model: a built model or layer.
        filepath: path that ends in ``.weights.h5`` or ``.safetensors`` (weights alone), or a binary file opened for
            reading and writing, which gets HDF5.
        overwrite: whether an existing file may be replaced.
        max_shard_size: gigabytes; the weights are split into files of at most that size, which a ``.weights.json``
            lists. None: one file.
        **kwargs: `metadata`, texts for the header of a safetensors file; `background`, True to copy the state at once
            and write it in a thread; `objects_to_skip`, for ``.weights.h5`` files: layers and other objects that are
            left out.

    Returns:
        None; with `background` a `PendingSave`, whose ``wait()`` waits for the end and raises what went wrong.

    Raises:
        SavingError: another ending, an existing file with ``overwrite=False``, or a model that is not built.

    Example:

    >>> import pathlib, tempfile
    >>> import kfront
    >>> model = kfront.Sequential([kfront.Input((3,)), kfront.layers.Dense(2)])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     kfront.saving.save_weights(model, f"{folder}/model.weights.h5")
    ...     [path.name for path in pathlib.Path(folder).iterdir()]
    ['model.weights.h5']
    """
    metadata, later, skip = (kwargs.pop(k, None) for k in ("metadata", "background", "objects_to_skip"))
    _no_more(kwargs, "save_weights")
    if not getattr(model, "built", True):
        raise SavingError(f"[save_weights] expected a built model, got {model.name!r}, which has no weights; call it.")
    if hasattr(filepath, "write"):
        write_collected(_collected(model, skip), cast("BinaryIO", filepath))
        return None
    path = str(filepath) if isinstance(filepath, (str, os.PathLike)) else ""
    endings = (".weights.h5", ".weights.json" if max_shard_size is not None else ".safetensors")
    if not path.endswith(endings):
        raise SavingError(
            f"[save_weights] expected a path that ends in {' or '.join(map(repr, endings))}, got {shown(filepath)}."
        )
    if later:
        return background.start(path, lambda: _job(model, path, overwrite, max_shard_size, metadata, skip, copy=True))
    return _job(model, path, overwrite, max_shard_size, metadata, skip)()


def _job(
    model: Model,
    path: str,
    overwrite: bool,
    max_shard_size: float | None,
    metadata: object,
    skip: object,
    copy: bool = False,
) -> Callable[[], None]:
    """A function that writes a file of weights, whose values are copied now or read when it runs."""
    if path.endswith(".safetensors"):
        if skip is not None:
            raise SavingError(f"[save_weights] expected a '.weights.h5' file with `objects_to_skip`, got {path}.")
        tensors = named_values(model, copy)
        size = sum(array_bytes(v.shape, getattr(v, "_dtype", v.dtype)) for _, v in tensors)
        return lambda: _atomically(write_safetensors, tensors, size, path, overwrite, metadata)
    items = _collected(model, skip, copy)
    if max_shard_size is not None:
        return lambda: write_sharded(items, path, overwrite, max_shard_size)
    return lambda: _atomically(write_collected, items, sum(i.size for i in items), path, overwrite)


def _collected(model: Model, skip: object, copy: bool = False) -> list[Item]:
    """The state of a model, without that of some objects."""
    found = None if skip is None else walk(model, list(cast("Iterable[object]", skip)))
    return collect(model, found, copy)


def _atomically(
    write: Callable[..., None], values: object, size: int, path: str, overwrite: bool, *more: object
) -> None:
    with atomic_write(path, overwrite, size) as file:
        write(values, file, *more)


def load_weights(
    model: Model, filepath: str | os.PathLike[str] | BinaryIO, skip_mismatch: bool = False, **kwargs: Any
) -> None:
    """Load weights (and optimizer state) into a built model; nothing is loaded unless everything fits.

    Args:
        model: a built model or layer.
        filepath: path that ends in ``.weights.h5``, ``.weights.json`` (several files), ``.h5`` (the legacy form),
            ``.keras`` or ``.safetensors``; a folder that was saved with ``zipped=False``, or by `save_checkpoint`;
            ``hf://user/name/file`` on
            the Hugging Face hub, with the package `huggingface_hub`; or a binary file that is open.
        skip_mismatch: whether layers that do not fit are passed over, with a warning that lists them.
        **kwargs: `by_name`, for files of the legacy form: load into the layers of the same name, leave others alone.
            `objects_to_skip`, for ``.weights.h5`` files: layers and other objects that keep what they have.

    Raises:
        SavingError: the file is damaged or does not fit; the message lists path, expected and found shape.

    Example:

    >>> import tempfile
    >>> import kfront
    >>> model = kfront.Sequential([kfront.Input((3,)), kfront.layers.Dense(2)])
    >>> other = kfront.models.clone_model(model)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     kfront.saving.save_weights(model, f"{folder}/model.weights.h5")
    ...     _ = kfront.saving.load_weights(other, f"{folder}/model.weights.h5")
    >>> bool((other.get_weights()[0] == model.get_weights()[0]).all())
    True
    """
    by_name, skip = bool(kwargs.pop("by_name", False)), kwargs.pop("objects_to_skip", None)
    _no_more(kwargs, "load_weights")
    if skip is not None:
        return _load_except(model, filepath, skip_mismatch, list(skip))
    what = shown_path(filepath)
    hub = is_hub_path(filepath)
    path = download(filepath) if hub else filepath
    named = isinstance(path, (str, os.PathLike))
    endings = (".h5", ".hdf5", ".keras", ".safetensors", ".weights.json")
    if named and os.path.isdir(path):
        if checkpoints.is_checkpoint(path):
            checkpoints.load_checkpoint(model, path)
            return None
        if orbax.is_checkpoint(path):
            return orbax.load_weights(model, path)
        load_archive_weights(model, DirectoryReader(Path(path), what), what, skip_mismatch)
        return
    if named and not what.endswith(endings):
        raise SavingError(
            f"[load_weights] expected a path that ends in {', '.join(map(repr, endings))}, or a folder, got {what}."
        )
    if named and what.endswith(".json"):
        read_sharded(model, path, skip_mismatch, links=hub)
        return
    with open_source(path) as file:
        if named and what.endswith(".safetensors"):
            read_safetensors(model, file, what, skip_mismatch)
        elif _is_zip(file):
            load_archive_weights(model, ArchiveReader(file, what), what, skip_mismatch)
        elif is_legacy(file):
            read_legacy_weights(model, file, what, by_name, skip_mismatch)
        elif by_name:
            raise SavingError(f"[load_weights] expected a legacy '.h5' file with `by_name=True`, got {what}.")
        else:
            read_weights(model, file, what, skip_mismatch)


def _load_except(model: Model, filepath: Any, skip_mismatch: bool, skip: list[object]) -> None:
    what = shown_path(filepath)
    if is_hub_path(filepath) or not what.endswith(".weights.h5"):
        raise SavingError(f"[load_weights] expected a '.weights.h5' file with `objects_to_skip`, got {what}.")
    with open_source(filepath) as file:
        read_weights(model, file, what, skip_mismatch, skip=skip)


def _is_zip(file: BinaryIO) -> bool:
    start = file.tell()
    head = file.read(4)
    file.seek(start)
    return head[:2] == b"PK"


def _no_more(kwargs: Config, who: str) -> None:
    if kwargs:
        raise SavingError(f"[{who}] expected known arguments, got {', '.join(sorted(kwargs))}.")
