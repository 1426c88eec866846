"""Random initializers: normal, uniform, variance scaling and its named cases, orthogonal."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, Self, TypeAlias

import numpy as np

from kfront.core.dtypes import numpy_dtype
from kfront.core.errors import ShapeError
from kfront.core.mesh import Region
from kfront.core.options import above_zero, kept, normalisers, one_of
from kfront.core.typing import Config, Seed
from kfront.initializers.base import IntShape, RandomInitializer, plain_shape

Axes: TypeAlias = int | Sequence[int] | None

_TRUNCATED_STD = 0.87962566103423978  # standard deviation of a unit normal cut off at -2 and 2


_CHUNK = 1 << 16  # elements that are drawn at once of a value of which a part is wanted


class _Draw:
    """Numbers of a stream in the order of an array's elements, all of them or a part.

    Args:
        fill: method of the generator.
        jump: how many float32 numbers one step of Philox's counter gives, 0 if that varies.
    """

    def __init__(self, fill: str, jump: int = 0) -> None:
        self.fill, self.jump = fill, jump

    def __call__(
        self, rng: np.random.Generator, shape: tuple[int, ...], kind: type[np.floating], region: Region | None
    ) -> np.ndarray:
        """The numbers in the shape of the array, or of the part."""
        if region is None:
            return getattr(rng, self.fill)(shape, dtype=kind)
        out, end = np.empty(math.prod(region.local), kind), 0
        for start, values in self.chunks(rng, math.prod(shape), kind, region.span()):
            found = values[region.among(start, len(values))]
            out[end : end + len(found)], end = found, end + len(found)
        return out.reshape(region.local)

    def chunks(
        self, rng: np.random.Generator, total: int, kind: type[np.floating], span: tuple[int, int]
    ) -> Iterator[tuple[int, np.ndarray]]:
        """Pairs (position, numbers from there on) of all that lie in `span`, and perhaps others."""
        low, high = span
        start = low // _CHUNK * _CHUNK if self.jump else 0
        if start:
            rng.bit_generator.advance(start * np.dtype(kind).itemsize // (4 * self.jump))  # type: ignore[attr-defined]
        for at in range(start, high if self.jump else total, _CHUNK):
            yield at, getattr(rng, self.fill)(min(_CHUNK, total - at), dtype=kind)


_normal = _Draw("standard_normal")  # the ziggurat takes as many bits as it needs, so that all before have to be drawn
_uniform = _Draw("random", jump=8)


def _truncated(
    rng: np.random.Generator, shape: tuple[int, ...], kind: type[np.floating], region: Region | None
) -> np.ndarray:
    """Unit normal values within [-2, 2]: those outside are drawn again."""
    if region is not None:
        return _truncated_part(rng, kind, region)
    out = rng.standard_normal(math.prod(shape), dtype=kind)
    bad = np.flatnonzero(np.abs(out) > 2)
    while bad.size:
        again = rng.standard_normal(bad.size, dtype=kind)
        out[bad] = again
        bad = bad[np.abs(again) > 2]
    return out.reshape(shape)


def _truncated_part(rng: np.random.Generator, kind: type[np.floating], region: Region) -> np.ndarray:
    """Of those that are drawn again, the part's are known by their number among all of them."""
    out, end = np.empty(math.prod(region.local), kind), 0
    total, count = math.prod(region.shape), 0
    where, numbers = [], []  # of the part's: positions in `out`, numbers among all that are drawn again
    for start, values in _normal.chunks(rng, total, kind, (0, total)):
        mine, bad = region.among(start, len(values)), np.abs(values) > 2
        found = values[mine]
        out[end : end + len(found)] = found
        where.append(end + np.flatnonzero(bad[mine]))
        numbers.append(count + np.cumsum(bad)[mine & bad] - 1)
        end, count = end + len(found), count + int(bad.sum())
    places, among = np.concatenate(where), np.concatenate(numbers)
    while count:
        left, following, low = [], [], 0
        for start, values in _normal.chunks(rng, count, kind, (0, count)):
            bad = np.abs(values) > 2
            mine = (among >= start) & (among < start + len(values))
            at = among[mine] - start
            out[places[mine]] = values[at]
            left.append(places[mine][bad[at]])
            following.append(low + np.cumsum(bad)[at][bad[at]] - 1)
            low += int(bad.sum())
        places, among, count = np.concatenate(left), np.concatenate(following), low
    return out.reshape(region.local)


