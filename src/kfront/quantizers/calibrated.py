"""Quantization with calibration data: the configs of GPTQ and AWQ, and how they choose the values of a weight.

Weights are matrices of shape (outputs, inputs) here. What a layer's inputs were is kept as the sum of the products of
each two of them, which is all that the error of the outputs depends on: for a change D of the weight it is the trace of
``D @ products @ D.T``.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any, Protocol, Self

import numpy as np

from kfront.core.errors import ArgumentError
from kfront.core.options import Option, is_int, kept, normalisers, number, positive
from kfront.core.typing import AnyCallable, Config
from kfront.quantizers.configs import QuantizationConfig

_PARTS = 1 - np.arange(20) / 40  # of the largest weight: where it may be cut off
_CHUNK = 128  # columns whose errors are passed on to those behind them at once


class Tokenizer(Protocol):
    """An object that turns a text into tokens."""

    def tokenize(self, text: str, /) -> Iterable[int]: ...


_DATA = Option(write=lambda _: None, tracked=True)  # files do not hold it


def _known_bits(owner: _CalibratedConfig, name: str, value: int) -> int:
    if value not in owner._bits:
        raise ArgumentError(f"[{type(owner).__name__}] expected `{name}` in {list(owner._bits)}, got {value!r}.")
    return value


class _CalibratedConfig(QuantizationConfig):
    """What both configs have."""

    dataset: Iterable[object] | None
    tokenizer: AnyCallable | Tokenizer | None
    weight_bits: int
    num_samples: int
    sequence_length: int
    group_size: int
    quantization_layer_structure: Config | None
    calibration_batch_size = 8
    _kf_normalise = normalisers(
        dataset=_DATA,
        tokenizer=_DATA,
        weight_quantizer=kept,
        activation_quantizer=kept,
        weight_bits=_known_bits,
        num_samples=positive,
        sequence_length=positive,
        group_size=number("to be a positive int or -1", lambda x: is_int(x) and (x > 0 or x == -1)),
    )
    _bits: tuple[int, ...] = ()

    def __init__(
        self,
        dataset: Iterable[Any] | None,
        tokenizer: AnyCallable | Tokenizer | None,
        weight_bits: int,
        num_samples: int,
        sequence_length: int,
        group_size: int,
        quantization_layer_structure: Config | None,
    ) -> None:
        super().__init__(**self._kf_store(locals()))

    def dtype_policy_string(self) -> str:
        """What the dtype policy of a quantized layer begins with."""
        return f"{self.mode}/{self.weight_bits}/{self.group_size}"

    def without_data(self) -> Self:
        """The same config without data, tokenizer and layers, which a quantized layer keeps."""
        return type(self)(**{**self.get_config(), "quantization_layer_structure": None})


class GPTQConfig(_CalibratedConfig):
    """Weights in 2, 3, 4 or 8 bits by GPTQ: what rounding a weight changes is made up for by those not rounded yet.

    Args:
        dataset: iterable of texts, or of integer tokens of any shape; it is read as one row of tokens.
        tokenizer: function text -> tokens, or an object with a method `tokenize`; None for tokens.
        weight_bits: 2, 3, 4 or 8.
        num_samples: how many windows of the tokens are taken, from the first on.
        calibration_batch_size: how many of them go through a block at once; it changes no result.
        per_channel: whether each output has its own scale.
        sequence_length: tokens in a window.
        hessian_damping: what is added to the diagonal of the Hessian, as a part of its mean, between 0 and 1.
        group_size: how many inputs share a scale, -1 for all.
        symmetric: whether the zero point is the middle of the range.
        activation_order: whether inputs with the largest activations come first.
        quantization_layer_structure: dict with "pre_block_layers" and "sequential_blocks"; that of
            `model.get_quantization_layer_structure` if None.

    Raises:
        ArgumentError: for values out of these ranges.

    Example:

    >>> import kfront, numpy as np
    >>> table, block = kfront.layers.Embedding(9, 8), kfront.Sequential([kfront.Input((4, 8)), kfront.layers.Dense(8)])
    >>> model = kfront.Sequential([kfront.Input((4,), dtype="int32"), table, block])
    >>> config = kfront.quantizers.GPTQConfig(
    ...     np.arange(32) % 9, None, num_samples=8, sequence_length=4, group_size=4,
    ...     quantization_layer_structure={"pre_block_layers": [table], "sequential_blocks": [block]},
    ... )
    >>> report = model.quantize(config=config)
    >>> block.layers[0].dtype_policy.name
    'gptq/4/4_from_float32'

    Reference: Frantar et al., 2022, https://arxiv.org/abs/2210.17323.
    """

    calibration_batch_size: int
    per_channel: bool
    hessian_damping: float
    symmetric: bool
    activation_order: bool
    _kf_normalise = normalisers(
        calibration_batch_size=positive, hessian_damping=number("between 0 and 1", lambda x: 0 <= x <= 1)
    )
    _mode = "gptq"
    _bits = (2, 3, 4, 8)

    def __init__(
        self,
        dataset: Iterable[Any] | None,
        tokenizer: AnyCallable | Tokenizer | None,
        *,
        weight_bits: int = 4,
        num_samples: int = 128,
        calibration_batch_size: int = 8,
        per_channel: bool = True,
        sequence_length: int = 512,
        hessian_damping: float = 0.01,
        group_size: int = 128,
        symmetric: bool = False,
        activation_order: bool = False,
        quantization_layer_structure: Config | None = None,
    ) -> None:
        super().__init__(**self._kf_store(locals()))

    def quantized(self, weight: np.ndarray, statistics: Statistics) -> Quantized:
        """A matrix in few bits."""
        return gptq(weight, statistics, self)


class AWQConfig(_CalibratedConfig):
    """Weights in 4 bits by AWQ: inputs with large activations get a finer grid, by factors that are searched for.

    The factors are those that change the weights least, each input weighted by the square of its mean activation.

    Args:
        dataset: iterable of texts, or of integer tokens of any shape; it is read as one row of tokens.
        tokenizer: function text -> tokens, or an object with a method `tokenize`; None for tokens.
        weight_bits: 4.
        num_samples: how many windows of the tokens are taken, from the first on.
        sequence_length: tokens in a window.
        group_size: how many inputs share a scale, -1 for all.
        num_grid_points: how many exponents of activations and weights are tried as factors.
        apply_clip: whether large weights of a group may be cut off, to at least half of the largest, which makes the
            grid of the others finer.
        quantization_layer_structure: dict with "pre_block_layers" and "sequential_blocks"; that of
            `model.get_quantization_layer_structure` if None.

    Raises:
        ArgumentError: for values out of these ranges.

    Example:

    >>> import kfront
    >>> kfront.quantizers.AWQConfig(["some text"], str.split, group_size=64).dtype_policy_string()
    'awq/4/64'

    Reference: Lin et al., 2023, https://arxiv.org/abs/2306.00978.
    """

    num_grid_points: int
    apply_clip: bool
    _kf_normalise = normalisers(num_grid_points=positive)
    _mode = "awq"
    _bits = (4,)

    def __init__(
        self,
        dataset: Iterable[Any] | None,
        tokenizer: AnyCallable | Tokenizer | None,
        *,
        weight_bits: int = 4,
        num_samples: int = 128,
        sequence_length: int = 512,
        group_size: int = 128,
        num_grid_points: int = 20,
        apply_clip: bool = True,
        quantization_layer_structure: Config | None = None,
    ) -> None:
        super().__init__(**self._kf_store(locals()))

    def quantized(self, weight: np.ndarray, statistics: Statistics) -> Quantized:
        """A matrix in few bits."""
        return awq(weight, statistics, self)


class Statistics:
    """What the inputs of a layer were.

    Args:
        size: number of inputs.
    """

    def __init__(self, size: int) -> None:
        self.count = 0
        self.products = np.zeros((size, size))
        self.magnitudes = np.zeros(size)

    def add(self, rows: np.ndarray) -> None:
        """Take note of inputs of shape (n, size)."""
        rows = rows.astype("float64")
        self.count += len(rows)
        self.products += rows.T @ rows
        self.magnitudes += np.abs(rows).sum(0)

    def error(self, change: np.ndarray) -> float:
        """Sum of the squared changes of the outputs for a change of the weight."""
        return float(((change @ self.products) * change).sum())


@dataclasses.dataclass
class Quantized:
    """A matrix in few bits: ``(values - zero) * scale / factors``, scale and zero point by the group of each input."""

    values: np.ndarray
    scale: np.ndarray
    zero: np.ndarray
    group: np.ndarray
    factors: np.ndarray | None = None

    @property
    def matrix(self) -> np.ndarray:
        """What it stands for."""
        found = (self.values - self.zero[:, self.group]) * self.scale[:, self.group]
        return found if self.factors is None else found / self.factors


# ---- grids -----------------------------------------------------------------------------------------------------------


def _grid(rows: np.ndarray, bits: int, symmetric: bool = False, each: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """Scale and zero point of each row, or of all alike; 0 is on the grid."""
    axis = 1 if each else None
    low, high = np.minimum(rows.min(axis), 0), np.maximum(rows.max(axis), 0)
    if symmetric:
        high = np.maximum(-low, high)
        low = -high
    low, high = np.where(low == high, -1.0, low), np.where(low == high, 1.0, high)
    last = 2**bits - 1
    scale = (high - low) / last
    zero = np.full_like(scale, 2 ** (bits - 1)) if symmetric else np.rint(-low / scale)
    return np.broadcast_to(scale, len(rows)), np.broadcast_to(zero, len(rows))


def _on_grid(rows: np.ndarray, scale: np.ndarray, zero: np.ndarray, bits: int) -> np.ndarray:
    return np.clip(np.rint(rows / scale) + zero, 0, 2**bits - 1)


def nearest(weight: np.ndarray, bits: int, group: np.ndarray, factors: np.ndarray | None = None) -> Quantized:
    """Each value rounded by itself.

    Args:
        weight: matrix of shape (outputs, inputs).
        bits: bits of a value.
        group: the group of each input.
        factors: factors of the inputs, or None.
    """
    weight = weight.astype("float64") * (1.0 if factors is None else factors)
    grids = [_grid(weight[:, group == g], bits) for g in range(int(group.max()) + 1)]
    scale, zero = (np.stack(parts, 1) for parts in zip(*grids, strict=True))
    return Quantized(_on_grid(weight, scale[:, group], zero[:, group], bits), scale, zero, group, factors)


def _groups(inputs: int, size: int) -> np.ndarray:
    return np.arange(inputs) // (inputs if size == -1 else size)


# ---- GPTQ ------------------------------------------------------------------------------------------------------------


def gptq(weight: np.ndarray, statistics: Statistics, config: GPTQConfig) -> Quantized:
    """A weight quantized column after column; those behind make up for the error (algorithm 1 of the paper).

    Args:
        weight: matrix of shape (outputs, inputs).
        statistics: of the inputs.
        config: how.
    """
    inputs = weight.shape[1]
    order = np.argsort(-np.diag(statistics.products), kind="stable") if config.activation_order else np.arange(inputs)
    w = weight.astype("float64")[:, order]
    upper = _inverse_factor(statistics.products[np.ix_(order, order)], config.hessian_damping)
    group = _groups(inputs, config.group_size)
    values, grids = np.empty_like(w), []
    for start, end in _chunks(inputs, config.group_size):
        errors = np.empty((len(w), end - start))
        for i in range(start, end):
            if i == 0 or group[i] != group[i - 1]:
                grids.append(_grid(w[:, group == group[i]], config.weight_bits, config.symmetric, config.per_channel))
            scale, zero = grids[-1]
            values[:, i] = _on_grid(w[:, i], scale, zero, config.weight_bits)
            error = (w[:, i] - (values[:, i] - zero) * scale) / upper[i, i]
            w[:, i + 1 : end] -= np.outer(error, upper[i, i + 1 : end])
            errors[:, i - start] = error
        w[:, end:] -= errors @ upper[start:end, end:]
    back = np.argsort(order)
    scale, zero = (np.stack(parts, 1) for parts in zip(*grids, strict=True))
    return Quantized(values[:, back], scale, zero, group[back])


def _inverse_factor(products: np.ndarray, damping: float) -> np.ndarray:
    """The upper triangle whose transpose times itself is the inverse of the damped Hessian."""
    diagonal = np.diag(products)
    hessian = products + np.diag(np.where(diagonal == 0, 1.0, 0.0))
    hessian += np.eye(len(hessian)) * max(damping, 1e-8) * np.diag(hessian).mean()  # less is lost in rounding
    # the Cholesky factor from the last row up is upper: its inverse is the factor wanted, without that of the Hessian
    return np.linalg.inv(np.linalg.cholesky(hessian[::-1, ::-1])[::-1, ::-1])


def _chunks(inputs: int, size: int) -> list[tuple[int, int]]:
    """Ranges of columns such that no group begins within one without the columns before being done."""
    size = inputs if size == -1 else min(size, inputs)
    step = _CHUNK // size * size if size <= _CHUNK else size
    starts = [s for first in range(0, inputs, step) for s in range(first, min(first + step, inputs), _CHUNK)]
    return list(zip(starts, [*starts[1:], inputs], strict=True))


# ---- AWQ -------------------------------------------------------------------------------------------------------------


def awq(weight: np.ndarray, statistics: Statistics, config: AWQConfig) -> Quantized:
    """A weight whose inputs are multiplied by factors from activations and weights, the ones that change it least.

    Args:
        weight: matrix of shape (outputs, inputs).
        statistics: of the inputs.
        config: how.
    """
    group = _groups(weight.shape[1], config.group_size)
    activations = np.maximum(statistics.magnitudes / max(statistics.count, 1), 1e-4)
    sizes = np.maximum(_relative(np.abs(weight.astype("float64")), group).mean(0), 1e-6)
    best, least = None, np.inf
    for power in np.arange(config.num_grid_points) / config.num_grid_points:
        factors = activations**power / sizes ** (1 - power)
        factors = factors / np.sqrt(factors.max() * factors.min())
        found = nearest(weight, config.weight_bits, group, factors)
        error = float(((activations * (found.matrix - weight)) ** 2).sum())
        if error < least:
            best, least = found, error
    if best is None or best.factors is None:
        raise ArgumentError("[AWQConfig] expected finite weights and activations, got NaN or infinity.")
    if not config.apply_clip:
        return best
    clipped = _clipped(weight * best.factors, best.factors, statistics.products, group, config.weight_bits)
    return nearest(clipped / best.factors, config.weight_bits, group, best.factors)


def _relative(sizes: np.ndarray, group: np.ndarray) -> np.ndarray:
    """Values as parts of the largest of their group."""
    largest = [sizes[:, group == g].max(1) for g in range(int(group.max()) + 1)]
    return sizes / np.maximum(np.stack(largest, 1), 1e-12)[:, group]


def _clipped(weight: np.ndarray, factors: np.ndarray, products: np.ndarray, group: np.ndarray, bits: int) -> np.ndarray:
    """A weight cut off, in each group of each output, at the part of its largest value that changes the output least.

    Args:
        weight: matrix of shape (outputs, inputs), times the factors.
        factors: of the inputs.
        products: see `Statistics`.
        group: the group of each input.
        bits: bits of a value.
    """
    out, products = weight.copy(), products / np.outer(factors, factors)
    for g in range(int(group.max()) + 1):
        columns = np.flatnonzero(group == g)
        whole, inner = weight[:, columns], products[np.ix_(columns, columns)]
        largest, least = np.abs(whole).max(1, keepdims=True), np.full(len(whole), np.inf)
        for part in _PARTS:
            cut = np.clip(whole, -part * largest, part * largest)
            change = nearest(cut, bits, np.zeros(len(columns), "int32")).matrix - whole
            error = ((change @ inner) * change).sum(1)
            better = error < least
            least = np.where(better, error, least)
            out[np.ix_(better, columns)] = cut[better]
    return out
