"""What runs a recorded step: a Python function that consists of its calls."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable, Hashable, Sequence
from typing import Any

import torch

from kfront.backends.torch.recording import FEW, Recorder, _Call, _Ref

Tensor = torch.Tensor
_KEPT = 1 << 20  # bytes up to which a tensor that is the same in each step is kept


class Replay:
    """The calls of a recording as a function of its inputs.

    Equal calls are made once, those that depend on no input once for all steps, and those whose results nobody needs
    never.

    Args:
        recording: what was recorded, with what calls do with memory.
        most: bytes up to which the results of a call that depends on no input are kept.

    Attributes:
        recording: what was recorded; without its tensors after `release`.
        run: the function; it gives a tuple of tensors. It is for one loop: others may have other values.
        steps: how often loops that are over have run it.
    """

    def __init__(self, recording: Recorder, most: float = _KEPT) -> None:
        self.recording, self.steps, self._most = recording, 0, most
        self._memory, self._written = recording.memory, recording.written
        self._as: dict[int, int] = dict(recording.views)  # number -> that of an equal tensor
        self._constants: dict[int, Tensor] = dict(recording.others)
        self._trace: Callable[..., Sequence[Tensor]] | None = None
        self._by_value: dict[Hashable, int] = {}
        self._before: list[_Call] = []  # calls that depend on tensors which are no inputs
        self._made: set[int] = set()  # constants that depend on no tensor
        calls = self._simplified(recording.calls, set(range(recording.count)))
        results = _with(recording.result, self._as)
        calls = _needed(calls, results)
        self._source = _Source(self._constants)
        self.run = self._source.function(recording.count, calls, results)
        self._traceable = not any(hasattr(call.function, "__wrapped__") for call in calls)

    def renew(self, others: dict[int, Tensor] | None = None) -> None:
        """Have what is kept computed again: tensors that it depends on have other values, or are `others` now."""
        self._constants.update(others or {})
        for call in self._before:
            self._constants.update(zip(_made(call), self._called(call), strict=True))
        self._source.names.update(zip(self._source.places.values(), self.kept, strict=True))

    def release(self) -> None:
        """Let go of the tensors that are not its own; it runs again after `renew`."""
        self.recording.others = dict.fromkeys(self.recording.others)
        made = (r for call in self._before for r in _made(call))
        self._constants.update(dict.fromkeys([*self.recording.others, *made]))
        self._source.names.update(dict.fromkeys(self._source.places.values()))

    @property
    def kept(self) -> list[Tensor]:
        """The tensors that are the same in each step."""
        return [self._constants[n] for n in self._source.places]

    def traced(self, inputs: Sequence[Tensor]) -> Callable[..., Sequence[Tensor]] | None:
        """`run` in TorchScript's interpreter, which takes `kept` behind the inputs; None if it cannot be made.

        That reads nothing on the host, and as it is run once to be made, writes to no tensor that it keeps. It takes a
        quarter less time than Python for small operators, and as long as a hundred steps to make.
        """
        if self._trace is not None or not self._traceable or not all(map(self._steady, self._source.places)):
            return self._trace

        def run(*given: Tensor) -> list[Tensor]:
            self._source.names.update(zip(self._source.places.values(), given[len(inputs) :], strict=True))
            return list(self.run(*given[: len(inputs)]))

        with warnings.catch_warnings(), torch.inference_mode():
            warnings.simplefilter("ignore")  # TorchScript is called deprecated; nothing else runs without Python
            # objects of their own, by which the tracer tells inputs apart
            given = [*(x.clone() for x in inputs), *(x.detach() for x in self.kept)]
            self._trace = torch.jit.trace(run, given, check_trace=False)
        return self._trace

    def _steady(self, number: int) -> bool:
        """Whether nobody writes to a tensor."""
        return self._memory[number] not in self._written

    def _simplified(self, calls: Sequence[_Call], there: set[int]) -> list[_Call]:
        """Calls without those whose results are `there` already."""
        known: dict[Hashable, _Call] = {}
        left = []
        for call in calls:
            outs = _made(call)
            if call.pure and all(r in there or r in self._as or r in self._constants for r in outs):
                self._as.update((r, self._as.get(self._as[r], self._as[r])) for r in outs if r in self._as)
                continue
            if not self._as.keys().isdisjoint(call.used):
                args, kwargs, used = (_with(x, self._as) for x in call[1:4])
                call = call._replace(args=args, kwargs=kwargs, used=used)
            if call.pure and all(map(self._steady, (*call.used, *outs))):
                key = _key((call.function, call.args, call.kwargs))
                first = known.setdefault(key, call) if key is not None else call
                if first is not call:
                    self._as.update(zip(outs, _made(first), strict=True))
                    continue
                if all(r in self._constants for r in call.used) and self._computed(call, outs):
                    continue
            there.update(outs)
            left.append(call)
        return left

    def _called(self, call: _Call) -> list[Tensor]:
        """Results of a call that depends on constants."""
        out = call.function(*_with(call.args, self._constants), **_with(call.kwargs, self._constants))
        return [x for x in (out if call.several else [out]) if x is not None]

    def _computed(self, call: _Call, outs: list[_Ref]) -> bool:
        """Whether the results of a call that depends on no input are kept as constants now."""
        values = self._called(call)
        given = {self._memory[r] for r in call.used}
        if sum(x.nbytes for r, x in zip(outs, values, strict=True) if self._memory[r] not in given) > self._most:
            return False
        self._constants.update(zip(outs, values, strict=True))
        if not self._made.issuperset(call.used):
            self._before.append(call)
            return True
        self._made.update(outs)
        for number, x in zip(outs, values, strict=True):
            if x.numel() <= FEW and x.is_cpu:
                first = self._by_value.setdefault((x.dtype, x.shape, x.stride(), str(x.tolist())), number)
                if first != number:
                    self._as[number] = first
        return True


def _needed(calls: list[_Call], results: list[_Ref]) -> list[_Call]:
    """Those whose results are needed, or that do something else."""
    needed, left = set(results), []
    for call in reversed(calls):
        if not call.pure or not needed.isdisjoint(_made(call)):
            needed.update(call.used)
            left.append(call)
    return left[::-1]


class _Source:
    """Writes the function.

    Args:
        constants: number -> tensor that is the same in each step.
    """

    def __init__(self, constants: dict[int, Tensor]) -> None:
        self.constants, self.names = constants, dict[str, Any]()
        self.registers: dict[int, str] = {}
        self.places: dict[int, str] = {}  # number of a constant -> its name

    def function(self, inputs: int, calls: list[_Call], results: list[_Ref]) -> Callable[..., tuple[Tensor, ...]]:
        last = {r: i for i, c in enumerate(calls) for r in (*c.used, *_made(c))}
        last.update((r, len(calls)) for r in results)
        self.registers = {i: f"i{i}" for i in range(inputs)}
        free, lines, count = list[str](), list[str](), itertools.count()
        for i, call in enumerate(calls):
            text = f"{self._global('f', call.function)}({self._arguments(call)})"
            made = [r for r in _made(call) if r not in self.registers]
            self.registers.update((r, free.pop() if free else f"r{next(count)}") for r in made)
            outs = ", ".join("_" if r is None else self.registers[r] for r in call.outs)
            lines.append(f"    {outs}{',' * call.several} = {text}")
            used = {r for r in (*call.used, *made) if last[r] == i}
            free.extend(self.registers[r] for r in sorted(used) if self.registers.get(r, "i")[0] == "r")
        given = ", ".join(f"i{i}" for i in range(inputs))
        gives = "".join(f"{self._text(r)}, " for r in results)
        source = "\n".join([f"def run({given}):", *lines, f"    return ({gives})"])
        exec(compile(source, "<recorded step>", "exec"), self.names)
        return self.names["run"]

    def _arguments(self, call: _Call) -> str:
        return ", ".join([*map(self._text, call.args), *(f"{k}={self._text(v)}" for k, v in call.kwargs.items())])

    def _global(self, letter: str, value: Any) -> str:
        name = f"{letter}{len(self.names)}"
        self.names[name] = value
        return name

    def _text(self, x: Any) -> str:
        if type(x) is _Ref:
            if x in self.registers:
                return self.registers[x]
            if x not in self.places:
                self.places[x] = self._global("c", self.constants[x])
            return self.places[x]
        if x is None or type(x) in (int, bool):
            return repr(x)
        if type(x) in (tuple, list) and _holds(x):
            inner = "".join(f"{self._text(v)}, " for v in x)
            return f"({inner})" if type(x) is tuple else f"[{inner}]"
        if type(x) is dict and _holds(x):
            return "{" + "".join(f"{k!r}: {self._text(v)}, " for k, v in x.items()) + "}"
        return self._global("k", x)


def _made(call: _Call) -> list[_Ref]:
    return [r for r in call.outs if r is not None]


def _holds(x: Any) -> bool:
    """Whether there is a tensor in an argument."""
    if isinstance(x, (tuple, list)):
        return any(map(_holds, x))
    return any(map(_holds, x.values())) if type(x) is dict else type(x) is _Ref


def _with(x: Any, values: dict[int, Any]) -> Any:
    """Arguments with some numbers replaced."""
    if type(x) is _Ref:
        new = values.get(x, x)
        return _Ref(new) if type(new) is int else new
    if type(x) in (tuple, list):
        return type(x)([_with(v, values) for v in x])
    return {k: _with(v, values) for k, v in x.items()} if type(x) is dict else x


def _key(x: Any) -> Hashable:
    """What is equal for equal calls; None for arguments that cannot be compared."""
    if isinstance(x, (tuple, list)):
        inner = tuple(map(_key, x))
        return None if None in inner else (type(x), inner)
    if isinstance(x, dict):
        return _key([v for pair in x.items() for v in pair])
    if isinstance(x, slice):
        return _key((slice, x.start, x.stop, x.step))
    if isinstance(x, float):
        return (float, repr(x))
    if x is None:
        return "None"
    return (type(x), x) if getattr(type(x), "__hash__", None) is not None else None
