"""Idioms of whole programs: loops, data loaders, several processes, and packages that train (where installed)."""

from __future__ import annotations

import copy
import functools
import logging
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import distributed as dist
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split

import kfront

from ..suite import close
from .idioms import Compare, Rows
from .torch_pairs import BATCH_NORM, CONV, DROPOUT, GRAPH, LINEAR, MLP, MODEL, Made, told

__all__ = ["ROWS"]

LOOPS = Rows("loops")
PROCESSES = Rows("torch.distributed")
PACKAGES = Rows("packages")


def trained(s: Made) -> list[Any]:
    return [p for p in s.layer.parameters() if p.requires_grad]


# ---- loops -----------------------------------------------------------------------------------------------------------


def by_loader(s: Made) -> Any:
    data = TensorDataset(s.x.repeat(4, 1), torch.arange(len(s.x) * 4) % 4)
    loader = DataLoader(data, batch_size=5, shuffle=True, generator=torch.Generator().manual_seed(0))
    step, losses = torch.optim.Adam(trained(s), 0.01), []
    for _ in range(2):
        for x, y in loader:
            step.zero_grad()
            loss = nn.functional.cross_entropy(s.layer(x), y)
            loss.backward()
            step.step()
            losses.append(loss.item())
    return losses


LOOPS.of("DataLoader and cross_entropy: layers", MLP)(by_loader)
LOOPS.of("DataLoader and cross_entropy: a model", MODEL)(by_loader)


@LOOPS.of("train, validate, keep the best", MLP)
def _(s: Made) -> Any:
    parts = random_split(TensorDataset(s.x.repeat(4, 1)), [15, 5], torch.Generator().manual_seed(0))
    step, best = torch.optim.SGD(trained(s), 0.005), (float("inf"), {})
    for _ in range(3):
        s.layer.train()
        for (x,) in DataLoader(parts[0], 5):
            step.zero_grad()
            s.loss(x).backward()
            step.step()
        s.layer.eval()
        with torch.no_grad():
            value = sum(float(s.loss(x)) for (x,) in DataLoader(parts[1], 5))
        if value < best[0]:
            best = value, copy.deepcopy(s.layer.state_dict())
    s.layer.load_state_dict(best[1])
    return best[0], s.params()


@LOOPS.of("losses of torch.nn on the outputs", MLP)
def _(s: Made) -> Any:
    out, target = s.layer(s.x), torch.tensor([0, 1, 2, 3, 0])
    wanted = [nn.CrossEntropyLoss(), nn.MultiMarginLoss(), lambda a, b: nn.NLLLoss()(a.log_softmax(-1), b)]
    losses = [loss(out, target) for loss in wanted]
    sum(losses).backward()
    return losses, s.grads()


@LOOPS.of("the first layer is frozen, then thawed", MLP)
def _(s: Made) -> Any:
    for p in s.layer[0].parameters():
        p.requires_grad = False
    first = s.train(torch.optim.SGD(trained(s), 0.01))
    frozen = s.params()
    for p in s.layer[0].parameters():
        p.requires_grad = True
    return first, frozen, s.train(torch.optim.SGD(trained(s), 0.01)), s.params()


@LOOPS.of("one learning rate for each layer", MLP)
def _(s: Made) -> Any:
    parts = [part for part in s.layer if list(part.parameters())]
    groups = [{"params": part.parameters(), "lr": 0.01 / (i + 1)} for i, part in enumerate(parts)]
    return s.train(torch.optim.SGD(groups, 0.01)), s.params()


@LOOPS.of("penalties of weights by name", MLP)
def _(s: Made) -> Any:
    loss = s.loss() + sum(p.square().sum() for n, p in s.layer.named_parameters() if n.endswith(s.weight))
    loss.backward()
    return loss, s.grads()


@LOOPS.of("counting parameters", MODEL)
def _(s: Made) -> Any:
    return sum(p.numel() for p in s.layer.parameters() if p.requires_grad), len(trained(s))


@LOOPS.of("threads share a module for inference", MLP)
def _(s: Made) -> Any:
    from concurrent.futures import ThreadPoolExecutor

    s.layer.eval()
    with ThreadPoolExecutor(3) as pool:
        return [x.detach() for x in pool.map(s.layer, s.x.split(1))]