def _scaled(x: np.ndarray, factor: float, offset: float, dtype: str) -> np.ndarray:
    x *= x.dtype.type(factor)
    if offset:
        x += x.dtype.type(offset)
    return x.astype(numpy_dtype(dtype), copy=False)


class RandomNormal(RandomInitializer):
    """Normal values.

    Args:
        mean: their mean.
        stddev: their standard deviation.
        seed: int, SeedGenerator or None; with an int the values are the same at each call, on every backend.

    Example:

    >>> import kfront
    >>> tuple(kfront.initializers.RandomNormal(stddev=0.01, seed=1)((3, 4)).shape)
    (3, 4)
    """

    mean: float
    stddev: float
    _draw: ClassVar[Any] = _normal

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: Seed | Config = None) -> None:
        super().__init__(**self._kf_store(locals()))

    def part(self, shape: tuple[int, ...], dtype: str, region: Region | None) -> np.ndarray:
        """A part of the first value; all of it for None."""
        x = self._draw(self.generator(), shape, self.work_dtype(dtype), region)
        return _scaled(x, self.stddev, self.mean, dtype)


class TruncatedNormal(RandomNormal):
    """Normal values no farther than two standard deviations from the mean; those farther are drawn again.

    Args:
        mean: mean before truncation.
        stddev: standard deviation before truncation.
        seed: int, SeedGenerator or None; with an int the values are the same at each call, on every backend.

    Example:

    >>> import kfront
    >>> x = kfront.initializers.TruncatedNormal(stddev=1.0, seed=1)((1000,))
    >>> bool(kfront.ops.max(kfront.ops.abs(x)) <= 2)
    True
    """

    _draw = staticmethod(_truncated)


class RandomUniform(RandomInitializer):
    """Uniform values.

    Args:
        minval: lower bound, inclusive.
        maxval: upper bound, exclusive.
        seed: int, SeedGenerator or None; with an int the values are the same at each call, on every backend.

    Example:

    >>> import kfront
    >>> tuple(kfront.initializers.RandomUniform(-1, 1, seed=1)((3, 4)).shape)
    (3, 4)
    """

    minval: float
    maxval: float

    def __init__(self, minval: float = -0.05, maxval: float = 0.05, seed: Seed | Config = None) -> None:
        super().__init__(**self._kf_store(locals()))

    def part(self, shape: tuple[int, ...], dtype: str, region: Region | None) -> np.ndarray:
        """A part of the first value; all of it for None."""
        x = _uniform(self.generator(), shape, self.work_dtype(dtype), region)
        return _scaled(x, self.maxval - self.minval, self.minval, dtype)


def _axes(axes: int | Sequence[int], rank: int) -> tuple[int, ...]:
    return tuple(a % rank for a in ((axes,) if isinstance(axes, int) else axes))


def compute_fans(shape: tuple[int, ...], input_axes: Axes = None, output_axes: Axes = None) -> tuple[int, int]:
    """Numbers of inputs and outputs that one unit of a kernel is connected to.

    Args:
        shape: the kernel's; the last two axes are inputs and outputs by default, the others multiply both.
        input_axes: axes of the inputs; heeded when `output_axes` is given too.
        output_axes: axes of the outputs.
    """
    rank = len(shape)
    if rank == 0:
        return 1, 1
    if rank == 1:
        return shape[0], shape[0]
    if input_axes is None or output_axes is None:
        field = math.prod(shape[:-2])
        return shape[-2] * field, shape[-1] * field
    inputs, outputs = _axes(input_axes, rank), _axes(output_axes, rank)
    field = math.prod(d for i, d in enumerate(shape) if i not in inputs and i not in outputs)
    return math.prod(shape[i] for i in inputs) * field, math.prod(shape[i] for i in outputs) * field


