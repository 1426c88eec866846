"""Callbacks: what is called when, what it costs, and what each of ours does."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import kfront
from kfront import backends, callbacks
from kfront.callbacks.callback_list import _HOOKS
from kfront.core.errors import ArgumentError, ArgumentTypeError, SavingError

BACKENDS = [b for b in ("torch", "jax", "tensorflow") if b in backends.installed()]
X = np.random.default_rng(0).normal(size=(32, 4)).astype("float32")
Y = X.sum(-1, keepdims=True)


def small_model(optimizer: Any = "sgd") -> Any:
    kfront.utils.set_random_seed(0)
    model = kfront.Sequential([kfront.Input((4,)), kfront.layers.Dense(1)])
    model.compile(optimizer, "mse", metrics=[kfront.metrics.MeanAbsoluteError(name="mae")])
    return model


def fit(model: Any, *extra: Any, epochs: int = 3, **kwargs: Any) -> Any:
    return model.fit(X, Y, batch_size=8, epochs=epochs, verbose=0, callbacks=list(extra), **kwargs)


class Recorder(callbacks.Callback):
    """Notes every call."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[str] = []


def _note(name: str) -> Any:
    return lambda self, *args, **kwargs: self.calls.append(name)


for _hook in _HOOKS:
    setattr(Recorder, _hook, _note(_hook))


@pytest.mark.parametrize("backend", BACKENDS)
def test_order_of_calls(backend: str) -> None:
    with kfront.backend_scope(backend):
        recorder = Recorder()
        model = small_model()
        model.fit(X, Y, batch_size=16, epochs=1, verbose=0, callbacks=[recorder], validation_data=(X[:16], Y[:16]))
        assert recorder.calls == [
            *("on_train_begin", "on_epoch_begin"),
            *("on_train_batch_begin", "on_train_batch_end") * 2,
            *("on_test_begin", "on_test_batch_begin", "on_test_batch_end", "on_test_end"),
            *("on_epoch_end", "on_train_end"),
        ]
        recorder.calls.clear()
        model.predict(X[:8], batch_size=8, verbose=0, callbacks=[recorder])
        assert recorder.calls == [
            "on_predict_begin",
            "on_predict_batch_begin",
            "on_predict_batch_end",
            "on_predict_end",
        ]


def test_only_what_is_overridden_is_called() -> None:
    assert not callbacks.CallbackList([callbacks.EarlyStopping(), callbacks.History()]).train_batch_hooks
    listed = callbacks.CallbackList([callbacks.LambdaCallback(on_train_batch_end=lambda b, logs: None)])
    assert listed.train_batch_hooks
    assert not listed.test_batch_hooks

    class Old(callbacks.Callback):
        seen = 0

        def on_batch_end(self, batch: int, logs: Any = None) -> None:
            self.seen += 1

    old = Old()
    listed = callbacks.CallbackList([[old], []], add_history=True)
    assert listed.train_batch_hooks
    listed.on_train_batch_end(0, {})
    assert old.seen == 1
    assert isinstance(listed.callbacks[-1], callbacks.History)


class Unread(dict):
    """Logs that must not be read."""

    def items(self) -> Any:
        raise AssertionError("the logs were read")

    __getitem__ = get = keys = values = __iter__ = __len__ = items  # type: ignore[assignment]

    def __bool__(self) -> bool:
        raise AssertionError("the logs were read")


def test_progress_reads_nothing_between_drawings(capsys: Any) -> None:
    logger = callbacks.ProgbarLogger()
    logger.set_params({"verbose": 1, "epochs": 2, "steps": 1000})
    logger.on_epoch_begin(0)
    for step in range(1000):
        logger.on_train_batch_end(step, Unread())
    logger.on_epoch_end(0, {"loss": 0.25})
    out = capsys.readouterr().out
    assert "Epoch 1/2" in out
    assert "1000/1000" in out
    assert "loss: 0.2500" in out


def test_progress_of_fit_evaluate_predict(capsys: Any) -> None:
    model = small_model()
    model.fit(X, Y, batch_size=8, epochs=2, verbose=2, validation_split=0.25)
    lines = [line for line in capsys.readouterr().out.splitlines() if line.strip()]
    assert len(lines) == 4
    assert lines[0].startswith("Epoch 1/2")
    assert "3/3" in lines[1]
    assert "val_mae" in lines[1]
    model.evaluate(X, Y, verbose=2)
    assert "loss" in capsys.readouterr().out
    model.predict(X, verbose=2)
    assert "1/1" in capsys.readouterr().out


