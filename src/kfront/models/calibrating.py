"""Quantization of a model's blocks by statistics of their inputs on some data."""

from __future__ import annotations

import contextlib
import itertools
import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from kfront.core.errors import ArgumentError, ArgumentTypeError
from kfront.core.typing import AnyCallable
from kfront.layers.quantized import Quantizable
from kfront.quantizers.calibrated import Statistics

if TYPE_CHECKING:
    from kfront.layers.base import Layer
    from kfront.models.model import Model

_log = logging.getLogger("kfront")


def calibrate(model: Model, config: Any, chosen: list[Layer]) -> set[int]:
    """Quantize the layers of block after block, each on the outputs of the quantized blocks before.

    Args:
        model: a built model.
        config: a `GPTQConfig` or `AWQConfig`.
        chosen: which layers, as far as they are in the blocks.

    Returns:
        Which layers with a quantized form are in the blocks, by `id`.

    Raises:
        ArgumentError: if the model's structure or the data is missing or does not fit.
    """
    before, blocks = _structure(model, config)
    wanted = {id(x) for x in chosen}
    inside = {id(x) for block in blocks for x in _inner(block)}
    tokens = windows(config)
    size = config.calibration_batch_size
    batches: list[Any] = [tokens[i : i + size] for i in range(0, len(tokens), size)]
    for layer in before:
        batches = [_through(layer, x) for x in batches]
    for block in blocks:
        layers = [x for x in _inner(block) if x._calibrates(config.mode) and id(x) in wanted]
        with _watched(layers) as found:
            for x in batches:
                _through(block, x)
        for layer, statistics in zip(layers, found, strict=True):
            if statistics.count:
                layer._calibrate(config, statistics)
            else:
                _log.warning("[quantize] %s is left as it is: no data reached it.", layer.name)
        batches = [_through(block, x) for x in batches]
    return inside


def _structure(model: Model, config: Any) -> tuple[list[Any], list[Any]]:
    found = config.quantization_layer_structure
    if found is None:
        found = model.get_quantization_layer_structure(config.mode)
    keys = ("pre_block_layers", "sequential_blocks")
    if not isinstance(found, dict) or not all(isinstance(found.get(k), (list, tuple)) for k in keys):
        raise ArgumentError(
            f"[{model.name}] expected a dict with the lists 'pre_block_layers' and 'sequential_blocks' for mode "
            f"{config.mode!r}, got {found!r}; pass it as `quantization_layer_structure` of the config or define "
            "`get_quantization_layer_structure`."
        )
    if not found["sequential_blocks"]:
        raise ArgumentError(f"[{model.name}] expected at least one block in 'sequential_blocks', got none.")
    return list(found["pre_block_layers"]), list(found["sequential_blocks"])


def _inner(block: Any) -> list[Quantizable]:
    return [x for x in block._flatten_layers() if isinstance(x, Quantizable) and x.quantization_mode is None]


def _through(layer: Layer, x: np.ndarray) -> np.ndarray:
    """The output of a layer for a batch; the first of several."""
    b = layer._kf_backend
    out = layer(b.convert(x))
    return b.to_numpy(out[0] if isinstance(out, (list, tuple)) else out)


@contextlib.contextmanager
def _watched(layers: list[Any]) -> Iterator[list[Statistics]]:
    """Within, the statistics of the inputs of each layer."""
    found = [Statistics(layer._calibrated_sizes()[1]) for layer in layers]
    for layer, statistics in zip(layers, found, strict=True):
        layer.__dict__["call"] = _watching(layer, layer.call, statistics)
    try:
        yield found
    finally:
        for layer in layers:
            del layer.__dict__["call"]


def _watching(layer: Any, call: AnyCallable, statistics: Statistics) -> AnyCallable:
    def watched(inputs: object, *args: object, **kwargs: object) -> Any:
        statistics.add(layer._calibration_rows(np.asarray(layer._kf_backend.to_numpy(inputs), "float64")))
        return call(inputs, *args, **kwargs)

    return watched


# ---- data ------------------------------------------------------------------------------------------------------------


def windows(config: Any) -> np.ndarray:
    """The data as rows of tokens: (at most num_samples, sequence_length).

    Raises:
        ArgumentError: if there is no data, or not enough for one row.
        ArgumentTypeError: if it is neither text nor integers, or text without a tokenizer.
    """
    who, length = f"[{type(config).__name__}]", config.sequence_length
    if config.dataset is None:
        raise ArgumentError(f"{who} expected a `dataset` of texts or tokens to calibrate with, got None.")
    if isinstance(config.dataset, str):
        raise ArgumentTypeError(f"{who} expected `dataset` to be an iterable of texts or tokens, got one str.")
    wanted, parts, have = config.num_samples * length, [], 0
    for item in config.dataset:
        parts.append(_tokens(who, item, config.tokenizer))
        have += len(parts[-1])
        if have >= wanted:
            break
    rows = min(have // length, config.num_samples)
    if not rows:
        raise ArgumentError(
            f"{who} expected a `dataset` of at least `sequence_length` = {length} tokens, got {have} tokens."
        )
    return np.fromiter(itertools.chain(*parts), "int32", rows * length).reshape(rows, length)


def _tokens(who: str, item: Any, tokenizer: Any) -> np.ndarray:
    if isinstance(item, (str, bytes)):
        if tokenizer is None:
            raise ArgumentTypeError(f"{who} expected a `tokenizer` for a dataset of texts, got None.")
        item = getattr(tokenizer, "tokenize", tokenizer)(item)
    found = np.asarray(item).reshape(-1)
    if found.size and not np.issubdtype(found.dtype, np.integer):
        raise ArgumentTypeError(f"{who} expected texts or integer tokens, got dtype {found.dtype}.")
    return found
