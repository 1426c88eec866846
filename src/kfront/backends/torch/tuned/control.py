"""Loops on torch whose step is recorded."""

from __future__ import annotations

import types
import weakref
from collections.abc import Callable, Hashable, Sequence

import torch
from torch.utils import _pytree as pytree

from kfront.backends.torch import control
from kfront.backends.torch.recording import Recorder, can_record
from kfront.backends.torch.replay import Replay
from kfront.backends.torch.step import recorded
from kfront.backends.torch.tuned.table import tuned
from kfront.backends.typing import Closure
from kfront.core.state import state
from kfront.core.typing import Nested

Tensor = torch.Tensor
_LEAST = 12  # steps from which a loop of a known number of them is recorded
_TRIES = 3  # recordings of a step until two in a row must be the same; the first step may keep what it works out
_BEFORE = 8  # steps of a loop of unknown length that run as they are
_WORTH = 100  # steps after which it is worth while to trace what replays them
_unsuited: weakref.WeakKeyDictionary[types.CodeType, set[Hashable]] = weakref.WeakKeyDictionary()
_kept: weakref.WeakKeyDictionary[types.CodeType, Replay] = weakref.WeakKeyDictionary()  # of the last loop


@tuned(
    "while_loop",
    reason="a step of a decoding loop is a few hundred small operators; layers and ops take ten times as long to call "
    "them as they take themselves (torch 2.13)",
    benchmark="tuned:while_loop",
    until="torch.compile starts in less time than a text takes",
)
def while_loop(
    cond: Closure[Tensor], body: Closure[Tensor], loop_vars: Nested[Tensor], maximum_iterations: int | None = None
) -> Nested[Tensor]:
    """Steps are recorded until two in a row are the same; the rest is replayed. With gradients nothing is."""
    most, code = maximum_iterations, getattr(body, "__code__", None)
    if code is None or (most is not None and most < _LEAST) or not _alone() or _form(body) in _unsuited.get(code, ()):
        return control.while_loop(cond, body, loop_vars, most)
    step, now = control.begun(body, loop_vars)
    leaves, form = pytree.tree_flatten(now)
    steps, conditions = _Recorded(step, form), _Recorded(cond, form)
    first, done = _BEFORE if most is None else 0, 0
    while (most is None or done < most) and conditions(leaves, done >= first)[0]:
        leaves = steps(leaves, done >= first)
        done += 1
    if steps.failed:
        _unsuited.setdefault(code, set()).add(_form(body))
    steps.keep(done), conditions.keep(done)
    now = pytree.tree_unflatten(leaves, form)
    return now if isinstance(loop_vars, (tuple, list)) else now[0]


def _alone() -> bool:
    """Whether nothing else takes what is computed."""
    return not recorded() and state.stateless is None and can_record()


def _form(function: Callable[..., object]) -> Hashable:
    """What a function refers to, roughly: code and types, and whether gradients are taken."""
    contents = map(_content, function.__closure__ or ())  # type: ignore[attr-defined]
    return torch.is_grad_enabled(), *(getattr(x, "__code__", type(x)) for x in contents)


def _content(cell: types.CellType) -> object:
    """What a variable of an outer function holds; None before it is set."""
    try:
        return cell.cell_contents
    except ValueError:
        return None


class _Recorded:
    """A function of the loop's variables that is recorded, then replayed.

    Where an earlier loop has recorded the same calls, its replay runs them on the tensors of this one.

    Args:
        function: the function.
        form: structure of the variables.

    Attributes:
        failed: whether it cannot be replayed.
    """

    def __init__(self, function: Closure[Tensor], form: pytree.TreeSpec) -> None:
        self.function, self.form, self.failed = function, form, False
        self._code: types.CodeType | None = getattr(function, "__code__", None)
        self._replay = None if self._code is None else _kept.pop(self._code, None)  # threads do not share one
        self._kf_run: Callable[..., Sequence[Tensor]] | None = None
        self._more: Sequence[Tensor] = ()  # what it takes behind the variables
        self._kf_last: Recorder | None = None
        self._tries = 0

    def __call__(self, leaves: Sequence[Tensor], record: bool) -> Sequence[Tensor]:
        if self._kf_run is not None:
            return self._kf_run(*leaves, *self._more)
        if self.failed or not record or not all(isinstance(x, Tensor) for x in leaves):
            return self._kf_plain(leaves)
        if self._replay is not None and self._kf_last is not None and not self._kf_last.alike(self._replay.recording):
            self._replay = None
        recorder = Recorder(leaves, self._kf_last is not None and self._replay is None)
        with recorder:
            results = self._kf_plain(leaves)
        recorder.finish(results)
        fine = recorder.reason is None
        if fine and self._kf_last is not None and recorder.same(self._kf_last):
            self._start(recorder, leaves)
        self._kf_last, self._tries = recorder if fine else None, self._tries + 1
        self.failed = self._kf_run is None and self._tries == _TRIES
        return results

    def _start(self, recorder: Recorder, leaves: Sequence[Tensor]) -> None:
        """Replay from now on, if it is clear what the calls do with memory."""
        if recorder.detailed:
            self._replay = Replay(recorder)
        elif self._replay is None or self._replay.recording.given != recorder.given:
            self._replay = None
            return
        else:
            self._replay.renew(recorder.others)
        self._kf_run = self._replay.run
        if self._replay.steps >= _WORTH and (traced := self._replay.traced(leaves)) is not None:
            self._kf_run, self._more = traced, self._replay.kept

    def keep(self, steps: int) -> None:
        """Leave the replay to the next loop, without this one's tensors."""
        if self._kf_run is not None and self._replay is not None and self._code is not None:
            self._replay.release()
            self._replay.steps += steps
            _kept[self._code] = self._replay

    def _kf_plain(self, leaves: Sequence[Tensor]) -> Sequence[Tensor]:
        return pytree.tree_leaves(self.function(*pytree.tree_unflatten(leaves, self.form)))
