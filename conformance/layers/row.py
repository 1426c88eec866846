"""What the table says about one configuration of a layer.

In the arguments of a call a NumPy array stands for a tensor, also inside lists and dicts; its first axis is the batch.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from kfront.core import tree

__all__ = ["Row", "arrays_of", "ids", "keep", "map_arrays", "row", "with_arrays", "x"]

BATCH = 3


@dataclasses.dataclass(frozen=True, eq=False)
class Row:
    """One configuration of a layer and one call of it.

    Attributes:
        layer: the public name.
        tag: tells the configurations of a layer apart.
        make: makes the layer, on the current backend and with the global dtype policy.
        args, kwargs: of the call.
        training: the `training` argument, None to leave it out.
        rtol: for float32 results, relative to the largest one.
        half: the same for float16 and bfloat16, 0 where the layer is not run in them.
        free: axes after the batch that may be unknown.
        random: whether the call draws random numbers.
        padded: "steps" if with padded and masked inputs each sample gives what it gives cut to its length, step by
            step; "last" if the output has no time axis; "" if the layer knows no masks.
        smooth: whether gradients are slopes; not where a call resets the weights that it then uses.
        shapes: whether `compute_output_shape` tells all outputs of this call.
        light: whether the row differs from another in what the tables of ops test as well: it is then run in float32
            only, and not compiled alone.
        reason: why a tolerance is loose, or something is left out.
    """

    layer: str
    tag: str
    make: Callable[[], Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    training: bool | None
    rtol: float
    half: float
    free: tuple[int, ...]
    random: bool
    padded: str
    smooth: bool
    shapes: bool
    light: bool
    reason: str

    @property
    def id(self) -> str:
        """A unique name."""
        return f"{self.layer}({self.tag})"

    @property
    def call(self) -> dict[str, Any]:
        """Keyword arguments of the call, `training` included."""
        return self.kwargs if self.training is None else {**self.kwargs, "training": self.training}


def row(
    layer: str,
    tag: str,
    make: Callable[[], Any],
    *args: Any,
    training: bool | None = None,
    rtol: float = 1e-5,
    half: float = 0.06,
    free: Sequence[int] = (),
    random: bool = False,
    padded: str = "",
    smooth: bool = True,
    shapes: bool = True,
    light: bool = False,
    reason: str = "",
    **kwargs: Any,
) -> Row:
    """A row; see `Row`.

    Raises:
        ValueError: for a loose tolerance, or something left out, without a reason.
    """
    if (rtol > 1e-4 or not half or half > 0.1 or not (shapes and smooth)) and not reason:
        raise ValueError(f"{layer}({tag}): expected a reason")
    free = tuple(free)
    return Row(
        layer, tag, make, args, kwargs, training, rtol, half, free, random, padded, smooth, shapes, light, reason
    )


# ---- arrays ----------------------------------------------------------------------------------------------------------


def _generator(shape: tuple[int, ...], seed: int) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(key=[hash(shape) & 0xFFFFFFFF, seed]))


def x(*shape: int, seed: int = 0, low: float = -1.5, high: float = 1.5) -> np.ndarray:
    """A batch of uniform floats of this shape per sample; the same for the same arguments."""
    shape = (BATCH, *shape)
    return _generator(shape, seed).uniform(low, high, shape).astype("float32")


def ids(*shape: int, below: int, seed: int = 0) -> np.ndarray:
    """A batch of integers from 0."""
    shape = (BATCH, *shape)
    return _generator(shape, seed + 100).integers(0, below, shape).astype("int32")


def keep(*shape: int, prefix: bool = False, seed: int = 0) -> np.ndarray:
    """A batch of masks (True: kept) with holes, or of prefixes of different lengths; each keeps the first position."""
    shape = (BATCH, *shape)
    if prefix:
        lengths = np.maximum(1, shape[1] - 2 * np.arange(BATCH))
        return np.broadcast_to(np.arange(shape[1]) < lengths[:, None], shape).copy()
    out = _generator(shape, seed + 200).random(shape) < 0.6
    out[..., 0] = True
    return out


# ---- nested arguments ------------------------------------------------------------------------------------------------


def map_arrays(fn: Callable[[np.ndarray], Any], value: Any) -> Any:
    """`value` with every array replaced by `fn(array)`."""
    return tree.map_structure(lambda v: fn(v) if isinstance(v, np.ndarray) else v, value)


def arrays_of(value: Any) -> list[np.ndarray]:
    """The arrays nested in `value`, in order."""
    return [v for v in tree.flatten(value) if isinstance(v, np.ndarray)]


def with_arrays(value: Any, new: Sequence[Any]) -> Any:
    """`value` with its arrays replaced one by one."""
    left: Iterator[Any] = iter(new)
    return map_arrays(lambda _: next(left), value)
