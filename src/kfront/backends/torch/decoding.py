"""Decoding on torch: a step is recorded once, and run without layers and ops."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import torch
from torch.utils import _pytree as pytree

from kfront.backends.torch.recording import Recorder
from kfront.backends.torch.replay import Replay
from kfront.backends.typing import Closure
from kfront.core.typing import Nested

if TYPE_CHECKING:
    from kfront.core.variable import Variable

Tensor = torch.Tensor
_LOOK = 16  # steps after which a device is asked whether all sequences are done, for which it must be waited for


class DecodeLoop:
    """See `Backend.decode_loop`.

    The step is recorded once, and run by the interpreter of TorchScript, which is written in C++: in Python, an
    operator on a few numbers takes less time than its call. What depends on Variables alone is computed once per loop.
    Where a Variable's value is another tensor, the step is recorded anew. One that cannot be recorded runs as it is.
    """

    def __init__(self, variables: Callable[[], Sequence[Variable]]) -> None:
        self.variables = variables
        self.held: list[tuple[int, int, torch.dtype]] = []  # where the Variables' values are
        self.replay: Replay | None = None

    def __call__(
        self,
        step: Closure[Tensor],
        carry: Nested[Tensor],
        count: int,
        finished: Callable[[Nested[Tensor]], Tensor] | None,
        start: int | Tensor,
    ) -> Nested[Tensor]:
        leaves, form = pytree.tree_flatten(carry)
        i = torch.as_tensor(start, dtype=torch.int32, device=leaves[0].device)
        plain = lambda i, *leaves: pytree.tree_leaves(step(i, pytree.tree_unflatten(leaves, form)))  # noqa: E731
        with torch.no_grad():
            run, kept = self._prepared(plain, [i, *leaves])
        look = 1 if i.device.type == "cpu" else _LOOK
        with torch.inference_mode():
            for done in range(count):
                if finished is not None and done % look == 0 and finished(pytree.tree_unflatten(leaves, form)).all():
                    break
                leaves = run(i, *leaves, *kept)
                i = i + 1
        return pytree.tree_unflatten(leaves, form)

    def _prepared(
        self, step: Callable[..., Sequence[Tensor]], inputs: list[Tensor]
    ) -> tuple[Callable[..., Sequence[Tensor]], list[Tensor]]:
        """What runs a step, and the tensors that it takes behind the others."""
        held = [(id(x), x.data_ptr(), x.dtype) for x in (v._value for v in self.variables())]
        if held != self.held:
            recorder = _recorded(step, inputs)
            self.held, self.replay = held, Replay(recorder, math.inf) if recorder.reason is None else None
        elif self.replay is not None:
            self.replay.renew()
        run = None if self.replay is None else self.replay.traced(inputs)
        return (step, []) if self.replay is None or run is None else (run, self.replay.kept)


def _recorded(step: Callable[..., Sequence[Tensor]], inputs: list[Tensor]) -> Recorder:
    step(*(x.clone() for x in inputs))  # layers and ops work things out, and keep them
    given = [x.clone() for x in inputs]  # a step writes in place
    recorder = Recorder(given)
    with recorder:
        results = step(*given)
    recorder.finish(results)
    return recorder
