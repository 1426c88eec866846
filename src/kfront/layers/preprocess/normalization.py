"""Normalization: features with mean 0 and variance 1, from what `adapt` has seen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Unpack

import numpy as np

from kfront import ops
from kfront.core.errors import ArgumentError, ArgumentTypeError, DataError, ShapeError
from kfront.core.options import normalisers, plain
from kfront.core.typing import Axis, Config, LayerOptions, Shape, Tensor, VariableLike
from kfront.layers.options import known_axis
from kfront.layers.preprocess.adapting import host_batches
from kfront.layers.preprocess.data_layer import DataLayer

_EPSILON = 1e-7  # least standard deviation


def _axes(layer: Normalization, name: str, axis: Axis) -> tuple[int, ...]:
    return () if axis is None else tuple(axis) if isinstance(axis, Sequence) else (axis,)


class Normalization(DataLayer):
    """Shift and scale features to mean 0 and variance 1: `(x - mean) / sqrt(variance)`.

    Mean and variance are given, or learned from data by `adapt`; learned ones are weights that no optimizer changes.

    Args:
        axis: int, tuple of ints or None: the axes whose positions have a mean and variance of their own; None for one
            mean and variance of all.
        mean: the mean(s), to be given together with `variance`; broadcast to the kept axes.
        variance: the variance(s).
        invert: whether to undo the normalization instead.
        **kwargs: name, trainable, dtype.

    Input: tensor of numbers of any shape. Output: floating tensor of that shape.

    Raises:
        ArgumentError: only one of `mean` and `variance` is given.

    Example:

    >>> import numpy as np, kfront
    >>> layer = kfront.layers.Normalization()
    >>> layer.adapt(np.array([[0.0, 7.0], [2.0, 9.0]], "float32"))
    >>> kfront.ops.convert_to_numpy(layer(np.array([[1.0, 9.0]], "float32"))).tolist()
    [[0.0, 1.0]]
    """

    _kf_normalise = normalisers(axis=_axes, mean=None, variance=None)
    axis: tuple[int, ...]
    invert: bool
    adapt_mean: Any = None
    adapt_variance: Any = None
    count: VariableLike | None = None
    _kept_axes: tuple[int, ...]
    _given: tuple[np.ndarray, np.ndarray]
    input_mean: Any
    input_variance: Any

    def __init__(
        self,
        axis: object = -1,
        mean: object = None,
        variance: object = None,
        invert: bool = False,
        **kwargs: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**kwargs)
        if (mean is None) != (variance is None):
            raise ArgumentError(
                f"[Normalization] expected `mean` and `variance` together, got mean={mean!r}, variance={variance!r}."
            )
        self._kf_store(locals())
        self.__dict__["input_mean"], self.__dict__["input_variance"] = mean, variance
        self.supports_masking = True
        self._shape: tuple[int, ...] = ()

    def build(self, input_shape: Shape) -> None:
        """Create the weights for the kept axes, or spread the given mean and variance over them."""
        rank = len(input_shape)
        if any(not -rank <= a < rank for a in self.axis):
            raise ShapeError(f"[{self.name}] expected inputs with the axes {self.axis}, got shape {input_shape}.")
        kept = sorted({a % rank for a in self.axis})
        unknown = [a for a in kept if input_shape[a] is None]
        if unknown:
            raise ShapeError(
                f"[{self.name}] expected known sizes of the axes {kept}, got shape {tuple(input_shape)}; give them in "
                "Input(shape=...), or choose another `axis`."
            )
        sizes = tuple(known_axis(self.name, input_shape, a) for a in kept)
        self.__dict__["_kept_axes"] = tuple(kept)
        self.__dict__["_shape"] = tuple(input_shape[a] if a in kept else 1 for a in range(rank))
        if self.input_mean is None:
            make = lambda n, i, s=sizes, d=None: self.add_weight(s, i, name=n, trainable=False, dtype=d)  # noqa: E731
            self.adapt_mean, self.adapt_variance = make("mean", "zeros"), make("variance", "ones")
            self.count = make("count", "zeros", (), "int32")
            return
        try:
            given = [np.broadcast_to(np.asarray(v, "float32"), sizes) for v in (self.input_mean, self.input_variance)]
        except ValueError:
            raise ShapeError(
                f"[{self.name}] expected `mean` and `variance` that broadcast to {sizes}, the sizes of the axes {kept} "
                f"of the inputs, got shapes {np.shape(self.input_mean)} and {np.shape(self.input_variance)}."
            ) from None
        self.__dict__["_given"] = tuple(v.reshape(self._shape) for v in given)

    def adapt(self, data: object) -> None:
        """Learn mean and variance; what was learned before is forgotten.

        Args:
            data: an array of shape (batch, ...), or a data set, iterable or list of such batches; of batches (x, y) the
                first is taken.

        Raises:
            ArgumentError: mean and variance were given.
            DataError: there are no data.
            ShapeError: the data do not fit the shape that the layer was built for.
        """
        if self.input_mean is not None:
            raise ArgumentError("[Normalization] expected no `adapt`: mean and variance were given when it was made.")
        total, mean, square = 0, np.zeros(()), np.zeros(())
        for batch in host_batches(_features(data), self.name):
            if not batch.ndim or batch.dtype.kind in "OSU":
                raise ArgumentTypeError(f"[{self.name}] expected arrays of numbers to adapt to, got {batch.item(0)!r}.")
            if not batch.size:
                continue
            if not self.built:
                self.build(batch.shape)
            shape = [d for a, d in enumerate(self._shape) if a in self._kept_axes]
            if batch.ndim != len(self._shape) or [batch.shape[a] for a in self._kept_axes] != shape:
                raise ShapeError(
                    f"[{self.name}] expected data with the sizes {shape} on the axes {list(self._kept_axes)} of "
                    f"{len(self._shape)}, got shape {batch.shape}."
                )
            others = tuple(a for a in range(batch.ndim) if a not in self._kept_axes)
            # two pairs of moments are merged as in Chan, Golub, LeVeque (1979), "Updating formulae"
            batch = batch.astype("float64")
            number = int(np.prod([batch.shape[a] for a in others])) if others else 1
            own = batch.mean(others)
            total += number
            step = (own - mean) * (number / total)
            square = square + ((batch - own.reshape(self._shape)) ** 2).sum(others)
            square = square + (own - mean) * step * (total - number)
            mean = mean + step
        if not total:
            raise DataError(f"[{self.name}] expected at least one batch to adapt to, got none.")
        self.adapt_mean.assign(mean.astype("float32"))
        self.adapt_variance.assign((square / total).astype("float32"))

    def finalize_state(self) -> None:
        """Nothing to do: a call reads the weights."""

    @property
    def mean(self) -> Any:
        """The mean in the shape that broadcasts against inputs; None before the layer is built."""
        return self._kf_backend.convert(self._moments()[0]) if self.built else None

    @property
    def variance(self) -> Any:
        """The variance in the shape that broadcasts against inputs; None before the layer is built."""
        return self._kf_backend.convert(self._moments()[1]) if self.built else None

    def _moments(self) -> tuple[object, object]:
        if self.input_mean is not None:
            return self._given
        return ops.reshape(self.adapt_mean, self._shape), ops.reshape(self.adapt_variance, self._shape)

    def call(self, inputs: Tensor) -> Tensor:
        """The normalized inputs."""
        dtype = self.compute_dtype
        mean, variance = (ops.cast(ops.convert_to_tensor(m), dtype) for m in self._moments())
        deviation = ops.maximum(ops.sqrt(variance), _EPSILON)
        x = ops.cast(inputs, dtype)
        return (
            ops.add(mean, ops.multiply(x, deviation)) if self.invert else ops.divide(ops.subtract(x, mean), deviation)
        )

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """That of the inputs."""
        return tuple(input_shape)

    def get_config(self) -> Config:
        """Constructor arguments."""
        return {**super().get_config(), "mean": plain(self.input_mean), "variance": plain(self.input_variance)}


def _features(data: Any) -> Any:
    """Data that give one array for each batch: x of pairs (x, y), and lists of batches one by one."""
    if hasattr(data, "shape") or hasattr(data, "to_numpy") or isinstance(data, (str, bytes)):
        return data
    if isinstance(data, (list, tuple)):
        batches = all(getattr(x[0] if isinstance(x, tuple) and x else x, "shape", ()) for x in data)
        return _features(iter(data)) if batches else data
    batches = data
    if hasattr(data, "as_numpy_iterator"):
        batches = data.as_numpy_iterator()
    elif hasattr(data, "num_batches") and hasattr(data, "__getitem__"):
        batches = (data[i] for i in range(data.num_batches))
    return (b[0] if isinstance(b, (tuple, list)) and hasattr(b[0], "shape") else b for b in batches)
