"""The JAX adapter: pytrees, traced state, compiled steps, kinks, shapes and randomness."""

from __future__ import annotations

import copy
import subprocess
import sys
import warnings

import numpy as np
import pytest

jax = pytest.importorskip("jax")
import jax.numpy as jnp

from kfront import backends, ops
from kfront.core.errors import ArgumentError, BackendError, DTypeError
from kfront.core.op import OPS
from kfront.core.rng import SeedGenerator
from kfront.core.spec import KerasTensor
from kfront.core.state import state
from kfront.core.variable import StatelessScope, Variable
from kfront.layers.base import Layer
from kfront.ops import random as random_ops


@pytest.fixture(autouse=True)
def b():
    with backends.backend_scope("jax") as backend:
        yield backend


def rand(*shape, seed=0):
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape).astype("float32"))


class Dense(Layer):
    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def build(self, input_shape):
        self.kernel = self.add_weight(shape=(input_shape[-1], self.units), name="kernel")
        self.bias = self.add_weight(shape=(self.units,), initializer="zeros", name="bias")

    def call(self, x):
        return ops.add(ops.matmul(x, self.kernel.value), self.bias.value)


class Net(Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.blocks = [Dense(8), Dense(4)]
        self.named = {"head": Dense(2)}

    def call(self, x):
        for block in self.blocks:
            x = ops.relu(block(x))
        return self.named["head"](x)


# ---- conversion and dtypes -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "dtype"),
    [
        (2.0, "float32"),
        (2, "int32"),
        (True, "bool"),
        ([1, 2], "int32"),
        ([[1.0], [2.0]], "float32"),
        (np.arange(3, dtype="uint8"), "uint8"),
        (np.arange(3.0), "float32"),  # no 64-bit types without x64
        (np.float16(1), "float16"),
        (range(3), "int32"),
    ],
)
def test_convert(b, value, dtype):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        out = b.convert(value)
        assert out.dtype == dtype and not out.weak_type
        assert b.convert(value, "float64").dtype == "float32"


def test_convert_refuses_strings(b):
    with pytest.raises(DTypeError, match="expected numbers"):
        b.convert(["a"])


def test_convert_copies_host_memory(b):
    """JAX reads host memory after it has returned: buffers that are filled anew must not change the arrays."""
    for make in (b.convert, b.feed, lambda x: Variable(x).value):
        buffer = np.ones(100_000, "float32")
        out = jax.jit(lambda x: x * 2)(make(buffer))
        buffer[:] = 7
        assert float(out.max()) == 2.0


def test_convert_takes_lists_of_tensors_and_variables(b):
    v = Variable([1.0, 2.0])
    np.testing.assert_array_equal(b.convert([v, np.zeros(2), rand(2) * 0]), [[1, 2], [0, 0], [0, 0]])


def test_bfloat16_goes_through_numpy(b):
    x = b.convert([1.5, 2.5], "bfloat16")
    assert b.to_numpy(x).dtype.name == "bfloat16"
    assert b.dtype_name(x.dtype) == "bfloat16" and b.native_dtype("bfloat16") == x.dtype


def test_dtypes_without_x64(b):
    assert "float64" not in b.dtypes and "float32" in b.dtypes
    assert Variable([1.0], dtype="float64").dtype == "float32"


