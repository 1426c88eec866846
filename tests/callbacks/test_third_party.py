"""Callbacks written for Keras in the style of Weights & Biases, MLflow and others, through the alias; other options."""

from __future__ import annotations

import http.server
import json
import os
import subprocess
import sys
import threading
import urllib.parse

import numpy as np
import pytest

import kfront
from kfront import callbacks, layers
from kfront.core.errors import ArgumentError

X = np.random.default_rng(0).normal(size=(16, 4)).astype("float32")
Y = np.random.default_rng(1).normal(size=(16, 2)).astype("float32")

SCRIPT = '''
import json, sys
import numpy as np
import keras
from keras import backend as K
from keras.callbacks import Callback, LambdaCallback


class MetricsLogger(Callback):
    """As wandb.integration.keras.WandbMetricsLogger: rate from the optimizer, results by batch and epoch."""

    def __init__(self, log_freq=2):
        super().__init__()
        self.log_freq, self.rows, self.global_batch = log_freq, [], 0

    def _get_lr(self):
        if isinstance(self.model.optimizer.learning_rate, (keras.Variable,)):
            return float(self.model.optimizer.learning_rate.numpy().item())
        try:
            return float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate).item())
        except Exception:
            return None

    def on_epoch_end(self, epoch, logs=None):
        row = dict() if logs is None else {f"epoch/{k}": v for k, v in logs.items()}
        row["epoch/epoch"] = epoch
        row["epoch/learning_rate"] = self._get_lr()
        self.rows.append(row)

    def on_batch_end(self, batch, logs=None):
        self.global_batch += 1
        if batch % self.log_freq == 0:
            row = {f"batch/{k}": v for k, v in logs.items()} if logs else {}
            row["batch/batch_step"] = self.global_batch
            self.rows.append(row)

    def on_train_batch_end(self, batch, logs=None):
        self.on_batch_end(batch, logs if logs else {})


class OldStyle(Callback):
    """As mlflow.keras' callback and older ones: no __init__ of the base, set_model, params, config of the optimizer."""

    def __init__(self):
        self.seen = {}

    def set_model(self, model):
        super().set_model(model)
        self.seen["layers"] = [l.name for l in model.layers]
        self.seen["optimizer"] = model.optimizer.get_config()["name"]
        self.seen["json"] = len(model.to_json())

    def on_train_begin(self, logs=None):
        self.seen["params"] = sorted(self.params)
        lines = []
        self.model.summary(print_fn=lambda line, **kwargs: lines.append(line))
        self.seen["summary"] = any("dense" in line for line in lines)
        for name, value in self.model.optimizer.get_config().items():
            json.dumps(name)

    def on_epoch_end(self, epoch, logs=None):
        self.seen["logs"] = {k: float(v) for k, v in logs.items()}
        self.model.optimizer.learning_rate.assign(0.05)

    def on_train_end(self, logs=None):
        self.seen["steps"] = int(self.model.optimizer.iterations)
        self.seen["weights"] = [list(w.shape) for w in self.model.get_weights()]


class Duck:
    """No subclass of Callback at all: only what the list calls."""

    def __init__(self):
        self.calls = []

    def set_model(self, model):
        self.model = model

    def set_params(self, params):
        self.params = params

    def __getattr__(self, name):
        if name.startswith("on_"):
            return lambda *args: self.calls.append(name)
        raise AttributeError(name)


X, Y = np.ones((16, 4), "float32"), np.ones((16, 2), "float32")
model = keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(2, name="dense")])
model.compile(optimizer=keras.optimizers.SGD(0.1), loss="mse", metrics=["mae"])
logger, old, duck = MetricsLogger(), OldStyle(), Duck()
model.fit(X, Y, batch_size=4, epochs=2, verbose=0, validation_split=0.25, callbacks=[logger, old, duck])
model.evaluate(X, Y, verbose=0, callbacks=[logger, old])
print(json.dumps({"rows": logger.rows, "old": old.seen, "calls": sorted(set(duck.calls))}))
'''


def test_callbacks_written_for_keras(tmp_path):
    file = tmp_path / "script.py"
    file.write_text(SCRIPT)
    engine = "torch" if "torch" in kfront.backends.installed() else "jax"
    done = subprocess.run(
        [sys.executable, "-m", "kfront.as_keras", str(file)],
        capture_output=True,
        text=True,
        env={**os.environ, "KERAS_BACKEND": engine},
    )
    assert done.returncode == 0, done.stderr
    out = json.loads(done.stdout.splitlines()[-1])
    epochs = [r for r in out["rows"] if "epoch/epoch" in r]
    assert set(epochs[0]) == {f"epoch/{k}" for k in ("loss", "mae", "val_loss", "val_mae", "epoch", "learning_rate")}
    assert [round(r["epoch/learning_rate"], 6) for r in epochs] == [0.1, 0.05]
    steps = [r["batch/batch_step"] for r in out["rows"] if "batch/batch_step" in r]
    assert steps == [1, 3, 4, 6]
    assert all("batch/loss" in r for r in out["rows"] if "batch/batch_step" in r)
    old = out["old"]
    assert old["layers"] == ["dense"]
    assert old["params"] == ["epochs", "steps", "verbose"]
    assert old["summary"]
    assert old["steps"] == 6
    assert old["weights"] == [[4, 2], [2]]
    assert "on_train_batch_end" in out["calls"]
    assert "on_test_begin" in out["calls"]


