"""Weights as safetensors: a JSON header and the bytes, nothing else (https://github.com/huggingface/safetensors).

The tensors are named by their path in the model, e.g. ``layers/dense_1/kernel``; optimizer state is not written.
"""

from __future__ import annotations

import json
import math
import mmap
import os
import struct
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar

import numpy as np

from kfront.core import guard
from kfront.core.dtypes import numpy_dtype
from kfront.core.errors import SavingError, UnsafeFileError
from kfront.core.operators import VariableBase
from kfront.core.typing import Config
from kfront.optimizers.base import Optimizer
from kfront.saving.archive import let_go, mapped
from kfront.saving.walk import own_variables, walk
from kfront.saving.weights_h5 import Difference, castable, report

if TYPE_CHECKING:
    from kfront.models.model import Model

_NAMES = {
    "BOOL": "bool",
    "U8": "uint8",
    "I8": "int8",
    "U16": "uint16",
    "I16": "int16",
    "U32": "uint32",
    "I32": "int32",
    "U64": "uint64",
    "I64": "int64",
    "F16": "float16",
    "BF16": "bfloat16",
    "F32": "float32",
    "F64": "float64",
    "F8_E4M3": "float8_e4m3fn",
    "F8_E5M2": "float8_e5m2",
}
_CODES = {v: k for k, v in _NAMES.items()}
_HEADER = 100 << 20
_ALIGNMENT = 64  # of the first tensor in the file, and so in memory when it is mapped: a line of the cache
Placed = TypeVar("Placed", bound=tuple[Any, ...])  # a variable, its array, and where that stands
_TOGETHER = 16 << 20  # bytes that are assigned at once
Entries = dict[str, tuple[str, tuple[int, ...], int]]


def _named_variables(model: Model) -> list[tuple[str, Any]]:
    """Every variable of the model with its name in the file."""
    out: dict[str, object] = {}
    for path, obj in walk(model):
        if isinstance(obj, Optimizer):
            continue
        own = own_variables(obj)
        for v in obj._kf_state() if own is None else own:
            base = name = "/".join((*path, v.name))
            count = 1
            while name in out:
                name, count = f"{base}_{count}", count + 1
            out[name] = v
    return list(out.items())


def named_values(model: Model, copy: bool = False) -> list[tuple[str, Any]]:
    """Names in the file, and variables; with `copy` their values as they are now."""
    named = _named_variables(model)
    return [(n, np.array(v.numpy())) for n, v in named] if copy else named


def write_safetensors(named: list[tuple[str, Any]], file: BinaryIO, metadata: Any = None) -> None:
    """Write tensors.

    Args:
        named: what `named_values` gives for a model, or pairs (name, array); or (name, what has `shape` and `dtype`
            and is asked for its values, by `numpy()`, when they are written).
        file: a binary file opened for writing.
        metadata: further texts for the header.

    Raises:
        SavingError: a dtype that the format has not, or metadata that are not texts.
    """
    further = dict(metadata or {})
    if not all(isinstance(x, str) for pair in further.items() for x in pair):
        raise SavingError(f"[save_weights] expected `metadata` to map texts to texts, got {guard.shown(metadata)}.")
    header: Config = {"__metadata__": {"format": "kfront", **further}}
    start = 0
    for name, v in named:
        dtype = _dtype_of(v)
        code = _CODES.get(dtype)
        if code is None:
            raise SavingError(f"[save_weights] expected a dtype of safetensors, got {dtype} for {name}.")
        shape = [int(n) for n in v.shape]
        size = math.prod(shape) * numpy_dtype(dtype).itemsize
        header[name] = {"dtype": code, "shape": shape, "data_offsets": [start, start + size]}
        start += size
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-(len(text) + 8) % _ALIGNMENT)
    file.write(struct.pack("<Q", len(text)) + text)
    for _, v in named:
        file.write(_host(v).reshape(-1).view(np.uint8).data)


def _dtype_of(v: Any) -> str:
    return getattr(v, "_dtype", None) or v.dtype.name


def _host(v: Any) -> np.ndarray:
    """Values in memory of the host, one after another."""
    if isinstance(v, np.ndarray):
        return np.ascontiguousarray(v)
    value = v._kf_backend.to_numpy(v._value) if isinstance(v, VariableBase) else v.numpy()
    return np.ascontiguousarray(value.astype(numpy_dtype(_dtype_of(v)), copy=False))


