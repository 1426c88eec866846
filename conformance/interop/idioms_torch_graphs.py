"""Idioms of programs that are captured: torch.compile, torch.export, torch.fx, torch.jit; and torch.autocast."""

from __future__ import annotations

import copy
import io
from typing import Any

import torch
from torch import Tensor, fx, nn

from ..suite import close
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

COMPILE = Rows("torch.compile")
EXPORT = Rows("torch.export")
FX = Rows("torch.fx")
JIT = Rows("torch.jit")
AUTOCAST = Rows("torch.autocast")
NETS = {
    "Dense": LINEAR,
    "Conv2D": CONV,
    "LayerNormalization": NORM,
    "BatchNormalization": BATCH_NORM,
    "Embedding": EMBEDDING,
    "MultiHeadAttention": ATTENTION,
    "layers": MLP,
    "a model": MODEL,
}

# ---- torch.compile ---------------------------------------------------------------------------------------------------


def compiled(s: Made, **how: Any) -> Any:
    torch.compiler.reset()
    run = torch.compile(s.layer, fullgraph=True, **how)
    for _ in range(2):
        out = run(s.x)
        out.square().sum().backward()
    return out, None if s.packed else s.grads()


for _name, _pair in NETS.items():
    COMPILE.of(f"fullgraph, aot_eager: {_name}", _pair)(lambda s: compiled(s, backend="aot_eager"))


@COMPILE.of("inductor", LINEAR)
def _(s: Made) -> Any:
    return compiled(s)


@COMPILE.of("a dynamic batch", MLP)
def _(s: Made) -> Any:
    torch.compiler.reset()
    run = torch.compile(s.layer, fullgraph=True, dynamic=True, backend="eager")
    return [run(s.x[:n]) for n in (2, 4, 5)]


@COMPILE.of("one compilation for weights that change", MLP)
def _(s: Made) -> Any:
    torch.compiler.reset()
    counter = torch._dynamo.testing.CompileCounter()
    run = torch.compile(s.layer, fullgraph=True, backend=counter)
    step = torch.optim.SGD([p for p in s.layer.parameters() if p.requires_grad], 0.01)
    for _ in range(3):
        run(s.x).square().sum().backward()
        step.step()
        step.zero_grad()
    return counter.frame_count, s.params()


@COMPILE.of("a whole step in a function", MLP)
def _(s: Made) -> Any:
    torch.compiler.reset()
    loss = torch.compile(lambda x: s.layer(x).square().sum(), backend="aot_eager", fullgraph=True)
    step = torch.optim.SGD([p for p in s.layer.parameters() if p.requires_grad], 0.01)
    losses = []
    for _ in range(3):
        step.zero_grad()
        value = loss(s.x)
        value.backward()
        step.step()
        losses.append(value.item())
    return losses


@COMPILE.of("Module.compile, in place", MLP)
def _(s: Made) -> Any:
    torch.compiler.reset()
    s.layer.compile(backend="eager")
    return s.layer(s.x), sorted(told(s.layer.state_dict().items()))


@COMPILE.of("state_dict of the compiled module", MLP)
def _(s: Made) -> Any:
    run = torch.compile(s.layer, backend="eager")
    other = copy.deepcopy(s.layer)
    other.load_state_dict({n.removeprefix("_orig_mod."): x for n, x in run.state_dict().items()})
    return sorted(told(run.state_dict().items())), other(s.x)


@COMPILE.of("train and eval give two programs", DROPOUT)
def _(s: Made) -> Any:
    torch.compiler.reset()
    run = torch.compile(s.layer, backend="eager", fullgraph=True)
    run(s.x)
    s.layer.eval()
    return run(s.x)


@COMPILE.of("new weights are used by what is compiled", LINEAR)
def _(s: Made) -> Any:
    torch.compiler.reset()
    run = torch.compile(s.layer, backend="eager", fullgraph=True)
    run(s.x)
    s.layer.load_state_dict({n: torch.ones_like(x) for n, x in s.layer.state_dict().items()})
    first = run(s.x)
    with torch.no_grad():
        next(p for n, p in s.layer.named_parameters() if n == "bias").zero_()
    return first, run(s.x)


