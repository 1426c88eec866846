"""Idioms of torch that few programs use: hooks on registration, older forms of norms, odd inputs, copies, handles."""

from __future__ import annotations

import copy
import gc
import pickle
import warnings
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.distributed.algorithms._checkpoint import checkpoint_wrapper
from torch.fx.passes.shape_prop import ShapeProp
from torch.nn.modules import module as modules
from torch.nn.utils import parametrize
from torch.optim.optimizer import register_optimizer_step_post_hook
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

import kfront

from .idioms import Rows
from .idioms_torch_utils import Doubled, out_axis
from .torch_pairs import ATTENTION, BATCH_NORM, CONV, DROPOUT, LINEAR, MLP, MODEL, NORM, Made, told

__all__ = ["ROWS"]

MODULES = Rows("torch.nn.Module")
REGISTRATION = Rows("hooks")
NORMS = Rows("torch.nn.utils")
PARAMETER = Rows("torch.nn.Parameter")
INPUTS = Rows("inputs")
GRAD = Rows("torch.autograd")
FUNC = Rows("torch.func")
OPTIM = Rows("torch.optim")
GRAPHS = Rows("graphs")


def trainable(s: Made) -> list[Tensor]:
    """The parameters that are trained."""
    return [p for p in s.layer.parameters() if p.requires_grad]


# ---- registration ----------------------------------------------------------------------------------------------------


def _built(layer: Any, *shape: int) -> Any:
    layer.build(shape)
    return layer


MAKE = (lambda: lambda: _built(kfront.layers.Dense(4), 1, 3)), (lambda: lambda: nn.Linear(3, 4))
MAKE_NORM = (
    (lambda: lambda: _built(kfront.layers.BatchNormalization(), 1, 3)),
    (lambda: lambda: nn.BatchNorm1d(3)),
)


@REGISTRATION.of("of all parameters that are registered", MAKE)
@REGISTRATION.of("of all parameters that are registered: BatchNormalization", MAKE_NORM)
def _(make: Callable[[], Any]) -> Any:
    seen: list[tuple[str, Any]] = []
    handle = modules.register_module_parameter_registration_hook(lambda m, name, p: seen.append((name, p.detach())))
    try:
        make()
    finally:
        handle.remove()
    return {name: tuple(x.shape) for name, x in told(seen).items()}


@REGISTRATION.of("of all parameters, which replaces them", MAKE)
def _(make: Callable[[], Any]) -> Any:
    def hook(m: Any, name: str, p: Any) -> Any:
        return None if p is None else nn.Parameter(torch.ones_like(p), requires_grad=p.ndim == 1)

    handle = modules.register_module_parameter_registration_hook(hook)
    try:
        made = make()
    finally:
        handle.remove()
    return [made(torch.ones(2, 3)).shape, *sorted(told((n, p) for n, p in made.named_parameters() if p.requires_grad))]


@REGISTRATION.of("of all buffers that are registered", MAKE_NORM)
def _(make: Callable[[], Any]) -> Any:
    seen: list[tuple[str, Any]] = []
    handle = modules.register_module_buffer_registration_hook(lambda m, name, x: seen.append((name, x)))
    try:
        make()
    finally:
        handle.remove()
    return sorted(told(seen))


@REGISTRATION.of("of all modules that are put into others", LINEAR)
def _(s: Made) -> Any:
    seen: list[str] = []
    handle = modules.register_module_module_registration_hook(lambda m, name, part: seen.append(name))
    try:
        net = nn.Sequential(s.layer)
        net.extra = s.layer
    finally:
        handle.remove()
    return seen


@REGISTRATION.of("a handle as a context", LINEAR)
def _(s: Made) -> Any:
    with s.layer.register_forward_hook(lambda m, args, out: out * 0):
        first = s.layer(s.x)
    return first, s.layer(s.x)


@REGISTRATION.of("prepended, with keywords", MLP)
def _(s: Made) -> Any:
    seen: list[str] = []
    for name, first in {"a": False, "b": True}.items():
        s.layer[0].register_forward_pre_hook(lambda m, a, k, n=name: seen.append(n), with_kwargs=True, prepend=first)
    s.layer(s.x)
    return seen


