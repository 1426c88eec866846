"""Rows that hold several sequences: attention keeps them apart, and a loss has the value and gradient of each alone."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

import kfront
from kfront import layers, ops
from kfront.core.errors import ArgumentError, ShapeError
from kfront.utils import pack_sequences

ROOT = Path(__file__).parents[2]
SEQUENCES = [np.random.default_rng(i).integers(1, 30, n) for i, n in enumerate((4, 8, 4, 4, 8))]


class Rotary(layers.GroupQueryAttention):
    """Queries and keys turned by places that are given."""

    places = None

    def project(self, query, key, value):
        query, key, value = super().project(query, key, value)
        return ops.rotary_embedding(query, self.places), ops.rotary_embedding(key, self.places), value


class Language(kfront.Model):
    """A language model whose first attention has biases and whose second one has groups and turned places."""

    def __init__(self):
        super().__init__()
        self.table, self.at = layers.Embedding(30, 16), layers.Embedding(12, 16)
        self.first = layers.MultiHeadAttention(2, 8)
        self.second = Rotary(4, 4, 2)
        self.out = layers.Dense(30)

    def call(self, inputs):
        tokens, segments, places = inputs
        x = self.table(tokens) + self.at(places)
        x = x + self.first(x, x, use_causal_mask=True, segment_ids=segments)
        self.second.places = places
        x = x + self.second(x, x, use_causal_mask=True, segment_ids=segments)
        return self.out(x)


def loss_of(model, rows):
    """The mean over all tokens that have one behind them, of rows (tokens, segments, places)."""
    total, count = 0.0, 0
    for tokens, segments, places in rows:
        logits = model([ops.array(a) for a in (tokens, segments, places)])
        after, same = np.roll(tokens, -1, 1), (np.roll(segments, -1, 1) == segments) & (segments > 0)
        same[:, -1] = False
        each = ops.sparse_categorical_crossentropy(ops.array(after), logits, from_logits=True)
        total, count = total + ops.sum(each * ops.array(same.astype("float32"))), count + same.sum()
    return total / float(count)


def packed_rows():
    packed = pack_sequences(SEQUENCES, 12)
    assert packed.segment_ids.max(1).tolist() == [2, 2, 1]
    return [(packed.tokens.astype("int32"), packed.segment_ids, packed.positions)]


def rows_of_their_own():
    return [(s[None].astype("int32"), np.ones((1, len(s)), "int32"), np.arange(len(s), dtype="int32")[None])
            for s in SEQUENCES]  # fmt: skip


@pytest.mark.sampled(4, table="long")
def test_packed_loss_is_that_of_each_sequence_alone(trainable_backend):
    kfront.utils.set_random_seed(0)
    model = Language()
    alone = float(ops.stop_gradient(loss_of(model, rows_of_their_own())))
    with pytest.MonkeyPatch.context() as patch:  # the same numbers where nothing could reach over anyway
        patch.setattr("kfront.layers.multi_head.segment_attention", lambda q, k, v, s, c: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            loss_of(model, packed_rows())
    assert abs(float(loss_of(model, packed_rows())) - alone) < 1e-6
    weights = model.trainable_variables
    one, other = (
        kfront.value_and_grad(lambda values, rows=rows: bound_loss(model, weights, values, rows))(
            [w.value for w in weights]
        )
        for rows in (packed_rows(), rows_of_their_own())
    )
    assert abs(float(one[0]) - float(other[0])) < 1e-6
    for a, b in zip(one[1], other[1], strict=True):
        np.testing.assert_allclose(ops.convert_to_numpy(a), ops.convert_to_numpy(b), atol=1e-6)


def bound_loss(model, weights, values, rows):
    with kfront.StatelessScope(state_mapping=list(zip(weights, values, strict=True))):
        return loss_of(model, rows)


@pytest.mark.parametrize("options", [{"return_attention_scores": True}, {"training": True}, {"attention_mask": True}])
def test_with_masks_scores_and_dropout(backend, options):
    """Whatever else attention depends on, a sequence's numbers are those it has in a row of its own."""
    layer = layers.MultiHeadAttention(2, 4, dropout=1e-9)
    x = np.random.default_rng(0).standard_normal((1, 6, 8)).astype("float32")
    options = {k: np.ones((1, 6, 6), bool) if k == "attention_mask" else v for k, v in options.items()}
    both = layer(x, x, segment_ids=np.array([[1, 1, 1, 1, 2, 2]]), **options)
    own = {k: v for k, v in options.items() if k != "attention_mask"}
    alone = [layer(x[:, s], x[:, s], **own) for s in (slice(4), slice(4, None))]
    both, *alone = (y[0] if isinstance(y, tuple) else y for y in (both, *alone))
    want = np.concatenate([ops.convert_to_numpy(y) for y in alone], 1)
    np.testing.assert_allclose(ops.convert_to_numpy(both), want, atol=1e-5)


