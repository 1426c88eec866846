"""Inference beyond the conformance suite, whose area `specs` compares symbolic and eager calls of every op."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from conformance.ops import specs
from conformance.ops.entry import floats, sample_of
from conformance.ops.running import run
from conformance.ops.samples import table

import kfront
from kfront import ops
from kfront.core.spec import Abstract, KerasTensor


@pytest.fixture(autouse=True)
def on_numpy() -> Any:
    with kfront.backend_scope("numpy"):
        yield


@pytest.mark.parametrize("options", [{}, {"window": "hamming"}, {"window": None}, {"center": False}, {"length": 9}])
def test_istft(options: dict[str, Any]) -> None:
    spectrum = (floats(2, 7, 5), floats(2, 7, 5))  # of no signal: engines agree only where windows overlap
    entry, sample = table()["istft"], sample_of((spectrum, 6, 2, 8), options, batch=False)
    specs.agree("numpy", entry, sample, run("numpy", entry, sample))


@pytest.mark.parametrize("dtype", ["float32", "int32"])
def test_creation_from_symbolic_shapes(dtype: str) -> None:
    x = Abstract((None, 3), "float32")
    for make in (ops.zeros, ops.ones):
        out = make(ops.shape(x), dtype=dtype)
        assert type(out) is Abstract and out.shape == (None, 3) and out.dtype == dtype
    assert ops.reshape(x, (ops.shape(x)[0], 3, 1)).shape == (None, 3, 1)
    assert ops.broadcast_to(np.ones(3, "float32"), ops.shape(x)).shape == (None, 3)
    assert ops.arange(ops.shape(x)[0]).shape == (None,)


def test_shape_of_symbolic_values() -> None:
    assert ops.shape(KerasTensor((None, 3))) == (None, 3)
    n, three = ops.shape(Abstract((None, 3), "float32"))
    assert type(n) is Abstract and n.shape == () and n.dtype == "int32" and three == 3


IMAGE = KerasTensor((None, None, None, None))


@pytest.mark.parametrize(
    ("infer", "shape"),
    [
        (lambda: ops.dot_product_attention(IMAGE, IMAGE, IMAGE), (None, None, None, None)),
        (lambda: ops.array_split(KerasTensor((None, 3)), 2)[1], (None, 3)),
        (lambda: ops.associative_scan(ops.add, KerasTensor((None, 3))), (None, 3)),
        (lambda: ops.view_as_complex(KerasTensor((None, None))), (None,)),
        (lambda: ops.image.gaussian_blur(IMAGE), (None, None, None, None)),
        (lambda: ops.image.sobel_edges(IMAGE), (None, None, None, None, 2)),
        (lambda: ops.image.ssim(IMAGE, IMAGE, 1.0), (None,)),
        (lambda: ops.istft((KerasTensor((None, None, 3)),) * 2, 4, 2, 4), (None, None)),
        (lambda: ops.istft((KerasTensor((None, 5, 3)),) * 2, 4, 2, 4), (None, 8)),
    ],
)
def test_sizes_that_nothing_depends_on_may_be_unknown(infer: Any, shape: tuple[int | None, ...]) -> None:
    assert infer().shape == shape


def test_a_depth_that_only_the_graph_knows() -> None:
    tf = pytest.importorskip("tensorflow")
    x = np.linspace(-1, 1, 24, dtype="float32").reshape(1, 3, 2, 4)
    with kfront.backend_scope("tensorflow"):
        attend = tf.function(ops.dot_product_attention, input_signature=[tf.TensorSpec((None,) * 4)] * 3)
        edges = tf.function(ops.image.sobel_edges, input_signature=[tf.TensorSpec((None,) * 4)])
        np.testing.assert_allclose(attend(x, x, x), ops.dot_product_attention(x, x, x), rtol=1e-6)
        np.testing.assert_allclose(edges(x), ops.image.sobel_edges(x), rtol=1e-6)
