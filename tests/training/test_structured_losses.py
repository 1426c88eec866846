"""Losses, weights and metrics of models whose outputs are nested; keys and numbers as Keras 3.15.1 has them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import kfront
from kfront import layers
from kfront.core.errors import ArgumentError, ShapeError

X, Y = np.arange(6.0).reshape(3, 2) / 6, np.ones((3, 1))
SQUARED, ABSOLUTE = 0.3241, 0.5  # of an output that is the sum of a row


def model(form: Any) -> Any:
    """A model whose outputs are Dense layers in the place of the names in `form`."""
    inputs = kfront.Input((2,))
    make = lambda name: layers.Dense(1, kernel_initializer="ones", name=name)(inputs)  # noqa: E731
    return kfront.Model(inputs, kfront.tree.map_structure(make, form))


NESTED, LISTS = {"u": "a", "w": ["b", "c"]}, ["a", ["b", "c"]]
CASES: list[tuple[Any, dict[str, Any], dict[str, float]]] = [
    (NESTED, {"loss": "mse"}, {"u_loss": SQUARED, "w/b_loss": SQUARED, "w/c_loss": SQUARED, "loss": 3 * SQUARED}),
    (
        NESTED,
        {"loss": {"u": "mse", "w": ["mse", "mae"]}, "loss_weights": {"u": 1.0, "w": [0.5, 2.0]}},
        {"u_loss": SQUARED, "w/b_loss": SQUARED, "w/c_loss": ABSOLUTE, "loss": 1.4861},
    ),
    (NESTED, {"loss": {"u": "mse", "w": ["mse", None]}}, {"u_loss": SQUARED, "w/b_loss": SQUARED, "loss": 0.6481}),
    (
        LISTS,
        {"loss": ["mse", ["mae", "mse"]]},
        {"a_loss": SQUARED, "1/b_loss": ABSOLUTE, "1/c_loss": SQUARED, "loss": 1.1481},
    ),
    (["a", {"q": "b"}], {"loss": ["mse", {"q": "mae"}]}, {"a_loss": SQUARED, "1/q_loss": ABSOLUTE, "loss": 0.8241}),
    (
        {"u": {"a1": "a", "b1": "b"}, "v": "c"},
        {
            "loss": {"u": {"a1": "mse", "b1": "mae"}, "v": "mse"},
            "loss_weights": {"u": {"a1": 0.1, "b1": 0.2}, "v": 3.0},
        },
        {"u/a1_loss": SQUARED, "u/b1_loss": ABSOLUTE, "v_loss": SQUARED, "loss": 1.1046},
    ),
    (
        ["a", "b"],
        {"loss": "mse", "metrics": [["mse"], ["mse"]], "weighted_metrics": [["mse"], ["mse"]]},
        {
            **dict.fromkeys(("a_loss", "b_loss", "a_mse", "b_mse", "a_weighted_mse", "b_weighted_mse"), SQUARED),
            "loss": 2 * SQUARED,
        },
    ),
    (
        NESTED,
        {"loss": "mse", "metrics": {"w": ["mae", "mse"]}},
        {"w/b_mae": ABSOLUTE, "w/c_mse": SQUARED, "loss": 3 * SQUARED}
        | {"u_loss": SQUARED, "w/b_loss": SQUARED, "w/c_loss": SQUARED},
    ),
]


def _of_last(y_true: Any, y_pred: Any) -> Any:
    assert type(y_true) is type(y_pred) is tuple
    return kfront.ops.mean(kfront.ops.abs(y_true[-1] - y_pred[-1]))


# losses of a part, which they get whole, and several of one output; numbers of Keras
TUPLES = {"u": ("a", "b"), "w": "c"}
CASES += [
    (TUPLES, {"loss": {"u": "mse", "w": "mae"}}, {"u_loss": SQUARED, "w_loss": ABSOLUTE, "loss": SQUARED + ABSOLUTE}),
    (TUPLES, {"loss": {"u": _of_last, "w": None}}, {"loss": ABSOLUTE}),
    (
        TUPLES,
        {"loss": {"u": _of_last, "w": "mse"}, "loss_weights": {"u": 2.0, "w": 3.0}},
        {"u_loss": ABSOLUTE, "w_loss": SQUARED, "loss": 2 * ABSOLUTE + 3 * SQUARED},
    ),
    (
        (("a", "b"), ("c", "d")),
        {"loss": ((None, "mae"), "mse")},
        {"0/b_loss": ABSOLUTE, "1_loss": SQUARED, "loss": SQUARED + ABSOLUTE},
    ),
    (["a", "b"], {"loss": [["mse"], "mae"]}, {"a_loss": SQUARED, "b_loss": ABSOLUTE, "loss": SQUARED + ABSOLUTE}),
    (
        {"a": "a", "b": "b"},
        {"loss": {"a": ["mse", "mae"], "b": ["mae"]}},
        {"a_loss": ABSOLUTE, "b_loss": ABSOLUTE, "loss": SQUARED + 2 * ABSOLUTE},
    ),
]


# a list for outputs in a tuple or dict: each loss gets all; numbers of Keras, whose keys for them these are
CASES += [
    (("a", "b"), {"loss": [_of_last]}, {"loss": ABSOLUTE}),
    (
        ("a", "b"),
        {"loss": [["mse", "mae"], _of_last], "loss_weights": [[1.0, 2.0], 3.0]},
        {"a_loss": SQUARED, "b_loss": ABSOLUTE, "a_b_loss": ABSOLUTE, "loss": SQUARED + 5 * ABSOLUTE},
    ),
    (
        (("a", "b"), "c"),
        {"loss": [_of_last, _of_last]},
        {"a_b_c_loss": ABSOLUTE, "loss": 2 * ABSOLUTE},
    ),
]


def _of_all(y_true: Any, y_pred: Any) -> Any:
    pairs = zip(*map(kfront.tree.flatten, (y_true, y_pred)), strict=True)
    return sum(kfront.ops.mean(kfront.ops.abs(y - p)) for y, p in pairs)


# the same for a part of the outputs
PARTS = {"u": "a", "w": {"b1": "b", "b2": ("c", "d")}}
CASES += [
    (
        PARTS,
        {"loss": {"u": "mse", "w": [_of_all, {"b1": "mae", "b2": _of_last}]}},
        {"u_loss": SQUARED, "w_loss": 3 * ABSOLUTE, "w/b1_loss": ABSOLUTE, "w/b2_loss": ABSOLUTE}
        | {"loss": SQUARED + 5 * ABSOLUTE},
    ),
    (
        PARTS,
        {"loss": {"u": "mse", "w": [{"b2": ("mse", "mae")}]}},
        {"u_loss": SQUARED, "w/b2/c_loss": SQUARED, "w/b2/d_loss": ABSOLUTE, "loss": 2 * SQUARED + ABSOLUTE},
    ),
    (
        PARTS,
        {"loss": [_of_all, {"w": (_of_all, {"b2": [_of_all]})}]},
        {"u_w_loss": 4 * ABSOLUTE, "w_loss": 3 * ABSOLUTE, "w/b2_loss": 2 * ABSOLUTE, "loss": 9 * ABSOLUTE},
    ),
]


class Unnamed(kfront.Model):
    """A model whose outputs have no names."""

    def __init__(self, form: Any) -> None:
        super().__init__()
        self.make, self.form = layers.Dense(1, kernel_initializer="ones"), form

    def call(self, x: Any) -> Any:
        return kfront.tree.map_structure(lambda _: self.make(x), self.form)


# of Keras
UNNAMED: list[tuple[Any, dict[str, Any], dict[str, float]]] = [
    ([0, 0], {"loss": ["mse", "mae"]}, {"mse_loss": SQUARED, "mae_loss": ABSOLUTE}),
    (
        (0, 0),
        {"loss": [kfront.losses.MeanSquaredError(name="own"), "mae"]},
        {"own_loss": SQUARED, "mae_loss": ABSOLUTE},
    ),
    ([[0], 0], {"loss": "mse"}, {"0/mse_loss": SQUARED, "mse_loss": SQUARED}),
    (
        [0, 0],
        {"loss": "mse", "metrics": [["mae"], ["mse", "mae"]]},
        {"mse_loss": SQUARED, "mae": ABSOLUTE, "mae_1": ABSOLUTE, "mse": SQUARED},
    ),
]


@pytest.mark.parametrize(("form", "options", "expected"), UNNAMED)
def test_outputs_without_names(form: Any, options: Any, expected: Any, trainable_backend: Any) -> None:
    one = Unnamed(form)
    one.compile("sgd", **options)
    found = one.evaluate(X, kfront.tree.map_structure(lambda _: Y, form), verbose=0, return_dict=True)
    assert found.pop("loss") > 0
    assert found == pytest.approx(expected, abs=1e-3)


class OwnLoss(kfront.Model):
    """Has a loss of its own, and no use for that of `compile`."""

    def compute_loss(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None, training: bool = True) -> Any:
        return kfront.ops.mean(kfront.ops.abs(y[0] - y_pred)) * 2.0


@pytest.mark.parametrize("loss", [["mse", "mse"], {"nothing": "mse"}, "mse"])
def test_a_loss_that_is_never_asked_for(loss: Any, trainable_backend: Any) -> None:
    inputs = kfront.Input((2,))
    one = OwnLoss(inputs, layers.Dense(1, kernel_initializer="ones")(inputs))
    one.compile("sgd", loss)
    assert one.evaluate(X, [Y, Y], verbose=0, return_dict=True) == pytest.approx({"loss": 2 * ABSOLUTE}, abs=1e-3)


@pytest.mark.parametrize(("form", "options", "expected"), CASES)
def test_structures(form: Any, options: Any, expected: Any, trainable_backend: Any) -> None:
    one = model(form)
    one.compile("sgd", **options)
    targets = kfront.tree.map_structure(lambda _: Y, form)
    history = {k: v[0] for k, v in one.fit(X, targets, verbose=0).history.items()}
    assert set(history) == set(expected)
    assert history == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize(
    "options",
    [
        {"loss": {"u": "mse", "nothing": "mse"}},
        {"loss": {"u": "mse", "w": ["mse", "mae", "mse"]}},
        {"loss": ["mse"]},
        {"loss": "mse", "loss_weights": [1.0]},
        {"loss": {"u": "mse", "w": "mse"}, "loss_weights": {"u": 1.0, "w": [1.0, 2.0]}},
    ],
)
def test_structures_that_do_not_match(options: Any, trainable_backend: Any) -> None:
    one = model(NESTED)
    one.compile("sgd", **options)
    with pytest.raises(ArgumentError):
        one.fit(X, {"u": Y, "w": [Y, Y]}, verbose=0)


@pytest.mark.parametrize(("order", "results"), [("za", [10.0, 1.0, 9.0]), ("az", [10.0, 9.0, 1.0])])
@pytest.mark.parametrize("path", [(), ("outer",), (0,)], ids=["flat", "in a dict", "in a list"])
def test_losses_of_a_dict_stand_in_its_order(order: str, results: list[float], path: Any, backend: Any) -> None:
    def inside(value: Any) -> Any:
        return value if not path else {path[0]: value} if path[0] else [value, value]

    inputs = kfront.Input((2,))
    outputs = {
        "z": layers.Dense(1, kernel_initializer="ones")(inputs),
        "a": layers.Dense(1, kernel_initializer="zeros")(inputs),
    }
    made = kfront.Model(inputs, inside(outputs))
    made.compile("sgd", inside(dict.fromkeys(order, "mse")))
    targets = {"a": 3 * np.ones((2, 1)), "z": np.ones((2, 1))}
    found = made.evaluate(np.ones((2, 2)), inside(targets), verbose=0)
    assert found == (results if path != (0,) else [2 * results[0], *results[1:], *results[1:]])


@pytest.mark.parametrize("wrong", ["near", "far"])
def test_errors_in_a_loss_tell_its_output_and_shapes(wrong: str, trainable_backend: Any) -> None:
    inputs = kfront.Input((2,))
    made = kfront.Model(inputs, {name: layers.Dense(3, name=name)(inputs) for name in ("near", "far")})
    made.compile("sgd", {"near": "mse", "far": "mae"})
    targets = {name: np.ones((3, 4 if name == wrong else 3)) for name in ("near", "far")}
    with pytest.raises(ShapeError) as e:
        made.fit(X, targets, verbose=0)
    loss = {"near": "mean_squared_error", "far": "mean_absolute_error"}[wrong]
    (note,) = (n for n in e.value.__notes__ if "While" in n)
    assert f"loss '{loss}' of the output '{wrong}'" in note
    assert "targets of shape (3, 4), predictions of shape (3, 3)" in note


@pytest.mark.parametrize("loss", ["mse", ["mse", "mae", "mse"]])
def test_results_stand_in_the_order_of_the_outputs(loss: Any, backend: Any) -> None:
    one = model({"a": ("x", "y"), "b": "z"})
    one.compile("sgd", loss)
    one.evaluate(X, {"a": (Y, Y), "b": Y}, verbose=0)
    assert one.metrics_names == ["loss", "a/x_loss", "a/y_loss", "b_loss"]
