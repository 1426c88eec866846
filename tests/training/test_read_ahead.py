"""Slow sources are read ahead: while a step runs the next batch is made, in order, and never too many of them."""

from __future__ import annotations

import threading
import time
import traceback

import numpy as np
import pytest

import kfront
from kfront import callbacks, config, layers
from kfront.training.data.ahead import ReadAhead

WAIT = 20  # seconds after which a test that hangs fails


@pytest.fixture(autouse=True)
def _one_engine():
    """What reads data does not depend on the engine."""
    with kfront.backend_scope("torch" if "torch" in kfront.backends.installed() else "jax"):
        yield
    assert not [t for t in threading.enumerate() if t.name == "kfront-data"], "a thread was left behind"


class Source:
    """Batches that say when and in which thread they are made."""

    def __init__(self, count=None, slow=True, fails_at=None):
        self.count, self.slow, self.fails_at = count, slow, fails_at
        self.made, self.threads, self.most = 0, [], 0
        self.done = 0  # steps that are over
        self.ready = [threading.Event() for _ in range(100)]

    def make(self, n):
        self.most = max(self.most, n - self.done)
        if n == self.fails_at:
            raise ZeroDivisionError("no such batch")
        if self.slow:
            time.sleep(0.003)
        self.threads.append(threading.current_thread().name)
        self.made = n + 1
        self.ready[n].set()
        return np.full((4, 1), n, "float32"), np.zeros((4, 1), "float32")

    def __iter__(self):
        n = 0
        while n != self.count:
            yield self.make(n)
            n += 1


class Sequence(kfront.utils.PyDataset):
    def __init__(self, source, **kwargs):
        super().__init__(**kwargs)
        self.source = source

    def __len__(self):
        return 8

    def __getitem__(self, index):
        return self.source.make(index)


