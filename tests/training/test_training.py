"""Training on every engine: data of all kinds, own steps, precision, callbacks, interruption, compilation, memory."""

from __future__ import annotations

import gc
import traceback

import numpy as np
import pytest
from tests.conftest import ENGINES
from tests.losses import keras_side

import kfront
from kfront import callbacks, layers, ops

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(22, 4)).astype("float32"), RNG.normal(size=(22, 2)).astype("float32")


def model_of(cls=kfront.Sequential, optimizer=None, **kwargs):
    kfront.utils.set_random_seed(0)
    model = cls([layers.Input((4,)), layers.Dense(5, "tanh"), layers.Dense(2)])
    model.compile(optimizer or kfront.optimizers.SGD(0.1), "mse", metrics=["mae"], **kwargs)
    return model


def curve(x, y=None, **kwargs):
    model = model_of()
    return model.fit(x, y, **{"epochs": 2, "verbose": 0, "shuffle": False, **kwargs}).history["loss"]


WANTED: dict[str, list[float]] = {}


def wanted():
    """The curve of plain arrays, the same on every engine."""
    if "curve" not in WANTED:
        WANTED["curve"] = curve(X, Y, batch_size=8)
    return WANTED["curve"]


def torch_loader():
    torch = pytest.importorskip("torch")
    data = torch.utils.data.TensorDataset(torch.from_numpy(X), torch.from_numpy(Y))
    return {"x": torch.utils.data.DataLoader(data, batch_size=8)}


def tf_data():
    tf = pytest.importorskip("tensorflow")
    return {"x": tf.data.Dataset.from_tensor_slices((X, Y)).batch(8)}


class Rows(kfront.utils.PyDataset):
    def __len__(self):
        return 3

    def __getitem__(self, i):
        return X[8 * i : 8 * i + 8], Y[8 * i : 8 * i + 8]


def batches():
    while True:
        yield from ((X[i : i + 8], Y[i : i + 8]) for i in range(0, 22, 8))


KINDS = {
    "lists": lambda: {"x": X.tolist(), "y": Y.tolist(), "batch_size": 8},
    "float64": lambda: {"x": X.astype("float64"), "y": Y.astype("float64"), "batch_size": 8},
    "native": lambda: {"x": ops.convert_to_tensor(X), "y": ops.convert_to_tensor(Y), "batch_size": 8},
    "torch DataLoader": torch_loader,
    "tf.data": tf_data,
    "generator": lambda: {"x": batches(), "steps_per_epoch": 3},
    "PyDataset": lambda: {"x": Rows()},
    "PyDataset, 2 workers": lambda: {"x": Rows(workers=2, max_queue_size=3)},
}


@pytest.mark.parametrize("kind", KINDS)
def test_kinds_of_data(kind, trainable_backend):
    np.testing.assert_allclose(curve(**KINDS[kind]()), wanted(), rtol=1e-4)


@pytest.mark.parametrize("kind", ["torch DataLoader", "tf.data", "PyDataset"])
def test_datasets_elsewhere(kind, trainable_backend):
    """As validation data, in `evaluate` and `predict`."""
    given = KINDS[kind]()["x"]
    model = model_of()
    history = model.fit(X, Y, validation_data=given, verbose=0).history
    np.testing.assert_allclose(history["val_loss"][0], model.evaluate(X, Y, verbose=0)[0], rtol=1e-4)
    np.testing.assert_allclose(model.evaluate(given, verbose=0), model.evaluate(X, Y, verbose=0), rtol=1e-4)
    np.testing.assert_allclose(model.predict(given, verbose=0), model.predict(X, verbose=0), rtol=1e-4, atol=1e-6)


MODES = [{"run_eagerly": True}, {"jit_compile": True}, {"jit_compile": False}, {"steps_per_execution": 2}]


@pytest.mark.parametrize("mode", MODES, ids=str)
def test_modes(mode, trainable_backend):
    if trainable_backend.name == "torch" and mode.get("jit_compile") is True:
        pytest.skip("torch.compile needs a C++ compiler and takes seconds; conformance covers it")
    model = model_of(**mode)
    history = model.fit(X, Y, batch_size=8, epochs=2, verbose=0, shuffle=False).history
    np.testing.assert_allclose(history["loss"], wanted(), rtol=1e-4)


