"""Weights from elsewhere by a table: what fits is loaded and comes back, what does not is named, on every engine."""

from __future__ import annotations

import json
import os

import numpy as np
import pytest

import kfront
from kfront import layers
from kfront.core.errors import ArgumentError, SavingError, UnsafeFileError
from kfront.saving import WeightRule, WeightTable

safetensors_numpy = pytest.importorskip("safetensors.numpy")


def drawn(*shape):
    return np.random.default_rng(sum(shape)).standard_normal(shape).astype("float32")


def model():
    tokens = kfront.Input((None, 6))
    x = layers.MultiHeadAttention(2, 4, name="attention_0")(tokens, tokens)
    x = layers.LayerNormalization(name="norm_0")(x)
    return kfront.Model(tokens, layers.Dense(5, name="out")(x), name="small")


HEADS = [f"attention_{{i}}/{part}" for part in ("query", "key", "value")]
ROWS = [
    WeightRule(HEADS, "h.{i}.qkv", join=-2),
    ("attention_{i}/attention_output", "h.{i}.proj"),
    ("norm_{i}", "h.{i}.ln"),
    ("out", "head"),
]
THERE = {
    "h.0.qkv.weight": drawn(24, 6),
    "h.0.qkv.bias": drawn(24),
    "h.0.proj.weight": drawn(6, 8),
    "h.0.proj.bias": drawn(6),
    "h.0.ln.weight": drawn(6) + 9,
    "h.0.ln.bias": drawn(6) + 8,
    "head.weight": drawn(5, 6),
    "head.bias": drawn(5),
}


def by_hand(x):
    """The model's output, from the tensors there."""
    q, k, v = np.split(x @ THERE["h.0.qkv.weight"].T + THERE["h.0.qkv.bias"], 3, -1)
    heads = lambda y: y.reshape(*y.shape[:2], 2, 4).transpose(0, 2, 1, 3)  # noqa: E731
    scores = heads(q) @ heads(k).transpose(0, 1, 3, 2) / 2
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    mixed = (weights / weights.sum(-1, keepdims=True) @ heads(v)).transpose(0, 2, 1, 3).reshape(*x.shape[:2], 8)
    y = mixed @ THERE["h.0.proj.weight"].T + THERE["h.0.proj.bias"]
    y = (y - y.mean(-1, keepdims=True)) / np.sqrt(y.var(-1, keepdims=True) + 1e-3)
    return (y * THERE["h.0.ln.weight"] + THERE["h.0.ln.bias"]) @ THERE["head.weight"].T + THERE["head.bias"]


@pytest.fixture(params=["dict", "file", "folder", "parts"])
def source(request, tmp_path):
    if request.param == "dict":
        return THERE
    names = sorted(THERE)
    if request.param != "parts":
        path = tmp_path / "model.safetensors"
        safetensors_numpy.save_file(THERE, path)
        return path if request.param == "file" else str(tmp_path)
    files = {f"model-0000{i}-of-00002.safetensors": names[i - 1 :: 2] for i in (1, 2)}
    for file, held in files.items():
        safetensors_numpy.save_file({n: THERE[n] for n in held}, tmp_path / file)
    listed = {"weight_map": {n: file for file, held in files.items() for n in held}}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(listed))
    return tmp_path


def test_there_and_back(backend, source, tmp_path):
    one, table = model(), WeightTable(ROWS)
    report = table.load(one, source)
    assert report.complete
    assert sorted(report.loaded) == sorted(w.path for w in one.weights)
    x = drawn(2, 3, 6)
    np.testing.assert_allclose(one.predict(x, verbose=0), by_hand(x), atol=1e-4, rtol=1e-5)
    table.save(one, tmp_path / "back.safetensors")
    for back in (table.state_dict(one), safetensors_numpy.load_file(tmp_path / "back.safetensors")):
        assert back.keys() == THERE.keys()
        assert all(np.array_equal(back[n], THERE[n]) for n in THERE)


def test_weights_are_the_models_own(backend):
    given = {name: value.copy() for name, value in THERE.items()}
    one, table = model(), WeightTable(ROWS)
    table.load(one, given)
    state = table.state_dict(one)
    for value in (*given.values(), *state.values()):
        value[...] = 0
    assert all(np.array_equal(v, THERE[n]) for n, v in table.state_dict(one).items())


def test_parts_written(tmp_path):
    path, table = tmp_path / "model.safetensors", WeightTable(ROWS)
    one = model()
    table.load(one, THERE)
    table.save(one, path)
    table.save(one, path, max_shard_size=500 / 2**30)
    first = set(os.listdir(tmp_path))
    assert "model.safetensors" not in first, "the folder would have two checkpoints"
    table.save(one, path, max_shard_size=300 / 2**30)
    second = set(os.listdir(tmp_path))
    assert first & second == {"model.safetensors.index.json"}
    index = json.loads((tmp_path / "model.safetensors.index.json").read_text())
    assert index["metadata"]["total_size"] == sum(v.nbytes for v in THERE.values())
    assert set(index["weight_map"].values()) == second - first
    for name, part in index["weight_map"].items():
        assert np.array_equal(safetensors_numpy.load_file(tmp_path / part)[name], THERE[name])
    with pytest.raises(SavingError, match="exists"):
        table.save(one, path, overwrite=False, max_shard_size=1)


