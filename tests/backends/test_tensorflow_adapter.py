"""The TensorFlow adapter: graphs with unknown sizes, dtypes without kernels, variables, layers, steps, loops."""

from __future__ import annotations

import copy
import logging
import pickle

import numpy as np
import pytest

tf = pytest.importorskip("tensorflow")

from kfront import Input, backends, ops
from kfront.core.op import OPS
from kfront.core.rng import SeedGenerator
from kfront.core.spec import KerasTensor
from kfront.core.variable import AutocastScope, StatelessScope, Variable, bind
from kfront.layers.base import Layer


@pytest.fixture(autouse=True)
def b():
    with backends.backend_scope("tensorflow") as backend:
        yield backend


def rand(*shape, seed=0, dtype="float32"):
    return tf.constant(np.random.default_rng(seed).normal(size=shape).astype(dtype))


def graph(fn, *args, unknown=True):
    """`fn` in a graph; the first sizes are not known."""
    specs = [tf.TensorSpec([None, *a.shape[1:]] if unknown and len(a.shape) else a.shape, a.dtype) for a in args]
    return tf.function(fn, input_signature=specs, autograph=False)(*args)


def check(a, b, tolerance=1e-5):
    np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=tolerance, atol=tolerance)


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
        self.first = Dense(4)
        self.blocks = [Dense(3), Dense(2)]
        self.settings = {"a": [1, 2]}

    def build(self, input_shape):
        self.scale = self.add_weight(shape=(), initializer="ones", name="scale")

    def call(self, x):
        x = self.first(x)
        for block in self.blocks:
            x = block(x)
        return ops.multiply(x, self.scale.value)


# ---- ops -----------------------------------------------------------------------------------------------------------

UNKNOWN_BATCH = {
    "reshape": lambda x: ops.reshape(x, (-1, 2)),
    "flatten": lambda x: ops.reshape(x, (ops.shape(x)[0], -1)),
    "repeat": lambda x: ops.repeat(x, 2, 0),
    "tile": lambda x: ops.tile(x, (2, 1, 1)),
    "roll": lambda x: ops.roll(x, 1),
    "split": lambda x: ops.split(x, [1], 0)[1],
    "take_along_axis": lambda x: ops.take_along_axis(x, ops.argsort(x, 0), 0),
    "take": lambda x: ops.take(x, [-1, 0], 0),
    "softmax": lambda x: ops.softmax(x, (0, 2)),
    "matmul": lambda x: ops.matmul(x, ops.ones((4, 5))),
    "scatter_update": lambda x: ops.scatter_update(x, [[0], [1]], ops.zeros((2, 3, 4))),
    "slice_update": lambda x: ops.slice_update(x, (1, 0, 1), ops.ones((1, 2, 2))),
    "pad": lambda x: ops.pad(x, ((1, 2), (0, 0), (1, 1)), mode="reflect"),
    "diagonal": lambda x: ops.diagonal(x, 1),
    "median": lambda x: ops.median(x, (0, 2)),
    "sort": lambda x: ops.sort(x, 0),
    "index": lambda x: ops.get_item(x, (slice(None), [0, 2], [1, 1])),
    "cumsum": lambda x: ops.cumsum(x),
    "losses": lambda x: ops.sparse_categorical_crossentropy(ops.argmax(x, -1), x, from_logits=True),
    "attention": lambda x: ops.dot_product_attention(*[ops.expand_dims(x, 2)] * 3, is_causal=True),
}


@pytest.mark.parametrize("name", UNKNOWN_BATCH)
def test_graph_with_unknown_sizes_equals_eager(name):
    x, fn = rand(5, 3, 4), UNKNOWN_BATCH[name]
    check(fn(x), graph(fn, x))


