"""Steps and losses of one's own: in the form for all engines, and in those that Keras documents for each."""

from __future__ import annotations

import numpy as np
import pytest

import kfront
from kfront import layers, metrics, ops

X = np.random.default_rng(0).normal(size=(16, 4)).astype("float32")
Y = np.random.default_rng(1).normal(size=(16, 2)).astype("float32")
W = np.linspace(0.5, 1.5, 16).astype("float32")
FIT = {"batch_size": 8, "epochs": 2, "verbose": 0, "shuffle": False}
MODES = [{}, {"steps_per_execution": 2}]


def model_of(cls, **kwargs):
    kfront.utils.set_random_seed(0)
    i = layers.Input((4,))
    h = layers.Dropout(0.0)(layers.BatchNormalization()(layers.Dense(5, "tanh")(i)))
    model = cls(i, layers.Dense(2)(h))
    model.compile(kfront.optimizers.Adam(0.05), "mse", metrics=["mae"], **kwargs)
    return model


def same(a, b):
    assert set(a) >= set(b)
    for name in b:
        np.testing.assert_allclose(a[name], b[name], rtol=1e-5)


class Portable(kfront.Model):
    """One form for all engines; see docs/training.md."""

    def train_step(self, data):
        x, y, sample_weight = kfront.utils.unpack_x_y_sample_weight(data)

        def loss_of():
            y_pred = self(x, training=True)
            return self.compute_loss(x, y, y_pred, sample_weight), y_pred

        (loss, y_pred), gradients = kfront.value_and_grad(loss_of, has_aux=True, wrt=self)()
        self.optimizer.apply(gradients, self.trainable_variables)
        for metric in self.metrics:
            metric.update_state(loss) if metric.name == "loss" else metric.update_state(y, y_pred)
        return {m.name: m.result() for m in self.metrics}

    def test_step(self, data):
        x, y, sample_weight = kfront.utils.unpack_x_y_sample_weight(data)
        y_pred = self(x, training=False)
        self.metrics[0].update_state(self.compute_loss(x, y, y_pred, sample_weight, training=False))
        self.metrics[1].update_state(y, y_pred)
        return {m.name: m.result() for m in self.metrics}


class OfTorch(kfront.Model):
    def train_step(self, data):
        import torch

        x, y, sample_weight = kfront.utils.unpack_x_y_sample_weight(data)
        self.zero_grad()
        y_pred = self(x, training=True)
        loss = self.compute_loss(y=y, y_pred=y_pred, sample_weight=sample_weight)
        loss.backward()
        trainable = [v for v in self.trainable_weights]
        gradients = [v.value.grad for v in trainable]
        with torch.no_grad():
            self.optimizer.apply(gradients, trainable)
        for metric in self.metrics:
            metric.update_state(loss) if metric.name == "loss" else metric.update_state(y, y_pred)
        return {m.name: m.result() for m in self.metrics}


class OfTensorFlow(kfront.Model):
    def train_step(self, data):
        import tensorflow as tf

        x, y, sample_weight = kfront.utils.unpack_x_y_sample_weight(data)
        with tf.GradientTape() as tape:
            y_pred = self(x, training=True)
            loss = self.compute_loss(y=y, y_pred=y_pred, sample_weight=sample_weight)
        gradients = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_variables, strict=True))
        for metric in self.metrics:
            metric.update_state(loss) if metric.name == "loss" else metric.update_state(y, y_pred)
        return {m.name: m.result() for m in self.metrics}


class OfJax(kfront.Model):
    def compute_loss_and_updates(self, trainable, rest, x, y, sample_weight, training=False):
        y_pred, rest = self.stateless_call(trainable, rest, x, training=training)
        return self.compute_loss(x, y, y_pred, sample_weight), (y_pred, rest)

    def track(self, values, loss, y, y_pred):
        logs, new = {}, []
        for metric in self.metrics:
            own = values[len(new) : len(new) + len(metric.variables)]
            own = metric.stateless_update_state(own, *((loss,) if metric.name == "loss" else (y, y_pred)))
            logs[metric.name] = metric.stateless_result(own)
            new += own
        return logs, new

    def train_step(self, state, data):
        import jax

        trainable, rest, slots, values = state
        x, y, sample_weight = kfront.utils.unpack_x_y_sample_weight(data)
        grad = jax.value_and_grad(self.compute_loss_and_updates, has_aux=True)
        (loss, (y_pred, rest)), gradients = grad(trainable, rest, x, y, sample_weight, training=True)
        trainable, slots = self.optimizer.stateless_apply(slots, gradients, trainable)
        logs, values = self.track(values, loss, y, y_pred)
        return logs, (trainable, rest, slots, values)

    def test_step(self, state, data):
        trainable, rest, values = state
        x, y, sample_weight = kfront.utils.unpack_x_y_sample_weight(data)
        loss, (y_pred, rest) = self.compute_loss_and_updates(trainable, rest, x, y, sample_weight)
        logs, values = self.track(values, loss, y, y_pred)
        return logs, (trainable, rest, values)

    def predict_step(self, state, data):
        trainable, rest = state
        y_pred, rest = self.stateless_call(trainable, rest, data[0] if isinstance(data, tuple) else data)
        return y_pred, rest


