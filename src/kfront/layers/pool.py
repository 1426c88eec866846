"""Pooling layers, over windows and over whole axes, each written once for all ranks."""

from __future__ import annotations

from typing import Any, Unpack

from kfront import ops
from kfront.core import shapes_nn
from kfront.core.errors import ShapeError
from kfront.core.options import each_rank, normalisers, one_of, with_defaults
from kfront.core.spec import Abstract
from kfront.core.typing import LayerOptions, Shape, Tensor, UnnamedOptions
from kfront.layers.base import InputSpec
from kfront.layers.options import IntOrInts, OptionLayer
from kfront.ops.convolution import adaptive_average_pool, adaptive_max_pool
from kfront.ops.primitives.dtypes import dtype_of
from kfront.ops.primitives.nn import average_pool, max_pool

# ---- windows ---------------------------------------------------------------------------------------------------------


class BasePooling(OptionLayer):
    """Pooling over windows, of any rank."""

    _kf_normalise = normalisers(
        padding=one_of("valid", "same"),
        strides=lambda layer, name, value: layer.pool_size if value is None else each_rank(layer, name, value),
    )
    pool_size: tuple[int, ...]
    strides: tuple[int, ...]
    padding: str
    data_format: str
    rank = 0
    _pool: Any = None

    def __init__(
        self,
        pool_size: IntOrInts,
        strides: IntOrInts | None = None,
        padding: str = "valid",
        data_format: str | None = None,
        name: str | None = None,
        **kwargs: Unpack[UnnamedOptions],
    ) -> None:
        super().__init__(**self._kf_store(locals()))
        self.input_spec = InputSpec(ndim=self.rank + 2)
        self._kf_built_when_made()

    def call(self, inputs: Tensor) -> Tensor:
        """The layer's output, see the class."""
        return self._pool(inputs, self.pool_size, self.strides, self.padding, self.data_format)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """The input's shape with the places that the window takes."""
        try:
            spec = Abstract(tuple(input_shape), "float32")
            return shapes_nn.pool(spec, self.pool_size, self.strides, self.padding, self.data_format)
        except ShapeError as error:
            raise ShapeError(
                f"[{self.name}] {str(error).rstrip('.')}, with pool_size {self.pool_size}, strides {self.strides} and "
                f"padding {self.padding!r}; use larger inputs, a smaller window or padding='same'."
            ) from None


class BaseMaxPooling(BasePooling):
    """Pooling by the largest value, of any rank."""

    _pool = staticmethod(max_pool)

    def __init__(
        self,
        pool_size: IntOrInts = 2,
        strides: IntOrInts | None = None,
        padding: str = "valid",
        data_format: str | None = None,
        name: str | None = None,
        **kwargs: Unpack[UnnamedOptions],
    ) -> None:
        super().__init__(pool_size, strides, padding, data_format, name, **kwargs)


class MaxPooling1D(BaseMaxPooling):
    """Largest value of each window over 1 spatial axis.

    Args:
        pool_size: int or 1 of them: size of the window.
        strides: int or 1 of them: step of the window; `pool_size` if None.
        padding: "valid" (none) or "same" (padded places do not count).
        data_format: "channels_last" (batch, length, channels) or "channels_first" (batch, channels, length); the
            configured one if None.
        **kwargs: name, trainable, dtype.

    Input: tensor of rank 3 in the layout of `data_format`. Output: tensor of the same rank, with a number for each
    window.

    Raises:
        ArgumentError: if an option is not allowed.
        ShapeError: if inputs do not fit.

    Example:

    >>> import kfront
    >>> layer = kfront.layers.MaxPooling1D(2)
    >>> tuple(layer(kfront.ops.ones((2, 6, 3))).shape)
    (2, 3, 3)
    """

    rank = 1


