"""Modules of torch as attributes of layers and models: trained, counted, frozen, saved; torch itself is the oracle."""

from __future__ import annotations

import copy
import importlib.util
import os
import pickle
import subprocess
import sys
from typing import Any

import h5py
import numpy as np
import pytest

import kfront
from kfront import layers

torch = pytest.importorskip("torch")
nn = torch.nn

X = np.random.default_rng(0).normal(size=(8, 3)).astype("float32")
Y = np.random.default_rng(1).normal(size=(8, 2)).astype("float32")


@pytest.fixture(autouse=True)
def on_torch() -> Any:
    with kfront.backend_scope("torch"):
        torch.manual_seed(0)
        yield


def parts() -> dict[str, Any]:
    """Modules for the attributes of a network, always with the same weights."""
    torch.manual_seed(5)
    return {
        "lin": nn.Linear(3, 4),
        "many": nn.ModuleList([nn.BatchNorm1d(4), nn.Tanh(), nn.Linear(4, 4)]),
        "named": nn.ModuleDict({"a": nn.Sequential(nn.Linear(4, 4), nn.ReLU())}),
        "out": nn.Linear(4, 2),
    }


def forward(self: Any, x: Any) -> Any:
    x = self.lin(x)
    for part in self.many:
        x = part(x)
    return self.out(self.named["a"](x) * self.scale)


