"""Saving and loading a model of ResNet50's size: speed beside `torch.save` and safetensors, and memory.

Every candidate does the whole of what a user asks for: values go from the variables of a model to a file that stood
there already, and from a file into the variables of a model. kfront syncs a file to the disk before the old one is
replaced; the native savers do not. So there are three rows for a form: as it is, both synced, and neither. The disk has
nothing to do when a candidate begins: else who syncs pays for what the one before has written.
"""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

import numpy as np

from benchmarks.native_files import Files, native_files
from benchmarks.timing import Row, paired

__all__ = ["file_memory", "files", "table_files"]

FORMS = {".weights.h5": "weights.h5", ".keras": ".keras", ".safetensors": "safetensors"}


def _resnet_like() -> list[tuple[int, ...]]:
    """23 million parameters in kernels and vectors."""
    shapes: list[tuple[int, ...]] = []
    for width, blocks in ((64, 3), (128, 4), (256, 6), (512, 3)):
        for _ in range(blocks):
            shapes += [
                (1, 1, width * 4, width),
                (width,),
                (3, 3, width, width),
                (width,),
                (1, 1, width, width * 4),
                (width * 4,),
            ]
    return [*shapes, (2048, 1000), (1000,)]


def _model(api: Any) -> Any:
    shapes = _resnet_like()

    class Store(api.layers.Layer):
        def build(self, input_shape: Any) -> None:
            for i, s in enumerate(shapes):
                self.add_weight(shape=s, initializer="ones", name=f"w{i}")

        def call(self, x: Any) -> Any:
            return x

    return api.Sequential([api.Input((4,)), Store()])


def _synced(save: Callable[[], Any], path: str) -> Callable[[], None]:
    """A saver that waits for the disk too."""

    def run() -> None:
        save()
        with open(path, "rb") as file:
            os.fsync(file.fileno())

    return run


def _unsynced(save: Callable[[], Any]) -> Callable[[], None]:
    """A saver that does not wait for the disk."""

    def run() -> None:
        with mock.patch("os.fsync", lambda descriptor: None):
            save()

    return run


def _paths(api_name: str, folder: pathlib.Path, ending: str) -> str:
    # Keras does not write safetensors
    ending = ".weights.h5" if api_name == "keras" and ending == ".safetensors" else ending
    return str(folder / f"{api_name}{ending}")


def files(bench: Any) -> Iterator[Row]:
    """Ratios to `torch.save` and `torch.load`, for safetensors to that package."""
    if bench.native is None:
        return
    models = {name: _model(api) for name, api in bench.apis().items()}
    arrays = [np.ones(s, "float32") for s in _resnet_like()]
    with tempfile.TemporaryDirectory() as folder:
        for ending, what in FORMS.items():
            peer = native_files(bench.engine, arrays, safetensors=ending == ".safetensors")
            yield from _rows(bench, models, peer, pathlib.Path(folder), ending, what)


def _rows(
    bench: Any, models: dict[str, Any], peer: Files, folder: pathlib.Path, ending: str, what: str
) -> Iterator[Row]:
    target = str(folder / f"native{ending}")
    native = lambda: peer.save(target)  # noqa: E731
    saves, loads = {}, {}
    for name, model in models.items():
        path = _paths(name, folder, ending)
        save = model.save if path.endswith(".keras") else model.save_weights
        saves[name] = lambda save=save, path=path: save(path)
        loads[name] = lambda model=model, path=path: model.load_weights(path)

    def row(text: str, candidates: dict[str, Callable[[], Any]]) -> Row:
        ratios, base, spread = paired(candidates, 1, bench.rounds, getattr(os, "sync", None))
        return Row(f"{text} {what}", "x", ratios["kfront"], ratios.get("keras"), base, 1.2, spread)

    mine = saves["kfront"]
    yield row("save", {"native": native, **saves})
    yield row("save, both synced,", {"native": _synced(native, target), "kfront": mine})
    yield row("save, neither synced,", {"native": native, "kfront": _unsynced(mine)})
    yield row("load", {"native": lambda: peer.load(target), **loads})


def _matrices(api: Any) -> Any:
    dense = [api.layers.Dense(1200, use_bias=False, name=f"dense_{i}") for i in range(16)]
    return api.Sequential([api.layers.Input((1200,)), *dense])


