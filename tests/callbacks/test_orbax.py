"""`OrbaxCheckpoint`, and loading what it wrote."""

from __future__ import annotations

import numpy as np
import pytest

import kfront
from kfront import callbacks, layers
from kfront.core.errors import SavingError

pytest.importorskip("orbax.checkpoint")
X = np.random.default_rng(0).normal(size=(20, 4)).astype("float32")
Y = np.random.default_rng(1).normal(size=(20, 2)).astype("float32")


def model_of(units=3):
    model = kfront.Sequential([layers.Input((4,)), layers.Dense(units, name="a"), layers.BatchNormalization(name="n")])
    model.add(layers.Dense(2, name="b"))
    model.compile(kfront.optimizers.Adam(0.01), "mse")
    return model


def same(a, b):
    for x, y in zip(a, b, strict=True):
        np.testing.assert_array_equal(x, y)


def test_epochs_and_loading(trainable_backend, tmp_path):
    model = model_of()
    saver = callbacks.OrbaxCheckpoint(tmp_path, max_to_keep=2)
    model.fit(X, Y, epochs=3, verbose=0, validation_data=(X, Y), callbacks=[saver])
    assert sorted(p.name for p in tmp_path.iterdir() if p.name.isdigit()) == ["1", "2"]
    other = model_of()
    other.load_weights(tmp_path)
    same(other.get_weights(), model.get_weights())
    loaded = kfront.saving.load_model(tmp_path)
    same(loaded.get_weights(), model.get_weights())
    same([v.numpy() for v in loaded.optimizer.variables], [v.numpy() for v in model.optimizer.variables])
    with pytest.raises(SavingError, match="nothing was set"):
        model_of(units=4).load_weights(tmp_path)


def test_options(tmp_path):
    model = model_of()
    saver = callbacks.OrbaxCheckpoint(tmp_path / "a", save_freq=3, max_to_keep=None, save_weights_only=True)
    best = callbacks.OrbaxCheckpoint(
        tmp_path / "b", monitor="loss", save_best_only=True, initial_value_threshold=0.0, save_on_background=False
    )
    model.fit(X, Y, batch_size=5, epochs=2, verbose=0, callbacks=[saver, best])
    assert sorted(p.name for p in (tmp_path / "a").iterdir() if p.name.isdigit()) == ["3", "6"]
    assert not list((tmp_path / "b").glob("[0-9]*"))
    with pytest.raises(SavingError, match="only weights"):
        kfront.saving.load_model(tmp_path / "a")
    model_of().load_weights(tmp_path / "a")
    assert not saver.is_multihost_enabled()
    assert saver.is_primary_host()