@REGISTRATION.of("before a state_dict is made, before one is loaded", LINEAR)
def _(s: Made) -> Any:
    seen: list[str] = []
    s.layer.register_state_dict_pre_hook(lambda m, prefix, keep: seen.append("made"))
    s.layer.register_load_state_dict_pre_hook(lambda m, state, *rest: seen.append(f"loaded {len(state)}"))
    s.layer.load_state_dict(s.layer.state_dict())
    return seen


# ---- modules ---------------------------------------------------------------------------------------------------------


@MODULES.of("nn.Buffer as an attribute", LINEAR)
def _(s: Made) -> Any:
    s.layer.offset = nn.Buffer(torch.arange(4.0))
    s.layer.scratch = nn.Buffer(torch.ones(2), persistent=False)
    names = sorted(n for n, _ in s.layer.named_buffers())
    s.layer.double()
    return names, "offset" in s.layer.state_dict(), "scratch" in s.layer.state_dict(), s.layer.offset


@MODULES.of("shallow copy shares the Parameters", LINEAR)
def _(s: Made) -> Any:
    twin = copy.copy(s.layer)
    with torch.no_grad():
        twin.bias.fill_(2.0)
    return (
        twin is s.layer,
        twin(s.x),
        s.layer(s.x),
        all(a is b for a, b in zip(twin.parameters(), s.layer.parameters(), strict=True)),
    )


@MODULES.of("named_parameters with duplicates", LINEAR)
def _(s: Made) -> Any:
    net = nn.ModuleDict({"a": s.layer, "b": s.layer})
    return [len(list(net.named_parameters(remove_duplicate=both))) for both in (True, False)]


@MODULES.of("dir and hasattr", LINEAR)
def _(s: Made) -> Any:
    return s.weight in dir(s.layer), hasattr(s.layer, "bias"), hasattr(s.layer, "nothing")


@MODULES.of("collected when nobody refers to it", MLP)
def _(s: Made) -> Any:
    kept = [weakref.ref(s.layer[0]), weakref.ref(getattr(s.layer[0], s.weight))]
    s.loss().backward()
    s.layer[0] = nn.Identity()
    gc.collect()
    return [r() is None for r in kept]


@MODULES.of("insert, extend and pop of nn.ModuleList", LINEAR)
def _(s: Made) -> Any:
    parts = nn.ModuleList([nn.Identity()])
    parts.insert(0, s.layer)
    parts.extend([nn.Identity()])
    parts.pop(1)
    return len(parts), sorted(told(parts.state_dict().items()))


@MODULES.of("nn.DataParallel on the CPU", MLP)
def _(s: Made) -> Any:
    return nn.DataParallel(s.layer)(s.x)


@MODULES.of("channels_last for a network", CONV)
def _(s: Made) -> Any:
    out = s.layer.to(memory_format=torch.channels_last)(s.x.to(memory_format=torch.channels_last))
    out.sum().backward()
    return out, s.grads()


@MODULES.of("a prefix is taken off a state_dict", MLP)
def _(s: Made) -> Any:
    state = {f"module.{n}": x + 1 for n, x in s.layer.state_dict().items()}
    nn.modules.utils.consume_prefix_in_state_dict_if_present(state, "module.")
    s.layer.load_state_dict(state)
    return s.layer(s.x)


@MODULES.of("bfloat16 and type", LINEAR)
def _(s: Made) -> Any:
    return s.layer.bfloat16()(s.x.bfloat16()).dtype == torch.bfloat16, s.layer.type(torch.float64)(
        s.x.double()
    ).dtype.itemsize


@MODULES.of("checkpoint_wrapper", MLP)
def _(s: Made) -> Any:
    s.layer[0] = checkpoint_wrapper.checkpoint_wrapper(s.layer[0])
    s.loss().backward()
    return [p.grad.norm() for p in s.layer.parameters()], sorted(n.count("_checkpoint") for n in s.layer.state_dict())


# ---- older norms -----------------------------------------------------------------------------------------------------


@NORMS.of("weight_norm by hooks, and taken off again", LINEAR)
def _(s: Made) -> Any:
    with warnings.catch_warnings(action="ignore"):
        nn.utils.weight_norm(s.layer, s.weight, dim=out_axis(s))
    s.loss().backward()
    first, count = s.layer(s.x), len(list(s.layer.parameters()))
    nn.utils.remove_weight_norm(s.layer, s.weight)
    return first, count, s.layer(s.x), s.params()