@pytest.mark.parametrize("dtype", ["bool", "uint8", "uint16", "uint32", "int8", "int16", "float16", "bfloat16"])
@pytest.mark.parametrize("name", ["add", "multiply", "maximum", "minimum", "equal", "less", "max", "sort", "argmax"])
def test_small_dtypes(name, dtype):
    values = np.array([[1, 0, 1], [0, 0, 1]] if dtype == "bool" else [[3, 1, 2], [2, 2, 1]])
    x = ops.cast(ops.array(values), dtype)
    args = (x, x[:, ::-1]) if name not in ("max", "sort", "argmax") else (x,)
    out = getattr(ops, name)(*args)
    want = getattr(np, name)(*[np.asarray(a).astype("float64") for a in args])
    wanted = {"equal": "bool", "less": "bool", "argmax": "int32"}.get(name, dtype)
    assert out.dtype.name == wanted
    check(out.numpy().astype("float64"), np.clip(want, 0, 1) if dtype == "bool" else want)


@pytest.mark.parametrize("scalar", [2, 2.5, True])
def test_python_scalars_are_weak_in_graphs_too(scalar):
    for dtype in ("float16", "bfloat16", "float64", "int8", "uint8"):
        x = ops.cast(ops.array([1, 3]), dtype)
        for fn in (lambda x: ops.add(x, scalar), lambda x: ops.subtract(scalar, x)):
            assert fn(x).dtype == graph(fn, x).dtype
            check(ops.cast(fn(x), "float32"), ops.cast(graph(fn, x), "float32"), 1e-2)


def test_sort_puts_nan_last():
    check(ops.sort(ops.array([1.0, np.nan, -1.0, np.inf])), [-1.0, 1.0, np.inf, np.nan])


KEYS = [
    0,
    -1,
    (0, 1),
    (..., 0),
    slice(None, None, -1),
    (slice(None), None, 1),
    (slice(2, 0, -1), slice(1, -1)),
    (None, ...),
]


@pytest.mark.parametrize("key", KEYS, ids=str)
def test_indexing_as_numpy(key):
    x = rand(3, 4, 5)
    check(ops.get_item(x, key), x.numpy()[key])
    check(graph(lambda x: ops.get_item(x, key), x), x.numpy()[key])


def test_reading_out_of_range_raises():
    with pytest.raises((ValueError, IndexError, tf.errors.InvalidArgumentError)):
        ops.take(rand(3), 7, 0)


# ---- convolution ---------------------------------------------------------------------------------------------------


def _conv(x, k, stride, dilation, low, high):
    """1-d convolution, plainly."""
    x = np.pad(x, ((0, 0), (low, high), (0, 0)))
    span = (k.shape[0] - 1) * dilation + 1
    starts = range(0, x.shape[1] - span + 1, stride)
    return np.stack([np.einsum("btc,tco->bo", x[:, s : s + span : dilation], k) for s in starts], 1)


