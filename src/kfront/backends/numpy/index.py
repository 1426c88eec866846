"""Reading and writing by position: indexing, scattering, segments."""

from __future__ import annotations

import builtins
from typing import Any

import numpy as np

from kfront.backends.numpy.common import lowest

# ---- reading and writing ---------------------------------------------------------------------------------------------


def _integers(indices: Any) -> Any:
    return indices if indices.dtype.kind in "iu" else indices.astype(np.int64)


def take(x: Any, indices: Any, axis: Any = None) -> Any:
    return np.take(x, _integers(indices), axis)


def take_along_axis(x: Any, indices: Any, axis: Any = None) -> Any:
    return np.take_along_axis(x, _integers(indices), axis)


def get_item(x: Any, key: Any) -> Any:
    return x[key]


def slice(inputs: Any, start_indices: Any, shape: Any) -> Any:
    return inputs[_block(inputs, start_indices, shape)]


def _block(x: Any, starts: Any, sizes: Any) -> tuple[Any, ...]:
    """Index of a block; a start from which it would stick out is moved back, as XLA does."""
    out = []
    for n, start, size in zip(np.shape(x), starts, sizes, strict=True):
        start, size = int(start), int(size)
        if size == -1:
            size = n - start
        start = builtins.min(builtins.max(start, 0), n - size)
        out.append(builtins.slice(start, start + size))
    return tuple(out)


def slice_update(inputs: Any, start_indices: Any, updates: Any) -> Any:
    out = np.array(inputs)
    out[_block(inputs, start_indices, np.shape(updates))] = updates
    return out


def _coordinates(indices: Any) -> tuple[Any, ...]:
    return tuple(np.moveaxis(_integers(np.asarray(indices)), -1, 0))


def scatter(indices: Any, values: Any, shape: Any) -> Any:
    out = np.zeros(shape, values.dtype)
    np.add.at(out, _coordinates(indices), values)
    return out


_COMBINE = {"add": np.add, "max": np.maximum, "min": np.minimum, "mul": np.multiply}


def scatter_update(inputs: Any, indices: Any, updates: Any, reduction: str | None = None) -> Any:
    out = np.array(inputs)
    if reduction is None:
        out[_coordinates(indices)] = updates
    else:
        _COMBINE[reduction].at(out, _coordinates(indices), updates)
    return out


def nonzero(x: Any) -> Any:
    return tuple(i.astype(np.int32) for i in np.nonzero(x))


# ---- segments --------------------------------------------------------------------------------------------------------


def _segments(data: Any, ids: Any, count: Any) -> tuple[Any, Any, int]:
    count = int(np.max(ids, initial=-1)) + 1 if count is None else int(count)
    inside = (ids >= 0) & (ids < count)
    return data[inside], ids[inside], count


def segment_sum(data: Any, segment_ids: Any, num_segments: Any = None, sorted: bool = False) -> Any:
    data, ids, count = _segments(data, segment_ids, num_segments)
    out = np.zeros((count, *data.shape[1:]), data.dtype)
    np.add.at(out, ids, data)
    return out


def segment_max(data: Any, segment_ids: Any, num_segments: Any = None, sorted: bool = False) -> Any:
    data, ids, count = _segments(data, segment_ids, num_segments)
    out = np.full((count, *data.shape[1:]), lowest(data.dtype), data.dtype)
    np.maximum.at(out, ids, data)
    return out