class VarianceScaling(RandomInitializer):
    """Values whose variance is `scale` over the number of connections.

    Args:
        scale: a positive number.
        mode: which connections are counted: "fan_in", "fan_out" or "fan_avg" (their mean).
        distribution: "truncated_normal", "untruncated_normal" or "uniform".
        seed: int, SeedGenerator or None; with an int the values are the same at each call, on every backend.
        input_axes, output_axes: axes of the shape that count inputs and outputs (both or none); the last two if None.

    Raises:
        ArgumentError: for a scale that is not positive, or an unknown mode or distribution.

    Example:

    >>> import kfront
    >>> tuple(kfront.initializers.VarianceScaling(2.0, "fan_out", seed=1)((3, 4)).shape)
    (3, 4)
    """

    scale: float
    mode: str
    distribution: str
    input_axes: Axes
    output_axes: Axes
    _kf_normalise = normalisers(
        scale=above_zero,
        mode=one_of("fan_in", "fan_out", "fan_avg", case=str),
        distribution=one_of("truncated_normal", "untruncated_normal", "uniform", case=str),
    )

    def __init__(
        self,
        scale: float = 1.0,
        mode: str = "fan_in",
        distribution: str = "truncated_normal",
        seed: Seed | Config = None,
        input_axes: Axes = None,
        output_axes: Axes = None,
    ) -> None:
        super().__init__(seed)
        distribution = "truncated_normal" if distribution == "normal" else distribution
        self._kf_store(locals())

    def part(self, shape: tuple[int, ...], dtype: str, region: Region | None) -> np.ndarray:
        """A part of the first value; all of it for None."""
        fan_in, fan_out = compute_fans(shape, self.input_axes, self.output_axes)
        fan = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[self.mode]
        variance = self.scale / max(1.0, fan)
        rng, kind = self.generator(), self.work_dtype(dtype)
        if self.distribution == "uniform":
            limit = math.sqrt(3 * variance)
            return _scaled(_uniform(rng, shape, kind, region), 2 * limit, -limit, dtype)
        if self.distribution == "truncated_normal":
            return _scaled(_truncated(rng, shape, kind, region), math.sqrt(variance) / _TRUNCATED_STD, 0.0, dtype)
        return _scaled(_normal(rng, shape, kind, region), math.sqrt(variance), 0.0, dtype)

    def counting(self, input_axes: tuple[int, ...], output_axes: tuple[int, ...]) -> Self:
        """The same with these axes of inputs and outputs, unless it has both itself.

        Args:
            input_axes: axes of a kernel that count its inputs.
            output_axes: axes that count its outputs.
        """
        if self.input_axes is not None and self.output_axes is not None:
            return self
        found = copy.copy(self)
        found.input_axes, found.output_axes = input_axes, output_axes
        return found


class _NamedScaling(VarianceScaling):
    """A named case of VarianceScaling."""

    _kf_normalise = normalisers(scale=kept, mode=kept, distribution=kept)
    _case: tuple[float, str, str] = (1.0, "fan_in", "truncated_normal")

    def __init__(self, seed: Seed | Config = None, input_axes: Axes = None, output_axes: Axes = None) -> None:
        super().__init__(*self._case, seed, input_axes, output_axes)


class GlorotUniform(_NamedScaling):
    """Uniform values within ±sqrt(6 / (fan_in + fan_out)) (also called Xavier).

    Args:
        seed: int, SeedGenerator or None; with an int the values are the same at each call, on every backend.
        input_axes, output_axes: axes of the shape that count inputs and outputs (both or none); the last two if None.

    Reference: Glorot and Bengio, 2010, Understanding the difficulty of training deep feedforward neural networks.

    Example:

    >>> import kfront
    >>> tuple(kfront.initializers.GlorotUniform(seed=1)((3, 4)).shape)
    (3, 4)
    """

    _case = (1.0, "fan_avg", "uniform")


class GlorotNormal(_NamedScaling):
    """Truncated normal values of variance 2 / (fan_in + fan_out) (also called Xavier).

    Args:
        seed: int, SeedGenerator or None; with an int the values are the same at each call, on every backend.
        input_axes, output_axes: axes of the shape that count inputs and outputs (both or none); the last two if None.

    Reference: Glorot and Bengio, 2010, Understanding the difficulty of training deep feedforward neural networks.

    Example:

    >>> import kfront
    >>> tuple(kfront.initializers.GlorotNormal(seed=1)((3, 4)).shape)
    (3, 4)
    """

    _case = (1.0, "fan_avg", "truncated_normal")


