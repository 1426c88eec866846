"""Control flow on torch: plain Python, as eager torch is; while compiling, a branch on a tensor is `torch.cond`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.utils import _pytree as pytree

from kfront.core.state import state

Tensor = torch.Tensor

stop_gradient = Tensor.detach


def _tensor(x: Any) -> Any:
    """A leaf as a tensor; Variables are read."""
    return x if isinstance(x, Tensor) else state.backend.convert(x)


def _tensors(tree: Any) -> Any:
    return pytree.tree_map(_tensor, tree)


# ---- branches --------------------------------------------------------------------------------------------------------


def cond(pred: Any, true_fn: Callable[[], Any], false_fn: Callable[[], Any]) -> Any:
    pred = pred.value if hasattr(pred, "_is_variable") else pred
    if isinstance(pred, Tensor) and torch.compiler.is_compiling():
        pred = pred.reshape(()) if pred.dtype is torch.bool else pred.reshape(()) != 0
        return torch.cond(pred, true_fn, false_fn, ())
    return true_fn() if pred else false_fn()


# ---- loops -----------------------------------------------------------------------------------------------------------


def while_loop(
    cond: Callable[..., Any], body: Callable[..., Any], loop_vars: Any, maximum_iterations: int | None = None
) -> Any:
    several = isinstance(loop_vars, (tuple, list))
    now = tuple(_tensors(v) for v in loop_vars) if several else (_tensors(loop_vars),)
    done = 0
    while (maximum_iterations is None or done < maximum_iterations) and cond(*now):
        new = body(*now)
        now = tuple(new) if several and isinstance(new, (tuple, list)) else (new,)
        done += 1
    return now if several else now[0]


def fori_loop(lower: Any, upper: Any, body_fun: Callable[[Any, Any], Any], init_val: Any) -> Any:
    value = _tensors(init_val)
    for i in range(int(lower), int(upper)):
        value = body_fun(i, value)
    return value


def scan(
    f: Callable[[Any, Any], tuple[Any, Any]],
    init: Any,
    xs: Any = None,
    length: int | None = None,
    reverse: bool = False,
    unroll: Any = 1,
) -> tuple[Any, Any]:
    leaves, structure = pytree.tree_flatten(xs)
    columns = [torch.unbind(_tensor(x), 0) for x in leaves]
    n = len(columns[0]) if columns else int(length or 0)
    carry, outs = _tensors(init), []
    for i in range(n - 1, -1, -1) if reverse else range(n):
        carry, y = f(carry, pytree.tree_unflatten([c[i] for c in columns], structure) if columns else None)
        outs.append(y)
    if reverse:
        outs.reverse()
    if not outs:
        return carry, _no_steps(f, carry, leaves, structure)
    return carry, pytree.tree_map(lambda *ys: None if ys[0] is None else torch.stack([_tensor(y) for y in ys]), *outs)


def _no_steps(f: Any, carry: Any, leaves: list[Any], structure: Any) -> Any:
    """Empty outputs of a scan over nothing, in the shapes that a step would give."""
    x = [torch.zeros(v.shape[1:], dtype=v.dtype, device=v.device) for v in leaves]
    with torch.no_grad():
        _, y = f(carry, pytree.tree_unflatten(x, structure) if leaves else None)
    return pytree.tree_map(lambda v: None if v is None else _tensor(v).new_empty((0, *_tensor(v).shape)), y)


# ---- transforms ------------------------------------------------------------------------------------------------------


def vectorized_map(function: Callable[[Any], Any], elements: Any) -> Any:
    return torch.vmap(function, randomness="different")(_tensors(elements))


class _CustomGradient(torch.autograd.Function):
    """Forward by a function that also returns its gradient function."""

    @staticmethod
    def forward(ctx: Any, call: Callable[..., Any], *args: Any) -> Any:
        out, ctx.gradient = call(*args)
        ctx.count = len(args)
        return out

    @staticmethod
    def backward(ctx: Any, *upstream: Any) -> Any:
        grads = ctx.gradient(*upstream)
        grads = tuple(grads) if isinstance(grads, (tuple, list)) else (grads,)
        return (None, *grads, *(None,) * (ctx.count - len(grads)))


def custom_gradient(f: Callable[..., Any]) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        args = tuple(a.value if hasattr(a, "_is_variable") else a for a in args)
        return _CustomGradient.apply(lambda *a: f(*a, **kwargs), *args)

    return call
