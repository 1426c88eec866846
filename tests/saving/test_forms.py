"""Folders, sharded weights, saves in the background, the file editor, state dicts, the hub, legacy weights by name."""

from __future__ import annotations

import gzip
import json
import sys
import tempfile
import threading
import types
import zipfile

import numpy as np
import pytest
from tests.saving import models

import kfront
from kfront.core.errors import SavingError
from kfront.saving import background


def _model(units=3):
    layers = [kfront.layers.Dense(units, name="first"), kfront.layers.BatchNormalization(), kfront.layers.Dense(2)]
    return kfront.Sequential([kfront.Input((4,)), *layers], name="m")


def _same(one, two):
    for x, y in zip(one.get_weights(), two.get_weights(), strict=True):
        np.testing.assert_array_equal(x, y)


def _differ(model, before):
    return any(not np.array_equal(x, y) for x, y in zip(model.get_weights(), before, strict=True))


# ---- folders and parts -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", models.MODELS)
@pytest.mark.parametrize("form", models.FORMS)
def test_round_trip(backend, form, name, tmp_path):
    model = models.MODELS[name][0](kfront)
    models.FORMS[form](model, tmp_path / "m")
    again = models.load_form(kfront, form, models.MODELS[name][0], str(tmp_path / "m"))
    for x, y in zip(models.predict(again, name), models.predict(model, name), strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-6, atol=1e-6)


def test_state_of_the_optimizer_comes_back(trainable_backend, tmp_path):
    model = models.trainable(kfront, "Adam")
    for form in ("folder", "legacy"):
        models.FORMS[form](model, tmp_path / "m")
        again = models.load_form(kfront, form, None, str(tmp_path / "m"))
        for x, y in zip(again.optimizer.variables, model.optimizer.variables, strict=True):
            np.testing.assert_array_equal(x.numpy(), y.numpy())
        if form == "legacy":
            assert models.continue_training(again) == pytest.approx(models.continue_training(model), rel=1e-5)


def test_parts(tmp_path):
    model = _model()
    for _ in range(2):
        model.save_weights(tmp_path / "w.weights.h5", max_shard_size=1e-7)
        listed = json.loads((tmp_path / "w.weights.json").read_text())
        parts = {p for names in listed["weight_map"].values() for p in names}
        assert listed["metadata"]["total_size"] == sum(w.nbytes for w in model.get_weights()) and len(parts) > 1
        assert {p.name for p in tmp_path.iterdir()} == {"w.weights.json", *parts}
    with pytest.raises(SavingError, match="overwrite"):
        model.save_weights(tmp_path / "w.weights.json", overwrite=False, max_shard_size=1e-7)
    for wrong in (0, -1.0, "1GB", True):
        with pytest.raises(SavingError, match="max_shard_size"):
            model.save_weights(tmp_path / "w.weights.h5", max_shard_size=wrong)
    (tmp_path / sorted(parts)[0]).unlink()
    before = model.get_weights()
    with pytest.raises(SavingError):
        model.load_weights(tmp_path / "w.weights.json")
    assert not _differ(model, before)


def test_what_does_not_fit_in_any_form(tmp_path):
    """The message has every variable with the shapes, and nothing is loaded."""
    model, other = _model(), _model(5)
    for form, save in models.FORMS.items():
        save(model, tmp_path / "m")
        endings = {"json": "weights.h5", "folder": "folder", "legacy": "h5", "sharded": "weights.json"}
        path = tmp_path / f"m.{endings[form]}"
        before = other.get_weights()
        with pytest.raises(SavingError) as caught:
            other.load_weights(path)
        for part in ("expected (4, 5), got (4, 3)", "expected (5,), got (3,)", "expected (5, 2), got (3, 2)"):
            assert part in str(caught.value), form
        assert not _differ(other, before)
        with pytest.warns(UserWarning, match=r"expected \(4, 5\), got \(4, 3\)"):
            other.load_weights(path, skip_mismatch=True)
    fewer = kfront.Sequential([kfront.Input((4,)), kfront.layers.Dense(3, name="first")])
    with pytest.raises(SavingError, match=r"dense\S*/\S+kernel: expected nothing, got an array of shape \(3, 2\)"):
        fewer.load_weights(tmp_path / "m.h5")