def model_of(optimizer="sgd"):
    model = kfront.Sequential([layers.Input((4,)), layers.Dense(2)])
    model.compile(optimizer, "mse", metrics=["mae"])
    return model


@pytest.fixture
def server():
    got = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            got.append((self.path, self.headers["Content-Type"], self.headers.get("X-Key"), body))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *args):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as made:
        threading.Thread(target=made.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{made.server_port}", got
        made.shutdown()


def test_remote_monitor(server):
    root, got = server
    history = (
        model_of()
        .fit(
            X,
            Y,
            epochs=2,
            verbose=0,
            callbacks=[
                callbacks.RemoteMonitor(root, headers={"X-Key": "k"}),
                callbacks.RemoteMonitor(root, path="/json", send_as_json=True),
            ],
        )
        .history
    )
    form, plain = got[:2]
    assert form[:3] == ("/publish/epoch/end/", "application/x-www-form-urlencoded", "k")
    data = json.loads(urllib.parse.parse_qs(form[3])["data"][0])
    assert data == {"epoch": 0, "loss": pytest.approx(history["loss"][0]), "mae": pytest.approx(history["mae"][0])}
    assert plain[:2] == ("/json", "application/json")
    assert json.loads(plain[3])["epoch"] == 0
    with pytest.warns(UserWarning, match="could not reach"):
        model_of().fit(X, Y, verbose=0, callbacks=[callbacks.RemoteMonitor("http://127.0.0.1:9")])
    with pytest.raises(ArgumentError, match=r"http\(s\)"):
        model_of().fit(X, Y, verbose=0, callbacks=[callbacks.RemoteMonitor("file://")])


def test_averages_around_evaluations(trainable_backend, tmp_path):
    model = model_of(kfront.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.5))
    saver = callbacks.ModelCheckpoint(tmp_path / "{epoch}.weights.h5", save_weights_only=True)
    raw = []
    note = callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: raw.append([w.copy() for w in model.get_weights()])
    )
    chain = [note, callbacks.SwapEMAWeights(swap_on_epoch=True), saver]
    model.fit(X, Y, batch_size=8, epochs=2, verbose=0, callbacks=chain)
    average = raw[0]  # the first average is the first step's weights
    for n, weights in enumerate(raw):
        average = [0.5 * a + 0.5 * w for a, w in zip(average, weights, strict=True)]
        if n % 2:
            other = model_of(kfront.optimizers.SGD(0.1, use_ema=True))
            other.load_weights(tmp_path / f"{n // 2 + 1}.weights.h5")
            for got, wanted in zip(other.get_weights(), average, strict=True):
                np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-7)


def test_best_only(tmp_path):
    """Every option of `ModelCheckpoint` that decides whether and where to save."""
    model = model_of(kfront.optimizers.SGD(0.05))
    kinds = {
        "best": {"save_best_only": True, "monitor": "loss"},
        "worst": {"save_best_only": True, "monitor": "loss", "mode": "max"},
        "bar": {"save_best_only": True, "monitor": "loss", "initial_value_threshold": 1e-9},
    }
    saved = {
        name: callbacks.ModelCheckpoint(tmp_path / f"{name}-{{epoch:02d}}.keras", **o) for name, o in kinds.items()
    }
    batches = callbacks.ModelCheckpoint(tmp_path / "b-{epoch}-{batch}-{mae:.3f}.h5", save_freq=3)
    history = model.fit(X, Y, batch_size=4, epochs=3, verbose=0, callbacks=[*saved.values(), batches]).history
    assert history["loss"] == sorted(history["loss"], reverse=True)
    files = sorted(p.name for p in tmp_path.iterdir())
    assert [f for f in files if f.startswith("best")] == ["best-01.keras", "best-02.keras", "best-03.keras"]
    assert [f for f in files if f.startswith("worst")] == ["worst-01.keras"]
    assert not [f for f in files if f.startswith("bar")]
    assert [f.rpartition("-")[0] for f in files if f.startswith("b-")] == ["b-1-3", "b-2-2", "b-3-1", "b-3-4"]
    assert saved["best"].best == min(history["loss"])
