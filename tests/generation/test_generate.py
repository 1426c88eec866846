"""Generation: with a cache as without, the same tokens on every engine and as an uncached loop in NumPy."""

from __future__ import annotations

import numpy as np
import pytest
from examples.language_models import RotaryAttention, gpt2, llama
from tests.conftest import ENGINES

import kfront
from kfront import generation, layers, ops
from kfront.core.errors import ArgumentError, ShapeError

EVEN = [[1, 2, 3], [4, 5, 6]]
RAGGED = [[1, 2, 3], [4], [5, 6]]
RNG = np.random.default_rng(0)


@pytest.fixture(params=ENGINES)
def engine(request):
    with kfront.backend_scope(request.param):
        yield request.param


def spread(model, seed=0):
    """A model with weights that differ so much that no two logits are close."""
    rng = np.random.default_rng(seed)
    for w in model.weights:
        w.assign(rng.normal(size=w.shape).astype("float32") * 0.6)
    return model


def small(hidden=False):
    tokens = kfront.Input((None,), dtype="int32")
    x = layers.Embedding(20, 8)(tokens) + layers.Embedding(16, 8)(ops.token_positions(tokens))
    x = x + layers.MultiHeadAttention(2, 4, sliding_window=4)(x, x, use_causal_mask=True)
    x = x + RotaryAttention(4, 4, 2)(x, x, use_causal_mask=True)
    logits = layers.Dense(20)(x)
    return spread(kfront.Model(tokens, (logits, x) if hidden else logits))


# ---- the cache -------------------------------------------------------------------------------------------------------


def attention(kind):
    options = {"num_heads": 2, "key_dim": 4} if kind is layers.MultiHeadAttention else {
        "head_dim": 4, "num_query_heads": 4, "num_key_value_heads": 2
    }  # fmt: skip
    return kind, options


@pytest.mark.sampled(3)
@pytest.mark.parametrize("kind", [layers.MultiHeadAttention, layers.GroupQueryAttention, RotaryAttention])
@pytest.mark.parametrize("more", [{}, {"sliding_window": 2}, {"use_gate": True, "dropout": 0.1}, {"dtype": "float64"}])
def test_parts_give_what_the_whole_gives(engine, kind, more):
    kind, options = attention(kind)
    layer = kind(**options, **more)
    x = RNG.normal(size=(2, 6, 8)).astype("float32")
    want = ops.convert_to_numpy(layer(x, x, use_causal_mask=True))
    cache = generation.Cache(8)
    got = []
    for part in (x[:, :3], x[:, 3:5], x[:, 5:]):
        with cache:
            got.append(ops.convert_to_numpy(layer(part, part, use_causal_mask=True)))
    np.testing.assert_allclose(np.concatenate(got, 1), want, atol=1e-5)


def test_sequences_of_different_lengths(engine):
    layer = RotaryAttention(4, 4, 2)
    x = RNG.normal(size=(2, 6, 8)).astype("float32")
    want = ops.convert_to_numpy(layer(x, x, use_causal_mask=True))
    cache, lengths = generation.Cache(8, lengths=[1, 4]), (1, 4)
    with cache:
        layer(x[:, :4], x[:, :4], use_causal_mask=True)  # the first sequence has one token, and three that do not count
    for step in range(2):
        now = np.stack([x[i, n + step] for i, n in enumerate(lengths)])[:, None]
        with cache:
            got = ops.convert_to_numpy(layer(now, now, use_causal_mask=True))[:, 0]
        np.testing.assert_allclose(got, [want[i, n + step] for i, n in enumerate(lengths)], atol=1e-5)


def test_masked_tokens_stay_masked(engine):
    embed, layer = layers.Embedding(9, 8, mask_zero=True), layers.MultiHeadAttention(2, 4)
    tokens = np.array([[3, 0, 5, 0, 2]])
    run = lambda t: (lambda x: ops.convert_to_numpy(layer(x, x, use_causal_mask=True)))(embed(t))  # noqa: E731
    want, cache, got = run(tokens), generation.Cache(5), []
    for part in (tokens[:, :3], tokens[:, 3:]):
        with cache:
            got.append(run(part))
    np.testing.assert_allclose(np.concatenate(got, 1), want, atol=1e-5)


def test_attention_to_an_encoder_needs_no_cache(engine):
    layer = layers.MultiHeadAttention(2, 4)
    x, memory = RNG.normal(size=(2, 3, 8)).astype("float32"), RNG.normal(size=(2, 5, 8)).astype("float32")
    want = ops.convert_to_numpy(layer(x, memory))
    cache = generation.Cache(4)
    with cache:
        got = ops.convert_to_numpy(layer(x, memory))
    np.testing.assert_allclose(got, want, atol=1e-6)
    assert cache.entries == []


