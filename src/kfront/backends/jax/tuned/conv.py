"""Convolution on JAX's CPU backend, as a sum over the offsets in a kernel of products with shifted input slices.

Depthwise convolutions compute values and gradients so. Where all channels meet, XLA computes the
values and the gradient by the input, and products of matrices the gradient by the kernel.
"""

from __future__ import annotations

import functools
import itertools
import math
import operator
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jax.custom_derivatives import SymbolicZero

from kfront.backends.jax import conv as plain
from kfront.backends.jax.common import compiled, on_cpu
from kfront.backends.jax.tuned.linalg import product
from kfront.backends.jax.tuned.table import tuned
from kfront.backends.typing import Sizes

_FIRST = np.int32(0)
_Form = Callable[[Any, Any, "_Offsets"], Any]
_MAX_OFFSETS = 64  # a compiled program grows with them
_UNTIL = "XLA's convolutions on CPU, and their gradients, are as fast as products of matrices"


class _Offsets(plain.Window):
    """A window as the offsets of its kernel's elements."""

    __slots__ = ()

    def spans(self, kernel: Array) -> tuple[int, ...]:
        """The sizes of a kernel with its dilation."""
        return tuple((k - 1) * d + 1 for k, d in zip(kernel.shape, self.dilation, strict=False))

    def offsets(self, kernel: Array) -> Iterable[tuple[int, ...]]:
        """The offsets in a kernel, each an index of its spatial axes."""
        return itertools.product(*map(range, kernel.shape[: len(self.strides)]))

    def sizes(self, shape: Sequence[int], kernel: Array) -> tuple[int, ...]:
        """Spatial sizes of the result for an input of that shape."""
        along = zip(shape[1:], self.pads, self.spans(kernel), self.strides, strict=False)
        return tuple((n + lo + hi - span) // s + 1 for n, (lo, hi), span, s in along)

    def reach(self, kernel: Array) -> list[tuple[int, int]]:
        """(distance from the first to the last element of the kernel, dilation), for each axis."""
        return [(span - 1, d) for span, d in zip(self.spans(kernel), self.dilation, strict=True)]

    def cut(self, whole: Array, kernel: Array) -> Array:
        """The result, cropped from a sum over all offsets that covers the whole input."""
        ends = zip(self.reach(kernel), self.pads, strict=True)
        return _padded(whole, [(lo - r, hi - r, 0) for (r, _), (lo, hi) in ends])

    def split(self) -> tuple[_Offsets, _Offsets]:
        """The same over the first spatial axis, and over the others."""
        return _Offsets(*(v[:1] for v in self)), _Offsets(*(v[1:] for v in self))


def _channels_last(f: Callable[[Array], Array], x: Array, data_format: str) -> Array:
    return f(x) if data_format == "channels_last" else jnp.moveaxis(f(jnp.moveaxis(x, 1, -1)), -1, 1)


@compiled(2, 3, 4, 5)
def _conv(x: Array, kernel: Array, strides: Sizes, padding: str, data_format: str, dilation: Sizes) -> Array:
    plain.check_kernel(x, kernel, data_format)
    if _by_offsets(x, kernel):
        window = _Offsets(strides, (), dilation)
        sizes = x.shape[1:-1] if data_format == "channels_last" else x.shape[2:]
        pads = padding
        if isinstance(padding, str):
            pads = lax.padtype_to_pads(sizes, window.spans(kernel), strides, padding.upper())
        window = window._replace(pads=tuple((int(lo), int(hi)) for lo, hi in pads))
        if min(window.sizes((0, *sizes), kernel)) > 0:
            return _channels_last(lambda x: _conv_by_offsets(x, kernel, window), x, data_format)
    return plain.convolve(x, kernel, strides, padding, data_format, dilation)


@compiled(2, 3)
def _conv_transpose(x: Array, kernel: Array, window: plain.Window, data_format: str) -> Array:
    if not _by_offsets(x, kernel):
        return plain.stretched(x, kernel, window, data_format)
    return _channels_last(lambda x: _transposed(x, kernel, _Offsets(*window)), x, data_format)


conv = tuned(
    "conv",
    reason="XLA's gradient of a convolution by its kernel takes up to 10 times as long on CPU as products of matrices, "
    "with groups 100 times; groups and three spatial axes are several times slower in the forward pass too (jax 0.10)",
    benchmark="compiled_layers:Conv2D",
    until=_UNTIL,
)(plain.conv_op(_conv))
depthwise_conv = tuned(
    "depthwise_conv",
    reason="XLA's depthwise convolution takes 20 to 60 times as long on CPU as products with shifted slices, in "
    "both directions (jax 0.10)",
    benchmark="compiled_layers:DepthwiseConv2D",
    until=_UNTIL,
)(plain.depthwise_op(_conv))
conv_transpose = tuned(
    "conv_transpose",
    reason="as of `conv`: the gradient by the kernel, and three spatial axes",
    benchmark="tuned:conv_transpose",
    until=_UNTIL,
)(plain.conv_transpose_op(_conv_transpose))


# ---- sums over offsets, channels last --------------------------------------------------------------------------------


def _by_offsets(x: Array, kernel: Array) -> bool:
    """Whether the sum over offsets pays; sums of narrower types need XLA's wider ones."""
    wide = x.dtype == kernel.dtype and str(x.dtype) in ("float32", "float64")
    known = all(d.__class__ is int for d in x.shape) and 0 not in x.shape
    return wide and known and on_cpu() and math.prod(kernel.shape[:-2]) <= _MAX_OFFSETS


def _conv_by_offsets(x: Array, kernel: Array, window: _Offsets) -> Array:
    channels, filters = kernel.shape[-2:]
    if channels == 1:
        times = filters // x.shape[-1]
        return _depthwise(x if x.shape[-1] == 1 else jnp.repeat(x, times, -1), jnp.squeeze(kernel, -2), window)
    if math.prod(kernel.shape[:-2]) == 1 and channels == x.shape[-1] and not any(map(any, window.pads)):
        return product(lax.slice(x, (0,) * x.ndim, x.shape, (1, *window.strides, 1)), kernel.reshape(channels, filters))
    return _dense(x, kernel, window)


def _shifted_slices(x: Array, kernel: Array, window: _Offsets) -> Iterator[tuple[tuple[int, ...], Array]]:
    """(kernel offset, shifted input slice), for each offset."""
    sizes = window.sizes(x.shape, kernel)
    x = _padded(x, [(lo, hi, 0) for lo, hi in window.pads])
    for offset in window.offsets(kernel):
        first = [i * d for i, d in zip(offset, window.dilation, strict=True)]
        ends = [i + (n - 1) * s + 1 for i, n, s in zip(first, sizes, window.strides, strict=True)]
        yield offset, lax.slice(x, (0, *first, 0), (x.shape[0], *ends, x.shape[-1]), (1, *window.strides, 1))


def _padded(x: Array, ends: Iterable[tuple[int, int, int]]) -> Array:
    return lax.pad(x, jnp.zeros((), x.dtype), ((0, 0, 0), *ends, (0, 0, 0)))


def _added(terms: Iterable[Array]) -> Array:
    return functools.reduce(operator.add, terms)


def _bilinear(value: _Form, by_x: _Form, by_kernel: _Form) -> _Form:
    """A bilinear function of an input and a kernel, with two forms of it to transpose for its gradients.

    Args:
        value: ``(x, kernel, window)`` to the result.
        by_x: the same values; JAX transposes it for the gradient by the input.
        by_kernel: the same values; JAX transposes it for the gradient by the kernel.
    """

    @partial(jax.custom_jvp, nondiff_argnums=(2,))
    def form(x: Array, kernel: Array, window: _Offsets) -> Array:
        return value(x, kernel, window)

    @partial(form.defjvp, symbolic_zeros=True)
    def _tangent(window: _Offsets, primals: Array, tangents: Array) -> tuple[Array, Array]:
        (x, kernel), (dx, dkernel) = primals, tangents
        y = form(x, kernel, window)
        terms = [] if isinstance(dx, SymbolicZero) else [by_x(dx, kernel, window)]
        terms += [] if isinstance(dkernel, SymbolicZero) else [by_kernel(x, dkernel, window)]
        return y, _added(terms) if terms else jnp.zeros_like(y)

    return form


def _depthwise_value(x: Array, kernel: Array, window: _Offsets) -> Array:
    """Each channel for itself, or one channel by all filters; the kernel is (*spatial, filters)."""
    return _added(part * kernel[offset] for offset, part in _shifted_slices(x, kernel, window))


def _depthwise_by_x(change: Array, kernel: Array, window: _Offsets) -> Array:
    """With a transpose that is a sum of shifted slices as well."""
    if change.shape[-1] < kernel.shape[-1]:  # one channel by all filters
        return _grouped(change, jnp.expand_dims(kernel, -2), window)
    if max(window.strides) > 1:
        return _depthwise_value(change, kernel, window)
    reach = window.reach(kernel)
    whole = _added(
        _padded(change * kernel[offset], [(r - i * d, i * d, 0) for (r, d), i in zip(reach, offset, strict=True)])
        for offset in window.offsets(kernel)
    )
    return window.cut(whole, kernel)


def _depthwise_by_kernel(x: Array, change: Array, window: _Offsets) -> Array:
    return _sum_over_offsets(x, change, window, operator.mul)


_depthwise = _bilinear(_depthwise_value, _depthwise_by_x, _depthwise_by_kernel)


def _sum_over_offsets(x: Array, change: Array, window: _Offsets, join: Callable[[Array, Array], Array]) -> Array:
    """The sum over offsets of `join(shifted input slice, kernel at the offset)`."""
    sizes = window.sizes(x.shape, change)
    ends = [(n - 1) * s + 1 for n, s in zip(sizes, window.strides, strict=True)]
    x = _padded(x, [(lo, hi, 0) for lo, hi in window.pads])
    zeros = jnp.zeros((x.shape[0], *sizes, change.shape[-1]), x.dtype)

    def shifted(first: Array) -> Array:
        part = lax.dynamic_slice(x, (_FIRST, *first, _FIRST), (x.shape[0], *ends, x.shape[-1]))
        return lax.slice(part, (0,) * x.ndim, part.shape, (1, *window.strides, 1))

    return _scan_over_offsets(lambda first, own: join(shifted(first), own), change, window, zeros)


def _scan_over_offsets(term: Callable[[Array, Array], Array], change: Array, window: _Offsets, zeros: Array) -> Array:
    """The sum over offsets of `term(start of the slice, kernel at the offset)`.

    Its transpose computes the gradient of one offset after the other, so that one shifted slice at a time is in memory.
    """
    firsts = np.array(
        [[i * d for i, d in zip(offset, window.dilation, strict=True)] for offset in window.offsets(change)], "int32"
    )
    changes = change.reshape(len(firsts), *change.shape[len(window.strides) :])

    def add(total: int, now: Array) -> tuple[Array, None]:
        return total + term(*now), None

    return lax.scan(jax.checkpoint(add, prevent_cse=False), zeros, (firsts, changes))[0]


def _grouped(x: Array, kernel: Array, window: _Offsets) -> Array:
    """All channels of a group, as two-dimensional convolutions of one group: XLA is several times slower in others."""
    groups = x.shape[-1] // kernel.shape[-2]
    if 1 < groups <= _MAX_OFFSETS:
        pairs = zip(jnp.split(x, groups, -1), jnp.split(kernel, groups, -1), strict=True)
        return jnp.concatenate([_grouped(part, own, window) for part, own in pairs], -1)
    if len(window.strides) == 3:
        along, flat = window.split()
        parts = _shifted_slices(x.reshape(*x.shape[:2], -1), kernel[:, 0, 0], along)
        slices = ((offset, part.reshape(-1, *x.shape[2:])) for offset, part in parts)
        out = _added(_grouped(part, kernel[offset], flat) for offset, part in slices)
        return out.reshape(x.shape[0], -1, *out.shape[1:])
    return lax.conv_general_dilated(
        x,
        kernel,
        window.strides,
        window.pads,
        rhs_dilation=window.dilation,
        dimension_numbers=plain.dimension_numbers(x.ndim - 2, "channels_last"),
        feature_group_count=groups,
    )


def _dense_by_kernel(x: Array, change: Array, window: _Offsets) -> Array:
    """Products of matrices."""
    channels, filters = change.shape[-2:]
    groups = x.shape[-1] // channels

    def joined(part: Array, own: Array) -> Array:
        if groups == 1:
            return product(part, own)
        rows = part.reshape(-1, groups, channels)
        out = jnp.einsum("ngc,cgf->ngf", rows, own.reshape(channels, groups, filters // groups))
        return out.reshape(*part.shape[:-1], filters)

    return _sum_over_offsets(x, change, window, joined)


_dense = _bilinear(_grouped, _grouped, _dense_by_kernel)


def _transposed_value(x: Array, kernel: Array, window: _Offsets) -> Array:
    """The gradient of a convolution by its input; `window.pads` go around the input with zeros between its elements."""
    if len(window.strides) < 3:
        return plain.stretched(x, kernel, window, "channels_last")
    along, flat = window.split()
    [(reach, dilation)], [stride] = along.reach(kernel), along.strides
    planes = [plain.stretched(x.reshape(-1, *x.shape[2:]), k, flat, "channels_last") for k in kernel]
    rows = (out.reshape(*x.shape[:2], -1) for out in planes)
    whole = _added(_padded(r, [(i * dilation, reach - i * dilation, stride - 1)]) for i, r in enumerate(rows))
    whole = along.cut(whole, kernel)
    return whole.reshape(*whole.shape[:2], *planes[0].shape[1:])


def _transposed_by_kernel(x: Array, change: Array, window: _Offsets) -> Array:
    along = zip(x.shape[1:-1], window.strides, window.reach(change), strict=True)
    zeros = jnp.zeros((x.shape[0], *((n - 1) * s + 1 + r for n, s, (r, _) in along), change.shape[-2]), x.dtype)

    def placed(first: Array, own: Array) -> Array:
        part = _padded(product(x, own.T), [(0, 0, s - 1) for s in window.strides])
        return lax.dynamic_update_slice(zeros, part, (_FIRST, *first, _FIRST))

    return window.cut(_scan_over_offsets(placed, change, window, zeros), change)


_transposed = _bilinear(_transposed_value, _transposed_value, _transposed_by_kernel)
