"""Hostile files and configs with harmless payloads: each would leave a marker file if it worked."""

from __future__ import annotations

import base64
import contextlib
import gc
import io
import json
import marshal
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np

METADATA = json.dumps({"keras_version": "3.15.1", "date_saved": "2026-01-01@00:00:00"})
FLOAT32 = {"module": "keras", "class_name": "DTypePolicy", "config": {"name": "float32"}, "registered_name": None}


def peak() -> int:
    """The most memory that was in use since the last reset, in bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(x for x in lines if x.startswith("VmHWM")).split()[1]) << 10


@contextlib.contextmanager
def little_memory(most: int) -> Iterator[None]:
    """Scope that takes no more than `most` bytes at any moment, as far as the system tells (Linux)."""
    reset = Path("/proc/self/clear_refs")
    if not reset.exists():
        yield
        return
    gc.collect()
    reset.write_text("5")
    before = peak()
    yield
    assert peak() - before < most


def named(module: Any, name: Any, config: Any = None, registered: Any = None) -> dict[str, Any]:
    """A serialized object."""
    config = {} if config is None else config
    return {"module": module, "class_name": name, "config": config, "registered_name": registered}


def function(name: Any, module: str = "builtins") -> dict[str, Any]:
    """A serialized function."""
    return named(module, "function", name, "function")


def dense(name: str = "dense", units: Any = 2, **more: Any) -> dict[str, Any]:
    """A Dense layer."""
    return named("keras.layers", "Dense", {"name": name, "trainable": True, "dtype": FLOAT32, "units": units, **more})


def marshalled(marker: Path) -> str:
    """The code of a lambda that writes a marker, as Keras puts it into files."""
    code = compile(f"open({str(marker)!r}, 'w').write('reached')", "<payload>", "eval")
    return base64.b64encode(marshal.dumps(code)).decode()


def lambda_layer(code: str) -> dict[str, Any]:
    """A Lambda layer whose function is that code."""
    fn = {"class_name": "__lambda__", "config": {"code": code, "defaults": None, "closure": None}}
    return named("keras.layers", "Lambda", {"name": "evil", "function": fn, "arguments": {}, "dtype": FLOAT32})


def sequential(*layers: Any, **more: Any) -> dict[str, Any]:
    """A Sequential model of these layers, with an input of four numbers."""
    head = named("keras.layers", "InputLayer", {"batch_shape": [None, 4], "dtype": "float32", "name": "x"})
    config = {"name": "s", "trainable": True, "dtype": FLOAT32, "layers": [head, *layers]}
    return {**named("keras", "Sequential", config), **more}


def reference(name: str, node: int = 0, tensor: int = 0, shape: Any = (None, 4)) -> dict[str, Any]:
    """A symbolic tensor in a node."""
    inner = {"shape": list(shape), "dtype": "float32", "keras_history": [name, node, tensor]}
    return {"class_name": "__keras_tensor__", "config": inner}


def functional(*layers: Any, outputs: Any = ("d", 0, 0)) -> dict[str, Any]:
    """A functional model; each of `layers` is (serialized layer, name, list of nodes)."""
    head = named("keras.layers", "InputLayer", {"batch_shape": [None, 4], "dtype": "float32", "name": "x"})
    entries = [{**head, "name": "x", "inbound_nodes": []}]
    entries += [{**layer, "name": name, "inbound_nodes": nodes} for layer, name, nodes in layers]
    config = {
        "name": "f",
        "trainable": True,
        "layers": entries,
        "input_layers": [["x", 0, 0]],
        "output_layers": [list(outputs)],
    }
    return named("keras.src.models.functional", "Functional", config, "Functional")


def node(*args: Any, **kwargs: Any) -> dict[str, Any]:
    """One call."""
    return {"args": list(args), "kwargs": kwargs}


def opaque(file: h5py.File) -> None:
    """The kernel as bfloat16, which HDF5 has not: its name stands beside."""
    group = file["layers/dense/vars"]
    del group["0"]
    data = group.create_dataset("0", data=np.full((4, 2), 0x3F00, "uint16").view("V2"))
    data.attrs["dtype"], group.attrs["name"] = "bfloat16", "named"


def weights(write: Any = None, **options: Any) -> bytes:
    """The weights of `sequential(dense())`, changed by ``write(h5py file)``, with options of h5py."""
    buffer = io.BytesIO()
    with h5py.File(buffer, "w", **options) as file:
        group = file.create_group("layers/dense/vars")
        group["0"] = np.full((4, 2), 0.5, "float32")
        group["1"] = np.zeros(2, "float32")
        if write is not None:
            write(file)
    return buffer.getvalue()


def keras_file(
    path: Path,
    config: Any,
    h5: bytes | None = None,
    metadata: Any = METADATA,
    extra: Any = (),
    compression: int = zipfile.ZIP_STORED,
) -> Path:
    """A `.keras` file with this content."""
    text = config if isinstance(config, (str, bytes)) else json.dumps(config)
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("metadata.json", metadata)
        archive.writestr("config.json", text)
        archive.writestr("model.weights.h5", weights() if h5 is None else h5)
        for name, data in extra:
            archive.writestr(name, data)
    return path