class MaxPooling2D(BaseMaxPooling):
    """Largest value of each window over 2 spatial axes.

    Args:
        pool_size: int or 2 of them: size of the window.
        strides: int or 2 of them: step of the window; `pool_size` if None.
        padding: "valid" (none) or "same" (padded places do not count).
        data_format: "channels_last" (batch, height, width, channels) or "channels_first" (batch, channels, height,
            width); the configured one if None.
        **kwargs: name, trainable, dtype.

    Input: tensor of rank 4 in the layout of `data_format`. Output: tensor of the same rank, with a number for each
    window.

    Raises:
        ArgumentError: if an option is not allowed.
        ShapeError: if inputs do not fit.

    Example:

    >>> import kfront
    >>> layer = kfront.layers.MaxPooling2D(2)
    >>> tuple(layer(kfront.ops.ones((2, 6, 6, 3))).shape)
    (2, 3, 3, 3)
    """

    rank = 2
    __init__ = with_defaults(BaseMaxPooling.__init__, pool_size=(2, 2))


class MaxPooling3D(BaseMaxPooling):
    """Largest value of each window over 3 spatial axes.

    Args:
        pool_size: int or 3 of them: size of the window.
        strides: int or 3 of them: step of the window; `pool_size` if None.
        padding: "valid" (none) or "same" (padded places do not count).
        data_format: "channels_last" (batch, depth, height, width, channels) or "channels_first" (batch, channels,
            depth, height, width); the configured one if None.
        **kwargs: name, trainable, dtype.

    Input: tensor of rank 5 in the layout of `data_format`. Output: tensor of the same rank, with a number for each
    window.

    Raises:
        ArgumentError: if an option is not allowed.
        ShapeError: if inputs do not fit.

    Example:

    >>> import kfront
    >>> layer = kfront.layers.MaxPooling3D(2)
    >>> tuple(layer(kfront.ops.ones((2, 6, 6, 6, 3))).shape)
    (2, 3, 3, 3, 3)
    """

    rank = 3
    __init__ = with_defaults(BaseMaxPooling.__init__, pool_size=(2, 2, 2))


class AveragePooling1D(BasePooling):
    """Mean of each window over 1 spatial axis.

    Args:
        pool_size: int or 1 of them: size of the window.
        strides: int or 1 of them: step of the window; `pool_size` if None.
        padding: "valid" (none) or "same" (padded places do not count).
        data_format: "channels_last" (batch, length, channels) or "channels_first" (batch, channels, length); the
            configured one if None.
        **kwargs: name, trainable, dtype.

    Input: tensor of rank 3 in the layout of `data_format`. Output: tensor of the same rank, with a number for each
    window.

    Raises:
        ArgumentError: if an option is not allowed.
        ShapeError: if inputs do not fit.

    Example:

    >>> import kfront
    >>> layer = kfront.layers.AveragePooling1D(2)
    >>> tuple(layer(kfront.ops.ones((2, 6, 3))).shape)
    (2, 3, 3)
    """

    rank = 1
    _pool = staticmethod(average_pool)


class AveragePooling2D(BasePooling):
    """Mean of each window over 2 spatial axes.

    Args:
        pool_size: int or 2 of them: size of the window.
        strides: int or 2 of them: step of the window; `pool_size` if None.
        padding: "valid" (none) or "same" (padded places do not count).
        data_format: "channels_last" (batch, height, width, channels) or "channels_first" (batch, channels, height,
            width); the configured one if None.
        **kwargs: name, trainable, dtype.

    Input: tensor of rank 4 in the layout of `data_format`. Output: tensor of the same rank, with a number for each
    window.

    Raises:
        ArgumentError: if an option is not allowed.
        ShapeError: if inputs do not fit.

    Example:

    >>> import kfront
    >>> layer = kfront.layers.AveragePooling2D(2)
    >>> tuple(layer(kfront.ops.ones((2, 6, 6, 3))).shape)
    (2, 3, 3, 3)
    """

    rank = 2
    _pool = staticmethod(average_pool)