def test_64_bits_and_imports_in_a_fresh_process():
    code = """
import sys, warnings
warnings.simplefilter("error")
import jax
jax.config.update("jax_enable_x64", True)
import numpy as np
from kfront import backends, ops
from kfront.core.variable import Variable
with backends.backend_scope("jax") as b:
    assert "float64" in b.dtypes
    assert b.convert(np.arange(3.0)).dtype == "float64" and b.convert(1.0).dtype == "float32"
    assert ops.cast(b.convert(1), "int64").dtype == "int64"
    assert ops.exp(b.convert([1.0], "float64")).dtype == "float64"
    for x in (ops.argmax(b.convert([1, 2])), ops.argsort(b.convert([1, 2])), ops.sum(b.convert([1, 2])), ops.arange(3)):
        assert x.dtype == "int32", x.dtype
    assert Variable([1.0], dtype="float64").value.dtype == "float64"
assert not {"torch", "tensorflow"} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True)


# ---- ops -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("f", "x", "slope"),
    [
        (ops.relu, 0.0, 0.0),
        (ops.abs, 0.0, 0.0),
        (lambda x: ops.clip(x, -1.0, 1.0), 1.0, 1.0),
        (lambda x: ops.clip(x, -1.0, 1.0), -1.0, 1.0),
        (ops.softplus, 1e4, 1.0),
        (ops.softplus, -1e4, 0.0),
        (ops.sigmoid, 1e4, 0.0),
        (ops.silu, -1e4, 0.0),
        (ops.gelu, 1e4, 1.0),
        (lambda x: ops.power(x, 2), 0.0, 0.0),
        (lambda x: ops.std(ops.stack([x, x])), 3.0, 0.0),
        (lambda x: ops.logsumexp(ops.stack([x, jnp.float32(1e4)])), 0.0, 0.0),
        (lambda x: ops.prod(ops.stack([x, x * 0.0 + 5.0])), 0.0, 5.0),
    ],
)
def test_gradients_at_kinks_and_far_out(f, x, slope):
    assert float(jax.grad(lambda t: f(t))(x)) == pytest.approx(slope)


def test_positions_are_int32():
    x = rand(3, 4)
    found = [ops.argmax(x, 1), ops.argsort(x), ops.top_k(x, 2)[1], ops.searchsorted(x[0], x[1]), *ops.nonzero(x)]
    assert {str(f.dtype) for f in found} == {"int32"}


def test_bincount_needs_its_length_while_tracing():
    x = jnp.array([1, 3, 3])
    np.testing.assert_array_equal(ops.bincount(x), [0, 1, 0, 2])
    np.testing.assert_array_equal(jax.jit(lambda t: ops.bincount(t, minlength=4))(x), [0, 1, 0, 2])
    with pytest.raises(ArgumentError, match="minlength"):
        jax.jit(ops.bincount)(x)


KEYS = [
    0,
    -1,
    (1, 2),
    (slice(1, 2),),
    (..., 0),
    (0, ...),
    (None, 1, slice(0, 2), None),
    (slice(None, None, 2),),
    (slice(None, None, -1), 1),
    (slice(5, 2),),
    (slice(None), None, -1),
    (slice(None), np.array([1, 1])),
    [0, 2],
    None,
    ...,
    (),
]


@pytest.mark.parametrize("key", KEYS, ids=str)
def test_get_item(key):
    x = np.arange(60).reshape(3, 4, 5)
    np.testing.assert_array_equal(ops.get_item(jnp.asarray(x), key), x[key])
    np.testing.assert_array_equal(jax.jit(lambda t: ops.get_item(t, key))(x), x[key])


def test_get_item_of_another_place_compiles_nothing():
    from kfront.backends.jax.tuned.index import _block

    x = rand(10, 3)
    ops.get_item(x, 0), ops.get_item(x, slice(0, 2))
    before = _block._cache_size()
    for i in range(1, 8):
        ops.get_item(x, i), ops.get_item(x, slice(i, i + 2))
    assert _block._cache_size() == before
    with pytest.raises((IndexError, ValueError), match="10"):
        ops.get_item(x, 10)


# kernel, stride, dilation, padding, output_padding -> place of the kernel's first tap for input 1 of 3, length
TRANSPOSED = [
    (2, 1, 1, "same", None, 1, 3),
    (3, 1, 1, "same", None, 0, 3),
    (2, 1, 2, "same", None, 0, 3),
    (3, 2, 1, "same", None, 2, 6),
    (4, 2, 1, "same", None, 1, 6),
    (5, 3, 1, "same", None, 2, 9),
    (1, 3, 1, "same", None, 3, 9),
    (3, 2, 1, "same", 0, 1, 5),
    (3, 2, 1, "same", 1, 2, 6),
    (4, 2, 1, "same", 1, 1, 5),
    (5, 2, 1, "same", 1, 1, 6),
    (2, 3, 1, "same", 2, 3, 8),
    (3, 1, 2, "valid", None, 1, 7),
    (2, 3, 1, "valid", None, 3, 9),
    (3, 2, 1, "valid", None, 2, 7),
    (3, 2, 1, "valid", 1, 2, 8),
]


@pytest.mark.parametrize(("k", "stride", "dilation", "padding", "extra", "first", "length"), TRANSPOSED)
def test_conv_transpose_size_and_place(k, stride, dilation, padding, extra, first, length):
    x = jnp.zeros((1, 3, 1)).at[0, 1, 0].set(1.0)
    kernel = jnp.arange(1.0, k + 1).reshape(k, 1, 1)
    y = ops.conv_transpose(x, kernel, stride, padding, extra, "channels_last", dilation)[0, :, 0]
    want = np.zeros(length)
    for i in range(k):
        if first + i * dilation < length:
            want[first + i * dilation] = i + 1
    np.testing.assert_array_equal(y, want)


def test_convolution_groups_and_layouts():
    x, kernel = rand(2, 6, 5, 4), rand(3, 3, 2, 6)
    last = ops.conv(x, kernel, (2, 1), "same", "channels_last")
    first = ops.conv(jnp.moveaxis(x, -1, 1), kernel, (2, 1), "same", "channels_first")
    np.testing.assert_allclose(jnp.moveaxis(first, 1, -1), last, rtol=1e-5, atol=1e-5)
    halves = [ops.conv(x[..., i : i + 2], kernel[..., j : j + 3], (2, 1), "same") for i, j in ((0, 0), (2, 3))]
    np.testing.assert_allclose(jnp.concatenate(halves, -1), last, rtol=1e-5, atol=1e-5)


def test_average_pool_leaves_padding_out():
    y = ops.average_pool(jnp.ones((1, 5, 5, 1)), 3, 2, "same")
    np.testing.assert_allclose(y, np.ones((1, 3, 3, 1)), rtol=1e-6)


def test_max_pool_of_integers():
    y = ops.max_pool(jnp.full((1, 3, 3, 1), -5, "int32"), 2, 1, "same")
    assert y.dtype == "int32" and int(y.max()) == -5


def sequences(lengths, backwards, features=3):
    n = None if lengths is None else jnp.array(lengths, "int32")
    x, h, c = rand(2, 5, features), rand(2, 4, seed=1), rand(2, 4, seed=2)
    kernels = rand(features, 16, seed=3), rand(4, 16, seed=4)
    yield "lstm_sequence", (x, h, c, *kernels, rand(16, seed=5), n, backwards)
    kernels = rand(features, 12, seed=3), rand(4, 12, seed=4)
    for after, bias in ((True, rand(2, 12)), (True, None), (False, rand(12)), (True, rand(12)), (False, None)):
        yield "gru_sequence", (x, h, *kernels, bias, n, after, backwards)


def derivatives(call, at, along, weights):
    """Values, gradients, tangents, the Hessian along a direction, and the gradient of a gradient's norm."""

    def loss(some):
        return sum((out * w).sum() for out, w in zip(call(*some), weights, strict=True))

    grad = jax.grad(loss)
    norm = jax.grad(lambda some: sum((g**2).sum() for g in jax.grad(loss)(some)))(at)
    return jax.jvp(lambda some: call(*some), (at,), (along,)), jax.jvp(grad, (at,), (along,)), norm