class Own(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        for name, part in parts().items():
            setattr(self, name, part)
        self.scale = nn.Parameter(torch.full((4,), 0.5))

    forward = forward


@kfront.saving.register_keras_serializable("test_torch_modules")
class Net(kfront.Model):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        for name, part in parts().items():
            setattr(self, name, part)
        self.scale = nn.Parameter(torch.full((4,), 0.5))

    call = forward


@kfront.saving.register_keras_serializable("test_torch_modules")
class Block(layers.Layer):
    """One level further down, beside a layer of kfront."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.lin = nn.Linear(3, 4)
        self.dense = layers.Dense(2)

    def call(self, x: Any) -> Any:
        return self.dense(self.lin(x))


def trained(net: Any, epochs: int = 4) -> Any:
    """A network after some steps of gradient descent by torch."""
    step = torch.optim.SGD(net.parameters(), 0.1)
    net.train()
    for _ in range(epochs):
        step.zero_grad()
        ((net(torch.tensor(X)) - torch.tensor(Y)) ** 2).mean().backward()
        step.step()
    return net.eval()


def fitted(model: Any, epochs: int = 4, **options: Any) -> Any:
    model.compile(kfront.optimizers.SGD(0.1), "mse", **options)
    model.fit(X, Y, batch_size=8, epochs=epochs, shuffle=False, verbose=0)
    return model


def same(model: Any, own: Any, tolerance: float = 1e-5) -> None:
    got, want = model.state_dict(), own.state_dict()
    assert got.keys() == want.keys()
    for name, value in want.items():
        torch.testing.assert_close(got[name], value, rtol=tolerance, atol=tolerance, msg=name)


@pytest.mark.parametrize("jit", [False, True])
def test_fit_is_torchs_training(jit: bool) -> None:
    model, own = fitted(Net(), jit_compile=jit), trained(Own())
    same(model, own)
    want = own(torch.tensor(X)).detach().numpy()
    np.testing.assert_allclose(model.predict(X, verbose=0), want, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(model(X).detach().numpy(), want, rtol=1e-5, atol=1e-6)


def test_attributes_stay_what_they_are() -> None:
    model = Net()
    assert type(model.lin) is nn.Linear and type(model.many) is nn.ModuleList and type(model.named) is nn.ModuleDict
    assert [n for n, _ in model.named_parameters()] == [n for n, _ in Own().named_parameters()]
    assert [n for n, _ in model.named_children()] == ["lin", "many", "named", "out"]
    same(model, Own(), 0)


def test_weights_are_counted() -> None:
    model, own = Net(name="net"), Own()
    model(X)
    assert model.count_params() == sum(p.numel() for p in own.parameters())
    assert {w.path for w in model.weights} == {f"net/{n}" for n in paths(own)}
    assert len(model.trainable_weights) == len(model.weights) == len(list(own.parameters()))
    assert {layer.name for layer in model.layers} == {"lin", "many", "named", "out"}
    lines: list[str] = []
    model.summary(print_fn=lines.append)
    assert "many (TorchModuleWrapper)" in "\n".join(lines)
    values = [w * 0 + 1 for w in model.get_weights()]
    model.set_weights(values)
    assert all((p == 1).all() for p in model.parameters())


def paths(own: Any) -> list[str]:
    return [n.replace(".", "/", 1) for n, _ in own.named_parameters()]


def test_frozen_with_the_layer() -> None:
    model = Net()
    model.lin.requires_grad_(False)
    assert len(model.trainable_weights) == len(model.weights) - 2
    frozen, moved = model.lin.weight.detach().clone(), model.out.weight.detach().clone()
    fitted(model)
    assert torch.equal(model.lin.weight, frozen) and not torch.equal(model.out.weight, moved)
    model.lin.requires_grad_(True)
    fitted(model)
    assert not torch.equal(model.lin.weight, frozen)
    model.trainable = False
    assert not any(p.requires_grad for p in model.parameters()) and not model.trainable_weights
    model.trainable = True
    model.get_layer("many").trainable = False
    assert [p.requires_grad for p in model.many.parameters()] == [False] * 4 and model.lin.weight.requires_grad


def test_frozen_by_a_callback() -> None:
    model, seen = Net(), []

    class Freeze(kfront.callbacks.Callback):
        def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
            if batch == 1:
                model.requires_grad_(False)
                model.out.requires_grad_(True)
            seen.append([model.lin.weight.detach().clone(), model.out.weight.detach().clone()])

    model.compile(kfront.optimizers.SGD(0.1), "mse")
    model.fit(X, Y, batch_size=2, verbose=0, callbacks=[Freeze()])
    assert not torch.equal(seen[0][0], seen[1][0])
    assert torch.equal(seen[1][0], model.lin.weight) and not torch.equal(seen[1][1], model.out.weight)


def test_parts_come_and_go() -> None:
    class Growing(kfront.Model):
        def __init__(self) -> None:
            super().__init__()
            self.stack = nn.ModuleList()
            for _ in range(2):
                self.stack.append(nn.Linear(3, 3))

        def call(self, x: Any) -> Any:
            for part in self.stack:
                x = part(x)
            return x

    model = Growing()
    assert len(model.weights) == 4
    model.stack.append(nn.Linear(3, 2))
    assert len(model.weights) == 6
    before = [w.numpy() for w in model.weights]
    fitted(model)
    assert all((w.numpy() != b).any() for w, b in zip(model.weights, before, strict=True))
    model.stack[1] = nn.Identity()
    assert len(model.weights) == 4
    model.stack[0].weight = nn.Parameter(torch.ones(3, 3))
    assert model.weights[0].numpy().all() and model.weights[0].value is model.stack[0].weight
    model.stack.pop(-1)
    assert len(model.weights) == 2
    model._modules["stack"] = nn.Linear(3, 2)  # as quantizing tools do it
    assert model.count_params() == 8


def test_deleted_and_replaced() -> None:
    model = Net()
    model(X)
    del model.named
    assert not hasattr(model, "named") and len(model.weights) == 9 and "named.a.0.weight" not in model.state_dict()
    model.lin = layers.Dense(4)
    model.named = nn.ModuleDict({"a": nn.Identity()})
    assert model(X).shape == (8, 2) and len(model.weights) == 9 and "lin.kernel" in model.state_dict()
    model.lin = nn.Linear(3, 4)
    assert "lin.kernel" not in model.state_dict() and "lin.weight" in model.state_dict() and model(X).shape == (8, 2)
    model.lin = None
    assert model.lin is None and len(model.weights) == 7
    del model.scale
    assert len(model.weights) == 6 and not hasattr(model, "scale")
    with pytest.raises(AttributeError):
        del model.scale


def test_lazy_modules() -> None:
    class Lazy(kfront.Model):
        def __init__(self) -> None:
            super().__init__()
            self.lin = nn.LazyLinear(2)

        def call(self, x: Any) -> Any:
            return self.lin(x)

    model = Lazy()
    assert model.weights == []
    model(X)
    before = [w.numpy() for w in model.weights]
    fitted(model)
    assert len(before) == 2 and (model.weights[0].numpy() != before[0]).any()


def test_tied_weights_are_one() -> None:
    model = Net()
    model.named["a"][0].weight = model.many[2].weight
    model(X)
    own = Own()
    own.named["a"][0].weight = own.many[2].weight
    assert len(model.weights) == len(list(own.parameters()))
    same(fitted(model), trained(own))


def test_a_parameter_is_replaced() -> None:
    model = fitted(Net())
    weights = model.weights
    model.lin.weight = nn.Parameter(torch.ones(4, 3))
    model.scale = nn.Parameter(torch.ones(4))
    model.load_state_dict({n: torch.ones_like(x) for n, x in model.state_dict().items()}, assign=True)
    assert all(a is b for a, b in zip(model.weights, weights, strict=True))
    model.fit(X, Y, verbose=0)  # the optimizer knows them still
    assert all(w.value is p for w, p in zip(weights[1:3], model.lin.parameters(), strict=True))


def test_layers_inside_modules() -> None:
    model = Mixed()
    model(X)
    assert len(model.weights) == 4 and {"stack.0.kernel", "stack.1.weight"} < set(model.state_dict())
    before = [w.numpy() for w in model.weights]
    fitted(model)
    assert all((w.numpy() != b).any() for w, b in zip(model.weights, before, strict=True))
    model.trainable = False
    assert not any(p.requires_grad for p in model.parameters())


@kfront.saving.register_keras_serializable("test_torch_modules")
class Mixed(kfront.Model):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.stack = nn.Sequential(layers.Dense(4, activation="tanh"), nn.Linear(4, 2))

    def call(self, x: Any) -> Any:
        return self.stack(x)


class Random(kfront.Model):
    def __init__(self) -> None:
        super().__init__()
        self.drop, self.norm = nn.Dropout(0.5), nn.BatchNorm1d(3)

    def call(self, x: Any) -> Any:
        return self.drop(self.norm(x))


def test_modes_follow_the_call() -> None:
    model = Random()
    zeros = lambda out: bool((out == 0).any())  # noqa: E731
    assert not model.drop.training and not zeros(model(X))  # Keras: inference unless told
    assert zeros(model(X, training=True)) and not zeros(model(X)) and not zeros(model(X, training=False))
    model.train()
    assert zeros(model(X)) and not zeros(model(X, training=False)) and zeros(model(X))
    model.norm.eval()  # the usual way to freeze statistics
    mean = model.norm.running_mean.clone()
    assert zeros(model(X)) and torch.equal(model.norm.running_mean, mean)
    model(X, training=True)
    assert not torch.equal(model.norm.running_mean, mean)
    mean = model.norm.running_mean.clone()
    assert zeros(model(X)) and torch.equal(model.norm.running_mean, mean)  # the flags are as they were
    model(X, training=True)
    model.eval()
    assert not zeros(model(X)) and not model.drop.training


def test_modes_inside_other_layers() -> None:
    outer = kfront.Sequential(
        [kfront.Input((3,)), layers.Dense(3), Random(), layers.TorchModuleWrapper(nn.Dropout(0.5))]
    )
    assert not (outer(X) == 0).any() and (outer(X, training=True) == 0).any() and not (outer(X) == 0).any()
    outer.train()
    assert (outer(X) == 0).any()
    net = nn.Sequential(nn.Linear(3, 3), Random()).train()
    assert (net(torch.tensor(X)) == 0).any()
    assert not (net.eval()(torch.tensor(X)) == 0).any()


@pytest.mark.parametrize("make", [Net, Block, Mixed])
def test_copies(make: Any) -> None:
    model = make()
    want = model(X)
    for twin in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert torch.equal(twin(X), want)
        assert not {id(p) for p in twin.parameters()} & {id(p) for p in model.parameters()}
        assert len(twin.weights) == len(model.weights)
        for w in twin.weights:
            w.assign(w * 0)
        assert not twin(X).any() and torch.equal(model(X), want)


@pytest.mark.parametrize("make", [Net, Block, Mixed])
@pytest.mark.parametrize("suffix", ["weights.h5", "safetensors", "keras"])
def test_files(make: Any, suffix: str, tmp_path: Any) -> None:
    model = make() if make is not Block else kfront.Sequential([kfront.Input((3,)), Block()])
    model(X)
    model.set_weights([w + np.float32(0.1) for w in model.get_weights()])
    if make is Net:
        fitted(model)
    want = model.predict(X, verbose=0)
    path = tmp_path / f"m.{suffix}"
    if suffix == "keras":
        model.save(path)
        other = kfront.models.load_model(path)
    else:
        other = make() if make is not Block else kfront.Sequential([kfront.Input((3,)), Block()])
        other(X)
        assert not np.array_equal(other.predict(X, verbose=0), want)
        model.save_weights(path)
        other.load_weights(path)
    np.testing.assert_array_equal(other.predict(X, verbose=0), want)
    assert all(torch.equal(a, b) for a, b in zip(model.state_dict().values(), other.state_dict().values(), strict=True))


KERAS = """
import sys, numpy as np, torch, keras
from torch import nn

class Block(keras.layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.lin, self.dense = nn.Linear(3, 4), keras.layers.Dense(2)
    def call(self, x):
        return self.dense(self.lin(x))

class Net(keras.Model):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.block, self.norm, self.zero = Block(), nn.BatchNorm1d(2), nn.Linear(2, 2)
    def call(self, x):
        return self.zero(self.norm(self.block(x)))
"""
BOTH = """
net = Net()
x = np.linspace(-1, 1, 12, dtype="float32").reshape(4, 3)
net(x)
if len(sys.argv) > 2:
    net.load_weights(sys.argv[2])
with torch.no_grad():
    getattr(net.norm, "module", net.norm).running_mean += 0.5
net.save_weights(sys.argv[1])
np.save(sys.argv[1] + ".npy", net.predict(x, verbose=0))
"""


@pytest.mark.sampled(4, table="long")
@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("keras") is None, reason="Keras is the reference")
def test_files_of_keras(tmp_path: Any) -> None:
    """What Keras wrote of a model with modules of torch loads here, and the other way round."""

    def run(name: str, package: str, *more: str) -> Any:
        code = (KERAS + BOTH).replace(
            "import sys, numpy as np, torch, keras", f"import sys, numpy as np, torch, {package}"
        )
        path = str(tmp_path / f"{name}.weights.h5")
        env = {**os.environ, "KERAS_BACKEND": "torch"}
        done = subprocess.run([sys.executable, "-c", code, path, *more], env=env, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return path, np.load(f"{path}.npy")

    first, _ = run("keras", "keras")
    second, want = run("kfront", "kfront as keras", first)
    with h5py.File(first) as a, h5py.File(second) as b:
        assert datasets(a) == datasets(b)
    third, _ = run("again", "keras", second)
    _, got = run("last", "kfront as keras", third)
    assert not np.array_equal(got, want)  # each run moves the statistics
    with h5py.File(second) as a, h5py.File(third) as b:
        name = "layers/torch_module_wrapper/vars/running_mean"
        np.testing.assert_allclose(b[name], a[name][:] + 0.5)


def datasets(file: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    file.visititems(lambda n, x: found.update({n: x.shape} if isinstance(x, h5py.Dataset) else {}))
    return found


def test_a_file_that_does_not_fit(tmp_path: Any) -> None:
    model = Net()
    model(X)
    model.save_weights(tmp_path / "a.weights.h5")
    model.lin = nn.Linear(3, 4, bias=False)
    with pytest.raises(ValueError, match="lin"):
        model.load_weights(tmp_path / "a.weights.h5")


def test_sequential_takes_modules() -> None:
    torch.manual_seed(0)
    modules = [nn.Linear(3, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 2)]
    own = nn.Sequential(*copy.deepcopy(modules))
    model = fitted(kfront.Sequential(modules))
    trained(own)
    for w, p in zip(model.weights, own.parameters(), strict=True):
        torch.testing.assert_close(w.value, p)
    assert model.output_shape[-1] == 2 and [layer.module for layer in model.layers] == modules
    np.testing.assert_allclose(model.predict(X, verbose=0), own(torch.tensor(X)).detach(), rtol=1e-5, atol=1e-6)


def test_in_a_functional_model() -> None:
    x = kfront.Input((3,))
    model = kfront.Model(x, layers.Dense(2)(Block()(x)))
    before = [w.numpy() for w in model.weights]
    assert len(before) == 6
    fitted(model)
    assert all((w.numpy() != b).any() for w, b in zip(model.weights, before, strict=True))


def chain() -> Any:
    return kfront.Sequential([kfront.Input((3,)), layers.Dense(4, "tanh", name="body"), layers.Dense(2, name="head")])


def graph() -> Any:
    x = kfront.Input((3,))
    return kfront.Model(x, layers.Dense(2, name="head")(layers.Dense(4, "tanh", name="body")(x)))


@pytest.mark.parametrize("make", [chain, graph])
def test_a_layer_of_a_model_is_replaced(make: Any, tmp_path: Any) -> None:
    model, x = make(), torch.from_numpy(X)
    body, head = model.body, model.head
    model.head = nn.Linear(4, 5)
    torch.testing.assert_close(model(x), model.head(body(x)))
    assert model.output_shape == (None, 5) and len(model.layers) == len(make().layers)
    assert [w.path.rpartition("/")[2] for w in model.weights] == ["kernel", "bias", "weight", "bias"]
    body.trainable = False
    frozen = body.get_weights()
    model.compile("sgd", "mse")
    losses = model.fit(X, np.ones((8, 5), "float32"), epochs=3, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    for was, now in zip(frozen, body.get_weights(), strict=True):
        np.testing.assert_array_equal(was, now)
    twin, other = copy.deepcopy(model), make()
    torch.testing.assert_close(twin(x), model(x))
    other.head = nn.Linear(4, 5)
    model.save_weights(tmp_path / "it.weights.h5")
    other.load_weights(tmp_path / "it.weights.h5")
    torch.testing.assert_close(other(x), model(x))
    model.head = head
    torch.testing.assert_close(model(x), head(body(x)))
    assert model.output_shape == (None, 2) and model.layers[-1] is head


def test_compiled_whole() -> None:
    for make in (Net, Block):
        torch._dynamo.reset()
        model = make()
        want = model(X)
        run = torch.compile(model, fullgraph=True, backend="eager")
        torch.testing.assert_close(run(torch.tensor(X)), want)
        run(torch.tensor(X)).sum().backward()
        assert model.lin.weight.grad is not None


def test_other_engines_say_so() -> None:
    pytest.importorskip("jax")
    model = Net()
    model(X)
    with pytest.raises(kfront.core.errors.KfrontError, match="torch"):
        kfront.convert(model, "jax")


def test_hooks_on_registration_see_weights_once_by_name() -> None:
    seen: list[tuple[str, tuple[int, ...]]] = []
    hooks = nn.modules.module
    handles = [
        hooks.register_module_parameter_registration_hook(lambda m, name, p: seen.append((name, tuple(p.shape)))),
        hooks.register_module_buffer_registration_hook(lambda m, name, x: seen.append((name, tuple(x.shape)))),
        hooks.register_module_module_registration_hook(lambda m, name, part: seen.append((name, ()))),
    ]
    try:
        kfront.Sequential([kfront.Input((3,)), layers.Dense(4), layers.BatchNormalization()])
    finally:
        for handle in handles:
            handle.remove()
    weights = [("bias", (4,)), ("beta", (4,)), ("gamma", (4,)), ("kernel", (3, 4))]
    moving = [("moving_mean", (4,)), ("moving_variance", (4,))]
    assert sorted(x for x in seen if x[1]) == sorted([*weights, *moving])
    assert [name for name, shape in seen if not shape][-2:] == ["dense", "batch_normalization"]


def test_inputs_of_torchs_other_kinds() -> None:
    dense, x = layers.Dense(2), torch.from_numpy(X)
    whole = dense(x)
    nested = dense(torch.nested.nested_tensor([x[:3], x[3:]], layout=torch.jagged))
    torch.testing.assert_close(torch.cat(list(nested.unbind())), whole)
    attention = layers.MultiHeadAttention(2, 3)
    assert attention(torch.zeros(0, 4, 6), torch.zeros(0, 4, 6)).shape == (0, 4, 6)


def test_exported_with_a_range_of_batches() -> None:
    batch = torch.export.Dim("batch", min=2, max=64)
    model, x = chain(), torch.from_numpy(X)
    program = torch.export.export(model, (x,), dynamic_shapes=({0: batch},), strict=False)
    torch.testing.assert_close(program.module()(x[:5]), model(x[:5]))