# ---- torch.export ----------------------------------------------------------------------------------------------------


def exported(s: Made) -> Any:
    program = torch.export.export(s.layer.eval(), (s.x,))
    return program.module()(s.x)


for _name, _pair in NETS.items():
    EXPORT.of(f"export: {_name}", _pair)(exported)


@EXPORT.of("a dynamic batch", MLP)
def _(s: Made) -> Any:
    batch = torch.export.Dim("batch", min=2, max=64)
    program = torch.export.export(s.layer.eval(), (s.x,), dynamic_shapes=({0: batch},))
    return program.module()(s.x[:3]), program.module()(torch.cat([s.x, s.x]))


@EXPORT.of("saved and loaded", MLP)
def _(s: Made) -> Any:
    file = io.BytesIO()
    torch.export.save(torch.export.export(s.layer.eval(), (s.x,)), file)
    file.seek(0)
    return torch.export.load(file).module()(s.x)


@EXPORT.of("for training", MLP)
def _(s: Made) -> Any:
    module = torch.export.export(s.layer.train(), (s.x,)).module()
    module(s.x).square().sum().backward()
    return told((n, p.grad) for n, p in module.named_parameters())


@EXPORT.of("the signature names the parameters", MLP)
def _(s: Made) -> Any:
    program = torch.export.export(s.layer.eval(), (s.x,))
    return told((n, program.state_dict[n]) for n in program.graph_signature.parameters)


@EXPORT.of("run_decompositions", NORM)
def _(s: Made) -> Any:
    return torch.export.export(s.layer.eval(), (s.x,)).run_decompositions().module()(s.x)


# ---- torch.fx --------------------------------------------------------------------------------------------------------


class Leaves(fx.Tracer):
    """Layers stay what they are in the graph, as torch's own do."""

    def is_leaf_module(self, m: nn.Module, name: str) -> bool:
        return not list(m.children()) or super().is_leaf_module(m, name)


@FX.of("symbolic_trace", MLP)
def _(s: Made) -> Any:
    graph = fx.symbolic_trace(s.layer)
    return graph(s.x), [node.op for node in graph.graph.nodes]


def traced(s: Made) -> fx.GraphModule:
    tracer = Leaves()
    return fx.GraphModule(s.layer, tracer.trace(s.layer))


@FX.of("trace with layers as leaves", MLP)
def _(s: Made) -> Any:
    graph = traced(s)
    return graph(s.x), [node.op for node in graph.graph.nodes]


@FX.of("a layer is replaced in the graph", MLP)
def _(s: Made) -> Any:
    graph = traced(s)
    for node in graph.graph.nodes:
        if node.target == "1":
            with graph.graph.inserting_after(node):
                new = graph.graph.call_function(torch.tanh, (node.args[0],))
            node.replace_all_uses_with(new)
            graph.graph.erase_node(node)
            break
    graph.recompile()
    return graph(s.x)


@FX.of("the graph is trained", MLP)
def _(s: Made) -> Any:
    graph = traced(s)
    graph(s.x).square().sum().backward()
    return told((n, p.grad) for n, p in graph.named_parameters())


@FX.of("Interpreter sees every node", MLP)
def _(s: Made) -> Any:
    shapes: list[Any] = []

    class Shapes(fx.Interpreter):
        def run_node(self, n: Any) -> Any:
            out = super().run_node(n)
            shapes.append((n.op, tuple(out.shape)))
            return out

    Shapes(traced(s)).run(s.x)
    return shapes


@FX.of("make_fx of a loss and its gradient", MLP)
def _(s: Made) -> Any:
    from torch.fx.experimental.proxy_tensor import make_fx

    run = make_fx(torch.func.grad(lambda x: s.layer(x).square().sum()))(s.x)
    return run(s.x)


