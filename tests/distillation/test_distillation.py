"""Losses and training, on every engine: the numbers are those that Keras gave (`values.py`, keras_values.json)."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import numpy as np
import pytest

import kfront
from kfront import errors, layers, losses, ops
from kfront.distillation import DistillationLoss, Distiller, FeatureDistillation, LogitsDistillation

VALUES = json.loads((Path(__file__).parent / "keras_values.json").read_text())
RNG = np.random.default_rng(0)
A, B = RNG.normal(size=(5, 4)).astype("float32"), RNG.normal(size=(5, 4)).astype("float32")
X = np.sin(np.arange(28)).reshape(7, 4).astype("float32")
Y = (np.arange(7) * 3) % 4

SINGLE = {  # what Keras gave for A and B
    "kl": (lambda: LogitsDistillation(3.0), 3.018343925476074),
    "cce": (lambda: LogitsDistillation(2.0, "categorical_crossentropy"), -6.549437046051025),
    "cce logits": (
        lambda: LogitsDistillation(2.0, losses.CategoricalCrossentropy(from_logits=True)),
        -0.48754510283470154,
    ),
    "mse": (lambda: LogitsDistillation(2.0, "mse"), 0.3169453740119934),
    "features": (lambda: FeatureDistillation(), 1.2677814960479736),
    "cosine": (lambda: FeatureDistillation("cosine_similarity"), 0.04808488115668297),
}


@pytest.mark.parametrize("name", SINGLE)
def test_losses(trainable_backend, name):
    make, wanted = SINGLE[name]
    loss = make()
    assert float(loss.compute_loss(ops.array(A), ops.array(B))) == pytest.approx(wanted, rel=2e-6)
    again = type(loss).from_config(loss.get_config())
    assert float(again.compute_loss(ops.array(A), ops.array(B))) == pytest.approx(wanted, rel=2e-6)


def test_nested_losses(trainable_backend):
    a, b = ops.array(A), ops.array(B)
    both = LogitsDistillation(2.0, ["mse", "mse"])
    assert float(both.compute_loss([a, a], [b, b])) == pytest.approx(0.6338907480239868, rel=2e-6)
    first = LogitsDistillation(2.0, {"u": "mse", "v": None})
    assert float(first.compute_loss({"u": a, "v": a}, {"u": b, "v": b})) == pytest.approx(0.3169453740119934, rel=2e-6)
    assert float(FeatureDistillation(["mse", "mae"]).compute_loss([a, a], [b, b])) == pytest.approx(2.1622681617736816)
    for loss, t, s in ((both, a, b), (both, [a], [b]), (LogitsDistillation(), [a], [b]), (both, [a, a], [b])):
        with pytest.raises(errors.ArgumentError, match="nested as their counterpart"):
            loss.compute_loss(t, s)
    with pytest.raises(errors.ArgumentError, match="outputs of the student"):
        DistillationLoss().validate_outputs({"a": a}, {"b": b})
    with pytest.raises(errors.ArgumentError, match="outputs of the teacher"):
        both.validate_outputs([a], [b]) or FeatureDistillation(["mse", "mae"]).validate_outputs([a], [b])


def test_configs():
    function = {"module": "builtins", "class_name": "function", "registered_name": "function"}
    assert LogitsDistillation().get_config() == {"temperature": 3.0, "loss": {**function, "config": "kl_divergence"}}
    assert FeatureDistillation(["mse", None], "a", "b").get_config() == {
        "loss": [{**function, "config": "mean_squared_error"}, None],
        "teacher_layer_name": "a",
        "student_layer_name": "b",
    }
    named = {"a": losses.MeanSquaredError(), "b": None}
    config = kfront.saving.serialize_keras_object(LogitsDistillation(loss=named))
    assert (config["module"], config["class_name"]) == ("keras.distillation", "LogitsDistillation")
    again = kfront.saving.deserialize_keras_object(config)
    assert type(again.loss["a"]) is losses.MeanSquaredError and again.loss["b"] is None


@pytest.mark.parametrize(
    "make",
    [
        lambda: LogitsDistillation(0),
        lambda: LogitsDistillation(-1.0),
        lambda: LogitsDistillation("a"),
        lambda: LogitsDistillation(loss=None),
        lambda: LogitsDistillation(loss=[None]),
        lambda: LogitsDistillation(loss=[]),
        lambda: LogitsDistillation(loss="nope"),
        lambda: LogitsDistillation(loss=3),
        lambda: FeatureDistillation(None),
    ],
)
def test_losses_that_are_none(make):
    with pytest.raises(errors.ArgumentError, match=r"\] expected"):
        make()


# ---- the distiller --------------------------------------------------------------------------------------------------


def values(model, scale):
    model.set_weights(
        [scale * np.cos(np.arange(w.size) * (1 + i)).reshape(w.shape) for i, w in enumerate(model.get_weights())]
    )


def make(name, scale=0.5, units=8, out=4, inputs=4):
    hidden = layers.Dense(units, activation="tanh", name="h")
    model = kfront.Sequential([kfront.Input((inputs,)), hidden, layers.Dense(out, "softmax", name="o")], name=name)
    values(model, scale)
    return model


def compiled(how, weights=None, part=0.5):
    made = Distiller(make("teacher"), make("student", 0.15), how, weights, part)
    made.compile(kfront.optimizers.SGD(0.5), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return made


RUNS = {
    "logits": lambda: compiled(LogitsDistillation(2.0), None, 0.3),
    "features": lambda: compiled(
        [LogitsDistillation(2.0, "mse"), FeatureDistillation("mae", "h", "h")], [2.0, 0.5], 0.6
    ),
    "student": lambda: compiled(LogitsDistillation(), None, 1.0),
    "teacher": lambda: compiled(FeatureDistillation(), None, 0.0),
}


def check_run(run):
    distiller, wanted = RUNS[run](), VALUES[run]
    before = [w.copy() for w in distiller.teacher.get_weights()]
    history = distiller.fit(X, Y, batch_size=3, epochs=3, shuffle=False, verbose=0).history
    assert history.keys() == wanted["history"].keys()
    for key, found in history.items():
        np.testing.assert_allclose(found, wanted["history"][key], rtol=2e-5, atol=1e-6, err_msg=key)
    tests = distiller.evaluate(X, Y, batch_size=3, verbose=0, return_dict=True)
    assert tests == pytest.approx(wanted["evaluate"], rel=2e-5, abs=1e-6)
    np.testing.assert_allclose(distiller.student.get_weights()[0], wanted["kernel"], rtol=1e-4, atol=1e-6)
    assert all((a == b).all() for a, b in zip(before, distiller.teacher.get_weights(), strict=True))
    np.testing.assert_allclose(
        distiller.predict(X, verbose=0), distiller.student.predict(X, verbose=0), rtol=1e-6, atol=1e-7
    )


@pytest.mark.parametrize("run", ["logits", "features"])
def test_training_is_as_with_keras(trainable_backend, run):
    check_run(run)


@pytest.mark.parametrize("run", ["student", "teacher"])
def test_one_part_alone_is_as_with_keras(run):
    with kfront.backend_scope("torch"):
        check_run(run)


def number(x):
    return float(ops.convert_to_numpy(x))


def test_the_parts(trainable_backend):
    distiller = RUNS["features"]()
    assert not distiller.teacher.trainable and distiller.student.trainable
    assert len(distiller.trainable_variables) == 4 and len(distiller.variables) == 8
    assert {"loss", "student_loss", "distillation_loss", "total_loss"} <= {m.name for m in distiller.metrics}
    x, y = ops.array(X), ops.array(Y)
    given = number(distiller.compute_loss(x=x, y=y, y_pred=distiller(x)))
    assert number(distiller.compute_loss(x=x, y=y)) == pytest.approx(given, rel=1e-6)
    assert number(distiller.compute_loss(x=x, y=y, y_pred=distiller.student(x))) == pytest.approx(given, rel=1e-6)
    alone = number(distiller.compute_loss(x=x))  # no labels: the teacher's part only
    assert 0 < alone < given
    copy.deepcopy(distiller).fit(X, Y, verbose=0)


def test_layers_of_the_student_run_once(trainable_backend):
    calls = []

    class Count(layers.Layer):
        def call(self, x, training=False):
            calls.append(training)
            return x

    student = kfront.Sequential([kfront.Input((4,)), layers.Dense(8, name="h"), Count(), layers.Dense(4, name="o")])
    distiller = Distiller(make("teacher"), student, FeatureDistillation("mse", "h", "h"))
    distiller.compile("sgd", "sparse_categorical_crossentropy", run_eagerly=True)
    distiller.fit(X, Y, batch_size=7, verbose=0)
    calls.clear()
    distiller.fit(X, Y, batch_size=7, verbose=0)
    assert calls == [True]


def test_models_of_several_outputs():
    with kfront.backend_scope("torch"):

        def two(name):
            x = kfront.Input((4,))
            return kfront.Model(x, {"a": layers.Dense(2)(x), "b": layers.Dense(3)(x)}, name=name)

        distiller = Distiller(two("teacher"), two("student"), LogitsDistillation(loss={"a": "mse", "b": None}))
        distiller.compile("sgd", {"a": "mse", "b": "mse"})
        targets = {"a": np.ones((7, 2)), "b": np.ones((7, 3))}
        assert np.isfinite(distiller.fit(X, targets, verbose=0).history["loss"]).all()


def test_models_and_losses_of_own_classes():
    with kfront.backend_scope("torch"):

        class Own(kfront.Model):
            def __init__(self):
                super().__init__()
                self.dense = layers.Dense(4)

            def call(self, x):
                return self.dense(x)

        class Most(DistillationLoss):
            def compute_loss(self, teacher_outputs, student_outputs, **kwargs):
                return ops.max(ops.abs(teacher_outputs - student_outputs))

        distiller = Distiller(make("teacher"), Own(), [Most(), LogitsDistillation(loss="mse")])
        distiller.compile("sgd", "mse")
        assert np.isfinite(distiller.fit(X, np.ones((7, 4)), verbose=0).history["distillation_loss"]).all()
        with pytest.raises(errors.ArgumentError, match="functional model or a Sequential as the student"):
            Distiller(make("teacher"), Own(), FeatureDistillation("mse", "o", "h"))


def test_files(trainable_backend, tmp_path):
    distiller = RUNS["features"]()
    distiller.fit(X, Y, batch_size=7, verbose=0)
    distiller.save(tmp_path / "model.keras")
    again = kfront.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(again.predict(X, verbose=0), distiller.predict(X, verbose=0), rtol=1e-6)
    assert not again.teacher.trainable and again.distillation_loss_weights == [2.0, 0.5]
    config = distiller.get_compile_config()
    again.compile_from_config({**config, "loss": None})  # as Keras's files have it: nothing happens
    for model in (distiller, again):  # both go on alike
        model.fit(X, Y, batch_size=7, verbose=0)
    np.testing.assert_allclose(again.predict(X, verbose=0), distiller.predict(X, verbose=0), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"teacher": 3}, "`teacher` to be a Model"),
        ({"student": 3}, "`student` to be a Model"),
        ({"distillation_losses": 3}, "DistillationLoss"),
        ({"distillation_losses": []}, "DistillationLoss"),
        ({"distillation_loss_weights": [1.0, 2.0]}, "each of 1 losses"),
        ({"student_loss_weight": 2}, "from 0 to 1"),
        ({"student": lambda: make("s", out=3)}, "outputs of the teacher's shapes"),
        ({"student": lambda: make("s", inputs=3)}, "inputs of the teacher's shapes"),
        ({"distillation_losses": FeatureDistillation("mse", "nope", "h")}, "layer of the teacher among"),
        ({"distillation_losses": FeatureDistillation("mse", "h", "nope")}, "layer of the student among"),
    ],
)
def test_what_does_not_fit(arguments, words):
    with kfront.backend_scope("numpy"):
        given = {"teacher": make("t"), "student": make("s"), "distillation_losses": LogitsDistillation()}
        given.update({k: v() if callable(v) and k == "student" else v for k, v in arguments.items()})
        with pytest.raises(errors.ArgumentError, match=words):
            Distiller(**given)
        distiller = Distiller(make("t"), make("s"), LogitsDistillation())
        with pytest.raises(errors.ArgumentError, match="`loss` for the student"):
            distiller.compile("sgd")


def test_models_that_are_not_built_yet(trainable_backend):
    def model(*units):
        return kfront.Sequential([kfront.layers.Dense(n) for n in units])

    distiller = kfront.distillation.Distiller(
        model(4, 3), model(3), kfront.distillation.LogitsDistillation(), distillation_loss_weights=1.0
    )
    distiller.compile("sgd", "mse")
    logs = distiller.fit(np.ones((4, 5), "float32"), np.ones((4, 3), "float32"), verbose=0).history
    assert {"loss", "distillation_loss", "student_loss"} <= set(logs)
