"""Idioms of training with `torch.optim`: optimizers, schedules, averages of weights, clipping, loops."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.optim import lr_scheduler, swa_utils

from .idioms import Rows
from .torch_pairs import BATCH_NORM, CONV, DROPOUT, EMBEDDING, LINEAR, MLP, MODEL, Made, told

__all__ = ["ROWS"]

OPTIMIZERS = Rows("torch.optim")
SCHEDULES = Rows("torch.optim.lr_scheduler")
AVERAGES = Rows("torch.optim.swa_utils")
CLIPPING = Rows("torch.nn.utils.clip")

MAKE: dict[str, Callable[[Any], torch.optim.Optimizer]] = {
    "SGD with momentum": lambda p: torch.optim.SGD(p, 0.01, momentum=0.9, nesterov=True),
    "Adam": lambda p: torch.optim.Adam(p, 0.01),
    "Adam, amsgrad, foreach": lambda p: torch.optim.Adam(p, 0.01, amsgrad=True, foreach=True),
    "AdamW, fused": lambda p: torch.optim.AdamW(p, 0.01, fused=True),
    "Adagrad": lambda p: torch.optim.Adagrad(p, 0.01),
    "Adadelta": lambda p: torch.optim.Adadelta(p, 0.1),
    "Adamax": lambda p: torch.optim.Adamax(p, 0.01),
    "ASGD": lambda p: torch.optim.ASGD(p, 0.01),
    "NAdam": lambda p: torch.optim.NAdam(p, 0.01),
    "RAdam": lambda p: torch.optim.RAdam(p, 0.01),
    "RMSprop, centered": lambda p: torch.optim.RMSprop(p, 0.01, centered=True),
    "Rprop": lambda p: torch.optim.Rprop(p, 0.01),
    "Adafactor": lambda p: torch.optim.Adafactor(p, 0.01),
    "SGD, differentiable=False, maximize": lambda p: torch.optim.SGD(p, 0.001, maximize=True),
}


def trained(s: Made) -> list[Any]:
    return [p for p in s.layer.parameters() if p.requires_grad]


for _name, _make in MAKE.items():
    OPTIMIZERS.of(_name, MLP)(lambda s, make=_make: (s.train(make(trained(s))), s.params()))
for _name, _pair in {
    "Conv2D": CONV,
    "BatchNormalization": BATCH_NORM,
    "a model": MODEL,
    "Embedding": EMBEDDING,
}.items():
    OPTIMIZERS.of(f"Adam on {_name}", _pair)(lambda s: s.train(torch.optim.Adam(trained(s), 0.01)))


@OPTIMIZERS.of("LBFGS with a closure", LINEAR)
def _(s: Made) -> Any:
    step = torch.optim.LBFGS(s.layer.parameters(), 0.1, max_iter=3)

    def closure() -> Any:
        step.zero_grad()
        loss = s.loss()
        loss.backward()
        return loss

    return float(step.step(closure)), s.params()


@OPTIMIZERS.of("named parameters", MLP)
def _(s: Made) -> Any:
    step = torch.optim.SGD(s.layer.named_parameters(), 0.01)
    return s.train(step), len(step.param_groups[0]["param_names"])


@OPTIMIZERS.of("add_param_group for a part that is thawed", MLP)
def _(s: Made) -> Any:
    s.layer[0].requires_grad_(False)
    step = torch.optim.SGD(s.layer[2].parameters(), 0.01)
    first = s.train(step)
    s.layer[0].requires_grad_(True)
    step.add_param_group({"params": s.layer[0].parameters(), "lr": 0.001})
    return first, s.train(step), s.params()


@OPTIMIZERS.of("accumulated gradients", MLP)
def _(s: Made) -> Any:
    step = torch.optim.SGD(trained(s), 0.01)
    for part in s.x.split(2):
        (s.loss(part) / 3).backward()
    step.step()
    return s.params()


@OPTIMIZERS.of("gradient penalty with create_graph", MLP)
def _(s: Made) -> Any:
    x = s.x.clone().requires_grad_()
    (grad,) = torch.autograd.grad(s.layer(x).tanh().sum(), x, create_graph=True)
    (grad.norm(dim=1) - 1).square().mean().backward()
    return s.grads()


@OPTIMIZERS.of("step hooks", LINEAR)
def _(s: Made) -> Any:
    step, seen = torch.optim.SGD(s.layer.parameters(), 0.01), []
    step.register_step_post_hook(lambda *args: seen.append(1))
    s.train(step)
    return len(seen), s.params()


@OPTIMIZERS.of("per-parameter state", LINEAR)
def _(s: Made) -> Any:
    step = torch.optim.Adam(s.layer.parameters(), 0.01)
    s.train(step)
    return [sorted(step.state[p]) for p in s.layer.parameters()], step.state[s.layer.get_parameter("bias")]["exp_avg"]


@OPTIMIZERS.of("GradScaler, disabled on CPU", MLP)
def _(s: Made) -> Any:
    step, scaler = torch.optim.SGD(trained(s), 0.01), torch.amp.GradScaler("cpu", enabled=False)
    scaler.scale(s.loss()).backward()
    scaler.step(step)
    scaler.update()
    return s.params()


@OPTIMIZERS.of("two optimizers, two losses (GAN)", MLP)
def _(s: Made) -> Any:
    critic = copy.deepcopy(s.layer)
    critic[0].requires_grad_(True)
    first, second = torch.optim.Adam(trained(s), 0.01), torch.optim.Adam(critic.parameters(), 0.01)
    for _ in range(2):
        second.zero_grad()
        (critic(s.x).mean() - critic(s.x + s.layer(s.x).detach()[:, :3]).mean()).backward()
        second.step()
        first.zero_grad()
        critic(s.x + s.layer(s.x)[:, :3]).mean().backward()
        first.step()
    return s.params(), critic(s.x)


@OPTIMIZERS.of("a network with dropout", DROPOUT)
def _(s: Made) -> Any:
    torch.manual_seed(5)
    return s.train(torch.optim.SGD(trained(s), 0.001))


SCHEDULE: dict[str, Callable[[Any], Any]] = {
    "StepLR": lambda o: lr_scheduler.StepLR(o, 2, 0.5),
    "MultiStepLR": lambda o: lr_scheduler.MultiStepLR(o, [1, 3], 0.5),
    "CosineAnnealingLR": lambda o: lr_scheduler.CosineAnnealingLR(o, 4),
    "CosineAnnealingWarmRestarts": lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, 2),
    "OneCycleLR": lambda o: lr_scheduler.OneCycleLR(o, 0.02, total_steps=6),
    "LambdaLR": lambda o: lr_scheduler.LambdaLR(o, lambda n: 0.9**n),
    "LinearLR, then ExponentialLR": lambda o: lr_scheduler.SequentialLR(
        o, [lr_scheduler.LinearLR(o, 0.5, total_iters=2), lr_scheduler.ExponentialLR(o, 0.9)], [2]
    ),
    "ReduceLROnPlateau": lambda o: lr_scheduler.ReduceLROnPlateau(o, patience=0, threshold=0.5),
}


def scheduled(s: Made, make: Callable[[Any], Any]) -> Any:
    step = torch.optim.SGD(trained(s), 0.01, momentum=0.9)
    schedule, rates, losses = make(step), [], []
    for _ in range(4):
        losses += s.train(step, 1)
        schedule.step(*([losses[-1]] if isinstance(schedule, lr_scheduler.ReduceLROnPlateau) else []))
        rates.append(step.param_groups[0]["lr"])
    return losses, rates


for _name, _make in SCHEDULE.items():
    SCHEDULES.of(_name, MLP)(lambda s, make=_make: scheduled(s, make))


def averaged(s: Made, average: Any) -> Any:
    step = torch.optim.SGD(trained(s), 0.01)
    for _ in range(3):
        s.train(step, 1)
        average.update_parameters(s.layer)
    found = told(average.module.state_dict().items())
    found.pop("running_var", None)  # Keras's moving variance is biased, torch's is not
    return average(s.x), s.layer(s.x), found


for _name, _pair in {"layers": MLP, "a model": MODEL, "BatchNormalization": BATCH_NORM}.items():
    AVERAGES.of(f"AveragedModel of {_name}", _pair)(lambda s: averaged(s, swa_utils.AveragedModel(s.layer)))
    AVERAGES.of(f"EMA of {_name}", _pair)(
        lambda s: averaged(s, swa_utils.AveragedModel(s.layer, multi_avg_fn=swa_utils.get_ema_multi_avg_fn(0.9)))
    )


@AVERAGES.of("EMA with buffers", BATCH_NORM)
def _(s: Made) -> Any:
    average = swa_utils.AveragedModel(s.layer, use_buffers=True)
    return averaged(s, average)


@AVERAGES.of("update_bn", BATCH_NORM)
def _(s: Made) -> Any:
    average = swa_utils.AveragedModel(s.layer)
    swa_utils.update_bn([s.x, s.x + 1], average)
    return average.module.train()(s.x)


@AVERAGES.of("SWALR", MLP)
def _(s: Made) -> Any:
    return scheduled(s, lambda o: swa_utils.SWALR(o, 0.005, anneal_epochs=2))


@AVERAGES.of("an EMA written by hand", MLP)
def _(s: Made) -> Any:
    teacher = copy.deepcopy(s.layer).requires_grad_(False)
    step = torch.optim.SGD(trained(s), 0.01)
    for _ in range(3):
        s.train(step, 1)
        with torch.no_grad():
            for a, b in zip(teacher.parameters(), s.layer.parameters(), strict=True):
                a.lerp_(b, 0.1)
    return teacher(s.x), s.layer(s.x)


def clipped(s: Made, clip: Callable[[Any], Any]) -> Any:
    s.loss().backward()
    norm = clip(s.layer.parameters())
    return s.grads(), None if norm is None else float(norm)


CLIP: dict[str, Callable[[Any], Any]] = {
    "clip_grad_norm_": lambda p: nn.utils.clip_grad_norm_(p, 1.0),
    "clip_grad_norm_, infinity": lambda p: nn.utils.clip_grad_norm_(p, 1.0, norm_type=float("inf")),
    "clip_grad_norm_, foreach": lambda p: nn.utils.clip_grad_norm_(p, 1.0, foreach=True),
    "clip_grad_value_": lambda p: nn.utils.clip_grad_value_(p, 0.5),
    "get_total_norm": lambda p: nn.utils.get_total_norm([x.grad for x in p]),
}
for _name, _clip in CLIP.items():
    CLIPPING.of(_name, MLP)(lambda s, clip=_clip: clipped(s, clip))

ROWS = [*OPTIMIZERS, *SCHEDULES, *AVERAGES, *CLIPPING]