def model_of(source=None, wait=False):
    """A model whose loss tells the batch, and a callback that follows the steps."""

    class Watch(callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if wait and 2 <= batch < 7:
                assert source.ready[batch + 1].wait(WAIT), "the next batch was not made while this step ran"
            source.done += 1
            losses.append(logs["loss"])

    losses = []
    model = kfront.Sequential([layers.Input((1,)), layers.Dense(1, kernel_initializer="ones", trainable=False)])
    model.compile("sgd", "mse")
    return model, Watch(), losses


def running_means(count):
    squares = [float(n) ** 2 for n in range(count)]
    return [sum(squares[: i + 1]) / (i + 1) for i in range(count)]


@pytest.mark.parametrize("kind", ["generator", "dataset"])
def test_steps_and_batches_overlap(kind):
    """Each step lasts until the next batch is there: without another thread that would be never."""
    source = Source(8)
    model, watch, losses = model_of(source, wait=True)
    given = {"generator": lambda: iter(source), "dataset": lambda: Sequence(source)}[kind]()
    model.fit(given, verbose=0, callbacks=watch, shuffle=False)
    np.testing.assert_allclose(losses, running_means(8), rtol=1e-6)
    assert source.threads[:3] == ["MainThread"] * 3 and set(source.threads[3:]) == {"kfront-data"}
    assert 0 < source.most <= config.read_ahead()


def test_no_batch_is_made_that_is_not_wanted():
    source = Source()  # without end
    model, watch, losses = model_of(source)
    model.fit(iter(source), steps_per_epoch=5, epochs=3, verbose=0, callbacks=watch)
    assert source.made == 15 and len(losses) == 15
    assert model.evaluate(iter(Source()), steps=4, verbose=0) == pytest.approx((0 + 1 + 4 + 9) / 4)
    source = Source(6)
    np.testing.assert_array_equal(model.predict(iter(source), verbose=0)[::4, 0], np.arange(6))
    assert source.threads[-1] == "kfront-data"


def test_errors_arrive_where_they_would_have():
    source = Source(fails_at=5)
    model, watch, losses = model_of(source)
    with pytest.raises(ZeroDivisionError, match="no such batch") as caught:
        model.fit(iter(source), steps_per_epoch=9, verbose=0, callbacks=watch)
    assert len(losses) == 5
    assert any(frame.name == "make" for frame in traceback.extract_tb(caught.value.__traceback__))


def test_a_run_that_stops_early_leaves_no_thread():
    source = Source()
    model, watch, losses = model_of(source)

    def stop(batch, logs):
        model.stop_training = batch == 4

    model.fit(
        iter(source),
        steps_per_epoch=50,
        verbose=0,
        callbacks=[watch, callbacks.LambdaCallback(on_train_batch_end=stop)],
    )
    assert len(losses) == 5 and source.made <= 5 + config.read_ahead()

    def interrupt(batch, logs):
        if batch == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        model.fit(
            iter(Source()),
            steps_per_epoch=50,
            verbose=0,
            callbacks=callbacks.LambdaCallback(on_train_batch_end=interrupt),
        )


@pytest.mark.parametrize("why", ["fast", "asked", "followed", "dataset", "arrays"])
def test_everything_else_is_made_in_the_thread_that_trains(why, tmp_path):
    source = Source(8, slow=why != "fast")
    model, watch, losses = model_of(source)
    chain = [watch]
    given = Sequence(source, workers=0) if why == "dataset" else iter(source)
    if why == "asked":
        config.set_read_ahead(0)
    if why == "followed":
        chain.append(callbacks.BackupAndRestore(tmp_path / "backup"))
    started = threading.active_count()
    try:
        if why == "arrays":
            x = np.repeat(np.arange(8, dtype="float32"), 4)[:, None]
            seen = callbacks.LambdaCallback(
                on_train_batch_end=lambda batch, logs: seen_threads.append(threading.active_count())
            )
            seen_threads = []
            model.fit(x, 0 * x, batch_size=4, shuffle=False, verbose=0, callbacks=[watch, seen])
            assert set(seen_threads) == {started}
        else:
            model.fit(given, verbose=0, callbacks=chain, shuffle=False)
            assert set(source.threads) == {"MainThread"}
    finally:
        config.set_read_ahead(None)
    np.testing.assert_allclose(losses, running_means(8), rtol=1e-6)


def test_code_of_a_source_sees_the_engine_of_the_model():
    seen = set()

    def batches():
        for n in range(6):
            time.sleep(0.003)
            seen.add((threading.current_thread().name, kfront.backends.current().name))
            yield np.full((4, 1), n, "float32")

    model, _, _ = model_of()
    with kfront.backend_scope("numpy"):
        model.predict(batches(), verbose=0)
    assert seen == {(thread, model._kf_backend.name) for thread in ("MainThread", "kfront-data")}


@pytest.mark.parametrize("engine", [n for n in ("torch", "jax") if n in kfront.backends.installed()])
def test_a_source_may_fill_one_array_again_and_again(engine):
    def batches():
        x, y = np.empty((4, 1), "float32"), np.zeros((4, 1), "float32")
        for n in range(8):
            time.sleep(0.003)
            x[:] = n
            yield x, y

    class Wait(callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            time.sleep(0.02)  # so that the source is ahead

    with kfront.backend_scope(engine):
        model, watch, losses = model_of(Source())
        model.fit(batches(), verbose=0, callbacks=[Wait(), watch])
    np.testing.assert_allclose(losses, running_means(8), rtol=1e-6)


def test_the_end_may_be_asked_for_again():
    def slow():
        for n in range(4):
            time.sleep(0.003)
            yield n

    with ReadAhead(slow(), 1) as batches:
        assert list(batches) == [0, 1, 2, 3]
        assert next(batches, "over") == "over" and next(batches, "over") == "over"


@pytest.mark.parametrize("engine", [n for n in ("jax", "tensorflow") if n in kfront.backends.installed()])
def test_other_engines(engine):
    with kfront.backend_scope(engine):
        source = Source(8)
        model, watch, losses = model_of(source, wait=True)
        model.fit(iter(source), verbose=0, callbacks=watch)
    np.testing.assert_allclose(losses, running_means(8), rtol=1e-6)


def test_sources_that_draw_from_an_engine_stay_in_its_thread():
    """A torch Dataset may draw between the numbers that dropout draws: the order must not depend on time."""
    torch = pytest.importorskip("torch")
    source = Source(slow=True)

    class Rows(torch.utils.data.Dataset):
        def __len__(self):
            return 8

        def __getitem__(self, index):
            x, y = source.make(index)
            return x[0], y[0]

    model, watch, losses = model_of(source)
    model.fit(Rows(), batch_size=1, shuffle=False, verbose=0, callbacks=watch)
    model.fit(torch.utils.data.DataLoader(Rows(), batch_size=1), verbose=0)
    assert len(losses) == 8 and set(source.threads) == {"MainThread"}
