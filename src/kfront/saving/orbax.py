"""Checkpoints of Orbax: a folder for each step, with the arrays of a model and, as a rule, its config."""

from __future__ import annotations

import json
import math
import os
import re
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from kfront.core import codec, guard
from kfront.core.errors import SavingError, UnsafeFileError, optional
from kfront.core.typing import Config, CustomObjects
from kfront.saving.walk import expect_model
from kfront.saving.weights_h5 import compare

if TYPE_CHECKING:
    from types import ModuleType

    from kfront.core.variable import Variable
    from kfront.models.model import Model


def orbax(who: str) -> ModuleType:
    """The library.

    Raises:
        ImportError: it is not installed.
    """
    return optional(who, "orbax.checkpoint", "Orbax", "orbax")


def manager(folder: Any, max_to_keep: int | None, background: bool) -> Any:
    """An Orbax CheckpointManager.

    Args:
        folder: the folder of the checkpoints.
        max_to_keep: how many are kept; all if None.
        background: whether files are written during training.
    """
    found = orbax("OrbaxCheckpoint")
    options = found.CheckpointManagerOptions(max_to_keep=max_to_keep, enable_async_checkpointing=background)
    return found.CheckpointManager(Path(folder).absolute(), options=options)


def save(checkpoints: Any, step: int, tree: object, config: str | None) -> None:
    """Write a checkpoint.

    Args:
        checkpoints: the manager.
        step: its number.
        tree: nested dicts of NumPy arrays.
        config: the model's config as JSON.
    """
    args = orbax("OrbaxCheckpoint").args
    items = {"pytree": args.PyTreeSave(tree)}
    if config is not None:
        items["model_config"] = args.PyTreeSave({"config": config})  # as Keras writes it
    checkpoints.save(step, args=args.Composite(**items))


def _step_folder(path: str | os.PathLike[str]) -> Path | None:
    """The folder of the newest checkpoint in `path`, or `path` itself."""
    folder = Path(path)
    if (folder / "pytree").is_dir():
        return folder
    if not folder.is_dir():
        return None
    steps = [p for p in folder.iterdir() if p.name.isdigit() and (p / "pytree").is_dir()]
    return max(steps, key=lambda p: int(p.name), default=None)


def is_checkpoint(path: str | os.PathLike[str]) -> bool:
    """Whether a path is a folder with a checkpoint of Orbax."""
    return _step_folder(path) is not None


def _stored_bytes(folder: Path, what: object) -> int:
    """The bytes of all files of a checkpoint, which must be plain files and folders."""
    total, count = 0, 0
    for found in folder.rglob("*"):
        mode, count = found.lstat().st_mode, count + 1
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            raise UnsafeFileError(f"[load] expected plain files in {what}, got {guard.shown(found.name)}, a link.")
        if count > guard.LIMITS.names_in_group:
            raise UnsafeFileError(f"[load] expected at most {guard.LIMITS.names_in_group:,} files in {what}, got more.")
        total += found.lstat().st_size
    return total


def _explained(stored: int) -> int:
    """The size that compressed files of that size may reasonably have when unpacked."""
    return 256 * stored + (64 << 20)


def _check_sizes(tree: object, left: int, what: object) -> None:
    """The arrays may not claim more than `left` bytes together, none may have a name that leads out of the folder."""
    for name, leaf in _flat(tree):
        if re.search(r"(^|/)\.\.?(/|$)|\\|\x00|^/|//", name):
            raise UnsafeFileError(f"[load] expected plain names of arrays in {what}, got {guard.shown(name)}.")
        shape = tuple(getattr(leaf, "shape", None) or ())
        chunk = getattr(getattr(leaf, "storage", None), "chunk_shape", None) or shape
        size = 8 * max(math.prod(shape), math.prod(chunk))
        left -= size
        if left < 0:
            raise UnsafeFileError(
                f"[load] expected arrays of about the size that {what} stores, got {guard.shown(name)} of shape "
                f"{shape}, {size:,} bytes."
            )


