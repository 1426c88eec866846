"""Loops on torch whose steps are recorded: the results of the plain loop, and what makes a step unsuited."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import kfront
from kfront import layers, ops, random
from kfront.backends import get
from kfront.backends.torch import replay
from kfront.backends.torch.tuned import control as recorded

STEPS = 20


@pytest.fixture(autouse=True)
def on_torch():
    with kfront.backend_scope("torch"), torch.no_grad():
        recorded._unsuited.clear()
        yield


@pytest.fixture
def built(monkeypatch):
    """The functions that replay something."""
    made = []

    class Noted(replay.Replay):
        def __init__(self, recording):
            super().__init__(recording)
            made.append(self)

    monkeypatch.setattr(recorded, "Replay", Noted)
    return made


def both(start, body, cond=lambda *_: True, before=lambda: None, most=STEPS):
    """Results of the kernel and of the plain loop."""
    found = []
    for loop in (get("torch").tuned_table["while_loop"].function, get("torch").plain_form("while_loop")):
        before()
        found.append([x.clone() for x in loop(cond, body, tuple(x.clone() for x in start), most)])
    for a, b in zip(*found, strict=True):
        assert a.dtype is b.dtype and a.shape == b.shape and torch.equal(a, b)
    return found[0]


def count():
    return torch.zeros((), dtype=torch.int32)


# ---- what is replayed ------------------------------------------------------------------------------------------------


def test_a_decoding_loop_gives_the_same_numbers(built):
    model = kfront.Sequential([layers.Embedding(30, 16), layers.Dense(32, "gelu"), layers.Dense(30)])
    model(ops.zeros((1, 1), "int32"))

    def body(tokens, cache, i):
        logits = model(ops.slice(tokens, (0, i - 1), (1, 1)))[:, 0]
        cache = ops.slice_update(cache, (0, i, 0), logits[:, None])
        token = ops.argmax(logits + ops.sum(cache, 1), -1)
        token = torch.where(tokens[:, i] < 5, ops.cast(token, "int32"), tokens[:, i])
        return ops.slice_update(tokens, (0, i), token[:, None]), cache, i + 1

    start = ops.zeros((1, 24), "int32"), ops.zeros((1, 24, 30)), count() + 1
    both(start, body)
    assert len(built) == 1
    with torch.inference_mode():
        both(start, body, lambda tokens, cache, i: i < 15)
    assert len(built) == 3  # the condition as well


@pytest.mark.parametrize("portable", [False, True])
@pytest.mark.parametrize("kind", ["int", "generator", "ambient"])
def test_draws_go_on_as_in_the_plain_loop(built, kind, portable):
    seed = {"int": 3, "generator": random.SeedGenerator(4), "ambient": None}[kind]

    def before():
        torch.manual_seed(0), kfront.utils.set_random_seed(0)
        if kind == "generator":
            seed.state.assign([4, 0])

    def body(x, i):
        x = x + random.normal((3,), seed=seed) * random.uniform((3,), seed=seed)
        return x + ops.cast(random.categorical(x[None], 3, seed=seed)[0], "float32"), i + 1

    kfront.config.set_portable_random(portable)
    try:
        out = both((torch.zeros(3), count()), body, before=before)[0]
    finally:
        kfront.config.set_portable_random(None)
    assert len(built) == 1 and torch.isfinite(out).all()


def test_writes_in_place_and_constants(built):
    seen, table = torch.zeros(STEPS), torch.arange(3.0)

    def body(x, i):
        seen.index_copy_(0, i[None].long(), x.sum()[None])
        y = x.clone()
        y[1] += table[2] * torch.tensor([0.5, 0.25]).sum()
        return y + seen.mean() + torch.from_numpy(np.ones(3, "float32")), i + 1

    results = []
    both((torch.zeros(3), count()), body, before=lambda: (results.append(seen.clone()), seen.zero_()))
    assert len(built) == 1 and torch.equal(results[1], seen) and bool(seen[-1] > 0)


def test_weights_and_lengths_may_change_between_loops(built):
    dense = layers.Dense(4, use_bias=False)
    dense.build((1, 4))
    body = lambda x: ops.tanh(dense(x))  # noqa: E731
    for size in (1, 1, 2):
        dense.kernel.assign(dense.kernel.numpy()[::-1] * 0.9)
        both((torch.ones(size, 4),), body)
    assert len(built) == 2  # the second loop has the calls of the first


def looped(*closure, power=2.0, start=1.0):
    """Both loops, with a step that refers to other tensors each time."""
    a, b = closure
    first = a.clone()

    def body(x, i):
        a[0] += 0.5
        return torch.tanh(x * b + torch.exp(b * 2).sum() ** -power) + a.sum() / 50, i + 1

    return both((torch.full((3,), start), count()), body, before=lambda: a.copy_(first))[0]


def test_the_next_loop_runs_what_was_recorded_on_its_own_tensors(built):
    results = [looped(torch.zeros(3), torch.arange(3.0) / (i + 1), start=float(i)) for i in range(3)]
    assert len(built) == 1 and not torch.equal(results[1], results[2])
    assert built[0].steps == 3 * STEPS and built[0].traced([]) is None  # it writes to what it keeps


def test_what_is_run_often_is_traced(built, monkeypatch):
    monkeypatch.setattr(recorded, "_WORTH", 2 * STEPS)
    for i in range(4):
        weight = torch.arange(3.0) / (i + 1)
        both((torch.ones(3), count()), lambda x, i, w=weight: (torch.tanh(x @ w * w.exp() / 9 + x), i + 1))
        assert len(built) == 1 and (built[0]._trace is not None) is (i > 1)


def test_other_numbers_and_other_memory_are_recorded_anew(built):
    zeros, ones = torch.zeros(3), torch.ones(3)
    looped(zeros, ones)
    looped(zeros, ones, power=3.0)
    assert len(built) == 2
    looped(zeros, torch.ones(6)[::2], power=3.0)
    assert len(built) == 3
    both_at_once = torch.ones(3)
    looped(both_at_once, both_at_once, power=3.0)
    assert len(built) == 4


def test_a_replay_keeps_no_tensor_of_a_loop_that_is_over(built):
    tensors = torch.zeros(3), torch.ones(3)
    looped(*tensors)
    left = [weakref.ref(x) for x in tensors]
    del tensors
    gc.collect()
    assert len(built) == 1 and [ref() for ref in left] == [None, None]


def test_equal_calls_are_made_once_and_constants_before(built):
    weight = torch.ones(4, 4)
    calls = []

    def body(x):
        calls.append(1)
        return torch.tanh(x @ weight.t().contiguous()) + torch.tanh(x @ weight.t().contiguous()) + 0 * torch.exp(x) * 0

    both((torch.ones(1, 4),), body)
    assert len(calls) == 2 + STEPS  # recorded twice, the others are the plain loop's
    names = built[0].run.__code__.co_names
    assert len([n for n in names if n.startswith("f")]) == 7  # one product, one tanh


# ---- what is not -----------------------------------------------------------------------------------------------------


def reads(x, i):
    return x + float(x.sum()) * 0.1, i + 1


def decides(x, i):
    return (x + 1 if i > 10 else x - 1), i + 1


def random_numbers(x, i):
    return x + torch.rand(3), i + 1


def chooses(x, i):
    return x + x[x > 0.5].sum(), i + 1


def cuts(x, i):
    return x + torch.ones(STEPS + 1)[: i + 1].sum(), i + 1


def as_array(x, i):
    return x + torch.as_tensor(x.numpy() + 1), i + 1


@pytest.mark.parametrize("body", [reads, decides, random_numbers, chooses, cuts, as_array])
def test_values_on_the_host_are_read_in_each_step(built, body):
    both((torch.ones(3), count()), body, before=lambda: torch.manual_seed(0))
    assert not built and body.__code__ in recorded._unsuited


def test_what_python_counts_keeps_a_loop_plain(built):
    state = {"n": 0}

    def body(x):
        state["n"] += 1
        return x + state["n"]

    both((torch.zeros(2),), body, before=lambda: state.update(n=0))
    assert not built and state["n"] == STEPS


def test_a_tensor_that_is_kept_keeps_a_loop_plain(built):
    kept = []

    def body(x):
        kept.append(x * 2)
        return x + 1

    both((torch.zeros(2),), body, before=kept.clear)
    assert not built and len(kept) == STEPS


def test_a_variable_that_is_assigned_keeps_its_last_value(built):
    v = kfront.Variable(np.zeros(2, "float32"))

    def body(x):
        v.assign(v + x)
        return x + v.value

    results = []
    both((torch.ones(2),), body, before=lambda: (results.append(v.numpy()), v.assign(np.zeros(2))))
    assert np.array_equal(results[1], v.numpy()) and v.numpy()[0] > 0


def test_gradients_are_those_of_the_plain_loop(built):
    with torch.enable_grad():
        w = torch.ones(3, requires_grad=True)
        loop = get("torch").tuned_table["while_loop"].function
        loop(lambda *_: True, lambda x: x * w, (torch.ones(3) * 1.01,), STEPS)[0].sum().backward()
    assert not built and torch.allclose(w.grad, torch.full((3,), 1.01 * STEPS))


def test_growing_results_and_short_loops(built):
    loop = get("torch").tuned_table["while_loop"].function
    grown = loop(lambda *_: True, lambda x: torch.cat([x, x[:1]]), (torch.ones(1),), STEPS)[0]
    assert grown.shape == (STEPS + 1,)
    both((torch.ones(3), count()), lambda x, i: (x * 2, i + 1), most=3)
    both((torch.ones(3), count()), lambda x, i: (x * 2, i + 1), lambda x, i: i < 6, most=None)
    assert not built
    both((torch.ones(3), count()), lambda x, i: (x * 2, i + 1), lambda x, i: i < 16, most=None)
    assert len(built) == 2


def test_a_mistake_shows_in_the_step_where_it_is(built):
    loop, table = get("torch").tuned_table["while_loop"].function, torch.arange(10.0)
    with pytest.raises(IndexError):
        loop(lambda *_: True, lambda x, i: (x + table[i], i + 1), (torch.zeros(()), count()), STEPS)
    with pytest.raises(ZeroDivisionError):
        loop(lambda *_: True, lambda x: x + 1 / 0, (torch.zeros(()),), STEPS)
    assert recorded.can_record()


def test_a_step_may_name_what_is_set_later(built):
    both((torch.zeros(()),), lambda x: x + (later if x is None else 1))
    assert len(built) == 1
    later = 2


def test_the_switch_runs_the_plain_loop(built):
    kfront.config.set_tuned_kernels(False)
    try:
        ops.while_loop(lambda i: i < 100, lambda i: i + 1, (ops.array(0),), maximum_iterations=STEPS)
    finally:
        kfront.config.set_tuned_kernels(None)
    assert not built