@NORMS.of("spectral_norm by hooks", LINEAR)
def _(s: Made) -> Any:
    nn.utils.spectral_norm(s.layer, s.weight, n_power_iterations=50, dim=out_axis(s))
    s.loss().backward()
    return s.layer.eval()(s.x)


@NORMS.of("the type below parametrizations", LINEAR)
def _(s: Made) -> Any:
    before = type(s.layer)
    parametrize.register_parametrization(s.layer, s.weight, Doubled())
    return type(s.layer) is before, parametrize.type_before_parametrizations(s.layer) is before


@NORMS.of("parametrizations are carried to another layer", LINEAR)
def _(s: Made) -> Any:
    other = copy.deepcopy(s.layer)
    parametrize.register_parametrization(s.layer, s.weight, Doubled())
    parametrize.transfer_parametrizations_and_params(s.layer, other)
    return other(s.x), len(list(other.parameters()))


# ---- the Parameter ---------------------------------------------------------------------------------------------------


@PARAMETER.of("deepcopy and pickle", LINEAR)
def _(s: Made) -> Any:
    weight = getattr(s.layer, s.weight)
    twins = [copy.deepcopy(weight), pickle.loads(pickle.dumps(weight))]
    return [(isinstance(t, nn.Parameter), t.requires_grad, t is weight, t.sum()) for t in twins]


@PARAMETER.of("key of a dict and of a set", MLP)
def _(s: Made) -> Any:
    names = {p: n for n, p in s.layer.named_parameters()}
    return len(names), names[getattr(s.layer[0], s.weight)].startswith("0"), len({s.layer[0].bias, s.layer[0].bias})


@PARAMETER.of("numpy, tolist, item", LINEAR)
def _(s: Made) -> Any:
    bias = s.layer.bias
    return bias.detach().numpy(), np.asarray(bias.detach()), bias.tolist(), bias[0].item(), float(bias.sum())


@PARAMETER.of("written by index and slice", LINEAR)
def _(s: Made) -> Any:
    with torch.no_grad():
        s.layer.bias[1:3] = 5.0
        s.layer.bias[0].add_(1.0)
        s.layer.bias.clamp_(max=2.0)
        getattr(s.layer, s.weight).mul_(0.5)
    return s.layer(s.x)


@PARAMETER.of("in nn.ParameterList and nn.ParameterDict", LINEAR)
def _(s: Made) -> Any:
    kept = nn.ParameterList([s.layer.bias]), nn.ParameterDict({"b": s.layer.bias})
    return kept[0][0] is s.layer.bias, kept[1]["b"] is s.layer.bias, len(list(kept[0].parameters()))


@PARAMETER.of("a part of another module", LINEAR)
def _(s: Made) -> Any:
    net = nn.Module()
    net.shared = s.layer.bias
    torch.optim.SGD(net.parameters(), 0.1).zero_grad()
    return [n for n, _ in net.named_parameters()], net.shared is s.layer.bias


# ---- inputs ----------------------------------------------------------------------------------------------------------


class Marked(Tensor):
    """A kind of tensor of a user's own."""


@INPUTS.of("a subclass of Tensor stays one", LINEAR)
@INPUTS.of("a subclass of Tensor stays one: a model", MODEL)
@INPUTS.of("a subclass of Tensor stays one: LayerNormalization", NORM)
def _(s: Made) -> Any:
    out = s.layer(s.x.as_subclass(Marked))
    return type(out) is Marked, out.as_subclass(Tensor)


@INPUTS.of("nested tensors", LINEAR)
def _(s: Made) -> Any:
    x = torch.nested.nested_tensor([s.x[:2], s.x[2:]], layout=torch.jagged)
    return list(s.layer(x).unbind())


@INPUTS.of("an empty batch", MLP)
@INPUTS.of("an empty batch: a model", MODEL)
@INPUTS.of("an empty batch: Conv2D", CONV)
@INPUTS.of("an empty batch: MultiHeadAttention", ATTENTION)
def _(s: Made) -> Any:
    out = s.layer(s.x[:0])
    out.sum().backward()
    return list(out.shape)