def test_interrupted_save_leaves_the_old_files(tmp_path, monkeypatch):
    path, table = tmp_path / "model.safetensors", WeightTable(ROWS)
    one = model()
    for most in (None, 300 / 2**30):
        table.load(one, THERE)
        table.save(one, path, max_shard_size=most)
        one.set_weights([w * 0 for w in one.get_weights()])
        with monkeypatch.context() as patched:
            patched.setattr("kfront.saving.weight_rules.Holder.write", lambda holder, part: 1 / 0)
            with pytest.raises(ZeroDivisionError):
                table.save(one, path, max_shard_size=most)
        assert table.load(one, tmp_path).complete
        assert np.array_equal(table.state_dict(one)["head.weight"], THERE["head.weight"])


def test_dtype(tmp_path):
    one, table = model(), WeightTable(ROWS)
    table.load(one, THERE)
    table.save(one, tmp_path / "half.safetensors", dtype="float16")
    half = safetensors_numpy.load_file(tmp_path / "half.safetensors")
    assert {v.dtype.name for v in half.values()} == {"float16"}
    table.load(one, tmp_path / "half.safetensors")
    assert np.array_equal(one.get_weights()[-2].T, THERE["head.weight"].astype("float16").astype("float32"))


def test_one_weight_of_several_tensors():
    x = kfront.Input((6,))
    one = kfront.Model(x, layers.Dense(12, name="wide")(x))
    table = WeightTable([WeightRule("wide", ["q", "k", "v"], join=-1, sizes=[4, 1, 1])])
    there = {f"{n}.{leaf}": drawn(*shape) for n, s in (("q", 8), ("k", 2), ("v", 2)) for leaf, shape in
             (("weight", (s, 6)), ("bias", (s,)))}  # fmt: skip
    table.load(one, there)
    assert np.array_equal(one.get_weights()[0], np.concatenate([there[f"{n}.weight"] for n in "qkv"]).T)
    back = table.state_dict(one)
    assert all(np.array_equal(back[n], there[n]) for n in there)
    with pytest.raises(SavingError, match=r"cut in 5 parts.*\(6, 12\)"):
        WeightTable([WeightRule("wide", ["q", "k"], join=-1, sizes=[4, 1])]).state_dict(one)


def test_heads_that_lie_together():
    """The parts of each head beside each other, as GPT-NeoX has them."""
    one = model()
    table = WeightTable([WeightRule(HEADS, "qkv", join=-1)])
    one.set_weights([drawn(*w.shape) for w in one.weights])
    weight = table.state_dict(one)["qkv.weight"].reshape(2, 3, 4, 6)
    for i in range(3):
        kernel = one.get_weights()[2 * i]
        assert np.array_equal(weight[:, i].transpose(2, 0, 1), kernel)


def test_convolutions(trainable_backend):
    torch = pytest.importorskip("torch")
    pixels = kfront.Input((9, 9, 4))
    x = layers.Conv2D(6, 3, name="conv")(pixels)
    x = layers.DepthwiseConv2D(2, depth_multiplier=2, name="each")(x)
    x = layers.Conv2DTranspose(5, 3, strides=2, name="back")(x)
    one = kfront.Model(pixels, layers.BatchNormalization(epsilon=1e-5, name="norm")(x))
    theirs = torch.nn.Sequential(
        torch.nn.Conv2d(4, 6, 3),
        torch.nn.Conv2d(6, 12, 2, groups=6),
        torch.nn.ConvTranspose2d(12, 5, 3, 2),
        torch.nn.BatchNorm2d(5),
    ).eval()
    theirs[3].running_var.fill_(0.5)
    table = WeightTable([("conv", "0"), ("each", "1"), ("back", "2"), ("norm", "3")])
    table.load(one, theirs.state_dict())
    x = drawn(2, 9, 9, 4)
    with torch.no_grad():
        want = theirs(torch.tensor(x).permute(0, 3, 1, 2)).permute(0, 2, 3, 1).numpy()
    np.testing.assert_allclose(one.predict(x, verbose=0), want, atol=1e-5)
    state = {k: torch.tensor(v) for k, v in table.state_dict(one).items()}
    assert all(torch.equal(theirs.state_dict()[k], v) for k, v in state.items())
    theirs.load_state_dict(state)  # and it says nothing of what it lacks


