"""Checkpoints in parts: what is saved is loaded, on every engine, whole or not at all."""

from __future__ import annotations

import json
import threading

import numpy as np
import pytest
from tests.conftest import TRAINABLE

import kfront
from kfront import backend_scope, callbacks, errors, layers
from kfront.core import files
from kfront.saving import background, checkpoints, load_checkpoint, parts, save_checkpoint

X = np.random.default_rng(0).normal(size=(12, 4)).astype("float32")
Y = np.random.default_rng(1).normal(size=(12, 2)).astype("float32")


def trained(name="model", epochs=1):
    """A model with slots, averages, statistics, a stream of random numbers and bfloat16 weights."""
    model = kfront.Sequential(
        [
            kfront.Input((4,)),
            layers.Dense(8, "tanh"),
            layers.BatchNormalization(),
            layers.Dropout(0.3, seed=1),
            layers.Dense(2),
            layers.Dense(2, dtype="bfloat16", trainable=False),
        ],
        name=name,
    )
    model.compile(kfront.optimizers.Adam(0.01, use_ema=True), "mse", metrics=["mae"])
    if epochs:
        model.fit(X, Y, batch_size=4, epochs=epochs, verbose=0)
    return model


def values(model):
    return {name: v.numpy() for name, v in checkpoints.named_state(model).items()}


def assert_same(a, b):
    a, b = values(a), values(b)
    assert a.keys() == b.keys()
    for name in a:
        assert (a[name] == b[name]).all(), name


@pytest.mark.parametrize("target", TRAINABLE)
@pytest.mark.parametrize("source", TRAINABLE)
def test_any_engine_reads_what_another_wrote(source, target, tmp_path):
    state = {"step": 3, "order": np.arange(5), "nested": [1.5, None, "a"]}
    with backend_scope(source):
        model = trained()
        save_checkpoint(model, tmp_path / "one", state)
    with backend_scope(target):
        other = trained("other", epochs=0)  # its optimizer has no slots yet
        found = load_checkpoint(other, tmp_path / "one")
    assert found["step"] == 3 and found["nested"] == [1.5, None, "a"] and (found["order"] == np.arange(5)).all()
    saved, loaded = values(model), values(other)
    assert saved.keys() == loaded.keys() and any(name.startswith("others/") for name in saved)
    assert len(saved) == len(model.variables) + len(model.optimizer.variables)
    for name, value in saved.items():
        assert (np.asarray(value, "float64") == np.asarray(loaded[name], "float64")).all(), name


def test_parts_are_put_together_as_they_are_asked_for(tmp_path):
    whole = np.arange(60, dtype="float32").reshape(6, 10)
    cuts = [(slice(0, 4), slice(0, 3)), (slice(0, 4), slice(3, 10)), (slice(4, 6), slice(0, 10))]
    held = [parts.Held("w", (6, 10), tuple(s.start for s in cut), whole[cut]) for cut in cuts]
    held.append(parts.Held("n", (), (), np.array(7)))
    entries = parts.write_parts(tmp_path, 0, held[:2]) + parts.write_parts(tmp_path, 1, held[2:])
    parts.write_index(tmp_path, entries, {})
    rng = np.random.default_rng(0)
    with parts.PartReader(tmp_path) as reader:
        for _ in range(50):
            low = rng.integers(0, (6, 10))
            size = rng.integers(1, np.array((6, 10)) - low + 1)
            part = whole[tuple(slice(a, a + n) for a, n in zip(low, size, strict=True))]
            assert (reader.read("w", tuple(low), tuple(size)) == part).all()
        assert reader.read("n", (), ()) == 7
        with pytest.raises(errors.SavingError, match="expected 20 values"):
            reader.read("w", (5, 0), (2, 10))


def test_files_are_those_that_the_library_reads(tmp_path):
    safetensors = pytest.importorskip("safetensors.numpy")
    with backend_scope(TRAINABLE[0]):
        model = trained()
        save_checkpoint(model, tmp_path / "one")
    found = safetensors.load_file(tmp_path / "one" / "part-00000.safetensors")
    assert (found["layers/dense/kernel"] == model.weights[0].numpy()).all()


