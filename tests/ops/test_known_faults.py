"""What other libraries are known to get wrong or to do in different ways on different engines: right here on all."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pytest

import kfront
from kfront import ops
from kfront.core.dtypes import result_type

F = np.float32
A = np.arange(24, dtype="float32").reshape(2, 3, 4)
NAN, INF = np.nan, np.inf


def parted(kth):
    """The element of rank `kth` is in its place, smaller ones before it, no index missing."""
    x = np.array([0.5, -1.25, 3.75, -0.75, 2.5], "float32")
    index = ops.convert_to_numpy(ops.argpartition(x, kth))
    assert sorted(index.tolist()) == [0, 1, 2, 3, 4]
    assert x[index[kth]] == np.sort(x)[kth] and (x[index[:kth]] <= x[index[kth]]).all()
    return x[index[kth]]


# name -> (what is computed, what NumPy says); values and, where NumPy gives it, the shape
CASES = {
    "argpartition of floats": (lambda: parted(2), F(0.5)),
    "argpartition, last": (lambda: parted(-1), F(3.75)),
    "pad symmetric": (
        lambda: ops.pad(A[0], ((2, 1), (1, 3)), "symmetric"),
        np.pad(A[0], ((2, 1), (1, 3)), "symmetric"),
    ),
    "pad symmetric, all of it": (lambda: ops.pad(A[0, 0], ((4, 4),), "symmetric"), np.pad(A[0, 0], 4, "symmetric")),
    "pad reflect": (lambda: ops.pad(A[0], ((2, 1), (3, 0)), "reflect"), np.pad(A[0], ((2, 1), (3, 0)), "reflect")),
    "cross of axes": (
        lambda: ops.cross(np.moveaxis(A, 1, 0), np.moveaxis(A + 1, 1, 2), axisa=0, axisb=2, axisc=1),
        np.cross(np.moveaxis(A, 1, 0), np.moveaxis(A + 1, 1, 2), axisa=0, axisb=2, axisc=1),
    ),
    "cross in two dimensions": (
        lambda: ops.cross(A[0, :, :2], A[1, :, :2]),
        A[0, :, 0] * A[1, :, 1] - A[0, :, 1] * A[1, :, 0],
    ),
    "cross along axis": (lambda: ops.cross(A, A + 2, axis=1), np.cross(A, A + 2, axis=1)),
    "median of an even count": (lambda: ops.median(F([4, 1, 3, 2])), F(2.5)),
    "median over two axes": (lambda: ops.median(A, axis=(0, 2), keepdims=True), np.median(A, (0, 2), keepdims=True)),
    "nanmedian": (lambda: ops.nanmedian(F([NAN, 1, 4, 2, 3])), F(2.5)),
    "dot of vector and tensor": (lambda: ops.dot(A[0, :, 0], A), np.dot(A[0, :, 0], A)),
    "dot of tensor and tensor": (lambda: ops.dot(A, A.transpose(0, 2, 1)), np.dot(A, A.transpose(0, 2, 1))),
    "dot of scalar and tensor": (lambda: ops.dot(F(2), A), 2 * A),
    "dot of tensor and vector": (lambda: ops.dot(A, A[0, 0]), np.dot(A, A[0, 0])),
    "inner of tensors": (lambda: ops.inner(A, A[0]), np.inner(A, A[0])),
    "average with weights": (lambda: ops.average(A, axis=1, weights=F([1, 2, 3])), np.average(A, 1, F([1, 2, 3]))),
    "average with full weights": (lambda: ops.average(A, weights=A + 1), np.average(A, weights=A + 1)),
    "average of integers": (lambda: ops.average(np.int32([1, 2]), weights=np.int32([1, 3])), F(1.75)),
    "any of axes": (lambda: ops.any(A > 20, axis=(0, -1)), (A > 20).any((0, -1))),
    "all of axes": (lambda: ops.all(A >= 0, axis=(1, 2), keepdims=True), (A >= 0).all((1, 2), keepdims=True)),
    "prod of axes": (lambda: ops.prod(A[:, :2, :2] + 1, axis=(0, 2)), (A[:, :2, :2] + 1).prod((0, 2))),
    "sum of negative axes": (lambda: ops.sum(A, axis=(-1, -3)), A.sum((-1, -3))),
    "max of axes": (lambda: ops.max(A, axis=(0, 1)), A.max((0, 1))),
    "var of axes": (lambda: ops.var(A, axis=(0, 2)), A.var((0, 2))),
    "logsumexp of axes": (lambda: ops.logsumexp(A, axis=(0, 2)), np.log(np.exp(A).sum((0, 2)))),
    "divide_no_nan": (lambda: ops.divide_no_nan(F([1, 2, 0]), F([0, 4, 0])), F([0, 0.5, 0])),
    "sum of bools": (lambda: ops.sum(np.array([True, True, False])), np.int32(2)),
    "mean of bools": (lambda: ops.mean(np.array([True, True, False, True])), F(0.75)),
    "mean of integers": (lambda: ops.mean(np.int32([1, 2])), F(1.5)),
    "sum of bytes": (lambda: ops.sum(np.full(300, 200, "uint8")), 60000),
    "sum of int8": (lambda: ops.sum(np.full(300, 100, "int8")), 30000),
    "prod of bools": (lambda: ops.prod(np.array([True, False])), 0),
    "max of bools": (lambda: ops.max(np.array([False, True])), True),
    "mean of halves": (lambda: ops.mean(np.full(70000, 1.0, "float16")), np.float16(1)),
    "mean of large halves": (lambda: ops.mean(np.full(100, 60000.0, "float16")), np.float16(60000)),
    "variance of halves": (lambda: ops.var(np.float16([60000, 59968])), np.float16(256)),
    "sum of none": (lambda: ops.sum(np.zeros((0, 3), "float32"), axis=0), np.zeros(3)),
    "prod of none": (lambda: ops.prod(np.zeros((0,), "float32")), 1),
    "any of none": (lambda: ops.any(np.zeros((0,), "bool")), False),
    "all of none": (lambda: ops.all(np.zeros((0,), "bool")), True),
    "concatenate with none": (lambda: ops.concatenate([np.zeros((0, 2), "float32"), A[0, :, :2]]), A[0, :, :2]),
    "matmul of none": (lambda: ops.matmul(np.zeros((2, 0), "float32"), np.zeros((0, 3), "float32")), np.zeros((2, 3))),
    "sort of none": (lambda: ops.sort(np.zeros((0,), "float32")), np.zeros(0)),
    "cumsum of none": (lambda: ops.cumsum(np.zeros((2, 0), "float32"), 1), np.zeros((2, 0))),
    "reshape of none": (lambda: ops.reshape(np.zeros((0, 3), "float32"), (3, 0)), np.zeros((3, 0))),
    "0-d": (lambda: ops.sum(F(3)), F(3)),
    "0-d sort of axes": (lambda: ops.max(F(3), axis=()), F(3)),
    "0-d transpose": (lambda: ops.transpose(F(3)), F(3)),
    "0-d ravel": (lambda: ops.ravel(F(3)), F([3])),
    "0-d argmax": (lambda: ops.argmax(F(3)), 0),
    "sort puts NaN last": (lambda: ops.sort(F([3, NAN, -INF, INF, 1])), F([-INF, 1, 3, INF, NAN])),
    "argsort puts NaN last": (lambda: ops.argsort(F([3, NAN, -INF, INF, 1])), [2, 4, 0, 3, 1]),
    "argmax of NaN": (lambda: ops.argmax(F([1, NAN, 3])), 1),
    "argmin of NaN": (lambda: ops.argmin(F([1, NAN, -3])), 1),
    "max of NaN": (lambda: ops.max(F([1, NAN, 3])), NAN),
    "min of NaN": (lambda: ops.min(F([NAN, 1])), NAN),
    "maximum with NaN": (lambda: ops.maximum(F([1, NAN]), F([NAN, 2])), [NAN, NAN]),
    "nanmax": (lambda: ops.nanmax(F([1, NAN, 3])), 3),
    "clip of NaN": (lambda: ops.clip(F([NAN, 5, -INF]), 0, 1), [NAN, 1, 0]),
    "sign of NaN": (lambda: ops.sign(F([NAN, -0.0, -INF])), [NAN, 0, -1]),
    "argmax of ties": (lambda: ops.argmax(F([1, 3, 3])), 1),
    "top_k of ties": (lambda: ops.top_k(F([2, 3, 3, 1]), 2)[1], [1, 2]),
    "round to even": (lambda: ops.round(F([0.5, 1.5, 2.5, -0.5])), [0, 2, 2, -0.0]),
    "floor_divide of negatives": (lambda: ops.floor_divide(np.int32([-7, 7]), np.int32([2, -2])), [-4, -4]),
    "mod of negatives": (lambda: ops.mod(F([-7, 7]), F([2, -2])), [1, -1]),
    "arange by floats": (lambda: ops.arange(0, 1, 0.25), np.arange(0, 1, 0.25)),
    "linspace of one": (lambda: ops.linspace(2.0, 5.0, 1), [2.0]),
    "take, negative": (lambda: ops.take(A, [-1, 0], axis=-2), np.take(A, [-1, 0], -2)),
    "roll over axes": (lambda: ops.roll(A, (1, -1), (0, 2)), np.roll(A, (1, -1), (0, 2))),
    "expand_dims of axes": (lambda: ops.expand_dims(A, (0, -1)), np.expand_dims(A, (0, -1))),
    "tile beyond the rank": (lambda: ops.tile(A[0, 0], (2, 1, 2)), np.tile(A[0, 0], (2, 1, 2))),
    "searchsorted right": (lambda: ops.searchsorted(F([1, 2, 2, 3]), F([2, 0, 4]), side="right"), [3, 0, 4]),
    "digitize": (lambda: ops.digitize(F([0.5, 1, 2.5]), F([1, 2])), [0, 1, 2]),
    "histogram": (lambda: ops.histogram(F([1, 2, 2, 5]), 4)[0], np.histogram(F([1, 2, 2, 5]), 4)[0]),
}


@pytest.mark.parametrize("name", CASES)
def test_values(backend, name):
    call, expected = CASES[name]
    out = ops.convert_to_numpy(call()).astype("float64")
    assert out.shape == np.shape(expected)
    np.testing.assert_allclose(out, np.asarray(expected, "float64"), rtol=2e-6)


def test_gradients_of_divide_no_nan(trainable_backend):
    x, y = ops.array([1.0, 2.0, 0.0]), ops.array([0.0, 4.0, 0.0])
    found = kfront.grad(lambda x, y: ops.sum(ops.divide_no_nan(x, y)), argnums=(0, 1))(x, y)
    np.testing.assert_allclose(ops.convert_to_numpy(found[0]), [0.0, 0.25, 0.0])
    np.testing.assert_allclose(ops.convert_to_numpy(found[1]), [0.0, -0.125, 0.0])


GRADIENTS = {
    "norm at 0": (lambda x: ops.norm(x), [0.0, 0.0], [0.0, 0.0]),
    "sqrt of where": (
        lambda x: ops.sum(ops.where(x > 0, ops.sqrt(ops.where(x > 0, x, 1.0)), 0.0)),
        [4.0, 0.0],
        [0.25, 0.0],
    ),
    "abs at 0": (lambda x: ops.sum(ops.abs(x)), [0.0, -2.0], [0.0, -1.0]),
    "relu at 0": (lambda x: ops.sum(ops.relu(x)), [0.0, 2.0], [0.0, 1.0]),
    "fmod at 0": (lambda x: ops.sum(ops.fmod(x, 2.0)), [0.0, 5.0], [1.0, 1.0]),
    "logsumexp far out": (lambda x: ops.logsumexp(x), [1e4, -1e4], [1.0, 0.0]),
    "softplus far out": (lambda x: ops.sum(ops.softplus(x)), [1e4, -1e4], [1.0, 0.0]),
    "log_sigmoid far out": (lambda x: ops.sum(ops.log_sigmoid(x)), [1e4, -1e4], [0.0, 1.0]),
    "i0 at 0": (lambda x: ops.sum(ops.i0(x)), [0.0, 1.0], [0.0, 0.5651591]),
    "det of a singular matrix": (
        lambda x: ops.det(ops.reshape(x, (2, 2))),
        [1.0, 2.0, 2.0, 4.0],
        [4.0, -2.0, -2.0, 1.0],
    ),
    "slogdet of a singular matrix": (lambda x: ops.slogdet(ops.reshape(x, (2, 2)))[1], [1.0, 2.0, 2.0, 4.0], [NAN] * 4),
}


@pytest.mark.parametrize("name", GRADIENTS)
def test_gradients(trainable_backend, name):
    f, x, expected = GRADIENTS[name]
    np.testing.assert_allclose(ops.convert_to_numpy(kfront.grad(f)(ops.array(x))), expected, rtol=1e-5, atol=1e-6)


def transposed(x, kernel, stride, dilation, padding):
    """Every element of `x` puts a copy of the kernel into the output; then the edges are cut as Keras documents."""
    steps, reach = x.shape[1], dilation * (kernel.shape[0] - 1) + 1
    full = np.zeros((x.shape[0], (steps - 1) * stride + reach, kernel.shape[1]))
    for i in range(steps):
        for k in range(kernel.shape[0]):
            full[:, i * stride + k * dilation] += x[:, i] @ kernel[k].T
    if padding == "valid":
        return np.concatenate([full, np.zeros((x.shape[0], max(stride - reach, 0), kernel.shape[1]))], 1)
    start = max(reach - stride, 0) // 2
    wide = np.concatenate([full, np.zeros((x.shape[0], stride, kernel.shape[1]))], 1)
    return wide[:, start : start + steps * stride]


@pytest.mark.parametrize("padding", ["same", "valid"])
def test_transposed_convolutions(backend, padding):
    """Every stride, kernel size and dilation (only one of stride and dilation may exceed 1, as documented)."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(1, 5, 2)).astype("float32")
    for size, stride, dilation in itertools.product(range(1, 6), range(1, 5), range(1, 4)):
        if stride > 1 and dilation > 1:
            continue
        kernel = rng.normal(size=(size, 3, 2)).astype("float32")
        out = ops.conv_transpose(x, kernel, stride, padding, dilation_rate=dilation)
        expected = transposed(x, kernel, stride, dilation, padding)
        np.testing.assert_allclose(
            ops.convert_to_numpy(out), expected, atol=1e-5, err_msg=f"size {size}, stride {stride}, dilation {dilation}"
        )


