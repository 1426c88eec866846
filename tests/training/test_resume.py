"""A run that was cut off and taken up again ends with the same bits as one that was not."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import kfront
from kfront import callbacks
from kfront.core.errors import SavingError

sys.path.insert(0, str(Path(__file__).parent))
import resumed

KILLS = int(os.environ.get("KFRONT_KILLS", "1"))  # how often a process is really killed, for each engine


def cut(*_):
    raise resumed.Cut


def check(data, folder, save_freq, step, variant="plain", extra=lambda: ()):
    whole, history = resumed.run(data, None, save_freq, 7, variant, extra=extra())
    with pytest.raises(resumed.Cut):
        resumed.run(data, folder, save_freq, 7, variant, then=(step, cut), extra=extra())
    again, rest = resumed.run(data, folder, save_freq, 8, variant, extra=extra())  # seeded otherwise: nothing is luck
    assert resumed.checksum(again) == resumed.checksum(whole)
    at = len(history.epoch) - len(rest.epoch)
    assert rest.history == {k: v[at:] for k, v in history.history.items()}
    assert not folder.exists()


def needs(data):
    for word, module in (("torch", "torch"), ("tf.data", "tensorflow"), ("grain", "grain"), ("datasets", "datasets")):
        if word in data:
            pytest.importorskip(module)


@pytest.mark.sampled(3)
@pytest.mark.parametrize("data", resumed.DATA)
def test_every_kind_of_data(data, tmp_path):
    needs(data)
    rng = random.Random(data)
    with kfront.backend_scope("torch" if "torch" in kfront.backends.installed() else "jax"):
        last = 4 if "cut" in data else 8
        check(data, tmp_path / "b", 1, rng.randint(2, last))
        check(data, tmp_path / "b", rng.choice(["epoch", 2]), rng.randint(3 if "cut" in data else 4, last))


def test_every_engine(trainable_backend, tmp_path):
    check("arrays", tmp_path / "b", 1, random.Random(trainable_backend.name).randint(2, 8))


STATES = [("schedule", "torch"), ("schedule", "jax"), ("float16", "torch"), ("float16", "tensorflow")]
STATES += [("loop", "torch"), ("loop", "jax"), ("loop", "tensorflow")]


@pytest.mark.sampled(3)
@pytest.mark.parametrize(("variant", "engine"), STATES)
def test_every_kind_of_state(variant, engine, tmp_path):
    if engine not in kfront.backends.installed():
        pytest.skip("not installed")
    if variant == "float16":
        kfront.config.set_dtype_policy("mixed_float16")
    with kfront.backend_scope(engine):
        check("arrays", tmp_path / "b", 1, 2 if variant == "loop" else random.Random(variant).randint(2, 8), variant)


def test_other_callbacks_remember(tmp_path):
    def listening():
        return [
            callbacks.EarlyStopping("loss", patience=2, min_delta=1e3, restore_best_weights=True),
            callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.5),
        ]

    for step, save_freq in ((4, 1), (6, 2), (8, "epoch")):
        check("arrays", tmp_path / "b", save_freq, step, extra=listening)


def test_stopping_is_remembered(tmp_path):
    class Stop(callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.stop_training = epoch == 1

    class Fail(callbacks.Callback):
        def on_train_end(self, logs=None):
            raise resumed.Cut

    whole, _ = resumed.run("arrays", None, 1, 7, extra=[Stop()])
    with pytest.raises(resumed.Cut):
        resumed.run("arrays", tmp_path / "b", "epoch", 7, extra=[Stop(), Fail()])
    again, rest = resumed.run("arrays", tmp_path / "b", "epoch", 8, extra=[Stop()])
    assert resumed.checksum(again) == resumed.checksum(whole)
    assert rest.epoch == []


def test_a_broken_backup(tmp_path):
    folder = tmp_path / "b"
    make = lambda: callbacks.BackupAndRestore(folder, save_freq=1, double_checkpoint=True)  # noqa: E731
    whole, _ = resumed.run("arrays", None, 1, 7)
    with pytest.raises(resumed.Cut):
        resumed.run("arrays", None, 1, 7, then=(5, cut), extra=[make()])
    assert sorted(p.name for p in folder.iterdir()) == ["latest.backup", "previous.backup"]
    good = (folder / "latest.backup").read_bytes()
    (folder / "latest.backup").write_bytes(good[: len(good) // 2])
    with pytest.warns(UserWarning, match="the one before it is used"):
        again, _ = resumed.run("arrays", None, 1, 8, extra=[make()])
    assert resumed.checksum(again) == resumed.checksum(whole)
    assert not folder.exists()
    folder.mkdir()
    (folder / "latest.backup").write_bytes(b"nothing")
    with pytest.raises(SavingError, match="to start from the beginning"):
        resumed.run("arrays", folder, 1, 8)
    (folder / "latest.backup").unlink()
    with pytest.raises(resumed.Cut):
        resumed.run("arrays", folder, 1, 7, then=(5, cut))
    other = kfront.Sequential([kfront.layers.Input((4,)), kfront.layers.Dense(2)])
    other.compile("sgd", "mse")
    with pytest.raises(SavingError):
        other.fit(resumed.X, resumed.Y, epochs=3, verbose=0, callbacks=[callbacks.BackupAndRestore(folder)])


def script(*args):
    command = [sys.executable, resumed.__file__, *map(str, args)]
    environment = {**os.environ, "KERAS_BACKEND": args[0]}
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300)


@pytest.mark.slow
@pytest.mark.sampled(3)
@pytest.mark.parametrize("engine", ["torch", "jax", "tensorflow"])
def test_killed_processes(engine, tmp_path):
    """SIGKILL after random batches; `KFRONT_KILLS=20` kills more often."""
    if engine not in kfront.backends.installed():
        pytest.skip("not installed")
    with kfront.backend_scope(engine):
        whole = resumed.checksum(resumed.run("arrays", None, 1, 7)[0])
    rng = random.Random(engine) if KILLS == 1 else random
    for n in range(KILLS):
        folder, save_freq, kills = tmp_path / str(n), rng.choice([1, 2, "epoch"]), 0
        steps = [rng.randint(1, 8) for _ in range(min(KILLS, 3))]
        for step in steps:
            done = script(engine, "arrays", folder, save_freq, 8 if folder.exists() else 7, step)
            if done.returncode == 0:
                break  # it had fewer steps left
            assert done.returncode == -signal.SIGKILL, done.stderr
            kills += 1
        else:
            done = script(engine, "arrays", folder, save_freq, 8 if folder.exists() else 7)
        assert kills, (save_freq, steps)
        assert done.stdout.split()[-1:] == [whole], (save_freq, steps, done.stdout, done.stderr)


def test_snapshots_as_bytes():
    from kfront.training.progress import pack, unpack

    values = {
        "a": (1, 2.5, [None, True, "x"]),
        3: np.arange(4, dtype="uint8").reshape(2, 2),
        "same": [np.ones(3), np.ones(3)],
        "half": np.ones((2, 1), "bfloat16") if "bfloat16" in np.sctypeDict else b"\x00\xff",
        "scalar": np.float32(0.1),
        "nan": float("inf"),
    }
    back = unpack(*pack(values))
    assert list(back) == list(values)
    assert back["a"] == values["a"]
    assert back["scalar"] == values["scalar"]
    assert back["nan"] == values["nan"]
    np.testing.assert_array_equal(back[3], values[3])
    assert back[3].dtype == values[3].dtype
    np.testing.assert_array_equal(back["same"][1], np.ones(3))
    with pytest.raises(SavingError, match="plain values"):
        pack({"a": object()})
