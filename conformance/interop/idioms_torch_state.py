"""Idioms around a Module's state and its hooks: state_dict, files, pickle, hooks of every kind."""

from __future__ import annotations

import copy
import io
import pickle
import tempfile
from typing import Any

import torch
from torch import nn

from .idioms import Rows
from .torch_pairs import BATCH_NORM, CONV, DROPOUT, LINEAR, MLP, MODEL, NORM, Made, told

__all__ = ["ROWS"]

STATE = Rows("state_dict")
HOOKS = Rows("hooks")


def zeroed(s: Made) -> Any:
    """A copy of the layer without its weights."""
    twin = copy.deepcopy(s.layer)
    with torch.no_grad():
        for x in twin.state_dict().values():
            x.zero_()
    return twin


# ---- state_dict and files --------------------------------------------------------------------------------------------


def to_another(s: Made) -> Any:
    other = zeroed(s)
    keys = other.load_state_dict(s.layer.state_dict())
    return list(keys.missing_keys), list(keys.unexpected_keys), other(s.x), s.state()


def saved_and_loaded(s: Made) -> Any:
    file = io.BytesIO()
    torch.save(s.layer.state_dict(), file)
    file.seek(0)
    other = zeroed(s)
    other.load_state_dict(torch.load(file, weights_only=True))
    return other.eval()(s.x)


for _name, _pair in {"Dense": LINEAR, "Sequential": MLP, "BatchNormalization": BATCH_NORM, "a model": MODEL}.items():
    STATE.of(f"to another of the kind: {_name}", _pair)(to_another)
    STATE.of(f"torch.save and torch.load with weights_only: {_name}", _pair)(saved_and_loaded)


@STATE.of("load with assign=True", MLP)
def _(s: Made) -> Any:
    new = {n: torch.ones_like(x) for n, x in s.layer.state_dict().items()}
    s.layer.load_state_dict(new, assign=True)
    s.loss().backward()
    return s.layer(s.x), s.grads()


@STATE.of("load with assign=True onto the meta device", MLP)
def _(s: Made) -> Any:
    saved = {n: x.clone() for n, x in s.layer.state_dict().items()}
    s.layer.to("meta")
    s.layer.load_state_dict(saved, assign=True)
    return s.layer(s.x)


@STATE.of("strict=False tells what is missing", MLP)
def _(s: Made) -> Any:
    saved = s.layer.state_dict()
    saved.pop("2.bias")
    saved["more"] = torch.ones(1)
    return tuple(map(list, s.layer.load_state_dict(saved, strict=False)))


@STATE.of("a missing key is an error", MLP)
def _(s: Made) -> Any:
    saved = s.layer.state_dict()
    saved.pop("0.bias")
    try:
        s.layer.load_state_dict(saved)
    except RuntimeError as error:
        return "Missing key" in str(error), "0.bias" in str(error)
    return None


@STATE.of("another shape is an error", LINEAR)
def _(s: Made) -> Any:
    saved = {n: torch.zeros(7, 7) for n in s.layer.state_dict()}
    try:
        s.layer.load_state_dict(saved)
    except RuntimeError as error:
        return "size mismatch" in str(error)
    return None


@STATE.of("values share the Parameters' memory", LINEAR)
def _(s: Made) -> Any:
    with torch.no_grad():
        s.layer.state_dict()["bias"].fill_(3)
    return s.layer.bias, s.layer(s.x)


@STATE.of("keep_vars and prefix", MLP)
def _(s: Made) -> Any:
    found = s.layer.state_dict(prefix="net.", keep_vars=True)
    return told(found.items()), all(isinstance(x, nn.Parameter) for x in found.values())


@STATE.of("names as in the file of another program", MLP)
def _(s: Made) -> Any:
    renamed = {f"module.{n}": x for n, x in s.layer.state_dict().items()}
    nn.modules.utils.consume_prefix_in_state_dict_if_present(renamed, "module.")
    other = zeroed(s)
    other.load_state_dict(renamed)
    return other(s.x)