@pytest.mark.parametrize("lengths", [None, [5, 2], [0, 4]])
@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("features", [3, 6])
def test_recurrent_sequences_equal_their_composed_form(b, lengths, backwards, features):
    for name, args in sequences(lengths, backwards, features):
        for mine, composed in zip(getattr(b, name)(*args), OPS[name].body(*args), strict=True):
            np.testing.assert_allclose(mine, composed, rtol=1e-5, atol=1e-5)


@pytest.mark.sampled(4, table="long")
@pytest.mark.parametrize(
    ("lengths", "backwards", "features"), [(None, False, 3), ([5, 2], True, 6), ([0, 4], False, 3)]
)
def test_recurrent_sequences_have_the_derivatives_of_their_composed_form(b, lengths, backwards, features):
    for name, args in (*sequences(lengths, backwards, features),)[:4]:
        floats = [i for i, a in enumerate(args) if getattr(a, "dtype", None) == jnp.float32]
        at = [args[i] for i in floats]
        along = [rand(*a.shape, seed=9 + i) for i, a in enumerate(at)]

        def both(at, along, name=name, args=args, floats=floats):
            found = []
            for whole in (getattr(b, name), OPS[name].body):

                def call(*some, whole=whole):
                    given = dict(zip(floats, some, strict=True))
                    return whole(*(given.get(i, a) for i, a in enumerate(args)))

                weights = [rand(*out.shape, seed=i) for i, out in enumerate(jax.eval_shape(call, *at))]
                found.append(derivatives(call, at, along, weights))
            return found

        for mine, composed in zip(*map(jax.tree_util.tree_leaves, jax.jit(both)(at, along)), strict=True):
            np.testing.assert_allclose(mine, composed, rtol=1e-4, atol=1e-4)


