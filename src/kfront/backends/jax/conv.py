"""JAX: convolutions."""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
from jax import Array, lax

from kfront.backends.jax.common import compiled, filled_windows, per_axis
from kfront.backends.typing import Function, Sizes
from kfront.core.errors import ArgumentError, ShapeError
from kfront.core.shapes_nn import check_channels


class Window(NamedTuple):
    """How a kernel goes over (batch, *spatial, channels); one entry per spatial axis."""

    strides: tuple[int, ...]
    pads: tuple[tuple[int, int], ...]
    dilation: tuple[int, ...]


def dimension_numbers(rank: int, data_format: str) -> tuple[str, str, str]:
    """Dimension numbers of lax for `rank` spatial axes; kernels are (*spatial, in, out)."""
    space = "DHW"[3 - rank :]
    data = f"N{space}C" if data_format == "channels_last" else f"NC{space}"
    return data, f"{space}IO", data


def conv_op(run: Function[Array]) -> Function[Array]:
    """The op `conv` by a function of (inputs, kernel, strides, padding, data format, dilation)."""

    def conv(
        inputs: Array,
        kernel: Array,
        strides: Sizes = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Sizes = 1,
    ) -> Array:
        """N-d convolution; the groups follow from the kernel."""
        n = inputs.ndim - 2
        out = run(inputs, kernel, per_axis(strides, n), padding, data_format, per_axis(dilation_rate, n))
        return filled_windows(out, inputs)

    return conv


def depthwise_op(run: Function[Array]) -> Function[Array]:
    """The op `depthwise_conv` by the function that `conv_op` takes."""

    @compiled(2, 3, 4, 5)
    def depthwise(x: Array, kernel: Array, *how: Array) -> Array:
        check_channels(x.shape, kernel.shape, -2, how[2])
        return run(x, kernel.reshape(*kernel.shape[:-2], 1, kernel.shape[-2] * kernel.shape[-1]), *how)

    return conv_op(depthwise)


def check_kernel(x: Array, kernel: Array, data_format: str) -> int:
    """The number of groups.

    Raises:
        ShapeError: if the kernel has another rank than the input.
        ArgumentError: if channels and filters are no multiples of it.
    """
    if kernel.ndim != x.ndim:
        raise ShapeError(f"[conv] expected a kernel of rank {x.ndim}, as the input, got shape {kernel.shape}.")
    channels = x.shape[-1 if data_format == "channels_last" else 1]
    if channels % kernel.shape[-2] or kernel.shape[-1] % (channels // kernel.shape[-2]):
        raise ArgumentError(
            f"[conv] expected channels and filters that are multiples of the groups, got {channels} channels of the "
            f"input and kernel of shape {kernel.shape}."
        )
    return channels // kernel.shape[-2]


@compiled(2, 3, 4, 5)
def convolve(x: Array, kernel: Array, strides: Sizes, padding: str, data_format: str, dilation: Sizes) -> Array:
    """A convolution by XLA's own; strides and dilation per spatial axis."""
    groups = check_kernel(x, kernel, data_format)
    return lax.conv_general_dilated(
        x,
        kernel,
        strides,
        padding.upper() if isinstance(padding, str) else padding,
        rhs_dilation=dilation,
        dimension_numbers=dimension_numbers(x.ndim - 2, data_format),
        feature_group_count=groups,
    )


conv, depthwise_conv = conv_op(convolve), depthwise_op(convolve)


def _transpose_pads(k: int, s: int, d: int, padding: str, extra: int | None) -> tuple[int, int]:
    """Zeros around the stretched input so that the result has Keras's size at Keras's place."""
    span = (k - 1) * d + 1
    if extra is not None:
        size = span + extra - (2 * (span // 2) if padding == "same" else 0)
    else:
        size = s if padding == "same" else max(span, s)
    before = max(span - size, 0) // 2 if padding == "same" else 0  # cut off the full result, size + (n - 1) * s stay
    left = span - 1 - before
    return left, size + span - 2 - left


def conv_transpose_op(run: Function[Array]) -> Function[Array]:
    """The op `conv_transpose` by a function of (inputs, kernel, window, data format)."""

    def conv_transpose(
        inputs: Array,
        kernel: Array,
        strides: Sizes = 1,
        padding: str = "valid",
        output_padding: Sizes | None = None,
        data_format: str | None = None,
        dilation_rate: Sizes = 1,
    ) -> Array:
        """The gradient of a convolution by its input; the kernel is (*spatial, out, in)."""
        n = inputs.ndim - 2
        strides, dilation = per_axis(strides, n), per_axis(dilation_rate, n)
        extra = (None,) * n if output_padding is None else per_axis(output_padding, n)
        pads = tuple(
            _transpose_pads(k, s, d, padding, e)
            for k, s, d, e in zip(kernel.shape[:n], strides, dilation, extra, strict=True)
        )
        return run(inputs, kernel, Window(strides, pads, dilation), data_format)

    return conv_transpose


@compiled(2, 3)
def stretched(x: Array, kernel: Array, window: Window, data_format: str) -> Array:
    """The convolution of the input with zeros between its elements."""
    n = x.ndim - 2
    data, spatial, _ = dimension_numbers(n, data_format)
    return lax.conv_general_dilated(
        x,
        jnp.flip(kernel, tuple(range(n))),
        (1,) * n,
        window.pads,
        lhs_dilation=window.strides,
        rhs_dilation=window.dilation,
        dimension_numbers=(data, spatial[:-2] + "OI", data),
    )


conv_transpose = conv_transpose_op(stretched)
