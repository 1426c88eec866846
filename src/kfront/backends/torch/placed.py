"""Variables of which each process holds a part, and how they are gathered where they are read.

A Variable's batch axis is gathered where it is read, and its gradient comes back as its part of the sum (as in FSDP:
Zhao et al., 2023, https://arxiv.org/abs/2304.11277): in one exchange for a block of Variables that are read one after
another, and one for their gradients.
"""

from __future__ import annotations

import mmap
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
import torch.distributed as dist
from torch.autograd.function import FunctionCtx
from torch.distributed.device_mesh import DeviceMesh
from torch.distributed.tensor import DTensor, Partial, Replicate, Shard
from torch.distributed.tensor._dtensor_spec import DTensorSpec
from torch.multiprocessing.reductions import StorageWeakRef
from torch.nn import Parameter

from kfront.backends.torch.common import NAMES, native
from kfront.backends.torch.dtensors import Layout, Places, move, of_part, on_mesh, place, whole
from kfront.backends.torch.variable import SEED_NAME, TorchVariable
from kfront.core.mesh import Unmade
from kfront.core.state import state

if TYPE_CHECKING:
    from kfront.core.variable import Variable

Tensor = torch.Tensor


class _Undivided(threading.local):
    """The axis of the mesh that the batch is not divided over at the moment, though it should be."""

    axis: int | None = None


undivided = _Undivided()


def _without(x: DTensor, axis: int) -> Tensor:
    """What all processes along an axis hold alike, on the mesh of the other axes: there it is never divided."""
    names = [n for i, n in enumerate(x.device_mesh.mesh_dim_names or ()) if i != axis]
    part = x.to_local(grad_placements=x.placements)
    if not names:
        return part
    places = tuple(p for i, p in enumerate(x.placements) if i != axis)
    return of_part(part, x.shape, x.device_mesh[tuple(names)], places)


class PlacedVariable(TorchVariable):
    """A Variable of which this process holds a part; whatever is assigned is brought into its layout.

    Attributes:
        laid: where the parts lie.
        read_as: the same with the batch axis gathered.
        summed: the same, for gradients: sums over the rows of the batch are still to be made.
        spec_of_sum: of gradients that are still to be summed.
        member: which one it is of those that are gathered together; None as long as nobody knows.
    """

    laid: Layout
    read_as: Places
    summed: Places
    member: Member | None = None
    spec_of_sum: DTensorSpec | None = None
    _divided = True

    def _make(self, value: Any) -> None:
        b = self._kf_backend
        local, offset = place(self._shape, *self.laid)
        with b.eager():
            if type(value) is Unmade:
                part = b.convert(value.part(offset, local), self._dtype)
            else:
                part = value[tuple(slice(o, o + n) for o, n in zip(offset, local, strict=True))]
                part = part.detach().clone() if isinstance(part, Tensor) else b.convert(part, self._dtype).clone()
            part = part.contiguous().to(self.laid.mesh.device_type)
            self._dtype = NAMES[part.dtype]
            tensor = of_part(part, self._shape, *self.laid)
            self._value = self.own = self._parameter(tensor) if self._trainable else tensor
        self._aliased_by_autograd = False

    @property
    def value(self) -> Tensor:
        """The tensor, its batch axis gathered; in the autocast dtype inside such a scope."""
        value = self._value
        if type(value) is not DTensor:
            return TorchVariable.value.fget(self)  # type: ignore[attr-defined]
        cast = state.autocast
        if cast is None or not self._autocast or cast == self._dtype or not value.is_floating_point():
            cast = None
        out = gathering.read(self, value, cast)
        return out if undivided.axis is None else _without(out, undivided.axis)

    @property
    def version(self) -> int:
        """A number that changes when the value does."""
        return self.own._local_tensor._version  # type: ignore[attr-defined]

    def _write(self, value: Tensor) -> None:
        value = value.detach()
        if type(value) is not DTensor or value.device_mesh != self.laid.mesh:
            value = on_mesh(whole(value), self.laid.mesh)
        super()._write(move(value, self.laid.places))

    def take(self, tensor: Tensor) -> None:
        """Hold another storage, which is gathered by itself at first."""
        self.spec_of_sum = None
        if self.member is not None:
            self.member.block.ungroup()
        super().take(tensor)

    def _shown(self, layer: object) -> PlacedVariable:
        return self  # not the Parameter, which has not been gathered

    def _kf_state(self) -> dict[str, Any]:
        out = {
            k: v
            for k, v in super()._kf_state().items()
            if k not in ("_layout", "laid", "read_as", "summed", "member", "spec_of_sum")
        }
        value = whole(self._value.detach())
        out["own"] = out["_value"] = self._parameter(value) if isinstance(self.own, Parameter) else value
        return out


