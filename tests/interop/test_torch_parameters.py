"""Weights of layers as torch's Parameters and Keras's Variables; each idiom also runs on torch's own layer."""

from __future__ import annotations

import copy
import io
import pickle
import subprocess
import sys

import numpy as np
import pytest

import kfront
from kfront import layers, ops

torch = pytest.importorskip("torch")
from torch import nn
from torch.func import functional_call, grad, vmap
from torch.nn.utils import parametrizations, parametrize, prune
from torch.optim.optimizer import _foreach_supported_types

X = torch.from_numpy(np.random.default_rng(0).normal(size=(5, 3)).astype("float32"))


@pytest.fixture(autouse=True)
def _on_torch():
    with kfront.backend_scope("torch"):
        yield


class Own(nn.Module):
    """The layer as one writes it for torch: the oracle of each idiom."""

    def __init__(self, inputs, units):
        super().__init__()
        self.kernel = nn.Parameter(torch.randn(inputs, units, generator=torch.Generator().manual_seed(0)))
        self.bias = nn.Parameter(torch.zeros(units))

    def forward(self, x):
        return x @ self.kernel + self.bias


def dense(inputs=3, units=4):
    layer = layers.Dense(units)
    layer.build((None, inputs))
    layer.kernel.assign(Own(inputs, units).kernel)
    return layer


def pair():
    return dense(), Own(3, 4)


def both(idiom):
    """What an idiom gives on the layer and on torch's own, which has to be the same."""
    got, want = (idiom(layer) for layer in pair())
    torch.testing.assert_close(got, want, rtol=1e-5, atol=1e-5)
    return got


def gradients(layer):
    layer(X).square().sum().backward()
    return {n: p.grad for n, p in layer.named_parameters()}


# ---- 1. the attribute ------------------------------------------------------------------------------------------------


def test_the_attribute_is_the_parameter():
    layer = dense()
    kernel = layer.kernel
    assert isinstance(kernel, nn.Parameter) and isinstance(kernel, kfront.Variable)
    assert kernel is dict(layer.named_parameters())["kernel"] and kernel is layer.variables[0].value
    assert kernel.shape == (3, 4) and kernel.dtype is torch.float32 and kernel.is_leaf and kernel.grad is None
    both(gradients)
    both(lambda m: (m.kernel.data, m.kernel.T, m.kernel.detach(), m.kernel[0], m.kernel.sum(), nn.Parameter(m.kernel)))
    assert repr(layer.bias) == repr(Own(3, 4).bias)


def test_the_attribute_has_what_a_variable_has():
    layer = layers.Dense(4, kernel_regularizer="l2", kernel_constraint="non_neg", name="d")
    layer.build((None, 3))
    kernel, variable = layer.kernel, layer.weights[0]
    assert (kernel.name, kernel.path, variable.path) == ("kernel", "d/kernel", "d/kernel")
    assert kernel.regularizer is variable.regularizer is not None and kernel.constraint is variable.constraint
    assert kernel.trainable and kernel.value is kernel and kernel.ndim == 2
    kernel.assign(np.ones((3, 4)))
    kernel.assign_add(ops.ones((3, 4)))
    kernel.assign_sub(0.5 * np.ones((3, 4), "float32"))
    assert (variable.numpy() == 1.5).all() and (kernel.numpy() == np.asarray(kernel)).all()
    with pytest.raises(kfront.errors.ShapeError, match="d/kernel"):
        kernel.assign(np.ones(3))
    for given in (kernel, variable):
        assert np.mean(given) == 1.5 and np.reshape(given, (4, 3)).shape == (4, 3) and np.allclose(given, 1.5)
    assert variable.device == kernel.device and variable.grad is None and variable.t().shape == (4, 3)
    kernel.regularizer = None
    assert variable.regularizer is None and not layer.losses


def test_dtypes():
    """The Parameter's dtype is torch's, the Variable's a name; `standardize_dtype` takes both."""
    layer = dense()
    assert layer.weights[0].dtype == "float32" == kfront.backend.standardize_dtype(layer.kernel.dtype)
    assert layer.add_weight(shape=(2,), dtype=layer.kernel.dtype, name="more").dtype == "float32"
    assert ops.cast(ops.ones(2, "int32"), layer.kernel.dtype).dtype is torch.float32


