"""Single layers of some work, forward and backward: kfront's, Keras's, and the engine's own."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from benchmarks.timing import Row

if TYPE_CHECKING:
    from benchmarks.bench import Bench

__all__ = ["LAYERS", "compiled_layers", "eager_layers"]

_BOUND = 1.1
# rounds of the slower rows are enough; a sequence is padded to 128 steps, its length is one of these
_LENGTHS = np.array([128, 96, 64, 120] * 8)


class LayerRow(NamedTuple):
    """A layer and a call of it.

    Attributes:
        make: makes the layer of `keras` or `kfront`.
        shape: of the input.
        kind: name of the native form in `native_layers_<engine>.py`.
        twice: whether the input is passed as query and as value.
        kwargs: further arguments of the call; arrays become tensors.
        engines: where it is measured, all if empty.
    """

    make: Callable[[Any], Any]
    shape: tuple[int, ...]
    kind: str
    twice: bool = False
    kwargs: dict[str, Any] | None = None
    engines: tuple[str, ...] = ()


_MASK = {"mask": np.arange(128) < _LENGTHS[:, None]}
_HOLES = {"mask": (np.arange(128) + np.arange(32)[:, None]) % 4 > 0}

LAYERS: dict[str, LayerRow] = {
    "Dense": LayerRow(lambda k: k.layers.Dense(512), (256, 512), "dense"),
    "Conv2D": LayerRow(lambda k: k.layers.Conv2D(64, 3, padding="same"), (8, 32, 32, 32), "conv"),
    "Conv2D channels_first": LayerRow(
        lambda k: k.layers.Conv2D(64, 3, padding="same", data_format="channels_first"),
        (8, 32, 32, 32),
        "conv_first",
        engines=("torch",),
    ),
    "DepthwiseConv2D": LayerRow(lambda k: k.layers.DepthwiseConv2D(3, padding="same"), (8, 32, 32, 32), "depthwise"),
    "MaxPooling2D": LayerRow(lambda k: k.layers.MaxPooling2D(), (8, 32, 32, 32), "max_pool"),
    "LSTM": LayerRow(lambda k: k.layers.LSTM(128), (32, 128, 128), "lstm"),
    "LSTM padded": LayerRow(lambda k: k.layers.LSTM(128), (32, 128, 128), "lstm_padded", kwargs=_MASK),
    "LSTM holes": LayerRow(lambda k: k.layers.LSTM(128), (32, 128, 128), "lstm_holes", kwargs=_HOLES),
    "GRU": LayerRow(lambda k: k.layers.GRU(128), (32, 128, 128), "gru"),
    "MultiHeadAttention": LayerRow(lambda k: k.layers.MultiHeadAttention(8, 32), (4, 128, 256), "attention", True),
    "BatchNormalization": LayerRow(
        lambda k: k.layers.BatchNormalization(), (32, 32, 32, 64), "batch_norm", kwargs={"training": True}
    ),
}


def _rows(bench: Bench, compiled: bool) -> Iterator[Row]:
    native = importlib.import_module(f"benchmarks.native_layers_{bench.engine}")
    for name, row in LAYERS.items():
        if (row.engines and bench.engine not in row.engines) or not bench.wants(name):
            continue
        x = np.random.default_rng(0).standard_normal(row.shape, dtype="float32")
        kwargs = {k: native.tensor(v) if isinstance(v, np.ndarray) else v for k, v in (row.kwargs or {}).items()}

        def of(api: Any, row: LayerRow = row, x: np.ndarray = x, kwargs: dict[str, Any] = kwargs) -> Callable[[], Any]:
            layer = row.make(api)
            layer(*[x] * (1 + row.twice))
            return native.step(layer, x, row.twice, kwargs, compiled)

        own = native.native_step(row.kind, x, kwargs, compiled)
        what = "compiled" if compiled else "eager"
        yield bench.ratio(f"{name}, {what}", own, of, _BOUND)


def eager_layers(bench: Bench) -> Iterator[Row]:
    """Layers called eagerly, forward and backward."""
    if bench.engine in ("torch", "tensorflow"):
        yield from _rows(bench, False)


def compiled_layers(bench: Bench) -> Iterator[Row]:
    """Layers compiled by the engine (`torch.compile`, `jax.jit`, `tf.function`), forward and backward."""
    if bench.native is not None:
        yield from _rows(bench, True)
