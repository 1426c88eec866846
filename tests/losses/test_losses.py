"""Losses in compiled steps, on symbolic values, with labels out of range; names, configs, errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import kfront
from kfront import backends, losses, ops
from kfront.core.errors import ArgumentError, DataError, ShapeError

BACKENDS = [b for b in ("numpy", "torch", "jax", "tensorflow") if b in backends.installed()]
LABELS = np.array([0, 2, 1])
SCORES = np.array([[0.1, 0.2, 0.7], [0.3, 0.3, 0.4], [0.2, 0.5, 0.3]], "float32")


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("bad", [3, -1])
@pytest.mark.parametrize("from_logits", [False, True])
def test_labels_out_of_range(backend: str, bad: int, from_logits: bool) -> None:
    labels = np.array([0, bad, 1])
    with kfront.backend_scope(backend):
        for y_true, y_pred in ((labels, SCORES), (ops.convert_to_tensor(labels), ops.convert_to_tensor(SCORES))):
            with pytest.raises(DataError, match=f"labels from 0 to 2 for 3 classes, got {bad}"):
                losses.SparseCategoricalCrossentropy(from_logits=from_logits)(y_true, y_pred)


@pytest.mark.parametrize("backend", BACKENDS)
def test_shapes_that_do_not_fit(backend: str) -> None:
    with kfront.backend_scope(backend):
        native = [ops.convert_to_tensor(x) for x in (np.zeros((4, 3), "float32"), np.zeros((4, 2), "float32"))]
        for name in ("MeanSquaredError", "CategoricalCrossentropy", "BinaryCrossentropy", "Huber"):
            with pytest.raises(ShapeError):
                getattr(losses, name)()(*native)
            with pytest.raises(ShapeError):
                getattr(losses, name)()(np.zeros((4, 3)), np.zeros((4, 2)))


class Asymmetric(losses.Loss):
    def __init__(self, factor: float = 2.0, name: str = "asymmetric", **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)
        self.factor = factor

    def call(self, y_true: Any, y_pred: Any) -> Any:
        error = y_true - y_pred
        return ops.mean(ops.where(error > 0, self.factor * error, -error), axis=-1)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "factor": self.factor}


@pytest.mark.parametrize("backend", BACKENDS)
def test_own_losses_and_functions(backend: str) -> None:
    with kfront.backend_scope(backend):
        y_true, y_pred = [[1.0, 0.0]], [[0.0, 1.0]]
        assert float(Asymmetric()(y_true, y_pred)) == 1.5
        assert float(Asymmetric(reduction="sum")(y_true, y_pred, sample_weight=[2.0])) == 3.0
        wrapped = losses.base.LossFunctionWrapper(lambda a, b: ops.abs(a - b), name="own")  # type: ignore[attr-defined]
        assert float(wrapped(y_true, y_pred)) == 1.0
        assert ops.convert_to_numpy(losses.mean_squared_error([[1], [2]], [[1], [4]])).tolist() == [0.0, 4.0]
        assert ops.convert_to_numpy(losses.MeanSquaredError(reduction=None)([1.0, 2.0], [[1.0], [4.0]])).tolist() == [
            0,
            4,
        ]
        nested = Nested()({"a": [1.0], "b": [2.0]}, {"a": [0.0], "b": [0.0]})
        assert float(nested) == 5.0


class Nested(losses.Loss):
    def call(self, y_true: Any, y_pred: Any) -> Any:
        return sum(ops.square(y_true[k] - y_pred[k]) for k in ("a", "b"))


@pytest.mark.parametrize("backend", BACKENDS)
def test_weights_belong_to_samples(backend: str) -> None:
    """Weights of shape (batch,) are not spread over another axis, even if it has the same size."""
    with kfront.backend_scope(backend):
        loss = losses.MeanAbsoluteError(reduction=None)
        out = loss(np.zeros((2, 2, 1)), np.ones((2, 2, 1)), sample_weight=np.array([1.0, 3.0]))
        assert ops.convert_to_numpy(out).tolist() == [[1, 1], [3, 3]]
        out = loss(np.zeros((2, 3, 1)), np.ones((2, 3, 1)), sample_weight=np.array([[1, 2, 3], [0, 0, 1]]))
        assert ops.convert_to_numpy(out).tolist() == [[1, 2, 3], [0, 0, 1]]


@pytest.mark.parametrize("backend", BACKENDS)
def test_dtypes(backend: str) -> None:
    with kfront.backend_scope(backend) as b:
        half = ops.convert_to_tensor(SCORES.astype("float16"))
        assert b.dtype_name(losses.MeanSquaredError()(SCORES, half).dtype) == "float32"
        assert b.dtype_name(losses.MeanSquaredError(dtype="float16")(SCORES, SCORES).dtype) == "float16"
        assert b.dtype_name(losses.mean_squared_error(SCORES, half).dtype) == "float16"
        assert losses.MeanSquaredError(dtype="mixed_float16").dtype == "float16"


def test_symbolic() -> None:
    y_true, y_pred = kfront.Input((3,)), kfront.Input((3,))
    for name in ("mean_squared_error", "categorical_crossentropy", "cosine_similarity", "kl_divergence", "hinge"):
        assert getattr(losses, name)(y_true, y_pred).shape == (None,)
    assert losses.sparse_categorical_crossentropy(kfront.Input(()), y_pred).shape == (None,)
    assert losses.MeanSquaredError()(y_true, y_pred).shape == ()


@pytest.mark.parametrize("backend", [b for b in BACKENDS if b != "numpy"])
@pytest.mark.parametrize("name", ["MeanSquaredError", "CategoricalCrossentropy", "Hinge", "Tversky", "LogCosh"])
def test_gradient(backend: str, name: str) -> None:
    """Against central differences in float64."""
    onehot = np.eye(3)[LABELS]
    with kfront.backend_scope(backend) as b:
        loss = getattr(losses, name)(dtype="float64" if backend != "jax" else "float32")
        variable = kfront.Variable(SCORES, dtype=loss.dtype)
        target = ops.convert_to_tensor(onehot, dtype=loss.dtype)
        _, _, (gradient,) = b.value_and_grad(lambda: (loss(target, variable.value), None), [variable])
        gradient = ops.convert_to_numpy(gradient)
    with kfront.backend_scope("numpy"):
        exact = getattr(losses, name)(dtype="float64")
        wanted = np.zeros_like(SCORES, "float64")
        for i in np.ndindex(*SCORES.shape):
            step = np.zeros_like(wanted)
            step[i] = 1e-5
            ahead, behind = (float(exact(onehot, SCORES.astype("float64") + s)) for s in (step, -step))
            wanted[i] = (ahead - behind) / 2e-5
    np.testing.assert_allclose(gradient, wanted, rtol=1e-4, atol=1e-5)


def test_names() -> None:
    assert losses.get("mse") is losses.get("MSE") is losses.mean_squared_error
    assert isinstance(losses.get("MeanSquaredError"), losses.MeanSquaredError)
    assert losses.get(None) is None
    for public in losses.__all__:
        found = getattr(losses, public)
        if isinstance(found, type) and found is not losses.Loss:
            loss = found()
            config = losses.serialize(loss)
            assert (config["module"], config["class_name"]) == ("keras.losses", public)
            assert losses.get(config).get_config() == losses.deserialize(config).get_config() == loss.get_config()
    assert losses.deserialize({"class_name": "Huber", "config": {"delta": 2.0}}).delta == 2.0


BAD: list[tuple[Any, str]] = [
    (lambda: losses.get("categorical_crossentropi"), "name of a loss"),
    (lambda: losses.get(3), "got 3"),
    (lambda: losses.MeanSquaredError(reduction="average"), "reduction"),
    (lambda: losses.CategoricalGeneralizedCrossEntropy(q=2.0), "`q` in \\(0, 1\\)"),
]


@pytest.mark.parametrize(("call", "text"), BAD)
def test_errors(call: Any, text: str) -> None:
    with pytest.raises(ArgumentError, match=text):
        call()


@pytest.mark.parametrize("backend", [b for b in BACKENDS if b in ("jax", "torch")])
def test_fast_path_takes_few_calls(backend: str) -> None:
    import sys

    with kfront.backend_scope(backend):
        y_true, y_pred = (ops.convert_to_tensor(x) for x in (np.eye(3, dtype="float32")[LABELS], SCORES))
        loss = losses.CategoricalCrossentropy()
        loss(y_true, y_pred)
        count = 0

        def profile(frame: Any, event: str, arg: Any) -> None:
            nonlocal count
            count += event == "call" and "kfront" in frame.f_code.co_filename

        sys.setprofile(profile)
        loss(y_true, y_pred)
        sys.setprofile(None)
    assert count <= 15