# ---- what is gathered together ---------------------------------------------------------------------------------------


class Member(NamedTuple):
    """One of the Variables that are gathered together.

    Attributes:
        block: they all.
        index: which it is.
        cast: the dtype in which it is read, None for its own.
    """

    block: Block
    index: int
    cast: str | None


class Block:
    """Variables that are read one after another: one exchange gathers them, one sums their gradients.

    Args:
        found: the Variables, and the dtypes in which they are read.
        again: whether they are gathered again for the backward pass, rather than kept.
    """

    def __init__(self, found: Sequence[tuple[PlacedVariable, str | None]], again: bool) -> None:
        self.variables = [v for v, _ in found]
        self.again = again
        first = self.variables[0]
        self.mesh = first.laid.mesh
        self.dtype = _wire(*found[0])
        self.axis, self.dims = _batch_axis(first), []
        for i, (v, cast) in enumerate(found):
            p = v.laid.places[self.axis]
            assert isinstance(p, Shard)
            self.dims.append(p.dim)
            v.member = Member(self, i, cast)
        self.size, self.group = self.mesh.shape[self.axis], self.mesh.get_group(self.axis)
        self.shapes = [v.own._local_tensor.shape for v in self.variables]  # type: ignore[attr-defined]
        self.as_it_lies = self.dims == [0]  # what is exchanged is the value, with nothing in between

    def ungroup(self) -> None:
        """Gather each by itself, as before it was known in which order they are read."""
        for v in self.variables:
            v.member = None

    def versions(self) -> list[int]:
        """Numbers that change when the Variables do."""
        return [v.version for v in self.variables]

    def gather(self, parts: Sequence[Tensor]) -> list[Tensor]:
        """The tensors of which the processes along the axis hold these parts."""
        count = sum(p.numel() for p in parts)
        if self.as_it_lies:
            mine = parts[0].to(self.dtype).reshape(-1)
            flat = _memory(self.size * count, mine)
            _all_gather(flat, mine, group=self.group)
            return [flat.view(_grown(self.shapes[0], 0, self.size))]
        room = gathering.room((self.size + 1) * count, self.dtype, parts[0])
        flat, mine = room.split([self.size * count, count])
        torch.cat([p.reshape(-1).to(self.dtype) for p in parts], out=mine)
        _all_gather(flat, mine, group=self.group)
        out, at = _memory(len(flat), mine), 0
        values = []
        for piece, shape, dim in zip(
            flat.view(self.size, -1).split([p.numel() for p in parts], 1), self.shapes, self.dims, strict=True
        ):
            value = out[at : at + piece.numel()].view(_grown(shape, dim, self.size))
            value.unflatten(dim, (self.size, -1)).movedim(dim, 0).copy_(piece.view(self.size, *shape))
            values.append(value)
            at += piece.numel()
        return values

    def scatter(self, wholes: Sequence[Tensor | None]) -> list[Tensor | None]:
        """This process's parts of the sums over the processes; what is None in all stays so."""
        there = [(i, x) for i, x in enumerate(wholes) if x is not None]
        sizes = [x.numel() // self.size for _, x in there]
        count = sum(sizes)
        if self.as_it_lies:
            flat = there[0][1].reshape(-1)
        else:
            flat = gathering.room(self.size * count, self.dtype, there[0][1])
            for (i, x), piece in zip(there, flat.view(self.size, count).split(sizes, 1), strict=True):
                rows = x.unflatten(self.dims[i], (self.size, -1)).movedim(self.dims[i], 0)
                piece.unflatten(1, self.shapes[i]).copy_(rows)
        mine = _memory(count, flat)
        _reduce_scatter(mine, flat, group=self.group)
        out: list[Tensor | None] = [None] * len(wholes)
        for (i, _), piece in zip(there, mine.split(sizes), strict=True):
            out[i] = piece.view(self.shapes[i])
        return out


def _memory(count: int, like: Tensor, kind: torch.dtype | None = None) -> Tensor:
    """Memory that goes back to the system: on the host it would fragment the heap."""
    kind = kind or like.dtype
    size = count * kind.itemsize
    if like.device.type != "cpu" or size < 1 << 20:
        return like.new_empty(count, dtype=kind)
    return torch.frombuffer(mmap.mmap(-1, size), dtype=kind)


def _grown(shape: torch.Size, dim: int, times: int) -> list[int]:
    return [n * times if d == dim else n for d, n in enumerate(shape)]


def _batch_axis(v: PlacedVariable) -> int:
    """The axis of the mesh over which a Variable is gathered."""
    return next(i for i, (a, b) in enumerate(zip(v.laid.places, v.read_as, strict=True)) if a != b)


def _wire(v: PlacedVariable, cast: str | None) -> torch.dtype:
    return v.own.dtype if cast is None else native(cast)


class _Gather(torch.autograd.Function):
    """From the Parameters of a block, DTensors, to what this process computes with, plain tensors."""

    @staticmethod
    def forward(ctx: FunctionCtx, block: Block, *own: DTensor) -> tuple[Tensor, ...]:
        ctx.block, ctx.kinds = block, [x.dtype for x in own]
        ctx.set_materialize_grads(False)  # what was not used has no gradient
        out = block.gather([x._local_tensor for x in own])
        ctx.mark_non_differentiable(*[y for x, y in zip(own, out, strict=True) if not x.requires_grad])
        return tuple(out)

    @staticmethod
    def backward(ctx: FunctionCtx, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        if not torch.is_grad_enabled():  # all that reads the block has its gradient
            gathering.release(ctx.block)
        return None, *_Scatter.apply(ctx.block, ctx.kinds, *gradients)  # type: ignore[misc]


class _ForRows(torch.autograd.Function):
    """From a Variable's value to a plain tensor, whose gradient is of this process's rows; `to_local` costs more."""

    @staticmethod
    def forward(ctx: FunctionCtx, x: DTensor, v: PlacedVariable) -> Tensor:
        ctx.v = v
        return x._local_tensor.view_as(x._local_tensor)

    @staticmethod
    def backward(ctx: FunctionCtx, *gradients: Tensor) -> tuple[Tensor, None]:
        v, g = ctx.v, gradients[0].contiguous()
        if torch.is_grad_enabled():  # for a gradient of it
            return DTensor.from_local(g, v.laid.mesh, v.summed), None
        if v.spec_of_sum is None:
            v.spec_of_sum = DTensorSpec(v.laid.mesh, v.summed, tensor_meta=v.own._spec.tensor_meta)
        return DTensor(g, v.spec_of_sum, requires_grad=False), None


class _Scatter(torch.autograd.Function):
    """The way back, for gradients; it has a gradient itself."""

    @staticmethod
    def forward(
        ctx: FunctionCtx, block: Block, kinds: list[torch.dtype], *gradients: Tensor | None
    ) -> tuple[DTensor | None, ...]:
        ctx.block, ctx.there = block, [g is not None for g in gradients]
        return tuple(
            None if part is None else DTensor(part.to(kind), v.own._spec, requires_grad=False)
            for part, kind, v in zip(block.scatter(gradients), kinds, block.variables, strict=True)
        )

    @staticmethod
    def backward(ctx: FunctionCtx, *second: DTensor | None) -> tuple[Tensor | None, ...]:
        block = ctx.block
        parts = [
            torch.zeros(shape, dtype=block.dtype, device=block.mesh.device_type) if g is None else g._local_tensor
            for g, shape in zip(second, block.shapes, strict=True)
        ]
        out = block.gather(parts)
        return None, None, *[x if there else None for x, there in zip(out, ctx.there, strict=True)]


Source = Block | tuple[PlacedVariable, str | None]  # of memory: a block, or one Variable and the dtype it was read in


class _Held(NamedTuple):
    """A block as it was gathered: the Variables' versions then, their values, and whether gradients were recorded."""

    block: Block
    versions: list[int]
    values: Sequence[Tensor]
    recorded: bool


class _Gathering(threading.local):
    """What is gathered for the computation that runs at the moment.

    The first time each Variable is gathered by itself, and the order is kept; from it blocks are made, and from then on
    a block is gathered when the first of it is read. One block of each dtype is held at a time. Autograd would keep all
    that it needs until the backward pass. It keeps where it comes from instead, and that is gathered again when it is
    needed, as FSDP does; not so in a model of one block, and not what is small.

    Attributes:
        off: whether to leave it to a compiler.
        rows: where the rows lie that this process computes from alone, as plain tensors; None if it does not.
        found: what may be gathered again, by the address of its memory; None outside of computations.
        order: what was gathered by itself, and the dtypes in which it was read.
        held: the block that was gathered last, of each dtype.
    """

    off = False
    rows: Layout | None = None
    found: dict[int, tuple[StorageWeakRef, Source]] | None = None

    def __init__(self) -> None:
        self.order: dict[int, tuple[PlacedVariable, str | None]] = {}
        self.held: dict[torch.dtype, _Held] = {}
        self.rooms: dict[torch.dtype, Tensor] = {}

    def read(self, v: PlacedVariable, value: DTensor, cast: str | None) -> Tensor:
        """A Variable's value with its batch axis gathered."""
        if v.read_as == v.laid.places or self.found is None or value is not v.own:
            return self._shown(move(value if cast is None else value.to(native(cast)), v.read_as), v)
        member = v.member
        if member is not None and member.cast == cast:
            part = self.fetch(member.block, member.index)
            if member.block.again:
                self._note(part, member.block)
            if self.rows is not None:
                return part
            return DTensor.from_local(part, v.laid.mesh, v.read_as, grad_placements=v.summed)
        if member is None:
            self.order.setdefault(id(v), (v, cast))
        out = move(value if cast is None else value.to(native(cast)), v.read_as)
        if out._local_tensor.numel() * out._local_tensor.itemsize >= _LARGE:
            self._note(out._local_tensor, (v, cast))
        return self._shown(out, v)

    def _shown(self, x: DTensor, v: PlacedVariable) -> Tensor:
        if self.rows is None:
            return x
        if torch.compiler.is_compiling():  # it takes no Variables for arguments
            return x.to_local(grad_placements=v.summed)
        return _ForRows.apply(x, v)  # type: ignore[return-value]

    def _note(self, part: Tensor, source: Source) -> None:
        assert self.found is not None
        storage = part.untyped_storage()
        self.found[storage.data_ptr()] = (StorageWeakRef(storage), source)

    def fetch(self, block: Block, index: int) -> Tensor:
        """The value of one of a block, as it is now."""
        recorded, held = torch.is_grad_enabled(), self.held.get(block.dtype)
        if (
            held is None
            or held.block is not block
            or held.versions[index] != block.variables[index].version
            or (recorded and not held.recorded)
        ):
            self.held.pop(block.dtype, None)
            held = None  # its memory is for the next
            values = _Gather.apply(block, *[v.own for v in block.variables])
            held = self.held[block.dtype] = _Held(block, block.versions(), values, recorded)  # type: ignore[arg-type]
        return held.values[index]

    def again(self, source: Source) -> Tensor:
        """Memory as it was noted, for the backward pass."""
        with torch.no_grad():
            if type(source) is Block:
                return self.fetch(source, 0).detach()
            v, cast = source
            value = v._value.detach()
            return move(value if cast is None else value.to(native(cast)), v.read_as).to_local()

    def room(self, size: int, kind: torch.dtype, like: Tensor) -> Tensor:
        """Memory for an exchange, the same for all of a step, so that it does not fragment the heap."""
        room = self.rooms.get(kind)
        if room is None or len(room) < size:
            self.rooms.pop(kind, None)
            room = None
            room = self.rooms[kind] = _memory(size, like, kind)
        return room[:size]

    def release(self, block: Block) -> None:
        """A block is not needed any more."""
        held = self.held.get(block.dtype)
        if held is not None and held.block is block:
            del self.held[block.dtype]

    def clear(self) -> None:
        """A step ends."""
        self.held.clear()
        self.rooms.clear()

    def pack(self, x: Tensor) -> Tensor | _Again:
        """What autograd keeps of a tensor."""
        local = x._local_tensor if type(x) is DTensor else x
        entry = None if not self.found else self.found.get(local.untyped_storage().data_ptr())
        if entry is None or entry[0].expired():
            return x
        spec = x._spec if type(x) is DTensor else None
        return _Again(entry[1], spec, (local.shape, local.stride(), local.storage_offset()))

    def __enter__(self) -> None:
        self.outer, self.found = self.found, {}
        self.hooks = torch.autograd.graph.saved_tensors_hooks(self.pack, _unpack)
        self.hooks.__enter__()

    def __exit__(self, *exc: object) -> None:
        self.hooks.__exit__(*exc)
        self.found = self.outer
        order, self.order = self.order, {}
        if order:
            _make_blocks(list(order.values()))


class _Again(NamedTuple):
    """What is gathered again, and the view of it that was kept."""

    source: Source
    spec: DTensorSpec | None
    view: tuple[torch.Size, tuple[int, ...], int]


def _unpack(kept: Tensor | _Again) -> Tensor:
    if type(kept) is not _Again:
        return kept
    local = gathering.again(kept.source).as_strided(*kept.view)
    return local if kept.spec is None else DTensor(local, kept.spec, requires_grad=False)


def _make_blocks(order: Sequence[tuple[PlacedVariable, str | None]]) -> None:
    """Blocks of what was read, in this order: as large as `_BLOCK`, or an eighth of what a process holds of it."""
    rows: dict[tuple[DeviceMesh, int, torch.dtype], list[tuple[int, PlacedVariable, str | None]]] = {}
    for v, cast in order:
        kind, axis = _wire(v, cast), _batch_axis(v)
        size = v.own._local_tensor.numel() * v.laid.mesh.shape[axis] * kind.itemsize
        rows.setdefault((v.laid.mesh, axis, kind), []).append((size, v, cast))
    for (mesh, axis, _), row in rows.items():
        most = max(_BLOCK, sum(size for size, _, _ in row) // (8 * mesh.shape[axis]))
        parts: list[list[tuple[PlacedVariable, str | None]]] = [[]]
        filled = 0
        for size, v, cast in row:
            if parts[-1] and filled + size > most:
                parts.append([])
                filled = 0
            parts[-1].append((v, cast))
            filled += size
        for part in parts:
            Block(part, again=len(parts) > 1)


# names until torch 2.12
_all_gather: Any = getattr(dist, "all_gather_single", None) or dist.all_gather_into_tensor
_reduce_scatter: Any = getattr(dist, "reduce_scatter_single", None) or dist.reduce_scatter_tensor
_LARGE = 1 << 16  # bytes of a part from which it is gathered again
_BLOCK = 1 << 22  # bytes that are gathered at once, however small the model
gathering = _Gathering()


def lay_out(variable: Variable, layout: Layout, batch_axis: str | None) -> None:
    """Let a Variable be made on a mesh: what is divided, and what is trained, as DTensors; the rest as it is."""
    copied = all(p == Replicate() for p in layout.places)
    if variable.name == SEED_NAME or (copied and not variable._settable_trainable):  # a key is used as a whole
        return
    names = layout.mesh.mesh_dim_names or ()
    variable.__class__ = PlacedVariable
    variable.laid = layout  # type: ignore[attr-defined]
    variable.read_as = tuple(  # type: ignore[attr-defined]
        Replicate() if n == batch_axis else p for n, p in zip(names, layout.places, strict=True)
    )
    variable.summed = tuple(  # type: ignore[attr-defined]
        Partial() if n == batch_axis and size > 1 else p
        for n, size, p in zip(names, layout.mesh.shape, variable.read_as, strict=True)  # type: ignore[attr-defined]
    )


def reads_whole(variable: Variable) -> bool:
    """Whether each process reads the whole value."""
    return not isinstance(variable, PlacedVariable) or all(p == Replicate() for p in variable.read_as)


def settle(gradients: list[Tensor], variables: Sequence[Variable]) -> list[Tensor]:
    """Gradients in the layouts of their Variables: what is still to be summed is, in one exchange for each axis."""
    out = list(gradients)
    todo: dict[tuple[DeviceMesh, int, torch.dtype], list[int]] = {}
    for i, (g, v) in enumerate(zip(out, variables, strict=True)):
        if type(g) is DTensor and isinstance(v, PlacedVariable):
            for axis, (p, wanted) in enumerate(zip(g.placements, v.laid.places, strict=True)):
                if p.is_partial("sum") and wanted == Replicate():
                    todo.setdefault((g.device_mesh, axis, g.dtype), []).append(i)
    for (mesh, axis, _), places in todo.items():
        parts = [out[i]._local_tensor for i in places]  # type: ignore[attr-defined]
        flat = torch.cat([p.reshape(-1) for p in parts])
        dist.all_reduce(flat, group=mesh.get_group(axis))
        for i, part in zip(places, flat.split([p.numel() for p in parts]), strict=True):
            g = out[i]
            now = tuple(Replicate() if a == axis else p for a, p in enumerate(g.placements))
            part = part.view(g._local_tensor.shape)  # type: ignore[attr-defined]
            own = variables[i]
            if now == own.laid.places and g.dtype == own.own.dtype:  # type: ignore[attr-defined]
                out[i] = DTensor(part, own.own._spec, requires_grad=False)  # type: ignore[attr-defined]
            else:
                out[i] = of_part(part, g.shape, mesh, now)
    for i, (g, v) in enumerate(zip(out, variables, strict=True)):
        if isinstance(v, PlacedVariable):
            out[i] = move(on_mesh(g, v.laid.mesh), v.laid.places)
    return out