def test_a_legacy_file_has_no_place_for_a_vocabulary(tmp_path):
    layer = kfront.layers.IntegerLookup()
    layer.adapt(np.arange(5))
    model = kfront.Sequential([kfront.Input((2,), dtype="int64"), layer, kfront.layers.Embedding(9, 2)])
    with pytest.raises(SavingError, match=r"integer_lookup\S*/vocabulary\.txt; use the '\.keras' format"):
        model.save(tmp_path / "m.h5")
    assert list(tmp_path.iterdir()) == []
    given = kfront.layers.IntegerLookup(vocabulary=[3, 4])
    kfront.Sequential([kfront.Input((2,), dtype="int64"), given]).save(tmp_path / "m.h5")
    again = kfront.saving.load_model(tmp_path / "m.h5")
    np.testing.assert_array_equal(again(np.array([[3, 9]])), [[1, 0]])


@pytest.mark.parametrize("ending", [".keras", ".weights.h5"])
def test_files_within_others(ending, tmp_path):
    """A compressed file is read by what it holds, large parts too; a temporary one is written whole."""
    with kfront.backend_scope("numpy"):
        model = kfront.Sequential([kfront.Input((1100,)), kfront.layers.Dense(1100)])
        save = model.save if ending == ".keras" else model.save_weights
        save(tmp_path / f"m{ending}")
        (tmp_path / "m.gz").write_bytes(gzip.compress((tmp_path / f"m{ending}").read_bytes(), 1))
        again = kfront.models.clone_model(model)
        with gzip.open(tmp_path / "m.gz") as file:
            again.load_weights(file)
        np.testing.assert_array_equal(again.get_weights()[0], model.get_weights()[0])
        if ending == ".keras":
            with tempfile.NamedTemporaryFile() as file:
                model.save(file)
                file.seek(0)
                assert zipfile.ZipFile(file).testzip() is None


def test_by_name(backend, tmp_path):
    model = _model()
    model.save(tmp_path / "m.h5")
    other = kfront.Sequential([kfront.Input((4,)), kfront.layers.Dense(7), kfront.layers.Dense(3, name="else")])
    first = kfront.Sequential(
        [kfront.Input((4,)), kfront.layers.Dense(3, name="first"), kfront.layers.Dense(9, name="x")]
    )
    before = other.get_weights(), first.get_weights()
    other.load_weights(tmp_path / "m.h5", by_name=True)
    first.load_weights(tmp_path / "m.h5", by_name=True)
    np.testing.assert_array_equal(first.get_weights()[0], model.get_weights()[0])
    np.testing.assert_array_equal(first.get_weights()[2], before[1][2])
    assert not _differ(other, before[0])
    wrong = kfront.Sequential([kfront.Input((4,)), kfront.layers.Dense(8, name="first")])
    with pytest.raises(SavingError, match=r"first/\S+kernel .*expected \(4, 8\), got \(4, 3\)"):
        wrong.load_weights(tmp_path / "m.h5", by_name=True)
    with pytest.warns(UserWarning, match="first"):
        wrong.load_weights(tmp_path / "m.h5", by_name=True, skip_mismatch=True)
    model.save_weights(tmp_path / "m.weights.h5")
    with pytest.raises(SavingError, match="by_name"):
        model.load_weights(tmp_path / "m.weights.h5", by_name=True)


# ---- in the background -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", [".keras", ".weights.h5", ".safetensors", ".weights.json", ""])
def test_the_state_is_that_of_the_call(backend, ending, tmp_path):
    model, other = _model(), _model()
    path = tmp_path / f"m{ending}"
    whole = ending in (".keras", "")
    kwargs = {"zipped": False} if not ending else {"max_shard_size": 1e-7} if ending.endswith("json") else {}
    want = [w.copy() for w in model.get_weights()]
    pending = (model.save if whole else model.save_weights)(path, background=True, **kwargs)
    for v in model.weights:
        v.assign(np.zeros(v.shape, "float32"))
    assert pending.wait() and pending.done
    other.load_weights(path)
    assert not _differ(other, want)


