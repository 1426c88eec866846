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

    def ends(self, kernel: Any, tap: tuple[int, ...]) -> list[tuple[int, int, int]]:
        """Where what a tap gives lies in the result of a transposed convolution, as padding for `lax.pad`."""
        along = zip(tap, self.strides, self.dilation, self.pads, self.spans(kernel), strict=False)
        firsts = [(i * d + left + 1 - span, s, left + right + 1 - span) for i, s, d, (left, right), span in along]
        return [(first, both - first, s - 1) for first, s, both in firsts]

    def without_depth(self) -> _How:
        """The same over all spatial axes but the first."""
        return _How(self.strides[1:], self.pads[1:], self.dilation[1:])


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
    kernel = kernel.reshape(*kernel.shape[:-2], 1, kernel.shape[-2] * kernel.shape[-1])
    return conv(inputs, kernel, strides, padding, data_format, dilation_rate)


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


def _tangent(dx: Any, dkernel: Any, by_x: Callable[[Any], Any], by_kernel: Callable[[Any], Any], zeros: Any) -> Any:
    """The sum of what changes of the input and of the kernel give, where there are any."""
    pairs = ((dx, by_x), (dkernel, by_kernel))
    terms = [by(change) for change, by in pairs if not isinstance(change, SymbolicZero)]
    return _total(terms) if terms else jnp.zeros_like(zeros)


@partial(jax.custom_jvp, nondiff_argnums=(2,))
def _each(x: Any, kernel: Any, how: _How) -> Any:
    """Each channel for itself, or one channel by all filters; the kernel is (*spatial, filters)."""
    return _total(part * kernel[tap] for tap, part in _shifted(x, kernel, how))


@partial(_each.defjvp, symbolic_zeros=True)
def _each_jvp(how: _How, primals: Any, tangents: Any) -> tuple[Any, Any]:
    x, kernel = primals
    y = _each(x, kernel, how)
    by_kernel = lambda change: _met_one_by_one(x, change, how, y, operator.mul)  # noqa: E731
    return y, _tangent(*tangents, lambda change: _each_by_x(change, kernel, how), by_kernel, y)


def _met_one_by_one(x: Any, change: Any, how: _How, y: Any, join: Callable[[Any, Any], Any]) -> Any:
    """The sum over taps of `join(what a tap meets of the input, the change of the tap)`."""
    x = _padded(x, [(lo, hi, 0) for lo, hi in how.pads])
    ends = [(n - 1) * s + 1 for n, s in zip(y.shape[1:], how.strides, strict=False)]

    def met(first: Any) -> Any:
        part = lax.dynamic_slice(x, (_FIRST, *first, _FIRST), (x.shape[0], *ends, x.shape[-1]))
        return lax.slice(part, (0,) * x.ndim, part.shape, (1, *how.strides, 1))

    return _one_by_one(lambda first, own: join(met(first), own), change, how, jnp.zeros_like(y))


def _one_by_one(of_tap: Callable[[Any, Any], Any], change: Any, how: _How, zeros: Any) -> Any:
    """The sum over taps of `of_tap(first place, change of the tap)`.

    Its transpose computes the gradient of one tap after the other, so that what a tap meets is in memory for it only.
    """
    firsts = np.array([[i * d for i, d in zip(tap, how.dilation, strict=True)] for tap in how.taps(change)], "int32")
    changes = change.reshape(len(firsts), *change.shape[len(how.strides) :])

    def add(total: Any, now: Any) -> tuple[Any, None]:
        return total + of_tap(*now), None

    return lax.scan(jax.checkpoint(add, prevent_cse=False), zeros, (firsts, changes))[0]


def _each_by_x(change: Any, kernel: Any, how: _How) -> Any:
    """`_each`, written so that its transpose, which is what gradients compute, takes shifted arrays apart as well."""
    if change.shape[-1] < kernel.shape[-1]:  # one channel by all filters
        return _met(change, jnp.expand_dims(kernel, -2), how)
    if max(how.strides) > 1:
        return _total(part * kernel[tap] for tap, part in _shifted(change, kernel, how))
    reach = [span - 1 for span in how.spans(kernel)]
    whole = _total(
        _padded(change * kernel[tap], [(r - i * d, i * d, 0) for r, i, d in zip(reach, tap, how.dilation, strict=True)])
        for tap in how.taps(kernel)
    )
    return _padded(whole, [(lo - r, hi - r, 0) for r, (lo, hi) in zip(reach, how.pads, strict=True)])


