"""Tuned kernels beside their plain forms, values and gradients: whether there is still a reason for each."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from conformance.ops.tuned_cases import CASES, COMPOSED, Call, calls

from benchmarks.timing import Row, paired

if TYPE_CHECKING:
    from benchmarks.bench import Bench

__all__ = ["tuned_kernels"]


def tuned_kernels(bench: Bench) -> Iterator[Row]:
    """Ratio of each tuned kernel to its plain form; compiled where the engine compiles steps by default."""
    from kfront.backends import get

    b = get(bench.engine)
    for kernel in b.tuned_table or ():
        if kernel.op not in CASES or not bench.wants(kernel.op):
            continue
        call = calls(kernel.op, large=True)[0]
        plain = b.plain_form(kernel.op) or COMPOSED[kernel.op]
        run = _indexing if kernel.op == "get_item" else _step
        ratios, base, spread = paired(
            {"native": run(bench, b, plain, call), "kfront": run(bench, b, kernel.function, call)}, 1, bench.rounds
        )
        yield Row(f"tuned {kernel.op}", "x plain", ratios["kfront"], None, base, 1.0, spread)


def _step(bench: Bench, b: Any, f: Callable[..., Any], call: Call) -> Callable[[], Any]:
    """A call with the gradients by the arguments that have some."""
    places = [i for i, a in enumerate(call.args) if isinstance(a, np.ndarray) and i not in call.by]
    tensors = [b.convert(call.args[i]) for i in places]
    holders = [bench.kfront.Variable(call.args[i]) for i in call.by]

    def given(values: tuple[Any, ...]) -> list[Any]:
        args = list(call.args)
        for i, x in zip((*places, *call.by), (*values, *(v.value for v in holders)), strict=True):
            args[i] = x
        return args

    if not holders:  # some of these look at values: eagerly
        args = given(tuple(tensors))
        return lambda: b.synchronize(f(*args))

    def run(*values: Any) -> Any:
        def loss() -> tuple[Any, None]:
            out = f(*given(values))
            return bench.kfront.ops.sum(out[0] if isinstance(out, (tuple, list)) else out), None

        value, _, gradients = b.value_and_grad(loss, holders)
        return value, gradients

    step = b.compile_step(run, lambda: holders, "auto")
    return lambda: b.synchronize(step(*tensors))


def _indexing(bench: Bench, b: Any, f: Callable[..., Any], call: Call) -> Callable[[], Any]:
    """Eager calls, each at another place."""
    x = b.convert(np.zeros((1000, 4), "float32"))
    places = itertools.cycle(range(1000))
    return lambda: b.synchronize(f(x, next(places)))
