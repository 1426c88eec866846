"""JAX: convolutions.

Where all channels meet, XLA's CPU compiler is fast in the convolution itself and in its gradient by the input; its
gradient by the kernel takes up to 10 times as long as products of matrices, with groups 100 times. A convolution of
each channel for itself takes 20 to 60 times as long as multiplying and adding shifted arrays, in both directions (jax
0.10). So on CPU a kernel is taken apart into its taps where that pays; elsewhere XLA has it all.
"""

from __future__ import annotations

import functools
import itertools
import math
import operator
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.custom_derivatives import SymbolicZero

from kfront.backends.jax.common import compiled, filled_windows, on_cpu, per_axis
from kfront.backends.jax.linalg import product
from kfront.core.errors import ArgumentError

_FIRST = np.int32(0)
_Form = Callable[[Any, Any, "_How"], Any]
_MOST = 64  # taps of a kernel that are taken apart: a compiled program grows with them


class _How(NamedTuple):
    """How a kernel goes over (batch, *spatial, channels); one entry per spatial axis."""

    strides: tuple[int, ...]
    pads: tuple[tuple[int, int], ...]
    dilation: tuple[int, ...]

    def spans(self, kernel: Any) -> tuple[int, ...]:
        """Places that a kernel reaches over."""
        return tuple((k - 1) * d + 1 for k, d in zip(kernel.shape, self.dilation, strict=False))

    def taps(self, kernel: Any) -> Iterable[tuple[int, ...]]:
        """Places in a kernel."""
        return itertools.product(*map(range, kernel.shape[: len(self.strides)]))

    def sizes(self, shape: Sequence[int], kernel: Any) -> tuple[int, ...]:
        """Spatial sizes of the result for an input of that shape."""
        along = zip(shape[1:], self.pads, self.spans(kernel), self.strides, strict=False)
        return tuple((n + lo + hi - span) // s + 1 for n, (lo, hi), span, s in along)

    def reach(self, kernel: Any) -> list[tuple[int, int]]:
        """(places from the first to the last tap, dilation), for each axis."""
        return [(span - 1, d) for span, d in zip(self.spans(kernel), self.dilation, strict=True)]

    def cut(self, whole: Any, kernel: Any) -> Any:
        """The result, cut out of what all taps reach."""
        ends = zip(self.reach(kernel), self.pads, strict=True)
        return _padded(whole, [(lo - r, hi - r, 0) for (r, _), (lo, hi) in ends])

    def split(self) -> tuple[_How, _How]:
        """The same over the first spatial axis, and over the others."""
        return _How(*(v[:1] for v in self)), _How(*(v[1:] for v in self))


def _numbers(rank: int, data_format: str) -> tuple[str, str, str]:
    """Dimension numbers of lax for `rank` spatial axes; kernels are (*spatial, in, out)."""
    space = "DHW"[3 - rank :]
    data = f"N{space}C" if data_format == "channels_last" else f"NC{space}"
    return data, f"{space}IO", data


def conv(
    inputs: Any,
    kernel: Any,
    strides: Any = 1,
    padding: Any = "valid",
    data_format: Any = None,
    dilation_rate: Any = 1,
) -> Any:
    """N-d convolution; the groups follow from the kernel."""
    n = inputs.ndim - 2
    out = _conv(inputs, kernel, per_axis(strides, n), padding, data_format, per_axis(dilation_rate, n))
    return filled_windows(out, inputs)


def depthwise_conv(
    inputs: Any,
    kernel: Any,
    strides: Any = 1,
    padding: Any = "valid",
    data_format: Any = None,
    dilation_rate: Any = 1,
) -> Any:
    """Convolution of each channel for itself."""
    n = inputs.ndim - 2
    out = _depthwise(inputs, kernel, per_axis(strides, n), padding, data_format, per_axis(dilation_rate, n))
    return filled_windows(out, inputs)


@compiled(2, 3, 4, 5)
def _depthwise(x: Any, kernel: Any, *how: Any) -> Any:
    return _conv(x, kernel.reshape(*kernel.shape[:-2], 1, kernel.shape[-2] * kernel.shape[-1]), *how)


@compiled(2, 3, 4, 5)
def _conv(x: Any, kernel: Any, strides: Any, padding: Any, data_format: str, dilation: Any) -> Any:
    channels = x.shape[-1 if data_format == "channels_last" else 1]
    if channels % kernel.shape[-2] or kernel.shape[-1] % (channels // kernel.shape[-2]):
        raise ArgumentError(
            f"[conv] expected channels and filters that are multiples of the groups, got {channels} channels of the "
            f"input and kernel of shape {kernel.shape}."
        )
    if isinstance(padding, str):
        padding = padding.upper()
    if _in_taps(x, kernel):
        how = _How(strides, (), dilation)
        sizes = x.shape[1:-1] if data_format == "channels_last" else x.shape[2:]
        if isinstance(padding, str):
            padding = lax.padtype_to_pads(sizes, how.spans(kernel), strides, padding)
        how = how._replace(pads=tuple((int(lo), int(hi)) for lo, hi in padding))
        if min(how.sizes((0, *sizes), kernel)) > 0:
            return _channels_last(lambda x: _conv_in_taps(x, kernel, how), x, data_format)
    return lax.conv_general_dilated(
        x,
        kernel,
        strides,
        padding,
        rhs_dilation=dilation,
        dimension_numbers=_numbers(x.ndim - 2, data_format),
        feature_group_count=channels // kernel.shape[-2],
    )


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


def conv_transpose(
    inputs: Any,
    kernel: Any,
    strides: Any = 1,
    padding: str = "valid",
    output_padding: Any = None,
    data_format: Any = None,
    dilation_rate: Any = 1,
) -> Any:
    """The gradient of a convolution by its input; the kernel is (*spatial, out, in)."""
    n = inputs.ndim - 2
    strides, dilation = per_axis(strides, n), per_axis(dilation_rate, n)
    extra = (None,) * n if output_padding is None else per_axis(output_padding, n)
    pads = tuple(
        _transpose_pads(k, s, d, padding, e)
        for k, s, d, e in zip(kernel.shape[:n], strides, dilation, extra, strict=True)
    )
    return _conv_transpose(inputs, kernel, _How(strides, pads, dilation), data_format)


@compiled(2, 3)
def _conv_transpose(x: Any, kernel: Any, how: _How, data_format: str) -> Any:
    if not _in_taps(x, kernel):
        return _stretched(x, kernel, how, data_format)
    return _channels_last(lambda x: _spread(x, kernel, how), x, data_format)


def _channels_last(f: Callable[[Any], Any], x: Any, data_format: str) -> Any:
    return f(x) if data_format == "channels_last" else jnp.moveaxis(f(jnp.moveaxis(x, 1, -1)), -1, 1)


def _stretched(x: Any, kernel: Any, how: _How, data_format: str) -> Any:
    """The convolution of the input with zeros between its elements."""
    n = x.ndim - 2
    data, spatial, _ = _numbers(n, data_format)
    return lax.conv_general_dilated(
        x,
        jnp.flip(kernel, tuple(range(n))),
        (1,) * n,
        how.pads,
        lhs_dilation=how.strides,
        rhs_dilation=how.dilation,
        dimension_numbers=(data, spatial[:-2] + "OI", data),
    )


# ---- in taps, channels last ------------------------------------------------------------------------------------------


def _in_taps(x: Any, kernel: Any) -> bool:
    """Whether taking the kernel apart pays; sums of narrower types need XLA's wider ones."""
    wide = x.dtype == kernel.dtype and str(x.dtype) in ("float32", "float64")
    known = all(d.__class__ is int for d in x.shape) and 0 not in x.shape
    return wide and known and on_cpu() and math.prod(kernel.shape[:-2]) <= _MOST


def _conv_in_taps(x: Any, kernel: Any, how: _How) -> Any:
    channels, filters = kernel.shape[-2:]
    if channels == 1:
        times = filters // x.shape[-1]
        return _each(x if x.shape[-1] == 1 else jnp.repeat(x, times, -1), jnp.squeeze(kernel, -2), how)
    if math.prod(kernel.shape[:-2]) == 1 and channels == x.shape[-1] and not any(map(any, how.pads)):
        return product(lax.slice(x, (0,) * x.ndim, x.shape, (1, *how.strides, 1)), kernel.reshape(channels, filters))
    return _all(x, kernel, how)


def _shifted(x: Any, kernel: Any, how: _How) -> Iterator[tuple[tuple[int, ...], Any]]:
    """(tap, what it meets of the input), for each tap of a kernel."""
    sizes = how.sizes(x.shape, kernel)
    x = _padded(x, [(lo, hi, 0) for lo, hi in how.pads])
    for tap in how.taps(kernel):
        first = [i * d for i, d in zip(tap, how.dilation, strict=True)]
        ends = [i + (n - 1) * s + 1 for i, n, s in zip(first, sizes, how.strides, strict=True)]
        yield tap, lax.slice(x, (0, *first, 0), (x.shape[0], *ends, x.shape[-1]), (1, *how.strides, 1))


def _padded(x: Any, ends: Iterable[tuple[int, int, int]]) -> Any:
    return lax.pad(x, jnp.zeros((), x.dtype), ((0, 0, 0), *ends, (0, 0, 0)))


def _total(terms: Iterable[Any]) -> Any:
    return functools.reduce(operator.add, terms)


def _bilinear(value: _Form, by_x: _Form, by_kernel: _Form) -> _Form:
    """`value(x, kernel, how)`, where `by_x(dx, kernel, how)` and `by_kernel(x, dkernel, how)` give the same values.

    They are what is transposed for the gradients.
    """

    @partial(jax.custom_jvp, nondiff_argnums=(2,))
    def form(x: Any, kernel: Any, how: _How) -> Any:
        return value(x, kernel, how)

    @partial(form.defjvp, symbolic_zeros=True)
    def _tangent(how: _How, primals: Any, tangents: Any) -> tuple[Any, Any]:
        (x, kernel), (dx, dkernel) = primals, tangents
        y = form(x, kernel, how)
        terms = [] if isinstance(dx, SymbolicZero) else [by_x(dx, kernel, how)]
        terms += [] if isinstance(dkernel, SymbolicZero) else [by_kernel(x, dkernel, how)]
        return y, _total(terms) if terms else jnp.zeros_like(y)

    return form


def _each_value(x: Any, kernel: Any, how: _How) -> Any:
    """Each channel for itself, or one channel by all filters; the kernel is (*spatial, filters)."""
    return _total(part * kernel[tap] for tap, part in _shifted(x, kernel, how))


def _each_by_x(change: Any, kernel: Any, how: _How) -> Any:
    """The transpose, which is what gradients compute, takes shifted arrays apart as well."""
    if change.shape[-1] < kernel.shape[-1]:  # one channel by all filters
        return _met(change, jnp.expand_dims(kernel, -2), how)
    if max(how.strides) > 1:
        return _each_value(change, kernel, how)
    reach = how.reach(kernel)
    whole = _total(
        _padded(change * kernel[tap], [(r - i * d, i * d, 0) for (r, d), i in zip(reach, tap, strict=True)])
        for tap in how.taps(kernel)
    )
    return how.cut(whole, kernel)


def _each_by_kernel(x: Any, change: Any, how: _How) -> Any:
    return _met_one_by_one(x, change, how, operator.mul)


_each = _bilinear(_each_value, _each_by_x, _each_by_kernel)


def _met_one_by_one(x: Any, change: Any, how: _How, join: Callable[[Any, Any], Any]) -> Any:
    """The sum over taps of `join(what a tap meets of the input, the change of the tap)`."""
    sizes = how.sizes(x.shape, change)
    ends = [(n - 1) * s + 1 for n, s in zip(sizes, how.strides, strict=True)]
    x = _padded(x, [(lo, hi, 0) for lo, hi in how.pads])
    zeros = jnp.zeros((x.shape[0], *sizes, change.shape[-1]), x.dtype)

    def met(first: Any) -> Any:
        part = lax.dynamic_slice(x, (_FIRST, *first, _FIRST), (x.shape[0], *ends, x.shape[-1]))
        return lax.slice(part, (0,) * x.ndim, part.shape, (1, *how.strides, 1))

    return _one_by_one(lambda first, own: join(met(first), own), change, how, zeros)


def _one_by_one(of_tap: Callable[[Any, Any], Any], change: Any, how: _How, zeros: Any) -> Any:
    """The sum over taps of `of_tap(first place, change of the tap)`.

    Its transpose computes the gradient of one tap after the other, so that what a tap meets is in memory for it only.
    """
    firsts = np.array([[i * d for i, d in zip(tap, how.dilation, strict=True)] for tap in how.taps(change)], "int32")
    changes = change.reshape(len(firsts), *change.shape[len(how.strides) :])

    def add(total: Any, now: Any) -> tuple[Any, None]:
        return total + of_tap(*now), None

    return lax.scan(jax.checkpoint(add, prevent_cse=False), zeros, (firsts, changes))[0]


def _met(x: Any, kernel: Any, how: _How) -> Any:
    """All channels of a group, as two-dimensional convolutions of one group: XLA is several times slower in others."""
    groups = x.shape[-1] // kernel.shape[-2]
    if 1 < groups <= _MOST:
        pairs = zip(jnp.split(x, groups, -1), jnp.split(kernel, groups, -1), strict=True)
        return jnp.concatenate([_met(part, own, how) for part, own in pairs], -1)
    if len(how.strides) == 3:
        along, flat = how.split()
        parts = _shifted(x.reshape(*x.shape[:2], -1), kernel[:, 0, 0], along)
        slices = ((tap, part.reshape(-1, *x.shape[2:])) for tap, part in parts)
        out = _total(_met(part, kernel[tap], flat) for tap, part in slices)
        return out.reshape(x.shape[0], -1, *out.shape[1:])
    return lax.conv_general_dilated(
        x,
        kernel,
        how.strides,
        how.pads,
        rhs_dilation=how.dilation,
        dimension_numbers=_numbers(x.ndim - 2, "channels_last"),
        feature_group_count=groups,
    )


def _all_by_kernel(x: Any, change: Any, how: _How) -> Any:
    """Products of matrices."""
    channels, filters = change.shape[-2:]
    groups = x.shape[-1] // channels

    def joined(part: Any, tap: Any) -> Any:
        if groups == 1:
            return product(part, tap)
        rows = part.reshape(-1, groups, channels)
        out = jnp.einsum("ngc,cgf->ngf", rows, tap.reshape(channels, groups, filters // groups))
        return out.reshape(*part.shape[:-1], filters)

    return _met_one_by_one(x, change, how, joined)


_all = _bilinear(_met, _met, _all_by_kernel)


def _spread_value(x: Any, kernel: Any, how: _How) -> Any:
    """The gradient of a convolution by its input; `how.pads` go around the input with zeros between its elements."""
    if len(how.strides) < 3:
        return _stretched(x, kernel, how, "channels_last")
    along, flat = how.split()
    [(reach, dilation)], [stride] = along.reach(kernel), along.strides
    planes = [_stretched(x.reshape(-1, *x.shape[2:]), k, flat, "channels_last") for k in kernel]
    rows = (out.reshape(*x.shape[:2], -1) for out in planes)
    whole = _total(_padded(r, [(i * dilation, reach - i * dilation, stride - 1)]) for i, r in enumerate(rows))
    whole = along.cut(whole, kernel)
    return whole.reshape(*whole.shape[:2], *planes[0].shape[1:])


def _spread_by_kernel(x: Any, change: Any, how: _How) -> Any:
    along = zip(x.shape[1:-1], how.strides, how.reach(change), strict=True)
    zeros = jnp.zeros((x.shape[0], *((n - 1) * s + 1 + r for n, s, (r, _) in along), change.shape[-2]), x.dtype)

    def laid(first: Any, own: Any) -> Any:
        part = _padded(product(x, own.T), [(0, 0, s - 1) for s in how.strides])
        return lax.dynamic_update_slice(zeros, part, (_FIRST, *first, _FIRST))

    return how.cut(_one_by_one(laid, change, how, zeros), change)


_spread = _bilinear(_spread_value, _spread_value, _spread_by_kernel)
