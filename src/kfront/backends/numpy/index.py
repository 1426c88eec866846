"""Reading and writing by position: indexing, scattering, segments."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from typing import Any

import numpy as np

from kfront.backends.numpy.common import lowest
from kfront.backends.typing import Axes
from kfront.core.shapes import block_of
from kfront.core.typing import ShapeLike

# ---- reading and writing ---------------------------------------------------------------------------------------------


def _integers(indices: np.ndarray) -> np.ndarray:
    return indices if indices.dtype.kind in "iu" else indices.astype(np.int64)


def take(x: np.ndarray, indices: np.ndarray, axis: Axes = None) -> np.ndarray:
    return np.take(x, _integers(indices), axis)


def take_along_axis(x: np.ndarray, indices: np.ndarray, axis: Axes = None) -> np.ndarray:
    return np.take_along_axis(x, _integers(indices), axis)


def get_item(x: np.ndarray, key: Any) -> np.ndarray:
    return x[key]


def slice(inputs: np.ndarray, start_indices: np.ndarray | Sequence[int], shape: ShapeLike) -> np.ndarray:
    return inputs[_block(inputs, start_indices, shape)]


def _block(x: np.ndarray, starts: np.ndarray, sizes: np.ndarray) -> tuple[builtins.slice, ...]:
    return block_of(np.shape(x), [int(i) for i in starts], [int(n) for n in sizes])


def slice_update(inputs: np.ndarray, start_indices: np.ndarray | Sequence[int], updates: np.ndarray) -> np.ndarray:
    out = np.array(inputs)
    out[_block(inputs, start_indices, np.shape(updates))] = updates
    return out


def _coordinates(indices: np.ndarray) -> tuple[np.ndarray, ...]:
    return tuple(np.moveaxis(_integers(np.asarray(indices)), -1, 0))


def scatter(indices: np.ndarray, values: np.ndarray, shape: ShapeLike) -> np.ndarray:
    out = np.zeros(shape, values.dtype)
    np.add.at(out, _coordinates(indices), values)
    return out


_COMBINE = {"add": np.add, "max": np.maximum, "min": np.minimum, "mul": np.multiply}


def scatter_update(inputs: np.ndarray, indices: np.ndarray, updates: np.ndarray, reduction: str | None) -> np.ndarray:
    out = np.array(inputs)
    if reduction is None:
        out[_coordinates(indices)] = updates
    else:
        _COMBINE[reduction].at(out, _coordinates(indices), updates)
    return out


def nonzero(x: np.ndarray) -> tuple[np.ndarray, ...]:
    return tuple(i.astype(np.int32) for i in np.nonzero(x))


# ---- segments --------------------------------------------------------------------------------------------------------


def _segments(data: np.ndarray, ids: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray, int]:
    count = int(np.max(ids, initial=-1)) + 1 if count is None else int(count)
    inside = (ids >= 0) & (ids < count)
    return data[inside], ids[inside], count


def segment_sum(data: np.ndarray, segment_ids: np.ndarray, num_segments: int | None, sorted: bool) -> np.ndarray:
    data, ids, count = _segments(data, segment_ids, num_segments)
    out = np.zeros((count, *data.shape[1:]), data.dtype)
    np.add.at(out, ids, data)
    return out


def segment_max(data: np.ndarray, segment_ids: np.ndarray, num_segments: int | None, sorted: bool) -> np.ndarray:
    data, ids, count = _segments(data, segment_ids, num_segments)
    out = np.full((count, *data.shape[1:]), lowest(data.dtype), data.dtype)
    np.maximum.at(out, ids, data)
    return out