@LOOPS.of("the profiler names the operators", LINEAR)
def _(s: Made) -> Any:
    with torch.profiler.profile() as profile:
        s.loss().backward()
    names = {e.key for e in profile.key_averages()}
    return "aten::addmm" in names or "aten::linear" in names or "aten::mm" in names


@LOOPS.of("features of a frozen body, a new head", CONV)
def _(s: Made) -> Any:
    s.layer.requires_grad_(False).eval()
    head = nn.Linear(4 * 4 * 3, 2)
    nn.init.constant_(head.weight, 0.01), nn.init.zeros_(head.bias)
    net = nn.Sequential(s.layer, nn.Flatten(), head)
    step = torch.optim.SGD([p for p in net.parameters() if p.requires_grad], 0.01)
    return s._replace(layer=net).train(step), s.params()


# ---- several processes -----------------------------------------------------------------------------------------------

# what each process does with the layers that a pair makes; every process returns the same
WORK: dict[str, tuple[str, Callable[[Made, int], Any]]] = {}
PAIRS = {"Dense": LINEAR, "layers": MLP, "a model": MODEL, "BatchNormalization": BATCH_NORM, "Dropout": DROPOUT}


def in_two(what: str, pair: str, compare: Compare | None = None) -> Callable[[Callable[[Made, int], Any]], None]:
    """A row that runs in two processes, all such rows in one start of them."""

    def add(work: Callable[[Made, int], Any]) -> None:
        WORK[what] = pair, work
        PROCESSES.of(what, (lambda: 0, lambda: 1), compare)(lambda which: _result(what, which))

    return add


def share(s: Made, rank: int) -> Any:
    """The part of the batch that a process gets."""
    return s.x[:2] if rank == 0 else s.x[2:4]


def steps(net: Any, s: Made, rank: int) -> list[float]:
    step, losses = torch.optim.Adam([p for p in net.parameters() if p.requires_grad], 0.01), []
    for _ in range(3):
        step.zero_grad()
        loss = net(share(s, rank)).square().mean()
        loss.backward()
        step.step()
        losses.append(loss.item())
    return losses


def parallel(s: Made, rank: int) -> Any:
    return steps(nn.parallel.DistributedDataParallel(s.layer), s, rank), s.params()


for _name in ("Dense", "layers", "a model"):
    in_two(f"DistributedDataParallel: {_name}", _name)(parallel)


@in_two("DistributedDataParallel broadcasts statistics", "BatchNormalization")
def _(s: Made, rank: int) -> Any:
    net = nn.parallel.DistributedDataParallel(s.layer)
    for _ in range(2):
        net(share(s, rank) + rank).square().sum().backward()
    net(share(s, rank))
    return told((n, x) for n, x in s.layer.state_dict().items() if rank == 0 and "var" not in n)


@in_two("DistributedDataParallel and no_sync", "layers")
def _(s: Made, rank: int) -> Any:
    net = nn.parallel.DistributedDataParallel(s.layer)
    with net.no_sync():
        net(share(s, rank)).sum().backward()
    net(share(s, rank)).sum().backward()
    return s.grads()


def sharded(s: Made, rank: int) -> Any:
    from torch.distributed.fsdp import fully_shard

    for part in s.layer.children():
        if list(part.parameters()):
            fully_shard(part)
    fully_shard(s.layer)
    losses = steps(s.layer, s, rank)
    return losses, told((n, p.full_tensor()) for n, p in s.layer.named_parameters() if p.is_floating_point())


in_two("fully_shard: layers", "layers")(sharded)
in_two("fully_shard: a model", "a model")(sharded)


def nearly(got: Any, want: Any) -> None:
    """Losses of sums in bfloat16, which has 8 bits, in another order."""
    close(np.array(got), np.array(want), 2**-7)


@in_two("fully_shard with mixed precision", "layers", nearly)
def _(s: Made, rank: int) -> Any:
    from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard

    fully_shard(s.layer, mp_policy=MixedPrecisionPolicy(param_dtype=torch.bfloat16, output_dtype=torch.float32))
    return steps(s.layer, s, rank)


