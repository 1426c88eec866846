"""Pooling layers, over windows and over whole axes, each written once for all ranks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Unpack

from kfront import ops
from kfront.core import shapes_nn
from kfront.core.errors import ShapeError
from kfront.core.options import each_rank, normalisers, one_of, with_defaults
from kfront.core.spec import Abstract
from kfront.core.typing import AnyCallable, LayerOptions, Shape, Tensor, UnnamedOptions
from kfront.layers.base import InputSpec
from kfront.layers.options import IntOrInts, OptionLayer
from kfront.ops.convolution import adaptive_average_pool, adaptive_max_pool
from kfront.ops.primitives.dtypes import dtype_of
from kfront.ops.primitives.nn import average_pool, max_pool

_AXES = {1: "length", 2: "height, width", 3: "depth, height, width"}
_SHAPES = {1: (2, 6, 3), 2: (2, 6, 6, 3), 3: (2, 6, 6, 6, 3)}
_SAME_RANK = "of the same rank, with a number for each window"
_CHANNELS = "of shape (batch, channels), or of the same rank with `keepdims`"
_TAIL = """
        data_format: "channels_last" (batch, {axes}, channels) or "channels_first" (batch, channels, {axes}); the
            configured one if None.{more}
        **kwargs: name, trainable, dtype.

    Input: tensor of rank {rank} in the layout of `data_format`. Output: tensor {output}.

    Raises:
        ArgumentError: if an option is not allowed.
        ShapeError: if inputs do not fit.

    Example:

    >>> import kfront
    >>> layer = kfront.layers.{name}({args})
    >>> tuple(layer(kfront.ops.ones({shape})).shape)
    {out}
    """


def _doc(head: str, name: str, n: int, args: str, output: str, out: Any, more: str = "") -> str:
    options = {"n": n, "axes": _AXES[n], "name": name, "args": args, "shape": _SHAPES[n], "out": out, "more": more}
    return (head + _TAIL).format(**options, rank=n + 2, output=output)


# ---- windows ---------------------------------------------------------------------------------------------------------


class BasePooling(OptionLayer):
    """Pooling over windows, of any rank."""

    _normalise = normalisers(
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
        super().__init__(**self._store(locals()))
        self.input_spec = InputSpec(ndim=self.rank + 2)
        self._built_when_made()

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


_WINDOW = """{what} of each window over {{n}} spatial ax{es}.

    Args:
        pool_size: int or {{n}} of them: size of the window.
        strides: int or {{n}} of them: step of the window; `pool_size` if None.
        padding: "valid" (none) or "same" (padded places do not count)."""


def _windows(kind: str, what: str, n: int, pool: AnyCallable, init: AnyCallable) -> type[Any]:
    name, head = f"{kind}Pooling{n}D", _WINDOW.format(what=what, es="is" if n == 1 else "es")
    out = (2, *(3,) * n, 3)
    body = {
        "__doc__": _doc(head, name, n, "2", _SAME_RANK, out),
        "__module__": __name__,
        "rank": n,
        "_pool": staticmethod(pool),
        "__init__": init,
    }
    return type(BasePooling)(name, (BasePooling,), body)


if TYPE_CHECKING:

    class _MaxPooling(BasePooling):
        def __init__(
            self,
            pool_size: IntOrInts = 2,
            strides: IntOrInts | None = None,
            padding: str = "valid",
            data_format: str | None = None,
            name: str | None = None,
            **kwargs: Any,
        ) -> None: ...


_of_any = BasePooling.__init__
MaxPooling1D: type[_MaxPooling] = _windows("Max", "Largest value", 1, max_pool, with_defaults(_of_any, pool_size=2))
MaxPooling2D: type[_MaxPooling] = _windows(
    "Max", "Largest value", 2, max_pool, with_defaults(_of_any, pool_size=(2, 2))
)
MaxPooling3D: type[_MaxPooling] = _windows(
    "Max", "Largest value", 3, max_pool, with_defaults(_of_any, pool_size=(2, 2, 2))
)
AveragePooling1D: type[BasePooling] = _windows("Average", "Mean", 1, average_pool, _of_any)
AveragePooling2D: type[BasePooling] = _windows("Average", "Mean", 2, average_pool, _of_any)
AveragePooling3D: type[BasePooling] = _windows("Average", "Mean", 3, average_pool, _of_any)


# ---- as many windows as are wanted ----------------------------------------------------------------------------------


class BaseAdaptivePooling(OptionLayer):
    """Pooling into a given number of windows, of any rank."""

    _normalise = normalisers(output_size=each_rank)
    output_size: tuple[int, ...]
    data_format: str
    rank = 0
    _pool: Any = None

    def __init__(self, output_size: IntOrInts, data_format: str | None = None, **kwargs: Unpack[LayerOptions]) -> None:
        super().__init__(**self._store(locals()))
        self.input_spec = InputSpec(ndim=self.rank + 2)

    def call(self, inputs: Tensor) -> Tensor:
        """The layer's output, see the class."""
        return self._pool(inputs, self.output_size, self.data_format)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """The input's shape with `output_size` for the spatial axes."""
        if self.data_format == "channels_last":
            return (input_shape[0], *self.output_size, input_shape[-1])
        return (*input_shape[:2], *self.output_size)