def test_shuffles_are_the_same_everywhere(trainable_backend):
    got = curve(X, Y, batch_size=8, shuffle=True)
    WANTED.setdefault("shuffled", got)
    np.testing.assert_allclose(got, WANTED["shuffled"], rtol=1e-4)
    assert not np.allclose(got, wanted(), rtol=1e-4)
    got = curve(X, Y, batch_size=4, shuffle="batch")
    WANTED.setdefault("batch", got)
    np.testing.assert_allclose(got, WANTED["batch"], rtol=1e-4)


# -- own steps --------------------------------------------------------------------------------------------------------


class Portable(kfront.Sequential):
    """Written once for all engines."""

    def train_step(self, data):
        x, y = data

        def forward():
            y_pred = self(x, training=True)
            return self.compute_loss(x, y, y_pred), y_pred

        loss, y_pred, gradients = self._kf_backend.value_and_grad(forward, self.trainable_variables, [])
        self.optimizer.apply(gradients, self.trainable_variables)
        return {"loss": loss, "size": ops.mean(ops.abs(y_pred))}


class Extended(kfront.Sequential):
    def train_step(self, data):
        return {**super().train_step(data), "one": ops.ones(())}


class OfTorch(kfront.Sequential):
    def train_step(self, data):
        import torch

        x, y = data
        self.zero_grad()
        y_pred = self(x, training=True)
        loss = self.compute_loss(y=y, y_pred=y_pred)
        loss.backward()
        variables = list(self.trainable_weights)
        with torch.no_grad():
            self.optimizer.apply([v.value.grad for v in variables], variables)
        for metric in self.metrics:
            metric.update_state(loss) if metric.name == "loss" else metric.update_state(y, y_pred)
        return {m.name: m.result() for m in self.metrics}


class OfTensorFlow(kfront.Sequential):
    def train_step(self, data):
        import tensorflow as tf

        x, y = data
        with tf.GradientTape() as tape:
            y_pred = self(x, training=True)
            loss = self.compute_loss(y=y, y_pred=y_pred)
        gradients = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_variables, strict=True))
        for metric in self.metrics:
            metric.update_state(loss) if metric.name == "loss" else metric.update_state(y, y_pred)
        return {m.name: m.result() for m in self.metrics}


class OfJax(kfront.Sequential):
    def compute_loss_and_updates(self, trainable, rest, x, y, training=False):
        y_pred, rest = self.stateless_call(trainable, rest, x, training=training)
        return self.compute_loss(x, y, y_pred), (y_pred, rest)

    def train_step(self, state, data):
        import jax

        trainable, rest, slots, metrics = state
        x, y = data
        grad = jax.value_and_grad(self.compute_loss_and_updates, has_aux=True)
        (loss, (y_pred, rest)), gradients = grad(trainable, rest, x, y, training=True)
        trainable, slots = self.optimizer.stateless_apply(slots, gradients, trainable)
        new, logs = [], {}
        for metric in self.metrics:
            own = metrics[len(new) : len(new) + len(metric.variables)]
            own = metric.stateless_update_state(own, *((loss,) if metric.name == "loss" else (y, y_pred)))
            logs[metric.name] = metric.stateless_result(own)
            new += own
        return logs, (trainable, rest, slots, new)


@pytest.mark.parametrize("cls", [Portable, Extended])
def test_portable_steps(cls, trainable_backend):
    model = model_of(cls)
    history = model.fit(X[:16], Y[:16], batch_size=16, epochs=2, verbose=0, shuffle=False).history
    plain = model_of().fit(X[:16], Y[:16], batch_size=16, epochs=2, verbose=0, shuffle=False).history
    np.testing.assert_allclose(history["loss"], plain["loss"], rtol=1e-5)
    assert ("one" in history) is (cls is Extended) and ("size" in history) is (cls is Portable)


