"""Rows and windows on JAX, which have derivatives of their own, beside what JAX makes of the plain forms."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import kfront

jax = pytest.importorskip("jax")
jnp, lax = jax.numpy, jax.lax


@pytest.fixture(autouse=True)
def _on_jax() -> Any:
    with kfront.backend_scope("jax"):
        yield


def _numbers(shape: tuple[int, ...], seed: int = 0) -> Any:
    return jnp.asarray(np.random.default_rng(seed).standard_normal(shape, dtype="float32"))


def _same_derivatives(f: Callable[[Any], Any], plain: Callable[[Any], Any], x: Any, tolerance: float = 0.0) -> None:
    """Value, both modes, a batch of inputs and second derivatives."""
    dx = _numbers(x.shape, 1)

    def all_of(h: Callable[[Any], Any]) -> tuple[Any, ...]:
        slope = jax.grad(lambda x: jnp.nansum(h(x) ** 3))
        both = jnp.stack([x, dx])
        second = jax.grad(lambda x: (slope(x) * dx).sum())
        return h(x), slope(x), jax.jvp(h, (x,), (dx,))[1], jax.vmap(h)(both), jax.vmap(slope)(both), second(x)

    own, other = jax.jit(lambda: (all_of(f), all_of(plain)))()
    for a, b in zip(own, other, strict=True):
        np.testing.assert_allclose(a, b, tolerance, tolerance)


@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("indices", [2, [1, 1, 0], [[1, -1], [3, 9]], np.zeros((0, 2), "int32")])
def test_rows(axis: int, indices: Any) -> None:
    indices = jnp.asarray(indices, "int32")
    x = _numbers((4, 5, 4))
    _same_derivatives(lambda x: kfront.ops.take(x, indices, axis), lambda x: jnp.take(x, indices, axis), x, 1e-6)


@pytest.mark.parametrize("kind", ["int8", "uint8", "int64"])
def test_rows_at_positions_of_any_type(kind: str) -> None:
    places = np.array([0, 100, 127], kind)
    x = _numbers((300, 2))
    np.testing.assert_array_equal(kfront.ops.take(x, places, 0), np.asarray(x)[[0, 100, 127]])
    assert np.flatnonzero(jax.grad(lambda x: kfront.ops.take(x, places, 0).sum())(x)[:, 0]).tolist() == [0, 100, 127]


def test_rows_between_devices() -> None:
    """JAX keeps book there of what differs between devices; the gradient of a table that all share is summed."""
    from jax.sharding import AxisType
    from jax.sharding import PartitionSpec as P

    mesh = jax.make_mesh((1,), ("d",), axis_types=(AxisType.Auto,))
    table, places = _numbers((20, 3)), jnp.arange(8).reshape(4, 2)

    def gradient(f: Callable[[Any, Any], Any]) -> Any:
        shared = jax.shard_map(f, mesh=mesh, in_specs=(P(), P("d")), out_specs=P("d"))
        return jax.jit(jax.grad(lambda t: (shared(t, places) ** 2).sum()))(table)

    np.testing.assert_array_equal(
        gradient(lambda t, i: kfront.ops.take(t, i, 0)), gradient(lambda t, i: jnp.take(t, i, 0))
    )


_STARTS = {"sum": 0, "max": -np.inf, "min": np.inf}
_SEGMENTS = [
    (n, k) for n in _STARTS for k in ("float32", "float16", "int8", "uint16", "bool") if (n, k) != ("sum", "bool")
]


@pytest.mark.parametrize("name, kind", _SEGMENTS)
def test_segments_begin_with_what_changes_nothing(name: str, kind: str) -> None:
    start = _STARTS[name]
    data = jnp.asarray(np.random.default_rng(0).integers(0, 2, (6, 2)), kind)
    ids = jnp.array([0, 2, -1, 9, 2, 0])  # outside, so left out: -1, 9
    found = np.asarray(getattr(kfront.ops, f"segment_{name}")(data, ids, num_segments=4))
    if kind.startswith("float"):
        empty: Any = start
    else:
        empty = (start > 0) if kind == "bool" else np.clip(start, np.iinfo(kind).min, np.iinfo(kind).max)
    assert (found[[1, 3]] == empty).all()
    join = {"sum": np.sum, "max": np.max, "min": np.min}[name]
    np.testing.assert_array_equal(found[0], join(np.asarray(data)[[0, 5]], 0))
    np.testing.assert_array_equal(found[2], join(np.asarray(data)[[1, 4]], 0))


_WINDOWS = [  # shape, window, strides
    ((2, 9, 3), (2,), (2,)),
    ((2, 9, 3), (4,), (1,)),
    ((2, 8, 7, 3), (2, 2), (2, 2)),
    ((2, 8, 7, 3), (3, 3), (2, 2)),
    ((2, 8, 7, 3), (2, 3), (2, 1)),
    ((2, 8, 7, 3), (1, 2), (3, 3)),
    ((2, 11, 6, 2), (5, 6), (5, 6)),  # more than are compared at once
    ((1, 5, 4, 6, 2), (2, 2, 2), (2, 2, 2)),
    ((1, 5, 4, 6, 2), (3, 2, 3), (2, 2, 1)),
]


@pytest.mark.sampled(4)
@pytest.mark.parametrize("shape, window, strides", _WINDOWS)
@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("kind", ["max", "average"])
def test_windows(shape: Any, window: Any, strides: Any, padding: str, kind: str) -> None:
    layout = "channels_last" if padding == "valid" else "channels_first"
    x = _numbers(shape)
    size, step = (1, *window, 1), (1, *strides, 1)

    def plain(x: Any) -> Any:
        if kind == "max":
            return lax.reduce_window(x, np.float32(-np.inf), lax.max, size, step, padding.upper())
        total, ones = (
            lax.reduce_window(v, np.float32(0), lax.add, size, step, padding.upper()) for v in (x, jnp.ones(x.shape))
        )
        return total / ones

    def pooled(x: Any) -> Any:
        pool = getattr(kfront.ops, f"{kind}_pool")
        if layout == "channels_last":
            return pool(x, window, strides, padding, layout)
        return jnp.moveaxis(pool(jnp.moveaxis(x, -1, 1), window, strides, padding, layout), 1, -1)

    _same_derivatives(pooled, plain, x, 1e-5)
    ties = jnp.maximum(jnp.round(x), 0)  # the first of equal ones has the whole gradient
    g = _numbers(pooled(x).shape, 1)
    own, other = jax.jit(lambda: [jax.vjp(h, ties)[1](g)[0] for h in (pooled, plain)])()
    np.testing.assert_allclose(own, other, 1e-5, 1e-5)


@pytest.mark.parametrize("kind", ["float16", "bfloat16", "int8", "int32"])
def test_windows_of_other_types(kind: str) -> None:
    x = jnp.asarray(np.random.default_rng(0).integers(-50, 50, (1, 6, 6, 2)), kind)
    out = kfront.ops.max_pool(x, 3, 2, "same")
    assert str(out.dtype) == kind
    np.testing.assert_array_equal(out[0, 1, 1], x[0, 2:5, 2:5].max((0, 1)))


@pytest.mark.parametrize("at", range(4))
def test_a_window_with_nan_has_nan(at: int) -> None:
    x = jnp.ones((1, 2, 4, 1)).at[0, at // 2, at % 2, 0].set(jnp.nan)
    np.testing.assert_array_equal(np.ravel(kfront.ops.max_pool(x, 2)), [np.nan, 1.0])


def test_windows_of_a_size_that_stays_open() -> None:
    n, m = jax.export.symbolic_shape("n, 2*m")
    spec = jax.ShapeDtypeStruct((n, m, 4, 3), "float32")
    exported = jax.export.export(jax.jit(lambda x: kfront.ops.max_pool(x, 2)))(spec)
    x = _numbers((2, 6, 4, 3))
    np.testing.assert_array_equal(exported.call(x), kfront.ops.max_pool(x, 2))


_KERNELS = [  # input, kernel, strides, dilation; groups follow from the channels
    ((2, 9, 4), (3, 4, 5), (1,), (1,)),
    ((2, 9, 4), (3, 2, 6), (2,), (1,)),
    ((2, 9, 4), (3, 1, 8), (1,), (2,)),
    ((2, 7, 8, 4), (3, 3, 4, 3), (1, 1), (1, 1)),
    ((2, 7, 8, 4), (3, 2, 4, 3), (2, 1), (1, 1)),
    ((2, 7, 8, 4), (3, 2, 1, 4), (1, 1), (1, 1)),
    ((2, 7, 8, 4), (3, 2, 1, 8), (2, 2), (1, 1)),
    ((2, 7, 8, 4), (2, 3, 1, 4), (1, 1), (2, 3)),
    ((2, 7, 8, 4), (3, 3, 2, 6), (1, 2), (1, 1)),
    ((2, 7, 8, 4), (1, 1, 4, 6), (1, 1), (1, 1)),
    ((2, 7, 8, 4), (1, 1, 4, 6), (2, 3), (1, 1)),
    ((2, 7, 8, 1), (3, 3, 1, 6), (1, 1), (1, 1)),
    ((1, 5, 6, 4, 2), (2, 3, 2, 2, 3), (1, 2, 1), (2, 1, 1)),
    ((1, 5, 6, 4, 2), (2, 3, 2, 2, 3), (2, 1, 3), (1, 1, 1)),
    ((1, 5, 6, 4, 4), (3, 2, 2, 2, 6), (2, 1, 1), (1, 1, 1)),
    ((1, 5, 6, 4, 2), (3, 2, 1, 1, 2), (1, 1, 1), (1, 1, 1)),
]


@pytest.mark.sampled(4)
@pytest.mark.parametrize("shape, kernel, strides, dilation", _KERNELS)
@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("by", ["input", "kernel"])
def test_kernels(shape: Any, kernel: Any, strides: Any, dilation: Any, padding: str, by: str) -> None:
    layout = "channels_last" if padding == "valid" else "channels_first"
    space = "DHW"[3 - len(strides) :]

    def plain(x: Any, k: Any) -> Any:
        return lax.conv_general_dilated(
            x,
            k,
            strides,
            padding.upper(),
            rhs_dilation=dilation,
            dimension_numbers=(f"N{space}C", f"{space}IO", f"N{space}C"),
            feature_group_count=shape[-1] // kernel[-2],
        )

    def own(x: Any, k: Any) -> Any:
        if layout == "channels_last":
            return kfront.ops.conv(x, k, strides, padding, layout, dilation)
        return jnp.moveaxis(kfront.ops.conv(jnp.moveaxis(x, -1, 1), k, strides, padding, layout, dilation), 1, -1)

    x, k = _numbers(shape), _numbers(kernel, 2) / 3
    if by == "input":
        _same_derivatives(lambda x: own(x, k), lambda x: plain(x, k), x, 2e-4)
    else:
        _same_derivatives(lambda k: own(x, k), lambda k: plain(x, k), k, 2e-4)


@pytest.mark.sampled(4)
@pytest.mark.parametrize("shape, kernel, strides, dilation", [k for k in _KERNELS if k[1][-2] == k[0][-1]])
@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("by", ["input", "kernel"])
def test_transposed_kernels(shape: Any, kernel: Any, strides: Any, dilation: Any, padding: str, by: str) -> None:
    """A transposed convolution is the gradient of a convolution by its input."""
    if max(strides) > 1 and max(dilation) > 1:
        strides = (1,) * len(strides)
    kernel = (*kernel[:-2], 3, shape[-1])
    x, k = _numbers(shape), _numbers(kernel, 2) / 3
    own = lambda x, k: kfront.ops.conv_transpose(x, k, strides, padding, None, "channels_last", dilation)  # noqa: E731
    size = own(x, k).shape

    def plain(x: Any, k: Any) -> Any:
        space = "DHW"[3 - len(strides) :]
        numbers = (f"N{space}C", f"{space}IO", f"N{space}C")
        there = lambda y: lax.conv_general_dilated(  # noqa: E731
            y, k, strides, padding.upper(), rhs_dilation=dilation, dimension_numbers=numbers
        )
        return jax.linear_transpose(there, jax.ShapeDtypeStruct(size, "float32"))(x)[0]

    if by == "input":
        _same_derivatives(lambda x: own(x, k), lambda x: plain(x, k), x, 2e-4)
    else:
        _same_derivatives(lambda k: own(x, k), lambda k: plain(x, k), k, 2e-4)


def test_both_change_at_once() -> None:
    """Directions in input and kernel together, for each form of convolution."""
    for kernel, transposed in (((3, 2, 4, 3), False), ((3, 2, 1, 4), False), ((3, 2, 3, 4), True)):
        x, k = _numbers((2, 7, 8, 4)), _numbers(kernel, 2)
        f = kfront.ops.conv_transpose if transposed else kfront.ops.conv
        dx, dk = _numbers(x.shape, 3), _numbers(k.shape, 4)
        both = jax.jvp(f, (x, k), (dx, dk))[1]  # linear in each
        np.testing.assert_allclose(both, f(dx, k) + f(x, dk), 1e-4, 1e-4)


@pytest.mark.parametrize("kind", ["float16", "bfloat16"])
def test_narrow_numbers_are_summed_in_wide_ones(kind: str) -> None:
    """2048 and 63 halves: each half for itself would be lost, for the next larger numbers are 2 or 16 away."""
    x = jnp.full((1, 8, 8, 1), 0.5, kind).at[0, 0, 0, 0].set(2048)
    assert float(kfront.ops.conv(x, jnp.ones((8, 8, 1, 1), kind)).reshape(())) == 2080
    assert float(kfront.ops.average_pool(jnp.concatenate([x, x], 1), 8).sum()) == 2080 / 64 * 2


@pytest.mark.parametrize("padding", ["valid", "same"])
def test_largest_of_bools(padding):
    x = np.random.default_rng(0).random((2, 5, 3)) > 0.6
    with kfront.backend_scope("numpy"):
        expected = kfront.ops.max_pool(x, 2, padding=padding)
    out = kfront.ops.max_pool(jnp.asarray(x), 2, padding=padding)
    assert out.dtype == bool
    np.testing.assert_array_equal(out, expected)