def test_tied(tmp_path):
    tokens = kfront.Input((None,), dtype="int32")
    embedding = layers.ReversibleEmbedding(7, 3, name="table")
    one = kfront.Model(tokens, embedding(embedding(tokens), reverse=True))
    table, value = WeightTable([WeightRule("table", "wte", tied=["lm_head"])]), drawn(7, 3)
    for names in (["wte"], ["lm_head"], ["wte", "lm_head"]):
        one.set_weights([np.zeros((7, 3))])
        assert table.load(one, {f"{n}.weight": value for n in names}).complete
        assert np.array_equal(one.get_weights()[0], value)
    with pytest.raises(SavingError, match="tied"):
        table.load(one, {"wte.weight": value, "lm_head.weight": value + 1})
    assert table.state_dict(one).keys() == {"wte.weight", "lm_head.weight"}
    table.save(one, tmp_path / "model.safetensors")
    assert safetensors_numpy.load_file(tmp_path / "model.safetensors").keys() == {"wte.weight"}


def test_report():
    one, table = model(), WeightTable(ROWS[:-1])
    before = one.get_weights()
    there = {**THERE, "h.0.ln.weight": drawn(7), "extra": drawn(2)}
    del there["h.0.proj.bias"]
    with pytest.raises(SavingError, match="nothing was loaded") as error:
        table.load(one, there)
    for text in ("h.0.proj.bias", r"(6,), got (7,)", "out/kernel", "extra", "head.weight", "strict=False"):
        assert text in str(error.value)
    assert all(np.array_equal(a, b) for a, b in zip(before, one.get_weights(), strict=True))
    report = table.load(one, there, strict=False)
    assert report.uncovered == ["out/kernel", "out/bias"]
    assert report.unexpected == ["head.weight", "head.bias", "extra"]
    assert len(report.missing) == len(report.wrong) == 1
    assert len(report.loaded) == 8
    assert not report.complete


@pytest.mark.parametrize(
    "rows, match",
    [
        ([("nothing_{i}", "x.{i}")], "to name weights of 'small', got none; the model has"),
        ([("out", "head"), ("out/kernel", "other")], "one row for out/kernel"),
        ([WeightRule("out", "head", transpose=(1, 0))], "order 1 axes"),
        ([WeightRule(["norm_0/gamma", "gone/gamma"], "x", join=0)], "got no gone/gamma"),
        ([WeightRule(["norm_0", "norm_0"], "x", join=1)], "an axis of norm_0/"),
        ([("norm_0", "x"), ("out", "x")], "one row for x"),
    ],
)
def test_rows_that_do_not_fit_the_model(rows, match):
    with pytest.raises(SavingError, match=match):
        WeightTable(rows).state_dict(model())


@pytest.mark.parametrize(
    "row, options",
    [
        (("a", "b.{i}"), {}),
        (("a_{i}", []), {}),
        ((["a", "b"], "c"), {}),
        ((["a", "b"], ["c", "d"]), {"join": 0}),
        (("a", "b"), {"join": 0}),
        (("a", ["b", "c"]), {"join": 0, "sizes": [1]}),
        ((3, "b"), {}),
    ],
)
def test_rows_that_mean_nothing(row, options):
    with pytest.raises((ArgumentError, TypeError)):
        WeightRule(*row, **options)


def test_axes_are_never_swapped_in_silence():
    one = kfront.Sequential([kfront.Input((4,)), layers.Dense(6, use_bias=False, name="dense")])
    with pytest.raises(SavingError, match=r"\(6, 4\), got \(4, 6\)"):
        WeightTable([("dense", "fc")]).load(one, {"fc.weight": drawn(4, 6)})


def test_bad_files(tmp_path):
    one, table = model(), WeightTable(ROWS)
    index = tmp_path / "model.safetensors.index.json"
    for place in ("../model.safetensors", "/etc/model.safetensors", ".model.safetensors", 3):
        index.write_text(json.dumps({"weight_map": {"head.weight": place}}))
        with pytest.raises(UnsafeFileError, match="beside"):
            table.load(one, index)
    index.write_text(json.dumps({"weight_map": {"head.weight": "gone.safetensors"}}))
    with pytest.raises(SavingError, match=r"gone\.safetensors"):
        table.load(one, tmp_path)
    safetensors_numpy.save_file({"other": drawn(1)}, tmp_path / "gone.safetensors")
    with pytest.raises(SavingError, match=r"got no head\.weight"):
        table.load(one, tmp_path)
    for path in ("model.bin", "none.safetensors", "folder"):
        with pytest.raises(SavingError, match=r"safetensors"):
            table.load(one, tmp_path / path)
    with pytest.raises(SavingError, match=r"'\.safetensors'"):
        table.save(one, tmp_path / "model.bin")
    with pytest.raises(SavingError, match="gigabytes"):
        table.save(one, tmp_path / "model.safetensors", max_shard_size=-1)
