"""A kfront model in torch's hands: it is an `nn.Module` like any other."""

from __future__ import annotations

import copy
import io
import pickle
from typing import Any

import numpy as np

import kfront

from ..suite import close
from .common import RATE, Check, batches, compiled, fit, fitted, made, outputs, running_mean

__all__ = ["CHECKS"]

SAME = 1e-5


def held(model: Any) -> list[Any]:
    """What torch has of a model."""
    return [*model.parameters(), *model.buffers()]


def parameters(family: str) -> None:
    """What is trained is a Parameter, other variables are buffers, each is there once; freezing is seen by both."""
    import torch

    model = made(family)
    named = dict(model.named_parameters())
    assert len(held(model)) == len(model.variables)
    assert {id(p) for p in named.values()} == {id(v._value) for v in model.trainable_variables}
    assert {id(x) for x in model.buffers()} == {id(v._value) for v in model.non_trainable_variables}
    assert all(isinstance(p, torch.nn.Parameter) and p.requires_grad for p in named.values())
    assert sum(p.numel() for p in named.values()) == sum(int(np.prod(v.shape)) for v in model.trainable_variables)
    before = model.trainable_variables
    model.requires_grad_(False)
    assert not any(p.requires_grad for p in model.parameters()) and not model.trainable_variables
    model.requires_grad_(True)
    assert model.trainable_variables == before


def state_dict(family: str) -> None:
    """A state_dict, saved and loaded by torch, carries a model over to another with other weights."""
    import torch

    model = made(family)
    file = io.BytesIO()
    torch.save(model.state_dict(), file)
    file.seek(0)
    other = made(family, 99)
    assert not np.array_equal(outputs(other, family), outputs(model, family))
    missing, unexpected = other.load_state_dict(torch.load(file, weights_only=True))
    assert not missing and not unexpected
    assert np.array_equal(outputs(other, family), outputs(model, family))
    for v, w in zip(other.variables, model.variables, strict=True):
        assert np.array_equal(v.numpy(), w.numpy()) and v._value is not w._value


def hooks(family: str) -> None:
    """Hooks of every layer fire, before and after the forward pass and in the backward pass."""
    model, seen = made(family), {"pre": 0, "after": 0, "backward": 0}

    def count(what: str) -> Any:
        def hook(*args: Any, **kwargs: Any) -> None:
            seen[what] += 1

        return hook

    handles = [model.register_full_backward_hook(count("backward"))]
    layers = [layer for layer in model.layers if not isinstance(layer, kfront.layers.InputLayer)]
    for layer in layers:
        handles += [layer.register_forward_pre_hook(count("pre")), layer.register_forward_hook(count("after"))]
    b = model._kf_backend
    x = b.convert(batches(family)[0][0])
    model(x).sum().backward()
    assert seen["pre"] == seen["after"] == len(layers), f"{seen} for {len(layers)} layers"
    assert seen["backward"] == 1, seen
    for handle in handles:
        handle.remove()
    model(x)
    assert seen["pre"] == len(layers), "a removed hook fired"
    handle = model.register_forward_hook(lambda module, args, out: out * 0)
    assert float(model(x).abs().sum()) == 0, "the result of a hook was not taken"
    handle.remove()


def moved(family: str) -> None:
    """`.double()`, `.to(dtype)` and `.float()` take the layers' dtypes along; values stay."""
    import torch

    model = made(family)
    want = outputs(model, family)
    x = model._kf_backend.convert(batches(family)[0][0])
    assert model.double() is model
    got = model(x.double() if x.is_floating_point() else x)
    assert got.dtype == torch.float64 and model.layers[-1].dtype == "float64"
    close(got.detach().numpy(), want, SAME, SAME)
    half = model.to(torch.bfloat16)(x)
    assert half.dtype == torch.bfloat16, half.dtype
    close(half.detach().float().numpy(), want, 0.1, 0.05)
    assert model.float()(x).dtype == torch.float32
    model.to("cpu").cpu()
    assert {id(p) for p in held(model)} == {id(v._value) for v in model.variables}


def copies(family: str) -> None:
    """`deepcopy`, pickle, and `torch.save` of the whole model give models of their own."""
    import torch

    model = made(family)
    want = outputs(model, family)
    file = io.BytesIO()
    torch.save(model, file)
    file.seek(0)
    twins = (copy.deepcopy(model), pickle.loads(pickle.dumps(model)), torch.load(file, weights_only=False))
    for twin in twins:
        assert type(twin) is type(model) and np.array_equal(outputs(twin, family), want)
        assert not {id(p) for p in held(twin)} & {id(p) for p in held(model)}
        assert {id(p) for p in held(twin)} == {id(v._value) for v in twin.variables}
        with torch.no_grad():
            for p in twin.parameters():
                p.zero_()
        assert not np.array_equal(outputs(twin, family), want), "the copy does not see its parameters"
        assert np.array_equal(outputs(model, family), want), "the copy shares parameters"