class AveragePooling3D(BasePooling):
    """Mean of each window over 3 spatial axes.

    Args:
        pool_size: int or 3 of them: size of the window.
        strides: int or 3 of them: step of the window; `pool_size` if None.
        padding: "valid" (none) or "same" (padded places do not count).
        data_format: "channels_last" (batch, depth, height, width, channels) or "channels_first" (batch, channels,
            depth, height, width); the configured one if None.
        **kwargs: name, trainable, dtype.

    Input: tensor of rank 5 in the layout of `data_format`. Output: tensor of the same rank, with a number for each
    window.

    Raises:
        ArgumentError: if an option is not allowed.
        ShapeError: if inputs do not fit.

    Example:

    >>> import kfront
    >>> layer = kfront.layers.AveragePooling3D(2)
    >>> tuple(layer(kfront.ops.ones((2, 6, 6, 6, 3))).shape)
    (2, 3, 3, 3, 3)
    """

    rank = 3
    _pool = staticmethod(average_pool)


# ---- as many windows as are wanted ----------------------------------------------------------------------------------


class BaseAdaptivePooling(OptionLayer):
    """Pooling into a given number of windows, of any rank."""

    _kf_normalise = normalisers(output_size=each_rank)
    output_size: tuple[int, ...]
    data_format: str
    rank = 0
    _pool: Any = None

    def __init__(self, output_size: IntOrInts, data_format: str | None = None, **kwargs: Unpack[LayerOptions]) -> None:
        super().__init__(**self._kf_store(locals()))
        self.input_spec = InputSpec(ndim=self.rank + 2)

    def call(self, inputs: Tensor) -> Tensor:
        """The layer's output, see the class."""
        return self._pool(inputs, self.output_size, self.data_format)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """The input's shape with `output_size` for the spatial axes."""
        if self.data_format == "channels_last":
            return (input_shape[0], *self.output_size, input_shape[-1])
        return (*input_shape[:2], *self.output_size)


class AdaptiveMaxPooling1D(BaseAdaptivePooling):
    """Largest value of windows over 1 spatial axis that are chosen so that the output has a given size.

    Window i of m over an axis of length k spans the places from floor(i * k / m) to ceil((i + 1) * k / m).

    Args:
        output_size: int or 1 of them: number of windows.
        data_format: "channels_last" (batch, length, channels) or "channels_first" (batch, channels, length); the
            configured one if None.
        **kwargs: name, trainable, dtype.

    Input: tensor of rank 3 in the layout of `data_format`. Output: tensor of the same rank, with a number for each
    window.

    Raises:
        ArgumentError: if an option is not allowed.
        ShapeError: if inputs do not fit.

    Example:

    >>> import kfront
    >>> layer = kfront.layers.AdaptiveMaxPooling1D(4)
    >>> tuple(layer(kfront.ops.ones((2, 6, 3))).shape)
    (2, 4, 3)
    """

    rank = 1
    _pool = staticmethod(adaptive_max_pool)


class AdaptiveMaxPooling2D(BaseAdaptivePooling):
    """Largest value of windows over 2 spatial axes that are chosen so that the output has a given size.

    Window i of m over an axis of length k spans the places from floor(i * k / m) to ceil((i + 1) * k / m).

    Args:
        output_size: int or 2 of them: number of windows.
        data_format: "channels_last" (batch, height, width, channels) or "channels_first" (batch, channels, height,
            width); the configured one if None.
        **kwargs: name, trainable, dtype.

    Input: tensor of rank 4 in the layout of `data_format`. Output: tensor of the same rank, with a number for each
    window.

    Raises:
        ArgumentError: if an option is not allowed.
        ShapeError: if inputs do not fit.

    Example:

    >>> import kfront
    >>> layer = kfront.layers.AdaptiveMaxPooling2D(4)
    >>> tuple(layer(kfront.ops.ones((2, 6, 6, 3))).shape)
    (2, 4, 4, 3)
    """

    rank = 2
    _pool = staticmethod(adaptive_max_pool)


