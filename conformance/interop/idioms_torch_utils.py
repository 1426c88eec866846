"""Idioms of torch.nn.utils, parametrizations and pruning among them, and of what replaces parts of a network."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import nn
from torch.nn.utils import parametrizations, parametrize, prune

from .idioms import Rows
from .torch_pairs import BATCH_NORM, CONV, DROPOUT, GRAPH, LINEAR, MLP, MODEL, Made, told

__all__ = ["ROWS"]

PARAMETRIZE = Rows("torch.nn.utils.parametrize")
PRUNE = Rows("torch.nn.utils.prune")
UTILS = Rows("torch.nn.utils")
PARTS = Rows("parts of a network")


def out_axis(s: Made) -> int:
    """The axis of the weight along which the outputs lie."""
    return getattr(s.layer, s.weight).ndim - 1 if s.weight == "kernel" else 0


# ---- parametrizations ------------------------------------------------------------------------------------------------


class Doubled(nn.Module):
    def forward(self, x: Any) -> Any:
        return x * 2

    def right_inverse(self, x: Any) -> Any:
        return x / 2


@PARAMETRIZE.of("register_parametrization", LINEAR)
def _(s: Made) -> Any:
    parametrize.register_parametrization(s.layer, s.weight, nn.Tanh(), unsafe=True)
    s.loss().backward()
    return s.layer(s.x), s.grads(), parametrize.is_parametrized(s.layer, s.weight)


@PARAMETRIZE.of("two, one after the other, and deepcopy", LINEAR)
def _(s: Made) -> Any:
    for _ in range(2):
        parametrize.register_parametrization(s.layer, s.weight, Doubled())
    twin = copy.deepcopy(s.layer)
    return s.layer(s.x), twin(s.x), told(s.layer.state_dict().items())


@PARAMETRIZE.of("right_inverse: the attribute is set", LINEAR)
def _(s: Made) -> Any:
    parametrize.register_parametrization(s.layer, s.weight, Doubled())
    setattr(s.layer, s.weight, torch.ones_like(getattr(s.layer, s.weight)))
    return s.layer(s.x), told(s.layer.named_parameters())


@PARAMETRIZE.of("remove_parametrizations", LINEAR)
def _(s: Made) -> Any:
    parametrize.register_parametrization(s.layer, s.weight, Doubled())
    parametrize.remove_parametrizations(s.layer, s.weight)
    s.loss().backward()
    return s.layer(s.x), s.grads()


@PARAMETRIZE.of("cached", LINEAR)
def _(s: Made) -> Any:
    parametrize.register_parametrization(s.layer, s.weight, Doubled())
    with parametrize.cached():
        return s.layer(s.x) + s.layer(s.x + 1)


@PARAMETRIZE.of("trained", MLP)
def _(s: Made) -> Any:
    parametrize.register_parametrization(s.layer[0], s.weight, Doubled())
    return s.train(torch.optim.SGD(s.layer.parameters(), 0.01)), s.params()


for _name, _pair in {"Dense": LINEAR, "Conv2D": CONV}.items():

    @PARAMETRIZE.of(f"weight_norm: {_name}", _pair)
    def _(s: Made) -> Any:
        before = s.layer(s.x)
        parametrizations.weight_norm(s.layer, s.weight, dim=out_axis(s))
        s.loss().backward()
        after = s.layer(s.x)
        return before, after, len(list(s.layer.parameters()))

    @PARAMETRIZE.of(f"spectral_norm: {_name}", _pair)
    def _(s: Made) -> Any:
        dim = out_axis(s)
        parametrizations.spectral_norm(s.layer, s.weight, n_power_iterations=50, dim=dim)
        return s.layer.eval()(s.x)


@PARAMETRIZE.of("orthogonal", LINEAR)
def _(s: Made) -> Any:
    parametrizations.orthogonal(s.layer, s.weight)
    weight = getattr(s.layer, s.weight)  # the rows or the columns are orthogonal: those of which there are fewer
    return min(weight.shape), torch.linalg.svdvals(weight)


@PARAMETRIZE.of("low-rank adapters", LINEAR)
def _(s: Made) -> Any:
    class Lora(nn.Module):
        def __init__(self, shape: Any) -> None:
            super().__init__()
            self.a, self.b = nn.Parameter(torch.ones(shape[0], 1)), nn.Parameter(torch.full((1, shape[1]), 0.5))

        def forward(self, x: Any) -> Any:
            return x + self.a @ self.b

    parametrize.register_parametrization(s.layer, s.weight, Lora(getattr(s.layer, s.weight).shape))
    s.layer.parametrizations[s.weight].original.requires_grad_(False)
    s.loss().backward()
    return s.layer(s.x), len([p for p in s.layer.parameters() if p.requires_grad])


# ---- pruning ---------------------------------------------------------------------------------------------------------


@PRUNE.of("l1_unstructured", LINEAR)
def _(s: Made) -> Any:
    prune.l1_unstructured(s.layer, s.weight, amount=0.5)
    s.loss().backward()
    return s.layer(s.x), s.grads(), told(s.layer.named_buffers())


@PRUNE.of("random_unstructured", LINEAR)
def _(s: Made) -> Any:
    prune.random_unstructured(s.layer, s.weight, amount=0.5)
    return int((getattr(s.layer, s.weight) == 0).sum())


@PRUNE.of("ln_structured", CONV)
def _(s: Made) -> Any:
    prune.ln_structured(s.layer, s.weight, amount=1, n=2, dim=out_axis(s))
    return s.layer(s.x)


@PRUNE.of("custom_from_mask, then remove", LINEAR)
def _(s: Made) -> Any:
    prune.custom_from_mask(s.layer, s.weight, torch.zeros_like(getattr(s.layer, s.weight)))
    prune.remove(s.layer, s.weight)
    return s.layer(s.x), told(s.layer.state_dict().items()), prune.is_pruned(s.layer)


@PRUNE.of("global_unstructured", MLP)
def _(s: Made) -> Any:
    prune.global_unstructured(
        [(s.layer[0], s.weight), (s.layer[2], s.weight)], pruning_method=prune.L1Unstructured, amount=0.3
    )
    return s.layer(s.x)


@PRUNE.of("a pruned network is trained", MLP)
def _(s: Made) -> Any:
    prune.l1_unstructured(s.layer[0], s.weight, amount=0.3)
    return s.train(torch.optim.SGD(s.layer.parameters(), 0.01))


# ---- the rest of torch.nn.utils --------------------------------------------------------------------------------------


@UTILS.of("parameters_to_vector and back", MLP)
def _(s: Made) -> Any:
    vector = nn.utils.parameters_to_vector(s.layer.parameters())
    nn.utils.vector_to_parameters(vector * 0.5, s.layer.parameters())
    return vector.numel(), s.params(), s.layer(s.x)


@UTILS.of("fuse_conv_bn_eval is told of shapes by attributes", BATCH_NORM)
def _(s: Made) -> Any:
    return s.layer.eval().training, s.layer(s.x).shape


@UTILS.of("copy of a module by functional deepcopy and swap_tensors", LINEAR)
def _(s: Made) -> Any:
    twin = copy.deepcopy(s.layer)
    with torch.no_grad():
        twin.bias.zero_() if s.weight == "weight" else dict(twin.named_parameters())["bias"].zero_()
    for a, b in zip(s.layer.parameters(), twin.parameters(), strict=True):
        torch.utils.swap_tensors(a, b)
    return s.layer(s.x), twin(s.x)


@UTILS.of("set_swap_module_params_on_conversion", MLP)
def _(s: Made) -> Any:
    torch.__future__.set_swap_module_params_on_conversion(True)
    try:
        with torch.no_grad():
            out = s.layer.double()(s.x.double())
            s.layer.load_state_dict({n: torch.ones_like(x) for n, x in s.layer.state_dict().items()})
            return out, s.layer(s.x.double())
    finally:
        torch.__future__.set_swap_module_params_on_conversion(False)


# ---- parts are replaced ----------------------------------------------------------------------------------------------


class Lora(nn.Module):
    """As PEFT puts one in the place of a layer."""

    def __init__(self, base: Any, size: tuple[int, int]) -> None:
        super().__init__()
        self.base = base
        self.down, self.up = nn.Linear(size[0], 1, bias=False), nn.Linear(1, size[1], bias=False)
        nn.init.ones_(self.down.weight)
        nn.init.ones_(self.up.weight)
        base.requires_grad_(False)

    def forward(self, x: Any) -> Any:
        return self.base(x) + self.up(self.down(x))


@PARTS.of("a layer is replaced by setattr on its parent", MLP)
def _(s: Made) -> Any:
    setattr(s.layer, "0", Lora(s.layer[0], (3, 8)))
    s.loss().backward()
    return s.layer(s.x), s.grads()


for _name, _pair in {"a Sequential": MODEL, "a functional model": GRAPH}.items():

    @PARTS.of(f"a layer of {_name} is replaced, and put back", _pair)
    def _(s: Made) -> Any:
        before = s.layer.get_submodule("0")
        setattr(s.layer, "0", Lora(before, (3, 8)))
        count, losses = (
            len([p for p in s.layer.parameters() if p.requires_grad]),
            s.train(torch.optim.SGD(s.layer.parameters(), 0.001)),
        )
        adapted = s.layer(s.x)
        setattr(s.layer, "0", before)
        return count, losses, adapted, s.layer(s.x)

    @PARTS.of(f"layers of {_name} are replaced while they are listed", _pair)
    def _(s: Made) -> Any:
        for name, part in s.layer.named_modules():
            if hasattr(part, s.weight):
                setattr(s.layer, name, Lora(part, (3, 8) if name == "0" else (8, 4)))
        return s.layer(s.x), [n.partition(".")[0] for n, p in s.layer.named_parameters() if p.requires_grad]


@PARTS.of("replacement through _modules", MLP)
def _(s: Made) -> Any:
    s.layer._modules["1"] = nn.Tanh()
    return s.layer(s.x)


@PARTS.of("the head is cut off", MLP)
def _(s: Made) -> Any:
    s.layer[2] = nn.Identity()
    return s.layer(s.x), s.params()


@PARTS.of("slices and appends of nn.Sequential", MLP)
def _(s: Made) -> Any:
    net = s.layer[:2].append(nn.LayerNorm(8, elementwise_affine=False))
    return net(s.x), len(s.layer), len(net)


@PARTS.of("a layer that is used twice", LINEAR)
def _(s: Made) -> Any:
    net = nn.Sequential(s.layer, nn.Linear(4, 3, bias=False), s.layer)
    nn.init.ones_(net[1].weight)
    net(s.x).square().sum().backward()
    return net(s.x), s.grads(), len(list(net.parameters()))


@PARTS.of("every layer of a kind is found", DROPOUT)
def _(s: Made) -> Any:
    kinds = [m for m in s.layer.modules() if hasattr(m, "p") or hasattr(m, "rate")]
    return len(kinds), [len(list(m.parameters(recurse=False))) for m in kinds if s.weight == "weight"] or [0]


@PARTS.of("weights are copied between two kinds by hand", LINEAR)
def _(s: Made) -> Any:
    other = nn.Linear(3, 4)
    other.load_state_dict(s.state())
    return other(s.x)


@PARTS.of("quantize_dynamic leaves other layers alone", MLP)
def _(s: Made) -> Any:
    net = nn.Sequential(s.layer, nn.Linear(4, 4, bias=False))
    nn.init.eye_(net[1].weight)
    torch.ao.quantization.quantize_dynamic(net, {nn.Bilinear}, inplace=True)
    return net(s.x)


ROWS = [*PARAMETRIZE, *PRUNE, *UTILS, *PARTS]