def optimizer(family: str) -> None:
    """A training loop with `torch.optim` gives the losses of `fit`."""
    import torch

    model = made(family)
    b = model._kf_backend
    step = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=RATE)
    model.train()
    losses = []
    for x, y in batches(family):
        step.zero_grad()
        p = model(b.convert(x))
        loss = torch.nn.functional.nll_loss(torch.log(p), b.convert(y).long())
        loss.backward()
        step.step()
        losses.append(float(loss))
    close(running_mean(losses), fitted("torch", family), SAME, what="losses")
    trained = compiled(family)
    fit(trained, family)
    for v, w in zip(model.variables, trained.variables, strict=True):
        close(v.numpy(), w.numpy(), 1e-4, 1e-5, v.path)


def inside(family: str) -> None:
    """In a user's Module a model is trained with the rest; `train()` and `eval()` reach its layers."""
    import torch

    class Net(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = made(family)
            self.head = torch.nn.Linear(5, 2)

        def forward(self, x: Any) -> Any:
            return self.head(self.body(x))

    net = Net()
    assert any(n.startswith("body.") for n, _ in net.named_parameters())
    x = net.body._kf_backend.convert(batches(family)[0][0])
    net.train()
    assert net.body.training and not torch.equal(net(x), net(x)), "no dropout in training"
    net.eval()
    assert not net.body.training and torch.equal(net(x), net(x)), "dropout in evaluation"
    trained = [p for p in net.parameters() if p.requires_grad]
    step = torch.optim.Adam(trained, lr=0.01)
    before = [p.detach().clone() for p in trained]
    losses = []
    for _ in range(8):
        step.zero_grad()
        loss = ((net(x) - 1) ** 2).mean()
        loss.backward()
        step.step()
        losses.append(float(loss))
    assert losses[-1] < losses[0], losses
    same = [torch.equal(p, q) for p, q in zip(trained, before, strict=True)]
    assert not any(same), f"{sum(same)} parameters were not trained"


def compile_whole(family: str) -> None:
    """`torch.compile(fullgraph=True)`: the same outputs, gradients and new averages, in training too."""
    import torch

    for training in (False, True):
        torch._dynamo.reset()
        eager, model = made(family), made(family)
        run = torch.compile(model, fullgraph=True, backend="eager")
        x = model._kf_backend.convert(batches(family)[0][0])
        for m in (eager, model):
            m.train(training)
        want, got = eager(x), run(x)
        close(got.detach().numpy(), want.detach().numpy(), SAME, SAME, f"training={training}")
        (want**2).sum().backward()
        (got**2).sum().backward()
        for v, w in zip(model.variables, eager.variables, strict=True):
            close(v.numpy(), w.numpy(), SAME, SAME, v.path)
            if w._value.grad is not None:
                close(v._value.grad.numpy(), w._value.grad.numpy(), 1e-4, 1e-5, f"gradient of {v.path}")


def functional(family: str) -> None:
    """`torch.func`: functional_call with other values, and gradients of it."""
    import torch

    model = made(family)
    x = model._kf_backend.convert(batches(family)[0][0])
    want = outputs(model, family)
    train = {n: p.detach().clone() for n, p in model.named_parameters() if p.requires_grad}
    zeros = {n: torch.zeros_like(p) for n, p in train.items()}
    got = torch.func.functional_call(model, zeros, (x,)).detach().numpy()
    close(got, np.full_like(want, 0.2), SAME, what="all weights zero")
    assert np.array_equal(outputs(model, family), want), "functional_call changed the model"
    grads = torch.func.grad(lambda p: (torch.func.functional_call(model, p, (x,)) ** 2).sum())(train)
    (model(x) ** 2).sum().backward()
    for n, p in model.named_parameters():
        if p.requires_grad:
            close(grads[n].numpy(), p.grad.numpy(), 1e-4, 1e-6, f"gradient of {n}")


CHECKS: dict[str, Check] = {
    "parameters": parameters,
    "state_dict": state_dict,
    "hooks": hooks,
    "double, to, float": moved,
    "deepcopy, pickle, torch.save": copies,
    "torch.optim": optimizer,
    "in a user's Module": inside,
    "torch.compile(fullgraph)": compile_whole,
    "torch.func": functional,
}