_ADAPTIVE = """{what} of windows over {{n}} spatial ax{es} that are chosen so that the output has a given size.

    Window i of m over an axis of length k spans the places from floor(i * k / m) to ceil((i + 1) * k / m).

    Args:
        output_size: int or {{n}} of them: number of windows."""


def _adaptive(kind: str, what: str, n: int, pool: AnyCallable) -> type[BaseAdaptivePooling]:
    name, head = f"Adaptive{kind}Pooling{n}D", _ADAPTIVE.format(what=what, es="is" if n == 1 else "es")
    body = {
        "__doc__": _doc(head, name, n, "4", _SAME_RANK, (2, *(4,) * n, 3)),
        "__module__": __name__,
        "rank": n,
        "_pool": staticmethod(pool),
    }
    return type(BaseAdaptivePooling)(name, (BaseAdaptivePooling,), body)


AdaptiveMaxPooling1D = _adaptive("Max", "Largest value", 1, adaptive_max_pool)
AdaptiveMaxPooling2D = _adaptive("Max", "Largest value", 2, adaptive_max_pool)
AdaptiveMaxPooling3D = _adaptive("Max", "Largest value", 3, adaptive_max_pool)
AdaptiveAveragePooling1D = _adaptive("Average", "Mean", 1, adaptive_average_pool)
AdaptiveAveragePooling2D = _adaptive("Average", "Mean", 2, adaptive_average_pool)
AdaptiveAveragePooling3D = _adaptive("Average", "Mean", 3, adaptive_average_pool)


# ---- whole axes ------------------------------------------------------------------------------------------------------


class BaseGlobalPooling(OptionLayer):
    """Pooling over all spatial axes, of any rank."""

    data_format: str
    keepdims: bool
    _axes: tuple[int, ...]
    rank = 0
    _reduce: Any = None

    def __init__(self, data_format: str | None = None, keepdims: bool = False, **kwargs: Unpack[LayerOptions]) -> None:
        super().__init__(**self._store(locals()))
        self.input_spec = InputSpec(ndim=self.rank + 2)
        self._built_when_made()
        first = 1 if self.data_format == "channels_last" else 2
        self.__dict__["_axes"] = tuple(range(first, first + self.rank))

    def call(self, inputs: Tensor) -> Tensor:
        """The layer's output, see the class."""
        return self._reduce(inputs, self._axes, self.keepdims)


def _maximum(x: Tensor, axes: tuple[int, ...], keepdims: bool) -> Tensor:
    return ops.max(x, axis=axes, keepdims=keepdims)


def _mean(x: Tensor, axes: tuple[int, ...], keepdims: bool) -> Tensor:
    return ops.mean(x, axis=axes, keepdims=keepdims)


_GLOBAL = """{what} over {{n}} spatial ax{es}.

    Args:"""
_KEEP = "\n        keepdims: whether the spatial axes stay, with length 1."


def _over_all(kind: str, what: str, n: int, reduce: AnyCallable) -> type[BaseGlobalPooling]:
    name, head = f"Global{kind}Pooling{n}D", _GLOBAL.format(what=what, es="is" if n == 1 else "es")
    body = {
        "__doc__": _doc(head, name, n, "", _CHANNELS, (2, 3), _KEEP),
        "__module__": __name__,
        "rank": n,
        "_reduce": staticmethod(reduce),
    }
    return type(BaseGlobalPooling)(name, (BaseGlobalPooling,), body)


GlobalMaxPooling1D = _over_all("Max", "Largest value", 1, _maximum)
GlobalMaxPooling2D = _over_all("Max", "Largest value", 2, _maximum)
GlobalMaxPooling3D = _over_all("Max", "Largest value", 3, _maximum)
GlobalAveragePooling2D = _over_all("Average", "Mean", 2, _mean)
GlobalAveragePooling3D = _over_all("Average", "Mean", 3, _mean)


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
    _reduce = staticmethod(_mean)

    def __init__(self, data_format: str | None = None, keepdims: bool = False, **kwargs: Unpack[LayerOptions]) -> None:
        super().__init__(data_format=data_format, keepdims=keepdims, **kwargs)
        self.supports_masking = True

    def call(self, inputs: Tensor, mask: Tensor | None = None) -> Tensor:
        """The layer's output, see the class."""
        if mask is None:
            return self._reduce(inputs, self._axes, self.keepdims)
        weights = ops.expand_dims(ops.cast(mask, dtype_of(inputs)), 2 if self.data_format == "channels_last" else 1)
        total = ops.sum(ops.multiply(inputs, weights), axis=self._axes, keepdims=self.keepdims)
        return ops.divide(total, ops.sum(weights, axis=self._axes, keepdims=self.keepdims))

    def compute_mask(self, inputs: Tensor, mask: Tensor | None = None) -> Tensor | None:
        """None: time is gone."""
        return None
