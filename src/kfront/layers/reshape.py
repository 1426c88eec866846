"""Layers that rearrange elements: reshaping, permuting, repeating, cropping, padding, upsampling."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Unpack

from kfront import ops
from kfront.core.errors import ArgumentError, ShapeError
from kfront.core.options import each_rank, normalisers, one_of, positive, with_defaults
from kfront.core.spec import Abstract, KerasTensor
from kfront.core.typing import LayerOptions, Shape, Tensor
from kfront.layers.base import InputSpec
from kfront.layers.options import IntOrInts, OptionLayer
from kfront.ops.primitives.shapes import dim


class Flatten(OptionLayer):
    """Puts all elements of a sample in one row.

    Args:
        data_format: with "channels_first" the channels are moved to the end before; the configured one if None.
        **kwargs: name, trainable, dtype.

    Input: tensor of shape (batch, ...). Output: tensor of shape (batch, n).

    Example:

    >>> import kfront
    >>> tuple(kfront.layers.Flatten()(kfront.ops.ones((2, 3, 4))).shape)
    (2, 12)
    """

    data_format: str

    def __init__(self, data_format: str | None = None, **kwargs: Unpack[LayerOptions]) -> None:
        super().__init__(**self._kf_store(locals()))
        self.input_spec = InputSpec(min_ndim=1)

    def call(self, inputs: Tensor) -> Tensor:
        """The layer's output, see the class."""
        rank = len(inputs.shape)
        if rank < 2:
            return ops.expand_dims(inputs, -1)
        if rank > 2 and self.data_format == "channels_first":
            inputs = ops.transpose(inputs, (0, *range(2, rank), 1))
        rest = tuple(inputs.shape[1:])
        return ops.reshape(inputs, (dim(inputs, 0), -1) if None in rest else (-1, math.prod(rest)))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """(batch, product of the others)."""
        return (input_shape[0], _product(input_shape[1:]))

    def compute_output_spec(self, inputs: KerasTensor) -> KerasTensor:
        """The spec of the output, in the dtype of the input."""
        return _spec(self.compute_output_shape(inputs.shape), inputs)


def _product(sizes: Shape) -> int | None:
    """The product of sizes; None if one is not known."""
    return math.prod([d for d in sizes if d is not None]) if None not in sizes else None


def _spec(shape: Shape, like: Tensor) -> Abstract:
    return Abstract(shape, like.dtype)


def _target_shape(layer: OptionLayer, name: str, value: Any) -> tuple[int, ...]:
    shape = (value,) if isinstance(value, int) else tuple(value)
    shape = tuple(-1 if d is None else d for d in shape)
    if any(not isinstance(d, int) or isinstance(d, bool) or d < -1 for d in shape) or shape.count(-1) > 1:
        raise ArgumentError(
            f"[{type(layer).__name__}] expected `target_shape` to be a sequence of ints >= 0 with at most one -1, got "
            f"{value!r}."
        )
    return shape


