"""Control flow on torch: plain Python, as eager torch is; while compiling, a branch on a tensor is `torch.cond`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch._higher_order_ops.while_loop import while_loop as loop
from torch.autograd.function import FunctionCtx
from torch.utils import _pytree as pytree

from kfront.backends.torch.step import inside_func, transforming
from kfront.backends.typing import Closure, Pair
from kfront.core.operators import VariableBase
from kfront.core.state import state
from kfront.core.typing import Nested

Tensor = torch.Tensor
stop_gradient = Tensor.detach


def _tensor(x: Tensor) -> Nested[Tensor]:
    """A leaf as a tensor; Variables are read."""
    return x if x is None or isinstance(x, Tensor) else state.backend.convert(x)


def _tensors(tree: Nested[Tensor]) -> Nested[Tensor]:
    return pytree.tree_map(_tensor, tree)


# ---- branches --------------------------------------------------------------------------------------------------------


def cond(
    pred: Nested[Tensor], true_fn: Callable[[], Nested[Tensor]], false_fn: Callable[[], Nested[Tensor]]
) -> Nested[Tensor]:
    pred = pred.value if isinstance(pred, VariableBase) else pred
    if isinstance(pred, Tensor) and _batched(pred):
        true, false = _tensors(true_fn()), _tensors(false_fn())  # each example takes its own branch
        return pytree.tree_map(lambda a, b: a if a is None else torch.where(pred != 0, a, b), true, false)
    if isinstance(pred, Tensor) and torch.compiler.is_compiling():
        pred = pred.reshape(()) if pred.dtype is torch.bool else pred.reshape(()) != 0
        _settle(true_fn), _settle(false_fn)
        return torch.cond(pred, lambda: _fresh(true_fn()), lambda: _fresh(false_fn()), ())
    return true_fn() if pred else false_fn()


def switch(index: Nested[Tensor], branches: Sequence[Closure[Tensor]], *operands: Nested[Tensor]) -> Nested[Tensor]:
    index = index.value if isinstance(index, VariableBase) else index
    last = len(branches) - 1
    compiling = isinstance(index, Tensor) and torch.compiler.is_compiling()
    if not compiling and not (isinstance(index, Tensor) and _batched(index)):
        return branches[min(max(int(index), 0), last)](*operands)
    if compiling:
        index = index.reshape(())
        for branch in branches:  # each once: nested calls of `cond` would run them again and again
            _settle(branch, *operands)

    def pick(i: int) -> Nested[Tensor]:
        if i == last:
            return _fresh(branches[i](*operands))
        here, rest = lambda: _fresh(branches[i](*operands)), lambda: pick(i + 1)
        return torch.cond(index <= i, here, rest, ()) if compiling else cond(index <= i, here, rest)

    return pick(0)


def _batched(x: Tensor) -> bool:
    """Whether `x` has one value for each example of a `vmap`."""
    functorch = torch._C._functorch
    while not torch.compiler.is_compiling() and functorch.is_functorch_wrapped_tensor(x):
        if functorch.is_batchedtensor(x):
            return True
        x = functorch.get_unwrapped(x)
    return False


def _settle(fn: Closure[Tensor], *args: object) -> None:
    """Run once outside of a graph of its own, where nothing may be written: ops remember how they promote dtypes."""
    with torch.no_grad():
        fn(*args)


def _fresh(tree: Nested[Tensor]) -> Nested[Tensor]:
    """Copies: the results of such a graph may not be its operands, and those of branches have one order in memory."""
    return pytree.tree_map(lambda x: x if x is None else _tensor(x).clone(memory_format=torch.contiguous_format), tree)


# ---- loops -----------------------------------------------------------------------------------------------------------


def while_loop(
    cond: Closure[Tensor], body: Closure[Tensor], loop_vars: Nested[Tensor], maximum_iterations: int | None = None
) -> Nested[Tensor]:
    step, now = begun(body, loop_vars)
    if torch.compiler.is_compiling():
        now = _while_compiled(cond, step, now, maximum_iterations)
    else:
        done = 0
        while (maximum_iterations is None or done < maximum_iterations) and cond(*now):
            now = step(*now)
            done += 1
    return now if isinstance(loop_vars, (tuple, list)) else now[0]


def begun(body: Closure[Tensor], loop_vars: Nested[Tensor]) -> tuple[Closure[Tensor], tuple[Nested[Tensor], ...]]:
    """A loop's step and what it starts with, both on a tuple of tensors."""
    several = isinstance(loop_vars, (tuple, list))

    def step(*now: Nested[Tensor]) -> tuple[Tensor, ...]:
        new = body(*now)
        return tuple(_tensors(v) for v in (new if several and isinstance(new, (tuple, list)) else (new,)))

    return step, tuple(_tensors(v) for v in loop_vars) if several else (_tensors(loop_vars),)


def _while_compiled(
    cond: Closure[Tensor], step: Closure[Tensor], now: tuple[Tensor, ...], most: int | None
) -> Nested[Tensor]:
    """The loop as one node of the graph: it runs as long as tensors say."""

    def go_on(done: Tensor, *now: Nested[Tensor]) -> Tensor:
        more = _tensor(cond(*now)).reshape(()) != 0
        return more if most is None else torch.logical_and(more, done < most)

    def run(done: Tensor, *now: Nested[Tensor]) -> tuple[Tensor, ...]:
        return (done + 1, *(_fresh(v) for v in step(*now)))

    _settle(cond, *now), _settle(step, *now)
    return tuple(loop(go_on, run, (torch.zeros((), dtype=torch.int64), *now))[1:])


