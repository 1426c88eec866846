"""`save_weights` and `load_weights`: the file's ending says the format."""

from __future__ import annotations

import os
from typing import Any

from kfront.core.errors import SavingError
from kfront.saving.atomic import atomic_write
from kfront.saving.guard import shown
from kfront.saving.keras_format import load_archive_weights, open_source, shown_path
from kfront.saving.legacy_h5 import is_legacy, read_legacy_weights
from kfront.saving.safetensors import read_safetensors, write_safetensors
from kfront.saving.weights_h5 import read_weights, write_weights

__all__ = ["load_weights", "save_weights"]


def save_weights(
    model: Any, filepath: Any, overwrite: bool = True, max_shard_size: float | None = None, **kwargs: Any
) -> None:
    """Save a model's weights, and its optimizer's state if it is compiled.

    Args:
        model: a built model or layer.
        filepath: path that ends in ``.weights.h5`` or ``.safetensors`` (weights alone), or a binary file opened for
            reading and writing, which gets HDF5.
        overwrite: whether an existing file may be replaced.
        max_shard_size: None: the weights stand in one file.
        **kwargs: none are known.

    Raises:
        SavingError: another ending, or an existing file with ``overwrite=False``.
    """
    _no_more(kwargs, "save_weights")
    if max_shard_size is not None:
        raise SavingError(f"[save_weights] expected `max_shard_size` to be None, got {max_shard_size!r}; use one file.")
    if hasattr(filepath, "write"):
        write_weights(model, filepath)
        return
    named = isinstance(filepath, (str, os.PathLike))
    if not named or not str(filepath).endswith((".weights.h5", ".safetensors")):
        raise SavingError(
            f"[save_weights] expected a path that ends in '.weights.h5' or '.safetensors', got {shown(filepath)}."
        )
    with atomic_write(filepath, overwrite) as file:
        (write_safetensors if str(filepath).endswith(".safetensors") else write_weights)(model, file)


def load_weights(model: Any, filepath: Any, skip_mismatch: bool = False, **kwargs: Any) -> None:
    """Load weights (and optimizer state) into a built model; nothing is loaded unless everything fits.

    Args:
        model: a built model or layer.
        filepath: path that ends in ``.weights.h5``, ``.keras`` or ``.safetensors``, or a binary file that is open.
        skip_mismatch: whether layers that do not fit are passed over, with a warning that lists them.
        **kwargs: none are known.

    Raises:
        SavingError: the file is damaged or does not fit; the message lists path, expected and found shape.
    """
    by_name = bool(kwargs.pop("by_name", False))
    _no_more(kwargs, "load_weights")
    what = shown_path(filepath)
    named = isinstance(filepath, (str, os.PathLike))
    if named and not str(filepath).endswith((".h5", ".hdf5", ".keras", ".safetensors")):
        raise SavingError(
            f"[load_weights] expected a path that ends in '.weights.h5', '.h5', '.keras' or '.safetensors', got {what}."
        )
    with open_source(filepath) as file:
        if named and str(filepath).endswith(".safetensors"):
            read_safetensors(model, file, what, skip_mismatch)
        elif is_legacy(file):
            read_legacy_weights(model, file, what, by_name, skip_mismatch)
        elif by_name:
            raise SavingError(f"[load_weights] expected a legacy '.h5' file with `by_name=True`, got {what}.")
        elif _is_zip(file):
            load_archive_weights(model, file, what, skip_mismatch)
        else:
            read_weights(model, file, what, skip_mismatch)


def _is_zip(file: Any) -> bool:
    start = file.tell()
    head = file.read(4)
    file.seek(start)
    return head[:2] == b"PK"


def _no_more(kwargs: dict[str, Any], who: str) -> None:
    if kwargs:
        raise SavingError(f"[{who}] expected known arguments, got {', '.join(sorted(kwargs))}.")
