"""Ops where an engine's own function is wrong (`conformance/upstream`): every engine gives what is right."""

from __future__ import annotations

import math

import numpy as np
import pytest

import kfront
from kfront import ops
from kfront.backends import installed

TRAINS = [b for b in installed() if b != "numpy"]
NAN = math.nan


def slope(fn, x):
    """The gradient of the sum of `fn` at a NumPy array."""
    found = kfront.transforms.grad(lambda a: ops.sum(fn(a)))(ops.convert_to_tensor(x))
    return ops.convert_to_numpy(found)


@pytest.mark.parametrize("backend", installed())
def test_narrow_negative_indices(backend):
    x, last = np.arange(300, dtype="int32"), np.array([-1], "int8")
    with kfront.backend_scope(backend):
        assert ops.convert_to_numpy(ops.take(x, last)).tolist() == [299]
        assert ops.convert_to_numpy(ops.take_along_axis(x, last, 0)).tolist() == [299]
        found = ops.get_item(ops.convert_to_tensor(x), ops.convert_to_tensor(last))
        assert ops.convert_to_numpy(found).tolist() == [299]


@pytest.mark.parametrize("backend", installed())
@pytest.mark.parametrize("side", ["left", "right"])
def test_nan_is_searched_behind_all_numbers(backend, side):
    with kfront.backend_scope(backend):
        found = ops.searchsorted(np.array([1.0, 2.0], "float32"), np.array([NAN, 3.0, 0.0], "float32"), side)
        assert ops.convert_to_numpy(found).tolist() == [2, 2, 0]


@pytest.mark.parametrize("backend", TRAINS)
@pytest.mark.parametrize(
    "x",
    [
        np.array([[1.0, 2, 0, 0], [2, 4, 0, 0], [0, 0, 3, 0], [0, 0, 0, 1]]),  # a pivot that is 0 in the middle
        np.array([[0.0, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]),
        np.diag([1.0, 1, 0, 0]),  # of rank n - 2: no gradient
        np.array([[1.0, 2], [2, 4]]),
    ],
    ids=["middle", "first", "rank 2", "2x2"],
)
def test_gradient_of_the_determinant_of_singular_matrices(backend, x):
    minors = [[np.linalg.det(np.delete(np.delete(x, i, 0), j, 1)) for j in range(len(x))] for i in range(len(x))]
    cofactors = np.array([[(-1) ** (i + j) * minors[i][j] for j in range(len(x))] for i in range(len(x))])
    with kfront.backend_scope(backend):
        np.testing.assert_allclose(slope(ops.linalg.det, x.astype("float32")), cofactors, atol=1e-4)


@pytest.mark.parametrize("backend", TRAINS)
def test_second_derivative_of_sinc_at_0(backend):
    with kfront.backend_scope(backend):
        twice = kfront.transforms.grad(kfront.transforms.grad(ops.sinc))
        assert float(twice(ops.convert_to_tensor(np.float32(0)))) == pytest.approx(-(math.pi**2) / 3)


@pytest.mark.parametrize("backend", TRAINS)
def test_zeros_in_products(backend):
    with kfront.backend_scope(backend):
        assert slope(ops.cumprod, np.array([0.0, 0, 3], "float32")).tolist() == [1, 0, 0]
        assert slope(ops.prod, np.array([0.0, 2, 3], "float32")).tolist() == [6, 0, 0]
