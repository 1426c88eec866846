"""Idioms of derivatives and transforms: torch.autograd, torch.func, torch.utils.checkpoint."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import nn
from torch.func import functional_call, grad, grad_and_value, hessian, jacfwd, jacrev, jvp, vjp, vmap
from torch.utils.checkpoint import checkpoint, checkpoint_sequential

from .idioms import Rows
from .torch_pairs import (
    ATTENTION,
    BATCH_NORM,
    CONV,
    DROPOUT,
    EMBEDDING,
    GRU,
    LINEAR,
    LSTM,
    MLP,
    MODEL,
    NORM,
    Made,
    told,
)

__all__ = ["ROWS"]

FUNC = Rows("torch.func")
AUTOGRAD = Rows("torch.autograd")
CHECKPOINT = Rows("torch.utils.checkpoint")


def weights(s: Made) -> dict[str, Any]:
    return {n: p.detach() for n, p in s.layer.named_parameters() if p.requires_grad}


def loss_of(s: Made) -> Any:
    return lambda params, x: functional_call(s.layer, params, (x,)).square().sum()


# ---- torch.func ------------------------------------------------------------------------------------------------------


def functional_gradients(s: Made) -> Any:
    found = grad(loss_of(s))(weights(s), s.x)
    return None if s.packed else told(found.items())


for _name, _pair in {"Dense": LINEAR, "Conv2D": CONV, "LayerNormalization": NORM, "Embedding": EMBEDDING}.items():
    FUNC.of(f"grad of functional_call: {_name}", _pair)(functional_gradients)
for _name, _pair in {"layers": MLP, "a model": MODEL, "LSTM": LSTM, "MultiHeadAttention": ATTENTION}.items():
    FUNC.of(f"grad of functional_call: {_name}", _pair)(functional_gradients)


@FUNC.of("functional_call with other values", MLP)
def _(s: Made) -> Any:
    halved = {n: p / 2 for n, p in weights(s).items()}
    return functional_call(s.layer, halved, (s.x,)), s.layer(s.x)


@FUNC.of("functional_call with some of the values", MLP)
def _(s: Made) -> Any:
    return functional_call(s.layer, {"2.bias": torch.zeros(4)}, (s.x,)), s.layer(s.x)


@FUNC.of("functional_call with parameters and buffers", BATCH_NORM)
def _(s: Made) -> Any:
    both = {**weights(s), **{n: b.clone() for n, b in s.layer.named_buffers()}}
    return functional_call(s.layer.eval(), both, (s.x,))


@FUNC.of("new statistics land in the buffers that were given", BATCH_NORM)
def _(s: Made) -> Any:
    state = {n: x.detach().clone() + 3 for n, x in s.layer.state_dict().items()}
    functional_call(s.layer, state, (s.x,))
    return [told(x.items())["running_mean"] for x in (state, s.layer.state_dict())]


@FUNC.of("functional_call of tied weights", MLP)
def _(s: Made) -> Any:
    net = nn.Sequential(s.layer[2], nn.Tanh(), nn.Linear(4, 8), s.layer[2])
    nn.init.ones_(net[2].weight), nn.init.zeros_(net[2].bias)
    return functional_call(net, {n: p * 2 for n, p in net.named_parameters()}, (torch.ones(2, 8),), tie_weights=True)


@FUNC.of("grad_and_value", MLP)
def _(s: Made) -> Any:
    found, value = grad_and_value(loss_of(s))(weights(s), s.x)
    return told(found.items()), value


def per_sample(s: Made) -> Any:
    one = lambda params, x: functional_call(s.layer, params, (x[None],)).square().sum()  # noqa: E731
    found = vmap(grad(one), (None, 0))(weights(s), s.x)
    return [told((n, x[i]) for n, x in found.items()) for i in range(2)]


for _name, _pair in {"layers": MLP, "Conv2D": CONV, "LayerNormalization": NORM, "a model": MODEL}.items():
    FUNC.of(f"gradients of each sample: {_name}", _pair)(per_sample)


@FUNC.of("an ensemble by stack_module_state", MLP)
def _(s: Made) -> Any:
    nets = [copy.deepcopy(s.layer) for _ in range(3)]
    with torch.no_grad():
        for i, net in enumerate(nets):
            for p in net.parameters():
                if p.is_floating_point():
                    p.mul_(i + 1)
    params, buffers = torch.func.stack_module_state(nets)
    base = copy.deepcopy(nets[0]).to("meta")
    return vmap(lambda p, b, x: functional_call(base, (p, b), (x,)), (0, 0, None))(params, buffers, s.x)


@FUNC.of("vmap over inputs", MLP)
def _(s: Made) -> Any:
    return vmap(s.layer)(s.x.repeat(2, 1, 1))


@FUNC.of("jacrev and jacfwd", LINEAR)
def _(s: Made) -> Any:
    return jacrev(s.layer)(s.x[0:1]), jacfwd(s.layer)(s.x[0:1])


@FUNC.of("hessian of the input", MLP)
def _(s: Made) -> Any:
    return hessian(lambda x: s.layer(x).tanh().sum())(s.x[:1])


@FUNC.of("vjp and jvp", MLP)
def _(s: Made) -> Any:
    out, pull = vjp(s.layer, s.x)
    return out, pull(torch.ones_like(out)), jvp(s.layer, (s.x,), (torch.ones_like(s.x),))


@FUNC.of("a training loop of pure functions", MLP)
def _(s: Made) -> Any:
    params = weights(s)
    for _ in range(3):
        found = grad(loss_of(s))(params, s.x)
        params = {n: p - 0.01 * found[n] for n, p in params.items()}
    return told(params.items())


@FUNC.of("a gradient through a gradient step (MAML)", MLP)
def _(s: Made) -> Any:
    def outer(params: Any) -> Any:
        inner = grad(lambda p: functional_call(s.layer, p, (s.x,)).tanh().sum())(params)
        return loss_of(s)({n: p - 0.1 * inner[n] for n, p in params.items()}, s.x + 1)

    return told(grad(outer)(weights(s)).items())


@FUNC.of("linearize", MLP)
def _(s: Made) -> Any:
    out, push = torch.func.linearize(s.layer, s.x)
    return out, push(torch.ones_like(s.x))


# ---- torch.autograd --------------------------------------------------------------------------------------------------


@AUTOGRAD.of("grad by parameters", MLP)
def _(s: Made) -> Any:
    named = [(n, p) for n, p in s.layer.named_parameters() if p.requires_grad]
    return told(zip([n for n, _ in named], torch.autograd.grad(s.loss(), [p for _, p in named]), strict=True))


@AUTOGRAD.of("second derivatives by backward", MLP)
def _(s: Made) -> Any:
    x = s.x.clone().requires_grad_()
    (first,) = torch.autograd.grad(s.layer(x).tanh().sum(), x, create_graph=True)
    first.square().sum().backward()
    return x.grad, s.grads()


@AUTOGRAD.of("functional.hessian and vhp", LINEAR)
def _(s: Made) -> Any:
    scalar = lambda x: s.layer(x).tanh().sum()  # noqa: E731
    hessians = torch.autograd.functional
    return hessians.hessian(scalar, s.x[:1]), hessians.vhp(scalar, s.x[:1], torch.ones(1, 3))


@AUTOGRAD.of("forward mode with dual numbers", MLP)
def _(s: Made) -> Any:
    ad = torch.autograd.forward_ad
    with ad.dual_level():
        return ad.unpack_dual(s.layer(ad.make_dual(s.x, torch.ones_like(s.x)))).tangent.clone()


@AUTOGRAD.of("gradcheck in float64", MLP)
def _(s: Made) -> Any:
    return torch.autograd.gradcheck(s.layer.double(), (s.x.double().requires_grad_(),))


@AUTOGRAD.of("a Function of one's own around a layer", LINEAR)
def _(s: Made) -> Any:
    class Reverse(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return x.view_as(x)

        @staticmethod
        def backward(ctx: Any, grad: Any) -> Any:
            return -grad

    Reverse.apply(s.layer(s.x)).sum().backward()
    return s.grads()


@AUTOGRAD.of("detect_anomaly", MLP)
def _(s: Made) -> Any:
    with torch.autograd.detect_anomaly(check_nan=True):
        s.loss().backward()
    return s.grads()


@AUTOGRAD.of("inference_mode", MLP)
def _(s: Made) -> Any:
    with torch.inference_mode():
        out = s.layer.eval()(s.x)
    return out, out.is_inference()


@AUTOGRAD.of("no_grad, enable_grad, set_grad_enabled", MLP)
def _(s: Made) -> Any:
    with torch.no_grad():
        first = s.layer(s.x).requires_grad
        with torch.enable_grad():
            second = s.layer(s.x).requires_grad
    with torch.set_grad_enabled(False):
        return first, second, s.layer(s.x).requires_grad


@AUTOGRAD.of("detach between two parts", MLP)
def _(s: Made) -> Any:
    s.layer[2](s.layer[:2](s.x).detach()).sum().backward()
    return s.grads()


# ---- torch.utils.checkpoint ------------------------------------------------------------------------------------------


def checkpointed(s: Made, **how: Any) -> Any:
    torch.manual_seed(3)
    x = s.x.clone().requires_grad_(s.x.is_floating_point())
    out = checkpoint(s.layer, x, **how)
    out.square().sum().backward()
    return out, x.grad, None if s.packed else s.grads()


for _name, _pair in {
    "layers": MLP,
    "Dropout": DROPOUT,
    "LayerNormalization": NORM,
    "GRU": GRU,
    "a model": MODEL,
}.items():
    for _again in (False, True):
        CHECKPOINT.of(f"use_reentrant={_again}: {_name}", _pair)(
            lambda s, again=_again: checkpointed(s, use_reentrant=again)
        )


@CHECKPOINT.of("checkpoint_sequential", DROPOUT)
def _(s: Made) -> Any:
    torch.manual_seed(3)
    x = s.x.clone().requires_grad_()
    checkpoint_sequential(s.layer, 2, x, use_reentrant=False).square().sum().backward()
    return x.grad, s.grads()


@CHECKPOINT.of("nested", DROPOUT)
def _(s: Made) -> Any:
    torch.manual_seed(3)
    inner = lambda x: checkpoint(s.layer, x, use_reentrant=False)  # noqa: E731
    checkpoint(inner, s.x, use_reentrant=False).square().sum().backward()
    return s.grads()


@CHECKPOINT.of("manual_seed gives torch's masks", DROPOUT)
def _(s: Made) -> Any:
    torch.manual_seed(3)
    first = s.layer(s.x)
    with torch.random.fork_rng():
        second = s.layer(s.x)
    return first, second, s.layer(s.x)


ROWS = [*FUNC, *AUTOGRAD, *CHECKPOINT]