class AdaptiveMaxPooling3D(BaseAdaptivePooling):
    """Largest value of windows over 3 spatial axes that are chosen so that the output has a given size.

    Window i of m over an axis of length k spans the places from floor(i * k / m) to ceil((i + 1) * k / m).

    Args:
        output_size: int or 3 of them: number of windows.
        data_format: "channels_last" (batch, depth, height, width, channels) or "channels_first" (batch, channels,
            depth, height, width); the configured one if None.
        **kwargs: name, trainable, dtype.

    Input: tensor of rank 5 in the layout of `data_format`. Output: tensor of the same rank, with a number for each
    window.

    Raises:
        ArgumentError: if an option is not allowed.
        ShapeError: if inputs do not fit.

    Example:

    >>> import kfront
    >>> layer = kfront.layers.AdaptiveMaxPooling3D(4)
    >>> tuple(layer(kfront.ops.ones((2, 6, 6, 6, 3))).shape)
    (2, 4, 4, 4, 3)
    """

    rank = 3
    _pool = staticmethod(adaptive_max_pool)


class AdaptiveAveragePooling1D(BaseAdaptivePooling):
    """Mean of windows over 1 spatial axis that are chosen so that the output has a given size.

    Window i of m over an axis of length k spans the places from floor(i * k / m) to ceil((i + 1) * k / m).

    Args:
        output_size: int or 1 of them: number of windows.
        data_format: "channels_last" (batch, length, channels) or "channels_first" (batch, channels, length); the
            configured one if None.
        **kwargs: name, trainable, dtype.

    Input: tensor of rank 3 in the layout of `data_format`. Output: tensor of the same rank, with a number for each
    window.

    Raises:
        ArgumentError: if an option is not allowed.
        ShapeError: if inputs do not fit.

    Example:

    >>> import kfront
    >>> layer = kfront.layers.AdaptiveAveragePooling1D(4)
    >>> tuple(layer(kfront.ops.ones((2, 6, 3))).shape)
    (2, 4, 3)
    """

    rank = 1
    _pool = staticmethod(adaptive_average_pool)


class AdaptiveAveragePooling2D(BaseAdaptivePooling):
    """Mean of windows over 2 spatial axes that are chosen so that the output has a given size.

    Window i of m over an axis of length k spans the places from floor(i * k / m) to ceil((i + 1) * k / m).

    Args:
        output_size: int or 2 of them: number of windows.
        data_format: "channels_last" (batch, height, width, channels) or "channels_first" (batch, channels, height,
            width); the configured one if None.
        **kwargs: name, trainable, dtype.

    Input: tensor of rank 4 in the layout of `data_format`. Output: tensor of the same rank, with a number for each
    window.

    Raises:
        ArgumentError: if an option is not allowed.
        ShapeError: if inputs do not fit.

    Example:

    >>> import kfront
    >>> layer = kfront.layers.AdaptiveAveragePooling2D(4)
    >>> tuple(layer(kfront.ops.ones((2, 6, 6, 3))).shape)
    (2, 4, 4, 3)
    """

    rank = 2
    _pool = staticmethod(adaptive_average_pool)


class AdaptiveAveragePooling3D(BaseAdaptivePooling):
    """Mean of windows over 3 spatial axes that are chosen so that the output has a given size.

    Window i of m over an axis of length k spans the places from floor(i * k / m) to ceil((i + 1) * k / m).

    Args:
        output_size: int or 3 of them: number of windows.
        data_format: "channels_last" (batch, depth, height, width, channels) or "channels_first" (batch, channels,
            depth, height, width); the configured one if None.
        **kwargs: name, trainable, dtype.

    Input: tensor of rank 5 in the layout of `data_format`. Output: tensor of the same rank, with a number for each
    window.

    Raises:
        ArgumentError: if an option is not allowed.
        ShapeError: if inputs do not fit.

    Example:

    >>> import kfront
    >>> layer = kfront.layers.AdaptiveAveragePooling3D(4)
    >>> tuple(layer(kfront.ops.ones((2, 6, 6, 6, 3))).shape)
    (2, 4, 4, 4, 3)
    """

    rank = 3
    _pool = staticmethod(adaptive_average_pool)