def test_recurrent_sequences_have_gradients_of_each_argument_alone(b):
    for name, args in (*sequences([5, 2], False),)[:2]:
        floats = [i for i, a in enumerate(args) if getattr(a, "dtype", None) == jnp.float32]

        def loss(*args, call=getattr(b, name)):
            return (call(*args)[0] ** 2).sum()

        together = jax.grad(loss, floats)(*args)
        for i, whole in zip(floats, together, strict=True):
            np.testing.assert_allclose(jax.grad(loss, i)(*args), whole, rtol=1e-5, atol=1e-5)


def loops_of(jaxpr):
    """The parameters of its loops, also of those in functions that are compiled on their own."""
    for e in jaxpr.eqns:
        inner = getattr(e.params.get("jaxpr"), "jaxpr", None)
        yield from [e.params] if e.primitive.name == "scan" else loops_of(inner) if inner is not None else ()


def products_in_loops(call, args):
    """How many products each loop of a gradient takes in a step, forward and backward."""
    floats = [i for i, a in enumerate(args) if getattr(a, "dtype", None) == jnp.float32]

    def loss(*some):
        given = dict(zip(floats, some, strict=True))
        return call(*(given.get(i, a) for i, a in enumerate(args)))[0].sum()

    traced = jax.make_jaxpr(jax.grad(loss, range(len(floats))))(*(args[i] for i in floats))
    counts = [(p["reverse"], str(p["jaxpr"]).count("dot_general[")) for p in loops_of(traced.jaxpr)]
    return sum(n for back, n in counts if not back), sum(n for back, n in counts if back)


def test_recurrent_sequences_take_products_with_weights_outside_their_loops(b):
    (lstm, lstm_args), (gru, gru_args), *_ = sequences([5, 2], False)
    assert products_in_loops(getattr(b, lstm), lstm_args) == (2, 1)  # few features: their own product in each step
    assert products_in_loops(getattr(b, gru), gru_args) == (1, 1)
    assert products_in_loops(OPS[gru].body, gru_args)[1] > 1