@pytest.mark.parametrize("backend", BACKENDS)
def test_weights_and_rate_are_live(backend: str) -> None:
    class Meddle(callbacks.Callback):
        seen: list[float]

        def on_train_begin(self, logs: Any = None) -> None:
            self.seen = []

        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            kernel = self.model.layers[-1].kernel
            self.seen.append(float(kernel.numpy().sum()))
            kernel.assign(np.zeros(kernel.shape))
            self.model.optimizer.learning_rate = 0.0 if batch else 0.1

    with kfront.backend_scope(backend):
        meddle, model = Meddle(), small_model()
        fit(model, meddle, epochs=1)
        assert meddle.seen[0] != meddle.seen[1] != 0
        assert meddle.seen[2:] == [0.0, 0.0]  # zeroed, and a rate of zero
        assert not model.layers[-1].kernel.numpy().any()


def test_history_and_lambda() -> None:
    seen: list[Any] = []
    model = small_model()
    history = fit(model, callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append((epoch, sorted(logs)))))
    assert history is model.history
    assert history.epoch == [0, 1, 2]
    assert set(history.history) == {"loss", "mae"}
    assert all(isinstance(v, float) for v in history.history["loss"])
    assert seen == [(e, ["loss", "mae"]) for e in range(3)]


@pytest.mark.parametrize("backend", BACKENDS)
def test_early_stopping_restores_the_best(backend: str) -> None:
    with kfront.backend_scope(backend):
        model = small_model(kfront.optimizers.SGD(0.1))
        stop = callbacks.EarlyStopping("loss", patience=2, restore_best_weights=True)
        worse = callbacks.LearningRateScheduler(lambda epoch, rate: 0.1 if epoch < 2 else 3.0)
        history = fit(model, stop, worse, epochs=20)
        losses = history.history["loss"]
        assert len(losses) < 20
        assert stop.stopped_epoch == len(losses) - 1
        assert stop.best == min(losses)
        assert np.isfinite(model.get_weights()[0]).all()
        assert history.history["learning_rate"][:3] == pytest.approx([0.1, 0.1, 3.0])


def test_reduce_on_plateau() -> None:
    model = small_model(kfront.optimizers.SGD(0.0625))
    fit(model, callbacks.ReduceLROnPlateau("loss", factor=0.5, patience=1, min_delta=1e9), epochs=4)
    assert float(model.optimizer.learning_rate.numpy()) == 0.0625 / 8


def test_terminate_on_nan() -> None:
    model = small_model(kfront.optimizers.SGD(1e20))
    history = fit(model, callbacks.TerminateOnNaN(), epochs=5)
    assert len(history.epoch) == 1
    with pytest.raises(RuntimeError, match="training stops"):
        fit(small_model(kfront.optimizers.SGD(1e20)), callbacks.TerminateOnNaN(raise_error=True))


