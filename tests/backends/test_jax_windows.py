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


@pytest.mark.parametrize("name, start", [("sum", 0), ("max", -np.inf), ("min", np.inf)])
@pytest.mark.parametrize("kind", ["float32", "float16", "int8", "uint16", "bool"])
def test_segments_begin_with_what_changes_nothing(name: str, start: float, kind: str) -> None:
    if kind == "bool" and name == "sum":
        pytest.skip("sums of truth values are counts, of another type")
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
