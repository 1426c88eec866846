"""Idioms of torch's smaller tools: quantization, checkpoint policies, graphs of autograd, data in workers, trackers."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import fx, nn
from torch.ao import quantization
from torch.autograd import functional, graph
from torch.nn.utils import parametrize, prune
from torch.utils import checkpoint as recompute
from torch.utils.data import ConcatDataset, DataLoader, Subset, TensorDataset
from torch.utils.module_tracker import ModuleTracker

import kfront

from .idioms import Rows
from .torch_pairs import ATTENTION, BATCH_NORM, CONV, LINEAR, MLP, MODEL, Made, fill, told

__all__ = ["ROWS"]

QUANTIZED = Rows("torch.ao.quantization")
GRAPH = Rows("torch.autograd.graph")
FUNCTIONAL = Rows("torch.autograd.functional")
CHECKPOINT = Rows("torch.utils.checkpoint")
DATA = Rows("torch.utils.data")
MODULES = Rows("torch.nn.Module")
UTILS = Rows("torch.nn.utils")
FX = Rows("torch.fx")

# ---- quantization: torch's own modules beside layers of kfront -------------------------------------------------------


def _mixed(s: Made) -> nn.Module:
    """The layers of either, then a module of torch, which is what these tools quantize."""
    return fill(nn.Sequential(s.layer, nn.ReLU(), nn.Linear(4, 2))).eval()


@QUANTIZED.of("quantize_dynamic of the modules of torch in a network", MLP)
def _(s: Made) -> Any:
    return quantization.quantize_dynamic(_mixed(s), {"2": quantization.default_dynamic_qconfig})(s.x)


@QUANTIZED.of("prepare and convert", MLP)
def _(s: Made) -> Any:
    torch.backends.quantized.engine = "qnnpack" if "x86" not in torch.backends.quantized.supported_engines else "x86"
    net = nn.Sequential(s.layer, quantization.QuantStub(), nn.Linear(4, 2), quantization.DeQuantStub())
    fill(net).eval()
    parts: list[Any] = list(net)[1:]
    for part in parts:
        part.qconfig = quantization.get_default_qconfig(torch.backends.quantized.engine)
    quantization.prepare(net, inplace=True)
    net(s.x)
    quantization.convert(net, inplace=True)
    return net(s.x)


@QUANTIZED.of("fake quantization of a weight, by a parametrization", LINEAR)
def _(s: Made) -> Any:
    class Rounded(nn.Module):
        def forward(self, w: torch.Tensor) -> torch.Tensor:
            return torch.fake_quantize_per_tensor_affine(w, 0.05, 0, -128, 127)

    parametrize.register_parametrization(s.layer, s.weight, Rounded())
    s.loss().backward()
    return s.layer(s.x), s.layer.bias.grad


# ---- autograd --------------------------------------------------------------------------------------------------------


@GRAPH.of("register_multi_grad_hook", MLP)
def _(s: Made) -> Any:
    seen: list[int] = []
    weights = [p for p in s.layer.parameters() if p.requires_grad]
    handle = graph.register_multi_grad_hook(weights, lambda grads: seen.append(sum(g is not None for g in grads)))
    s.loss().backward()
    handle.remove()
    s.loss().backward()
    return seen


@GRAPH.of("get_gradient_edge of a weight", LINEAR)
def _(s: Made) -> Any:
    edge = graph.get_gradient_edge(getattr(s.layer, s.weight))
    return told([(s.weight, torch.autograd.grad(s.loss(), edge)[0])])


@GRAPH.of("allow_mutation_on_saved_tensors", MLP)
def _(s: Made) -> Any:
    with graph.allow_mutation_on_saved_tensors():
        x = s.x.clone()
        loss = s.loss(x)
        x.zero_()
        loss.backward()
    return s.grads()


for _name, _pair in {"layers": MLP, "a model": MODEL, "attention": ATTENTION}.items():
    FUNCTIONAL.of(f"jacobian of {_name}", _pair)(lambda s: functional.jacobian(s.layer.eval(), s.x[:1]))


@FUNCTIONAL.of("hvp", MLP)
def _(s: Made) -> Any:
    return functional.hvp(lambda x: s.layer(x).pow(3).sum(), s.x, torch.ones_like(s.x))


@CHECKPOINT.of("a policy says which ops are kept", MLP)
def _(s: Made) -> Any:
    kept = [torch.ops.aten.mm.default, torch.ops.aten.addmm.default]
    policy = lambda: recompute.create_selective_checkpoint_contexts(kept)  # noqa: E731
    recompute.checkpoint(s.layer, s.x, use_reentrant=False, context_fn=policy).square().sum().backward()
    return s.grads()


@CHECKPOINT.of("set_checkpoint_early_stop", MODEL)
def _(s: Made) -> Any:
    with recompute.set_checkpoint_early_stop(False):
        recompute.checkpoint(s.layer, s.x, use_reentrant=False).square().sum().backward()
    return s.grads()


@GRAPH.of("sdpa_kernel chooses the kernel of attention", ATTENTION)
def _(s: Made) -> Any:
    with nn.attention.sdpa_kernel(nn.attention.SDPBackend.MATH):
        return s.layer(s.x)


# ---- data ------------------------------------------------------------------------------------------------------------


@DATA.of("a layer as transform, in worker processes", (lambda: True, lambda: False))
def _(ours: bool) -> Any:
    x = torch.arange(24, dtype=torch.float32).reshape(12, 2)
    layer = kfront.layers.Rescaling(0.5, offset=1.0)
    scale = layer if ours else lambda batch: batch * 0.5 + 1.0
    collate = lambda rows: scale(torch.stack([r for (r,) in rows]))  # noqa: E731
    return list(DataLoader(TensorDataset(x), 4, num_workers=2, collate_fn=collate))


@DATA.of("ConcatDataset and Subset", MLP)
def _(s: Made) -> Any:
    data = ConcatDataset([TensorDataset(s.x), Subset(TensorDataset(s.x + 1), [0, 2])])
    return [s.layer(x) for (x,) in DataLoader(data, 3)]


# ---- modules ---------------------------------------------------------------------------------------------------------


@MODULES.of("ModuleTracker knows which module runs", MLP)
def _(s: Made) -> Any:
    seen: list[bool] = []
    with ModuleTracker() as tracker:
        s.layer[1].register_forward_hook(lambda *a: seen.append(any(p.endswith(".1") for p in tracker.parents)))
        s.loss().backward()
    return seen


@MODULES.of("get_buffer", BATCH_NORM)
def _(s: Made) -> Any:
    return s.layer.get_buffer("moving_mean" if s.weight == "kernel" else "running_mean")


@MODULES.of("add_module puts a layer in", MLP)
def _(s: Made) -> Any:
    net = nn.Sequential()
    net.add_module("body", s.layer)
    return told(net.state_dict().items()), net(s.x)


@MODULES.of("functionalize", MLP)
def _(s: Made) -> Any:
    return torch.func.functionalize(s.layer)(s.x)


@FX.of("Transformer", MLP)
def _(s: Made) -> Any:
    class Doubled(fx.Transformer):
        def call_module(self, target: Any, args: Any, kwargs: Any) -> Any:
            return super().call_module(target, args, kwargs) * 2

    return Doubled(fx.symbolic_trace(s.layer)).transform()(s.x)


@UTILS.of("pruned twice", LINEAR)
def _(s: Made) -> Any:
    prune.l1_unstructured(s.layer, s.weight, 0.25)
    prune.identity(s.layer, "bias")
    prune.l1_unstructured(s.layer, s.weight, 0.5)
    kept = int((getattr(s.layer, s.weight) != 0).sum())
    prune.remove(s.layer, s.weight)
    return kept, s.layer(s.x), prune.is_pruned(s.layer)


@UTILS.of("convert_conv2d_weight_memory_format", CONV)
def _(s: Made) -> Any:
    return nn.utils.convert_conv2d_weight_memory_format(copy.deepcopy(s.layer), torch.channels_last)(s.x)


@UTILS.of("norms of gradients, then clipped by them", MLP)
def _(s: Made) -> Any:
    s.loss().backward()
    weights = [p for p in s.layer.parameters() if p.requires_grad]
    total = nn.utils.get_total_norm([p.grad for p in weights])
    nn.utils.clip_grads_with_norm_(weights, 0.5, total)
    return total, s.grads()


for _name, _pair in {"layers": MLP, "a model": MODEL}.items():

    @UTILS.of(f"nn.init of biases: {_name}", _pair)
    def _(s: Made) -> Any:
        for n, p in s.layer.named_parameters():
            if n.endswith("bias"):
                for draw in (nn.init.uniform_, nn.init.normal_, nn.init.trunc_normal_):
                    draw(p)
        return s.params()


ROWS = [*QUANTIZED, *GRAPH, *FUNCTIONAL, *CHECKPOINT, *DATA, *MODULES, *UTILS, *FX]