def test_one_save_at_a_time(tmp_path, monkeypatch):
    """The second waits for the first before it copies anything."""
    gate, running, most = threading.Event(), [], []

    def job():
        running.append(1)
        most.append(len(running))
        gate.wait(5)
        running.pop()

    first = background.start("a", lambda: job)
    threading.Timer(0.1, gate.set).start()
    second = background.start("b", lambda: job)
    assert first.done
    second.wait()
    assert most == [1, 1]


def test_a_failed_save_is_told(tmp_path):
    model = _model()
    pending = model.save(tmp_path / "no" / "m.keras", background=True)
    with pytest.raises(SavingError, match="background"):
        pending.wait()
    model.save(tmp_path / "no" / "m.keras", background=True)
    with pytest.raises(SavingError, match="background"):
        background.wait_for_all()
    with pytest.raises(SavingError, match="background"):
        model.save(tmp_path / "m.h5", background=True)


# ---- the file editor -------------------------------------------------------------------------------------------------


def test_editor(tmp_path, capsys):
    model = _model()
    model.save(tmp_path / "m.keras")
    editor = kfront.saving.KerasFileEditor(tmp_path / "m.keras")
    assert editor.config["class_name"] == "Sequential" and editor.metadata["keras_version"]
    assert editor.compare(model) == {"status": "success", "error_count": 0, "match_count": 8}
    assert editor.compare(_model(5))["error_count"] == 7
    editor.rename_object("dense", "renamed")
    editor.add_object("layers/new", {"0": np.ones(3)})
    editor.add_weights("layers/new", {"1": np.zeros((2, 2), "float32")})
    editor.delete_weight("new", "0")
    editor.delete_object("batch_normalization")
    editor.save(tmp_path / "e.weights.h5")
    capsys.readouterr()
    again = kfront.saving.KerasFileEditor(tmp_path / "e.weights.h5")
    again.summary()
    shown = capsys.readouterr().out
    assert "renamed" in shown and "1: shape=(2, 2), dtype=float32" in shown and "batch_norm" not in shown
    for attempt in (
        lambda: again.rename_object("nothing", "x"),
        lambda: again.rename_object("renamed", "new"),
        lambda: again.rename_object("renamed", "../x"),
        lambda: again.add_object("layers/renamed", {}),
        lambda: again.add_object("nowhere/x", {}),
        lambda: again.add_weights("renamed", {"2": [object()]}),
        lambda: again.delete_weight("renamed", "7"),
        lambda: again.delete_object("nothing"),
        lambda: again.save(tmp_path / "x.h5"),
        lambda: kfront.saving.KerasFileEditor(tmp_path / "missing.weights.h5"),
        lambda: kfront.saving.KerasFileEditor(tmp_path / "m.h5"),
    ):
        with pytest.raises(SavingError, match=r"^\["):
            attempt()


def test_an_edited_file_loads(tmp_path):
    model = _model()
    model.save_weights(tmp_path / "m.weights.h5")
    editor = kfront.saving.KerasFileEditor(tmp_path / "m.weights.h5")
    editor.add_weights("layers/dense", {"0": np.full((4, 3), 7, "float32")})
    editor.resave_weights(tmp_path / "e.weights.h5")
    model.load_weights(tmp_path / "e.weights.h5")
    np.testing.assert_array_equal(model.get_weights()[0], np.full((4, 3), 7))


# ---- safetensors, state dicts, the hub -------------------------------------------------------------------------------


def test_metadata(tmp_path):
    _model().save_weights(tmp_path / "m.safetensors", metadata={"author": "me"})
    found = kfront.saving.read_safetensors_metadata(tmp_path / "m.safetensors")
    assert found == {"format": "kfront", "author": "me"}
    with pytest.raises(SavingError, match="metadata"):
        _model().save_weights(tmp_path / "m.safetensors", metadata={"n": 3})