def test_csv(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    fit(small_model(), callbacks.CSVLogger(path), epochs=2)
    fit(small_model(), callbacks.CSVLogger(path, append=True), epochs=1)
    rows = list(csv.DictReader(path.open(encoding="utf-8")))
    assert [r["epoch"] for r in rows] == ["0", "1", "0"]
    assert float(rows[0]["loss"]) > 0
    assert rows[0]["val_loss"] == "NA"


def test_checkpoints(tmp_path: Path) -> None:
    model = small_model()
    options: dict[str, Any] = {"save_best_only": True, "save_weights_only": True, "initial_value_threshold": 0.0}
    both = [
        callbacks.ModelCheckpoint(tmp_path / "m{epoch:02d}.weights.h5", save_weights_only=True),
        callbacks.ModelCheckpoint(tmp_path / "b.weights.h5", "loss", save_weights_only=True, save_freq=3),
        callbacks.ModelCheckpoint(tmp_path / "best.weights.h5", "loss", **options),
    ]
    fit(model, *both, epochs=2)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["b.weights.h5", "m01.weights.h5", "m02.weights.h5"]
    other = small_model()
    other.load_weights(tmp_path / "m02.weights.h5")
    np.testing.assert_array_equal(other.get_weights()[0], model.get_weights()[0])
    with pytest.raises(ArgumentError, match=r"\.weights\.h5"):
        callbacks.ModelCheckpoint("x.keras", save_weights_only=True)
    with pytest.raises(ArgumentError, match="save_freq"):
        callbacks.ModelCheckpoint("x.keras", save_freq="batch")
    with pytest.raises(ArgumentError, match="among"):
        fit(model, callbacks.ModelCheckpoint(tmp_path / "{nothing}.keras"), epochs=1)


@pytest.mark.parametrize("best", [False, True])
def test_checkpoints_in_the_background(tmp_path: Path, best: bool) -> None:
    """The files hold what the weights were when the epoch ended, whole or in shards; they are there when `fit` ends."""
    model, held = small_model(), []
    note = callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: held.append(model.get_weights()))
    options: dict[str, Any] = {"save_on_background": True, "save_best_only": best, "monitor": "loss"}
    savers = [
        callbacks.ModelCheckpoint(tmp_path / "{epoch}.keras", **options),
        callbacks.ModelCheckpoint(tmp_path / "{epoch}.weights.h5", save_weights_only=True, **options),
        callbacks.ModelCheckpoint(
            tmp_path / "{epoch}.weights.json", save_weights_only=True, max_shard_size=1e-6, **options
        ),
    ]
    fit(model, note, *savers, epochs=3)
    for epoch, weights in enumerate(held, 1):
        files = [tmp_path / f"{epoch}{ending}" for ending in (".weights.h5", ".weights.json")]
        for path in files:
            other = small_model()
            other.load_weights(path)
            for got, wanted in zip(other.get_weights(), weights, strict=True):
                np.testing.assert_array_equal(got, wanted)
        whole = kfront.saving.load_model(tmp_path / f"{epoch}.keras")
        np.testing.assert_array_equal(whole.get_weights()[0], weights[0])


def test_a_checkpoint_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "taken.keras").mkdir()
    with pytest.raises(SavingError, match="taken"):
        fit(small_model(), callbacks.ModelCheckpoint(tmp_path / "taken.keras", save_on_background=True), epochs=1)
    with pytest.raises(ArgumentError, match=r"\.weights\.json"):
        callbacks.ModelCheckpoint("x.weights.h5", save_weights_only=True, max_shard_size=1.0)
    with pytest.raises(ArgumentError, match="save_weights_only=True"):
        callbacks.ModelCheckpoint("x.keras", max_shard_size=1.0)
    with pytest.raises(ArgumentError, match="ends in .keras for"):
        callbacks.ModelCheckpoint("x.h5", save_on_background=True)


def test_swap_averages() -> None:
    model = small_model(kfront.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.9))
    fit(model, epochs=1)
    mine, average = (v.numpy() for v in (model.trainable_variables[0], model.optimizer._kf_averages[0]))
    swap = callbacks.SwapEMAWeights()
    swap.set_model(model)
    swap.on_test_begin()
    np.testing.assert_array_equal(model.trainable_variables[0].numpy(), average)
    swap.on_test_end()
    np.testing.assert_array_equal(model.trainable_variables[0].numpy(), mine)


def test_monitor_direction() -> None:
    model = small_model()
    for monitor, better in (("val_loss", "min"), ("val_mae", "min"), ("accuracy", "max"), ("val_auc", "max")):
        stop = callbacks.EarlyStopping(monitor)
        stop.set_model(model)
        assert stop._larger_is_better() == (better == "max")
    stop = callbacks.EarlyStopping("val_something")
    stop.set_model(model)
    with pytest.raises(ArgumentError, match="mode='min' or mode='max'"):
        stop.on_epoch_end(0, {"val_something": 1.0})
    with pytest.warns(UserWarning, match="expected 'val_loss' among the results"):
        fit(model, callbacks.EarlyStopping("val_loss"), epochs=1)


def test_errors() -> None:
    with pytest.raises(ArgumentTypeError, match="create an instance"):
        callbacks.CallbackList([callbacks.History])
    with pytest.raises(ArgumentError, match="factor"):
        callbacks.ReduceLROnPlateau(factor=2.0)
    with pytest.raises(ArgumentTypeError, match="return a float"):
        fit(small_model(), callbacks.LearningRateScheduler(lambda epoch, rate: "fast"))