def test_an_optimizer_of_kfront_takes_attributes():
    layer = dense()
    optimizer = kfront.optimizers.SGD(0.5)
    layer(X).sum().backward()
    before = layer.kernel.numpy()
    optimizer.apply_gradients([(layer.kernel.grad, layer.kernel), (layer.bias.grad, layer.weights[1])])
    np.testing.assert_allclose(layer.kernel.numpy(), before - 0.5 * layer.kernel.grad.numpy(), rtol=1e-5)


def test_scopes_stand_values_in_its_place():
    layer, held = dense(), dense().kernel
    layer.kernel = held
    zeros = np.zeros((3, 4), "float32")
    with kfront.StatelessScope([(held, zeros)]) as scope:
        found = layer(X), ops.sum(held), held.sum(), torch.sum(held), held.value.sum(), layer.kernel.sum()
        held.assign(zeros + 1)
    assert not any(x.any() for x in found) and float(ops.sum(scope.get_current_value(held))) == 12
    assert held.any() and isinstance(layer.kernel, nn.Parameter)


def test_gradients_of_kfront_by_what_a_closure_holds():
    kernel = dense().kernel
    for fn in (lambda: ops.sum(kernel**2), lambda: kernel.square().sum(), lambda: torch.sum(kernel * kernel)):
        _, found = kfront.value_and_grad(lambda k, fn=fn: fn())(kernel)
        torch.testing.assert_close(found, 2 * kernel.detach())
    assert type(kernel) is type(dense().kernel)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "bfloat16"])
def test_compute_dtypes(policy):
    layer = layers.Dense(4, dtype=policy)
    assert layer(X).dtype is torch.bfloat16 and isinstance(layer.kernel, nn.Parameter)
    layer(X).float().sum().backward()
    assert layer.kernel.grad is not None

    class Scale(layers.Layer):
        def build(self, shape):
            self.factor = self.add_weight(shape=(3,), initializer="ones")

        def call(self, x):
            return x * self.factor + ops.transpose(self.factor)

    assert Scale(dtype=policy)(X).dtype is torch.bfloat16


# ---- what torch puts in its place ------------------------------------------------------------------------------------


def test_weight_norm():
    def idiom(m):
        parametrizations.weight_norm(m, "kernel")
        with torch.no_grad():
            m.parametrizations.kernel.original0.mul_(2)
        return m(X), gradients(m), m.state_dict()

    both(idiom)


def test_spectral_norm():
    def idiom(m):
        torch.manual_seed(0)
        parametrizations.spectral_norm(m, "kernel", n_power_iterations=20).train()
        m(X)
        return torch.linalg.matrix_norm(m.eval().kernel, 2)

    assert abs(both(idiom).item() - 1) < 1e-3


def test_parametrizations():
    def idiom(m):
        parametrize.register_parametrization(m, "kernel", nn.Tanh())
        parametrize.register_parametrization(m, "kernel", nn.Softplus())
        twin = copy.deepcopy(m)
        found = m(X), twin(X), m.kernel, gradients(m), list(m.state_dict())
        parametrize.remove_parametrizations(m, "kernel", leave_parametrized=False)
        return *found[:4], m(X), m.kernel

    both(idiom)
    layer = dense()
    variable = layer.weights[0]
    parametrize.register_parametrization(layer, "kernel", nn.Tanh())
    original = layer.parametrizations.kernel.original
    torch.testing.assert_close(variable.value, original.tanh())
    assert {id(v.value) for v in layer.trainable_variables} == {id(p) for p in layer.parameters()}
    parametrize.remove_parametrizations(layer, "kernel")
    assert layer.weights[0] is variable and layer.kernel is original and layer.kernel.path.endswith("/kernel")


def test_a_parametrized_model_is_fitted():
    model = kfront.Sequential([kfront.Input((3,)), dense(), layers.Dense(1)])
    parametrizations.weight_norm(model.layers[0], "kernel")
    model.compile("sgd", "mse")
    before = {n: p.detach().clone() for n, p in model.named_parameters()}
    first, *_, last = model.fit(X.numpy(), np.ones((5, 1)), epochs=20, verbose=0).history["loss"]
    assert last < first and len(before) == 5
    assert all((p != before[n]).any() for n, p in model.named_parameters())