@INPUTS.of("strided, expanded, transposed", LINEAR)
def _(s: Made) -> Any:
    wide = torch.cat([s.x, s.x], 1)[:, ::2]
    return s.layer(wide), s.layer(s.x[:1].expand(4, 3)), s.layer(s.x.t().contiguous().t())


@INPUTS.of("in the order of a TorchFunctionMode", MLP)
def _(s: Made) -> Any:
    class Watch(TorchFunctionMode):
        count = 0

        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            Watch.count += 1
            return func(*args, **(kwargs or {}))

    with Watch():
        out = s.layer(s.x)
    return Watch.count > 0, out


@INPUTS.of("in a TorchDispatchMode", MLP)
def _(s: Made) -> Any:
    class Double(TorchDispatchMode):
        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            out = func(*args, **(kwargs or {}))
            return out * 2 if func is torch.ops.aten.relu.default else out

    with Double():
        return s.layer(s.x)


# ---- derivatives -----------------------------------------------------------------------------------------------------


@GRAD.of("backward into chosen Parameters alone", MLP)
def _(s: Made) -> Any:
    s.loss().backward(inputs=[getattr(s.layer[0], s.weight)])
    return s.grads()


@GRAD.of("batched vectors", LINEAR)
def _(s: Made) -> Any:
    out = s.layer(s.x)
    (found,) = torch.autograd.grad(
        out, getattr(s.layer, "bias"), torch.stack([torch.ones_like(out), out.detach()]), is_grads_batched=True
    )
    return found


@GRAD.of("gradgradcheck in float64", MLP)
def _(s: Made) -> Any:
    net, x = s.layer.double(), s.x.double().requires_grad_()
    return torch.autograd.gradgradcheck(lambda x: torch.tanh(net(x)), (x,))


@GRAD.of("deterministic algorithms", CONV)
def _(s: Made) -> Any:
    torch.use_deterministic_algorithms(True)
    try:
        s.loss().backward()
        return s.grads()
    finally:
        torch.use_deterministic_algorithms(False)


@FUNC.of("hessian by the parameters", LINEAR)
def _(s: Made) -> Any:
    params = {n: p.detach() for n, p in s.layer.named_parameters()}
    loss = lambda b: torch.func.functional_call(s.layer, {**params, "bias": b}, (s.x,)).pow(3).sum()  # noqa: E731
    return torch.func.hessian(loss)(params["bias"])


@FUNC.of("vmap draws masks alike or apart", DROPOUT)
def _(s: Made) -> Any:
    out = []
    for how in ("same", "different"):
        rows = torch.func.vmap(s.layer[1], randomness=how)(torch.ones(3, 400)) > 0
        out.append([bool((rows[0] == rows[1]).all()), bool(0.3 < rows.float().mean() < 0.7)])
    return out


@FUNC.of("functional_call with a tuple of dicts, strict", BATCH_NORM)
def _(s: Made) -> Any:
    params, buffers = (dict(found) for found in (s.layer.named_parameters(), s.layer.named_buffers()))
    return torch.func.functional_call(s.layer, (params, buffers), (s.x,), strict=True)


# ---- optimizers ------------------------------------------------------------------------------------------------------


@OPTIM.of("a hook after the steps of all optimizers", LINEAR)
def _(s: Made) -> Any:
    seen: list[str] = []
    handle = register_optimizer_step_post_hook(lambda o, *rest: seen.append(type(o).__name__))
    try:
        s.train(torch.optim.SGD(trainable(s), 0.1), 2)
    finally:
        handle.remove()
    return seen


@OPTIM.of("a closure, gradients kept as zeros", MLP)
def _(s: Made) -> Any:
    step = torch.optim.SGD(trainable(s), 0.01)

    def closure() -> Any:
        step.zero_grad(set_to_none=False)
        loss = s.loss()
        loss.backward()
        return loss

    return [step.step(closure).item() for _ in range(3)], s.grads()


@OPTIM.of("state of one program in the optimizer of another", MLP)
def _(s: Made) -> Any:
    first = torch.optim.Adam(trainable(s), 0.01)
    s.train(first)
    second = torch.optim.Adam(trainable(s), 0.5)
    second.register_load_state_dict_pre_hook(lambda o, state: None)
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    return s.train(second), second.param_groups[0]["lr"]