def test_functional_model_and_file(backend, tmp_path):
    x, ids = kfront.Input((None, 8)), kfront.Input((None,), dtype="int32")
    model = kfront.Model([x, ids], layers.GroupQueryAttention(4, 2, 1)(x, x, segment_ids=ids))
    data = [np.random.default_rng(0).standard_normal((2, 5, 8)), np.array([[1, 1, 2, 2, 0], [1, 2, 2, 2, 2]])]
    want = model.predict(data, verbose=0)
    moved = [data[0] + np.array([0, 0, 1, 1, 0])[:, None], data[1]]
    assert np.abs(model.predict(moved, verbose=0)[0, 4] - want[0, 4]).max() < 1e-6
    assert np.abs(model.predict(moved, verbose=0)[1, 1] - want[1, 1]).max() > 1e-3
    model.save(tmp_path / "model.keras")
    again = kfront.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(again.predict(data, verbose=0), want, atol=1e-6)


def test_torch_keeps_no_mask():
    torch = pytest.importorskip("torch")
    from torch.utils._python_dispatch import TorchDispatchMode

    largest = 0

    class Watch(TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            nonlocal largest
            out = func(*args, **(kwargs or {}))
            made = [x for x in (out if isinstance(out, (tuple, list)) else [out]) if isinstance(x, torch.Tensor)]
            largest = max([largest, *(x.numel() for x in made)])
            return out

    length = 512
    with kfront.backend_scope("torch"):
        layer = layers.MultiHeadAttention(2, 8)
        x = torch.randn(1, length, 16, requires_grad=True)
        ids = torch.arange(length)[None] // 100
        layer(x, x, segment_ids=ids)
        with Watch():
            ops.sum(layer(x, x, use_causal_mask=True, segment_ids=ids)).backward()
        assert largest < length * length / 4
        same = (ids[:, :, None] == ids[:, None]).numpy()
        want = layer(x, x, use_causal_mask=True, attention_mask=same)
        assert torch.allclose(layer(x, x, use_causal_mask=True, segment_ids=ids), want, atol=1e-6)


def test_refused_with_a_cache():
    layer, x = layers.MultiHeadAttention(2, 4), np.zeros((1, 3, 8), "float32")
    with kfront.generation.Cache(8), pytest.raises(ArgumentError, match="attention_mask"):
        layer(x, x, use_causal_mask=True, segment_ids=np.ones((1, 3), "int32"))


def test_padding_of_real_texts():
    """Paragraphs of the documentation, in words: at most one place of a hundred is filled up."""
    texts = [p for page in sorted(ROOT.glob("docs/**/*.md")) for p in page.read_text(encoding="utf-8").split("\n\n")]
    lengths = [min(len(re.findall(r"\w+|[^\w\s]", text)), 512) for text in texts]
    sequences = [np.full(n, i) for i, n in enumerate(lengths) if n]
    packed = pack_sequences(sequences, 512)
    assert len(sequences) > 500
    assert (packed.segment_ids == 0).mean() <= 0.01
    for sequence, (row, start, stop) in zip(sequences, packed.sources, strict=True):
        assert np.array_equal(packed.tokens[row, start:stop], sequence)
        assert len(set(packed.segment_ids[row, start:stop])) == 1
        assert np.array_equal(packed.positions[row, start:stop], np.arange(stop - start))
    assert (packed.segment_ids > 0).sum() == sum(map(len, sequences))


@pytest.mark.parametrize("query, ids", [((2, 5, 4), (2, 5)), ((2, 5, 2, 4), (2, 4)), ((2, 5, 2, 4), (5,))])
def test_shapes_that_do_not_fit(backend, query, ids):
    x = np.ones(query, "float32")
    with pytest.raises(ShapeError, match=r"\[segment_attention\] expected `query`"):
        ops.segment_attention(x, x, x, np.ones(ids, "int32"))


def test_pack_sequences_refuses():
    with pytest.raises(ShapeError, match="number 1"):
        pack_sequences([[1], [1, 2, 3]], 2)
    with pytest.raises(ShapeError, match="1 to 2 tokens"):
        pack_sequences([[]], 2)
    with pytest.raises(ArgumentError, match="positive"):
        pack_sequences([[1]], 0)
    assert pack_sequences([], 4).tokens.shape == (0, 4)