@pytest.mark.parametrize("away", [0.0, 2.0, 5.0, 1e3, 1e4])
def test_moments_of_a_batch_keep_their_digits(b, away):
    x, scale, offset = rand(8, 5, 6, 3), rand(3, seed=1), rand(3, seed=2)
    x = x + jnp.array([0.0, away, -away])
    mean, variance = b.batch_normalization_train(x, offset, scale, -1, 1e-3)[1:]
    exact = np.asarray(x, "float64")
    np.testing.assert_allclose(mean, exact.mean((0, 1, 2)), rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(variance, exact.var((0, 1, 2)), rtol=1e-5)
    constant = b.batch_normalization_train(jnp.full((8, 3), 7.25) * jnp.array([0.0, 1.0, -1.0]), None, None, 1, 1e-3)
    np.testing.assert_allclose(constant[0], np.zeros((8, 3)), atol=1e-4)  # x and its mean, each times 1 / sqrt(epsilon)
    np.testing.assert_array_equal(constant[2], np.zeros(3))


@pytest.mark.parametrize("axis", [-1, 1])
def test_batch_normalization_equals_its_composed_form(b, axis):
    at = rand(6, 3, 4, 3), rand(3, seed=1), rand(3, seed=2)
    along = [rand(*a.shape, seed=5 + i) for i, a in enumerate(at)]
    weights = [rand(*at[0].shape, seed=3), jnp.zeros(3), jnp.zeros(3)]

    def both(at, along):
        calls = (b.batch_normalization_train, OPS["batch_normalization_train"].body)
        return [derivatives(lambda *p, call=call: call(*p, axis, 1e-3), at, along, weights) for call in calls]

    for mine, composed in zip(*map(jax.tree_util.tree_leaves, jax.jit(both)(at, tuple(along))), strict=True):
        np.testing.assert_allclose(mine, composed, rtol=1e-4, atol=1e-4)


def test_attention_equals_its_composed_form(b):
    q, k, v = rand(2, 5, 4, 8), rand(2, 6, 2, 8, seed=1), rand(2, 6, 2, 8, seed=2)
    mask = jnp.asarray(np.random.default_rng(0).integers(0, 2, (2, 1, 5, 6)).astype(bool)).at[..., 0].set(True)
    for args in ((None, None, None, False), (rand(2, 4, 5, 6), mask, 0.3, False), (None, mask, None, True)):
        for cap in (None, 2.0):
            full = (q, k, v, *args, None, cap)
            composed = OPS["dot_product_attention"].body(*full)
            np.testing.assert_allclose(b.dot_product_attention(*full), composed, rtol=1e-4, atol=1e-5)


def test_cholesky_of_an_indefinite_matrix_is_an_error():
    with pytest.raises(ArgumentError, match="positive definite"):
        ops.cholesky(-jnp.eye(2))
    assert bool(jnp.isnan(jax.jit(ops.cholesky)(-jnp.eye(2))).any())


def test_fused_composed_ops_follow_the_settings(b):
    from kfront import config

    x = jnp.zeros((2, 3))
    one = ops.layer_normalization(x + jnp.arange(3.0))
    before = float(ops.categorical_crossentropy(jnp.eye(3)[:2], jnp.eye(3)[::-1][:2])[0])
    config.set_epsilon(1e-3)
    after = float(ops.categorical_crossentropy(jnp.eye(3)[:2], jnp.eye(3)[::-1][:2])[0])
    assert one.shape == x.shape and before > 10 and after < 7


# ---- variables -------------------------------------------------------------------------------------------------------


def test_variables_made_while_tracing_are_concrete(b):
    made = []

    def f(x):
        made.append(Variable(np.ones(2), name="v"))
        made.append(Variable(lambda shape, dtype: jnp.zeros(shape, dtype), shape=(2,)))
        return x + made[0].value

    jax.jit(f)(jnp.ones(2))
    assert [type(v.value) for v in made] == [type(jnp.ones(2))] * 2


def test_variables_hold_strong_types(b):
    v = Variable(1.0)
    v.assign(jnp.asarray(2.0))  # weakly typed in JAX
    assert not v.value.weak_type
    np.testing.assert_array_equal(jnp.asarray(v), 2.0)
    np.testing.assert_array_equal(jnp.ones(2) * v, [2, 2])


def test_seed_generators_advance_in_one_call(b):
    seed = SeedGenerator(3)
    first, second = seed.next(), seed.next()
    assert first.dtype == "uint32"
    np.testing.assert_array_equal(first, [3, 0])
    np.testing.assert_array_equal(second, [3, 1])


# ---- control flow ----------------------------------------------------------------------------------------------------


def flow(p, v, w):
    """Every control function, each assigning Variables."""

    def hit(value, amount):
        w.assign_add(amount)
        return value

    a = ops.cond(p > 0, lambda: hit(jnp.float32(1), 1.0), lambda: jnp.float32(2))
    c = ops.while_loop(lambda i: i < 3, lambda i: hit(i + 1, 10.0), jnp.int32(0))
    d = ops.fori_loop(0, 4, lambda i, s: hit(s + i, 100.0), jnp.int32(0))
    carry, ys = ops.scan(lambda s, x: (hit(s + x, 1000.0), s * v.value), jnp.float32(0), jnp.arange(3.0))
    e = ops.vectorized_map(lambda x: hit(x * 2, 10000.0), jnp.arange(3.0))
    f = ops.switch(p, [lambda x: x, lambda x: hit(x * 2, 0.5)], jnp.float32(7))
    return a, c, d, carry, ys, e, f, w.value


@pytest.mark.parametrize("p", [0, 1])
def test_control_flow_carries_variables(p):
    v, w = Variable(2.0), Variable(0.0)

    def traced(p):
        with StatelessScope():
            return flow(p, v, w)

    compiled = jax.jit(traced)(jnp.int32(p))
    assert float(w.value) == 0.0
    eager = flow(jnp.int32(p), v, w)
    for x, y in zip(compiled, eager, strict=True):
        np.testing.assert_array_equal(x, y)
    assert float(w.value) == (1 if p else 0) + 30 + 400 + 3000 + 10000 + (0.5 if p else 0)


def test_long_eager_loops_are_handed_to_the_engine():
    i, s = ops.while_loop(lambda i, s: i < 1000, lambda i, s: (i + 1, s + i), (jnp.int32(0), jnp.int32(0)))
    assert (int(i), int(s)) == (1000, 499500)
    assert int(ops.while_loop(lambda i: i < 1000, lambda i: i + 1, jnp.int32(0), maximum_iterations=300)) == 300
    assert int(ops.fori_loop(0, 1000, lambda i, s: s + i, jnp.int32(0))) == 499500


def test_scan_can_be_differentiated():
    f = lambda x: ops.scan(lambda s, y: (s * y, s), jnp.float32(1), x)[0]  # noqa: E731
    np.testing.assert_allclose(jax.grad(f)(jnp.array([2.0, 3.0, 4.0])), [12, 8, 6])


def test_custom_gradient():
    f = ops.custom_gradient(lambda x: (x * x, lambda *args, upstream=None: 7.0 * (args[-1] if args else upstream)))
    assert float(f(jnp.float32(3))) == 9.0
    assert float(jax.grad(lambda x: f(x))(3.0)) == 7.0
    assert float(f(Variable(3.0))) == 9.0


# ---- gradients and steps ---------------------------------------------------------------------------------------------


def test_value_and_grad_returns_aux_and_keeps_state(b):
    v, n, count = Variable([1.0, 2.0]), Variable(3, dtype="int32"), Variable(0.0, trainable=False)

    def fn():
        count.assign_add(1.0)
        return ops.sum(ops.square(v.value)), {"twice": v.value * 2, "none": None}

    loss, aux, (g, none) = b.value_and_grad(fn, [v, n], [count])
    assert float(loss) == 5.0 and none is None and aux["none"] is None
    np.testing.assert_array_equal(g, [2, 4])
    np.testing.assert_array_equal(aux["twice"], [2, 4])
    assert float(count.value) == 1.0 and isinstance(v.value, jax.Array) and not isinstance(v.value, jax.core.Tracer)


def test_value_and_grad_restores_after_an_error(b):
    v, count = Variable([1.0, 2.0]), Variable(0.0, trainable=False)

    def fn():
        count.assign(v.value[0])
        raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        b.value_and_grad(fn, [v], [count])
    assert float(count.value) == 0.0
    np.testing.assert_array_equal(v.value, [1, 2])


class Counter:
    """A small model with state: weights, a frozen weight, a counter, a seed."""

    def __init__(self):
        self.w, self.frozen = Variable(np.ones((3, 2))), Variable(np.full(2, 0.5), trainable=False)
        self.count, self.seed = Variable(0, dtype="int32", trainable=False), SeedGenerator(1)
        self.traces = 0

    @property
    def variables(self):
        return [self.w, self.frozen, self.count, self.seed.state]

    def step(self, x, extra=None):
        self.traces += 1
        loss, _, (g,) = state.backend.value_and_grad(
            lambda: (ops.mean(ops.square(ops.matmul(x, self.w.value) + self.frozen.value)), None), [self.w]
        )
        self.w.assign(self.w.value - 0.1 * g)
        self.count.assign_add(1)
        return {"z_loss": loss, "a_noise": random_ops.uniform((), seed=self.seed), "none": extra}


def test_compiled_steps_equal_eager_ones(b):
    x = rand(4, 3)
    mine, plain = Counter(), Counter()
    step = b.compile_step(mine.step, lambda: mine.variables, "auto")
    assert b.compile_step(plain.step, lambda: plain.variables, False) == plain.step
    for _ in range(3):
        got, want = step(x), plain.step(x)
        assert list(got) == ["z_loss", "a_noise", "none"]  # in the order of the function, which JAX would sort
        np.testing.assert_allclose(got["z_loss"], want["z_loss"], rtol=1e-6)
        np.testing.assert_array_equal(got["a_noise"], want["a_noise"])
    np.testing.assert_allclose(mine.w.value, plain.w.value, rtol=1e-6)
    assert int(mine.count.value) == 3 and mine.traces == 1
    assert step.written == [mine.w, mine.count, mine.seed.state] and step.read == [mine.frozen]
    step(rand(5, 3))
    assert mine.traces == 2  # another shape


def test_donation_takes_nobodys_array(b):
    m = Counter()
    step = b.compile_step(m.step, lambda: m.variables, True)
    step(rand(4, 3))
    held, view = m.w.value, np.asarray(m.w.value)
    shared = Variable(m.w.value)
    before = view.copy()
    step(rand(4, 3))
    np.testing.assert_array_equal(held, before)
    np.testing.assert_array_equal(view, before)
    np.testing.assert_array_equal(shared.value, before)
    mine = [x.unsafe_buffer_pointer() for x in step.resident.values]
    step(rand(4, 3))
    assert [x.unsafe_buffer_pointer() for x in step.resident.values] == mine  # nobody was given them: in place


def test_steps_leave_the_state_alone_when_they_fail(b):
    m = Counter()

    def bad(x):
        m.step(x)
        raise ValueError("halfway")

    step = b.compile_step(bad, lambda: m.variables, True)
    with pytest.raises(ValueError, match="halfway"):
        step(rand(4, 3))
    np.testing.assert_array_equal(m.w.value, np.ones((3, 2)))
    good = b.compile_step(m.step, lambda: m.variables, True)
    good(rand(4, 3))
    with pytest.raises(ValueError):
        good(rand(4, 7))
    assert int(m.count.value) == 1 and not m.w.value.is_deleted()


def test_steps_find_variables_that_they_were_not_told_of(b):
    known, hidden, made = Variable(0.0), Variable(0.0), []

    def fn(x):
        if not made:
            made.append(Variable(10.0, name="slot"))
        for v in (known, hidden, made[0]):
            v.assign_add(x)
        return known.value

    step = b.compile_step(fn, lambda: [known], True)
    for _ in range(3):
        step(jnp.float32(1))
    assert [float(v.value) for v in (known, hidden, made[0])] == [3, 3, 13]


def test_loops_equal_steps(b):
    batches = [(rand(4, 3, seed=i), None) for i in range(4)]
    loop, plain = Counter(), Counter()
    run = b.compile_loop(loop.step, lambda: loop.variables, "auto")
    step = b.compile_step(plain.step, lambda: plain.variables, "auto")
    for group in (batches, batches, batches[:2], [*batches[:3], (rand(2, 3), None)]):
        got = run(group)
        for batch in group:
            want = step(*batch)
        np.testing.assert_allclose(got["z_loss"], want["z_loss"], rtol=1e-5)
        np.testing.assert_array_equal(got["a_noise"], want["a_noise"])
    np.testing.assert_allclose(loop.w.value, plain.w.value, rtol=1e-5)
    assert int(loop.count.value) == 14


# ---- layers as pytrees -----------------------------------------------------------------------------------------------


def test_layers_are_pytrees():
    net, x = Net(), rand(4, 5)
    y = net(x)
    leaves, structure = jax.tree_util.tree_flatten(net)
    assert [v.shape for v in net.variables] == [x.shape for x in leaves]
    f = jax.jit(lambda net, x: net(x))
    np.testing.assert_allclose(f(net, x), y, rtol=1e-6)
    double = jax.tree.map(lambda a: a * 2, net)
    assert jax.tree_util.tree_structure(double) == structure and hash(jax.tree_util.tree_structure(double)) == hash(
        structure
    )
    np.testing.assert_allclose(f(double, x), double(x), rtol=1e-6)
    assert f._cache_size() == 1
    again = jax.tree.map(lambda a: a, double)
    np.testing.assert_allclose(again(x), double(x), rtol=1e-6)
    np.testing.assert_array_equal(net(x), y)  # the original is as it was
    double.blocks[0].kernel.assign(np.zeros((5, 8)))
    assert float(jnp.abs(again.blocks[0].kernel.value).max()) > 0
    paths = {k[0].key: v for k, v in jax.tree_util.tree_leaves_with_path(net)}  # attributes: equal for equal models
    assert {"blocks/0/kernel", "blocks/1/bias", "named/head/kernel"} <= set(paths)
    np.testing.assert_array_equal(paths["blocks/0/kernel"], net.blocks[0].kernel.value)


def test_layers_train_in_a_plain_jax_loop():
    optax = pytest.importorskip("optax")
    net, x, y = Net(), rand(16, 5), rand(16, 2, seed=1)
    net(x)
    optimizer = optax.adam(1e-2)

    @jax.jit
    def step(net, slots):
        loss, gradient = jax.value_and_grad(lambda net: jnp.mean((net(x) - y) ** 2))(net)
        updates, slots = optimizer.update(gradient, slots, net)
        return optax.apply_updates(net, updates), slots, loss

    trained, slots = net, optimizer.init(net)
    losses = []
    for _ in range(30):
        trained, slots, loss = step(trained, slots)
        losses.append(float(loss))
    assert losses[-1] < 0.8 * losses[0] and step._cache_size() == 1
    assert type(trained) is type(net) and trained.variables[0] is not net.variables[0]
    np.testing.assert_allclose(jnp.mean((trained(x) - y) ** 2), step(trained, slots)[2], rtol=1e-5)


def test_layers_from_jax_can_be_copied():
    net, x = Net(), rand(4, 5)
    net(x)
    other = jax.tree.map(lambda a: a + 1, net)
    twin = copy.deepcopy(other)
    np.testing.assert_allclose(twin(x), other(x))


def test_vmap_over_an_ensemble_of_layers():
    nets, x = [Net() for _ in range(3)], rand(4, 5)
    for n in nets:
        n(x)
    values = [jax.tree_util.tree_leaves(n) for n in nets]
    structure = jax.tree_util.tree_structure(nets[0])
    stacked = jax.tree_util.tree_unflatten(structure, [jnp.stack(v) for v in zip(*values, strict=True)])
    together = jax.vmap(lambda net: net(x))(stacked)
    for n, y in zip(nets, together, strict=True):
        np.testing.assert_allclose(n(x), y, rtol=1e-5, atol=1e-6)


# ---- hooks -----------------------------------------------------------------------------------------------------------


def test_masks_of_traced_values(b):
    def f(x):
        b.set_mask(x, x > 0)
        assert b.get_mask(x) is not None and b.get_mask(x + 1) is None
        return b.get_mask(x)

    np.testing.assert_array_equal(jax.jit(f)(jnp.array([1.0, -1.0])), [True, False])
    x = jnp.ones(2)
    assert b.get_mask(x) is None
    b.set_mask(x, x)
    assert b.get_mask(x) is x


def test_compute_spec_tells_unknown_dimensions(b):
    v = Variable(0.0)

    def f(x, scale):
        v.assign(jnp.sum(x))
        return {"y": jnp.concatenate([x, x], 1) * scale, "n": jnp.sum(x, 1).astype("int32")}

    out = b.compute_spec(f, KerasTensor((None, 3)), scale=2.0)
    assert out["y"].shape == (None, 6) and out["n"].shape == (None,) and out["n"].dtype == "int32"
    assert float(v.value) == 0.0


def test_is_tracing_and_eager(b):
    seen = []

    def f(x):
        with b.eager():
            seen.append(b.is_tracing())
        seen.append(b.is_tracing())
        return x

    jax.jit(f)(1.0)
    assert seen == [False, True] and not b.is_tracing()


def test_devices(b):
    with b.device("cpu:0"):
        assert ops.zeros((2,)).devices() == {jax.devices("cpu")[0]}
    with pytest.raises(BackendError, match="cpu:0"):
        b.device("cpu:99")


# ---- randomness ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(1,), (5,), (4, 6), (3, 3, 3), (0,)])
def test_bits_are_those_of_numpy(b, shape):
    key = np.array([123, 2**32 - 5], "uint32")
    want = backends.get("numpy").random_bits(key, shape)
    np.testing.assert_array_equal(b.random_bits(jnp.asarray(key), shape), want)


def test_dropout_mask_is_that_of_the_portable_mode():
    x = jnp.ones((40, 50))
    native = random_ops.dropout(x, 0.3, seed=7)
    state.portable_random = True
    try:
        portable = random_ops.dropout(x, 0.3, seed=7)
        with backends.backend_scope("numpy"):
            other = random_ops.dropout(np.ones((40, 50), "float32"), 0.3, seed=7)
    finally:
        state.portable_random = False
    np.testing.assert_array_equal(native, portable)
    np.testing.assert_array_equal(portable == 0, other == 0)
    assert 0.25 < float((native == 0).mean()) < 0.35


def test_crossentropy_of_a_softmax_in_a_step_goes_by_its_logits(b, monkeypatch):
    logits = Variable(np.array([[0.3, -1.0, 2.0], [40.0, 0.0, 1.0], [0.0, 1.0, 2.0], [1.0, 1.0, 1.0]], "float32"))
    labels = np.array([2, 1, -1, 0])  # the second is cut at epsilon and has no gradient, the third is no class
    from kfront.backends.jax.tuned import nn

    kinds, picked = [], nn._picked_crossentropy
    monkeypatch.setattr(nn, "_picked_crossentropy", lambda *args: (kinds.append(args[2]), picked(*args))[1])

    def of(axis, between=lambda p: p):
        def loss():
            p = between(ops.softmax(logits.value if axis else ops.transpose(logits.value), axis))
            value = ops.sparse_categorical_crossentropy(labels, p, False, axis)
            return ops.sum(value), value

        return lambda: b.value_and_grad(loss, [logits])[1:]

    want = of(1)()  # eagerly, nothing is known of probabilities
    for known in (of(1), of(-1), of(0), of(1, lambda p: ops.multiply(p, 1.0))):
        got = b.compile_step(known, lambda: [logits], True)()
        for one, other in zip(jax.tree.leaves(got), jax.tree.leaves(want), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-7)
    assert kinds == ["probabilities", "softmax", "softmax", "softmax", "probabilities"]
