"""The `.keras` format: a zip archive with the architecture as JSON, the weights as HDF5, and asset files."""

from __future__ import annotations

import contextlib
import datetime
import functools
import json
import os
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from kfront._version import KERAS_API, __version__
from kfront.core import codec, guard
from kfront.core.errors import SavingError, UnsafeFileError
from kfront.core.files import NoFileError, atomic_folder, atomic_write
from kfront.core.typing import Config, CustomObjects
from kfront.saving import background, keras2, orbax
from kfront.saving.archive import ArchiveReader, ArchiveWriter
from kfront.saving.directory import MEMBERS, DirectoryReader, DirectoryWriter
from kfront.saving.hub import download, is_hub_path
from kfront.saving.legacy_h5 import load_legacy_model, write_legacy_model
from kfront.saving.walk import expect_model, walk
from kfront.saving.weights_h5 import array_bytes, bytes_needed, collect, read_weights, write_collected

if TYPE_CHECKING:
    from kfront.models.model import Model

_CONFIG, _METADATA, _WEIGHTS = "config.json", "metadata.json", "model.weights.h5"
_ENOUGH_JSON = guard.LIMITS.json_bytes


def shown_path(filepath: object) -> str:
    """The name of a file for messages."""
    return str(filepath) if isinstance(filepath, (str, os.PathLike)) else f"<{type(filepath).__name__}>"


@contextlib.contextmanager
def open_source(filepath: str | os.PathLike[str] | BinaryIO) -> Iterator[Any]:
    """A file to read: a path, or a binary file that is open already."""
    if isinstance(filepath, (str, os.PathLike)):
        path = Path(filepath)
        if path.is_dir():
            raise SavingError(f"[load] expected a file, got the folder {path}.")
        if not path.is_file():
            raise NoFileError(f"[load] expected an existing file, got {path}; check the path.")
        with open(path, "rb") as file:
            yield file
    elif hasattr(filepath, "read") and hasattr(filepath, "seek"):
        yield filepath
    else:
        raise SavingError(f"[load] expected a path or an open binary file, got {guard.shown(filepath)}.")


# ---- saving ----------------------------------------------------------------------------------------------------------


def save_model(model: Any, filepath: Any, overwrite: bool = True, zipped: bool | None = None, **kwargs: Any) -> Any:
    """Save a model: architecture, weights, compile arguments and optimizer state.

    The file is written completely or not at all; an existing one is replaced at the end.

    Args:
        model: the model.
        filepath: path that ends in ``.keras``, in ``.h5`` (the legacy form), or, with ``zipped=False``, that of a
            folder; or a binary file opened for reading and writing.
        overwrite: whether an existing file may be replaced.
        zipped: False writes a folder instead of an archive.
        **kwargs: `include_optimizer`, False to leave the compile arguments out; `background`, True to copy the state
            at once and write it in a thread.

    Returns:
        None; with `background` a `PendingSave`, whose ``wait()`` waits for the end and raises what went wrong. One save
        is under way at a time, the next waits for it.

    Raises:
        SavingError: another ending, an existing file with ``overwrite=False``, or a model that cannot be written.

    Example:

    >>> import kfront, tempfile
    >>> model = kfront.Sequential([kfront.Input((4,)), kfront.layers.Dense(2)])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     kfront.saving.save_model(model, f"{folder}/m.keras")
    ...     kfront.saving.load_model(f"{folder}/m.keras").count_params()
    10
    """
    include, later = kwargs.pop("include_optimizer", True), kwargs.pop("background", False)
    if kwargs:
        raise SavingError(f"[save_model] expected known arguments, got {', '.join(sorted(kwargs))}.")
    if not hasattr(model, "save_own_variables") or not hasattr(model, "get_config"):
        raise SavingError(f"[save_model] expected a model, got {type(model).__name__}.")
    if later:
        form = _form(filepath, zipped)
        if form in ("file", "legacy"):
            raise SavingError("[save_model] expected a '.keras' path or a folder with `background=True`.")
        return background.start(
            shown_path(filepath),
            lambda: functools.partial(_write, _Contents(model, include, copy=True), form, filepath, overwrite),
        )
    form = _form(filepath, zipped)
    if form == "legacy":
        _refuse_assets(model)
        with atomic_write(filepath, overwrite, sum(array_bytes(v.shape, v._dtype) for v in model.weights)) as file:
            write_legacy_model(model, file, include)
        return None
    return _write(_Contents(model, include), form, filepath, overwrite)