def test_what_a_cache_cannot_hold_is_refused(engine):
    layer, x = layers.MultiHeadAttention(2, 4), ops.ones((1, 3, 8))
    for options in ({}, {"use_causal_mask": True, "attention_mask": ops.ones((1, 3, 3), "bool")}):
        with pytest.raises(ArgumentError, match="while a cache is in use"), generation.Cache(4):
            layer(x, x, **options)
    cache = generation.Cache(4)
    with cache:
        layer(x, x, use_causal_mask=True)
    with pytest.raises(ShapeError, match="at most 4 tokens"), cache:
        layer(x, x, use_causal_mask=True)
    assert cache.start == 3  # what failed has not advanced it
    assert tuple(layer(x, x).shape) == (1, 3, 8)


# ---- the same tokens on every engine ---------------------------------------------------------------------------------


def log_softmax(x):
    x = x - x.max(-1, keepdims=True)
    return x - np.log(np.exp(x).sum(-1, keepdims=True))


class Oracle:
    """Generation as the papers say, one sequence at a time, without a cache."""

    def __init__(self, hidden=False):
        with kfront.backend_scope("numpy"):
            self.model = small(hidden)

    def __call__(self, tokens):
        with kfront.backend_scope("numpy"):
            out = self.model(np.array([tokens], "int32"))
        return [np.asarray(x, "float64")[0] for x in out] if isinstance(out, (tuple, list)) else np.asarray(out)[0]

    def run(self, prompts, length, choose, stop=()):
        rows = []
        for r, prompt in enumerate(prompts):
            row, shortest = list(prompt), min(map(len, prompts))
            while len(row) < length and not (len(row) > len(prompt) and row[-1] in stop):
                row.append(int(choose(row, r, len(row) - len(prompt))))
            rows.append(row + [0] * (length - len(row)))
            assert shortest
        return rows

    def greedy(self, row, *_):
        return self(row)[-1].argmax()

    def nucleus(self, draws, p):
        def choose(row, r, i):
            logits = self(row)[-1].astype("float64")
            order = np.argsort(-logits, kind="stable")
            chances = np.exp(log_softmax(logits[order]))
            chances = np.where(np.cumsum(chances) - chances < p, chances, 0)
            return order[np.searchsorted(np.cumsum(chances), draws[i, r] * chances.sum(), side="right")]

        return choose

    def contrastive(self, k, alpha):
        def choose(row, *_):
            logits, hidden = self(row)
            chances = np.exp(log_softmax(logits[-1]))
            unit = lambda v: v / np.linalg.norm(v, axis=-1, keepdims=True)  # noqa: E731
            best, score = None, -np.inf
            for token in np.argsort(-chances)[:k]:
                likeness = (unit(hidden) @ unit(self([*row, token])[1][-1])).max()
                now = (1 - alpha) * chances[token] - alpha * likeness
                best, score = (token, now) if now > score else (best, score)
            return best

        return choose


@pytest.mark.sampled(3)
def test_greedy(engine):
    want = Oracle().run(RAGGED, 9, Oracle().greedy, (7, 11))
    got = generation.generate(small(), RAGGED, 9, stop=[7, 11])
    assert got.dtype == np.int32 and got.tolist() == want
    heard = []
    again = generation.generate(small(), np.array(EVEN), 7, stream=lambda t: heard.append(t.tolist()))
    assert again.tolist() == Oracle().run(EVEN, 7, Oracle().greedy)
    assert np.transpose(heard).tolist() == again[:, 3:].tolist()


def test_greedy_draws_no_random_numbers():
    kfront.utils.set_random_seed(3)
    want = float(kfront.random.uniform(()))
    kfront.utils.set_random_seed(3)
    generation.generate(small(), ops.array(EVEN), 5)
    assert float(kfront.random.uniform(())) == want


@pytest.mark.sampled(3)
def test_portable_random_draws_the_same(engine):
    kfront.config.set_portable_random(True)
    try:
        got = generation.generate(small(), RAGGED, 9, generation.TopP(0.8), seed=3)
        with kfront.backend_scope("numpy"):
            draws = kfront.random.uniform((8, 3), seed=3)
    finally:
        kfront.config.set_portable_random(False)
    assert got.tolist() == Oracle().run(RAGGED, 9, Oracle().nucleus(draws, 0.8))


@pytest.mark.sampled(3)
def test_contrastive(engine):
    oracle = Oracle(hidden=True)
    want = oracle.run(RAGGED, 8, oracle.contrastive(3, 0.5))
    assert generation.generate(small(True), RAGGED, 8, generation.Contrastive(3, 0.5)).tolist() == want