def table_files(bench: Any) -> Iterator[Row]:
    """Loading what another library has written, beside safetensors' own loading into the engine's variables."""
    if bench.native is None:
        return
    kfront = bench.apis()["kfront"]
    model = _matrices(kfront)
    arrays = [np.ones((1200, 1200), "float32") for _ in range(16)]
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/model.safetensors"
        for transpose, what in ((False, "as they are"), (None, "kernels turned")):
            table = kfront.saving.WeightTable(
                [kfront.saving.WeightRule("dense_{i}/kernel", "{i}", transpose=transpose)]
            )
            table.save(model, path)
            peer = native_files(bench.engine, arrays, safetensors=True, turned=transpose is None)
            load = lambda table=table: table.load(model, path)  # noqa: E731
            ratios, base, spread = paired(
                {"native": lambda peer=peer: peer.load(path), "kfront": load}, 1, bench.rounds
            )
            yield Row(f"load safetensors by a table, {what}", "x", ratios["kfront"], None, base, 1.1, spread)


_LOADING = """import sys
import kfront
from benchmarks.files import loading
loading(kfront, *sys.argv[1:])"""


def loading(kfront: Any, step: str, path: str) -> None:
    """What a process of its own does: write the files, or load one and print how much memory that took at most."""
    layers = kfront.layers
    dense = (layers.Dense(1200, name=f"dense_{i}") for i in range(16))
    model = kfront.Sequential([layers.Input((1200,)), *dense])
    weights = sum(v.numpy().nbytes for v in model.weights)
    if step == "write":
        _write(model, pathlib.Path(path))
        _table(kfront).save(model, f"{path}/table.safetensors")
        return
    small = kfront.Sequential([layers.Input((2,)), layers.Dense(2)])
    with tempfile.TemporaryDirectory() as folder:  # what a first load brings along is no matter of this one
        small.save(f"{folder}/m.keras")
        kfront.saving.load_model(f"{folder}/m.keras")
    if step == "model":
        del model
    start = _highest(reset=True)
    if step == "table":
        loaded = _table(kfront).load(model, path).missing or None
    else:
        loaded = kfront.saving.load_model(path) if step == "model" else model.load_weights(path)
    grown = _highest() - start
    print((grown - (weights if loaded is not None else 0)) / weights)


def _table(kfront: Any) -> Any:
    return kfront.saving.WeightTable([("dense_{i}", "layers.{i}")])


def _write(model: Any, folder: pathlib.Path) -> None:
    model.save(folder / "m.keras")
    model.save(folder / "m.h5")
    model.save(folder / "folder", zipped=False)
    model.save_weights(folder / "m.weights.h5")
    model.save_weights(folder / "m.safetensors")
    model.save_weights(folder / "parts.weights.h5", max_shard_size=0.03)


def _highest(reset: bool = False) -> int:
    """The most bytes that were resident since the last reset; resident now, after a reset."""
    import gc

    if reset:
        gc.collect()
        pathlib.Path("/proc/self/clear_refs").write_text("5")
    lines = pathlib.Path("/proc/self/status").read_text().splitlines()
    return int(next(x for x in lines if x.startswith("VmHWM")).split()[1]) * 1024


_LOADS = (
    ("model", "m.keras"),
    ("model", "m.h5"),
    ("model", "folder"),
    ("weights", "m.keras"),
    ("weights", "m.weights.h5"),
    ("weights", "m.safetensors"),
    ("weights", "parts.weights.json"),
    ("table", "table.safetensors"),
)


def file_memory(bench: Any) -> Iterator[Row]:
    """The most memory that a load takes beside the model, in units of its weights (Linux)."""
    if not sys.platform.startswith("linux"):
        return
    env = {**os.environ, "KERAS_BACKEND": bench.engine}

    def run(*args: str) -> str:
        command = [sys.executable, "-c", _LOADING, *args]
        return subprocess.run(command, env=env, capture_output=True, text=True, check=True).stdout

    with tempfile.TemporaryDirectory() as folder:
        run("write", folder)
        for step, name in _LOADS:
            extra = float(run(step, f"{folder}/{name}"))
            yield Row(f"memory: load {step} from {name}", "x", extra, None, 0.0, 1.1)
