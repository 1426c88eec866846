"""Gradients of composed bodies (not of what an engine puts in their place): right, and finite at kinks and far out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import kfront
from kfront import activations, ops
from kfront.core.op import OPS

SMOOTH = np.array([-5.3, -1.7, -0.7, 0.4, 1.3, 2.6, 5.2])
EDGES = np.array([-1e4, -100.0, -6.0, -3.0, -1.0, -0.5, 0.0, 0.5, 1.0, 3.0, 6.0, 100.0, 1e4])


def body(name: str, *static: Any) -> Callable[[Any], Any]:
    return lambda x: OPS[name].body(x, *static)  # type: ignore[misc]


def pair(f: Callable[[Any], Any], factor: float = 0.5) -> Callable[[Any], Any]:
    """`f` on rows (x, factor * x)."""
    return lambda x: f(ops.stack([x, ops.multiply(x, factor)], -1))


FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    **{n: body(n) for n in ("relu6", "silu", "log_sigmoid", "softsign", "hard_sigmoid", "hard_silu", "hard_tanh")},
    **{n: body(n) for n in ("tanh_shrink", "sparse_plus", "sparse_sigmoid", "selu", "square", "sinc", "fabs")},
    "leaky_relu": body("leaky_relu", 0.2),
    "elu": body("elu", 1.0),
    "celu": body("celu", 0.7),
    "gelu": body("gelu", True),
    "gelu_exact": body("gelu", False),
    "hard_shrink": body("hard_shrink", 0.5),
    "soft_shrink": body("soft_shrink", 0.5),
    "squareplus": body("squareplus", 4.0),
    "threshold": body("threshold", 0.6, -1.0),
    "mish": activations.mish,
    "nan_to_num": body("nan_to_num", 0.0, None, None),
    "hypot": lambda x: OPS["hypot"].body(x, ops.multiply(x, 0.5)),
    "divide_no_nan": lambda x: OPS["divide_no_nan"].body(x, ops.multiply(x, x)),
    "clip": lambda x: OPS["clip"].body(x, -1.1, 1.1),
    "binary_crossentropy": lambda x: OPS["binary_crossentropy"].body(ops.full_like(x, 0.3), x, True),
    "categorical_crossentropy": pair(
        lambda x: OPS["categorical_crossentropy"].body(ops.full_like(x, 0.5), x, True, -1), -0.5
    ),
    "norm": pair(lambda x: OPS["norm"].body(x, None, -1, False)),
    "normalize": pair(lambda x: ops.multiply(OPS["normalize"].body(x, -1, 2, 1e-3), x)),
    "layer_normalization": pair(lambda x: ops.multiply(OPS["layer_normalization"].body(x, None, None, -1, 0.1), x)),
    "rms_normalization": pair(lambda x: ops.multiply(OPS["rms_normalization"].body(x, None, -1, 0.1), x)),
    "glu": pair(lambda x: OPS["glu"].body(x, -1)),
    "quantile": pair(lambda x: OPS["quantile"].body(x, ops.multiply(ops.sum(x), 0.0) + 0.3, -1, "linear", False)),
    "cdist": pair(lambda x: OPS["cdist"].body(ops.expand_dims(x, 0), ops.expand_dims(x, 0))),
}


def gradient(backend: Any, f: Callable[[Any], Any], points: np.ndarray) -> np.ndarray:
    v = kfront.Variable(points.astype("float32"), name="points")
    _, _, grads = backend.value_and_grad(lambda: (ops.sum(f(v.value)), None), [v], [])
    return np.asarray(ops.convert_to_numpy(grads[0]), "float64")


def difference(f: Callable[[Any], Any], points: np.ndarray) -> np.ndarray:
    """Central differences in float64, one point at a time."""
    out = np.zeros(len(points))
    with kfront.backend_scope("numpy"):
        for n in range(len(points)):
            step = np.zeros(len(points))
            step[n] = 1e-5 * max(1.0, abs(points[n]))
            out[n] = (np.sum(f(points + step)) - np.sum(f(points - step))) / (2 * step[n])
    return out


@pytest.mark.sampled(3)
@pytest.mark.parametrize("name", list(FUNCTIONS))
def test_gradients(trainable_backend: Any, name: str) -> None:
    f = FUNCTIONS[name]
    got = gradient(trainable_backend, f, SMOOTH)
    np.testing.assert_allclose(got, difference(f, SMOOTH), rtol=2e-3, atol=2e-4)
    assert np.isfinite(gradient(trainable_backend, f, EDGES)).all()


def test_gradient_of_crossentropy_at_zero(trainable_backend: Any) -> None:
    got = gradient(trainable_backend, FUNCTIONS["binary_crossentropy"], np.zeros(2))
    np.testing.assert_allclose(got, 0.2, rtol=1e-6)


def test_gradient_of_ctc(trainable_backend: Any) -> None:
    rng = np.random.Generator(np.random.Philox(key=5))
    logits = rng.normal(size=(2, 5, 4))
    target, lengths = np.array([[1, 2], [3, 3]], "int32"), (np.array([2, 1], "int32"), np.array([5, 3], "int32"))

    def f(x: Any) -> Any:
        return ops.ctc_loss(target, ops.reshape(x, (2, 5, 4)), *lengths)

    got = gradient(trainable_backend, f, logits.ravel())
    np.testing.assert_allclose(got, difference(f, logits.ravel()), rtol=5e-3, atol=5e-4)