# ---- whole axes ------------------------------------------------------------------------------------------------------


class BaseGlobalPooling(OptionLayer):
    """Pooling over all spatial axes, of any rank."""

    data_format: str
    keepdims: bool
    _axes: tuple[int, ...]
    rank = 0
    _kf_reduce: Any = None

    def __init__(self, data_format: str | None = None, keepdims: bool = False, **kwargs: Unpack[LayerOptions]) -> None:
        super().__init__(**self._kf_store(locals()))
        self.input_spec = InputSpec(ndim=self.rank + 2)
        self._kf_built_when_made()
        first = 1 if self.data_format == "channels_last" else 2
        self.__dict__["_axes"] = tuple(range(first, first + self.rank))

    def call(self, inputs: Tensor) -> Tensor:
        """The layer's output, see the class."""
        return self._kf_reduce(inputs, self._axes, self.keepdims)


def _maximum(x: Tensor, axes: tuple[int, ...], keepdims: bool) -> Tensor:
    return ops.max(x, axis=axes, keepdims=keepdims)


def _mean(x: Tensor, axes: tuple[int, ...], keepdims: bool) -> Tensor:
    return ops.mean(x, axis=axes, keepdims=keepdims)


class GlobalMaxPooling1D(BaseGlobalPooling):
    """Largest value over 1 spatial axis.

    Args:
        data_format: "channels_last" (batch, length, channels) or "channels_first" (batch, channels, length); the
            configured one if None.
        keepdims: whether the spatial axes stay, with length 1.
        **kwargs: name, trainable, dtype.

    Input: tensor of rank 3 in the layout of `data_format`. Output: tensor of shape (batch, channels), or of the same
    rank with `keepdims`.

    Raises:
        ArgumentError: if an option is not allowed.
        ShapeError: if inputs do not fit.

    Example:

    >>> import kfront
    >>> layer = kfront.layers.GlobalMaxPooling1D()
    >>> tuple(layer(kfront.ops.ones((2, 6, 3))).shape)
    (2, 3)
    """

    rank = 1
    _kf_reduce = staticmethod(_maximum)


class GlobalMaxPooling2D(BaseGlobalPooling):
    """Largest value over 2 spatial axes.

    Args:
        data_format: "channels_last" (batch, height, width, channels) or "channels_first" (batch, channels, height,
            width); the configured one if None.
        keepdims: whether the spatial axes stay, with length 1.
        **kwargs: name, trainable, dtype.

    Input: tensor of rank 4 in the layout of `data_format`. Output: tensor of shape (batch, channels), or of the same
    rank with `keepdims`.

    Raises:
        ArgumentError: if an option is not allowed.
        ShapeError: if inputs do not fit.

    Example:

    >>> import kfront
    >>> layer = kfront.layers.GlobalMaxPooling2D()
    >>> tuple(layer(kfront.ops.ones((2, 6, 6, 3))).shape)
    (2, 3)
    """

    rank = 2
    _kf_reduce = staticmethod(_maximum)


class GlobalMaxPooling3D(BaseGlobalPooling):
    """Largest value over 3 spatial axes.

    Args:
        data_format: "channels_last" (batch, depth, height, width, channels) or "channels_first" (batch, channels,
            depth, height, width); the configured one if None.
        keepdims: whether the spatial axes stay, with length 1.
        **kwargs: name, trainable, dtype.

    Input: tensor of rank 5 in the layout of `data_format`. Output: tensor of shape (batch, channels), or of the same
    rank with `keepdims`.

    Raises:
        ArgumentError: if an option is not allowed.
        ShapeError: if inputs do not fit.

    Example:

    >>> import kfront
    >>> layer = kfront.layers.GlobalMaxPooling3D()
    >>> tuple(layer(kfront.ops.ones((2, 6, 6, 6, 3))).shape)
    (2, 3)
    """

    rank = 3
    _kf_reduce = staticmethod(_maximum)


