"""Reductions, scans along an axis, sorting, searching, counting."""

from __future__ import annotations

import builtins
import math

import mlx.core as mx

from kfront.backends.typing import Axes, Function
from kfront.core import shapes
from kfront.core.errors import ArgumentError
from kfront_mlx.common import FLOATING, axes, every_axis, in_float32, known, number, summed
from kfront_mlx.elementwise import exp, maximum, minimum


@summed
def sum(x: mx.array, axis: Axes = None, keepdims: bool = False) -> mx.array:
    return mx.sum(x, axes(axis), keepdims=keepdims).astype(x.dtype)


def prod(x: mx.array, axis: Axes = None, keepdims: bool = False, dtype: str | None = None) -> mx.array:
    """Product, with the gradient of running products: right with zeros among the factors."""
    if x.dtype not in FLOATING:
        return mx.prod(x, axes(axis), keepdims=keepdims).astype(x.dtype)
    return _product(x, axis, keepdims)


@in_float32
def _product(x: mx.array, axis: Axes, keepdims: bool) -> mx.array:
    where = every_axis(x, axis)
    rest = [a for a in range(x.ndim) if a not in where]
    sizes = [x.shape[a] for a in rest]
    flat = mx.transpose(x, [*rest, *where]).reshape([*sizes, math.prod(x.shape[a] for a in where)])
    while flat.shape[-1] > 1:  # halves are multiplied: a product of two has its factors as derivatives
        n = flat.shape[-1]
        pairs = flat[..., : n // 2] * flat[..., n // 2 : 2 * (n // 2)]
        flat = pairs if n % 2 == 0 else mx.concatenate([pairs, flat[..., -1:]], -1)
    flat = flat.squeeze(-1) if flat.shape[-1] else mx.ones(flat.shape[:-1], x.dtype)
    return mx.expand_dims(flat, where) if keepdims and where else flat


def max(x: mx.array, axis: Axes = None, keepdims: bool = False, initial: mx.array | float | None = None) -> mx.array:
    return _extreme(mx.max, maximum, x, axis, keepdims, initial)


def min(x: mx.array, axis: Axes = None, keepdims: bool = False, initial: mx.array | float | None = None) -> mx.array:
    return _extreme(mx.min, minimum, x, axis, keepdims, initial)


def _extreme(
    fn: Function[mx.array],
    pair: Function[mx.array],
    x: mx.array,
    axis: Axes,
    keepdims: bool,
    initial: mx.array | float | None,
) -> mx.array:
    if initial is None:
        return fn(x, axes(axis), keepdims=keepdims)
    start = initial.astype(x.dtype) if isinstance(initial, mx.array) else number(initial, x.dtype)
    if builtins.any(x.shape[a] == 0 for a in every_axis(x, axis)):
        return mx.broadcast_to(start, mx.sum(x, axes(axis), keepdims=keepdims).shape)
    return pair(fn(x, axes(axis), keepdims=keepdims), start)


@summed
def mean(x: mx.array, axis: Axes = None, keepdims: bool = False) -> mx.array:
    return mx.mean(x, axes(axis), keepdims=keepdims)


@summed
def var(x: mx.array, axis: Axes = None, keepdims: bool = False) -> mx.array:
    centered = x - mx.mean(x, axes(axis), keepdims=True)
    rest = mx.mean(centered, axes(axis), keepdims=True)  # by which rounding has missed the mean
    return mx.mean(mx.square(centered - rest), axes(axis), keepdims=keepdims)


@summed
def std(x: mx.array, axis: Axes = None, keepdims: bool = False) -> mx.array:
    variance = var(x, axis, keepdims)
    zero = variance == 0  # the gradient of sqrt is infinite there
    return mx.where(zero, mx.zeros_like(variance), mx.sqrt(mx.where(zero, mx.ones_like(variance), variance)))


def all(x: mx.array, axis: Axes = None, keepdims: bool = False) -> mx.array:
    return mx.all(x, axes(axis), keepdims=keepdims)


def any(x: mx.array, axis: Axes = None, keepdims: bool = False) -> mx.array:
    return mx.any(x, axes(axis), keepdims=keepdims)


@in_float32
def logsumexp(x: mx.array, axis: Axes = None, keepdims: bool = False) -> mx.array:
    if not x.size:
        return mx.log(mx.sum(x, axes(axis), keepdims=keepdims))
    top = mx.stop_gradient(mx.max(x, axes(axis), keepdims=True))
    top = mx.where(mx.isfinite(top), top, mx.zeros_like(top))
    out = mx.log(mx.sum(exp(x - top), axes(axis), keepdims=True)) + top
    return out if keepdims else mx.squeeze(out, every_axis(x, axis)) if x.ndim else out


def argmax(x: mx.array, axis: int | None = None, keepdims: bool = False) -> mx.array:
    return _position(mx.argmax, x, axis, keepdims)


def argmin(x: mx.array, axis: int | None = None, keepdims: bool = False) -> mx.array:
    return _position(mx.argmin, x, axis, keepdims)


def _position(fn: Function[mx.array], x: mx.array, axis: int | None, keepdims: bool) -> mx.array:
    """The first of equals; NaN counts as the extreme, as in NumPy."""
    if not x.ndim:
        return mx.array(0, mx.int32)
    if x.dtype == mx.bool_:
        x = x.astype(mx.uint8)
    if x.dtype in FLOATING:
        x = mx.where(mx.isnan(x), number(math.inf if fn is mx.argmax else -math.inf, x.dtype), x)
    return fn(mx.stop_gradient(x), axis, keepdims=keepdims).astype(mx.int32)


@in_float32
def cumsum(x: mx.array, axis: int | None = None, dtype: str | None = None) -> mx.array:
    return mx.cumsum(x.reshape(-1) if axis is None else x, 0 if axis is None else axis).astype(x.dtype)


@in_float32
def cumprod(x: mx.array, axis: int | None = None, dtype: str | None = None) -> mx.array:
    """Running products by doubling the reach: the derivatives of the steps are right with zeros among the factors."""
    x, axis = (x.reshape(-1), 0) if axis is None else (x, axis)
    if x.dtype not in FLOATING:
        return mx.cumprod(x, axis).astype(x.dtype)
    out, reach = mx.moveaxis(x, axis, -1), 1
    while reach < out.shape[-1]:
        out = mx.concatenate([out[..., :reach], out[..., reach:] * out[..., :-reach]], -1)
        reach *= 2
    return mx.moveaxis(out, -1, axis)


def sort(x: mx.array, axis: int | None = -1) -> mx.array:
    if axis is None:
        x, axis = x.reshape(-1), 0
    return mx.take_along_axis(x, argsort(x, axis), axis) if x.dtype in FLOATING else mx.sort(x, axis)


def argsort(x: mx.array, axis: int | None = -1) -> mx.array:
    if axis is None:
        x, axis = x.reshape(-1), 0
    return mx.argsort(mx.stop_gradient(x), axis).astype(mx.int32)


def top_k(x: mx.array, k: int, sorted: bool = True, is_stable: bool = True) -> tuple[mx.array, mx.array]:
    """The k largest along the last axis; of equals the first comes first."""
    shapes.top_k(x, k)
    n = x.shape[-1]
    where = n - 1 - argsort(mx.stop_gradient(x)[..., ::-1])
    where = where[..., ::-1][..., :k]
    return mx.take_along_axis(x, where, -1), where.astype(mx.int32)


def searchsorted(sorted_sequence: mx.array, values: mx.array, side: str = "left") -> mx.array:
    """By counting what is smaller, as MLX's own has no batches of sequences under `vmap`."""
    one, other = sorted_sequence, mx.expand_dims(values, -1)
    return mx.sum(one < other if side == "left" else one <= other, -1).astype(mx.int32)


def bincount(x: mx.array, weights: mx.array | None = None, minlength: int = 0, sparse: bool = False) -> mx.array:
    length = int(minlength or 0)
    if known(x):
        length = builtins.max(length, int(mx.max(x).item()) + 1 if x.size else 0)
    elif not length:
        raise ArgumentError("[bincount] expected `minlength` inside compiled code on MLX, got 0; pass it.")
    kind = mx.int32 if weights is None else weights.dtype
    hits = mx.expand_dims(x, -1) == mx.arange(length).astype(x.dtype)
    counted = hits.astype(kind) if weights is None else mx.where(hits, mx.expand_dims(weights, -1), number(0, kind))
    return mx.sum(counted, -2).astype(kind)
