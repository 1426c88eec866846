"""``python -m conformance.mutations``: break something on purpose, and see that the suite notices.

Each fault is put into a running backend or rule, the cases it should fail are run, and it is taken out again, after
which the same cases must pass. A fault that no case notices is a hole in the suite, and an exit status of 1.
"""

from __future__ import annotations

import contextlib
import importlib
import re
import sys
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import kfront
from kfront.backends import get, installed
from kfront.core.op import OPS

from .__main__ import _import_engines, _settings
from .suite import collect, load_expected, run_case

__all__ = ["Fault", "faults", "noticed", "put_in"]

Broken = Callable[[Any], Any]  # what stands there -> what stands there instead


class Fault(NamedTuple):
    """One thing that is wrong.

    Attributes:
        what: in words.
        backend: where it is put in, and where the cases are run.
        owner: gives the object that is changed.
        attribute: of that object.
        broken: makes the wrong thing of the right one.
        cases: beginning of the ids of the cases that should notice.
    """

    what: str
    backend: str
    owner: Callable[[], Any]
    attribute: str
    broken: Broken
    cases: str


def _after(change: Callable[[Any], Any]) -> Broken:
    """The results of a function are changed."""
    return lambda fn: lambda *args: change(fn(*args))


def _dtype(result: str) -> Broken:
    """A dtype rule says another result."""

    def broken(rule: Any) -> Any:
        def wrong(*dtypes: Any, **static: Any) -> Any:
            return rule(*dtypes, **static)[0], result

        wrong.wants_static = getattr(rule, "wants_static", False)  # type: ignore[attr-defined]
        return wrong

    return broken


def _shape(change: Callable[[tuple[Any, ...]], tuple[Any, ...]]) -> Broken:
    return lambda rule: lambda *args, **static: change(rule(*args, **static))


def _sloped(engine: str, scale: float) -> Broken:
    """The value is right, the gradient is `scale` times what it should be."""

    def broken(fn: Any) -> Any:
        def wrong(*args: Any) -> Any:
            y, b = fn(*args), get(engine)
            return b.add(b.multiply(y, scale), b.stop_gradient(b.multiply(y, 1 - scale)))

        return wrong

    return broken


def _breaks_graph(fn: Any) -> Any:
    def wrong(*args: Any) -> Any:
        import torch

        torch._dynamo.graph_break()
        return fn(*args)

    return wrong


def _reads_values(engine: str) -> Broken:
    """A branch in Python on a value, which compiled code does not have."""

    def broken(fn: Any) -> Any:
        def wrong(*args: Any) -> Any:
            b = get(engine)
            return fn(*args) if float(b.to_numpy(b.max(args[0], None, False))) < 1e30 else args[0]

        return wrong

    return broken


def _in_32_bits(fn: Any) -> Any:
    """Computed in less precision than the dtype has."""

    def wrong(x: Any, *args: Any) -> Any:
        b = get("torch")
        return b.cast(fn(b.cast(x, "float32"), *args), b.dtype_name(x.dtype))

    return wrong


def _to_zero(x1: Any, x2: Any) -> Any:
    import jax.numpy as jnp

    return jnp.trunc(x1 / x2).astype(x1.dtype)


def _nanmax(x: Any, *args: Any) -> Any:
    import numpy as np

    axis, keepdims = (*args, None, False)[:2]
    return np.nanmax(x, axis=axis, keepdims=bool(keepdims))


def _straight(fn: Any) -> Any:
    """The value and the slope of tanh are right, and the slope does not change."""

    def wrong(x: Any) -> Any:
        b = get("jax")
        y = b.stop_gradient(fn(x))
        return y + (x - b.stop_gradient(x)) * (1 - y * y)

    return wrong


def _in_order_of_memory(fn: Any) -> Any:
    return lambda x, shape: fn(x.ravel("K"), shape)


def _no_bias(x: Any, kernel: Any, bias: Any = None) -> Any:
    return x @ kernel


def _stuck(self: Any, ordered: bool = True) -> Any:
    return self.state.value


