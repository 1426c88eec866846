"""DTensors: the tensors of a mesh of processes, and how they are made, moved and read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch.distributed.device_mesh import DeviceMesh
from torch.distributed.tensor import DTensor, Placement, Replicate, Shard

Tensor = torch.Tensor
Places = tuple[Placement, ...]


class Layout(NamedTuple):
    """A `TensorLayout` as torch has it.

    Attributes:
        mesh: the processes.
        places: for each axis of the mesh, whether and where it divides the tensor.
    """

    mesh: DeviceMesh
    places: Places


def place(shape: Sequence[int], mesh: DeviceMesh, places: Places) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Shape of this process's part and where it begins; torch's own function breaks graphs."""
    local, offset = list(shape), [0] * len(shape)
    for size, at, p in zip(mesh.shape, mesh.get_coordinate() or (), places, strict=False):
        if isinstance(p, Shard):
            most = -(-local[p.dim] // size)
            start = min(most * at, local[p.dim])
            offset[p.dim], local[p.dim] = offset[p.dim] + start, min(most, local[p.dim] - start)
    return tuple(local), tuple(offset)


def of_part(part: Tensor, shape: Sequence[int], mesh: DeviceMesh, places: Places) -> DTensor:
    """The DTensor of which this process holds `part`."""
    strides, step = part.stride(), 1
    if 0 in strides:
        part = part.contiguous()
        strides = part.stride()
    stride = [1] * len(shape)
    for d in sorted(range(len(shape)), key=lambda d: (strides[d], -d)):  # in memory the whole has the part's order
        stride[d], step = step, step * shape[d]
    whole = {"shape": torch.Size(shape), "stride": tuple(stride)}
    return DTensor.from_local(part, mesh, places, run_check=False, **whole)


def move(x: DTensor, places: Places) -> DTensor:
    """A DTensor in another layout."""
    return x if x.placements == places else x.redistribute(placements=places)


def settled(x: DTensor) -> DTensor:
    """A DTensor without sums that are still to be made."""
    return move(x, tuple(Replicate() if p.is_partial() else p for p in x.placements))


def copies(mesh: DeviceMesh) -> Places:
    """The placements of what all processes hold alike."""
    return (Replicate(),) * mesh.ndim


def whole(x: Any) -> Any:
    """A plain tensor of all elements; what is none stays as it is."""
    if type(x) is not DTensor:
        return x
    places = copies(x.device_mesh)
    return move(x, places).to_local(grad_placements=places)


def on_mesh(x: Tensor, mesh: DeviceMesh) -> DTensor:
    """A DTensor; a plain tensor is the same in all processes."""
    return x if type(x) is DTensor else of_part(x, x.shape, mesh, copies(mesh))


def fits(shape: tuple[int, ...], layout: Layout) -> bool:
    """Whether the mesh divides a shape into parts of one size."""
    parts = [1] * len(shape)
    for size, p in zip(layout.mesh.shape, layout.places, strict=True):
        if isinstance(p, Shard):
            if p.dim >= len(shape):
                return False
            parts[p.dim] *= size
    return all(n % k == 0 for n, k in zip(shape, parts, strict=True))
