"""Idioms of `torch.nn.Module`: what every Module has, and how Modules are put together."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import nn

import kfront

from .idioms import Rows
from .torch_pairs import (
    ATTENTION,
    BATCH_NORM,
    CONV,
    DROPOUT,
    EMBEDDING,
    GROUP_NORM,
    GRU,
    LINEAR,
    LSTM,
    MLP,
    MODEL,
    NORM,
    POOL,
    RELU,
    Made,
    told,
)

__all__ = ["ROWS"]

ROWS = Rows("torch.nn.Module")
LAYERS = {
    "Dense": LINEAR,
    "Conv2D": CONV,
    "LayerNormalization": NORM,
    "BatchNormalization": BATCH_NORM,
    "GroupNormalization": GROUP_NORM,
    "Embedding": EMBEDDING,
    "MaxPooling2D": POOL,
    "ReLU": RELU,
    "LSTM": LSTM,
    "GRU": GRU,
    "MultiHeadAttention": ATTENTION,
    "layers in nn.Sequential": MLP,
    "a model": MODEL,
}


def forward_backward(s: Made) -> Any:
    x = s.x.clone().requires_grad_(s.x.is_floating_point())
    out = s.layer(x)
    out.square().sum().backward()
    return out, x.grad, None if s.packed else s.grads()


def in_eval_mode(s: Made) -> Any:
    s.layer.eval()
    with torch.no_grad():
        return s.layer(s.x), s.layer.training


for _name, _pair in LAYERS.items():
    ROWS.of(f"forward and backward: {_name}", _pair)(forward_backward)
    ROWS.of(f"eval and no_grad: {_name}", _pair)(in_eval_mode)


@ROWS.of("isinstance, and Parameters by name", LINEAR)
def _(s: Made) -> Any:
    weight = s.layer.get_parameter(s.weight)
    return isinstance(s.layer, nn.Module), isinstance(weight, nn.Parameter), s.params()


@ROWS.of("the attribute is the Parameter", LINEAR)
def _(s: Made) -> Any:
    weight = getattr(s.layer, s.weight)
    return isinstance(weight, nn.Parameter), any(p is weight for p in s.layer.parameters()), weight.requires_grad


@ROWS.of("grad, data and is_leaf of the attribute", LINEAR)
def _(s: Made) -> Any:
    weight = getattr(s.layer, s.weight)
    before = weight.grad
    s.loss().backward()
    return before, [told([(s.weight, x)]) for x in (weight.grad, weight.data)], weight.is_leaf


@ROWS.of("in-place changes of data under no_grad", LINEAR)
def _(s: Made) -> Any:
    with torch.no_grad():
        getattr(s.layer, s.weight).mul_(2).add_(1)
    s.layer.bias.data.zero_()
    return s.layer(s.x), s.params()


@ROWS.of("nn.init functions on the attribute", LINEAR)
def _(s: Made) -> Any:
    nn.init.constant_(getattr(s.layer, s.weight), 0.5)
    nn.init.zeros_(s.layer.bias)
    return s.layer(s.x)


@ROWS.of("apply an initializer to every module", MLP)
def _(s: Made) -> Any:
    def start(m: nn.Module) -> None:
        for p in m.parameters(recurse=False):
            nn.init.ones_(p)

    s.layer.apply(start)
    return s.layer(s.x)


@ROWS.of("a new Parameter in place of the old", LINEAR)
def _(s: Made) -> Any:
    shape = getattr(s.layer, s.weight).shape
    setattr(s.layer, s.weight, nn.Parameter(torch.full(shape, 0.25)))
    s.loss().backward()
    return s.layer(s.x), s.grads(), len(list(s.layer.parameters()))


@ROWS.of("tied weights are one Parameter", MLP)
def _(s: Made) -> Any:
    net = nn.Sequential(s.layer[0], s.layer[1], s.layer[2], s.layer[2].__class__ and nn.Linear(4, 3), s.layer[0])
    return len(list(net.parameters())), net[0] is net[4], len(list(net.named_parameters(remove_duplicate=False)))


@ROWS.of("children, modules, named_modules", MLP)
def _(s: Made) -> Any:
    return len(list(s.layer.children())), len(list(s.layer.modules())), [n for n, _ in s.layer.named_modules()]


@ROWS.of("get_submodule and set_submodule", MLP)
def _(s: Made) -> Any:
    s.layer.set_submodule("1", nn.Tanh())
    return s.layer.get_submodule("0") is s.layer[0], s.layer(s.x)


@ROWS.of("named_buffers and persistent buffers", BATCH_NORM)
def _(s: Made) -> Any:
    return told(s.layer.named_buffers())


@ROWS.of("statistics are no parameters", BATCH_NORM)
def _(s: Made) -> Any:
    return s.params(), sum(p.numel() for p in s.layer.parameters())


@ROWS.of("moving statistics after a step", BATCH_NORM)
def _(s: Made) -> Any:
    s.layer(s.x)
    return told((n, x) for n, x in s.layer.state_dict().items() if "var" not in n)


@ROWS.of("register_buffer and register_parameter on a layer", LINEAR)
def _(s: Made) -> Any:
    s.layer.register_buffer("scale", torch.tensor(2.0))
    s.layer.register_parameter("shift", nn.Parameter(torch.ones(4)))
    out = s.layer(s.x) * s.layer.scale + s.layer.shift
    out.sum().backward()
    return out, s.layer.shift.grad, sorted(told(s.layer.state_dict().items()))


@ROWS.of("requires_grad_ of a module", MLP)
def _(s: Made) -> Any:
    s.layer[0].requires_grad_(False)
    s.loss().backward()
    return s.grads(), [p.requires_grad for p in s.layer.parameters()]


@ROWS.of("requires_grad_ of everything trains no statistics", BATCH_NORM)
def _(s: Made) -> Any:
    s.layer.requires_grad_(True)
    return told(s.layer.named_parameters()), [
        x.requires_grad for _, x in s.layer.named_buffers() if x.is_floating_point()
    ]


@ROWS.of("zero_grad", MLP)
def _(s: Made) -> Any:
    s.loss().backward()
    s.layer.zero_grad()
    first = s.grads()
    s.loss().backward()
    s.layer.zero_grad(set_to_none=False)
    return first, s.grads()


@ROWS.of("train and eval return the module", DROPOUT)
def _(s: Made) -> Any:
    return s.layer.eval() is s.layer, [m.training for m in s.layer.train().modules()]


@ROWS.of("one part in evaluation mode while the rest trains", DROPOUT)
def _(s: Made) -> Any:
    s.layer.train()
    s.layer[1].eval()
    return s.layer(s.x)


@ROWS.of("double, float and half", MLP)
def _(s: Made) -> Any:
    out = s.layer.double()(s.x.double())
    return out, s.layer.float()(s.x), s.layer.to(torch.bfloat16)(s.x.bfloat16()).dtype == torch.bfloat16


@ROWS.of("to(device, dtype) keeps Parameters the same objects", LINEAR)
def _(s: Made) -> Any:
    before = list(s.layer.parameters())
    s.layer.to("cpu", torch.float64)
    return [a is b for a, b in zip(before, s.layer.parameters(), strict=True)], s.params()


@ROWS.of("deepcopy", MLP)
def _(s: Made) -> Any:
    twin = copy.deepcopy(s.layer)
    with torch.no_grad():
        for p in twin.parameters():
            p.zero_()
    return twin(s.x), s.layer(s.x)


@ROWS.of("on the meta device, then to_empty", MLP)
def _(s: Made) -> Any:
    saved = copy.deepcopy(s.layer.state_dict())
    s.layer.to("meta")
    kinds = [p.device.type for p in s.layer.parameters()]
    s.layer.to_empty(device="cpu").load_state_dict(saved)
    return kinds, s.layer(s.x)


@ROWS.of("parameters for two groups by name", MLP)
def _(s: Made) -> Any:
    decay = [p for n, p in s.layer.named_parameters() if not n.endswith("bias")]
    rest = [p for n, p in s.layer.named_parameters() if n.endswith("bias")]
    step = torch.optim.SGD([{"params": decay, "weight_decay": 0.1}, {"params": rest}], 0.05)
    return s.train(step), s.params()


@ROWS.of("share_memory", LINEAR)
def _(s: Made) -> Any:
    s.layer.share_memory()
    return [p.is_shared() for p in s.layer.parameters()], s.layer(s.x)


@ROWS.of("a layer in nn.ModuleDict and nn.ModuleList", LINEAR)
def _(s: Made) -> Any:
    table = nn.ModuleDict({"a": s.layer, "b": nn.ModuleList([nn.Tanh(), nn.Identity()])})
    return told(table.named_parameters()), table["a"](s.x), "a" in table, len(table["b"])


@ROWS.of("a subclass of torch's Module around a layer", LINEAR)
def _(s: Made) -> Any:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = s.layer
            self.head = nn.Linear(4, 2, bias=False)
            nn.init.ones_(self.head.weight)

        def forward(self, x: Any) -> Any:
            return self.head(torch.relu(self.body(x)))

    net = Net()
    net(s.x).square().sum().backward()
    return net(s.x), told((n, p.grad) for n, p in net.named_parameters())


@ROWS.of("nn.functional on the layer's Parameters", LINEAR)
def _(s: Made) -> Any:
    weight = told([(s.weight, getattr(s.layer, s.weight))])["weight"]
    return nn.functional.linear(s.x, weight, s.layer.bias) - s.layer(s.x)


@ROWS.of("arithmetic on the attribute", LINEAR)
def _(s: Made) -> Any:
    weight = getattr(s.layer, s.weight)
    penalty = (weight**2).sum() + weight.abs().max() + torch.norm(weight) + torch.linalg.norm(weight)
    penalty.backward()
    return penalty, told([(s.weight, weight.grad)])


@ROWS.of("shape, dtype, device and numel of the attribute", LINEAR)
def _(s: Made) -> Any:
    weight = getattr(s.layer, s.weight)
    return sorted(weight.shape), str(weight.dtype), weight.device.type, weight.numel(), weight.dim(), len(weight.size())


@ROWS.of("a mask of padding in attention", ATTENTION)
def _(s: Made) -> Any:
    return s.layer.eval()(s.x).shape


@ROWS.of("lists of layers built in a loop", LINEAR)
def _(s: Made) -> Any:
    ours = s.weight == "kernel"
    blocks = nn.ModuleList()
    for _ in range(3):
        blocks.append(kfront.layers.Dense(4) if ours else nn.Linear(4, 4))
    x = s.layer(s.x)
    for block in blocks:
        x = block(x)
    return len(blocks), x.shape == (5, 4), len(list(blocks.parameters()))
