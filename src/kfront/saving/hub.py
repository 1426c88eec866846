"""Files of the Hugging Face hub, through its own package: ``hf://user/name/path/to/file``."""

from __future__ import annotations

import os
import re
from typing import BinaryIO

from kfront.core import guard
from kfront.core.errors import SavingError

_PART = r"[A-Za-z0-9][A-Za-z0-9._-]*"
_PATH = re.compile(rf"hf://({_PART}/{_PART})(?:@({_PART}))?(?:/({_PART}(?:/{_PART})*))?")


def is_hub_path(filepath: str | os.PathLike[str] | BinaryIO) -> bool:
    """Whether a path names a file on the hub."""
    return isinstance(filepath, (str, os.PathLike)) and str(filepath).startswith("hf://")


def download(filepath: str | os.PathLike[str] | BinaryIO, default: str | None = None) -> str:
    """The local path of a file on the hub, which is fetched if it is not there; parts of sharded weights come with it.

    Args:
        filepath: ``hf://user/name/file``, with ``@revision`` behind the name if need be.
        default: the file's name if the path has none.

    Raises:
        SavingError: the path is no such path, the package is not installed, or the hub does not have the file.
    """
    match = _PATH.fullmatch(str(filepath))
    name = (match[3] or default) if match is not None else None
    if match is None or name is None or guard.in_loading():
        raise SavingError(f"[load] expected a path like 'hf://user/name/file', got {guard.shown(filepath)}.")
    try:
        import huggingface_hub
    except ImportError:
        raise SavingError(
            f"[load] expected the package `huggingface_hub` for {filepath}, got none; `pip install huggingface_hub`."
        ) from None
    try:
        if name.endswith(".weights.json"):
            stem = name.removesuffix(".weights.json")
            patterns = [name, f"{stem}_*.weights.h5"]
            folder = huggingface_hub.snapshot_download(match[1], revision=match[2], allow_patterns=patterns)
            return os.path.join(folder, name)
        return huggingface_hub.hf_hub_download(match[1], name, revision=match[2])
    except Exception as error:
        raise SavingError(f"[load] expected the hub to give {filepath}, got {type(error).__name__}: {error}") from error
