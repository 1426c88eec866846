"""`train()`, `eval()` and layers without weights yet, among modules of torch."""

from __future__ import annotations

import copy
from typing import Any

import pytest

import kfront
from kfront import layers
from kfront.core.errors import NotBuiltError

torch = pytest.importorskip("torch")
nn = torch.nn

X = torch.ones(6, 8)


@pytest.fixture(autouse=True)
def on_torch() -> Any:
    with kfront.backend_scope("torch"):
        torch.manual_seed(0)
        yield


def drops(module: Any, *args: Any, **kwargs: Any) -> bool:
    """Whether dropout is on."""
    return bool((module(X, *args, **kwargs) == 0).any())


class Deep(layers.Layer):
    """A layer with layers, one of them made late."""

    def __init__(self) -> None:
        super().__init__()
        self.first = kfront.Sequential([layers.Dropout(0.5)])

    def build(self, input_shape: Any) -> None:
        self.late = layers.Dropout(0.5)

    def call(self, x: Any) -> Any:
        return self.late(self.first(x))


@pytest.mark.parametrize("make", [lambda: layers.Dropout(0.5), Deep, lambda: kfront.Sequential([layers.Dropout(0.5)])])
def test_a_fresh_layer_follows_the_module_around_it(make: Any) -> None:
    assert not drops(make())  # alone: inference unless told, as in Keras
    assert drops(nn.Sequential(make())) == drops(nn.Sequential(nn.Dropout(0.5)))  # a new Module trains
    net = nn.Sequential(nn.Identity()).eval()
    net.append(make())
    assert not drops(net) and drops(net.train()) and not drops(net.eval())

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stack = nn.ModuleList([make()])
            self.stack.append(make())

        def forward(self, x: Any) -> Any:
            return self.stack[1](self.stack[0](x))

    assert drops(Net()) and all(m.training for m in Net().modules())


def test_a_mode_that_was_set_stays() -> None:
    for flag in (True, False):
        part = layers.Dropout(0.5).train(flag)
        assert drops(nn.Sequential(part)) == flag == part.training


def test_layers_made_late_follow_too() -> None:
    deep = Deep().train()
    deep(X)
    assert deep.late.training and drops(deep.late)
    fresh = Deep()
    fresh(X)
    assert not fresh.late.training and drops(fresh.train().late)


def test_the_argument_goes_before_the_flags() -> None:
    net = kfront.Sequential([layers.Dropout(0.5), Deep()])
    for flag in (True, False):
        net.train(flag)
        assert drops(net) == flag and drops(net, training=True) and not drops(net, training=False)
        assert all(m.training == flag for m in net.modules())


def test_a_part_keeps_its_own_mode() -> None:
    """The usual way to freeze a part: the flag of the layer around it does not count as an argument."""

    class Outer(layers.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.norm, self.drop = layers.BatchNormalization(), layers.Dropout(0.5)

        def call(self, x: Any, training: bool | None = None) -> Any:
            return self.drop(self.norm(x))

    outer = Outer()
    outer(X)
    outer.train().norm.eval()
    mean = outer.norm.moving_mean.numpy()
    assert drops(outer) and (outer.norm.moving_mean.numpy() == mean).all()
    outer.norm.train()
    outer(X)
    assert (outer.norm.moving_mean.numpy() != mean).any()


def test_tools_do_not_change_the_mode() -> None:
    model = kfront.Sequential([layers.Dense(8), layers.Dropout(0.5)])
    model(X)
    compiled = torch.compile(model, backend="eager")
    assert not drops(compiled) and not model.training and not model.layers[1].training
    assert not copy.deepcopy(model).training
    graph = torch.fx.GraphModule(model, torch.fx.Graph())
    assert not model.training and not graph.training


UNBUILT = {
    "Dense": lambda: layers.Dense(3),
    "LSTM": lambda: layers.LSTM(3),
    "Sequential": lambda: kfront.Sequential([layers.Dense(3)]),
    "in a Module": lambda: nn.Sequential(nn.Linear(8, 8), layers.Dense(3)),
}


@pytest.mark.parametrize("name", UNBUILT)
def test_unbuilt_layers(name: str) -> None:
    """An optimizer would miss the weights, so it says what to do; LazyLinear says so of counting and freezing."""
    net, x = UNBUILT[name](), torch.ones(2, 8) if name != "LSTM" else torch.ones(2, 4, 8)
    for use in (
        lambda: torch.optim.SGD(net.parameters(), 0.1),
        lambda: torch.optim.Adam([p for p in net.parameters() if p.requires_grad]),
        lambda: torch.optim.SGD([{"params": [p]} for p in net.parameters()], 0.1),
        lambda: sum(p.numel() for p in net.parameters()),
        lambda: net.requires_grad_(False),
    ):
        with pytest.raises(NotBuiltError, match="expected a built layer, got one whose parameters do not exist yet"):
            use()
    net.zero_grad()
    net.double().float().to("cpu")
    assert not any("not_built" in n for n in net.state_dict())
    twin = copy.deepcopy(net)
    with pytest.raises(NotBuiltError):
        torch.optim.SGD(twin.parameters(), 0.1)
    before = net(x)
    step = torch.optim.SGD(net.parameters(), 0.1)
    before.sum().backward()
    step.step()
    assert not torch.equal(net(x), before)
    twin(x)
    twin.load_state_dict(net.state_dict())
    assert torch.equal(twin(x), net(x))


@pytest.mark.parametrize(
    "make", [lambda: layers.Add(), lambda: layers.Flatten(), lambda: layers.Dropout(0.5), lambda: layers.ReLU()]
)
def test_layers_without_weights_are_no_obstacle(make: Any) -> None:
    net = nn.Sequential(nn.Linear(8, 8), make())
    found = torch.optim.SGD(net.parameters(), 0.1).param_groups[0]["params"]
    assert {id(p) for p in found if p.requires_grad} == {id(p) for p in net[0].parameters()}


@pytest.mark.parametrize("axis", [-1, 1, 2])
def test_batch_normalization_in_one_kernel(axis: int, monkeypatch: Any) -> None:
    """The same numbers as in two steps, of results, gradients and statistics, also where calls follow each other."""
    results = []
    for plain in (False, True):
        layer = layers.BatchNormalization(axis=axis, momentum=0.7)
        if plain:
            monkeypatch.setattr(type(layer._kf_backend), "batch_normalization_step", lambda *args: None)
        x = torch.randn(5, 4, 3, 6, generator=torch.Generator().manual_seed(2)).requires_grad_()
        first, second = layer(x, training=True), layer(x * 2 + 1, training=True)
        (first.square().sum() + second.sin().sum()).backward()
        results.append([first, second, x.grad, *layer.get_weights(), *(p.grad for p in layer.parameters())])
    for a, b in zip(*results, strict=True):
        if a is not None:
            torch.testing.assert_close(torch.as_tensor(a), torch.as_tensor(b), rtol=1e-5, atol=1e-5)


def test_batch_normalization_of_one_row() -> None:
    layer = layers.BatchNormalization(momentum=0.5)
    layer(torch.full((1, 3), 4.0), training=True)
    for w, want in zip(layer.get_weights()[2:], (2.0, 0.5), strict=True):
        assert (w == want).all()  # its variance is 0
