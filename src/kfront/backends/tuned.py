"""Tuned kernels: functions that compute the same as a plain form, which an engine runs slowly.

They stand in `backends/<engine>/tuned/`, and each is registered in that engine's table with the reason why it exists.
The plain form of a kernel is what the adapter has under the same name without it: a function of the file that the plan
names, the body of a composed op, or a method of the base class. `kfront.config.set_tuned_kernels(False)` runs the
plain forms, by putting them back on the backend object: a call of an op costs the same either way.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, TypeVar

from kfront.core.typing import Backend

NO_ISSUE = "no upstream issue known"
Kernel = TypeVar("Kernel", bound=Callable[..., Any])


class TunedKernel(NamedTuple):
    """A kernel and why it is there.

    Attributes:
        op: the op, or a hook of the backend; "foreach.<name>" for a method of its `Foreach`.
        function: the kernel.
        reason: what the engine is slow at, measured: how slow, and in which version.
        issue: address of the upstream issue, or `NO_ISSUE`.
        benchmark: the row that shows the difference: "<case>:<part>" of `python -m benchmarks`.
        until: when the kernel can be removed.
    """

    op: str
    function: Callable[..., Any]
    reason: str
    issue: str
    benchmark: str
    until: str


class TunedTable:
    """The tuned kernels of an engine.

    Args:
        engine: name of the backend.
    """

    def __init__(self, engine: str) -> None:
        self.engine = engine
        self.kernels: dict[str, TunedKernel] = {}

    def __iter__(self) -> Iterator[TunedKernel]:
        return iter(self.kernels.values())

    def __getitem__(self, op: str) -> TunedKernel:
        return self.kernels[op]

    def tuned(
        self, op: str, *, reason: str, benchmark: str, until: str, issue: str = NO_ISSUE
    ) -> Callable[[Kernel], Kernel]:
        """Decorator that registers a kernel; see `TunedKernel` for the arguments."""

        def register(function: Kernel) -> Kernel:
            self.kernels[op] = TunedKernel(op, function, reason, issue, benchmark, until)
            return function

        return register

    def switch(self, backend: Backend, plain: dict[str, object], on: bool) -> None:
        """Give a backend its tuned kernels, or their plain forms.

        Args:
            backend: the Backend.
            plain: the plain forms, by op; filled when it is empty.
            on: whether the kernels run.
        """
        for kernel in self:
            owner, name = _place(backend, kernel.op)
            if kernel.op not in plain:
                plain[kernel.op] = getattr(owner, name)
            function = kernel.function if owner is backend else types.MethodType(kernel.function, owner)
            setattr(owner, name, function if on else plain[kernel.op])


def _place(backend: Backend, op: str) -> tuple[Any, str]:
    """The object and the name of its attribute that an op's function is."""
    owner, _, name = op.rpartition(".")
    return (backend.foreach if owner else backend), name
