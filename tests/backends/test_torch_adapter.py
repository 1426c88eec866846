"""The torch adapter: what it does with its own kernels, modules, gradients and compilation."""

from __future__ import annotations

import copy
import os
import pickle
import subprocess
import sys

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import kfront
from kfront import backends, config, ops
from kfront.core.op import OPS
from kfront.core.rng import SeedGenerator
from kfront.core.spec import KerasTensor
from kfront.core.state import state
from kfront.core.variable import StatelessScope, Variable
from kfront.layers.base import Layer
from kfront.ops import random as random_ops


@pytest.fixture(autouse=True)
def b():
    with backends.backend_scope("torch") as backend:
        config.floatx()  # what a fresh process reads when the backend is loaded
        yield backend


def rand(*shape, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).normal(size=shape).astype("float32"))


class Dense(Layer):
    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def build(self, input_shape):
        self.kernel = self.add_weight(shape=(input_shape[-1], self.units), name="kernel")
        self.bias = self.add_weight(shape=(self.units,), initializer="zeros", name="bias")

    def call(self, x):
        return ops.add(ops.matmul(x, self.kernel.value), self.bias.value)


class Centre(Layer):
    """Reads a constant, uses it in a product, and then assigns it: autograd must keep the old value."""

    def build(self, input_shape):
        self.gamma = self.add_weight(shape=(input_shape[-1],), initializer="ones", name="gamma")
        self.mean = self.add_weight(shape=(input_shape[-1],), initializer="ones", trainable=False, name="mean")
        self.count = self.add_weight(shape=(), initializer="zeros", dtype="int32", trainable=False, name="count")

    def call(self, x, training=False):
        y = ops.multiply(ops.multiply(x, self.gamma.value), self.mean.value)
        if training:
            self.mean.assign(ops.multiply(self.mean.value, 3.0))
            self.count.assign_add(1)
        return y


