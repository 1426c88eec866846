"""JAX: values that stay with the compiled step between batches until somebody looks at a Variable."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
import threading

import numpy as np
import pytest

jax = pytest.importorskip("jax")

import kfront
from kfront import ops  # noqa: F401  (before the adapter)
from kfront.backends.jax import step as steps
from kfront.backends.jax import step_state

X = np.random.default_rng(0).standard_normal((64, 3)).astype("float32")
Y = X.sum(1, keepdims=True) ** 2


@pytest.fixture(autouse=True)
def many(monkeypatch):
    with kfront.backend_scope("jax"):
        yield


def small_model():
    kfront.utils.set_random_seed(3)
    layers = kfront.layers
    model = kfront.Sequential([kfront.Input((3,)), layers.Dense(4, activation="tanh"), layers.Dense(1)])
    model.compile("adam", "mse")
    return model


def train(model, epochs=1, **kwargs):
    model.fit(X, Y, batch_size=8, epochs=epochs, shuffle=False, verbose=0, **kwargs)


def is_resident(variable):
    return "_value" not in variable.__dict__


def plain(monkeypatch, run):
    """What `run` does to a model whose steps copy all values before they donate them."""
    with monkeypatch.context() as m:
        m.setattr(steps.Step, "_execute", copying)
        model = small_model()
        run(model)
        assert not any(map(is_resident, model.variables))
        return model


def copying(step, pair, args):
    new, out = pair.donating([jax.numpy.copy(v._value) for v in step.written], [v._value for v in step.read], args)
    for v, x in zip(step.written, new, strict=True):
        v._value = x
    return out


def same(model, other):
    for a, b in zip(model.variables, other.variables, strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())
    for a, b in zip(model.optimizer.variables, other.optimizer.variables, strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())


def trained_model():
    model = small_model()
    train(model, 2)
    kernel = model.layers[0].kernel
    assert is_resident(kernel)
    return model


def test_training_is_the_same(monkeypatch):
    same(trained_model(), plain(monkeypatch, lambda m: train(m, 2)))


def test_a_look_gives_one_value_back():
    model = trained_model()
    kernel, bias = model.layers[0].kernel, model.layers[1].bias
    assert is_resident(bias)
    assert kernel.value.shape == (3, 4)
    assert is_resident(bias) and not is_resident(kernel)
    assert not hasattr(kernel, "no_such_attribute")
    model.train_on_batch(X[:8], Y[:8])
    assert is_resident(kernel)


def test_few_variables_are_resident_as_well():
    few = kfront.Sequential([kfront.Input((3,)), kfront.layers.Dense(1)])
    few.compile("sgd", "mse")
    train(few, 2)
    assert all(map(is_resident, few.trainable_variables))


@pytest.mark.parametrize(
    "look",
    [
        lambda v: v.value,
        lambda v: v._value,
        lambda v: v._read(),
        lambda v: jax.numpy.asarray(v),
        lambda v: kfront.ops.reshape(v, (3, 4)),
        lambda v: jax.tree_util.tree_leaves([v.value])[0],
        lambda v: v.numpy(),
        lambda v: copy.copy(v.__dict__).get("_value", v.value),
    ],
)
def test_nobodys_array_is_taken_away(look):
    """Whatever has been handed out keeps its numbers, without any count of references."""
    model = trained_model()
    kernel = model.layers[0].kernel
    given = look(kernel)
    before = np.array(given)
    view = np.asarray(given)
    train(model)
    np.testing.assert_array_equal(np.asarray(given), before)
    np.testing.assert_array_equal(view, before)
    assert not np.array_equal(kernel.numpy(), before)


def test_an_array_that_was_assigned_stays_its_owners():
    model = trained_model()
    mine = jax.numpy.ones((3, 4))
    model.layers[0].kernel.assign(mine)
    train(model)
    np.testing.assert_array_equal(mine, np.ones((3, 4)))


def test_what_a_step_returns_of_its_variables_can_be_kept():
    v, w = kfront.Variable(np.zeros(3, "float32")), kfront.Variable(np.ones(3, "float32"))

    def run(x):
        v.assign_add(x)
        return v.value, w.value

    step = kfront.backends.get("jax").compile_step(run, lambda: [v, w], True)
    kept = [step(np.float32(1)) for _ in range(4)]
    other = kfront.backends.get("jax").compile_step(lambda x: w.assign_add(x), lambda: [w], True)
    other(np.float32(1)), other(np.float32(1))
    assert [float(a[0]) for a, _ in kept] == [1, 2, 3, 4]
    assert [float(b[0]) for _, b in kept] == [1, 1, 1, 1]


def test_a_step_borrows_what_another_has():
    model = trained_model()
    kernel = model.layers[0].kernel
    model.predict(X[:3], verbose=0)
    train(model)
    assert is_resident(kernel)
    first = model.predict(X[:3], verbose=0)
    assert is_resident(kernel)
    train(model)
    assert not np.array_equal(first, model.predict(X[:3], verbose=0))


def test_values_move_from_step_to_step_without_copies(monkeypatch):
    v = kfront.Variable(np.zeros(3, "float32"))
    b = kfront.backends.get("jax")
    one, two = (b.compile_step(lambda x, n=n: v.assign_add(x * n), lambda: [v], True) for n in (1, 10))
    one(np.float32(1)), two(np.float32(1))
    copies = []
    monkeypatch.setattr(step_state, "copy_of", lambda x: (copies.append(x), jax.numpy.copy(x))[1])
    for _ in range(3):
        one(np.float32(1)), two(np.float32(1))
    assert not copies and float(v.numpy()[0]) == 44


@pytest.mark.parametrize("steps_per_execution", [1, 4])
def test_what_is_assigned_between_steps_counts(monkeypatch, steps_per_execution):
    def run(model):
        model.compile("adam", "mse", steps_per_execution=steps_per_execution)
        for i in range(3):
            train(model)
            model.layers[0].kernel.assign(np.full((3, 4), i / 10, "float32"))
            train(model)
            model.optimizer.learning_rate = 0.01 * (i + 1)

    model = small_model()
    run(model)
    same(model, plain(monkeypatch, run))


@pytest.mark.parametrize("every", [1, 3, 7])
def test_callbacks_that_look_and_write(monkeypatch, every):
    class Decay(kfront.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if batch % every == 0:
                for v in self.model.trainable_variables:
                    v.assign(v.value * 0.99)

    def run(model):
        train(model, 3, callbacks=[Decay()], validation_data=(X[:20], Y[:20]))

    model = small_model()
    run(model)
    same(model, plain(monkeypatch, run))


def test_copies_files_and_other_engines(tmp_path, monkeypatch):
    want = [w.copy() for w in plain(monkeypatch, lambda m: train(m, 2)).get_weights()]
    for take in (
        copy.deepcopy,
        lambda m: pickle.loads(pickle.dumps(m)),
        lambda m: (m.save(tmp_path / "m.keras"), kfront.saving.load_model(tmp_path / "m.keras"))[1],
        lambda m: jax.tree_util.tree_map(lambda x: x, m),
        lambda m: kfront.convert(m, "numpy"),
    ):
        model = trained_model()
        twin = take(model)
        for a, b in zip(twin.get_weights(), want, strict=True):
            np.testing.assert_array_equal(a, b)
        train(model)
        for a, b in zip(twin.get_weights(), want, strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
@pytest.mark.parametrize("done", [False, True])
def test_a_step_that_fails_loses_nothing(monkeypatch, error, done):
    model = trained_model()
    function = model._kf_steps().train_function()
    step = next(c.cell_contents for c in function.__closure__ if isinstance(c.cell_contents, steps.Step))
    compiled = step.compiled.donating

    def failing(*args):
        if done:
            compiled(*[jax.tree_util.tree_map(jax.numpy.copy, a) for a in args])
        raise error

    step.compiled.donating = failing
    with pytest.raises(error):
        train(model)
    step.compiled.donating = compiled
    other = plain(monkeypatch, lambda m: train(m, 2))
    for a, b in zip(model.trainable_variables, other.trainable_variables, strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())
    train(model), train(other)
    same(model, other)


def test_a_batch_of_another_shape_and_a_frozen_layer(monkeypatch):
    def run(model):
        train(model, 2)
        model.fit(X[:13], Y[:13], batch_size=5, shuffle=False, verbose=0)
        model.layers[0].trainable = False
        model.compile("adam", "mse")
        train(model, 2)
        model.evaluate(X, Y, verbose=0)
        train(model, 2)

    model = small_model()
    run(model)
    same(model, plain(monkeypatch, run))


def test_another_thread_may_look():
    model, stop, seen = small_model(), threading.Event(), []
    train(model)

    def look():
        while not stop.is_set():
            seen.append(float(np.abs(model.layers[0].kernel.numpy()).sum()))

    thread = threading.Thread(target=look)
    thread.start()
    train(model, 30)
    stop.set()
    thread.join()
    assert seen and np.isfinite(seen).all()
    assert np.isfinite(model.layers[0].kernel.numpy()).all()


def test_another_thread_sees_no_tracers():
    model, stop, seen = small_model(), threading.Event(), []
    started = model.get_weights()

    def look():
        while not stop.is_set():
            try:
                seen.append([np.asarray(v.value) for v in model.weights])
            except Exception as error:  # raised in the test's own thread below
                seen.append(error)
                return

    thread = threading.Thread(target=look)
    thread.start()
    train(model)  # which is traced, again for the weights of the optimizer
    stop.set()
    thread.join()
    assert not isinstance(seen[-1], Exception), seen[-1]
    assert all(np.array_equal(a, b) for a, b in zip(seen[0], started, strict=True))
    assert len({type(v) for v in model.variables}) == 1  # of its own class again
    assert all("_outside" not in v.__dict__ for v in [*model.variables, *model.optimizer.variables])


def test_steps_in_two_threads_do_not_wait_for_each_other():
    made, done, errors = [kfront.Variable(np.zeros(2, "float32")) for _ in range(4)], [], []

    def work(order):
        def run(x):
            for i in order:
                made[i].assign_add(x)
            return x

        step = kfront.backends.get("jax").compile_step(run, lambda: [made[i] for i in order], True)

        def often():
            with kfront.backend_scope("jax"):
                for _ in range(300):
                    try:
                        done.append(float(step(np.float32(1))))
                    except Exception as error:
                        errors.append(str(error))

        return often

    threads = [threading.Thread(target=work(order), daemon=True) for order in ((0, 1, 2, 3), (3, 2, 1, 0))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads)
    assert not errors and len(done) == 600
    assert all(v.numpy().tolist() == [600, 600] for v in made)


def test_two_steps_share_variables(monkeypatch):
    def run(model):
        for _ in range(6):
            train(model)
            model.train_on_batch(X[:8], Y[:8])
            model.train_on_batch(X[:8], Y[:8])
            model.predict(X[:3], verbose=0)

    model = small_model()
    run(model)
    same(model, plain(monkeypatch, run))


def test_a_first_draw_in_a_trace_of_the_users() -> None:
    """The generator for draws without a seed belongs to no trace, though it, and the engine, are first used in one."""
    code = """
import jax
import kfront
from kfront.core.errors import UnsupportedError
kfront.config.set_backend("jax")
try:
    jax.jit(lambda: kfront.random.normal((2,)))()
except UnsupportedError:
    a, b = kfront.random.normal((2,)), kfront.random.normal((2,))
    assert (a != b).all()
else:
    raise AssertionError("the draw would be the same in each call")
"""
    subprocess.run([sys.executable, "-c", code], check=True)
