"""Misuse: the same exception class and message on every engine, at the op that was called."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from kfront import activations, layers, losses, metrics, ops
from kfront.core.errors import ArgumentError, KfrontError, ShapeError

X = np.ones((2, 5, 5, 3), "float32")
K = np.ones((3, 3, 3, 4), "float32")
M = np.ones((2, 3), "float32")

SHAPES = {
    "add": (
        lambda: ops.add(M, np.ones((4,), "float32")),
        r"\[add\] expected shapes that broadcast",
    ),
    "matmul": (lambda: ops.matmul(M, M), r"\[matmul\] expected the last dimension"),
    "reshape": (lambda: ops.reshape(M, (4, 2)), r"\[reshape\] expected a `newshape` of 6 elements"),
    "concatenate": (
        lambda: ops.concatenate([M, np.ones((2, 4), "float32")]),
        r"\[concatenate\] expected shapes that agree",
    ),
    "stack": (lambda: ops.stack([M, M[:1]]), r"\[stack\] expected tensors of one shape"),
    "split": (lambda: ops.split(M, 2, 1), r"\[split\] expected `indices_or_sections` to divide"),
    "squeeze": (lambda: ops.squeeze(M, 0), r"\[squeeze\] expected dimensions of 1"),
    "transpose": (lambda: ops.transpose(M, (0,)), r"\[transpose\] expected `axes` to be a permutation"),
    "sum": (lambda: ops.sum(M, 2), r"\[sum\] expected `axis` in \[-2, 2\)"),
    "conv": (lambda: ops.conv(X[..., :2], K), r"\[conv\] expected `kernel` with 2 input channels"),
    "conv rank": (lambda: ops.conv(X, K[0]), r"\[conv\] expected `kernel` of rank 4"),
    "conv of lines by planes": (lambda: ops.conv(X[0], K), r"\[conv\] expected `kernel` of rank 3"),
    "conv of planes by lines": (
        lambda: ops.conv(X, np.ones((1, 1, 3), "float32")),
        r"\[conv\] expected `kernel` of rank",
    ),
    "depthwise": (
        lambda: ops.depthwise_conv(X[0], np.ones((1, 1, 3, 2), "float32"), strides=2),
        r"\[depthwise_conv\] expected `kernel` of rank 3",
    ),
    "broadcast_to": (lambda: ops.broadcast_to(M, (2, 4)), r"\[broadcast_to\] expected a `shape`"),
    "einsum": (lambda: ops.einsum("ij,jk->ik", M, M), r"\[einsum\] expected one size for 'j'"),
    "solve": (lambda: ops.solve(M, M), r"\[solve\] expected square matrices"),
    "losses": (lambda: ops.categorical_crossentropy(M, M[:, :2]), r"\[categorical_crossentropy\] expected"),
    "attention": (lambda: ops.dot_product_attention(M, M, M), r"\[dot_product_attention\] expected `query`"),
    "fft of a number": (lambda: ops.fft((M[0, 0], M[0, 0])), r"\[fft\] expected `x` of rank >= 1"),
    "fft2 of a line": (lambda: ops.fft2((M[0], M[0])), r"\[fft2\] expected `x` of rank >= 2"),
    "ifft2 of a line": (lambda: ops.ifft2((M[0], M[0])), r"\[ifft2\] expected `x` of rank >= 2"),
    "none": (lambda: ops.concatenate([]), r"\[concatenate\] expected at least one tensor"),
}
ARGUMENTS = {
    "padding": (
        lambda: ops.conv(X, K, padding="full"),
        r"\[conv\] expected `padding` to be one of 'valid', 'same', got 'full'",
    ),
    "layout": (lambda: ops.max_pool(X, 2, data_format="NHWC"), r"\[max_pool\] expected `data_format` to be one of"),
    "mode": (lambda: ops.pad(M, 1, mode="mirror"), r"\[pad\] expected `mode` to be one of"),
    "constant": (lambda: ops.pad(M, 1, mode="reflect", constant_values=1), r"\[pad\] expected no `constant_values`"),
    "side": (lambda: ops.searchsorted(M[0], M, side="middle"), r"\[searchsorted\] expected `side` to be one of"),
    "reduction": (
        lambda: ops.scatter_update(M, [[0, 0]], [1.0], reduction="sub"),
        r"\[scatter_update\] expected `reduction`",
    ),
    "method": (lambda: ops.quantile(M, 0.5, method="best"), r"\[quantile\] expected `method` to be one of"),
    "qr": (lambda: ops.qr(M, mode="r"), r"\[qr\] expected `mode` to be one of"),
    "strides": (lambda: ops.conv(X, K, strides=(1, 2, 3)), r"\[conv\] expected `strides` to be a positive int or 2"),
    "indexing": (lambda: ops.meshgrid(M[0], indexing="yx"), r"\[meshgrid\] expected `indexing`"),
    "norm": (lambda: ops.norm(M, ord="best"), r"\[norm\] expected `ord`"),
    "activation": (lambda: activations.get("reluu"), "did you mean 'relu'"),
}


@pytest.mark.parametrize("name", list(SHAPES))
def test_shapes(backend: Any, name: str) -> None:
    call, message = SHAPES[name]
    with pytest.raises(ShapeError, match=message):
        call()


@pytest.mark.parametrize("name", list(ARGUMENTS))
def test_arguments(backend: Any, name: str) -> None:
    call, message = ARGUMENTS[name]
    with pytest.raises(ArgumentError, match=message):
        call()


def test_options_in_upper_case(backend: Any) -> None:
    assert ops.shape(ops.conv(X, K, padding="SAME")) == (2, 5, 5, 4)


@pytest.mark.parametrize(
    "use",
    [
        lambda: layers.Dense(1)(np.array([["a"]])),
        lambda: metrics.Mean()(["a"]),
        lambda: losses.MeanSquaredError()(np.array(["a"]), np.ones(1)),
    ],
    ids=["layer", "metric", "loss"],
)
def test_strings_are_no_numbers(use, backend):
    with pytest.raises(KfrontError) as caught:
        use()
    assert isinstance(caught.value, TypeError)


@pytest.mark.parametrize("values", [[1, 2**40], np.array([1, 2**63], "uint64")], ids=["list", "unsigned"])
def test_integers_that_do_not_fit_do_not_wrap_around(values, backend):
    if backend.name == "jax" and isinstance(values, np.ndarray):
        pytest.skip("JAX itself cuts arrays of 64 bits to 32, also where they enter compiled code")
    try:
        out = ops.convert_to_tensor(values)
    except ArgumentError as error:
        assert "expected" in str(error)
    else:
        assert [int(x) for x in ops.convert_to_numpy(out)] == list(values)