def _form(filepath: str | os.PathLike[str], zipped: bool | None) -> str:
    """The format that a path selects."""
    if hasattr(filepath, "write"):
        return "file"
    path = str(filepath) if isinstance(filepath, (str, os.PathLike)) else ""
    if path.endswith((".h5", ".hdf5")) and zipped is None:
        return "legacy"
    if zipped is False and path and not path.endswith((".keras", ".h5", ".hdf5", ".zip")):
        return "folder"
    if not path.endswith(".keras") or zipped is False:
        raise SavingError(
            f"[save_model] expected a path that ends in '.keras' (or '.h5', or that of a folder with `zipped=False`), "
            f"got {guard.shown(filepath)} and zipped={zipped}; for weights alone use `save_weights` with a path that "
            "ends in '.weights.h5'."
        )
    return "archive"


class _Contents:
    """What is written of a model.

    Args:
        model: the model.
        include: whether compile arguments are written.
        copy: whether the state is copied at once.
    """

    def __init__(self, model: object, include: bool, copy: bool = False) -> None:
        with codec.sharing_scope():
            config = codec.serialize_keras_object(model)
        if not include:
            config.pop("compile_config", None)
        self.config = _to_json(config)
        found = walk(model)
        self.items = collect(model, found, copy)
        self.assets = _assets(found)
        if copy:
            self.assets = list(self.assets)


def _write(contents: _Contents, form: str, filepath: Any, overwrite: bool) -> None:
    if form == "file":
        _write_members(contents, ArchiveWriter(filepath))
    elif form == "archive":
        with atomic_write(filepath, overwrite, sum(i.size for i in contents.items)) as file:
            _write_members(contents, ArchiveWriter(file))
    else:
        with atomic_folder(filepath, MEMBERS, overwrite) as folder:
            _write_members(contents, DirectoryWriter(folder))


def _to_json(config: Config) -> bytes:
    try:
        return json.dumps(config).encode("utf-8")
    except (TypeError, ValueError, RecursionError) as error:
        raise SavingError(
            f"[save_model] expected `get_config` to return plain values throughout, got: {error}; serialize nested "
            "objects with `kfront.saving.serialize_keras_object`."
        ) from None


def _write_members(contents: _Contents, target: Any) -> None:
    now = datetime.datetime.now().strftime("%Y-%m-%d@%H:%M:%S")
    metadata = {"keras_version": KERAS_API, "date_saved": now, "kfront_version": __version__}
    target.add(_METADATA, json.dumps(metadata).encode())
    target.add(_CONFIG, contents.config)
    with target.member(_WEIGHTS) as window:
        write_collected(contents.items, window)
    for name, data in contents.assets:
        target.add(name, data)
    target.close()


def _with_assets(found: list[Any], method: str) -> list[tuple[str, Any]]:
    return [("/".join(path), obj) for path, obj in found if callable(getattr(obj, method, None))]


def _assets(found: list[Any]) -> Iterable[tuple[str, bytes]]:
    """Names and contents of the files that layers write themselves (vocabularies and the like)."""
    for place, obj in _with_assets(found, "save_assets"):
        with tempfile.TemporaryDirectory(prefix="kfront-assets-") as folder:
            obj.save_assets(folder)
            for path in sorted(p for p in Path(folder).rglob("*") if p.is_file()):
                name = "/".join(p for p in ("assets", place, path.relative_to(folder).as_posix()) if p)
                yield name, path.read_bytes()


def _refuse_assets(model: Model) -> None:
    """A legacy file holds configs and arrays; anything else would be lost."""
    name = next((name for name, _ in _assets(list(walk(model)))), None)
    if name is not None:
        raise SavingError(
            "[save_model] expected layers whose state is arrays for the '.h5' format, got one that has "
            f"{name.split('/', 1)[1]}; use the '.keras' format, or give the layer its vocabulary when it is made."
        )


# ---- loading ---------------------------------------------------------------------------------------------------------