def _met(x: Any, kernel: Any, how: _How) -> Any:
    """All channels of a group, as two-dimensional convolutions of one group: XLA is several times slower in others."""
    groups = x.shape[-1] // kernel.shape[-2]
    if 1 < groups <= _MOST:
        pairs = zip(jnp.split(x, groups, -1), jnp.split(kernel, groups, -1), strict=True)
        return jnp.concatenate([_met(part, own, how) for part, own in pairs], -1)
    if len(how.strides) == 3:
        flat = how.without_depth()
        along = _How(how.strides[:1], how.pads[:1], how.dilation[:1])
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


@partial(jax.custom_jvp, nondiff_argnums=(2,))
def _all(x: Any, kernel: Any, how: _How) -> Any:
    """`_met`, with a gradient by the kernel that is products of matrices."""
    return _met(x, kernel, how)


@partial(_all.defjvp, symbolic_zeros=True)
def _all_jvp(how: _How, primals: Any, tangents: Any) -> tuple[Any, Any]:
    x, kernel = primals
    y = _all(x, kernel, how)
    channels, filters = kernel.shape[-2:]
    groups = x.shape[-1] // channels

    def joined(part: Any, tap: Any) -> Any:
        if groups == 1:
            return product(part, tap)
        rows = part.reshape(-1, groups, channels)
        out = jnp.einsum("ngc,cgf->ngf", rows, tap.reshape(channels, groups, filters // groups))
        return out.reshape(*part.shape[:-1], filters)

    by_kernel = lambda change: _met_one_by_one(x, change, how, y, joined)  # noqa: E731
    return y, _tangent(*tangents, lambda change: _met(change, kernel, how), by_kernel, y)


def _spread_met(x: Any, kernel: Any, how: _How) -> Any:
    if len(how.strides) < 3:
        return _stretched(x, kernel, how, "channels_last")
    flat = x.reshape(-1, *x.shape[2:])
    planes = [_stretched(flat, k, how.without_depth(), "channels_last") for k in kernel]
    rows = (out.reshape(*x.shape[:2], -1) for out in planes)
    whole = _total(_padded(row, how.ends(kernel, (i,))) for i, row in enumerate(rows))
    return whole.reshape(*whole.shape[:2], *planes[0].shape[1:])


@partial(jax.custom_jvp, nondiff_argnums=(2,))
def _spread(x: Any, kernel: Any, how: _How) -> Any:
    """The gradient of a convolution by its input; `how.pads` go around the input with zeros between its elements."""
    return _spread_met(x, kernel, how)


@partial(_spread.defjvp, symbolic_zeros=True)
def _spread_jvp(how: _How, primals: Any, tangents: Any) -> tuple[Any, Any]:
    x, kernel = primals
    y = _spread(x, kernel, how)

    reach = [span - 1 for span in how.spans(kernel)]
    whole = [(n - 1) * s + 1 + r for n, s, r in zip(x.shape[1:], how.strides, reach, strict=False)]

    def by_kernel(change: Any) -> Any:
        zeros = jnp.zeros((x.shape[0], *whole, y.shape[-1]), x.dtype)

        def laid(first: Any, own: Any) -> Any:
            part = _padded(product(x, own.T), [(0, 0, s - 1) for s in how.strides])
            return lax.dynamic_update_slice(zeros, part, (_FIRST, *first, _FIRST))

        total = _one_by_one(laid, change, how, zeros)
        return _padded(total, [(lo - r, hi - r, 0) for r, (lo, hi) in zip(reach, how.pads, strict=True)])

    return y, _tangent(*tangents, lambda change: _spread_met(change, kernel, how), by_kernel, y)