def fori_loop(
    lower: Nested[Tensor], upper: Nested[Tensor], body_fun: Closure[Tensor], init_val: Nested[Tensor]
) -> Nested[Tensor]:
    value = _tensors(init_val)
    if torch.compiler.is_compiling() and (isinstance(lower, Tensor) or isinstance(upper, Tensor)):
        start = _tensor(lower)
        _, value = while_loop(lambda i, _: i < upper, lambda i, v: (i + 1, body_fun(i, v)), (start, value))
        return value
    for i in range(int(lower), int(upper)):
        value = body_fun(i, value)
    return value


def scan(
    f: Callable[[Nested[Tensor], Nested[Tensor]], Pair[Tensor]],
    init: Nested[Tensor],
    xs: Nested[Tensor] | None = None,
    length: int | None = None,
    reverse: bool = False,
    unroll: int | bool = 1,
) -> Pair[Tensor]:
    leaves, structure = pytree.tree_flatten(_tensors(xs))
    columns = [None if x is None else torch.unbind(x, 0) for x in leaves]
    n = next((len(c) for c in columns if c is not None), int(length or 0))
    carry, outs = _tensors(init), []
    for i in range(n - 1, -1, -1) if reverse else range(n):
        x = [None if c is None else c[i] for c in columns]
        carry, y = f(carry, pytree.tree_unflatten(x, structure))
        outs.append(_tensors(y))
    if reverse:
        outs.reverse()
    return carry, pytree.tree_map(lambda *ys: None if ys[0] is None else torch.stack(ys), *outs)


# ---- transforms ------------------------------------------------------------------------------------------------------


def vectorized_map(function: Closure[Tensor], elements: Nested[Tensor]) -> Nested[Tensor]:
    with transforming():
        return torch.vmap(function, randomness="different")(_tensors(elements))


class _CustomGradient(torch.autograd.Function):
    """Forward by a function that also returns its gradient function.

    For gradients of gradients and inside `torch.func` the function runs again in the backward pass, where its
    intermediate results are recorded; otherwise the gradient function of the forward pass is used.
    """

    generate_vmap_rule = True

    @staticmethod
    def forward(call: _Call, *args: object) -> Nested[Tensor]:
        return call(*args)

    @staticmethod
    def setup_context(ctx: FunctionCtx, inputs: Nested[Tensor], output: object) -> None:
        ctx.call, *args = inputs
        ctx.gradient, ctx.call.gradient = ctx.call.gradient, None
        ctx.save_for_backward(*args)

    @staticmethod
    def backward(ctx: FunctionCtx, *upstream: Nested[Tensor]) -> Nested[Tensor]:
        call, gradient, args = ctx.call, ctx.gradient, ctx.saved_tensors
        if not torch.compiler.is_compiling() and (torch.is_grad_enabled() or inside_func()):
            call(*args)
            gradient, call.gradient = call.gradient, None
        grads = gradient(*upstream)
        grads = pytree.tree_leaves(tuple(grads) if isinstance(grads, (tuple, list)) else (grads,))
        return (None, *grads, *(None,) * (len(args) - len(grads)))


class _WithTangents(_CustomGradient):
    """The same with a forward derivative, which torch.compile does not follow."""

    @staticmethod
    def setup_context(ctx: FunctionCtx, inputs: Nested[Tensor], output: object) -> None:
        _CustomGradient.setup_context(ctx, inputs, output)
        ctx.save_for_forward(*inputs[1:])

    @staticmethod
    def jvp(ctx: FunctionCtx, _: object, *tangents: Tensor | None) -> Nested[Tensor]:
        args = ctx.saved_tensors
        tangents = tuple(torch.zeros_like(x) if t is None else t for x, t in zip(args, tangents, strict=True))
        return torch.func.jvp(ctx.call, args, tangents)[1]


class _Call:
    """A function of flat tensors that keeps the gradient function it returns besides."""

    def __init__(self, f: Closure[Tensor], structure: object, kwargs: object) -> None:
        self.f, self.structure, self.kwargs = f, structure, kwargs
        self.gradient: Any = None
        self.result: Any = None

    def __call__(self, *leaves: object) -> tuple[Tensor, ...]:
        out, self.gradient = self.f(*pytree.tree_unflatten(leaves, self.structure), **self.kwargs)
        found, self.result = pytree.tree_flatten(_tensors(out))
        return tuple(x.view_as(x) if any(x is a for a in leaves) else x for x in found)


def custom_gradient(f: Closure[Tensor]) -> Closure[Tensor]:
    def call(*args: object, **kwargs: object) -> Nested[Tensor]:
        leaves, structure = pytree.tree_flatten(_tensors(args))
        one = _Call(f, structure, kwargs)
        kind = _CustomGradient if torch.compiler.is_compiling() else _WithTangents
        return pytree.tree_unflatten(kind.apply(one, *leaves), one.result)

    return call