class Reshape(OptionLayer):
    """Gives every sample another shape.

    Args:
        target_shape: shape without the batch; one entry may be -1 and is worked out.
        **kwargs: name, trainable, dtype.

    Input: tensor of shape (batch, ...). Output: tensor of shape (batch, *target_shape).

    Raises:
        ArgumentError: if `target_shape` is not a sequence of ints with at most one -1.
        ShapeError: if the numbers of elements differ.

    Example:

    >>> import kfront
    >>> tuple(kfront.layers.Reshape((-1, 2))(kfront.ops.ones((2, 3, 4))).shape)
    (2, 6, 2)
    """

    _kf_normalise = normalisers(target_shape=_target_shape)
    target_shape: tuple[int, ...]

    def __init__(self, target_shape: IntOrInts, **kwargs: Unpack[LayerOptions]) -> None:
        super().__init__(**self._kf_store(locals()))
        self._kf_built_when_made()

    def call(self, inputs: Tensor) -> Tensor:
        """The layer's output, see the class."""
        rest = tuple(inputs.shape[1:])
        if None not in rest:
            return ops.reshape(inputs, (-1, *self._resolved(inputs.shape)))
        return ops.reshape(inputs, (dim(inputs, 0), *self.target_shape))

    def _resolved(self, input_shape: Shape) -> Shape:
        """The target shape with its -1 worked out, where the input's sizes are known."""
        target, have = self.target_shape, _product(input_shape[1:])
        if have is None:
            return tuple(None if d == -1 else d for d in target)
        fixed = math.prod([d for d in target if d != -1])
        if (have != fixed) if -1 not in target else (fixed == 0 or have % fixed):
            raise ShapeError(
                f"[{self.name}] expected samples of {fixed if -1 not in target else f'a multiple of {fixed}'} elements "
                f"for target shape {target}, got input shape {tuple(input_shape)} with {have}."
            )
        return tuple(have // fixed if d == -1 else d for d in target)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """(batch, *target_shape)."""
        return (input_shape[0], *self._resolved(input_shape))

    def compute_output_spec(self, inputs: KerasTensor) -> KerasTensor:
        """The spec of the output, in the dtype of the input."""
        return _spec(self.compute_output_shape(inputs.shape), inputs)


def _permutation(layer: OptionLayer, name: str, value: Any) -> tuple[int, ...]:
    dims = tuple(value)
    if sorted(dims) != list(range(1, len(dims) + 1)):
        raise ArgumentError(
            f"[{type(layer).__name__}] expected `dims` to hold 1 to {len(dims)} once each, got {value!r}."
        )
    return dims


class Permute(OptionLayer):
    """Reorders the axes of every sample.

    Args:
        dims: for each axis of the output the axis of the input it comes from, counted from 1 (the batch is 0).
        **kwargs: name, trainable, dtype.

    Input: tensor of shape (batch, ...). Output: tensor of the same rank, with its axes in the order of `dims`.

    Raises:
        ArgumentError: if `dims` are not the numbers from 1 on in some order.

    Example:

    >>> import kfront
    >>> tuple(kfront.layers.Permute((2, 1))(kfront.ops.ones((2, 3, 4))).shape)
    (2, 4, 3)
    """

    _kf_normalise = normalisers(dims=_permutation)
    dims: tuple[int, ...]

    def __init__(self, dims: Sequence[int], **kwargs: Unpack[LayerOptions]) -> None:
        super().__init__(**self._kf_store(locals()))
        self.input_spec = InputSpec(ndim=len(self.dims) + 1)

    def call(self, inputs: Tensor) -> Tensor:
        """The layer's output, see the class."""
        return ops.transpose(inputs, (0, *self.dims))


class RepeatVector(OptionLayer):
    """Repeats every sample along a new time axis.

    Args:
        n: number of repetitions.
        **kwargs: name, trainable, dtype.

    Input: tensor of shape (batch, features). Output: tensor of shape (batch, n, features).

    Example:

    >>> import kfront
    >>> tuple(kfront.layers.RepeatVector(4)(kfront.ops.ones((2, 3))).shape)
    (2, 4, 3)
    """

    _kf_normalise = normalisers(n=positive)
    n: int

    def __init__(self, n: int, **kwargs: Unpack[LayerOptions]) -> None:
        super().__init__(**self._kf_store(locals()))
        self.input_spec = InputSpec(ndim=2)

    def call(self, inputs: Tensor) -> Tensor:
        """The layer's output, see the class."""
        return ops.repeat(ops.expand_dims(inputs, 1), self.n, axis=1)


# ---- cropping and padding --------------------------------------------------------------------------------------------


def _pairs(layer: _Edges, name: str, value: object) -> tuple[Any, ...]:
    """An int, one number or pair per axis (for one axis: a pair) as a pair for each axis; the pair itself for one."""
    n = layer.rank
    form = "2 ints" if n == 1 else f"{n} ints or pairs of ints"
    wrong = ArgumentError(f"[{type(layer).__name__}] expected `{name}` to be an int, or {form} >= 0, got {value!r}.")
    items = (value,) * n if isinstance(value, int) or n == 1 else value
    if not isinstance(items, (list, tuple)) or len(items) != n:
        raise wrong
    out = []
    for item in items:
        pair = (item, item) if isinstance(item, int) else item
        if (
            not isinstance(pair, (list, tuple))
            or len(pair) != 2
            or not all(isinstance(v, int) and v >= 0 for v in pair)
        ):
            raise wrong
        out.append((int(pair[0]), int(pair[1])))
    return out[0] if n == 1 else tuple(out)


class _Edges(OptionLayer):
    """Base of layers that act on the ends of the spatial axes."""

    _kf_normalise = normalisers(cropping=_pairs, padding=_pairs)
    rank = 0
    data_format = "channels_last"
    _edges: tuple[tuple[int, int], ...]

    def _set_edges(self, pairs: object) -> None:
        self.__dict__["_edges"] = (pairs,) if self.rank == 1 else pairs
        self.input_spec = InputSpec(ndim=self.rank + 2)

    def _first(self) -> int:
        return 1 if self.data_format == "channels_last" else 2

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """The input's shape with other lengths of the spatial axes."""
        out, first = list(input_shape), self._first()
        for axis, (a, b) in enumerate(self._edges, first):
            size = out[axis]
            out[axis] = None if size is None else self._length(input_shape, size, a + b)
        return tuple(out)

    def _length(self, input_shape: Shape, n: int, edges: int) -> int:
        raise NotImplementedError

    def compute_output_spec(self, inputs: KerasTensor) -> KerasTensor:
        """The spec of the output, in the dtype of the input."""
        return _spec(self.compute_output_shape(inputs.shape), inputs)


class BaseCropping(_Edges):
    """Cropping, of any rank."""

    cropping: tuple[Any, ...]

    def __init__(
        self,
        cropping: IntOrInts | Sequence[Sequence[int]] = 1,
        data_format: str | None = None,
        **kwargs: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**self._kf_store(locals()))
        self._set_edges(self.cropping)

    def _length(self, input_shape: Shape, n: int, edges: int) -> int:
        if n <= edges:
            raise ShapeError(
                f"[{self.name}] expected inputs longer than the {edges} elements that are cropped, got shape "
                f"{tuple(input_shape)}, cropping {self._edges}."
            )
        return n - edges

    def call(self, inputs: Tensor) -> Tensor:
        """The layer's output, see the class."""
        self.compute_output_shape(tuple(inputs.shape))
        keep = [slice(None)] * self._first()
        keep += [slice(a, -b if b else None) for a, b in self._edges]
        return ops.get_item(inputs, tuple(keep))


class BaseZeroPadding(_Edges):
    """Zero padding, of any rank."""

    padding: tuple[Any, ...]

    def __init__(
        self,
        padding: IntOrInts | Sequence[Sequence[int]] = 1,
        data_format: str | None = None,
        **kwargs: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**self._kf_store(locals()))
        self._set_edges(self.padding)

    def _length(self, input_shape: Shape, n: int, edges: int) -> int:
        return n + edges

    def call(self, inputs: Tensor) -> Tensor:
        """The layer's output, see the class."""
        widths = [(0, 0)] * (self.rank + 2)
        widths[self._first() : self._first() + self.rank] = self._edges
        return ops.pad(inputs, tuple(widths))


class Cropping1D(BaseCropping):
    """Cuts elements from the ends of the length of every sample.

    Args:
        cropping: int: so many at either end; a pair for the two ends.
        **kwargs: name, trainable, dtype.

    Input: tensor with a batch, 1 spatial axis and channels. Output: tensor of the same rank, with other lengths of
    the spatial axes.

    Raises:
        ArgumentError: if `cropping` has another form, or a number is negative.

    Example:

    >>> import kfront
    >>> layer = kfront.layers.Cropping1D((1, 2))
    >>> tuple(layer(kfront.ops.ones((2, 7, 3))).shape)
    (2, 4, 3)
    """

    rank = 1
    _kf_normalise = normalisers(data_format=None)

    def __init__(self, cropping: IntOrInts | Sequence[Sequence[int]] = (1, 1), **kwargs: Unpack[LayerOptions]) -> None:
        super().__init__(cropping, "channels_last", **kwargs)


class Cropping2D(BaseCropping):
    """Cuts elements from the ends of the height and width of every sample.

    Args:
        cropping: int: so many at either end; 2 ints or pairs, one for each axis.
        data_format: "channels_last" or "channels_first"; the configured one if None.
        **kwargs: name, trainable, dtype.

    Input: tensor with a batch, 2 spatial axes and channels. Output: tensor of the same rank, with other lengths of
    the spatial axes.

    Raises:
        ArgumentError: if `cropping` has another form, or a number is negative.

    Example:

    >>> import kfront
    >>> layer = kfront.layers.Cropping2D(1)
    >>> tuple(layer(kfront.ops.ones((2, 7, 8, 3))).shape)
    (2, 5, 6, 3)
    """

    rank = 2
    __init__ = with_defaults(BaseCropping.__init__, cropping=((0, 0), (0, 0)))


class Cropping3D(BaseCropping):
    """Cuts elements from the ends of the depth, height and width of every sample.

    Args:
        cropping: int: so many at either end; 3 ints or pairs, one for each axis.
        data_format: "channels_last" or "channels_first"; the configured one if None.
        **kwargs: name, trainable, dtype.

    Input: tensor with a batch, 3 spatial axes and channels. Output: tensor of the same rank, with other lengths of
    the spatial axes.

    Raises:
        ArgumentError: if `cropping` has another form, or a number is negative.

    Example:

    >>> import kfront
    >>> layer = kfront.layers.Cropping3D(1)
    >>> tuple(layer(kfront.ops.ones((2, 7, 8, 9, 3))).shape)
    (2, 5, 6, 7, 3)
    """

    rank = 3
    __init__ = with_defaults(BaseCropping.__init__, cropping=((1, 1), (1, 1), (1, 1)))


class ZeroPadding1D(BaseZeroPadding):
    """Puts zeros at the ends of the length of every sample.

    Args:
        padding: int: so many at either end; a pair for the two ends.
        data_format: "channels_last" or "channels_first"; the configured one if None.
        **kwargs: name, trainable, dtype.

    Input: tensor with a batch, 1 spatial axis and channels. Output: tensor of the same rank, with other lengths of
    the spatial axes.

    Raises:
        ArgumentError: if `padding` has another form, or a number is negative.

    Example:

    >>> import kfront
    >>> layer = kfront.layers.ZeroPadding1D((1, 2))
    >>> tuple(layer(kfront.ops.ones((2, 4, 3))).shape)
    (2, 7, 3)
    """

    rank = 1


class ZeroPadding2D(BaseZeroPadding):
    """Puts zeros at the ends of the height and width of every sample.

    Args:
        padding: int: so many at either end; 2 ints or pairs, one for each axis.
        data_format: "channels_last" or "channels_first"; the configured one if None.
        **kwargs: name, trainable, dtype.

    Input: tensor with a batch, 2 spatial axes and channels. Output: tensor of the same rank, with other lengths of
    the spatial axes.

    Raises:
        ArgumentError: if `padding` has another form, or a number is negative.

    Example:

    >>> import kfront
    >>> layer = kfront.layers.ZeroPadding2D(1)
    >>> tuple(layer(kfront.ops.ones((2, 5, 6, 3))).shape)
    (2, 7, 8, 3)
    """

    rank = 2
    __init__ = with_defaults(BaseZeroPadding.__init__, padding=(1, 1))


class ZeroPadding3D(BaseZeroPadding):
    """Puts zeros at the ends of the depth, height and width of every sample.

    Args:
        padding: int: so many at either end; 3 ints or pairs, one for each axis.
        data_format: "channels_last" or "channels_first"; the configured one if None.
        **kwargs: name, trainable, dtype.

    Input: tensor with a batch, 3 spatial axes and channels. Output: tensor of the same rank, with other lengths of
    the spatial axes.

    Raises:
        ArgumentError: if `padding` has another form, or a number is negative.

    Example:

    >>> import kfront
    >>> layer = kfront.layers.ZeroPadding3D(1)
    >>> tuple(layer(kfront.ops.ones((2, 5, 6, 7, 3))).shape)
    (2, 7, 8, 9, 3)
    """

    rank = 3
    __init__ = with_defaults(BaseZeroPadding.__init__, padding=((1, 1), (1, 1), (1, 1)))


# ---- upsampling ------------------------------------------------------------------------------------------------------


class _UpSampling(OptionLayer):
    """Repeats elements along the spatial axes."""

    _kf_normalise = normalisers(
        size=each_rank, interpolation=one_of("nearest", "bilinear", "bicubic", "lanczos3", "lanczos5")
    )
    rank = 0
    data_format = "channels_last"
    size: int | tuple[int, ...]

    def _factors(self) -> tuple[int, ...]:
        return (self.size,) if isinstance(self.size, int) else self.size

    def call(self, inputs: Tensor) -> Tensor:
        """The layer's output, see the class."""
        first = 1 if self.data_format == "channels_last" else 2
        for axis, factor in enumerate(self._factors(), first):
            if factor > 1:
                inputs = ops.repeat(inputs, factor, axis=axis)
        return inputs

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """The input's shape with spatial axes `size` times as long."""
        out, first = list(input_shape), 1 if self.data_format == "channels_last" else 2
        for axis, factor in enumerate(self._factors(), first):
            size = out[axis]
            out[axis] = None if size is None else size * factor
        return tuple(out)

    def compute_output_spec(self, inputs: KerasTensor) -> KerasTensor:
        """The spec of the output, in the dtype of the input."""
        return _spec(self.compute_output_shape(inputs.shape), inputs)


class UpSampling1D(_UpSampling):
    """Repeats every time step.

    Args:
        size: number of repetitions.
        **kwargs: name, trainable, dtype.

    Input: tensor of shape (batch, time, features). Output: tensor of shape (batch, size * time, features).

    Raises:
        ArgumentError: if `size` is not a positive int.

    Example:

    >>> import kfront
    >>> tuple(kfront.layers.UpSampling1D(3)(kfront.ops.ones((2, 4, 5))).shape)
    (2, 12, 5)
    """

    _kf_normalise = normalisers(size=positive)
    rank = 1

    def __init__(self, size: int = 2, **kwargs: Unpack[LayerOptions]) -> None:
        super().__init__(**self._kf_store(locals()))
        self.input_spec = InputSpec(ndim=3)


class UpSampling2D(_UpSampling):
    """Makes images larger by whole factors.

    Args:
        size: int or 2 of them: factors of height and width.
        data_format: "channels_last" or "channels_first"; the configured one if None.
        interpolation: "nearest" repeats elements; "bilinear", "bicubic", "lanczos3", "lanczos5" resize.
        **kwargs: name, trainable, dtype.

    Input: tensor of rank 4 in the layout of `data_format`. Output: the same with height and width times `size`.

    Raises:
        ArgumentError: if an option is not allowed.

    Example:

    >>> import kfront
    >>> tuple(kfront.layers.UpSampling2D(2)(kfront.ops.ones((1, 3, 4, 5))).shape)
    (1, 6, 8, 5)
    """

    rank = 2
    size: tuple[int, ...]
    interpolation: str

    def __init__(
        self,
        size: IntOrInts = (2, 2),
        data_format: str | None = None,
        interpolation: str = "nearest",
        **kwargs: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**self._kf_store(locals()))
        self.input_spec = InputSpec(ndim=4)

    def call(self, inputs: Tensor) -> Tensor:
        """The layer's output, see the class."""
        if self.interpolation == "nearest":
            return super().call(inputs)
        sizes = ops.shape(inputs)
        first = 1 if self.data_format == "channels_last" else 2
        wanted = tuple(n * f for n, f in zip(sizes[first : first + 2], self.size, strict=True))
        return ops.image.resize(inputs, wanted, interpolation=self.interpolation, data_format=self.data_format)


class UpSampling3D(_UpSampling):
    """Makes volumes larger by whole factors, repeating elements.

    Args:
        size: int or 3 of them: factors of depth, height and width.
        data_format: "channels_last" or "channels_first"; the configured one if None.
        **kwargs: name, trainable, dtype.

    Input: tensor of rank 5 in the layout of `data_format`. Output: the same with depth, height and width times `size`.

    Raises:
        ArgumentError: if an option is not allowed.

    Example:

    >>> import kfront
    >>> tuple(kfront.layers.UpSampling3D(2)(kfront.ops.ones((1, 2, 3, 4, 5))).shape)
    (1, 4, 6, 8, 5)
    """

    rank = 3

    def __init__(
        self, size: IntOrInts = (2, 2, 2), data_format: str | None = None, **kwargs: Unpack[LayerOptions]
    ) -> None:
        super().__init__(**self._kf_store(locals()))
        self.input_spec = InputSpec(ndim=5)