class GlobalAveragePooling2D(BaseGlobalPooling):
    """Mean over 2 spatial axes.

    Args:
        data_format: "channels_last" (batch, height, width, channels) or "channels_first" (batch, channels, height,
            width); the configured one if None.
        keepdims: whether the spatial axes stay, with length 1.
        **kwargs: name, trainable, dtype.

    Input: tensor of rank 4 in the layout of `data_format`. Output: tensor of shape (batch, channels), or of the same
    rank with `keepdims`.

    Raises:
        ArgumentError: if an option is not allowed.
        ShapeError: if inputs do not fit.

    Example:

    >>> import kfront
    >>> layer = kfront.layers.GlobalAveragePooling2D()
    >>> tuple(layer(kfront.ops.ones((2, 6, 6, 3))).shape)
    (2, 3)
    """

    rank = 2
    _kf_reduce = staticmethod(_mean)


class GlobalAveragePooling3D(BaseGlobalPooling):
    """Mean over 3 spatial axes.

    Args:
        data_format: "channels_last" (batch, depth, height, width, channels) or "channels_first" (batch, channels,
            depth, height, width); the configured one if None.
        keepdims: whether the spatial axes stay, with length 1.
        **kwargs: name, trainable, dtype.

    Input: tensor of rank 5 in the layout of `data_format`. Output: tensor of shape (batch, channels), or of the same
    rank with `keepdims`.

    Raises:
        ArgumentError: if an option is not allowed.
        ShapeError: if inputs do not fit.

    Example:

    >>> import kfront
    >>> layer = kfront.layers.GlobalAveragePooling3D()
    >>> tuple(layer(kfront.ops.ones((2, 6, 6, 6, 3))).shape)
    (2, 3)
    """

    rank = 3
    _kf_reduce = staticmethod(_mean)


class GlobalAveragePooling1D(BaseGlobalPooling):
    """Mean over the spatial axis; steps that a mask leaves out do not count.

    Args:
        data_format: "channels_last" (batch, length, channels) or "channels_first" (batch, channels, length); the
            configured one if None.
        keepdims: whether the spatial axes stay, with length 1.
        **kwargs: name, trainable, dtype.

    Input: tensor of rank 3 in the layout of `data_format`. Output: tensor of shape (batch, channels), or of the same
    rank with `keepdims`.

    Raises:
        ArgumentError: if an option is not allowed.
        ShapeError: if inputs do not fit.

    Example:

    >>> import kfront
    >>> layer = kfront.layers.GlobalAveragePooling1D()
    >>> tuple(layer(kfront.ops.ones((2, 6, 3))).shape)
    (2, 3)
    """

    rank = 1
    _kf_reduce = staticmethod(_mean)

    def __init__(self, data_format: str | None = None, keepdims: bool = False, **kwargs: Unpack[LayerOptions]) -> None:
        super().__init__(data_format=data_format, keepdims=keepdims, **kwargs)
        self.supports_masking = True

    def call(self, inputs: Tensor, mask: Tensor | None = None) -> Tensor:
        """The layer's output, see the class."""
        if mask is None:
            return self._kf_reduce(inputs, self._axes, self.keepdims)
        weights = ops.expand_dims(ops.cast(mask, dtype_of(inputs)), 2 if self.data_format == "channels_last" else 1)
        total = ops.sum(ops.multiply(inputs, weights), axis=self._axes, keepdims=self.keepdims)
        return ops.divide(total, ops.sum(weights, axis=self._axes, keepdims=self.keepdims))

    def compute_mask(self, inputs: Tensor, mask: Tensor | None = None) -> Tensor | None:
        """None: time is gone."""
        return None