# ---- whole or not at all ---------------------------------------------------------------------------------------------


@pytest.fixture
def model():
    with backend_scope(TRAINABLE[0]):
        yield trained()


def fail_after(monkeypatch, count):
    """Files can be written only so many times."""
    left, write = [count], files.atomic_write

    def atomic_write(*args, **kwargs):
        left[0] -= 1
        if left[0] < 0:
            raise OSError("disk full")
        return write(*args, **kwargs)

    monkeypatch.setattr(checkpoints, "atomic_write", atomic_write)
    monkeypatch.setattr(parts, "atomic_write", atomic_write)


@pytest.mark.parametrize("count", range(4))  # two files of the state, the parts, the index
def test_a_save_that_fails_leaves_the_old_one(model, tmp_path, monkeypatch, count):
    save_checkpoint(model, tmp_path / "one")
    before = values(model)
    model.fit(X, Y, verbose=0)
    with monkeypatch.context() as patch, pytest.raises((errors.SavingError, OSError), match="disk full"):
        fail_after(patch, count)
        save_checkpoint(model, tmp_path / "one")
    other = trained()
    load_checkpoint(other, tmp_path / "one")
    assert all((values(other)[n] == before[n]).all() for n in before)
    save_checkpoint(model, tmp_path / "one")  # removes what was left
    assert [p.name for p in tmp_path.iterdir()] == ["one"]
    load_checkpoint(other, tmp_path / "one")
    assert_same(model, other)


def test_the_background_writes_what_was_there(model, tmp_path, monkeypatch):
    go, write = threading.Event(), checkpoints.write_parts
    monkeypatch.setattr(checkpoints, "write_parts", lambda *args: go.wait(60) and write(*args))
    wanted = values(model)
    pending = save_checkpoint(model, tmp_path / "one", background=True)
    model.fit(X, Y, verbose=0)
    assert not pending.done and not checkpoints.is_checkpoint(tmp_path / "one")
    go.set()
    pending.wait()
    other = trained()
    load_checkpoint(other, tmp_path / "one")
    assert all((values(other)[n] == wanted[n]).all() for n in wanted)


def test_errors_of_the_background_are_raised(model, tmp_path, monkeypatch):
    fail_after(monkeypatch, 0)
    pending = save_checkpoint(model, tmp_path / "one", background=True)
    with pytest.raises(errors.SavingError, match="disk full"):
        pending.wait()
    background.wait_for_all()