@in_two("clip_grad_norm_ of sharded gradients", "layers")
def _(s: Made, rank: int) -> Any:
    from torch.distributed.fsdp import fully_shard

    fully_shard(s.layer)
    s.layer(share(s, rank)).square().sum().backward()
    return float(nn.utils.clip_grad_norm_(s.layer.parameters(), 1.0).full_tensor())


def _result(what: str, which: int) -> Any:
    found = _results()[what][which]
    if isinstance(found, Failed):
        raise RuntimeError(found.message)
    return found


class Failed(NamedTuple):
    """What a row raised in its processes."""

    message: str


@functools.cache
def _results() -> dict[str, Any]:
    """What every row gave: [ours, torch's own], each perhaps a `Failed`."""
    with tempfile.TemporaryDirectory() as folder:
        torch.multiprocessing.spawn(_process, (folder,), nprocs=2)
        return torch.load(Path(folder) / "results", weights_only=False)


def _process(rank: int, folder: str) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    found: dict[str, Any] = {}
    with kfront.backend_scope("torch"):
        for what, (name, work) in WORK.items():
            found[what] = [_outcome(pair, work, rank) for pair in PAIRS[name]]
    if rank == 0:
        torch.save(found, Path(folder) / "results")
    dist.destroy_process_group()


def _outcome(make: Callable[[], Made], work: Callable[[Made, int], Any], rank: int) -> Any:
    kfront.utils.set_random_seed(3)
    try:
        return work(make(), rank)
    except Exception as error:
        return Failed(f"{type(error).__name__}: {error}")


# ---- packages --------------------------------------------------------------------------------------------------------


