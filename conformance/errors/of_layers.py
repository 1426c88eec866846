"""Mistakes with layers: wrong ranks and sizes, options that do not fit together, layers used before they are ready."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

import kfront
from kfront.core import errors

__all__ = ["MISTAKES", "Mistake"]

L = kfront.layers


class Mistake(NamedTuple):
    """One row.

    Attributes:
        name: what is done wrong.
        make: does it.
        error: the class that must be raised.
        words: texts that the message must hold.
        trains: whether it needs a backend that differentiates.
    """

    name: str
    make: Callable[[], Any]
    error: type[Exception]
    words: tuple[str, ...]
    trains: bool = False


def x(*shape: int) -> np.ndarray:
    """An array of ones."""
    return np.ones(shape, "float32")


def on(layer: Any, *shapes: tuple[int, ...], **kwargs: Any) -> Any:
    """Call a layer on tensors of ones, on a list of them if there are several."""
    tensors = [kfront.ops.convert_to_tensor(x(*s)) for s in shapes]
    return layer(tensors if len(tensors) > 1 else tensors[0], **kwargs)


def _attention(query: tuple[int, ...], value: tuple[int, ...], layer: Any = None) -> Any:
    layer = L.MultiHeadAttention(2, 4, name="a") if layer is None else layer
    return layer(kfront.ops.convert_to_tensor(x(*query)), kfront.ops.convert_to_tensor(x(*value)))


def _states() -> Any:
    return L.LSTM(4, name="r")(x(2, 3, 5), initial_state=[x(2, 4), x(2, 3)])


def _quantized_twice() -> Any:
    layer = L.Dense(3, name="d")
    layer.build((None, 4))
    layer.quantize("int8")
    return layer.quantize("int8")


def _lora_before_build() -> Any:
    return L.Dense(3, name="d").enable_lora(2)


def _other_features() -> Any:
    layer = L.Dense(3, name="d")
    layer.build((None, 4))
    return on(layer, (2, 5))


def _axes() -> Any:
    return L.MultiHeadAttention(2, 4, attention_axes=(2,), name="a")


def _edges() -> Any:
    return L.graph.GCNConv(2, name="g")([x(3, 2), np.zeros((1, 4), "int32")])


class _NoCell(kfront.layers.Layer):
    def call(self, inputs: Any) -> Any:
        return inputs


S, A, T, N = errors.ShapeError, errors.ArgumentError, errors.ArgumentTypeError, errors.NotBuiltError
MISTAKES = [
    Mistake("dense on rank 1", lambda: on(L.Dense(3, name="d"), (4,)), S, ("d", "rank", "(4,)")),
    Mistake("dense on other features", _other_features, S, ("d", "4", "(2, 5)")),
    Mistake("conv on rank 2", lambda: on(L.Conv2D(2, 3, name="c"), (5, 5)), S, ("c", "rank 4", "(5, 5)")),
    Mistake("kernel larger than the image", lambda: on(L.Conv2D(2, 7, name="c"), (1, 4, 4, 1)), S, ("expected", "got")),
    Mistake("groups that do not divide", lambda: on(L.Conv1D(4, 3, groups=2, name="c"), (1, 8, 3)), S, ("groups", "3")),
    Mistake("filters that do not divide", lambda: L.Conv1D(3, 3, groups=2), A, ("filters", "groups", "3", "2")),
    Mistake("strides and dilation", lambda: L.Conv1D(3, 3, strides=2, dilation_rate=2), A, ("strides", "dilation")),
    Mistake("pool larger than the image", lambda: on(L.MaxPooling2D(7), (1, 4, 4, 1)), S, ("expected", "got")),
    Mistake("pool on rank 2", lambda: on(L.MaxPooling1D(2, name="p"), (4, 4)), S, ("p", "rank 3")),
    Mistake("unknown padding", lambda: L.Conv2D(2, 3, padding="sme"), A, ("sme", "same", "valid")),
    Mistake("unknown layout", lambda: L.Conv2D(2, 3, data_format="last"), A, ("last", "channels_last")),
    Mistake("lstm on rank 2", lambda: on(L.LSTM(2, name="r"), (3, 4)), S, ("r", "rank 3")),
    Mistake("initial states of another size", _states, S, ("r", "initial state", "(2, 3)")),
    Mistake("a cell that is none", lambda: L.RNN(_NoCell()), T, ("state_size",)),
    Mistake("bidirectional around a dense layer", lambda: L.Bidirectional(L.Dense(2)), T, ("recurrent", "Dense")),
    Mistake("stateful without a batch size", lambda: L.LSTM(2, stateful=True)(kfront.Input((3, 4))), S, ("stateful",)),
    Mistake("unrolled without a length", lambda: L.LSTM(2, unroll=True)(kfront.Input((None, 4))), S, ("unroll",)),
    Mistake("no heads", lambda: L.MultiHeadAttention(0, 4), A, ("num_heads", "0")),
    Mistake("heads that do not divide", lambda: L.GroupQueryAttention(4, 6, 4), A, ("num_key_value_heads", "6", "4")),
    Mistake("attention on rank 2", lambda: _attention((2, 8), (2, 8)), S, ("a", "query", "(2, 8)")),
    Mistake("attention over two batches", lambda: _attention((2, 3, 8), (3, 3, 8)), S, ("a", "batch", "(3, 3, 8)")),
    Mistake("attention with one input", lambda: on(L.Attention(name="a"), (2, 3, 4)), S, ("a", "list")),
    Mistake("attention axes", lambda: _attention((2, 3, 8), (2, 3, 8), _axes()), A, ("attention_axes", "(2,)")),
    Mistake("time distributed on rank 2", lambda: on(L.TimeDistributed(L.Dense(2)), (2, 3)), S, ("3 axes", "(2, 3)")),
    Mistake("a wrapper around a function", lambda: L.Wrapper(len), T, ("layer", "len")),
    Mistake("weights of an unbuilt wrapper", lambda: L.TimeDistributed(L.Dense(2)).count_params(), N, ("built",)),
    Mistake("an unbuilt layer called statelessly", lambda: L.Dense(2).stateless_call([], [], x(1, 2)), N, ("built",)),
    Mistake("a spectral norm of nothing", lambda: on(L.SpectralNormalization(L.ReLU()), (2, 3)), A, ("kernel", "ReLU")),
    Mistake("adding inputs of two shapes", lambda: on(L.Add(name="m"), (2, 3), (2, 4)), S, ("m", "(2, 3)", "(2, 4)")),
    Mistake("merging one input", lambda: on(L.Add(name="m"), (2, 3)), S, ("m", "list")),
    Mistake("concatenation", lambda: on(L.Concatenate(name="m"), (2, 3), (3, 3)), S, ("(2, 3)", "(3, 3)")),
    Mistake("dot of sizes that differ", lambda: on(L.Dot(1, name="m"), (2, 3), (2, 4)), S, ("3", "4")),
    Mistake("a Reshape to another size", lambda: on(L.Reshape((5,), name="s"), (2, 6)), S, ("s", "5", "6")),
    Mistake("permutation", lambda: L.Permute((1, 3)), A, ("dims", "(1, 3)")),
    Mistake("cropping everything", lambda: on(L.Cropping1D(3, name="s"), (1, 4, 2)), S, ("s", "(1, 4, 2)")),
    Mistake("repeat on rank 3", lambda: on(L.RepeatVector(2, name="s"), (1, 2, 3)), S, ("s", "rank 2")),
    Mistake("batch norm axis", lambda: on(L.BatchNormalization(axis=4, name="n"), (2, 3)), S, ("n", "axis 4")),
    Mistake("group norm groups", lambda: on(L.GroupNormalization(4, name="n"), (2, 6)), S, ("n", "groups", "6")),
    Mistake("dropout rate above 1", lambda: L.Dropout(1.5), A, ("rate", "1.5")),
    Mistake("negative units", lambda: L.Dense(-1), A, ("units", "-1")),
    Mistake("unknown argument", lambda: L.Dense(2, unit=3), A, ("unit",)),  # type: ignore[call-arg]
    Mistake("unknown activation", lambda: L.Dense(2, activation="rleu"), A, ("rleu", "relu")),
    Mistake("unknown initializer", lambda: L.Dense(2, kernel_initializer="xavier"), A, ("xavier",)),
    Mistake("einsum equation", lambda: on(L.EinsumDense("ab,cd->ad", 3, name="e"), (2, 4)), S, ("ab,cd->ad",)),
    Mistake("einsum rank", lambda: on(L.EinsumDense("abc,cd->abd", (2, 3), name="e"), (2, 4)), S, ("e", "(2, 4)")),
    Mistake("quantized before build", lambda: L.Dense(3, name="d").quantize("int8"), N, ("d", "built")),
    Mistake("quantized twice", _quantized_twice, A, ("d", "int8")),
    Mistake("quantized without a form", lambda: L.ReLU(name="n").quantize("int8"), errors.UnsupportedError, ("n",)),
    Mistake("low rank before build", _lora_before_build, N, ("d", "built")),
    Mistake("integer lookup before adapt", lambda: L.IntegerLookup(name="p")(np.array([1, 2])), N, ("p", "adapt")),
    Mistake("string lookup before adapt", lambda: L.StringLookup(name="p")(np.array(["a"])), N, ("p", "adapt")),
    Mistake("text before adapt", lambda: L.TextVectorization(name="p")(np.array(["a b"])), N, ("p", "adapt")),
    Mistake("bins before adapt", lambda: L.Discretization(num_bins=2, name="p")(x(2, 2)), N, ("p", "adapt")),
    Mistake("hashing into no bins", lambda: L.Hashing(0), A, ("num_bins", "0")),
    Mistake("images of rank 2", lambda: on(L.RandomFlip(name="i"), (4, 4), training=True), S, ("i", "(4, 4)")),
    Mistake("crop without a size", lambda: L.CenterCrop(0, 4), A, ("height", "0")),
    Mistake("graph edges of one row", _edges, S, ("g", "edge_index", "(1, 4)")),
]