@STATE.of("optimizer state beside it, in one checkpoint", MLP)
def _(s: Made) -> Any:
    def step_of(net: Any) -> torch.optim.Optimizer:
        return torch.optim.Adam([p for p in net.parameters() if p.requires_grad], 0.05)

    step = step_of(s.layer)
    s.train(step)
    file = io.BytesIO()
    torch.save({"model": s.layer.state_dict(), "optimizer": step.state_dict()}, file)
    file.seek(0)
    saved = torch.load(file, weights_only=True)
    other = s._replace(layer=zeroed(s))
    other.layer.load_state_dict(saved["model"])
    again = step_of(other.layer)
    again.load_state_dict(saved["optimizer"])
    return s.train(step), other.train(again)


@STATE.of("pickle of the module", MLP)
def _(s: Made) -> Any:
    return pickle.loads(pickle.dumps(s.layer))(s.x)


@STATE.of("torch.save of the module", CONV)
def _(s: Made) -> Any:
    file = io.BytesIO()
    torch.save(s.layer, file)
    file.seek(0)
    return torch.load(file, weights_only=False)(s.x)


@STATE.of("mmap and map_location", MLP)
def _(s: Made) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        torch.save(s.layer.state_dict(), f"{folder}/net.pt")
        found = torch.load(f"{folder}/net.pt", mmap=True, map_location="cpu", weights_only=True)
        other = zeroed(s)
        other.load_state_dict(found)
        return other(s.x)


@STATE.of("safetensors.torch save_model and load_model", MLP, needs=("safetensors",))
def _(s: Made) -> Any:
    from safetensors.torch import load_model, save_model

    with tempfile.TemporaryDirectory() as folder:
        save_model(s.layer, f"{folder}/net.safetensors")
        other = zeroed(s)
        load_model(other, f"{folder}/net.safetensors")
        return other(s.x)


