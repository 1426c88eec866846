"""Checkpoints of Orbax: a folder for each step, with the arrays of a model and, as a rule, its config."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kfront.core.errors import SavingError
from kfront.saving import guard, serialization

__all__ = ["is_checkpoint", "load_model", "load_weights", "manager", "save"]


def orbax(who: str) -> Any:
    """The library.

    Raises:
        ImportError: it is not installed.
    """
    try:
        import orbax.checkpoint as found
    except ImportError as error:
        raise ImportError(f"[{who}] expected Orbax to be installed; run `pip install 'kfront[orbax]'`.") from error
    return found


def manager(folder: Any, max_to_keep: int | None, background: bool) -> Any:
    """An Orbax CheckpointManager.

    Args:
        folder: where checkpoints stand.
        max_to_keep: how many are kept; all if None.
        background: whether files are written while training goes on.
    """
    found = orbax("OrbaxCheckpoint")
    options = found.CheckpointManagerOptions(max_to_keep=max_to_keep, enable_async_checkpointing=background)
    return found.CheckpointManager(Path(folder).absolute(), options=options)


def save(checkpoints: Any, step: int, tree: Any, config: str | None) -> None:
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


def _step_folder(path: Any) -> Path | None:
    """The folder of the newest checkpoint in `path`, or `path` itself."""
    folder = Path(path)
    if (folder / "pytree").is_dir():
        return folder
    if not folder.is_dir():
        return None
    steps = [p for p in folder.iterdir() if p.name.isdigit() and (p / "pytree").is_dir()]
    return max(steps, key=lambda p: int(p.name), default=None)


def is_checkpoint(path: Any) -> bool:
    """Whether a path is a folder with a checkpoint of Orbax."""
    return _step_folder(path) is not None


def _tree(path: Any) -> Any:
    folder = _step_folder(path)
    if folder is None:
        raise SavingError(f"[load] expected a checkpoint of Orbax in {path}, got none.")
    import numpy as np

    found = orbax("load")
    item = folder.absolute() / "pytree"
    with found.PyTreeCheckpointer() as reader:
        known = reader.metadata(item)
        shape = getattr(known, "item_metadata", known)
        shape = getattr(shape, "tree", shape)
        kinds = _map(lambda _: found.RestoreArgs(restore_type=np.ndarray), shape)
        return reader.restore(item, restore_args=kinds)


def _map(f: Any, tree: Any) -> Any:
    return {k: _map(f, v) for k, v in tree.items()} if isinstance(tree, dict) else f(tree)


def load_weights(model: Any, path: Any) -> None:
    """Set a model's state from the newest checkpoint in a folder.

    Variables are found by their paths; the names of the model and the optimizer may be others.

    Raises:
        SavingError: it does not fit; nothing was set.
    """
    tree = _tree(path)
    saved_as = next(iter(tree["trainable_variables"]), "")
    pairs: list[tuple[Any, Any]] = []
    problems: list[str] = []
    for group, variables in _state(model):
        saved = {_key(group, name, saved_as): value for name, value in _flat(tree.get(group, {}))}
        for v in variables if group != "optimizer_variables" or saved else ():
            value = saved.pop(_key(group, v.path, model.name), None)
            if value is None or tuple(value.shape) != tuple(v.shape):
                problems.append(f"{v.path}: expected {tuple(v.shape)}, got {value if value is None else value.shape}")
            else:
                pairs.append((v, value))
        problems += [f"{name}: not in the model" for name in saved]
    if problems:
        raise SavingError(
            f"[load_weights] expected {path} to fit {model.name!r}, got {len(problems)} difference(s), so nothing was "
            f"set:\n  {chr(10).join(problems[:20])}"
        )
    for v, value in pairs:
        v.assign(value)


def _state(model: Any) -> list[tuple[str, list[Any]]]:
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


def _flat(tree: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in tree.items():
        path = f"{prefix}/{name}" if prefix else name
        if isinstance(value, dict):
            yield from _flat(value, path)
        else:
            yield path, value


def load_model(path: Any, custom_objects: Any, compile: bool, safe_mode: bool) -> Any:
    """The model of the newest checkpoint in a folder.

    Raises:
        SavingError: the checkpoint holds only weights.
    """
    folder = _step_folder(path)
    file = None if folder is None else folder / "model_config" / "_strings.json"
    if file is None or not file.exists():
        raise SavingError(f"[load_model] expected a checkpoint with a model in {path}, got only weights.")
    what = str(file)
    outer = guard.parse_json(file.read_bytes(), what)
    guard.expect(outer, dict, what)
    config = guard.parse_json(str(outer.get("config")).encode(), what)
    if not compile:
        config.pop("compile_config", None)
    with guard.budget(1 << 34, what):
        model = serialization.deserialize_keras_object(config, custom_objects, safe_mode)
    load_weights(model, path)
    return model


def config_of(model: Any) -> str:
    """A model's config, `compile` included, as JSON."""
    return json.dumps(serialization.serialize_keras_object(model))