def test_pruning():
    def idiom(m):
        prune.l1_unstructured(m, "kernel", amount=0.5)
        found = m(X), gradients(m), m.kernel, dict(m.named_buffers())
        m.kernel_orig.data.mul_(2)
        found = *found, m(X)
        prune.remove(m, "kernel")
        return *found, m(X), m.kernel

    both(idiom)
    layer = dense()
    variable = layer.weights[0]
    prune.random_unstructured(layer, "kernel", amount=0.5)
    assert not any(v is variable for v in layer.weights) and (variable.value == 0).sum() == 6
    assert {id(v.value) for v in layer.trainable_variables} == {id(p) for p in layer.parameters()}
    variable.assign(torch.ones(3, 4))
    assert layer.kernel_orig.sum() == 12 and layer.kernel.sum() == 6
    prune.remove(layer, "kernel")
    assert layer.weights[0] is variable and variable.value.sum() == 6


def test_fx():
    net = nn.Sequential(dense(), nn.ReLU(), layers.Dropout(0.5), layers.LayerNormalization()).eval()
    net(X)
    graph = torch.fx.symbolic_trace(net)
    assert [n.op for n in graph.graph.nodes] == ["placeholder", *["call_module"] * 4, "output"]
    torch.testing.assert_close(graph(X), net(X))


def test_submodules_are_replaced():
    """As PEFT does: a Linear with two thin ones in the place of a layer inside a model."""

    class Adapted(nn.Module):
        def __init__(self, base):
            super().__init__()
            self.base, self.a, self.b = base, nn.Linear(3, 2, bias=False), nn.Linear(2, 4, bias=False)

        def forward(self, x):
            return self.base(x) + self.b(self.a(x))

    net = nn.Sequential(dense(), nn.ReLU())
    net.requires_grad_(False)
    want = net(X)
    net[0] = Adapted(net[0])
    nn.init.zeros_(net[0].b.weight)
    torch.testing.assert_close(net(X), want)
    assert [n for n, p in net.named_parameters() if p.requires_grad] == ["0.a.weight", "0.b.weight"]
    assert not net[0].base.trainable_variables and "0.base.kernel" in net.state_dict()


# ---- 2. state is in buffers ------------------------------------------------------------------------------------------


def test_state_is_in_buffers():
    net = nn.Sequential(dense(), layers.BatchNormalization(), layers.Dropout(0.5))
    net(X)
    assert [n for n, _ in net.named_parameters()] == ["0.kernel", "0.bias", "1.gamma", "1.beta"]
    assert [n.split(".")[-1] for n, _ in net.named_buffers()][:2] == ["moving_mean", "moving_variance"]
    assert sum(p.numel() for p in net.parameters()) == net[0].count_params() + 8
    net.requires_grad_(True)
    assert not any(x.requires_grad for x in net.buffers())
    quantized = dense()
    quantized.quantize("int8")
    assert [n for n, _ in quantized.named_parameters()] == ["bias"]


def test_a_buffer_is_trained_when_told():
    layer = layers.BatchNormalization()
    layer(X)
    layer.moving_mean.trainable = True
    assert "moving_mean" in dict(layer.named_parameters()) and "moving_mean" not in dict(layer.named_buffers())
    assert isinstance(layer.moving_mean, nn.Parameter)


# ---- 3. freezing -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["requires_grad", "requires_grad_", "Module.requires_grad_", "trainable", "variable"])
def test_freezing_is_one_thing(how):
    model = kfront.Sequential([kfront.Input((3,)), dense(), layers.Dense(1)])
    model.compile("sgd", "mse")
    y = np.ones((5, 1))
    model.fit(X.numpy(), y, verbose=0)
    first = model.layers[0]

    def freeze(on):
        if how == "requires_grad":
            for p in first.parameters():
                p.requires_grad = not on
        elif how == "requires_grad_":
            for p in first.parameters():
                p.requires_grad_(not on)
        elif how == "Module.requires_grad_":
            first.requires_grad_(not on)
        elif how == "trainable":
            first.trainable = not on
        else:
            for v in first.weights:
                v.trainable = not on

    freeze(True)
    before = [w.numpy() for w in model.weights]
    assert not any(v.trainable for v in first.weights) and not any(p.requires_grad for p in first.parameters())
    assert len(model.trainable_variables) == 2
    model.fit(X.numpy(), y, verbose=0)
    assert [(w.numpy() != b).any() for w, b in zip(model.weights, before, strict=True)] == [False, False, True, True]
    freeze(False)
    model.fit(X.numpy(), y, verbose=0)
    assert all((w.numpy() != b).any() for w, b in zip(model.weights, before, strict=True))