@pytest.mark.parametrize("stride, dilation", [(1, 1), (2, 1), (3, 1), (1, 2), (2, 2), (3, 2)])
@pytest.mark.parametrize("padding", ["valid", "same"])
def test_conv(b, stride, dilation, padding):
    x, k = rand(2, 11, 3), rand(3, 3, 4, seed=1)
    total = max((-(-11 // stride) - 1) * stride + 2 * dilation + 1 - 11, 0) if padding == "same" else 0
    want = _conv(x.numpy(), k.numpy(), stride, dilation, total // 2, total - total // 2)
    check(b.conv(x, k, stride, padding, "channels_last", dilation), want, 1e-4)
    first = b.conv(tf.transpose(x, (0, 2, 1)), k, stride, padding, "channels_first", dilation)
    check(tf.transpose(first, (0, 2, 1)), want, 1e-4)


@pytest.mark.parametrize("native", [True, False])
def test_grouped_and_dilated_conv_has_gradients_on_any_kernel(b, monkeypatch, native):
    from kfront.backends.tensorflow import conv

    if not native:  # as without oneDNN
        monkeypatch.setattr(conv, "_dilates", lambda kind: False)
    x, k = rand(2, 9, 9, 4), rand(3, 3, 2, 6, seed=1)
    with tf.GradientTape() as tape:
        tape.watch([x, k])
        y = b.conv(x, k, 1, "same", "channels_last", 2)
    parts = [b.conv(x[..., i : i + 2], k[..., j : j + 3], 1, "same", "channels_last", 2) for i, j in ((0, 0), (2, 3))]
    check(y, tf.concat(parts, -1), 1e-4)
    dx, dk = tape.gradient(y, [x, k])
    step = 1e-2
    up = x + step * tf.one_hot(tf.constant([5]), 9, dtype=tf.float32)[0][None, :, None, None]
    numeric = (tf.reduce_sum(b.conv(up, k, 1, "same", "channels_last", 2)) - tf.reduce_sum(y)) / step
    check(tf.reduce_sum(dx[:, 5]), numeric, 2e-2)
    assert dk.shape == k.shape


def test_depthwise_dilated_gradient_is_right(b):
    x, k = rand(1, 7, 7, 2), rand(3, 3, 2, 1, seed=1)

    def dense(k):  # the same as one convolution with a block-diagonal kernel
        return k[..., 0][..., None] * tf.eye(2)

    found = []
    for fn in (
        lambda: b.depthwise_conv(x, k, 1, "same", "channels_last", 2),
        lambda: b.conv(x, dense(k), 1, "same", "channels_last", 2),
    ):
        with tf.GradientTape() as tape:
            tape.watch([x, k])
            y = fn()
        found.append([y, *tape.gradient(y, [x, k])])
    for p, q in zip(*found, strict=True):
        check(p, q, 1e-4)


@pytest.mark.parametrize("kernel, stride, dilation, extra", [
    (1, 2, 1, None), (2, 1, 1, None), (3, 1, 1, None), (3, 2, 1, None), (3, 2, 1, 0), (3, 2, 1, 1), (4, 2, 1, None),
    (4, 3, 1, 1), (5, 2, 1, None), (2, 5, 1, None), (3, 1, 2, None), (3, 2, 2, 1),
])  # fmt: skip
@pytest.mark.parametrize("padding", ["valid", "same"])
def test_conv_transpose(b, kernel, stride, dilation, extra, padding):
    n, span = 4, (kernel - 1) * dilation + 1
    x, k = rand(1, n, 2), rand(kernel, 3, 2, seed=1)
    whole = np.zeros((1, (n - 1) * stride + span + 20, 3), "float32")
    for i in range(n):
        for j in range(kernel):
            whole[:, i * stride + j * dilation] += x.numpy()[:, i] @ k.numpy()[j].T
    size = (n - 1) * stride + span
    if padding == "valid":
        length, left = (n * stride + max(span - stride, 0) if extra is None else size + extra), 0
    else:
        length = n * stride if extra is None else size - 2 * (span // 2) + extra
        left = max(size - length, 0) // 2
    want = whole[:, left : left + length]
    args = (k, stride, padding, extra, "channels_last", dilation)
    check(b.conv_transpose(x, *args), want, 1e-4)
    check(graph(lambda x: b.conv_transpose(x, *args), x), want, 1e-4)


@pytest.mark.parametrize("dtype", ["float64", "float16", "float32"])
def test_pooling_over_three_axes(b, dtype):
    x = rand(1, 5, 4, 6, 2, dtype=dtype)
    want = np.pad(x.numpy(), ((0, 0), (0, 1), (0, 0), (0, 0), (0, 0)), constant_values=-np.inf)
    want = want.reshape(1, 3, 2, 2, 2, 3, 2, 2).max((2, 4, 6))
    out = b.max_pool(x, 2, None, "same", "channels_last")
    assert out.dtype.name == dtype
    check(out, want)
    ones = b.average_pool(tf.ones_like(x), 2, None, "same", "channels_last")
    check(ones, np.ones_like(ones))  # what lies outside does not count


# ---- recurrent layers ----------------------------------------------------------------------------------------------


@pytest.mark.sampled(4)
@pytest.mark.parametrize("units", [5, 100])
@pytest.mark.parametrize("lengths", [None, (6, 3, 0, 1)])
@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("name", ["lstm", "gru", "gru before"])
@pytest.mark.parametrize("traced", [False, True])
def test_recurrent_loops_equal_the_composed_form(b, name, units, lengths, backwards, traced):
    gates = 4 if name == "lstm" else 3
    states = [rand(4, units, seed=s) for s in range(2 if name == "lstm" else 1)]
    bias = rand(2, gates * units, seed=5) if name == "gru" else rand(gates * units, seed=5)
    args = [rand(4, 6, 3), *states, rand(3, gates * units, seed=3), rand(units, gates * units, seed=4) * 0.1, bias]
    lengths = None if lengths is None else tf.constant(lengths)
    tail = (backwards,) if name == "lstm" else (name == "gru", backwards)

    def run(fn):
        def with_gradients(*args):
            with tf.GradientTape() as tape:
                tape.watch(args)
                out = fn(*args, lengths, *tail)
                loss = tf.add_n([tf.reduce_mean(tf.sin(o) * (i + 1)) for i, o in enumerate(out)])
            return [*out, *tape.gradient(loss, args)]

        return tf.function(with_gradients, autograph=False)(*args) if traced else with_gradients(*args)

    op = OPS["lstm_sequence" if name == "lstm" else "gru_sequence"]
    for fast, plain in zip(run(getattr(b, op.name)), run(op.body), strict=True):
        check(fast, plain, 2e-5)


# ---- control flow --------------------------------------------------------------------------------------------------

CONTROL = {
    "cond": lambda x: ops.cond(ops.sum(x) > 0, lambda: (x, {"a": x + 1}), lambda: (x, {"a": x})),
    "while": lambda x: ops.while_loop(lambda i, y: i < 3, lambda i, y: (i + 1, y * 2), (0, x)),
    "growing": lambda x: ops.while_loop(lambda i, y: i < 2, lambda i, y: (i + 1, ops.concatenate([y, y], 0)), (0, x)),
    "fori": lambda x: ops.fori_loop(0, 3, lambda i, y: y + ops.cast(i, "float32"), x),
    "scan": lambda x: ops.scan(lambda c, z: (c + z, (c * z, None)), ops.zeros((3,)), x),
    "reverse": lambda x: ops.scan(lambda c, z: (c + z, c * z), ops.zeros((3,)), x, reverse=True),
    "counted": lambda x: ops.scan(lambda c, z: (c * 2, None), x, length=3),
    "map": lambda x: ops.map(lambda z: z * 2, x),
    "vectorized": lambda x: ops.vectorized_map(lambda z: z * 2 + 1, x),
    "switch": lambda x: ops.switch(ops.cast(7, "int32"), [lambda z: z, lambda z: z * 2], x),
}


@pytest.mark.parametrize("name", CONTROL)
def test_control_flow_in_graphs(name):
    x, fn = rand(2, 3), CONTROL[name]
    for p, q in zip(tf.nest.flatten(fn(x)), tf.nest.flatten(graph(fn, x)), strict=True):
        assert p is q is None or np.allclose(p, q)


def test_custom_gradient():
    @ops.custom_gradient
    def double(x):
        return x * 2, lambda *args, upstream=None: (args[0] if args else upstream) * 5

    x = rand(3)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = double(x)
    check(tape.gradient(y, x), [5, 5, 5])


def test_portable_bits_are_those_of_numpy(b):
    key = np.array([0x9ABCDEF0, 0x12345678], "int64")
    bits = b.random_bits(tf.constant(key), (3, 5))
    check(bits, OPS["random_bits"].body(tf.constant(key), (3, 5)))
    check(bits, graph(lambda n: b.random_bits(tf.constant(key), (n, 5)), tf.constant(3)))
    with backends.backend_scope("numpy") as host:
        theirs = np.asarray(host.random_bits(key.astype(host.seed_dtype), (3, 5)))
    assert (theirs.view("uint32") == bits.numpy().view("uint32")).all()


def test_seeds_advance_in_graphs():
    seeds = SeedGenerator(3)
    step = tf.function(lambda: (seeds.next(), seeds.next()), autograph=False)
    assert [k.numpy().tolist() for k in (*step(), *step())] == [[3, 0], [3, 1], [3, 2], [3, 3]]


# ---- variables -----------------------------------------------------------------------------------------------------


def test_variables_stand_in_tensorflow_functions():
    v = Variable(np.array([[1.0, 2.0], [3.0, 4.0]], "float32"))
    with tf.GradientTape() as tape:
        y = tf.matmul(v, v) + tf.stack([v, tf.ones((2, 2))])[0] + tf.transpose(v) + tf.zeros_like(v)
        assert tf.concat([v, v], 0).shape == (4, 2) and tf.convert_to_tensor([v, v]).shape == (2, 2, 2)
    (found,) = tape.gradient(y, [v])
    x = v.numpy()
    check(found, 3 + x.sum(0)[:, None] + x.sum(1)[None, :] - 1 + np.zeros((2, 2)))


def test_what_tensorflow_calls_a_tensor_is_one():
    v = Variable(np.ones(2, "float32"))
    ragged, sparse = tf.ragged.constant([[1], [2, 3]]), tf.sparse.eye(2)
    things = [v, v.value, tf.Variable(1.0), tf.ones(2), ragged, sparse, np.ones(2), 1.0, [1.0], Input((2,))]
    assert [ops.is_tensor(x) for x in things] == [tf.is_tensor(x) for x in things] == [True] * 6 + [False] * 4


def test_gradient_reaches_the_variable_through_autocast():
    v = Variable(np.ones(3, "float32"))
    with AutocastScope("float16"), tf.GradientTape() as tape:
        assert v.value.dtype == tf.float16 and v.dtype == "float16"
        y = tf.cast(v.value, tf.float32) * 3
    check(tape.gradient(y, v), [3, 3, 3])


def test_assignment_in_a_graph_is_ordered():
    v = Variable(np.ones(2, "float32"))

    @tf.function
    def step(x):
        v.assign_add(x)
        middle = tf.convert_to_tensor(v)
        v.assign(middle * 2.0)
        v.assign_sub(1.0 * x)
        return middle

    check(step(tf.ones(2)), [2, 2])
    check(v.numpy(), [3, 3])


def test_variables_made_while_tracing():
    made = []

    @tf.function
    def step(x):
        if not made:
            made.append(Variable(lambda shape, dtype: np.full(shape, 3.0, dtype), shape=(2,)))
        return x * made[0].value

    check(step(tf.ones(2)), [3, 3])
    check(step(tf.ones(2)), [3, 3])


def test_bound_values_leave_the_variable_alone():
    v = Variable(np.ones(2, "float32"))
    with StatelessScope([(v, np.full(2, 5.0, "float32"))]) as scope:
        v.assign_add(tf.ones(2))
        check(v.value, [6, 6])
    check(v.numpy(), [1, 1])
    check(scope.get_current_value(v), [6, 6])
    with bind([v], [tf.zeros(2)]) as held:
        v.assign(tf.fill([2], 7.0))
        check(held.current()[0], [7, 7])
    check(v.numpy(), [1, 1])


def test_copies_of_variables_are_independent():
    v = Variable(np.ones(2, "float32"), name="w")
    for other in (copy.deepcopy(v), pickle.loads(pickle.dumps(v))):
        other.assign_add(tf.ones(2))
        check(other.numpy(), [2, 2])
        check(v.numpy(), [1, 1])
        assert other.path == "w"


# ---- layers --------------------------------------------------------------------------------------------------------


def test_checkpoint_of_a_layer(tmp_path):
    x, net = rand(2, 5), Net()
    want = net(x).numpy()
    path = tf.train.Checkpoint(model=net).save(str(tmp_path / "c"))
    names = {n for n, _ in tf.train.list_variables(path) if n.startswith("model")}
    assert names == {f"model/{n}/.ATTRIBUTES/VARIABLE_VALUE" for n in (
        "scale", "first/kernel", "first/bias", "blocks..0/kernel", "blocks..0/bias", "blocks..1/kernel",
        "blocks..1/bias",
    )}  # fmt: skip
    for v in net.variables:
        v.assign(ops.zeros_like(v))
    tf.train.Checkpoint(model=net).restore(path)
    check(net(x), want)
    later = Net()  # has no weights yet
    status = tf.train.Checkpoint(model=later).restore(path)
    check(later(x), want)
    status.assert_consumed()
    assert isinstance(net.settings, dict) and net.settings["a"] == [1, 2]


def test_saved_model_of_a_layer(tmp_path):
    x, net = rand(2, 5), Net()
    want = net(x).numpy()
    net.serve = tf.function(lambda x: net(x), input_signature=[tf.TensorSpec([None, 5])])
    tf.saved_model.save(net, str(tmp_path / "s"))
    loaded = tf.saved_model.load(str(tmp_path / "s"))
    check(loaded.serve(x), want)


def test_a_custom_loop_trains_a_layer():
    x, net = rand(8, 5), Net()
    net(x)

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(net(x) - 1.0))
        for v, g in zip(net.trainable_variables, tape.gradient(loss, net.trainable_variables), strict=True):
            v.assign_sub(0.1 * g)
        return loss

    assert float(step()) > float([step() for _ in range(10)][-1])


def test_layers_are_copied_and_pickled():
    x, net = rand(2, 5), Net()
    want = net(x).numpy()
    for other in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        check(other(x), want)
        other.scale.assign(2.0)
        check(net(x), want)


def test_a_layer_holds_tensorflow_objects(tmp_path):
    net = Net()
    net.extra, net.module = tf.Variable(3.0), tf.Module()
    net.module.v = tf.Variable(4.0)
    path = tf.train.Checkpoint(net).save(str(tmp_path / "c"))
    names = [n for n, _ in tf.train.list_variables(path)]
    assert any(n.startswith("extra/") for n in names) and any(n.startswith("module/v/") for n in names)


def test_autograph_leaves_layers_alone(caplog):
    net = Net()
    with caplog.at_level(logging.WARNING):
        check(tf.function(lambda x: net(x))(tf.ones((2, 5))), net(tf.ones((2, 5))))
    assert "AutoGraph" not in caplog.text


def test_compute_spec(b):
    out = b.compute_spec(lambda x: {"y": tf.nn.softmax(x)[:, :2]}, KerasTensor((None, 4)))["y"]
    assert isinstance(out, KerasTensor) and (out.shape, out.dtype) == ((None, 2), "float32")


# ---- steps ---------------------------------------------------------------------------------------------------------


def _step_of(v, traces):
    def step(x, weight):
        traces.append(tuple(x.shape))
        v.assign_add(ops.sum(x))
        return {"total": v.value, "weight": weight}

    return step


def test_a_partial_batch_is_traced_once(b):
    v, traces = Variable(np.float32(0.0)), []
    step = b.compile_step(_step_of(v, traces), lambda: [v], "auto")
    for n in (8, 8, 3, 8, 5, 2):
        step(tf.ones((n, 2)), None)
    assert traces == [(8, 2), (None, 2)]
    assert float(v.numpy()) == 2 * (8 + 8 + 3 + 8 + 5 + 2)
    assert step(np.ones((8, 2), "float32"), tf.ones(8))["weight"].shape == (8,)


def test_steps_take_nested_and_sparse_tensors(b):
    step = b.compile_step(lambda d: {"s": d["a"] + d["b"][0], "none": None}, lambda: [], False)
    out = step({"a": tf.ones(2), "b": [tf.ones(2)]})
    check(out["s"], [2, 2])
    assert out["none"] is None
    dense = b.compile_step(lambda s: tf.sparse.to_dense(s), lambda: [], False)
    check(dense(tf.sparse.from_dense(tf.eye(3))), np.eye(3))


def test_a_loop_runs_all_batches(b):
    v, traces = Variable(np.float32(0.0)), []
    loop = b.compile_loop(_step_of(v, traces), lambda: [v], "auto")
    out = loop([(tf.fill((4, 2), float(i)), None) for i in range(5)])
    assert float(out["total"]) == float(v.numpy()) == 8 * 10
    loop([(tf.ones((4, 2)), None), (tf.ones((1, 2)), None)])
    assert float(v.numpy()) == 80 + 10
    assert b.compile_loop(lambda x: None, lambda: [], "auto")([(tf.ones(2),)] * 3) is None


def test_xla_on_request_with_a_way_back(b, caplog):
    v, traces = Variable(np.float32(0.0)), []
    step = b.compile_step(_step_of(v, traces), lambda: [v], True)
    assert float(step(tf.ones((4, 2)), None)["total"]) == 8
    host = b.compile_step(lambda x: tf.numpy_function(lambda a: a * 2, [x], tf.float32), lambda: [], True)
    with caplog.at_level(logging.WARNING, logger="kfront"):
        check(host(tf.ones(2)), [2, 2])
        check(host(tf.ones(2)), [2, 2])
    assert len([r for r in caplog.records if "XLA" in r.getMessage()]) == 1


def test_value_and_grad(b):
    table, unused = Variable(np.ones((4, 2), "float32")), Variable(np.ones(2, "float32"))
    count = Variable(0, dtype="int32", trainable=False)

    def fn():
        count.assign_add(1)
        rows = ops.take(table, [1, 1, 3], 0)
        return ops.sum(rows), {"rows": rows}

    loss, aux, (found, nothing) = b.value_and_grad(fn, [table, unused], [count])
    assert float(loss) == 6 and aux["rows"].shape == (3, 2) and int(count.numpy()) == 1
    assert nothing is None
    check(found, [[0, 0], [2, 2], [0, 0], [1, 1]])  # dense


def test_no_grad(b):
    v = Variable(np.ones(2, "float32"))
    with tf.GradientTape() as tape, b.no_grad():
        y = v.value * 2
    assert tape.gradient(y, v) is None


@pytest.mark.parametrize("amsgrad", [False, True])
def test_fused_adam_equals_the_rule(b, amsgrad):
    from kfront.backends.foreach import Foreach
    from kfront.optimizers.adam import Adam

    found = []
    for fe in (b.foreach, Foreach(b)):
        v, adam = Variable(np.ones(3, "float32")), Adam(0.1, amsgrad=amsgrad)
        adam.build([v])
        for i in range(4):
            slots = [adam._momentums[:1], adam._velocities[:1], adam._velocity_hats[:1] if amsgrad else None]
            g = [tf.constant([1.0, -2.0, 0.5]) * (i - 1.5)]
            if not fe.adam([v], g, *slots, 0.1, i + 1, 0.9, 0.999, 1e-7):
                m, s = fe.lerp_to(slots[0], g, 1 - 0.9), fe.lerp_square_to(slots[1], g, 1 - 0.999)
                if amsgrad:
                    s = fe.maximum(fe.values(slots[2]), s)
                    fe.assign(slots[2], s)
                alpha = 0.1 * (1 - 0.999 ** (i + 1)) ** 0.5 / (1 - 0.9 ** (i + 1))
                fe.addcdiv_to([v], m, fe.add(fe.sqrt(s), 1e-7), -alpha)
        found.append(v.numpy())
    check(*found, 1e-6)


# ---- conversion ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value, dtype", [
    (1, "int32"), (2**40, "int64"), (1.5, "float32"), (True, "bool"), ([1, 2], "int32"), ([1.0, 2], "float32"),
    ([], "float32"), (np.float64(1), "float32"), (np.array(1.0), "float64"),
    ([np.float32(1)], "float32"), (np.arange(2), "int64"), ("a", "string"),
])  # fmt: skip
def test_convert_keeps_array_dtypes_and_python_numbers_are_floatx(b, value, dtype):
    assert b.convert(value).dtype.name == dtype


def test_convert_joins_tensors_and_variables(b):
    v = Variable(np.ones(2, "float32"))
    check(b.convert([v, tf.zeros(2), [3.0, 4.0]]), [[1, 1], [0, 0], [3, 4]])
    assert b.convert([1.0], "float8_e4m3fn").dtype.name == "float8_e4m3fn"


def test_a_model_of_many_layers_does_not_list_its_variables_for_each(monkeypatch):
    from kfront import Model, layers
    from kfront.backends.tensorflow.native import LayerBase

    listed, plain = [], LayerBase._tf_list_values
    monkeypatch.setattr(LayerBase, "_tf_list_values", lambda self: (listed.append(self), plain(self))[1])
    x = first = Input((4,))
    for _ in range(50):
        x = layers.Identity()(x)
    Model(first, layers.Dense(2)(x))
    assert {type(x)._kf_unbound for x in listed} == {layers.Dense}