@pytest.mark.parametrize("padding", ["same", "valid"])
def test_pooling(backend, padding):
    """The edges that padding adds count neither for maxima nor for means."""
    x = -1.0 - np.arange(7, dtype="float32").reshape(1, 7, 1)
    for size, stride in itertools.product(range(1, 5), range(1, 4)):
        steps = -(-7 // stride) if padding == "same" else (7 - size) // stride + 1
        start = max((steps - 1) * stride + size - 7, 0) // 2 if padding == "same" else 0
        windows = [x[0, max(i * stride - start, 0) : i * stride - start + size, 0] for i in range(steps)]
        for pool, reduce in ((ops.max_pool, np.max), (ops.average_pool, np.mean)):
            out = ops.convert_to_numpy(pool(x, size, stride, padding))[0, :, 0]
            np.testing.assert_allclose(out, [reduce(w) for w in windows], rtol=1e-6, err_msg=f"{size} {stride}")


def test_python_scalars_take_the_dtype_of_arrays(backend):
    for dtype in ("float16", "bfloat16", "float32", "int8", "int32", "uint8"):
        x = ops.cast(ops.array([1, 2]), dtype)
        assert kfront.backend.standardize_dtype((x + 1).dtype) == dtype
        assert kfront.backend.standardize_dtype((2 * x).dtype) == dtype
        wanted = dtype if "float" in dtype else "float32"
        assert kfront.backend.standardize_dtype(ops.add(x, 1.5).dtype) == wanted
        assert kfront.backend.standardize_dtype(ops.divide(x, 2).dtype) == wanted
    assert kfront.backend.standardize_dtype(ops.add(ops.array([True]), 1).dtype) == "int32"


TABLE = json.loads((Path(__file__).parent / "keras_promotion.json").read_text())


@pytest.mark.parametrize("first", TABLE)
def test_the_promotion_table_is_that_of_keras(first):
    """Every pair of dtypes and Python numbers: what `keras.backend.result_type` 3.15 gives with 64-bit types.

    One difference: there uint64 beside unsigned types, bools and Python integers, itself included, becomes uint32,
    which loses values; here it stays uint64.
    """
    kinds = {"int": int, "float": float}
    found = [result_type(kinds.get(first, first), kinds.get(second, second)) for second in TABLE]
    wide = [f if f == "uint64" else k for f, k in zip(found, TABLE[first].split(), strict=True)]
    assert found == wide
    for second, kind in zip(TABLE, found, strict=True):
        assert kind != "uint64" or "uint64" in (first, second)


def test_sums_have_the_promoted_dtype(backend):
    """The table holds for what ops give, on every engine, for the dtypes that it has."""
    names = [n for n in TABLE if n not in ("int", "float")]
    own = {n: kfront.backend.standardize_dtype(ops.cast(ops.array([1, 2]), n).dtype) for n in names}
    kept = [n for n in names if own[n] == n]
    assert {"bool", "int8", "int32", "float16", "bfloat16", "float32"} <= set(kept)
    for a, b in itertools.combinations_with_replacement(kept, 2):
        wanted = TABLE[a].split()[list(TABLE).index(b)]
        if wanted in kept and "uint64" not in (a, b):
            out = ops.maximum(ops.cast(ops.array([1, 0]), a), ops.cast(ops.array([0, 1]), b))
            assert kfront.backend.standardize_dtype(out.dtype) == wanted, (a, b)
