"""What is compiled, how often, and what happens where nothing can be; interruptions in the middle of a step."""

from __future__ import annotations

import os
import signal
import threading
import warnings

import numpy as np
import pytest

import kfront
from kfront import callbacks, layers, ops

X = np.random.default_rng(0).normal(size=(22, 4)).astype("float32")
Y = np.random.default_rng(1).normal(size=(22, 2)).astype("float32")


def model_of(*more, **kwargs):
    kfront.utils.set_random_seed(0)
    model = kfront.Sequential([layers.Input((4,)), layers.Dense(5, "tanh"), *more, layers.Dense(2)])
    model.compile("sgd", "mse", metrics=["mae"], **kwargs)
    return model


class Compilations:
    """How often an engine has compiled something, by its own counters."""

    def __init__(self, name, model):
        self.name, self.model, self.count = name, model, 0
        if name == "jax":
            import jax

            def heard(event, duration, **kwargs):
                self.count += event == "/jax/core/compile/backend_compile_duration"

            jax.monitoring.register_event_duration_secs_listener(heard)

    def now(self):
        if self.name == "torch":
            from torch._dynamo.utils import counters

            return counters["stats"]["unique_graphs"]
        if self.name == "tensorflow":
            found = [s for made in self.model._kf_steps()._made.values() for s in steps_inside(made)]
            return sum(g.experimental_get_tracing_count() for s in found for g in s.graphs.values())
        return self.count


def steps_inside(f):
    """The compiled steps of TensorFlow's adapter that a function calls."""
    if hasattr(f, "graphs"):
        return [f]
    held = [c.cell_contents for c in getattr(f, "__closure__", None) or ()]
    return [s for x in held if callable(x) for s in steps_inside(x)]


@pytest.mark.parametrize(("size", "per_call"), [(22, 1), (17, 1), (22, 2), (20, 3)])
def test_ragged_last_batches_compile_nothing_after_the_first_steps(size, per_call, trainable_backend):
    model = model_of(layers.BatchNormalization(), layers.Dropout(0.2), steps_per_execution=per_call)
    counter = Compilations(trainable_backend.name, model)
    seen = []

    def watch_step(batch, logs):
        dict(logs)  # results of metrics are computed eagerly, and compiled op by op when they are first read
        seen.append(counter.now())

    watch = callbacks.LambdaCallback(on_train_batch_end=watch_step)
    model.fit(X[:size], Y[:size], batch_size=8 // per_call, epochs=3, verbose=0, callbacks=[watch])
    batches = -(-size // (8 // per_call))
    assert len(seen) == 3 * -(-batches // per_call)
    assert len(set(seen[1:])) == 1, seen


def test_expecting_a_batch_changes_nothing(trainable_backend):
    plain, eager = model_of(layers.BatchNormalization()), model_of(layers.BatchNormalization(), run_eagerly=True)
    a = plain.fit(X, Y, batch_size=8, epochs=2, verbose=0, shuffle=False).history
    b = eager.fit(X, Y, batch_size=8, epochs=2, verbose=0, shuffle=False).history
    np.testing.assert_allclose(a["loss"], b["loss"], rtol=1e-5)
    for v, w in zip(plain.get_weights(), eager.get_weights(), strict=True):
        np.testing.assert_allclose(v, w, rtol=1e-4, atol=1e-6)


class Looks(kfront.Model):
    """Reads values in Python."""

    def __init__(self):
        super().__init__()
        self.out = layers.Dense(2)

    def call(self, x):
        if hasattr(x, "_keras_history") or isinstance(x, kfront.KerasTensor):
            return self.out(x)
        return self.out(x) * 2 if float(ops.mean(x)) > 100 else self.out(x)


def test_a_step_that_cannot_be_traced_runs_eagerly(trainable_backend):
    model = Looks()
    model.compile("sgd", "mse")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        losses = model.fit(X, Y, batch_size=11, epochs=3, verbose=0).history["loss"]
        model.evaluate(X, Y, verbose=0)
        assert model.predict(X, verbose=0).shape == (22, 2)
    assert losses[-1] < losses[0]
    said = [str(w.message) for w in caught if "runs without compilation" in str(w.message)]
    assert len(said) == (0 if trainable_backend.name == "torch" else 3)  # training, evaluation, prediction
    assert all("\n" not in s for s in said)
    loop = Looks()
    loop.compile("sgd", "mse", steps_per_execution=2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert np.isfinite(loop.fit(X, Y, batch_size=11, verbose=0).history["loss"]).all()


def test_code_that_needs_the_size_of_a_batch(trainable_backend):
    """TensorFlow would make it unknown in its second graph; a model that cannot do without it gets one per size."""

    class Flat(layers.Layer):
        def call(self, x):
            size = x.shape[0]
            return x if size is None and isinstance(x, kfront.KerasTensor) else ops.reshape(x, (int(size), 5))

        def compute_output_shape(self, shape):
            return shape

    i = layers.Input((4,))
    model = kfront.Model(i, layers.Dense(2)(Flat()(layers.Dense(5)(i))))
    model.compile("sgd", "mse")
    assert np.isfinite(model.fit(X, Y, batch_size=8, epochs=2, verbose=0).history["loss"]).all()
    assert model.predict(X, batch_size=5, verbose=0).shape == (22, 2)


def test_compilation_that_was_asked_for_tells_its_errors():
    if "jax" not in kfront.backends.installed():
        pytest.skip("not installed")
    with kfront.backend_scope("jax"):
        model = Looks()
        model.compile("sgd", "mse", jit_compile=True)
        with pytest.raises(Exception, match=r"[Tt]race"):
            model.fit(X, Y, verbose=0)


@pytest.fixture
def interruptible():
    """Ctrl-C reaches Python, even where the tests run in the background of a shell, which ignores it for them."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_interruptions_at_any_moment_leave_the_model_usable(trainable_backend, interruptible):
    model = model_of(layers.Dense(64))
    model.fit(X, Y, verbose=0)
    model.fit(X, Y, batch_size=1, verbose=0)  # compiled by now: TensorFlow's tracing itself turns Ctrl-C into errors
    main = threading.main_thread().ident
    rng = np.random.default_rng(0)
    stopped = 0
    for _ in range(6):
        timer = threading.Timer(rng.uniform(0.0, 0.03), lambda: signal.pthread_kill(main, signal.SIGINT))
        try:  # Python drops what comes while it collects garbage and runs the callback that JAX has there
            timer.start()
            model.fit(X, Y, batch_size=1, epochs=300, verbose=0)
        except KeyboardInterrupt:
            stopped += 1
        timer.join()
        assert all(np.isfinite(w).all() for w in model.get_weights())
        assert isinstance(model.history.history, dict)
    assert stopped >= 5
    before = model.evaluate(X, Y, verbose=0)[0]
    model.fit(X, Y, epochs=5, verbose=0)
    assert model.evaluate(X, Y, verbose=0)[0] <= before * 1.5
    assert os.getpid()