for _name in ("ChainedScheduler", "CyclicLR", "PolynomialLR", "SequentialLR"):

    @OPTIM.of(_name, LINEAR)
    def _(s: Made, name: str = _name) -> Any:
        lr = torch.optim.lr_scheduler
        step = torch.optim.SGD(trainable(s), 0.01, momentum=0.9)
        two = [lr.ConstantLR(step, 0.5, 2), lr.ExponentialLR(step, 0.9)]
        plan = {
            "ChainedScheduler": lambda: lr.ChainedScheduler(two),
            "CyclicLR": lambda: lr.CyclicLR(step, 0.001, 0.02, 2),
            "PolynomialLR": lambda: lr.PolynomialLR(step, 4),
            "SequentialLR": lambda: lr.SequentialLR(step, two, [2]),
        }[name]()
        out = []
        for _ in range(4):
            out += s.train(step, 1)
            plan.step()
        return out, s.params()


# ---- graphs ----------------------------------------------------------------------------------------------------------


@GRAPHS.of("torch.export, unflattened", MLP)
def _(s: Made) -> Any:
    program = torch.export.export(s.layer, (s.x,))
    net = torch.export.unflatten(program)
    return net(s.x), sorted(told(net.state_dict().items()))


@GRAPHS.of("torch.export, not strict, with a range of batches", MODEL)
def _(s: Made) -> Any:
    batch = torch.export.Dim("batch", min=2, max=64)
    program = torch.export.export(s.layer.eval(), (s.x,), dynamic_shapes=({0: batch},), strict=False)
    return program.module()(s.x[:3]), sorted(told(program.state_dict.items()))


@GRAPHS.of("torch.cond between layers", LINEAR)
def _(s: Made) -> Any:
    f = torch.compile(
        lambda x: torch.cond(x.sum() > 0, lambda x: s.layer(x), lambda x: s.layer(x) * 2, (x,)),
        backend="eager",
        fullgraph=True,
    )
    return f(s.x.abs()), f(-s.x.abs())


@GRAPHS.of("no graph breaks, as torch explains", MODEL)
def _(s: Made) -> Any:
    torch._dynamo.reset()
    return torch._dynamo.explain(s.layer.eval())(s.x).graph_break_count


@GRAPHS.of("torch.compiler.disable for a part", MLP)
def _(s: Made) -> Any:
    s.layer[0].forward = torch.compiler.disable(s.layer[0].forward)
    return torch.compile(s.layer, backend="eager")(s.x)


@GRAPHS.of("a traced layer in a scripted network", LINEAR)
def _(s: Made) -> Any:
    net = torch.jit.script(nn.Sequential(torch.jit.trace(s.layer, s.x), nn.ReLU()))
    return net(s.x[:2]), sorted(told(net.state_dict().items()))


@GRAPHS.of("ShapeProp over a traced network", MLP)
def _(s: Made) -> Any:
    class Parts(torch.fx.Tracer):
        def is_leaf_module(self, m: Any, name: str) -> bool:
            return True

    graph = torch.fx.GraphModule(s.layer, Parts().trace(s.layer))
    ShapeProp(graph).propagate(s.x)
    return [list(n.meta["tensor_meta"].shape) for n in graph.graph.nodes if "tensor_meta" in n.meta]


@GRAPHS.of("floating point operations by module", MLP)
def _(s: Made) -> Any:
    with FlopCounterMode(display=False) as counter:
        s.loss().backward()
    found = counter.get_flop_counts()
    return counter.get_total_flops(), sorted(n for n in found if "." in n)


@GRAPHS.of("ranges of the profiler around layers", MLP)
def _(s: Made) -> Any:
    cpu = [torch.profiler.ProfilerActivity.CPU]
    with torch.profiler.profile(activities=cpu, record_shapes=True) as found, torch.profiler.record_function("forward"):
        s.layer(s.x)
    names = {e.key for e in found.key_averages(group_by_input_shape=True)}
    return "forward" in names, "aten::addmm" in names


ROWS = [*REGISTRATION, *MODULES, *NORMS, *PARAMETER, *INPUTS, *GRAD, *FUNC, *OPTIM, *GRAPHS]
