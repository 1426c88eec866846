"""Rows and checks of layers that compute with NumPy on the host: exact results, given by the row, on every engine."""

from __future__ import annotations

import dataclasses
import json
import pickle
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import kfront
from kfront.backends import current

from ..suite import Case
from .running import world

__all__ = ["HostRow", "cases"]


@dataclasses.dataclass(frozen=True, eq=False)
class HostRow:
    """One configuration of a layer and one call of it.

    Attributes:
        layer: the public name.
        tag: tells the configurations of a layer apart.
        make: makes the layer on the current backend.
        inputs: a NumPy array, of strings or integers, or a tuple of them; the first axis is the batch.
        want: the result.
    """

    layer: str
    tag: str
    make: Callable[[], Any]
    inputs: Any
    want: Any

    @property
    def id(self) -> str:
        """A unique name."""
        return f"{self.layer}({self.tag})"

    @property
    def arrays(self) -> tuple[np.ndarray, ...]:
        """The inputs one by one."""
        return self.inputs if isinstance(self.inputs, tuple) else (self.inputs,)

    @property
    def text(self) -> bool:
        """Whether strings go in or come out."""
        return any(a.dtype.kind == "U" for a in (*self.arrays, np.asarray(self.want)))


def cases(row: HostRow, backends: list[str], trainable: list[str]) -> Iterator[Case]:
    """The cases of a row."""

    def case(what: str, name: str, check: Any) -> Case:
        return Case("layers", f"{row.id}/{what}", name, lambda: check(name, row))

    for name in backends:
        yield case("values", name, _values)
        yield case("symbolic", name, _symbolic)
        yield case("config", name, _config)
        if "tensorflow" in backends:
            yield case("tf.data", name, _pipeline)
        if name in trainable and not row.text:
            yield case("compiled", name, _compiled)


def _given(row: HostRow, values: Any) -> Any:
    return tuple(values) if isinstance(row.inputs, tuple) else values[0]


def _check(b: Any, row: HostRow, got: Any) -> None:
    """`got` is the result, in the dtype that the engine has for it."""
    want = np.asarray(row.want)
    have = got if isinstance(got, np.ndarray) else b.to_numpy(got)
    if want.dtype.kind == "U":
        have = np.array([v.decode() if isinstance(v, bytes) else v for v in have.ravel()]).reshape(have.shape)
    elif have.dtype.kind == "f":
        assert have.dtype == np.float32, f"dtype {have.dtype}, expected float32"
    else:
        kind = b.dtype_name(b.convert(np.zeros(1, "int64")).dtype)
        assert have.dtype.name == kind, f"dtype {have.dtype}, expected {kind}"
    assert have.shape == want.shape, f"shape {have.shape}, expected {want.shape}"
    assert np.array_equal(have, want), f"{have.tolist()}, expected {row.want}"


def _values(name: str, row: HostRow) -> None:
    """The exact result, of NumPy arrays, of lists, and of strings as bytes or objects."""
    with world(name) as b:
        layer = row.make()
        _check(b, row, layer(row.inputs))
        if not isinstance(row.inputs, tuple):
            _check(b, row, layer(row.inputs.tolist()))
        _check(b, row, layer(_given(row, [a.astype(object) if a.dtype.kind == "U" else a for a in row.arrays])))
        encoded = [np.char.encode(a, "utf-8") if a.dtype.kind == "U" else b.convert(a) for a in row.arrays]
        _check(b, row, layer(_given(row, encoded)))


def _symbolic(name: str, row: HostRow) -> None:
    """Shape and dtype are known before, and a functional model gives the same."""
    with world(name) as b:
        layer = row.make()
        kinds = ["string" if a.dtype.kind == "U" else a.dtype.name for a in row.arrays]
        inputs = [kfront.Input(a.shape[1:], dtype=k) for a, k in zip(row.arrays, kinds, strict=True)]
        out = layer(_given(row, inputs))
        want = np.asarray(row.want)
        fits = all(s in (None, w) for s, w in zip(out.shape, want.shape, strict=True))
        assert fits and out.shape[0] is None, f"symbolic shape {out.shape}, expected {want.shape}"
        dtype = {"U": "string", "f": "float32"}.get(want.dtype.kind, out.dtype)
        assert out.dtype == dtype, f"symbolic dtype {out.dtype}, expected {dtype}"
        _check(b, row, kfront.Model(inputs, out)([np.ascontiguousarray(a) for a in row.arrays]))


def _config(name: str, row: HostRow) -> None:
    """A layer made from the config, through JSON, and one out of a pickle are the same layer."""
    with world(name) as b:
        layer = row.make()
        text = json.dumps(kfront.layers.serialize(layer))
        again = kfront.layers.deserialize(json.loads(text))
        assert json.dumps(kfront.layers.serialize(again)) == text
        for other in (again, pickle.loads(pickle.dumps(layer))):
            _check(b, row, other(row.inputs))


def _pipeline(name: str, row: HostRow) -> None:
    """Inside `tf.data.Dataset.map` on any engine."""
    import tensorflow as tf

    with world(name):
        layer = row.make()
    dataset = tf.data.Dataset.from_tensors(row.inputs)
    mapped = dataset.map(lambda *args: layer(args if len(args) > 1 else args[0]))
    (got,) = mapped.as_numpy_iterator()
    _check(kfront.backends.get("tensorflow"), row, got)


def _compiled(name: str, row: HostRow) -> None:
    """Integers inside code that the engine compiles."""
    with world(name) as b:
        layer = row.make()
        arrays = [b.convert(a) for a in row.arrays]
        compiled = _COMPILED.get(name, _by_step)
        _check(b, row, compiled(lambda *a: layer(_given(row, a)), arrays))


def _torch(run: Callable[..., Any], arrays: list[Any]) -> Any:
    import torch

    torch._dynamo.reset()
    return torch.compile(run, fullgraph=True, backend="eager")(*arrays)


def _jax(run: Callable[..., Any], arrays: list[Any]) -> Any:
    import jax

    return jax.jit(run)(*arrays)


def _tensorflow(run: Callable[..., Any], arrays: list[Any]) -> Any:
    import tensorflow as tf

    return tf.function(run)(*arrays)


def _by_step(run: Callable[..., Any], arrays: list[Any]) -> Any:
    return current().compile_step(run, list, True)(*arrays)


_COMPILED: dict[str, Callable[..., Any]] = {"torch": _torch, "jax": _jax, "tensorflow": _tensorflow}