@FX.of("FakeTensorMode finds shapes", MLP)
def _(s: Made) -> Any:
    from torch._subclasses import FakeTensorMode

    with FakeTensorMode(allow_non_fake_inputs=True) as mode:
        return list(s.layer(mode.from_tensor(s.x)).shape)


@FX.of("FlopCounterMode", MLP)
def _(s: Made) -> Any:
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter:
        s.loss().backward()
    return counter.get_total_flops()


@FX.of("fuse_conv_bn_eval by hand: folded weights", CONV)
def _(s: Made) -> Any:
    scale = torch.full((4,), 2.0)
    with torch.no_grad():
        for n, p in s.layer.named_parameters():
            p.mul_(scale if n in ("bias", "kernel") else scale.view(4, 1, 1, 1))
    return s.layer(s.x)


# ---- torch.jit -------------------------------------------------------------------------------------------------------


def jit_traced(s: Made) -> Any:
    return torch.jit.trace(s.layer.eval(), s.x, check_trace=True)(s.x)


for _name in NETS:
    JIT.of(f"trace: {_name}", NETS[_name])(jit_traced)


for _name, _pair in {"LSTM": LSTM, "GRU": GRU}.items():
    JIT.of(f"trace: {_name}", _pair)(jit_traced)
    JIT.of(f"a trace is differentiated: {_name}", _pair)(lambda s: _slopes(s, torch.jit.trace(s.layer, s.x)))


def _slopes(s: Made, run: Any) -> Tensor:
    x = s.x.clone().requires_grad_()
    run(x).square().sum().backward()
    return x.grad


@JIT.of("new statistics are used by what is traced", BATCH_NORM)
def _(s: Made) -> Any:
    run = torch.jit.trace(s.layer.eval(), s.x)
    s.layer.load_state_dict({n: torch.full_like(x, 2) for n, x in s.layer.state_dict().items()})
    return run(s.x)


@JIT.of("a traced module is saved and loaded", MLP)
def _(s: Made) -> Any:
    file = io.BytesIO()
    torch.jit.save(torch.jit.trace(s.layer.eval(), s.x), file)
    file.seek(0)
    return torch.jit.load(file)(s.x)


@JIT.of("freeze", MLP)
def _(s: Made) -> Any:
    return torch.jit.freeze(torch.jit.trace(s.layer.eval(), s.x))(s.x)


# ---- torch.autocast --------------------------------------------------------------------------------------------------


def nearly(got: Any, want: Any) -> None:
    """Equal but for two roundings to bfloat16, which has 8 bits: a bias is added before or after the first."""
    assert got[0] == want[0] and got[2] == want[2], (got, want)
    close(got[1].detach().numpy(), want[1].detach().numpy(), 2**-7, 2**-7)


def autocasted(s: Made) -> Any:
    with torch.autocast("cpu", torch.bfloat16):
        out = s.layer(s.x)
    out.float().square().sum().backward()
    kinds = {str(p.grad.dtype) for p in s.layer.parameters() if p.grad is not None}
    return str(out.dtype), out.float(), kinds == {"torch.float32"}


for _name in ("Dense", "Conv2D", "layers", "a model", "LayerNormalization", "MultiHeadAttention"):
    AUTOCAST.of(_name, NETS[_name], nearly)(autocasted)


@AUTOCAST.of("switched off inside", MLP)
def _(s: Made) -> Any:
    with torch.autocast("cpu", torch.bfloat16):
        first = s.layer[0](s.x)
        with torch.autocast("cpu", enabled=False):
            second = s.layer[2](s.layer[1](first.float()))
    return str(first.dtype), str(second.dtype), second


@AUTOCAST.of("set_default_dtype and set_default_device", LINEAR)
def _(s: Made) -> Any:
    with torch.device("cpu"):
        return s.layer(torch.ones(2, 3))


ROWS = [*COMPILE, *EXPORT, *FX, *JIT, *AUTOCAST]
