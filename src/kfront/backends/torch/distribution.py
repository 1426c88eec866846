"""Several devices on torch: one process for each, brought together by `torch.distributed`.

`ModelParallel` and layouts are DTensors, see `mesh.py`; the rest is `DataParallel`.

Every process is given whole batches and takes its part of each; gradients are averaged with the sizes of the parts as
weights, in one exchange for each dtype, so that a step does what it does on one device. (PyTorch's way with it: Li et
al., 2020, https://arxiv.org/abs/2006.15704.)
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import torch
import torch.distributed as dist
from torch._utils import _flatten_dense_tensors, _unflatten_dense_tensors
from torch.autograd.function import FunctionCtx
from torch.distributed.device_mesh import DeviceMesh
from torch.distributed.tensor import DTensor, Replicate, Shard
from torch.distributed.tensor._utils import compute_local_shape_and_global_offset

from kfront.backends.distributor import Distributor, Part, ReadPart, Reduction
from kfront.backends.seeding import seed_together
from kfront.backends.torch.common import current_device
from kfront.backends.torch.dtensors import Layout, fits, move, on_mesh
from kfront.backends.torch.mesh import Feed, install, rows_of, run_on_rows
from kfront.backends.torch.placed import lay_out, reads_whole, settle
from kfront.backends.torch.variable import SEED_NAME, TorchVariable
from kfront.backends.typing import Closure
from kfront.backends.watch import shortest
from kfront.core import tree
from kfront.core.errors import ArgumentError, ShapeError
from kfront.core.rng import make_default_seed
from kfront.core.state import distribution_on
from kfront.core.typing import AnyCallable, Nested

if TYPE_CHECKING:
    from kfront.backends.base import Backend
    from kfront.core.variable import Variable
    from kfront.distribution import Distribution, TensorLayout
    from kfront.training.trainer import Trainer


Tensor = torch.Tensor
_CPU = torch.device("cpu")


class SharedVariable(TorchVariable):
    """A Variable that starts with the value it has in the first process; keys of random ops differ."""

    def _make(self, value: Tensor) -> None:
        super()._make(value)
        if self.name == SEED_NAME:
            self._value.data[0] += dist.get_rank()
            return
        first, watch = _from_first(self._value.data), self._kf_backend.distributor.watch
        if watch is not None and first.ndim == 0 and self.aggregation == "only_first_replica":  # the learning rate
            watch.compare_with({self.name: shortest(first.item())}, {self.name: shortest(self._value.item())})
        self._value.data.copy_(first)


def _wrong_world(who: str, size: int, count: int) -> ArgumentError:
    return ArgumentError(
        f"[{who}] expected one process for each of {size} devices, got {count}; start them with `torchrun "
        "--nproc-per-node`, and call `kfront.distribution.initialize()` in each."
    )


def _together() -> bool:
    return dist.is_available() and dist.is_initialized()


def _from_first(tensor: Tensor) -> Tensor:
    """The tensor that the first process has."""
    sent = _sendable(tensor)
    dist.broadcast(sent, 0)
    return sent.to(tensor.device, tensor.dtype)


def _sendable(tensor: Tensor) -> Tensor:
    """A copy on the device and in a dtype that the processes exchange."""
    device = "cuda" if dist.get_backend() == "nccl" else tensor.device
    return tensor.to(device, torch.uint8 if tensor.dtype is torch.bool else tensor.dtype, copy=True)


def _summed(tensor: Tensor) -> Tensor:
    sent = _sendable(tensor)
    dist.all_reduce(sent)
    return sent.to(tensor.device)


class _Total(torch.autograd.Function):
    @staticmethod
    def forward(ctx: FunctionCtx, tensor: Tensor) -> Tensor:
        return _summed(tensor)

    @staticmethod
    def backward(ctx: FunctionCtx, *gradients: Tensor) -> Nested[Tensor]:
        return _Total.apply(gradients[0])


def total(tensor: Tensor) -> Tensor:
    """The sum of the tensors of all processes; so is its gradient."""
    return _Total.apply(tensor)  # type: ignore[return-value]


def _again() -> dict[str, Any]:
    """How the processes find each other when torchrun has started them again, nothing if it has not.

    With a fixed address its store still holds what the processes of the attempt before have told each other there,
    which torch takes for that of the new ones (torch 2.13, `rendezvous._create_c10d_store`).
    """
    given = os.environ
    attempt = given.get("TORCHELASTIC_RESTART_COUNT", "0")
    if given.get("TORCHELASTIC_USE_AGENT_STORE") != "True" or attempt == "0":
        return {}
    store = dist.TCPStore(given["MASTER_ADDR"], int(given["MASTER_PORT"]), is_master=False)
    own = dist.PrefixStore(f"attempt-{attempt}", store)
    return {"store": own, "world_size": int(given["WORLD_SIZE"]), "rank": int(given["RANK"])}


class _Store:
    """The store by which the processes found each other, over a connection of its own."""

    def __init__(self) -> None:
        self.store = dist.PrefixStore("kfront", dist.distributed_c10d._get_default_store().clone())

    def put(self, name: str, text: str) -> None:
        self.store.set(name, text)

    def find(self, name: str) -> str | None:
        return self.store.get(name).decode() if self.store.check([name]) else None


class TorchDistributor(Distributor):
    """Each process has one device.

    Attributes:
        share: the weight of this process's part of the batch, 1 for parts of the same size.
    """

    def __init__(self, backend: Backend) -> None:
        super().__init__(backend)
        self.share = 1.0

    # -- devices ------------------------------------------------------------------------------------------------------

    def devices(self, kind: str | None) -> list[str]:
        """Names of the devices: one for each process, or those of this machine."""
        gpus = torch.cuda.device_count()
        kind = kind or ("gpu" if gpus else "cpu")
        if kind == "tpu" or (kind == "gpu" and not gpus):
            raise self._unsupported(f"devices of kind {kind!r}")
        return [f"{kind}:{i}" for i in range(dist.get_world_size() if _together() else gpus if kind == "gpu" else 1)]

    def processes(self) -> tuple[int, int]:
        """How many processes there are, and which this is."""
        return (dist.get_world_size(), dist.get_rank()) if _together() else (1, 0)

    def initialize(self, address: str | None, count: int | None, mine: int | None) -> None:
        """Make the group of processes; draw the seeds that the first one draws."""
        if count == 1:
            return
        if not _together():
            device = current_device()
            gpu = device is not None and device.type == "cuda"
            if gpu and device.index is None:  # "cuda" is this one from now on
                torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", mine or 0)) % torch.cuda.device_count())
            where = {"init_method": f"tcp://{address}", "world_size": count, "rank": mine} if address else _again()
            try:
                dist.init_process_group("nccl" if gpu else "gloo", **where)
            except (TypeError, ValueError) as error:
                raise ArgumentError(
                    "[initialize] expected `job_addresses`, `num_processes` and `process_id`, or processes that "
                    f"`torchrun` has started, got {address!r}, {count} and {mine}: {error}"
                ) from error
        seed_together(int(_from_first(torch.tensor(make_default_seed()))))
        by_agent = os.environ.get("TORCHELASTIC_USE_AGENT_STORE") == "True"
        self.start_watch(_Store(), "the agent of torchrun" if by_agent else "rank 0")

    def _kf_on_host(self, x: Any) -> Any:
        plain = isinstance(x, torch.Tensor) and x.device == _CPU and x.layout is torch.strided
        return x.detach().numpy() if plain and x.dtype is not torch.bfloat16 else super()._kf_on_host(x)

    def agreed(self, numbers: list[int]) -> list[int]:
        """The numbers that the first process gives."""
        return _from_first(torch.tensor(numbers)).tolist() if self.processes()[0] > 1 else numbers

    def everyones(self, numbers: list[int]) -> list[list[int]]:
        """The numbers that each process gives."""
        device = "cuda" if dist.get_backend() == "nccl" else "cpu"
        found = [torch.empty(len(numbers), dtype=torch.int64, device=device) for _ in range(dist.get_world_size())]
        dist.all_gather(found, torch.tensor(numbers, device=device))
        return [x.tolist() for x in found]

    def gather(self, arrays: Nested[Any]) -> list[Any]:
        """The arrays that each process gives."""
        found: list[Any] = [None] * dist.get_world_size()
        dist.all_gather_object(found, arrays)
        return found

    def share_out(self, variables: Iterable[Variable]) -> None:
        """Sums stay in the first process, random streams are those that `SharedVariable` gives; a mesh shares all."""
        mine, now = self.processes()[1], distribution_on(self.b)
        apart = mine and not (now is not None and now.splits_variables)
        for v in variables if apart else ():
            if v.aggregation == "sum":
                v.assign(torch.zeros_like(v._value))
            elif v.name == SEED_NAME and isinstance(v, SharedVariable):
                v._value.data[0] += mine

    # -- parts of Variables -------------------------------------------------------------------------------------------

    def shards(self, variable: Variable) -> list[Part]:
        """The part of a Variable's value in this process, of FSDP2's DTensors too."""
        value = variable._handle._value.detach()
        if not isinstance(value, DTensor):
            (part,) = super().shards(variable)
            alike = variable._handle._layout is not None and value.is_floating_point()  # keys are not
            return [part._replace(copies=self.processes()[0])] if alike else [part]
        mesh, placements = value.device_mesh, value.placements
        mine, copies = 0, 1
        for at, size, p in zip(mesh.get_coordinate() or (), mesh.shape, placements, strict=True):
            if not isinstance(p, Shard):
                mine, copies = mine * size + at, copies * size
        offset = compute_local_shape_and_global_offset(value.shape, mesh, placements)[1]
        return [Part(tuple(offset), self.b.to_numpy(value.to_local()), mine, copies)]

    def assign_shards(self, variable: Variable, read: ReadPart) -> None:
        """Set the part in this process."""
        variable = variable._handle
        value = variable._value.detach()
        if not isinstance(value, DTensor):
            super().assign_shards(variable, read)
            return
        mesh, placements = value.device_mesh, value.placements
        shape, offset = compute_local_shape_and_global_offset(value.shape, mesh, placements)
        part = self.b.convert(read(tuple(offset), tuple(shape)), variable._dtype).to(value.device)
        variable._write(
            DTensor.from_local(part, mesh, placements, run_check=False, shape=value.shape, stride=value.stride())
        )

    # -- layouts ------------------------------------------------------------------------------------------------------

    def mesh(self, mesh: Any) -> DeviceMesh | None:
        """A `torch.distributed.device_mesh.DeviceMesh` of the processes that the devices' numbers name; None of one."""
        names = [str(d).replace("gpu", "cuda") for d in mesh.devices.flat]
        ranks = [int(n.partition(":")[2] or 0) for n in names]
        if sorted(ranks) != list(range(self.processes()[0])):
            raise _wrong_world("DeviceMesh", len(ranks), self.processes()[0])
        if len(ranks) == 1:
            return None
        device = "cpu" if names[0].startswith("cpu") else "cuda"
        install(self.b)
        grid = torch.tensor(ranks).reshape(mesh.shape)
        return DeviceMesh(device, grid, mesh_dim_names=tuple(mesh.axis_names))

    def layout(self, layout: TensorLayout) -> Layout:
        """The axes of the mesh as placements; one of size 1 divides nothing."""
        mesh, axes = layout.device_mesh, layout.axes
        return Layout(
            mesh.backend_mesh,
            tuple(
                Shard(axes.index(n)) if n in axes and size > 1 else Replicate()
                for n, size in zip(mesh.axis_names, mesh.shape, strict=True)
            ),
        )

    def is_layout(self, x: object) -> bool:
        """Whether `x` is a layout of this engine."""
        return isinstance(x, Layout)

    def place(self, tensor: Tensor, layout: Any) -> Tensor:
        """The tensor as a DTensor."""
        if layout.mesh is None:
            return tensor
        if not fits(tuple(tensor.shape), layout):
            raise ShapeError(
                f"[distribute_tensor] expected a shape that the devices can divide as {layout.places}, got "
                f"{tuple(tensor.shape)} on {layout.mesh}; change the layout or the mesh."
            )
        return move(on_mesh(tensor, layout.mesh), layout.places)

    def constrain(self, tensor: Tensor, layout: Any) -> Tensor:
        """The tensor as a DTensor, where that goes."""
        if layout.mesh is None or not fits(tuple(tensor.shape), layout):
            return tensor
        return move(on_mesh(tensor, layout.mesh), layout.places)

    def on_rows(
        self, distribution: Distribution, variables: Sequence[Variable]
    ) -> Callable[[AnyCallable], AnyCallable] | None:
        """How to run a function on this process's rows of the batch; None if it reads what is divided otherwise."""
        if self.processes()[0] == 1 or not distribution.splits_variables or not all(map(reads_whole, variables)):
            return None
        return functools.partial(run_on_rows, rows_of(distribution))

    # -- models -------------------------------------------------------------------------------------------------------

    def check(self, distribution: Distribution) -> None:
        """Whether there is a process for each device."""
        count, size = self.processes()[0], distribution.device_mesh.devices.size
        if count != size:
            raise _wrong_world(type(distribution).__name__, size, count)
        if distribution.splits_variables and count > 1:
            _ = distribution.device_mesh.backend_mesh

    def lay_out(self, variable: Variable, layout: TensorLayout) -> None:
        """Let the Variable be made on the mesh; under a DataParallel, let it start as in the first process."""
        given, variable._layout = variable._layout, layout
        if self.processes()[0] == 1:
            return
        now = distribution_on(self.b)
        if given is None and not now.splits_variables:
            variable.__class__ = SharedVariable
            return
        lay_out(variable, layout.backend_layout, None if now is None else now.batch_dim_name)

    def step(self, run: Closure[Tensor], kind: str, distribution: Distribution, model: Trainer) -> Closure[Tensor]:
        """The step on this process's part of a batch; `predict` gives the outputs of all parts."""
        count, mine = self.processes()
        if count == 1:
            return run
        if distribution.splits_variables:
            return self._step_on_mesh(run, kind, distribution, Feed(distribution, model, kind))

        def one(run: Closure[Tensor], args: tuple[Nested[Tensor], ...]) -> Nested[Tensor]:
            if not self.is_shared(distribution):
                return self._gather(run(*args), None) if kind == "predict" else run(*args)
            part = _Part(len(tree.flatten(args)[0]), count, mine)
            local = tree.map_structure(lambda x: None if x is None else x[part.rows], args)
            if kind == "predict":
                return self._gather(run(*local), part.sizes)
            self.share = part.share
            try:
                return run(*local) if part.own else _idle(run, local, model.metrics_variables)
            finally:
                self.share = 1.0

        def step(*args: object) -> Nested[Tensor]:
            if kind == "predict" or len(args) > 1:
                return one(run, args)
            out = None
            for batch in args[0]:  # a list of batches: each has parts of its own size
                out = one(lambda *local: run([local]), batch)
            return out

        return step

    def _step_on_mesh(self, run: Closure[Tensor], kind: str, distribution: Distribution, feed: Feed) -> Closure[Tensor]:
        def step(*args: Any) -> Nested[Tensor]:
            if kind == "predict" or len(args) > 1:
                feed.shared = self.is_shared(distribution)
                return feed(run, args)
            out = None
            for batch in args[0]:  # a list of batches, of which the last may be one that cannot be divided
                feed.shared = self.is_shared(distribution)
                out = feed(lambda *one: run([one]), batch)
            return out

        return step

    def _gather(self, out: Nested[Tensor], sizes: list[int] | None) -> Nested[Tensor]:
        """Outputs of all processes, one after the other."""
        count = self.processes()[0]

        def one(x: Tensor) -> Tensor:
            sent = _sendable(x.contiguous())
            rows = sizes
            if rows is None:
                found = [torch.zeros(1, dtype=torch.int64, device=sent.device) for _ in range(count)]
                dist.all_gather(found, torch.tensor([len(x)], device=sent.device))
                rows = [int(n) for n in found]
            most = max(rows)
            padded = (
                sent if len(sent) == most else torch.cat([sent, sent[:1].expand(most - len(sent), *sent.shape[1:])])
            )
            parts = [torch.empty_like(padded) for _ in range(count)]
            dist.all_gather(parts, padded.contiguous())
            return torch.cat([p[:n] for p, n in zip(parts, rows, strict=True)]).to(x.device, x.dtype)

        return tree.map_structure(one, out)

    def reduction(self, distribution: Distribution) -> Reduction | None:
        """The average of the gradients of all processes; on a mesh, the sums that are still to be made."""
        if self.processes()[0] > 1 and distribution._kf_backend is self.b and distribution.splits_variables:
            return settle
        return self._kf_average if distribution._kf_backend is self.b and self.processes()[0] > 1 else None

    @torch.compiler.disable
    def _kf_average(self, grads: list[Tensor], variables: list[Variable]) -> list[Tensor]:
        count, out = dist.get_world_size(), list(grads)
        for kind in dict.fromkeys(g.dtype for g in grads):
            places = [i for i, g in enumerate(grads) if g.dtype is kind]
            mine = [grads[i].detach().to_dense() if grads[i].is_sparse else grads[i].detach() for i in places]
            flat = _flatten_dense_tensors([g.contiguous() for g in mine]) * (self.share / count)
            dist.all_reduce(flat)
            for i, g in zip(places, _unflatten_dense_tensors(flat, mine), strict=True):
                out[i] = g
        return out

    @contextmanager
    def gathered(self, model: Trainer, logs: Any) -> Iterator[Tensor]:
        """Metrics are those of all processes inside; statistics that layers keep are averaged for good."""
        count, now = self.processes()[0], distribution_on(self.b)
        if count == 1 or (now is not None and now.splits_variables):
            yield logs
            return
        for v in model.non_trainable_variables:
            if v._value.is_floating_point():
                v.assign(_summed(v._value.detach()) / count)
        own = {id(v): v for v in model.metrics_variables if v.aggregation in ("sum", "mean")}
        before = [v._value.detach().clone() for v in own.values()]
        for v, x in zip(own.values(), before, strict=True):
            v.assign(_summed(x) if v.aggregation == "sum" else _summed(x) / count)
        if logs is not None:
            sums = _summed(torch.tensor([float(x) for x in logs.values()], dtype=torch.float64)) / count
            logs = dict(zip(logs, sums.tolist(), strict=True))
        try:
            yield logs
        finally:
            for v, x in zip(own.values(), before, strict=True):
                v.assign(x)


def _idle(run: Closure[Tensor], local: Nested[Tensor], metrics: list[Any]) -> Nested[Tensor]:
    """A step for a batch with fewer samples than processes: take part in its exchanges with no weight."""
    before = [v._value.detach().clone() for v in metrics]
    out = run(*local)
    for v, x in zip(metrics, before, strict=True):
        v.assign(x)
    return out


class _Part:
    """This process's rows of a batch.

    Attributes:
        sizes: rows of each process.
        rows: this one's, as a slice; the first row of the batch if there are none.
        own: whether there are any.
        share: their weight, 1 on average.
    """

    def __init__(self, size: int, count: int, mine: int) -> None:
        bounds = [size * i // count for i in range(count + 1)]
        self.sizes = [b - a for a, b in pairwise(bounds)]
        self.own = self.sizes[mine] > 0
        self.rows = slice(bounds[mine], bounds[mine + 1]) if self.own else slice(0, 1)
        self.share = self.sizes[mine] * count / size