FORMS = [("torch", Portable), ("jax", Portable), ("tensorflow", Portable)]
FORMS += [("torch", OfTorch), ("jax", OfJax), ("tensorflow", OfTensorFlow)]


@pytest.mark.parametrize(("name", "cls"), FORMS)
def test_forms(name, cls):
    if name not in kfront.backends.installed():
        pytest.skip("not installed")
    with kfront.backend_scope(name):
        plain = model_of(kfront.Model)
        wanted = plain.fit(X, Y, sample_weight=W, **FIT, validation_data=(X, Y)).history
        for mode in MODES:
            model = model_of(cls, **mode)
            same(model.fit(X, Y, sample_weight=W, **FIT, validation_data=(X, Y)).history, wanted)
            for a, b in zip(model.get_weights(), plain.get_weights(), strict=True):
                np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(model.predict(X, verbose=0), plain.predict(X, verbose=0), rtol=1e-4, atol=1e-5)
        assert np.isfinite(model.train_on_batch(X, Y)).all()
        assert np.isfinite(model.test_on_batch(X, Y)).all()


def test_own_loss_and_metrics(trainable_backend):
    class Own(kfront.Model):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            self.distance = metrics.Mean(name="distance")

        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
            loss = (
                ops.mean(ops.abs(y_pred - y)) + ops.sum(self.losses) if self.losses else ops.mean(ops.abs(y_pred - y))
            )
            self.distance.update_state(loss)
            return loss

        def compute_metrics(self, x, y, y_pred, sample_weight=None):
            return {**super().compute_metrics(x, y, y_pred, sample_weight), "ten": 10.0}

    for mode in MODES:
        model = model_of(Own, **mode)
        history = model.fit(X, Y, **FIT).history
        assert {"loss", "mae", "distance"} <= set(history)
        np.testing.assert_allclose(history["distance"], history["loss"], rtol=1e-5)
        np.testing.assert_allclose(history["mae"], history["loss"], rtol=1e-5)


def test_metrics_of_a_model_that_lists_its_own(trainable_backend):
    """As in the guide on `train_step`: trackers of one's own, listed in `metrics`, are reset each epoch."""

    class Own(kfront.Model):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            self.loss_tracker, self.mae = metrics.Mean(name="loss"), metrics.MeanAbsoluteError(name="mae")

        @property
        def metrics(self):
            return [self.loss_tracker, self.mae]

        def train_step(self, data):
            x, y = data

            def loss_of():
                y_pred = self(x, training=True)
                return ops.mean(kfront.losses.mean_squared_error(y, y_pred)), y_pred

            (loss, y_pred), gradients = kfront.value_and_grad(loss_of, has_aux=True, wrt=self)()
            self.optimizer.apply(gradients, self.trainable_variables)
            self.loss_tracker.update_state(loss)
            self.mae.update_state(y, y_pred)
            return {"loss": self.loss_tracker.result(), "mae": self.mae.result()}

    kfront.utils.set_random_seed(0)
    i = layers.Input((4,))
    model = Own(i, layers.Dense(2)(i))
    model.compile(optimizer="sgd")
    history = model.fit(X, Y, **FIT).history
    assert set(history) == {"loss", "mae"}
    assert history["loss"][1] < history["loss"][0]
    assert float(model.loss_tracker.count.numpy()) == 2.0


class Gan(kfront.Model):
    """Two models, two optimizers, one step."""

    def __init__(self, discriminator, generator):
        super().__init__()
        self.discriminator, self.generator = discriminator, generator
        self.seed = kfront.random.SeedGenerator(1)
        self.d_loss, self.g_loss = metrics.Mean(name="d"), metrics.Mean(name="g")
        self.built = True

    def compile(self, d_optimizer, g_optimizer, loss_fn):
        super().compile()
        self.d_optimizer, self.g_optimizer, self.loss_fn = d_optimizer, g_optimizer, loss_fn

    def step(self, model, optimizer, loss_of):
        loss, gradients = kfront.value_and_grad(loss_of, wrt=model)()
        optimizer.apply(gradients, model.trainable_variables)
        return loss

    def train_step(self, real):
        real = real[0] if isinstance(real, tuple) else real
        size = real.shape[0]
        noise = kfront.random.normal((size, 3), seed=self.seed)
        both = ops.concatenate([self.generator(noise), real], axis=0)
        labels = ops.concatenate([ops.ones((size, 1)), ops.zeros((size, 1))], axis=0)
        d = self.step(
            self.discriminator, self.d_optimizer, lambda: self.loss_fn(labels, self.discriminator(both, training=True))
        )
        wish = ops.zeros((size, 1))
        g = self.step(
            self.generator, self.g_optimizer, lambda: self.loss_fn(wish, self.discriminator(self.generator(noise)))
        )
        self.d_loss.update_state(d)
        self.g_loss.update_state(g)
        return {"d": self.d_loss.result(), "g": self.g_loss.result()}