# ---- 4. the rest of torch --------------------------------------------------------------------------------------------


def test_meta_device():
    with torch.device("meta"):
        model = kfront.Sequential(
            [kfront.Input((3,)), layers.Dense(4), layers.BatchNormalization(), layers.Dropout(0.5)]
        )
        assert model(torch.empty(2, 3)).is_meta
    assert all(x.is_meta for n, x in model.state_dict().items() if "seed" not in n)
    other = kfront.Sequential([kfront.Input((3,)), layers.Dense(4), layers.BatchNormalization(), layers.Dropout(0.5)])
    state = {n: x for n, x in zip(model.state_dict(), other.state_dict().values(), strict=True)}
    model.load_state_dict(state, assign=True)
    torch.testing.assert_close(model(X), other(X))
    again = copy.deepcopy(model).to("meta").to_empty(device="cpu")
    again.load_state_dict(state)
    torch.testing.assert_close(again(X), other(X))
    assert again.layers[0].kernel.path == model.layers[0].kernel.path


def test_jit_trace():
    layer = dense()
    traced = torch.jit.trace(layer, X)
    torch.testing.assert_close(traced(X + 1), layer(X + 1))
    assert [n for n, _ in traced.named_parameters()] == ["kernel", "bias"]


def test_clipping_and_averages():
    both(lambda m: (gradients(m), nn.utils.clip_grad_norm_(m.parameters(), 0.1), m.kernel.grad))
    both(lambda m: (nn.utils.parameters_to_vector(m.parameters()),))

    def idiom(m):
        swa = torch.optim.swa_utils
        average = swa.AveragedModel(m, multi_avg_fn=swa.get_ema_multi_avg_fn(0.9), use_buffers=True)
        for _ in range(2):
            average.update_parameters(m)
            with torch.no_grad():
                m.kernel.add_(1)
        return average(X), average.module.kernel

    both(idiom)
    net = nn.Sequential(dense(), layers.BatchNormalization(momentum=0.0))
    net(X)
    torch.optim.swa_utils.update_bn([X], net)
    torch.testing.assert_close(net[1].moving_mean.value, net[0](X).mean(0))


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW"])
def test_optimizers_of_torch(name):
    def idiom(m):
        optimizer = getattr(torch.optim, name)(m.parameters(), 0.1)
        for _ in range(3):
            optimizer.zero_grad()
            m(X).square().sum().backward()
            optimizer.step()
        return m.kernel, m.bias

    both(idiom)
    assert type(dense().kernel) in _foreach_supported_types


def test_assigned_state():
    def idiom(m):
        held = {n: torch.full_like(x, 2.0) for n, x in m.state_dict().items()}
        m.load_state_dict(held, assign=True)
        held["kernel"].zero_()
        return m(X), m.kernel

    both(idiom)
    net = nn.Sequential(dense(), layers.BatchNormalization()).train()
    net(X)
    held = {n: torch.ones_like(x) for n, x in net.state_dict().items()}
    net.load_state_dict(held, assign=True)
    assert (
        net[1].moving_mean.value is not None
        and net.state_dict()["1.moving_mean"].data_ptr() == held["1.moving_mean"].data_ptr()
    )
    net[0].kernel.assign(torch.full((3, 4), 3.0))
    assert (held["0.kernel"] == 3).all()


