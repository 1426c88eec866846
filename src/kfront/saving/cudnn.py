"""Weights of CuDNNLSTM and CuDNNGRU, layers of Keras 2, for the layers LSTM and GRU.

Files have them in the layout of cuDNN: for each gate the values of a matrix (units, inputs) row by row, and two biases
(https://docs.nvidia.com/deeplearning/cudnn/, cudnnGetRNNWeightParams).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from kfront.core.variable import Variable

Saved = list[tuple[str, Any]]


class _Converted(NamedTuple):
    """An array of a file in another layout, with the interface of `Dataset`.

    Attributes:
        data: the dataset.
        shape: what it becomes.
        change: how.
    """

    data: Any
    shape: tuple[int, ...]
    change: Callable[[np.ndarray], np.ndarray]

    in_place = False

    @property
    def dtype(self) -> str:
        """Name of its dtype."""
        return self.data.dtype

    def read(self) -> np.ndarray:
        """The values."""
        return self.change(self.data.read()).reshape(self.shape)


def converted(mine: list[Variable], saved: Saved) -> Saved:
    """The arrays of a layer in the layout of its variables: of those that cuDNN's layers had, others as they are.

    Args:
        mine: the variables: kernel, recurrent kernel and bias, twice if the layer runs in both directions.
        saved: names and datasets.
    """
    if len(mine) != len(saved) or len(mine) % 3 or any(d is None for _, d in saved):
        return saved
    out: Saved = []
    for i in range(0, len(mine), 3):
        out += _layer([tuple(v.shape) for v in mine[i : i + 3]], saved[i : i + 3])
    return out


def _layer(shapes: list[tuple[int, ...]], saved: Saved) -> Saved:
    (kernel_name, kernel), (recurrent_name, recurrent), (bias_name, bias) = saved
    wanted, units = shapes[2], shapes[1][0] if len(shapes[1]) == 2 else 0
    lstm, gru = wanted == (4 * units,), wanted == (2, 3 * units)
    count = 8 if lstm else 6
    same = kernel.shape == shapes[0] and recurrent.shape == shapes[1]
    if not units or not (lstm or gru) or not same or bias.shape != (count * units,):
        return saved

    def gates(x: np.ndarray) -> np.ndarray:
        blocks = np.split(x, count // 2, axis=1)
        return np.concatenate([np.ascontiguousarray(b).reshape(units, -1).T for b in blocks], axis=1)

    def biases(x: np.ndarray) -> np.ndarray:
        both = x.reshape(2, -1)
        return both.sum(0) if lstm else both

    return [
        (kernel_name, _Converted(kernel, shapes[0], gates)),
        (recurrent_name, _Converted(recurrent, shapes[1], gates)),
        (bias_name, _Converted(bias, wanted, biases)),
    ]
