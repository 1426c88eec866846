"""State trees, losses as functions of state, `Function`, and other members that code written for Keras uses."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import kfront
from kfront import layers, ops
from kfront.core.errors import ArgumentError, ShapeError, UnsupportedError


def trained() -> Any:
    model = kfront.Sequential(
        [kfront.Input((3,)), layers.Dense(4, kernel_regularizer="l2"), layers.BatchNormalization(), layers.Dense(1)],
        name="net",
    )
    model.compile(kfront.optimizers.Adam(0.1, name="adam"), "mse", metrics=["mae"])
    x = np.random.default_rng(0).normal(size=(6, 3)).astype("float32")
    model.fit(x, x[:, :1], verbose=0, batch_size=6)
    return model, x, x[:, :1]


def test_state_tree(trainable_backend: Any) -> None:
    model, x, _ = trained()
    tree = model.get_state_tree(value_format="numpy_array")
    assert set(tree) == {"trainable_variables", "non_trainable_variables", "optimizer_variables", "metrics_variables"}
    dense = model.layers[0]
    np.testing.assert_array_equal(tree["trainable_variables"]["net"][dense.name]["kernel"], dense.kernel.numpy())
    assert int(tree["optimizer_variables"]["adam"]["iteration"]) == 1
    assert set(tree["metrics_variables"]) >= {"loss"}
    assert all(trainable_backend.is_tensor(v) for v in kfront.tree.flatten(model.get_state_tree()))
    want = model.predict(x, verbose=0)
    for v in model.variables:
        v.assign(np.ones(v.shape))
    model.set_state_tree(tree)
    np.testing.assert_allclose(model.predict(x, verbose=0), want, rtol=1e-6)
    model.set_state_tree({"trainable_variables": {"net": {dense.name: {"bias": np.full(4, 7.0)}}}})
    np.testing.assert_array_equal(dense.bias.numpy(), np.full(4, 7.0))


def test_state_tree_refused() -> None:
    model, *_ = trained()
    before = model.get_weights()
    with pytest.raises(ArgumentError, match="value_format"):
        model.get_state_tree("list")
    with pytest.raises(ArgumentError, match="expected groups"):
        model.set_state_tree({"weights": {}})
    name = model.layers[0].name
    bad = {"trainable_variables": {"net": {name: {"bias": np.zeros(4), "scale": np.zeros(4)}}}}
    with pytest.raises(ArgumentError, match="net/.*/scale"):
        model.set_state_tree(bad)
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    with pytest.raises(ShapeError):
        model.set_state_tree({"trainable_variables": {"net": {name: {"bias": np.zeros(3)}}}})


def test_loss_as_a_function_of_state(trainable_backend: Any) -> None:
    b = trainable_backend
    model, x, y = trained()
    x, y = b.convert(x), b.convert(y)
    groups = (model.trainable_variables, model.non_trainable_variables, model.metrics_variables)
    values = [[v.value + 0.5 if v.dtype == "float32" else v.value for v in g] for g in groups]
    kept = model.get_weights()
    loss, (plain, y_pred, rest, metrics) = model.compute_loss_and_updates(*values, x, y, None, training=True)
    assert float(loss) == float(plain) and len(rest) == len(groups[1]) and len(metrics) == len(groups[2])
    for a, c in zip(kept, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, c)
    other, after = model.stateless_compute_loss(*values, x, y, y_pred)
    np.testing.assert_allclose(float(other), float(loss), rtol=1e-6)
    assert [len(g) for g in after] == [len(g) for g in groups]
    for v, new in zip(groups[0], values[0], strict=True):
        v.assign(new)
    np.testing.assert_allclose(float(model.compute_loss(x, y, y_pred)), float(loss), rtol=1e-6)
    model.jax_state_sync()


def test_losses_of_layers_are_counted_once(trainable_backend: Any) -> None:
    model = kfront.Sequential([kfront.Input((3,)), layers.Dense(2), layers.ActivityRegularization(l2=1.0)])
    model.compile("sgd", "mse")
    x = trainable_backend.convert(np.ones((2, 3), "float32"))
    y = trainable_backend.convert(np.zeros((2, 2), "float32"))
    groups = (model.trainable_variables, model.non_trainable_variables, model.metrics_variables)
    values = [[v.value for v in g] for g in groups]
    for _ in range(2):
        loss, (_, y_pred, _, _) = model.compute_loss_and_updates(*values, x, y, None)
        out = trainable_backend.to_numpy(y_pred)
        np.testing.assert_allclose(float(loss), (out**2).mean() + (out**2).sum() / 2, rtol=1e-5)


# ---- Function --------------------------------------------------------------------------------------------------------


def test_function(backend: Any) -> None:
    a, b = kfront.KerasTensor((None, 2)), kfront.KerasTensor((None, 2))
    function = kfront.Function({"a": a, "b": b}, {"sum": a + b, "max": ops.maximum(a, b)}, name="f")
    assert [o.name.split("_")[0] for o in function.operations] and len(function.operations) == 2
    out = function({"a": np.ones((3, 2), "float32"), "b": np.full((3, 2), 2, "float32")})
    np.testing.assert_array_equal(backend.to_numpy(out["sum"]), np.full((3, 2), 3))
    np.testing.assert_array_equal(backend.to_numpy(out["max"]), np.full((3, 2), 2))
    assert function.compute_output_shape({"a": (5, 2), "b": (5, 2)}) == {"sum": (5, 2), "max": (5, 2)}
    again = function({"a": kfront.KerasTensor((4, 2)), "b": kfront.KerasTensor((4, 2))})
    assert again["sum"].shape == (4, 2)
    with pytest.raises(ShapeError, match=r"\[f\] expected 2"):
        function([np.ones((3, 2))])


def test_function_inside_a_model() -> None:
    x = kfront.Input((3,))
    middle = layers.Dense(4)(x)
    out = layers.Dense(2)(middle)
    model = kfront.Model(x, out)
    function = kfront.Function(middle, out)
    value = model.layers[1](np.ones((2, 3), "float32"))
    np.testing.assert_allclose(
        np.asarray(function(value).detach()), model.predict(np.ones((2, 3)), verbose=0), rtol=1e-6
    )
    with pytest.raises(ArgumentError):
        kfront.Function(middle, layers.Dense(2)(kfront.Input((3,))))
    with pytest.raises(ArgumentError, match="KerasTensors"):
        kfront.Function(np.ones(3), out)


def test_source_inputs() -> None:
    a, b = kfront.Input((2,)), kfront.Input((2,))
    shared = layers.Dense(2)(a)
    found = kfront.utils.get_source_inputs(layers.Add()([shared, layers.Dense(2)(b), shared]))
    assert len(found) == 2 and found[0] is a and found[1] is b
    assert kfront.utils.get_source_inputs(a)[0] is a
    with pytest.raises(ArgumentError):
        kfront.utils.get_source_inputs(3)


# ---- other members ---------------------------------------------------------------------------------------------------


def test_scopes() -> None:
    v = kfront.Variable(np.zeros(2, "float32"))
    with kfront.StatelessScope(collect_losses=True) as scope:
        scope.add_update((v, [1.0, 2.0]))
        scope.add_loss(3.0)
        np.testing.assert_array_equal(v.numpy(), [1, 2])
    np.testing.assert_array_equal(v.numpy(), [0, 0])
    assert scope.losses == [3.0]

    class Looks(layers.Layer):
        def call(self, x: Any) -> Any:
            seen.append(kfront.SymbolicScope.is_active())
            return x

    seen: list[bool] = []
    layer = Looks()
    layer(kfront.Input((2,)))
    layer(np.ones((1, 2)))
    assert seen == [True, False] and not kfront.SymbolicScope.is_active()


def test_refused() -> None:
    with pytest.raises(UnsupportedError, match=r"compile\(metrics"):
        layers.Dense(2).add_metric(1.0, name="m")
    with pytest.raises(UnsupportedError, match="safe_mode=False"):
        kfront.config.enable_unsafe_deserialization()
    assert kfront.config.is_nnx_enabled() is False


def test_convolution_op(backend: Any) -> None:
    class Doubled(layers.Conv2D):
        def convolution_op(self, inputs: Any, kernel: Any) -> Any:
            return super().convolution_op(inputs, kernel * 2)

    layer = Doubled(2, 2)
    x = np.ones((1, 3, 3, 1), "float32")
    once = layers.Conv2D(2, 2)
    once(x), layer(x)
    layer.set_weights(once.get_weights())
    np.testing.assert_allclose(backend.to_numpy(layer(x)), 2 * backend.to_numpy(once(x)), rtol=1e-6)


def test_operation_in_a_remat_scope() -> None:
    class Sine(kfront.Operation):
        def call(self, x: Any) -> Any:
            runs.append(1)
            return ops.sin(x)

    runs: list[int] = []
    with kfront.RematScope():
        sine = Sine()
    x = ops.convert_to_tensor([0.5]).requires_grad_()
    sine(x).sum().backward()
    assert len(runs) == 2
    np.testing.assert_allclose(x.grad.numpy(), np.cos([0.5]), rtol=1e-6)


def test_area_by_interpolation(backend: Any) -> None:
    metric = kfront.metrics.AUC(curve="PR", num_thresholds=20)
    metric.update_state([0, 1, 1, 0], [0.1, 0.8, 0.6, 0.4])
    assert float(metric.interpolate_pr_auc()) == float(metric.result())


def test_variables_of_one_path_have_no_place_in_a_tree(backend):
    class Twice(kfront.layers.Layer):
        def build(self, shape):
            self.first, self.second = (self.add_weight(shape=(1,), name="w") for _ in range(2))

        def call(self, x):
            return x * self.first + self.second

    inputs = kfront.Input((2,))
    with pytest.raises(ArgumentError, match="twice"):
        kfront.Model(inputs, Twice()(inputs)).get_state_tree()