def read_safetensors(model: Model, file: BinaryIO, what: str, skip_mismatch: bool = False) -> None:
    """Read weights that `write_safetensors` wrote; nothing is assigned unless everything fits.

    Args:
        model: a built model or layer.
        file: a seekable binary file.
        what: its name, for messages.
        skip_mismatch: whether variables that do not fit are passed over, with a warning that lists them.

    Raises:
        UnsafeFileError: the header lies about the file.
        SavingError: the file is damaged or does not fit the model.
    """
    start, entries, _ = read_header(file, what)
    wanted = _named_variables(model)
    problems, pairs = [], []
    for name, v in wanted:
        entry = entries.get(name)
        if entry is None:
            problems.append(Difference(name, str(tuple(v.shape)), "nothing", v.path))
        elif entry[1] != tuple(v.shape):
            problems.append(Difference(name, str(tuple(v.shape)), str(entry[1]), v.path))
        elif not castable(entry[0], v._dtype):
            problems.append(Difference(name, v._dtype, entry[0], v.path))
        else:
            pairs.append((v, entry))
    known = {name for name, _ in wanted}
    unused = [name for name in entries if name not in known]
    report(model, what, problems, [], unused, skip_mismatch, strict_optimizer=False)
    data = in_memory(file)
    found = [(v, as_array(data, dtype, shape, start + at), start + at) for v, (dtype, shape, at) in pairs]
    for some in portions(found):
        b = some[0][0]._kf_backend
        b.foreach.assign([v for v, _, _ in some], [b.convert(value, v._dtype) for v, value, _ in some])
        for _, value, at in some:
            let_go(data, at, value.nbytes)


def portions(found: Iterable[Placed]) -> Iterator[list[Placed]]:
    """Groups of (variable, array, place): only so much of a mapped file is in memory beside the Variables."""
    group: list[Placed] = []
    size = 0
    for one in found:
        group.append(one)
        size += one[1].nbytes
        if size >= _TOGETHER:
            yield group
            group, size = [], 0
    if group:
        yield group


def in_memory(file: BinaryIO) -> Any:
    """The bytes of a file: mapped into memory, private and writable; read where that cannot be."""
    data = mapped(file, mmap.ACCESS_COPY)
    if data is None:
        file.seek(0)
        return bytearray(file.read())
    return data


def as_array(data: Any, dtype: str, shape: tuple[int, ...], start: int) -> np.ndarray:
    """A tensor of the file, without a copy."""
    kind, count = numpy_dtype(dtype), math.prod(shape)
    if not count:
        return np.empty(shape, kind)
    if start % kind.itemsize:
        return np.frombuffer(data, np.uint8, count * kind.itemsize, start).copy().view(kind).reshape(shape)
    return np.frombuffer(data, kind, count, start).reshape(shape)


def read_metadata(filepath: str | os.PathLike[str]) -> dict[str, str]:
    """The texts in the header of a safetensors file.

    Args:
        filepath: path of the file.

    Returns:
        A dict name -> text.

    Raises:
        SavingError: it is no such file.

    Example:

    >>> import tempfile
    >>> import kfront
    >>> model = kfront.Sequential([kfront.Input((3,)), kfront.layers.Dense(2)])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     kfront.saving.save_weights(model, f"{folder}/model.safetensors", metadata={"epochs": "3"})
    ...     kfront.saving.safetensors.read_metadata(f"{folder}/model.safetensors")["epochs"]
    '3'
    """
    with open(filepath, "rb") as file:
        _, _, metadata = read_header(file, str(filepath))
    return metadata


def read_header(file: BinaryIO, what: str) -> tuple[int, Entries, dict[str, str]]:
    """Where the bytes begin, name -> (dtype, shape, offset) of tensors one after another, and the metadata."""
    total = file.seek(0, os.SEEK_END)
    file.seek(0)
    head = file.read(8)
    length = struct.unpack("<Q", head)[0] if len(head) == 8 else -1
    if not 0 < length <= min(_HEADER, total - 8):
        raise SavingError(f"[load_weights] expected a safetensors file, got {what} without a header of true length.")
    header = guard.expect(guard.parse_json(file.read(length), f"{what}: header"), dict, "header")
    metadata = guard.expect(header.pop("__metadata__", {}), dict, "__metadata__")
    if not all(isinstance(v, str) for v in metadata.values()):
        raise SavingError(f"[load_weights] expected texts as metadata of {what}, got {guard.shown(metadata)}.")
    start, end, out = 8 + length, 0, {}
    spans = []
    for name, entry in header.items():
        dtype, shape, span = _entry(name, entry)
        spans.append((*span, name))
        out[name] = (dtype, shape, span[0])
    for begin, stop, name in sorted(spans):
        if begin < end or stop > total - start:
            raise UnsafeFileError(
                f"[load_weights] expected tensors one after another inside {what}, got {guard.shown(name)} elsewhere."
            )
        end = stop
    return start, out, metadata


def _entry(name: str, entry: Any) -> tuple[str, tuple[int, ...], tuple[int, int]]:
    if type(entry) is not dict:
        guard.expect(entry, dict, f"header of {guard.shown(name)}")
    dtype = _NAMES.get(guard.expect(entry.get("dtype"), str, "dtype"))
    shape = guard.expect(entry.get("shape"), list, "shape")
    span = guard.expect(entry.get("data_offsets"), list, "data_offsets")
    if dtype is None or len(span) != 2 or {*map(type, shape), *map(type, span)} != {int} or min(*shape, *span) < 0:
        raise SavingError(f"[load_weights] expected dtype, shape and offsets of a tensor, got {guard.shown(entry)}.")
    size = numpy_dtype(dtype).itemsize
    for n in shape:
        size *= n
    if span[1] - span[0] != size:
        raise UnsafeFileError(f"[load_weights] expected {size} bytes for {guard.shown(name)}, got {span[1] - span[0]}.")
    return dtype, tuple(shape), (span[0], span[1])