@pytest.mark.parametrize("name", ["torch", "jax", "tensorflow"])
def test_steps_of_an_engine(name):
    if name not in kfront.backends.installed():
        pytest.skip("not installed")
    cls = {"torch": OfTorch, "jax": OfJax, "tensorflow": OfTensorFlow}[name]
    with kfront.backend_scope(name):
        history = model_of(cls).fit(X[:16], Y[:16], batch_size=8, epochs=2, verbose=0, shuffle=False).history
        plain = model_of().fit(X[:16], Y[:16], batch_size=8, epochs=2, verbose=0, shuffle=False).history
    np.testing.assert_allclose(history["loss"], plain["loss"], rtol=1e-5)
    np.testing.assert_allclose(history["mae"], plain["mae"], rtol=1e-5)


def test_own_test_and_predict_steps(trainable_backend):
    class Own(kfront.Sequential):
        def test_step(self, data):
            x, y = data
            return {"distance": ops.mean(ops.abs(self(x) - y))}

        def predict_step(self, data):
            return self(data[0] if isinstance(data, tuple) else data) * 2.0

    model, plain = model_of(Own), model_of()
    result = model.evaluate(X, Y, batch_size=22, verbose=0, return_dict=True)
    assert result == {"distance": pytest.approx(plain.evaluate(X, Y, verbose=0)[1], rel=1e-5)}
    np.testing.assert_allclose(model.predict(X, verbose=0), plain.predict(X, verbose=0) * 2, rtol=1e-5)


# -- precision --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision(policy, trainable_backend):
    kfront.config.set_dtype_policy(policy)
    try:
        model = model_of(optimizer=kfront.optimizers.Adam(0.05))
        scaled = type(model.optimizer).__name__ == "LossScaleOptimizer"
        assert scaled is (policy == "mixed_float16")
        history = model.fit(X, Y, batch_size=8, epochs=8, verbose=0).history["loss"]
        assert history[-1] < history[0] and np.isfinite(history).all()
        assert {str(w.dtype) for w in model.get_weights()} == {"float32"}
        assert kfront.backends.current().dtype_name(model(X).dtype) == policy.removeprefix("mixed_")
    finally:
        kfront.config.set_dtype_policy("float32")


def test_loss_scaling_skips_steps_that_overflow(trainable_backend):
    optimizer = kfront.optimizers.LossScaleOptimizer(kfront.optimizers.SGD(0.1), initial_scale=8.0)
    model = model_of(optimizer=optimizer)
    before = model.get_weights()
    model.fit(np.full((8, 4), np.inf, "float32"), Y[:8], verbose=0)
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    model.fit(X, Y, verbose=0)
    assert any((a != b).any() for a, b in zip(before, model.get_weights(), strict=True))


# -- callbacks --------------------------------------------------------------------------------------------------------


def test_callbacks_end_to_end(trainable_backend, tmp_path):
    best = tmp_path / "best.keras"
    chain = [
        callbacks.ModelCheckpoint(best, monitor="val_loss", save_best_only=True),
        callbacks.ModelCheckpoint(tmp_path / "{epoch:02d}.weights.h5", save_weights_only=True),
        callbacks.EarlyStopping("val_loss", patience=2, restore_best_weights=True),
    ]
    model = model_of()
    history = model.fit(X, Y, validation_data=(X, Y), epochs=3, verbose=0, callbacks=chain).history
    assert len(list(tmp_path.glob("*.weights.h5"))) == 3
    loaded = kfront.saving.load_model(best)
    assert loaded.evaluate(X, Y, verbose=0)[0] == pytest.approx(min(history["val_loss"]), rel=1e-4)