def test_copies():
    net = nn.Sequential(dense(), layers.BatchNormalization(), layers.Dropout(0.5)).eval()
    want, file = net(X), io.BytesIO()
    torch.save(net, file)
    file.seek(0)
    for twin in (copy.deepcopy(net), pickle.loads(pickle.dumps(net)), torch.load(file, weights_only=False)):
        torch.testing.assert_close(twin(X), want)
        assert twin[0].kernel is dict(twin.named_parameters())["0.kernel"] is twin[0].weights[0].value
        twin[0].kernel.assign(torch.zeros(3, 4))
        twin[1].moving_mean.assign(torch.zeros(4))
        assert twin.state_dict()["1.moving_mean"].sum() == 0 and not torch.equal(twin(X), want)
        torch.testing.assert_close(net(X), want)
    alone = copy.deepcopy(net[0].kernel)
    assert type(alone) is nn.Parameter and type(pickle.loads(pickle.dumps(net[0].kernel))) is nn.Parameter
    assert torch.equal(alone, net[0].kernel)


def test_functional_call_vmap_and_grad():
    def idiom(m):
        params = {n: p.detach() + 1 for n, p in m.named_parameters()}
        loss = lambda p, x: functional_call(m, p, (x[None],)).square().sum()  # noqa: E731
        each = vmap(grad(loss), (None, 0))(params, X)
        stacked = {n: torch.stack([p, 2 * p]) for n, p in params.items()}
        return each, vmap(lambda p: functional_call(m, p, (X,)))(stacked), m(X)

    both(idiom)


def test_functional_call_puts_new_state_in_the_given_buffers():
    def idiom(m):
        state = {n: x.detach().clone() + 3 for n, x in m.state_dict().items()}
        functional_call(m, state, (X,))
        before = m.state_dict()
        return next(x for n, x in state.items() if "mean" in n), next(x for n, x in before.items() if "mean" in n)

    ours, theirs = layers.BatchNormalization(momentum=0.9).train(), nn.BatchNorm1d(3, momentum=0.1).train()
    ours.build((None, 3))
    torch.testing.assert_close(idiom(ours), idiom(theirs))


def test_a_variable_has_what_torch_asks_of_tensors_in_a_functional_call():
    class Native(layers.Layer):
        def build(self, shape):
            self.kernel = self.add_weight(shape=(shape[-1], 4), name="kernel")

        def call(self, x):
            return nn.functional.linear(x, self.kernel.t()) * self.kernel.value.sum() + len(self.kernel.path)

    layer = Native()
    layer(X)
    params = {n: p.detach() + 1 for n, p in layer.named_parameters()}
    want = nn.functional.linear(X, params["kernel"].t()) * params["kernel"].sum() + len(layer.kernel.path)
    torch.testing.assert_close(functional_call(layer, params, (X,)), want)