class HeUniform(_NamedScaling):
    """Uniform values within ±sqrt(6 / fan_in), for layers before a ReLU.

    Args:
        seed: int, SeedGenerator or None; with an int the values are the same at each call, on every backend.
        input_axes, output_axes: axes of the shape that count inputs and outputs (both or none); the last two if None.

    Reference: He et al., 2015, arXiv:1502.01852.

    Example:

    >>> import kfront
    >>> tuple(kfront.initializers.HeUniform(seed=1)((3, 4)).shape)
    (3, 4)
    """

    _case = (2.0, "fan_in", "uniform")


class HeNormal(_NamedScaling):
    """Truncated normal values of variance 2 / fan_in, for layers before a ReLU.

    Args:
        seed: int, SeedGenerator or None; with an int the values are the same at each call, on every backend.
        input_axes, output_axes: axes of the shape that count inputs and outputs (both or none); the last two if None.

    Reference: He et al., 2015, arXiv:1502.01852.

    Example:

    >>> import kfront
    >>> tuple(kfront.initializers.HeNormal(seed=1)((3, 4)).shape)
    (3, 4)
    """

    _case = (2.0, "fan_in", "truncated_normal")


class LecunUniform(_NamedScaling):
    """Uniform values within ±sqrt(3 / fan_in).

    Args:
        seed: int, SeedGenerator or None; with an int the values are the same at each call, on every backend.
        input_axes, output_axes: axes of the shape that count inputs and outputs (both or none); the last two if None.

    Reference: LeCun et al., 1998, Efficient BackProp.

    Example:

    >>> import kfront
    >>> tuple(kfront.initializers.LecunUniform(seed=1)((3, 4)).shape)
    (3, 4)
    """

    _case = (1.0, "fan_in", "uniform")


class LecunNormal(_NamedScaling):
    """Truncated normal values of variance 1 / fan_in, for layers before a SELU.

    Args:
        seed: int, SeedGenerator or None; with an int the values are the same at each call, on every backend.
        input_axes, output_axes: axes of the shape that count inputs and outputs (both or none); the last two if None.

    Reference: LeCun et al., 1998, Efficient BackProp.

    Example:

    >>> import kfront
    >>> tuple(kfront.initializers.LecunNormal(seed=1)((3, 4)).shape)
    (3, 4)
    """

    _case = (1.0, "fan_in", "truncated_normal")


class Orthogonal(RandomInitializer):
    """An orthogonal matrix, times `gain`; for more axes the first ones together are its rows.

    Args:
        gain: factor.
        seed: int, SeedGenerator or None; with an int the values are the same at each call, on every backend.

    Raises:
        ShapeError: when called for a shape of rank below 2.

    Reference: Saxe et al., 2014, https://arxiv.org/abs/1312.6120.

    Example:

    >>> import kfront
    >>> q = kfront.initializers.Orthogonal(seed=1)((3, 3))
    >>> round(float(kfront.ops.matmul(q, kfront.ops.transpose(q))[0, 0]), 5)
    1.0
    """

    gain: float

    def __init__(self, gain: float = 1.0, seed: Seed | Config = None) -> None:
        super().__init__(**self._kf_store(locals()))

    def host(self, shape: IntShape, dtype: str) -> np.ndarray:
        """The first value as a NumPy array."""
        shape = plain_shape(shape)
        if len(shape) < 2:
            raise ShapeError(f"[Orthogonal] expected a shape of rank 2 or more, got {shape}; vectors have none.")
        self.work_dtype(dtype)
        rows, columns = math.prod(shape[:-1]), shape[-1]
        square = self.generator().standard_normal((max(rows, columns), min(rows, columns)))
        q, r = np.linalg.qr(square)
        q *= np.where(np.diag(r) < 0, -1.0, 1.0)  # makes the distribution uniform over orthogonal matrices
        if rows < columns:
            q = q.T
        return np.ascontiguousarray(q.reshape(shape) * self.gain).astype(numpy_dtype(dtype))