def load_model(
    filepath: str | os.PathLike[str] | BinaryIO,
    custom_objects: CustomObjects = None,
    compile: bool = True,
    safe_mode: bool = True,
) -> Model:
    """Load a model that `save_model`, Keras 3 or, in the legacy form, Keras 2 wrote.

    Args:
        filepath: path of a ``.keras`` file, a ``.h5`` file (the legacy form, Keras 2's too), a folder that was saved
            with ``zipped=False`` or holds checkpoints of Orbax; ``hf://user/name/file`` on the Hugging Face hub; or a
            binary file opened for reading.
        custom_objects: name -> class or function, for those of the model's that are not kfront's.
        compile: whether to compile the model as it was, with its optimizer's state.
        safe_mode: False allows the config to name files; code in the file is never run either way.

    Returns:
        The model, on the current backend.

    Raises:
        UnsafeFileError: the file asks for what data must not do.
        SavingError: it is damaged, or does not describe a model.

    Example:

    >>> import io
    >>> import kfront
    >>> model = kfront.Sequential([kfront.Input((3,)), kfront.layers.Dense(2)])
    >>> file = io.BytesIO()
    >>> kfront.saving.save_model(model, file)
    >>> _ = file.seek(0)
    >>> kfront.saving.load_model(file).output_shape
    (None, 2)
    """
    what = shown_path(filepath)
    filepath = download(filepath, "model.keras") if is_hub_path(filepath) else filepath
    if isinstance(filepath, (str, os.PathLike)) and os.path.isdir(filepath):
        if orbax.is_checkpoint(filepath):
            return orbax.load_model(filepath, custom_objects, compile, safe_mode)
        return _load(DirectoryReader(Path(filepath), what), what, custom_objects, compile, safe_mode)
    with open_source(filepath) as file:
        if _is_hdf5(file):
            return load_legacy_model(file, what, custom_objects, compile, safe_mode)
        return _load(ArchiveReader(file, what), what, custom_objects, compile, safe_mode)


def _load(source: Any, what: str, custom_objects: CustomObjects, compile: bool, safe_mode: bool) -> Any:
    """A model from an archive or folder."""
    try:
        config, old = _read_config(source, what, compile)
        with guard.budget(source.stored_bytes(_WEIGHTS) * 16 + (64 << 20), what):
            model = codec.deserialize_keras_object(config, custom_objects, safe_mode)
        expect_model(model, what)
        _load_state(model, source, what, strict=not old)
    finally:
        source.close()
    return model


def _is_hdf5(file: BinaryIO) -> bool:
    start = file.tell()
    head = file.read(8)
    file.seek(start)
    return head == b"\x89HDF\r\n\x1a\n"


def _read_config(archive: Any, what: str, compile: bool) -> tuple[dict[str, object], bool]:
    """The model's config, and whether Keras 2 wrote it."""
    version: Any = None
    if _METADATA in archive.members:
        metadata = guard.parse_json(archive.read(_METADATA, 1 << 20), _METADATA)
        version = guard.expect(metadata, dict, _METADATA).get("keras_version")
    config = guard.parse_json(archive.read(_CONFIG, _ENOUGH_JSON), f"{what}: {_CONFIG}")
    guard.expect(config, dict, _CONFIG)
    if "class_name" not in config or "config" not in config:
        raise SavingError(f"[load_model] expected a model in {_CONFIG} of {what}, got {guard.shown(config)}.")
    if not compile:
        _drop_compile(config)
    old = isinstance(version, str) and version.startswith("2.")
    return (keras2.modern(config, version) if old else config), old


def _drop_compile(config: Config) -> None:
    stack = [config]
    while stack:
        value = stack.pop()
        if isinstance(value, dict):
            if "class_name" in value and "config" in value:
                value.pop("compile_config", None)
            stack.extend(value.values())
        elif isinstance(value, list):
            stack.extend(value)


def _load_state(model: Model, archive: Any, what: str, skip_mismatch: bool = False, strict: bool = True) -> None:
    with archive.open(_WEIGHTS, lambda: bytes_needed(model)) as file:
        read_weights(model, file, f"{what}: {_WEIGHTS}", skip_mismatch=skip_mismatch, strict_optimizer=strict)
    _read_assets(model, archive)


def _read_assets(model: Model, archive: Any) -> None:
    names = archive.assets()
    if not names:
        return
    left = guard.LIMITS.asset_bytes
    for place, obj in _with_assets(walk(model), "load_assets"):
        start = f"assets/{place}/" if place else "assets/"
        mine = [n for n in names if n.startswith(start)]
        with tempfile.TemporaryDirectory(prefix="kfront-assets-") as folder:
            for name in mine:
                target = Path(folder, name[len(start) :])
                if not target.resolve().is_relative_to(Path(folder).resolve()):
                    raise UnsafeFileError(
                        f"[load_model] expected asset files below their folder, got {guard.shown(name)}."
                    )
                target.parent.mkdir(parents=True, exist_ok=True)
                data = archive.read(name, left)
                left -= len(data)
                target.write_bytes(data)
            if mine:
                obj.load_assets(folder)


def load_archive_weights(model: Model, archive: Any, what: str, skip_mismatch: bool) -> None:
    """The weights of a `.keras` archive or folder into a model that exists already."""
    try:
        _load_state(model, archive, what, skip_mismatch, strict=False)
    finally:
        archive.close()