def by_lightning(s: Made, **options: Any) -> Any:
    import lightning

    for name in ("lightning", "lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.ERROR)

    class Task(lightning.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.net, self.losses = s.layer, []

        def training_step(self, batch: Any, index: int) -> Any:
            loss = self.net(batch[0]).square().mean()
            self.losses.append(loss.item())
            return loss

        def configure_optimizers(self) -> Any:
            return torch.optim.Adam([p for p in self.parameters() if p.requires_grad], 0.01)

    task = Task()
    quiet = {
        "logger": False,
        "enable_checkpointing": False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
    }
    trainer = lightning.Trainer(max_epochs=2, accelerator="cpu", devices=1, **quiet, **options)
    trainer.fit(task, DataLoader(TensorDataset(s.x), 2))
    return task.losses, s.params()


def by_accelerate(s: Made, precision: str = "no") -> Any:
    import accelerate

    accelerate.state.AcceleratorState._reset_state(reset_partial_state=True)
    accelerator = accelerate.Accelerator(cpu=True, mixed_precision=precision, gradient_accumulation_steps=2)
    step = torch.optim.Adam(trained(s), 0.01)
    net, step, loader = accelerator.prepare(s.layer, step, DataLoader(TensorDataset(s.x), 2))
    losses = []
    for _ in range(2):
        for (x,) in loader:
            with accelerator.accumulate(net):
                loss = net(x).float().square().mean()
                accelerator.backward(loss)
                if accelerator.sync_gradients:
                    accelerator.clip_grad_norm_(net.parameters(), 1.0)
                step.step()
                step.zero_grad()
                losses.append(loss.item())
    return losses, s.params(), sorted(told(accelerator.get_state_dict(net).items()))


for _name, _pair in {"layers": MLP, "a model": MODEL, "Dropout": DROPOUT}.items():
    PACKAGES.of(f"Lightning: {_name}", _pair, needs=("lightning",))(by_lightning)
    PACKAGES.of(f"Accelerate: {_name}", _pair, needs=("accelerate",))(by_accelerate)
PACKAGES.of("Lightning: clipping and accumulation", MLP, needs=("lightning",))(
    lambda s: by_lightning(s, gradient_clip_val=0.5, accumulate_grad_batches=2)
)
PACKAGES.of("Lightning: bf16-mixed", MLP, needs=("lightning",))(lambda s: by_lightning(s, precision="bf16-mixed"))
PACKAGES.of("Accelerate: bf16", MLP, needs=("accelerate",))(lambda s: by_accelerate(s, "bf16"))


@PACKAGES.of("Lightning Fabric", MLP, needs=("lightning",))
def _(s: Made) -> Any:
    from lightning.fabric import Fabric

    fabric = Fabric(accelerator="cpu", devices=1)
    net, step = fabric.setup(s.layer, torch.optim.SGD(trained(s), 0.01))
    losses = []
    for _ in range(3):
        step.zero_grad()
        loss = net(s.x).square().sum()
        fabric.backward(loss)
        step.step()
        losses.append(loss.item())
    return losses


@PACKAGES.of("torchmetrics on outputs", MLP, needs=("torchmetrics",))
def _(s: Made) -> Any:
    from torchmetrics.classification import MulticlassAccuracy

    metric = MulticlassAccuracy(4, average="micro")
    return metric(s.layer(s.x), torch.tensor([0, 1, 2, 3, 0]))


@PACKAGES.of("PEFT: LoRA beside layers that it does not know", MLP, needs=("peft", "transformers"))
def _(s: Made) -> Any:
    import peft

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body, self.head = s.layer, nn.Linear(4, 2)
            nn.init.ones_(self.head.weight), nn.init.zeros_(self.head.bias)

        def forward(self, x: Any) -> Any:
            return self.head(self.body(x))

    torch.manual_seed(0)
    net = peft.get_peft_model(Net(), peft.LoraConfig(r=2, target_modules=["head"], modules_to_save=["body"]))
    first = s._replace(layer=net).train(torch.optim.SGD([p for p in net.parameters() if p.requires_grad], 0.01))
    return first, len([p for p in net.parameters() if p.requires_grad]), len(peft.get_peft_model_state_dict(net))


def adapted(s: Made, config: Any, start: Callable[[Any], None]) -> Any:
    """What PEFT makes of layers, trained, switched off, merged and taken away again."""
    import peft

    net = peft.get_peft_model(s.layer, config)
    start(net)
    losses = s._replace(layer=net).train(torch.optim.SGD([p for p in net.parameters() if p.requires_grad], 0.001))
    with net.disable_adapter():
        off = net(s.x)
    names = sorted(peft.get_peft_model_state_dict(net))
    return losses, off, net(s.x), names, net.merge_and_unload()(s.x), sorted(told(s.layer.named_parameters()))


for _name, _pair in {"layers": MLP, "a Sequential": MODEL, "a functional model": GRAPH}.items():

    @PACKAGES.of(f"PEFT: LoRA of parameters: {_name}", _pair, needs=("peft", "transformers"))
    def _(s: Made) -> Any:
        import peft

        @torch.no_grad()
        def start(net: Any) -> None:  # a kernel is the transpose of torch's weight, and its two factors change places
            for part in net.modules():
                if hasattr(part, "lora_A"):
                    a, b = part.lora_A["default"].weight, part.lora_B["default"].weight
                    for x in (b.T, a.T) if s.weight == "kernel" else (a, b):
                        x.copy_(torch.linspace(-0.1, 0.1, x.numel()).reshape(x.shape))

        parameters = [f"0.{s.weight}", f"2.{s.weight}"]
        return adapted(s, peft.LoraConfig(r=2, target_parameters=parameters), start)

    @PACKAGES.of(f"PEFT: LoRA of a layer by a class for it: {_name}", _pair, needs=("peft", "transformers"))
    def _(s: Made) -> Any:
        import peft
        from peft.tuners import lora

        class LoraDense(lora.Linear):
            """As torch_projects.md shows it."""

            def _get_in_out_features(self, module: Any) -> tuple[int, int]:
                return tuple(module.kernel.shape)

            def merge(self, safe_merge: bool = False, adapter_names: Any = None) -> None:
                for name in adapter_names or self.active_adapters:
                    self.base_layer.kernel.data += self.get_delta_weight(name)
                    self.merged_adapters.append(name)

            def unmerge(self) -> None:
                while self.merged_adapters:
                    self.base_layer.kernel.data -= self.get_delta_weight(self.merged_adapters.pop())

        config = peft.LoraConfig(r=2, target_modules=["0", "2"], fan_in_fan_out=s.weight == "kernel")
        config._register_custom_module({kfront.layers.Dense: LoraDense})
        return adapted(s, config, lambda net: None)


ROWS = [*LOOPS, *PROCESSES, *PACKAGES]