def test_state_dict_of_torch(tmp_path):
    torch = pytest.importorskip("torch")
    nn = torch.nn
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(36, 2)).eval()
    net[1].running_mean.normal_()
    net[1].running_var.uniform_(0.5, 2)
    layers = [kfront.layers.Conv2D(4, 3), kfront.layers.BatchNormalization(epsilon=1e-5), kfront.layers.ReLU()]
    layers += [kfront.layers.Permute((3, 1, 2)), kfront.layers.Flatten(), kfront.layers.Dense(2)]
    model = kfront.Sequential([kfront.Input((5, 5, 3)), *layers])
    rules = [(r"layers/conv2d/", "0."), (r"layers/batch_normalization/", "1."), (r"layers/dense/", "4.")]
    rules += [("kernel|gamma", "weight"), ("beta", "bias"), ("moving_mean", "running_mean")]
    rules += [("moving_variance", "running_var")]
    kfront.saving.import_state_dict(model, net.state_dict(), rules)
    x = np.random.default_rng(0).normal(size=(2, 5, 5, 3)).astype("float32")
    want = net(torch.from_numpy(x.transpose(0, 3, 1, 2))).detach().numpy()
    np.testing.assert_allclose(model.predict(x, verbose=0), want, rtol=1e-4, atol=1e-5)
    back = kfront.saving.export_state_dict(model, rules)
    for name, value in net.state_dict().items():
        if "num_batches" not in name:
            np.testing.assert_array_equal(back[name], value.numpy())
    with pytest.raises(SavingError, match="twice"):
        kfront.saving.export_state_dict(model, lambda name: "same")
    state = {**net.state_dict(), "4.weight": torch.zeros(3, 3)}
    before = model.get_weights()
    with pytest.raises(SavingError, match=r"4\.weight .*expected \(36, 2\), got \(3, 3\)"):
        kfront.saving.import_state_dict(model, state, rules)
    assert not _differ(model, before)


def test_the_hub(tmp_path, monkeypatch):
    """Through `huggingface_hub`, of which a stand-in serves a folder here."""
    model, other = _model(), _model()
    model.save(tmp_path / "model.keras")
    model.save_weights(tmp_path / "w.safetensors")
    model.save_weights(tmp_path / "w.weights.h5", max_shard_size=1e-7)
    asked = []

    def hf_hub_download(repo, name, revision=None):
        asked.append((repo, name, revision))
        if not (tmp_path / name).exists():
            raise FileNotFoundError(name)
        return str(tmp_path / name)

    def snapshot_download(repo, revision=None, allow_patterns=()):
        asked.append((repo, *allow_patterns))
        return str(tmp_path)

    fake = types.ModuleType("huggingface_hub")
    fake.hf_hub_download, fake.snapshot_download = hf_hub_download, snapshot_download
    monkeypatch.setitem(sys.modules, "huggingface_hub", fake)
    _same(kfront.saving.load_model("hf://user/name"), model)
    _same(kfront.saving.load_model("hf://user/name@v1/model.keras"), model)
    for name in ("w.safetensors", "w.weights.json"):
        other = _model()
        other.load_weights(f"hf://user/name/{name}")
        _same(other, model)
    assert asked[:2] == [("user/name", "model.keras", None), ("user/name", "model.keras", "v1")]
    assert asked[-1] == ("user/name", "w.weights.json", "w_*.weights.h5")
    with pytest.raises(SavingError, match="missing"):
        other.load_weights("hf://user/name/missing.weights.h5")
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(SavingError, match="pip install"):
        kfront.saving.load_model("hf://user/name")


# ---- the forms before Keras 3 ----------------------------------------------------------------------------------------


def test_legacy_objects():
    from kfront.legacy.saving import deserialize_keras_object, serialize_keras_object

    form = serialize_keras_object(kfront.layers.Dense(3, name="d"))
    assert set(form) == {"class_name", "config"}
    assert deserialize_keras_object(form, {"Dense": kfront.layers.Dense}).units == 3
    assert serialize_keras_object(kfront.activations.relu) == "relu" and serialize_keras_object(None) is None
    relu = kfront.activations.relu
    assert deserialize_keras_object("relu", {"relu": relu}) is relu and deserialize_keras_object(None) is None
    mine = type("Mine", (kfront.layers.Dense,), {})
    form["class_name"] = "Mine"
    assert isinstance(deserialize_keras_object(form, {}, {"Mine": mine}), mine)
    assert kfront.utils.legacy.deserialize_keras_object is deserialize_keras_object
    for wrong in (form, "system", 3, {"config": {}}, {"class_name": "Dense", "config": {"units": 2}}):
        with pytest.raises(SavingError):
            deserialize_keras_object(wrong)
    for wrong in ("s", 3):
        with pytest.raises(SavingError):
            serialize_keras_object(wrong)