def faults() -> Iterator[Fault]:
    """The faults, by what should notice them."""

    def at(backend: str, attribute: str, broken: Broken, what: str, area: str = "values") -> Fault:
        return Fault(what, backend, lambda: get(backend), attribute, broken, f"{area}/{attribute}")

    def rule(backend: str, op: str, attribute: str, broken: Broken, what: str, area: str = "specs") -> Fault:
        return Fault(what, backend, lambda: OPS[op], attribute, broken, f"{area}/{op}")

    yield at("torch", "softmax", _after(lambda y: y * 1.0001), "softmax a little too large")
    yield at("jax", "floor_divide", lambda _: _to_zero, "floor_divide rounds to zero")
    yield at("tensorflow", "sort", _after(lambda y: y[::-1]), "sort turned round")
    yield at("numpy", "max", lambda _: _nanmax, "max leaves NaN out")
    yield at("torch", "exp", _in_32_bits, "exp of float64 in single precision")
    yield at("torch", "argmax", _after(lambda y: y.long()), "argmax gives int64", "dtypes")
    yield rule("numpy", "sqrt", "rule", _dtype("float64"), "the dtype rule of sqrt", "dtypes")
    yield rule("jax", "greater", "rule", _dtype("int32"), "the dtype rule of greater")
    yield rule("jax", "expand_dims", "shape", _shape(lambda s: s[1:]), "the shape rule of expand_dims")
    yield rule("numpy", "max_pool", "shape", _shape(lambda s: (s[0], s[1] + 1, *s[2:])), "one window too many")
    yield rule("torch", "matmul", "shape", _shape(lambda s: tuple(d or 1 for d in s)), "an unknown batch becomes 1")
    yield at("torch", "tanh", _sloped("torch", 0.5), "tanh with half its slope", "gradients")
    yield at("jax", "relu", _sloped("jax", 2.0), "relu with twice its slope", "gradients")
    yield at("tensorflow", "cumsum", _sloped("tensorflow", 0.0), "no gradient through cumsum", "gradients")
    yield at("torch", "take", _breaks_graph, "a graph break in take", "compiled")
    yield at("jax", "sum", _reads_values("jax"), "a branch on values in sum", "compiled")
    yield at("tensorflow", "mean", _reads_values("tensorflow"), "a branch on values in mean", "compiled")
    yield at("jax", "tanh", _straight, "tanh without a second derivative", "second_order")
    yield at("numpy", "reshape", _in_order_of_memory, "reshape reads the memory", "inputs")
    yield Fault(
        "vmap over the first axis only",
        "torch",
        lambda: importlib.import_module("kfront.transforms.functions"),
        "_axes",
        lambda fn: lambda name, axes, values: fn(name, 0, values),
        "transforms/vmap",
    )
    yield Fault(
        "Dense forgets its bias", "jax", lambda: kfront.layers.Dense, "call", lambda _: _no_bias, "layers/Dense"
    )
    yield Fault(
        "every draw is the same",
        "torch",
        lambda: kfront.random.SeedGenerator,
        "next",
        lambda _: _stuck,
        "layers/Dropout",
    )


@contextlib.contextmanager
def put_in(fault: Fault) -> Iterator[None]:
    """The fault is there in the block, and gone after it."""
    owner, name = fault.owner(), fault.attribute
    own = name in vars(owner)
    right = getattr(owner, name)
    setattr(owner, name, fault.broken(right))
    forget()
    try:
        yield
    finally:
        if own:
            setattr(owner, name, right)
        else:
            delattr(owner, name)
        forget()


def forget() -> None:
    """Drop what is kept between runs: results, cast plans, inferred results, compiled code."""
    for name, module in list(sys.modules.items()):
        if name.startswith(f"{__package__}.") and not name.startswith(f"{__package__}.mutants."):  # its are of cases
            for kept in vars(module).values():
                if hasattr(type(kept), "cache_clear") and kept.__module__ == name and kept.__name__ != "table":
                    kept.cache_clear()
    for one in OPS.values():
        one.plans.clear()
        one.inferred.clear()
    if "jax" in sys.modules:
        sys.modules["jax"].clear_caches()


def _failures(fault: Fault, most: int = 40) -> list[str]:
    area = fault.cases.partition("/")[0]
    expected = load_expected(fault.backend)
    name = re.compile(re.escape(fault.cases) + r"(\W|$)")
    cases = [c for c in collect([area], [fault.backend], False) if name.match(c.id)]
    assert cases, f"no case {fault.cases} on {fault.backend}"
    results = [run_case(c, expected) for c in cases[:most]]
    return [f"{r.area}/{r.name}: {r.message}" for r in results if r.status == "fail"]


def noticed(fault: Fault) -> list[str]:
    """The cases that fail with the fault; those that fail without it too raise AssertionError."""
    with put_in(fault):
        found = _failures(fault)
    left = _failures(fault)
    assert not left, f"without the fault {left[0]}"
    return found


def main() -> int:
    """Put in each fault and print what noticed it."""
    _settings()
    backends = installed()
    _import_engines(backends)
    assert kfront.ops.add  # declares the ops
    total = missed = 0
    for fault in faults():
        if fault.backend in backends:
            found = noticed(fault)
            total, missed = total + 1, missed + (not found)
            first = f"{len(found)} cases, {found[0]}" if found else "MISSED"
            print(f"{fault.what} ({fault.backend}): {first[:150]}", flush=True)
    print(f"{total - missed} of {total} faults noticed")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