@pytest.mark.sampled(3)
@pytest.mark.parametrize("cache", [True, False])
def test_beam(engine, cache):
    """A beam as wide as there are sequences finds the most probable one."""
    model = small()
    got = generation.generate(model, [[1, 2]], 4, generation.Beam(20), cache=cache)[0].tolist()
    oracle, best = Oracle(), (-np.inf, None)
    first = log_softmax(oracle([1, 2])[-1])
    for a in range(20):
        second = log_softmax(oracle([1, 2, a])[-1])
        best = max(best, (first[a] + second.max(), [1, 2, a, int(second.argmax())]))
    assert got == best[1]


def test_samplers_keep_to_their_sets():
    logits, draws = ops.array(RNG.normal(size=(500, 10)).astype("float32")), kfront.random.uniform((500,), seed=1)
    order = np.argsort(-ops.convert_to_numpy(logits), -1)
    chosen = ops.convert_to_numpy(generation.TopK(3).choose(logits, draws))
    assert all(c in row[:3] for c, row in zip(chosen, order, strict=True))
    same = ops.array(np.tile(np.log([[0.1, 0.2, 0.3, 0.4]]), (20000, 1)).astype("float32"))
    draws = kfront.random.uniform((20000,), seed=2)
    count = lambda s: np.bincount(ops.convert_to_numpy(s.choose(same, draws)), minlength=4) / 20000  # noqa: E731
    np.testing.assert_allclose(count(generation.Temperature()), [0.1, 0.2, 0.3, 0.4], atol=0.015)
    np.testing.assert_allclose(count(generation.Temperature(0.5)), np.array([1, 4, 9, 16]) / 30, atol=0.015)
    np.testing.assert_allclose(count(generation.TopP(0.6)), [0, 0, 3 / 7, 4 / 7], atol=0.015)
    np.testing.assert_allclose(count(generation.TopP(0.6, k=1)), [0, 0, 0, 1])


# ---- models and mistakes ---------------------------------------------------------------------------------------------


@pytest.mark.sampled(3)
def test_weights_may_change(engine):
    model = small()
    first = generation.generate(model, EVEN, 8)
    spread(model, seed=1)
    second = generation.generate(model, EVEN, 8)
    assert (second == generation.generate(model, EVEN, 8, cache=False)).all() and (first != second).any()


def test_a_parameter_may_be_replaced():
    with kfront.backend_scope("torch"):
        model = small()
        generation.generate(model, EVEN, 8)
        model.double()
        spread(model, seed=1)
        got = generation.generate(model, EVEN, 8)
        assert (got == generation.generate(model, EVEN, 8, cache=False)).all()


def test_models_that_cannot_continue_are_refused(engine):
    tokens = kfront.Input((None,), dtype="int32")
    x = layers.Embedding(20, 8)(tokens)
    recurrent = spread(kfront.Model(tokens, layers.Dense(20)(layers.GRU(8, return_sequences=True)(x))))
    with pytest.raises(ArgumentError, match="the same logits with a cache as without"):
        generation.generate(recurrent, EVEN, 6)
    want = []
    for row in np.array(EVEN):
        while len(row) < 6:
            row = np.append(row, int(np.argmax(recurrent.predict(row[None], verbose=0)[0, -1])))
        want.append(row.tolist())
    assert generation.generate(recurrent, EVEN, 6, cache=False).tolist() == want


def test_mistakes():
    model = small()
    with pytest.raises(ArgumentError, match="sampler"):
        generation.generate(model, EVEN, 8, "best")
    with pytest.raises(ShapeError, match="prompts of 1 to max_length"):
        generation.generate(model, EVEN, 3)
    with pytest.raises(ShapeError, match="prompts of 1 to max_length"):
        generation.generate(model, [[1], []], 3)
    with pytest.raises(ArgumentError, match="stream"):
        generation.generate(model, EVEN, 8, "beam", stream=print)
    with pytest.raises(ArgumentError, match="hidden"):
        generation.generate(model, EVEN, 8, "contrastive")
    for make in (lambda: generation.Temperature(0), lambda: generation.TopP(0), lambda: generation.TopK(0)):
        with pytest.raises(ArgumentError):
            make()


def test_half_precision(engine):
    with kfront.backend_scope(engine):
        kfront.config.set_dtype_policy("mixed_bfloat16")
        try:
            model = llama(20, 16, 1, 4, 2, 16)
        finally:
            kfront.config.set_dtype_policy("float32")
        assert generation.generate(model, RAGGED, 6, "top_k", seed=1).shape == (3, 6)


@pytest.mark.parametrize("build", [lambda: gpt2(20, 16, 2, 4, 16), lambda: llama(20, 16, 2, 4, 2, 24)])
def test_models_copied_and_saved_write_the_same(build, tmp_path):
    model = build()
    want = generation.generate(model, EVEN, 8)
    path = str(tmp_path / "model.keras")
    model.save(path)
    loaded = kfront.saving.load_model(path, custom_objects={"RotaryAttention": RotaryAttention})
    assert (generation.generate(loaded, EVEN, 8) == want).all()
