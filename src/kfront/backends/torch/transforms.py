"""Derivatives of closures over Variables and Cells.

Eagerly autograd takes them: what a closure assigns is assigned at once, and the results are part of a graph around them
only if there is one. Inside `torch.func` (a `vmap` or `jvp` around), where values are wrapped, and inside
`torch.compile` it is `torch.func`, and assignments are carried out of the transform as results.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.checkpoint import checkpoint as recompute

from kfront.backends.torch.step import inside_func, nesting, transforming
from kfront.backends.typing import Closure
from kfront.core.typing import Nested
from kfront.core.variable import Carried, StatelessScope, bind

if TYPE_CHECKING:
    from kfront.core.variable import Variable


Tensor = torch.Tensor


def can_compile() -> bool:
    """Whether `torch.compile` finds a compiler for what it generates."""
    return torch.cuda.is_available() or any(shutil.which(c) for c in ("g++", "clang++", "cl"))


def vjp(fn: Closure[Tensor], holders: Sequence[Variable], once: bool = False) -> tuple[list[Tensor], list[Tensor], Any]:
    """See `Backend.vjp`."""
    if inside_func():
        return _vjp_inside(fn, holders)
    recorded, outer = torch.is_grad_enabled(), nesting.depth
    final = once and outer == 0  # nobody takes gradients of these gradients
    xs = [_leaf(h._value, final) for h in holders]
    nesting.depth = outer + 1
    try:
        with torch.enable_grad(), bind(holders, xs) as bound:
            results, others = fn()
            now = bound.current()
    finally:
        nesting.depth = outer
    for h, x, new in zip(holders, xs, now, strict=True):
        if new is not x:
            h._write(new)
    graph = not final and recorded and (outer > 0 or _reaches_others(results, xs))

    def pull(gradients: Sequence[Tensor]) -> list[Tensor]:
        again = not once or graph
        return _pull(results, xs, gradients, graph, again)

    if graph:
        return results, others, pull
    return [x.detach() for x in results], [x.detach() for x in others], pull


def _leaf(x: Tensor, final: bool) -> Tensor:
    """The tensor to differentiate by: only what is computed from it depends on it, not what was computed before."""
    return x.view_as(x) if x.requires_grad and not final else x.detach().requires_grad_()


def _pull(results: Sequence[Tensor], xs: Sequence[Tensor], gradients: Any, graph: bool, again: bool) -> list[Tensor]:
    pairs = [(r, g) for r, g in zip(results, gradients, strict=True) if r.requires_grad]
    if not pairs:
        return [torch.zeros_like(x) for x in xs]
    graph = torch.is_grad_enabled() and (graph or any(g.requires_grad for _, g in pairs))
    found = torch.autograd.grad(
        [r for r, _ in pairs], xs, [g for _, g in pairs], retain_graph=again, create_graph=graph, allow_unused=True
    )
    return [torch.zeros_like(x) if g is None else g for x, g in zip(xs, found, strict=True)]


def _reaches_others(results: Sequence[Tensor], xs: Sequence[Tensor]) -> bool:
    """Whether results depend on more that requires gradients than the tensors that were made for this call."""
    mine = {id(x) for x in xs if x.is_leaf}
    todo = [r.grad_fn for r in results if r.grad_fn is not None]
    seen = set(todo)
    while todo:
        node = todo.pop()
        leaf = getattr(node, "variable", None)
        if leaf is not None and id(leaf) not in mine:
            return True
        for following, _ in node.next_functions:
            if following is not None and following not in seen:
                seen.add(following)
                todo.append(following)
    return False


def _carry(fn: Closure[Tensor], holders: Sequence[Variable], scope: Carried) -> Closure[Tensor]:
    """`fn` as a function of the values of `holders`: (results, (others, what it assigned))."""

    def run(*values: Nested[Tensor]) -> Nested[Tensor]:
        with bind(holders, values), scope:
            results, others = fn()
            return tuple(results), (tuple(others), tuple(scope.written()))

    return run


def _vjp_inside(fn: Closure[Tensor], holders: Sequence[Variable]) -> tuple[list[Tensor], list[Tensor], Any]:
    scope = Carried()
    run = _carry(fn, holders, scope)
    with transforming():
        results, pull, (others, new) = torch.func.vjp(run, *[h._value for h in holders], has_aux=True)
    scope.keep(new)
    return list(results), list(others), lambda gradients: list(pull(tuple(gradients)))


def jvp(
    fn: Closure[Tensor], holders: Sequence[Variable], tangents: Sequence[Tensor]
) -> tuple[list[Tensor], list[Tensor], list[Tensor]]:
    """See `Backend.jvp`."""
    scope = Carried()
    run = _carry(fn, holders, scope)
    values = tuple(h._value for h in holders)
    with transforming(), sdpa_kernel(SDPBackend.MATH):  # the other kernels of attention have no forward derivative
        results, slopes, (others, new) = torch.func.jvp(run, values, tuple(tangents), has_aux=True)
    scope.keep(new)
    return list(results), list(others), list(slopes)


def checkpoint(fn: Callable[..., list[Tensor]], tensors: Sequence[Tensor]) -> list[Tensor]:
    """See `Backend.checkpoint`. The second run finds the Variables as the first did, and assigns nothing.

    Inside `torch.func`, which has no hooks for saved tensors, everything is kept. `torch.compile` has an operator for
    it, which marks what the backward graph computes again.
    """
    _may_assign()
    if torch.compiler.is_compiling() and not nesting.func:
        return list(recompute(lambda *values: tuple(fn(*values)), *tensors, use_reentrant=False))
    if inside_func() or not torch.is_grad_enabled():
        return fn(*tensors)
    first: list[Any] = []

    def run(*values: Tensor) -> tuple[Tensor, ...]:
        if first:
            variables, before = first[0]
            with bind(variables, before), StatelessScope():
                return tuple(fn(*values))
        with Carried() as scope:
            results = fn(*values)
            new = scope.written()
        first.append((scope.variables, [v._value.detach().clone() for v in scope.variables]))
        with torch.no_grad():
            scope.keep([x.detach() for x in new])
        return tuple(results)

    return list(recompute(run, *tensors, use_reentrant=False))


def _may_assign() -> bool:
    """Let `torch.compile` trace functions into its checkpoint operator that assign Variables and set flags.

    It refuses them unless told that the second run need not assign again, which here it never does.
    """
    config = sys.modules.get("torch._dynamo.config")
    if config is not None and hasattr(config, "skip_fwd_side_effects_in_bwd_under_checkpoint"):
        config.skip_fwd_side_effects_in_bwd_under_checkpoint = True  # type: ignore[attr-defined]
    return True


# What `torch.compiler.assume_constant_result` does. That function imports the compiler and sympy, which takes longer
# than the whole of kfront: 1.3 s (torch 2.13).
_may_assign._dynamo_marked_constant = True  # type: ignore[attr-defined]