def test_other_folders_are_not_replaced(model, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").touch()
    with pytest.raises(errors.SavingError, match="to replace"):
        save_checkpoint(model, tmp_path / "mine")


# ---- refused ---------------------------------------------------------------------------------------------------------


def changed(folder, change):
    index = json.loads((folder / "index.json").read_text())
    change(index)
    (folder / "index.json").write_text(json.dumps(index))


@pytest.mark.parametrize(
    "change",
    [
        lambda i: i["tensors"]["layers/dense/kernel"]["parts"][0].update(file="../secret"),
        lambda i: i["tensors"]["layers/dense/kernel"]["parts"][0].update(file="part-00009.safetensors"),
        lambda i: i["tensors"]["layers/dense/kernel"]["parts"][0].update(name="optimizer/0"),
        lambda i: i["tensors"]["layers/dense/kernel"]["parts"][0].update(offset=[1, 0]),
        lambda i: i["tensors"]["layers/dense/kernel"].update(shape=[4, 8, 1]),
        lambda i: i["tensors"]["layers/dense/kernel"].update(parts=[]),
        lambda i: i["tensors"].pop("layers/dense/kernel"),
        lambda i: i["tensors"].update(more=i["tensors"]["layers/dense/kernel"]),
        lambda i: i.update(form="another"),
        lambda i: i.update(processes="two"),
    ],
)
def test_damaged_indexes_are_refused(model, tmp_path, change):
    save_checkpoint(model, tmp_path / "one")
    changed(tmp_path / "one", change)
    with pytest.raises(errors.SavingError):
        load_checkpoint(model, tmp_path / "one")


def test_cut_files_are_refused(model, tmp_path):
    save_checkpoint(model, tmp_path / "one")
    for path in (tmp_path / "one").iterdir():
        content = path.read_bytes()
        path.write_bytes(content[:-10])
        with pytest.raises(errors.SavingError):
            load_checkpoint(model, tmp_path / "one")
        path.write_bytes(content)
    load_checkpoint(model, tmp_path / "one")


def test_models_that_differ_are_named(model, tmp_path):
    save_checkpoint(model, tmp_path / "one")
    other = kfront.Sequential([kfront.Input((4,)), layers.Dense(9), layers.Dense(2)])
    before = other.get_weights()
    with pytest.raises(errors.SavingError, match=r"layers/dense/kernel .*\(4, 9\), got \(4, 8\)"):
        load_checkpoint(other, tmp_path / "one")
    assert all((a == b).all() for a, b in zip(before, other.get_weights(), strict=True))


def test_weights_alone_are_read_without_the_optimizer(model, tmp_path):
    save_checkpoint(model, tmp_path / "one")
    other = kfront.models.clone_model(model)
    other.load_weights(tmp_path / "one")
    assert all((a == b).all() for a, b in zip(model.get_weights(), other.get_weights(), strict=True))


# ---- the callback ----------------------------------------------------------------------------------------------------


def names(folder):
    return sorted(p.name for p in folder.iterdir())


def test_the_last_ones_are_kept(model, tmp_path):
    fit = lambda most, folder: model.fit(  # noqa: E731
        X, Y, epochs=4, verbose=0, callbacks=[callbacks.ShardedCheckpoint(folder, max_to_keep=most)]
    )
    fit(2, tmp_path / "two")
    assert names(tmp_path / "two") == ["checkpoint-000003", "checkpoint-000004"]
    fit(None, tmp_path / "all")
    assert len(names(tmp_path / "all")) == 4
    fit(2, tmp_path / "two")  # training was complete
    assert names(tmp_path / "two") == ["checkpoint-000003", "checkpoint-000004"]


def test_what_was_not_committed_is_ignored_and_removed(model, tmp_path):
    callback = callbacks.ShardedCheckpoint(tmp_path)
    model.fit(X, Y, epochs=2, verbose=0, callbacks=[callback])
    left = tmp_path / ".checkpoint-000003.kfront-new-0123456789ab"
    (tmp_path / "checkpoint-000002").rename(left)
    other = trained(epochs=0)
    history = other.fit(X, Y, epochs=2, verbose=0, callbacks=[callbacks.ShardedCheckpoint(tmp_path)])
    assert history.epoch == [1] and not left.exists()


def test_a_damaged_one_is_passed_over(model, tmp_path):
    model.fit(X, Y, epochs=2, verbose=0, callbacks=[callbacks.ShardedCheckpoint(tmp_path)])
    (tmp_path / "checkpoint-000002" / "part-00000.safetensors").write_bytes(b"")
    with pytest.warns(UserWarning, match="before it is used"):
        history = trained(epochs=0).fit(X, Y, epochs=2, verbose=0, callbacks=[callbacks.ShardedCheckpoint(tmp_path)])
    assert history.epoch == [1]
    (tmp_path / "checkpoint-000001" / "state-00000.json").unlink()
    (tmp_path / "checkpoint-000002" / "state-00000.json").unlink()
    with pytest.warns(UserWarning), pytest.raises(errors.SavingError):
        trained(epochs=0).fit(X, Y, epochs=2, verbose=0, callbacks=[callbacks.ShardedCheckpoint(tmp_path)])


@pytest.mark.parametrize("wrong", [{"directory": ""}, {"max_to_keep": 0}, {"save_freq": 0}, {"save_freq": "batch"}])
def test_arguments(wrong, tmp_path):
    with pytest.raises(errors.ArgumentError, match="ShardedCheckpoint"):
        callbacks.ShardedCheckpoint(**{"directory": tmp_path, **wrong})
