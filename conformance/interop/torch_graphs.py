"""Every layer, and some models, as a program: by `torch.jit.trace`, `make_fx`, `torch.export`, or a node of `torch.fx`.

The oracle is the layer itself, called eagerly, with new weights after the capture: a program that has kept values of
weights gives the old results. Whether capturing works at all for layers of torch's own is seen in the
table of idioms.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, fx, nn
from torch.fx.experimental.proxy_tensor import make_fx

import kfront
from kfront.core import tree

from ..layers.row import Row, arrays_of, with_arrays
from ..layers.running import world
from ..layers.table import ROWS
from ..suite import Case, close, in_turn
from .common import FAMILIES, batches, made

__all__ = ["cases"]

RTOL, ATOL = 1e-4, 1e-5  # float32: kernels that torch puts together may sum in another order
SHARE = 8  # a quick run takes one row in so many
SEED = 5
NEW = 1.25  # factor of the weights after the capture


class Caller(nn.Module):
    """A module that calls a layer as its row does; its inputs and outputs are tensors."""

    def __init__(self, row: Row) -> None:
        super().__init__()
        self.row, self.layer = row, row.make()

    def forward(self, *arrays: Tensor) -> tuple[Tensor, ...]:
        args, kwargs = with_arrays((self.row.args, self.row.call), arrays)
        return tuple(t for t in tree.flatten(self.layer(*args, **kwargs)) if isinstance(t, Tensor))


class One(Caller):
    """The same for a call with one tensor."""

    def forward(self, inputs: Tensor) -> Any:
        return self.layer(inputs, **self.row.call)


WAYS: dict[str, Callable[[nn.Module, tuple[Tensor, ...], bool], Any]] = {
    "jit.trace": lambda module, x, random: torch.jit.trace(module, x, check_trace=not random),  # it compares two runs
    "make_fx": lambda module, x, random: make_fx(module)(*x),
    "export": lambda module, x, random: torch.export.export(module, x, strict=False).module(),
    "fx node": lambda module, x, random: fx.symbolic_trace(module),
}


def _arrays(row: Row) -> list[np.ndarray]:
    return arrays_of((row.args, row.call))


def _taken(way: str, row: Row, first: bool) -> bool:
    """Whether a row is captured this way: no strings, one input for a node, fewer rows where it takes long."""
    arrays = _arrays(row)
    if any(a.dtype.kind not in "fiub" for a in arrays):
        return False
    if way == "fx node":
        return first and len(arrays) == 1 and len(row.args) == 1 and row.args[0] is arrays[0]
    return way != "export" or (first and not row.random)


def cases(quick: bool) -> Iterator[Case]:
    """One case for each row and way."""
    firsts = {r.layer: r for r in reversed(ROWS)}
    for way in WAYS:
        for row in ROWS:
            if _taken(way, row, firsts[row.layer] is row) and in_turn(quick, SHARE, way, row.id):
                yield Case("interop", f"captured/{way}: {row.id}", "torch", functools.partial(_row, way, row))
        for family in () if way == "fx node" else FAMILIES:
            yield Case("interop", f"captured/{way}: {family}", "torch", functools.partial(_model, way, family))


def _row(way: str, row: Row) -> None:
    with world("torch", portable=False):
        kfront.utils.set_random_seed(SEED)
        _check(way, (One if way == "fx node" else Caller)(row), _arrays(row), row.random)


def _model(way: str, family: str) -> None:
    with world("torch", portable=False):
        _check(way, made(family), [batches(family)[0][0]], False)


def _check(way: str, module: nn.Module, arrays: list[np.ndarray], random: bool) -> None:
    """Capture a module, give it new weights, and compare the program with it; random ones in shapes and dtypes."""
    module = module.eval()
    x = tuple(torch.from_numpy(np.ascontiguousarray(a)) for a in arrays)
    module(*x)
    state = {n: t.clone() for n, t in module.state_dict().items()}
    program = WAYS[way](module, x, random)
    if not random:
        state = {n: t * NEW if t.is_floating_point() else t for n, t in state.items()}
    results = []
    for run in (program, module):
        module.load_state_dict(state)
        results.append([t.detach() for t in tree.flatten(run(*x)) if isinstance(t, Tensor)])
    assert len(results[0]) == len(results[1]), f"{len(results[0])} outputs, expected {len(results[1])}"
    for got, want in zip(*results, strict=True):
        assert (got.dtype, got.shape) == (want.dtype, want.shape), f"got {got.dtype} {got.shape}"
        if not random:  # a program draws numbers of its own
            close(got.numpy(), want.numpy(), RTOL, ATOL, "output")