def _tree(path: str | os.PathLike[str], model: Model) -> Config:
    """The arrays of the newest checkpoint in a folder, of about the size that the model or the files explain."""
    folder = _step_folder(path)
    if folder is None:
        raise SavingError(f"[load] expected a checkpoint of Orbax in {path}, got none.")
    found = orbax("load")
    item = folder.absolute() / "pytree"
    wanted = sum(8 * math.prod(v.shape) for _, variables in _state(model) for v in variables)
    most = _explained(_stored_bytes(item, path)) + 2 * wanted
    with guard.corrupt_file_errors("checkpoint of Orbax", path), found.PyTreeCheckpointer() as reader:
        known = reader.metadata(item)
        shape = getattr(known, "item_metadata", known)
        shape = guard.expect(getattr(shape, "tree", shape), dict, "metadata")
        _check_sizes(shape, most, path)
        kinds = _map(lambda _: found.RestoreArgs(restore_type=np.ndarray), shape)
        return guard.expect(reader.restore(item, restore_args=kinds), dict, "checkpoint")


def _map(f: Callable[..., object], tree: object) -> object:
    return {k: _map(f, v) for k, v in tree.items()} if isinstance(tree, dict) else f(tree)


def load_weights(model: Model, path: str | os.PathLike[str]) -> None:
    """Set a model's state from the newest checkpoint in a folder.

    Variables are found by their paths; the names of the model and the optimizer may be others.

    Raises:
        UnsafeFileError: arrays claim more than the files hold, or files are links.
        SavingError: it is damaged or does not fit; nothing was set.
    """
    tree = _tree(path, model)
    saved_as = next(iter(tree.get("trainable_variables", {})), "")
    pairs: list[tuple[Any, Any]] = []
    problems: list[str] = []
    for group, variables in _state(model):
        saved = {_key(group, name, saved_as): value for name, value in _flat(tree.get(group, {}))}
        for v in variables if group != "optimizer_variables" or saved else ():
            value = saved.pop(_key(group, v.path, model.name), None)
            problem = compare(_key(group, v.path, model.name), v, _Found.of(value))
            if problem is None:
                pairs.append((v, value))
            else:
                problems.append(str(problem))
        problems += [f"{name}: not in the model" for name in saved]
    if problems:
        raise SavingError(
            f"[load_weights] expected {path} to fit {model.name!r}, got {len(problems)} difference(s), so nothing was "
            f"set:\n  {chr(10).join(problems[:20])}"
        )
    for v, value in pairs:
        v.assign(value)


class _Found(NamedTuple):
    """Shape and dtype name of an array."""

    shape: tuple[int, ...]
    dtype: str

    @classmethod
    def of(cls, value: Any) -> _Found | None:
        """Those of a value; None if there is none."""
        return None if value is None else cls(np.shape(value), np.asarray(value).dtype.name)


def _state(model: Model) -> list[tuple[str, list[Variable]]]:
    groups = [("trainable_variables", model.trainable_variables)]
    groups.append(("non_trainable_variables", model.non_trainable_variables))
    if model.optimizer is not None and model.optimizer.built:
        groups.append(("optimizer_variables", model.optimizer.variables))
    return groups


def _key(group: str, path: str, model: str) -> str:
    """A variable's path without the model's name, the optimizer's without a number."""
    head, _, rest = path.partition("/")
    if group != "optimizer_variables":
        return rest if head == model else path
    return re.sub(r"_\d+$", "", head) + "/" + rest.removeprefix(f"{model}_")


def _flat(tree: Any, prefix: str = "") -> Iterator[tuple[str, object]]:
    for name, value in tree.items():
        path = f"{prefix}/{name}" if prefix else name
        if isinstance(value, dict):
            yield from _flat(value, path)
        else:
            yield path, value


def load_model(path: str | os.PathLike[str], custom_objects: CustomObjects, compile: bool, safe_mode: bool) -> Any:
    """The model of the newest checkpoint in a folder.

    Raises:
        SavingError: the checkpoint holds only weights.
    """
    folder = _step_folder(path)
    file = None if folder is None else folder / "model_config" / "_strings.json"
    if folder is None or file is None or not file.exists():
        raise SavingError(f"[load_model] expected a checkpoint with a model in {path}, got only weights.")
    what, most = str(file), _explained(_stored_bytes(folder, path))
    outer = _json(file.read_bytes() if file.stat().st_size <= guard.LIMITS.json_bytes else b"", what)
    config = _json(str(outer.get("config")), what)
    if not compile:
        config.pop("compile_config", None)
    with guard.budget(most, what):
        model = codec.deserialize_keras_object(config, custom_objects, safe_mode)
    expect_model(model, path)
    load_weights(model, path)
    return model


def _json(data: bytes | str, what: str) -> dict[str, object]:
    return guard.expect(guard.parse_json(data, what), dict, what)


def config_of(model: Model) -> str:
    """A model's config, `compile` included, as JSON."""
    return json.dumps(codec.serialize_keras_object(model))