class Net(Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.first = Dense(5)
        self.centre = Centre()
        self.rest = [Dense(3), Dense(2)]

    def call(self, x, training=False):
        x = self.centre(self.first(x), training=training)
        for layer in self.rest:
            x = layer(ops.relu(x))
        return x


@pytest.fixture
def net():
    out = Net()
    out(rand(4, 6))
    return out


# ---- modules ---------------------------------------------------------------------------------------------------------


def test_layer_is_a_module(net):
    assert isinstance(net, torch.nn.Module)
    assert list(net.state_dict()) == [
        "first.kernel",
        "first.bias",
        "centre.gamma",
        "centre.mean",
        "centre.count",
        "rest_0.kernel",
        "rest_0.bias",
        "rest_1.kernel",
        "rest_1.bias",
    ]
    assert [n for n, _ in net.named_buffers()] == ["centre.mean", "centre.count"]
    assert all(p.requires_grad for p in net.parameters()) and len(list(net.parameters())) == 7


def handles_are_parameters(net):
    named = {**dict(net.named_parameters()), **dict(net.named_buffers())}
    assert named["first.kernel"] is net.first.kernel and net.first.kernel is net.variables[0].own
    return all(
        v._value is named[n]
        for n, v in (
            ("first.kernel", net.first.kernel),
            ("centre.mean", net.centre.mean),
            ("rest_1.bias", net.rest[1].bias),
        )
    )


def test_hooks_fire(net):
    seen = []
    net.first.register_forward_hook(lambda *args: seen.append(1))
    net(rand(4, 6))
    assert seen == [1]


def test_copies(net):
    x = rand(4, 6)
    want = net(x)
    for twin in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert torch.equal(twin(x), want) and handles_are_parameters(twin)
        twin.first.kernel.assign(np.zeros((6, 5)))
        assert torch.equal(net(x), want)


@pytest.mark.parametrize("assign", [False, True])
def test_state_dict(net, assign):
    other = Net()
    other(rand(4, 6))
    other.load_state_dict(net.state_dict(), assign=assign)
    assert torch.equal(other(rand(4, 6)), net(rand(4, 6))) and handles_are_parameters(other)


@pytest.mark.parametrize("name", ["double", "half", "bfloat16"])
def test_conversion(net, name):
    getattr(net, name)()
    kind = {"double": torch.float64, "half": torch.float16, "bfloat16": torch.bfloat16}[name]
    assert handles_are_parameters(net)
    assert net.first.kernel.dtype == kind and net.first.variables[0].dtype == str(kind)[6:]
    assert net.centre.count.dtype == "int32"
    assert net(rand(4, 6).to(kind)).dtype == kind


def test_inside_a_users_module(net):
    class Users(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.body, self.head = net, torch.nn.Linear(2, 1)

        def forward(self, x):
            return self.head(self.body(x))

    model = Users().eval()  # else each step triples the mean
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    x = rand(32, 6)
    first = last = None
    for _ in range(30):
        optimizer.zero_grad()
        last = ((model(x) - x.sum(1, keepdim=True)) ** 2).mean()
        last.backward()
        optimizer.step()
        first = last if first is None else first
    assert last < first / 2
    model.train()
    assert net.training and net.first.training
    model.eval()
    assert not net.first.training


def test_freezing(net):
    net.first.trainable = False
    assert not any(p.requires_grad for p in net.first.parameters())
    net.first.trainable = True
    assert all(p.requires_grad for p in net.first.parameters())


def test_attributes_replaced_and_deleted(net):
    net.first = Dense(2)
    net.native = torch.nn.Linear(2, 2)
    del net.centre
    assert set(net._modules) == {"first", "rest_0", "rest_1", "native"}
    assert isinstance(net.native, torch.nn.Linear)


def test_inference_unless_told(net):
    assert net.training is False
    before = net.centre.count.numpy()
    net(rand(4, 6))
    assert net.centre.count.numpy() == before
    net.train()
    net(rand(4, 6))
    assert net.centre.count.numpy() == before + 1


def test_functional_call(net):
    x = rand(4, 6)
    values = {n: p.detach().clone() for n, p in net.named_parameters()}

    def loss(kernel):
        return torch.func.functional_call(net, {**values, "first.kernel": kernel}, (x,)).sum()

    grad = torch.func.grad(loss)(values["first.kernel"])
    (want,) = torch.autograd.grad(net(x).sum(), [net.first.kernel.value])
    torch.testing.assert_close(grad, want)
    assert handles_are_parameters(net)


def test_copies_share_the_backend(net, b):
    assert copy.deepcopy(b) is b and copy.deepcopy(net)._kf_backend is b


def test_functions_of_torch_take_variables(net):
    x = rand(4, 6)
    assert torch.matmul(x, net.first.kernel).shape == (4, 5)
    assert (x @ net.first.kernel).shape == (4, 5)


# ---- gradients and steps ---------------------------------------------------------------------------------------------


def test_assigning_in_the_forward_pass_keeps_gradients_right(net):
    x = rand(4, 5)
    layer = net.centre
    out = layer(x, training=True)
    (grad,) = torch.autograd.grad(out.sum(), [layer.gamma.value])
    torch.testing.assert_close(grad, x.sum(0))  # the mean was 1 when it was used
    assert layer.mean.numpy()[0] == 3.0
    assert dict(layer.named_buffers())["mean"] is layer.mean._value


def test_value_and_grad(b):
    w = Variable(np.full((2,), 2.0, "float32"), name="w")
    c = Variable(np.full((2,), 3.0, "float32"), trainable=False, name="c")
    unused = Variable(np.ones(2, "float32"), name="u")
    loss, aux, grads = b.value_and_grad(lambda: (ops.sum(ops.square(w.value) * c.value), "aux"), [w, c, unused])
    assert float(loss) == 24.0 and aux == "aux" and not loss.requires_grad
    assert grads[0].tolist() == [12.0, 12.0] and grads[1].tolist() == [4.0, 4.0] and grads[2] is None
    assert not c._value.requires_grad
    with b.no_grad():
        assert b.value_and_grad(lambda: (ops.sum(w.value), None), [w])[2][0].tolist() == [1.0, 1.0]


def test_gradients_of_gradients(b):
    w = Variable(np.full((2,), 1.0, "float32"), name="w")

    def outer():
        _, _, (g,) = b.value_and_grad(lambda: (ops.sum(ops.power(w.value, 3)), None), [w])
        return ops.sum(ops.square(g)), None

    assert b.value_and_grad(outer, [w])[2][0].tolist() == [36.0, 36.0]


def test_stateless_scope_leaves_variables_alone():
    w = Variable(np.ones(2, "float32"), name="w")
    with StatelessScope([(w, np.full(2, 5.0, "float32"))]) as scope:
        assert float(ops.sum(w.value)) == 10.0
        w.assign(np.zeros(2))
    assert w.numpy().tolist() == [1.0, 1.0] and scope.get_current_value(w).tolist() == [0.0, 0.0]


def test_step_that_cannot_be_compiled_runs_eagerly(b, monkeypatch):
    def broken(fn):
        def run(*args):
            raise torch._dynamo.exc.Unsupported("no")

        return run

    monkeypatch.setattr(torch, "compile", broken)
    step = b.compile_step(lambda x: x + 1, lambda: [], True)
    assert step(torch.tensor(1.0)) == 2  # the first call is never compiled
    with pytest.warns(UserWarning, match="runs eagerly"):
        assert step(torch.tensor(1.0)) == 2
    assert step(torch.tensor(1.0)) == 2


# ---- torch.compile ---------------------------------------------------------------------------------------------------


def compiled(fn):
    torch._dynamo.reset()
    return torch.compile(fn, fullgraph=True, backend="eager")


def test_compiled_layer(net):
    x = rand(4, 6)
    f = compiled(net)
    torch.testing.assert_close(f(x), net(x))
    f(x, training=True)
    assert net.centre.count.numpy() == 1


@pytest.mark.filterwarnings("ignore:Dynamo detected")
def test_compiled_control_flow():
    x = torch.tensor(3.0)
    assert compiled(lambda v: ops.cond(v > 2, lambda: v * 2, lambda: v))(x) == 6
    assert (
        compiled(lambda v: ops.while_loop(lambda i, s: i < 5, lambda i, s: (i + 1, s + i), (torch.tensor(0), v))[1])(x)
        == 13
    )
    carry, ys = compiled(lambda v: ops.scan(lambda c, a: (c + a, c * a), torch.tensor(0.0), v))(torch.arange(4.0))
    assert carry == 6 and ys.tolist() == [0, 0, 2, 9]


@pytest.mark.filterwarnings("ignore:Dynamo detected")
def test_compiled_random_ops_move_the_seed():
    seed = SeedGenerator(5)
    f = compiled(lambda x: random_ops.dropout(x, 0.5, seed=seed) + random_ops.normal((100,), seed=seed))
    first, second = f(torch.ones(100)), f(torch.ones(100))
    assert not torch.equal(first, second)
    assert seed.state.numpy().tolist() == [5, 4]


# ---- random ----------------------------------------------------------------------------------------------------------


def test_bits_are_threefry():
    for size in (10, 11):
        key = torch.tensor([0x12345678, 0x9ABCDEF0])
        assert torch.equal(random_ops.random_bits(key, (size,)), OPS["random_bits"].body(key, (size,)))


def test_seeds():
    assert torch.equal(random_ops.normal((5,), seed=1), random_ops.normal((5,), seed=1))
    assert not torch.equal(random_ops.normal((5,), seed=1), random_ops.normal((5,), seed=2))
    seed = SeedGenerator(1)
    draws = [random_ops.uniform((5,), seed=seed) for _ in range(3)]
    assert len({tuple(d.tolist()) for d in draws}) == 3 and seed.state.numpy().tolist() == [1, 3]


def test_portable_dropout_is_that_of_numpy():
    state.portable_random = True
    try:
        ours = random_ops.dropout(torch.ones(64), 0.3, seed=9).numpy()
        with backends.backend_scope("numpy"):
            theirs = random_ops.dropout(np.ones(64, "float32"), 0.3, seed=9)
    finally:
        state.portable_random = False
    np.testing.assert_array_equal(ours > 0, theirs > 0)


# ---- recurrent kernels -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lengths", [None, (7, 3, 0, 5, 1)])
@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("kind", ["lstm", "gru"])
def test_fused_recurrence_is_the_composed_one(b, kind, lengths, backwards):
    gates = 4 if kind == "lstm" else 3
    x, h, c = rand(5, 7, 3), rand(5, 4, seed=1), rand(5, 4, seed=2)
    weights = [rand(3, gates * 4, seed=3), rand(4, gates * 4, seed=4)]
    weights.append(rand(16, seed=5) if kind == "lstm" else rand(2, 12, seed=5))
    for w in weights:
        w.requires_grad_()
    length = None if lengths is None else torch.tensor(lengths, dtype=torch.int32)
    if kind == "lstm":
        args = (x, h, c, *weights, length, backwards)
    else:
        args = (x, h, *weights, length, True, backwards)
    fused, composed = getattr(b, f"{kind}_sequence")(*args), OPS[f"{kind}_sequence"].body(*args)
    grads = [torch.autograd.grad(sum((o * (i + 1)).sum() for i, o in enumerate(r)), weights) for r in (fused, composed)]
    for ours, want in zip((*fused, *grads[0]), (*composed, *grads[1]), strict=True):
        torch.testing.assert_close(ours, want, atol=2e-5, rtol=1e-4)


# ---- ops -------------------------------------------------------------------------------------------------------------


def naive_conv(x, k, stride, dilation, padding):
    """One spatial axis, channels last, in NumPy."""
    window = (k.shape[0] - 1) * dilation + 1
    n = x.shape[1]
    if padding == "same":
        out = -(-n // stride)
        total = max((out - 1) * stride + window - n, 0)
        x = np.pad(x, ((0, 0), (total // 2, total - total // 2), (0, 0)))
    starts = range(0, x.shape[1] - window + 1, stride)
    return np.stack([np.einsum("btc,tco->bo", x[:, s : s + window : dilation], k) for s in starts], 1)


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize(("stride", "dilation"), [(1, 1), (2, 1), (3, 1), (1, 2)])
@pytest.mark.parametrize("width", [1, 2, 3, 4])
def test_conv(b, padding, stride, dilation, width):
    x, k = rand(2, 11, 3), rand(width, 3, 5, seed=1)
    want = naive_conv(x.numpy(), k.numpy(), stride, dilation, padding)
    got = b.conv(x, k, stride, padding, "channels_last", dilation)
    np.testing.assert_allclose(got.numpy(), want, atol=1e-5)
    first = b.conv(x.permute(0, 2, 1), k, stride, padding, "channels_first", dilation)
    np.testing.assert_allclose(first.permute(0, 2, 1).numpy(), want, atol=1e-5)
    flat = b.conv(x[:, :, None], k[:, None], (stride, 1), padding, "channels_last", (dilation, 1))
    np.testing.assert_allclose(flat[:, :, 0].numpy(), want, atol=1e-5)


def test_channels_last_is_not_copied(b):
    out = b.conv(rand(2, 8, 8, 3), rand(3, 3, 3, 4), 1, "same", "channels_last", 1)
    assert out.is_contiguous() and b.max_pool(out, 2, None, "valid", "channels_last").is_contiguous()


@pytest.mark.parametrize("mode", ["reflect", "symmetric", "edge", "wrap"])
def test_pad_modes(b, mode):
    x = np.arange(12.0).reshape(3, 4)
    widths = ((4, 3), (1, 6))
    np.testing.assert_array_equal(b.pad(torch.from_numpy(x), widths, mode, None).numpy(), np.pad(x, widths, mode))


@pytest.mark.parametrize(
    "key",
    [
        slice(None, None, -1),
        (0, slice(None, None, -2)),
        (None, Ellipsis, slice(2, None, -1)),
        (slice(None), [0, 1], slice(3, None, -2)),
        (np.array([True, False]), slice(None, None, -1)),
        np.uint8(1),
        (slice(5, None, -1),),
    ],
)
def test_get_item_like_numpy(key):
    x = np.arange(24.0).reshape(2, 3, 4)
    np.testing.assert_array_equal(ops.get_item(torch.from_numpy(x), key).numpy(), x[key])


def test_top_k_takes_the_first_of_equal_values(b):
    x = torch.tensor([[1.0, 3.0, 3.0, 2.0, 3.0] * 8, list(range(40))])
    values, indices = b.top_k(x, 3, True)
    assert values.tolist() == [[3, 3, 3], [39, 38, 37]] and indices.tolist() == [[1, 2, 4], [39, 38, 37]]
    assert indices.dtype == torch.int32


def test_labels_out_of_range_cost_nothing(b):
    x = rand(3, 4)
    loss = b.sparse_categorical_crossentropy(torch.tensor([1, 7, -1]), x, True, -1)
    assert loss[0] > 0 and loss[1:].tolist() == [0, 0]


@pytest.mark.parametrize("axis", [-1, 0, 1, 2])
def test_fused_batch_norm(b, axis):
    from kfront.backends.torch import nn

    x = rand(4, 5, 6, 3).double().requires_grad_()
    scale, offset = (rand(x.shape[axis], seed=s).double().requires_grad_() for s in (1, 2))
    axes = tuple(a for a in range(4) if a != axis % 4)
    mean, variance = b.moments(x, axes, False, False)
    want = b.batch_normalization(x, mean, variance, axis, offset, scale, 1e-3)
    got, m, v = nn.batch_normalization_train(x, offset, scale, axis, 1e-3)
    weight = rand(4, 5, 6, 3, seed=3).double()
    grads = [torch.autograd.grad((y * weight).sum(), [x, scale, offset]) for y in (got, want)]
    for ours, theirs in zip((got, m, v, *grads[0]), (want, mean, variance, *grads[1]), strict=True):
        torch.testing.assert_close(ours, theirs)


ACTIVATIONS = [
    *("relu6", "leaky_relu", "elu", "selu", "celu", "gelu", "silu", "log_sigmoid", "softsign", "hard_sigmoid"),
    *("hard_silu", "hard_tanh", "tanh_shrink", "hard_shrink", "soft_shrink"),
]


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_and_gradients_are_the_composed_ones(name):
    points = [-1e4, -88.0, -20.0, -6.0, -3.0, -1.0, -0.5, 0.0, 0.5, 1.0, 3.0, 6.0, 20.0, 88.0, 1e4]
    x = torch.tensor(points, requires_grad=True)
    results = []
    for fn in (getattr(ops, name), OPS[name].body):
        y = fn(x)
        results.append((y, torch.autograd.grad(y.sum(), x)[0]))
    torch.testing.assert_close(results[0], results[1], atol=1e-6, rtol=1e-5)


# ---- conversion ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "dtype", "shape"),
    [
        (1, torch.int32, ()),
        (2**40, torch.int64, ()),
        (2.5, torch.float32, ()),
        (True, torch.bool, ()),
        ([1, 2], torch.int32, (2,)),
        ([[1.0], [2]], torch.float32, (2, 1)),
        (np.arange(3)[::-1], torch.int64, (3,)),
        (np.zeros(2, "uint16"), torch.int32, (2,)),
        (np.float64(3), torch.float32, ()),  # a Python float by its class
        (np.array(3.0), torch.float64, ()),
        ([], torch.float32, (0,)),
        ([torch.ones(2), np.zeros(2, "float32")], torch.float32, (2, 2)),
    ],
)
def test_convert(b, value, dtype, shape):
    out = b.convert(value)
    assert out.dtype == dtype and tuple(out.shape) == shape


def test_bfloat16_to_numpy_and_back(b):
    x = rand(3).bfloat16()
    array = b.to_numpy(x)
    assert array.dtype.name == "bfloat16" and torch.equal(b.convert(array), x)


def test_compute_spec_of_raw_torch_code(b):
    def fn(x):
        return torch.nn.functional.one_hot(x.long(), 5).float().sum(1)

    out = b.compute_spec(fn, KerasTensor((None, 3)))
    assert out.shape == (None, 5) and out.dtype == "float32"


class _Fakes:
    """Streams that note what is done with them, in the place of those of a GPU."""

    def __init__(self, monkeypatch):
        self.log = []
        self.now, self.side = _Stream("now", self.log), _Stream("side", self.log)
        monkeypatch.setattr(torch.cuda, "Stream", lambda device: self.side)
        monkeypatch.setattr(torch.cuda, "current_stream", lambda device: self.now)
        monkeypatch.setattr(torch.cuda, "stream", lambda stream: stream)
        monkeypatch.setattr(torch.Tensor, "pin_memory", lambda x: self.log.append("pin") or x.clone())
        monkeypatch.setattr(torch.Tensor, "record_stream", lambda x, s: self.log.append(f"{s.name} uses it"))
        real = torch.Tensor.to

        def to(x, *args, **kwargs):
            if kwargs.pop("non_blocking", False):
                self.log.append("copy without waiting")
                return x
            return real(x, *args, **kwargs)

        monkeypatch.setattr(torch.Tensor, "to", to)


class _Stream:
    def __init__(self, name, log):
        self.name, self.log = name, log

    def __enter__(self):
        self.log.append(f"on {self.name}")

    def __exit__(self, *exc):
        self.log.append(f"off {self.name}")

    def wait_stream(self, other):
        self.log.append(f"{self.name} waits for {other.name}")


def test_batches_travel_beside_the_computation(b, monkeypatch):
    """The order of what is asked of the device; without a GPU, of stand-ins."""
    fakes = _Fakes(monkeypatch)
    monkeypatch.setattr(state, "device", torch.device("cuda", 0))
    monkeypatch.setattr("kfront.backends.torch.step._streams", {})
    x = np.arange(6, dtype="float32")
    out = b.feed(x)
    x[:] = 0  # the caller's memory is free again
    assert out.tolist() == [0, 1, 2, 3, 4, 5]
    assert fakes.log == ["on side", "pin", "copy without waiting", "off side", "now waits for side", "now uses it"]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_batches_arrive_whole(b):
    with b.device("gpu:0"):
        fed = [b.feed(np.full((1000, 1000), i, "float32")) for i in range(20)]
        sums = [float(x.sum()) for x in fed]
    assert sums == [i * 1e6 for i in range(20)] and all(x.is_cuda for x in fed)


_TRAINED = """import numpy as np
x = np.zeros((64, 4), "float32")
model = kfront.Sequential([kfront.layers.Dense(4)])
model.compile("adam", "mse")
model.fit(x, x, verbose=0), model.evaluate(x, x, verbose=0), model.predict(x, verbose=0)"""


@pytest.mark.parametrize("use", ["kfront.ops.add(1.0, 2.0)", _TRAINED], ids=["op", "training"])
def test_imports_nothing_heavy_before_it_is_needed(use):
    code = f"import sys, kfront\n{use}\n"
    code += "print([m for m in ('torch._dynamo', 'sympy', 'scipy', 'ml_dtypes') if m in sys.modules])"
    env = {**os.environ, "KERAS_BACKEND": "torch"}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_mark_of_a_constant_is_torchs_own():
    from kfront.backends.torch import transforms

    def marked():
        return True

    torch.compiler.assume_constant_result(marked)
    assert marked.__dict__.items() <= transforms._may_assign.__dict__.items()


QUANTIZABLE = {
    "dense": (lambda: kfront.layers.Dense(8), ("int8", "int4", "float8")),
    "einsum": (lambda: kfront.layers.EinsumDense("abc,cd->abd", (5, 8)), ("int8", "int4", "float8")),
    "attention": (lambda: kfront.layers.MultiHeadAttention(2, 4), ("int8", "int4")),
}


@pytest.mark.parametrize("kind, mode", [(kind, mode) for kind, (_, modes) in QUANTIZABLE.items() for mode in modes])
def test_quantized_models_compile_with_gradients(kind: str, mode: str) -> None:
    """Through two layers, so that a gradient goes back to the first; the oracle is the model as it runs eagerly."""
    inputs = kfront.Input((5, 8))
    layer, last = QUANTIZABLE[kind][0](), kfront.layers.Dense(8)
    x = kfront.layers.LayerNormalization()(inputs)
    model = kfront.Model(inputs, last(layer(x, x) if kind == "attention" else layer(x)))
    model.quantize(mode)
    data = torch.arange(80.0).reshape(2, 5, 8).sin()
    found = []
    torch._dynamo.reset()  # modules share code, which is compiled for eight of them at most
    for call in (model, torch.compile(model, fullgraph=True, backend="eager")):
        x = data.clone().requires_grad_()
        out = call(x, training=False)
        out.square().sum().backward()
        found.append((out.detach().numpy(), x.grad.numpy()))
    torch._dynamo.reset()
    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)