def test_two_optimizers(trainable_backend):
    histories = []
    for eager in (False, True):
        kfront.utils.set_random_seed(0)
        discriminator = kfront.Sequential([layers.Input((4,)), layers.Dense(6, "relu"), layers.Dense(1)])
        generator = kfront.Sequential([layers.Input((3,)), layers.Dense(4)])
        gan = Gan(discriminator, generator)
        loss = kfront.losses.BinaryCrossentropy(from_logits=True)
        gan.compile(kfront.optimizers.Adam(0.01), kfront.optimizers.Adam(0.01), loss)
        gan.run_eagerly = eager
        before = [w.copy() for w in gan.get_weights()]
        histories.append(gan.fit(X, batch_size=8, epochs=3, verbose=0, shuffle=False).history)
        assert all((a != b).any() for a, b in zip(before, gan.get_weights(), strict=True))
    for name in ("d", "g"):
        np.testing.assert_allclose(histories[0][name], histories[1][name], rtol=1e-4)


def test_freezing_inside_grouped_steps(trainable_backend):
    model = model_of(kfront.Model, steps_per_execution=2)
    model.fit(X, Y, **FIT)
    model.layers[1].trainable = False
    frozen, free = model.layers[1].get_weights(), model.layers[-1].get_weights()
    model.fit(X, Y, **FIT)
    for a, b in zip(frozen, model.layers[1].get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert any((a != b).any() for a, b in zip(free, model.layers[-1].get_weights(), strict=True))


def test_rates_and_weights_set_inside_grouped_steps(trainable_backend):
    class Meddle(kfront.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.optimizer.learning_rate = 0.0
            self.model.layers[-1].kernel.assign(np.zeros((5, 2)))

    model = model_of(kfront.Model, steps_per_execution=2)
    model.fit(X, Y, batch_size=4, epochs=1, verbose=0, callbacks=[Meddle()])
    assert not model.layers[-1].kernel.numpy().any()


def test_a_train_step_on_no_data_structure(trainable_backend):
    """A batch that is a dict reaches the step as it is."""

    class Own(kfront.Sequential):
        def train_step(self, data):
            x, y = data["x"], data["y"]
            gradients = kfront.grad(lambda: ops.mean(ops.square(self(x) - y)), wrt=self)()
            self.optimizer.apply(gradients, self.trainable_variables)
            return {"size": ops.cast(ops.shape(x)[0], "float32")}

    model = Own([layers.Input((4,)), layers.Dense(2)])
    model.compile("sgd")
    source = [{"x": X[i : i + 8], "y": Y[i : i + 8]} for i in (0, 8)]
    history = model.fit(iter(source * 2), steps_per_epoch=2, epochs=2, verbose=0).history
    assert history["size"] == [8.0, 8.0]


def test_results_that_are_listed(backend):
    """Of own steps, none at all too; metrics of one name beside weighted ones stand once, as in the dict."""

    class Own(kfront.Model):
        def call(self, x):
            return x

        def test_step(self, data):
            return results

    x = np.ones((2, 1), "float32")
    for results, wanted in (({}, []), ({"loss": 1.0}, 1.0), ({"z": 3.0, "loss": 1.0, "a": 2.0}, [1.0, 2.0, 3.0])):
        own = Own()
        own.compile(loss="mse")
        assert own.evaluate(x, x, verbose=0) == wanted
    model = kfront.Sequential([kfront.Input((1,)), kfront.layers.Dense(1)])
    model.compile(loss="mse", metrics=["mae", "mse"], weighted_metrics=["mae"])
    listed, named = (model.evaluate(x, x, verbose=0, return_dict=d) for d in (False, True))
    assert sorted(listed) == sorted(named.values()) and set(named) == {"loss", "mae", "mse", "weighted_mae"}


class Halved(kfront.optimizers.SGD):
    """Says in `apply_gradients`, as optimizers of Keras 2 do, what is done with gradients."""

    def apply_gradients(self, grads_and_vars):
        return super().apply_gradients([(g * 0.5, v) for g, v in grads_and_vars])


@pytest.mark.parametrize("eager", [True, False])
def test_an_optimizers_own_apply_gradients_is_asked(trainable_backend, eager):
    x, y = np.ones((4, 3), "float32"), np.ones((4, 2), "float32")
    trained = []
    for optimizer in (Halved(0.2), kfront.optimizers.SGD(0.1)):
        dense = kfront.layers.Dense(2, kernel_initializer="ones")
        model = kfront.Sequential([kfront.Input((3,)), dense])
        model.compile(optimizer, "mse", run_eagerly=eager)
        model.fit(x, y, batch_size=2, verbose=0)
        trained.append(np.concatenate([w.ravel() for w in model.get_weights()]))
    np.testing.assert_allclose(*trained, rtol=1e-6)
    assert not np.allclose(trained[0][:6], 1)