def test_backup_and_restore(trainable_backend, tmp_path):
    class Crash(callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 2:
                raise InterruptedError

    whole = model_of().fit(X, Y, epochs=4, verbose=0, shuffle=False).history["loss"]
    with pytest.raises(InterruptedError):
        model_of().fit(X, Y, epochs=4, verbose=0, callbacks=[callbacks.BackupAndRestore(tmp_path), Crash()])
    model = model_of()
    history = model.fit(X, Y, epochs=4, verbose=0, shuffle=False, callbacks=[callbacks.BackupAndRestore(tmp_path)])
    assert history.epoch == [2, 3]
    assert np.isfinite(history.history["loss"]).all() and len(whole) == 4


def test_interruption_leaves_the_model_usable(trainable_backend):
    class Interrupt(callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if batch == 1:
                raise KeyboardInterrupt

    model = model_of()
    before = model.get_weights()
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, Y, batch_size=8, verbose=0, callbacks=[Interrupt()])
    assert any((a != b).any() for a, b in zip(before, model.get_weights(), strict=True))
    assert np.isfinite(model.fit(X, Y, batch_size=8, verbose=0).history["loss"][0])
    assert model.predict(X, verbose=0).shape == (22, 2) and model(X).shape[0] == 22


def test_an_error_inside_a_step_leaves_the_model_usable(trainable_backend):
    class Bad(layers.Layer):
        fail = False

        def call(self, x):
            if self.fail and not hasattr(x, "_keras_history"):
                raise ZeroDivisionError
            return x

    bad = Bad()
    model = kfront.Sequential([layers.Input((4,)), layers.Dense(2), bad])
    model.compile("sgd", "mse")
    bad.fail = True
    with pytest.raises(ZeroDivisionError):
        model.fit(X, Y, verbose=0)
    bad.fail = False
    assert np.isfinite(model.fit(X, Y, verbose=0).history["loss"][0])


def test_freezing_after_compile_takes_effect(trainable_backend):
    model = model_of()
    model.fit(X, Y, verbose=0)
    model.layers[0].trainable = False
    before = model.get_weights()
    model.fit(X, Y, verbose=0)
    after = model.get_weights()
    np.testing.assert_array_equal(before[0], after[0])
    assert (before[2] != after[2]).any()
    model.layers[0].trainable = True
    model.fit(X, Y, verbose=0)
    assert (model.get_weights()[0] != after[0]).any()


# -- compilation and memory -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["jax", "tensorflow"])
def test_a_step_is_traced_once(name):
    if name not in kfront.backends.installed():
        pytest.skip("not installed")
    runs = []

    class Count(layers.Layer):
        def call(self, x):
            runs.append(tuple(x.shape))
            return x

    with kfront.backend_scope(name):
        model = kfront.Sequential([layers.Input((4,)), Count(), layers.Dense(2)])
        model.compile("adam", "mse")
        model.fit(X, Y, batch_size=11, epochs=1, verbose=0)
        first = len(runs)
        model.fit(X, Y, batch_size=11, epochs=5, verbose=0)
        assert len(runs) == first
        model.optimizer.learning_rate = 0.5
        model.set_weights([w * 0 for w in model.get_weights()])
        model.fit(X, Y, batch_size=11, epochs=2, verbose=0)
        assert len(runs) == first
        model.predict(X, verbose=0)
        more = len(runs)
        model.predict(X + 1, verbose=0)
        model.evaluate(X, Y, batch_size=11, verbose=0)
        seen = len(runs)
        model.evaluate(X, Y, batch_size=11, verbose=0)
        assert len(runs) == seen and more > first


@pytest.mark.sampled(4, table="long")
def test_repeated_fits_hold_no_memory(trainable_backend):
    model = model_of()

    def objects():
        gc.collect()
        return len(gc.get_objects())

    for _ in range(3):
        model.fit(X, Y, verbose=0, validation_data=(X, Y))
    before = objects()
    for _ in range(20):
        model.fit(X, Y, verbose=0, validation_data=(X, Y))
    assert objects() - before < 200


@pytest.mark.sampled(4, table="long")
def test_models_are_released(trainable_backend):
    import weakref

    def one():
        model = model_of()
        model.fit(X, Y, verbose=0)
        model.predict(X, verbose=0)
        return weakref.ref(model)

    one()
    refs = [one() for _ in range(3)]
    gc.collect()
    assert sum(r() is not None for r in refs) == 0


# -- tracebacks -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("filtering", [True, False])
def test_tracebacks_show_kfront_only_if_asked(filtering, backend):
    class Own(callbacks.Callback):
        def on_predict_begin(self, logs=None):
            raise ZeroDivisionError

    (kfront.config.enable_traceback_filtering if filtering else kfront.config.disable_traceback_filtering)()
    model = kfront.Sequential([layers.Input((4,)), layers.Dense(2)])
    with pytest.raises(ZeroDivisionError) as e:
        model.predict(X, verbose=0, callbacks=[Own()])
    names = [f.filename for f in traceback.extract_tb(e.value.__traceback__)]
    assert any("training/loop.py" in n for n in names) is not filtering


OF_BATCHES: list[tuple[str, dict, str, str]] = [  # losses that are no means over samples
    ("Dice", {}, "binary", "unit"),
    ("dice", {}, "binary", "unit"),
    ("Tversky", {}, "binary", "unit"),
    ("CosineSimilarity", {"axis": 0}, "real", "logits"),
]


@pytest.mark.parametrize("engine", [e for e in ("numpy", "torch") if e in ENGINES])
@pytest.mark.parametrize(
    "case, mode",
    [
        pytest.param(case, mode, id=f"{case[0]}-{case[1]}-{mode}")
        for case in (*keras_side.LOSSES, *OF_BATCHES)
        for mode in ("plain", "weights", "mask", "added loss")
        if mode in ("plain", "added loss") or "axis" not in case[1]
    ],
)
def test_evaluation_without_callbacks_is_that_of_each_batch(case, mode, engine):
    """Engines that compile nothing measure several batches at once; the oracle is the loop batch by batch."""
    cls, config, true, pred = case
    found = {name: np.concatenate([x] * 30) for name, x in keras_side.data().items()}
    y, x, weights = found[true], found[pred], found["w_batch"] if mode == "weights" else None
    if mode == "mask":
        x[::3, 1] = 0.0
    step = {"mask": layers.Masking, "added loss": lambda: layers.ActivityRegularization(0.1)}.get(mode, layers.Identity)
    measured = [(m, c) for m, c, *names in keras_side.METRICS if names == [true, pred]]
    given = {"batch_size": 7, "verbose": 0, "return_dict": True, "sample_weight": weights}
    with kfront.backend_scope(engine):
        measured = [getattr(kfront.metrics, m)(**c) for m, c in measured if mode != "mask" or not c]
        means = [m for m in measured if isinstance(m, kfront.metrics.MeanMetricWrapper)]
        model = kfront.Sequential([layers.Input(x.shape[1:]), step()])
        for reduction in ("sum_over_batch_size", "sum", "mean", "mean_with_sample_weight"):
            for metrics in ([], means, measured, [_middle]) if reduction == "mean" else ([],):
                loss = getattr(kfront.losses, cls)
                if isinstance(loss, type):
                    loss = loss(reduction=reduction, **keras_side.config_of(config))
                model.compile(loss=loss, metrics=metrics)
                seen = []
                each = callbacks.LambdaCallback(on_test_batch_end=lambda batch, logs: seen.append(batch))
                want, got = model.evaluate(x, y, callbacks=[each], **given), model.evaluate(x, y, **given)
                assert len(seen) == 18
                for name, value in want.items():
                    np.testing.assert_allclose(got[name], value, rtol=3e-6, atol=1e-6)


@pytest.mark.parametrize("part", ["inputs", "targets"])
def test_evaluation_takes_batches_that_are_overwritten(part, backend):
    """A generator may fill the same array again; the oracle is NumPy's mean."""

    def batches():
        x, y = np.zeros((2, 3), "float32"), np.zeros((2, 3), "float32")
        for i in range(6):
            (x if part == "inputs" else y)[:] = i
            yield x, y

    model = kfront.Sequential([layers.Input((3,)), layers.Identity()])
    model.compile(loss="mse")
    assert model.evaluate(batches(), verbose=0) == pytest.approx(np.mean(np.arange(6.0) ** 2))


def _middle(y_true, y_pred):
    """A metric that is no mean over samples."""
    return ops.median(y_pred)


@pytest.mark.parametrize("size, count", [(2, 2), (7_000, 3), (70_000, 22)])
def test_evaluation_measures_few_times_where_no_callback_looks(monkeypatch, size, count):
    """On an engine that compiles nothing: 22 batches with one sample each, that have so many outputs."""
    calls, cls = [], kfront.losses.MeanSquaredError
    plain = cls._kf_mean
    monkeypatch.setattr(cls, "_kf_mean", lambda *args: calls.append(args) or plain(*args))
    with kfront.backend_scope("numpy"):
        model = kfront.Sequential([layers.Input((4,)), layers.Dense(size)])
        model.compile(loss=cls())
        model.evaluate(X, np.zeros((22, size), "float32"), batch_size=1, verbose=0)
    assert len(calls) == count
