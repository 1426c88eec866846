"""What programs written for Keras do around `fit`: models of steps alone, callbacks, data that end early."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import kfront
from kfront import layers, metrics, ops
from kfront.core.errors import ArgumentError

X = np.random.default_rng(0).random((8, 2)).astype("float32")
Y = X[:, :1]
CLASSES = np.eye(3, dtype="float32")[np.arange(8) % 3]


def small(**options):
    model = kfront.Sequential([layers.Dense(2), layers.Dense(1)])
    model.compile("sgd", "mse", **options)
    return model


def three_classes(**options):
    model = kfront.Sequential([layers.Dense(3, activation="softmax")])
    model.compile("sgd", "categorical_crossentropy", **options)
    return model


class StepsOnly(kfront.Model):
    """Without `call`: a GAN, a diffusion model and the like."""

    def __init__(self):
        super().__init__()
        self.part = layers.Dense(1)
        self.seen = metrics.Mean(name="seen")
        self.built = True

    def train_step(self, data):
        x = data[0] if isinstance(data, tuple) else data
        self.seen.update_state(ops.mean(self.part(x)) * 0 + ops.mean(x))
        return {"seen": self.seen.result()}


@pytest.mark.parametrize("options", [{}, {"loss": "mse", "metrics": ["mae"]}], ids=["plain", "with loss"])
@pytest.mark.parametrize("y", [None, Y], ids=["x", "x and y"])
def test_a_model_without_call_trains_by_its_own_steps(options, y, trainable_backend):
    model = StepsOnly()
    model.compile("sgd", **options)
    history = model.fit(X, y, batch_size=8, verbose=0).history
    np.testing.assert_allclose(history["seen"], [X.mean()], rtol=1e-6)


def test_loss_and_compiled_are_attributes_that_a_model_may_set(trainable_backend):
    class Own(kfront.Model):
        def __init__(self):
            super().__init__()
            self.loss, self.compiled = None, False

        def call(self, x):
            return x

    model = Own()
    assert (model.loss, model.compiled) == (None, False)
    model.compile("sgd", "mse")
    assert (model.loss, model.compiled) == ("mse", True)
    model.loss = "mae"
    assert model.loss == "mae"
    assert model.get_compile_config()["loss"] == "mse"


class Listens(kfront.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.heard = {}


def _note(name):
    def hook(self, *args, logs=None):
        logs = args[-1] if args and not isinstance(args[-1], int) else logs
        self.heard.setdefault(name, {k: type(logs[k]) for k in logs})

    return hook


for _name in dir(kfront.callbacks.Callback):
    if _name.startswith("on_"):
        setattr(Listens, _name, _note(_name))


def test_callbacks_get_a_dict_in_every_hook_and_outputs_as_arrays(trainable_backend):
    model, listener = small(metrics=["mae"]), Listens()
    model.fit(X, Y, verbose=0, callbacks=[listener], validation_data=(X, Y))
    model.evaluate(X, Y, verbose=0, callbacks=[listener])
    model.predict(X, verbose=0, callbacks=[listener])
    results = {"loss": float, "mae": float}
    for kind in ("train", "test"):
        assert listener.heard[f"on_{kind}_batch_begin"] == {}
        assert listener.heard[f"on_{kind}_batch_end"] == results
    assert listener.heard["on_predict_batch_begin"] == {}
    assert listener.heard["on_predict_batch_end"] == {"outputs": np.ndarray}


@pytest.mark.parametrize("hook", ["on_train_batch_end", "on_epoch_begin", "on_train_begin"])
def test_what_a_callback_freezes_stays_from_the_next_batch_on(hook, trainable_backend):
    class Freezes(kfront.callbacks.Callback):
        kernel = None

    def freeze(self, *args, logs=None):
        if self.kernel is None:
            self.model.layers[0].trainable = False
            self.kernel = self.model.layers[0].kernel.numpy()
            self.other = self.model.layers[1].kernel.numpy()

    setattr(Freezes, hook, freeze)
    model, callback = small(), Freezes()
    model.fit(X, Y, batch_size=2, epochs=2, verbose=0)
    model.layers[0].trainable = True
    model.fit(X, Y, batch_size=2, epochs=2, verbose=0, callbacks=[callback])
    np.testing.assert_array_equal(model.layers[0].kernel.numpy(), callback.kernel)
    assert not np.array_equal(model.layers[1].kernel.numpy(), callback.other)


def three_batches():
    for i in range(3):
        yield X[2 * i : 2 * i + 2], Y[2 * i : 2 * i + 2]


@pytest.mark.parametrize("per_call", [1, 2])
def test_an_epoch_without_data_ends_training_with_a_warning(per_call, trainable_backend):
    model = small(steps_per_execution=per_call)
    with pytest.warns(UserWarning, match="got 0: the data ran out, so training ends"):
        history = model.fit(three_batches(), epochs=4, verbose=0)
    assert history.epoch == [0]
    assert history.history["loss"][0] > 0


def test_an_epoch_with_some_of_its_data_counts(trainable_backend):
    with pytest.warns(UserWarning, match="expected 2 batches in the epoch, got 1"):
        history = small().fit(three_batches(), steps_per_epoch=2, epochs=4, verbose=0)
    assert history.epoch == [0, 1]
    assert min(history.history["loss"]) > 0


def test_fewer_batches_than_asked_for_are_told(trainable_backend):
    with pytest.warns(UserWarning, match="expected 10 batches in the epoch, got 4"):
        small().fit(X, Y, batch_size=2, steps_per_epoch=10, epochs=2, verbose=0)


def test_a_bound_on_all_epochs_is_no_number_that_somebody_asked_for(trainable_backend, monkeypatch):
    monkeypatch.setenv("KERAS_MAX_STEPS_PER_EPOCH", "10")
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        small().fit(X, Y, batch_size=2, verbose=0)


def test_training_that_a_callback_stops_is_not_data_that_ran_out(trainable_backend):
    class Stops(kfront.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.stop_training = True

    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        small().fit(three_batches(), steps_per_epoch=3, verbose=0, callbacks=[Stops()])


@pytest.mark.parametrize("data", ["arrays", "batches"])
def test_class_weights_beside_sample_weights_are_refused(data, trainable_backend):
    model, labels, weights = three_classes(), CLASSES, np.ones(8, "float32")
    given = {"x": X, "y": labels, "sample_weight": weights} if data == "arrays" else {"x": [(X, labels, weights)]}
    given["x"] = given["x"] if data == "arrays" else iter(given["x"])
    with pytest.raises(ArgumentError, match="sample_weight"):
        model.fit(**given, class_weight={0: 1.0, 1: 2.0, 2: 1.0}, verbose=0)
    if data == "arrays":
        with pytest.raises(ArgumentError, match="sample_weight"):
            model.train_on_batch(**given, class_weight={0: 1.0})


@pytest.mark.parametrize("metric", [metrics.F1Score, metrics.FBetaScore])
@pytest.mark.parametrize("verbose", [0, 1, 2])
def test_metrics_with_a_value_for_each_class(metric, verbose, trainable_backend):
    one = metric()
    model = three_classes(metrics=[one])
    stop = kfront.callbacks.EarlyStopping(monitor=one.name, mode="max", patience=2, min_delta=1.0)
    history = model.fit(X, CLASSES, batch_size=3, epochs=6, verbose=verbose, callbacks=[stop], validation_split=0.25)
    assert len(history.epoch) == 3
    assert np.shape(history.history[one.name]) == (3, 3)
    assert np.shape(model.evaluate(X, CLASSES, verbose=verbose, return_dict=True)[one.name]) == (3,)
    assert isinstance(stop.best, float)


def test_results_of_single_batches_are_python_numbers(trainable_backend):
    model = small()
    assert type(model.train_on_batch(X, Y)) is float
    assert type(model.test_on_batch(X, Y)) is float
    assert type(model.train_on_batch(X, Y, return_dict=True)["loss"]) is float


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_activities_in_halves_are_regularized(policy, trainable_backend):
    """Their loss is added to one in float32; the oracle is the same model in float32."""
    found = []
    for dtype in ("float32", policy):
        layer = layers.Dense(3, dtype=dtype, kernel_initializer="ones", activity_regularizer="l2")
        model = kfront.Sequential([kfront.Input((2,)), layer])
        model.compile("sgd", "mse")
        found.append(model.fit(X, np.zeros((len(X), 3)), verbose=0).history["loss"][0])
    assert found[1] == pytest.approx(found[0], rel=0.02)


def test_predict_leaves_no_losses_of_a_trace_behind(trainable_backend):
    model = kfront.Sequential([kfront.Input((2,)), layers.Dense(3, kernel_regularizer="l2", activity_regularizer="l2")])
    model.predict(X, verbose=0)
    assert [float(loss) > 0 for loss in model.losses] == [True]