@pytest.mark.slow
def test_compiled_whole():
    torch._dynamo.reset()
    net = nn.Sequential(dense(), layers.BatchNormalization(), layers.Dense(2)).train()
    net(X)
    twin = copy.deepcopy(net)
    run = torch.compile(net, fullgraph=True, backend="aot_eager")
    for _ in range(2):
        run(X).square().sum().backward()
        twin(X).square().sum().backward()
    for (n, p), q in zip(net.named_parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(p.grad, q.grad, msg=n)
    torch.testing.assert_close(list(net.buffers()), list(twin.buffers()))
    new = {n: v.detach().clone() + 1 for n, v in net.state_dict().items()}
    net.load_state_dict(new, assign=True)
    twin.load_state_dict(new)
    torch.testing.assert_close(run(X), twin(X))


def test_swapped_on_conversion():
    torch.__future__.set_swap_module_params_on_conversion(True)
    try:
        layer = dense().to(torch.float64)
        both(lambda m: m.to(torch.float64)(X.double()))
        layer.load_state_dict({n: torch.ones_like(x) for n, x in layer.state_dict().items()})
        layer.kernel.assign(torch.full((3, 4), 2.0))
        assert layer.kernel.path.endswith("kernel") and layer(X.double())[0, 0] == 2 * X.double()[0].sum() + 1
    finally:
        torch.__future__.set_swap_module_params_on_conversion(False)


def test_one_kernel_in_two_layers():
    a, b = dense(), dense()
    b.kernel = a.kernel
    assert len({*a.parameters(), *b.parameters()}) == 3 and b.kernel is a.kernel
    a.kernel.assign(torch.ones(3, 4))
    torch.testing.assert_close(b(X), X.sum(1, keepdim=True).expand(5, 4))
    c, d = Own(3, 4), Own(3, 4)
    d.kernel = c.kernel
    assert len({*c.parameters(), *d.parameters()}) == 3


def test_a_deleted_weight_is_gone():
    layer = dense()
    del layer.kernel
    assert [v.name for v in layer.weights] == ["bias"] and list(layer.state_dict()) == ["bias"]
    assert not hasattr(layer, "kernel")
    layer.kernel = nn.Parameter(torch.ones(3, 4))
    assert [v.name for v in layer.weights] == ["kernel", "bias"] and layer.kernel.path.endswith("/kernel")


# ---- two processes ---------------------------------------------------------------------------------------------------

_PROCESS = """
import copy, os, sys
import torch, torch.distributed as dist
from torch import nn
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor
import kfront
from kfront import layers

rank, place = int(sys.argv[1]), sys.argv[2]
dist.init_process_group("gloo", init_method=f"file://{place}", rank=rank, world_size=2)
kfront.config.set_backend("torch")

def made(inputs, units):
    layer = layers.Dense(units)
    layer.build((None, inputs))
    return layer

def data(i):
    return torch.randn(6, 8, generator=torch.Generator().manual_seed(i))

for by_variables in (False, True):
    net = nn.Sequential(made(8, 16), nn.ReLU(), made(16, 8), nn.ReLU(), made(8, 4))
    with torch.no_grad():
        for p in net.parameters():
            p.copy_(torch.randn(p.shape, generator=torch.Generator().manual_seed(p.numel())) / 4)
    alone = copy.deepcopy(net)
    for layer in (*net[::2], net):
        fully_shard(layer)
    assert isinstance(net[0].kernel, DTensor) and isinstance(net[0].variables[0].value, DTensor)
    assert net[0].variables[0].shape == (8, 16) and net[0].variables[0].numpy().shape == (8, 16)
    optimizers = [torch.optim.Adam(n.parameters(), 0.1) for n in (net, alone)]
    for i in range(3):
        for n, o, part in zip((net, alone), optimizers, (data(i)[rank * 3 : rank * 3 + 3], data(i))):
            n(part).square().mean().backward()
            if by_variables:
                for v in (v for layer in n[::2] for v in layer.variables):
                    v.assign(v.value.detach() - 0.1 * v.value.grad)
            else:
                o.step()
            o.zero_grad()
    for p, q in zip(net.parameters(), alone.parameters(), strict=True):
        torch.testing.assert_close(p.full_tensor(), q.detach())
    net[0].variables[0].assign(torch.ones(8, 16))
    assert (net[0].kernel.full_tensor() == 1).all()

net = nn.Sequential(made(8, 4), layers.BatchNormalization(), layers.Dropout(0.1), made(4, 2)).train()
net[1].build((None, 4))
net = nn.parallel.DistributedDataParallel(net)
for i in range(2):
    net(data(i) + rank).square().mean().backward()
net.eval()(data(0))
mean, found = net.module[1].moving_mean.value, [torch.empty(4), torch.empty(4)]
dist.all_gather(found, mean.detach().clone())
assert torch.equal(*found) and mean.any()
dist.barrier()
dist.destroy_process_group()
os._exit(0)  # gloo's threads may abort a process that ends on its own
"""


def test_sharded_and_parallel(tmp_path):
    if not torch.distributed.is_available():
        pytest.skip("this build of torch has no torch.distributed")
    command = [sys.executable, "-c", _PROCESS]
    running = [subprocess.Popen([*command, str(rank), str(tmp_path / "meeting")]) for rank in range(2)]
    assert [p.wait(timeout=180) for p in running] == [0, 0]


def test_a_compiled_step_of_fit_is_compiled():
    """The compiler meets Parameters that carry their Variable; where it fails, `fit` warns, which is an error here."""
    model = kfront.Sequential([kfront.Input((8,)), layers.Dense(4, activation="tanh"), layers.Dense(1)])
    model.layers[0].trainable = False
    model.compile("adam", "mse", jit_compile=True)
    x = np.ones((16, 8), "float32")
    frozen = model.layers[0].kernel.numpy()
    first, *_, last = model.fit(x, x[:, :1], epochs=4, batch_size=16, verbose=0).history["loss"]
    assert last < first
    np.testing.assert_array_equal(model.layers[0].kernel.numpy(), frozen)