@STATE.of("extra state", LINEAR)
def _(s: Made) -> Any:
    class Counting(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer, self.count = s.layer, 3

        def get_extra_state(self) -> Any:
            return {"count": self.count}

        def set_extra_state(self, state: Any) -> None:
            self.count = state["count"]

        def forward(self, x: Any) -> Any:
            return self.layer(x)

    net = Counting()
    saved = net.state_dict()
    net.count = 0
    net.load_state_dict(saved)
    return net.count, len(saved)


@STATE.of("state of random layers is complete", DROPOUT)
def _(s: Made) -> Any:
    other = zeroed(s)
    other.load_state_dict(s.layer.state_dict())
    return other.eval()(s.x), s.layer.eval()(s.x)


@STATE.of("torch.distributed.checkpoint.state_dict", MLP)
def _(s: Made) -> Any:
    from torch.distributed.checkpoint.state_dict import get_model_state_dict, set_model_state_dict

    other = zeroed(s)
    set_model_state_dict(other, get_model_state_dict(s.layer))
    return other(s.x)


# ---- hooks -----------------------------------------------------------------------------------------------------------


@HOOKS.of("forward pre-hook changes the input", LINEAR)
def _(s: Made) -> Any:
    handle = s.layer.register_forward_pre_hook(lambda module, args: (args[0] * 2,))
    first = s.layer(s.x)
    handle.remove()
    return first, s.layer(s.x)


@HOOKS.of("forward hook changes the output", CONV)
def _(s: Made) -> Any:
    handle = s.layer.register_forward_hook(lambda module, args, out: out.relu())
    first = s.layer(s.x)
    handle.remove()
    return first, s.layer(s.x)


@HOOKS.of("forward hook with kwargs", LINEAR)
def _(s: Made) -> Any:
    seen: list[Any] = []
    s.layer.register_forward_hook(lambda m, args, kwargs, out: seen.append((len(args), out)), with_kwargs=True)
    s.layer(s.x)
    return seen


@HOOKS.of("features of inner layers by hooks", MLP)
def _(s: Made) -> Any:
    features: dict[str, Any] = {}
    for name, part in s.layer.named_children():
        part.register_forward_hook(lambda m, args, out, name=name: features.update({name: out.detach()}))
    s.layer(s.x)
    return features


@HOOKS.of("full backward hook", MLP)
def _(s: Made) -> Any:
    seen: list[Any] = []
    s.layer[2].register_full_backward_hook(lambda m, into, out: seen.append((into[0], out[0])))
    s.loss().backward()
    return seen


@HOOKS.of("full backward hook changes the gradient", MLP)
def _(s: Made) -> Any:
    s.layer[2].register_full_backward_hook(lambda m, into, out: (into[0] * 3,))
    s.loss().backward()
    return s.grads()


@HOOKS.of("full backward pre-hook", LINEAR)
def _(s: Made) -> Any:
    s.layer.register_full_backward_pre_hook(lambda m, out: (out[0] * 2,))
    s.loss().backward()
    return s.grads()


@HOOKS.of("a hook on a Parameter's gradient", LINEAR)
def _(s: Made) -> Any:
    s.layer.get_parameter("bias").register_hook(lambda grad: grad * 10)
    s.loss().backward()
    return s.grads()


@HOOKS.of("a hook after the gradient is accumulated", LINEAR)
def _(s: Made) -> Any:
    seen: list[Any] = []
    for p in s.layer.parameters():
        p.register_post_accumulate_grad_hook(lambda p: seen.append(p.grad.abs().sum()))
    s.loss().backward()
    return sorted(float(x) for x in seen)


@HOOKS.of("the optimizer inside the backward pass", MLP)
def _(s: Made) -> Any:
    steps = {p: torch.optim.SGD([p], 0.05) for p in s.layer.parameters() if p.requires_grad}

    def update(p: Any) -> None:
        steps[p].step()
        steps[p].zero_grad()

    for p in steps:
        p.register_post_accumulate_grad_hook(update)
    for _ in range(2):
        s.loss().backward()
    return s.params()


@HOOKS.of("hooks for all modules", MLP)
def _(s: Made) -> Any:
    seen: list[int] = []
    handle = nn.modules.module.register_module_forward_hook(lambda m, args, out: seen.append(out.shape[-1]))
    try:
        s.layer(s.x)
    finally:
        handle.remove()
    s.layer(s.x)
    return seen


@HOOKS.of("state_dict hooks", LINEAR)
def _(s: Made) -> Any:
    s.layer._register_state_dict_hook(lambda m, found, prefix, local: found.update(more=torch.ones(1)))
    s.layer.register_load_state_dict_pre_hook(lambda m, found, *rest: found.pop("more", None))
    saved = s.layer.state_dict()
    return sorted(told(saved.items())), len(s.layer.load_state_dict(dict(saved)).unexpected_keys)


@HOOKS.of("load_state_dict post-hook", LINEAR)
def _(s: Made) -> Any:
    seen: list[Any] = []
    s.layer.register_load_state_dict_post_hook(lambda m, keys: seen.append(len(keys.missing_keys)))
    s.layer.load_state_dict(s.layer.state_dict())
    return seen


@HOOKS.of("saved tensors are packed by a hook", MLP)
def _(s: Made) -> Any:
    with torch.autograd.graph.saved_tensors_hooks(lambda x: x.double(), lambda x: x.float()):
        loss = s.loss()
    loss.backward()
    return s.grads()


@HOOKS.of("save_on_cpu", NORM)
def _(s: Made) -> Any:
    with torch.autograd.graph.save_on_cpu():
        loss = s.loss()
    loss.backward()
    return s.grads()


@HOOKS.of("always_call hooks fire after an error", LINEAR)
def _(s: Made) -> Any:
    seen: list[str] = []
    s.layer.register_forward_hook(lambda *args: seen.append("called"), always_call=True)
    try:
        s.layer(torch.ones(2, 99))
    except Exception:
        seen.append("raised")
    return seen


ROWS = [*STATE, *HOOKS]
