"""Steps of loops that are recorded: run in Python once or twice, then as the calls of torch that they consist of.

A recording is a run: its results are the step's own. It notes each call of torch with the tensors that it takes and
gives. What cannot be repeated that way makes it *unsuited*: a tensor that is read on the host, a result whose shape
depends on values, a tensor that stays somewhere else than in the results. Two recordings that are equal show that
nothing else than tensors changes from step to step.
"""

from __future__ import annotations

import functools
import gc
import threading
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, ParamSpec, TypeVar

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.weak import TensorWeakRef

from kfront.core.operators import VariableBase

Tensor = torch.Tensor
P = ParamSpec("P")
R = TypeVar("R")
FEW = 1024  # elements up to which constants are compared by their values
_FACTS = ["shape", "dtype", "device", "ndim", "layout", "requires_grad", "itemsize", "nbytes"]
_FACTS += ["size", "dim", "numel", "nelement", "stride", "element_size", "storage_offset", "get_device", "__len__"]
_FACTS += [n for n in dir(Tensor) if n.startswith("is_") and n != "is_nonzero"]
_STATIC: frozenset[Any] = frozenset(  # calls that tell what does not depend on values
    [f if callable(f) else f.__get__ for f in (getattr(Tensor, n) for n in _FACTS)]
    + [torch.is_complex, torch.is_floating_point, torch.numel, torch.is_tensor]
    + [torch.device, torch._C._set_grad_enabled]
)
_SPACES = (torch, Tensor, torch._C._nn, torch.functional)


def _named(names: str) -> frozenset[Any]:
    return frozenset(getattr(space, n) for n in names.split() for space in _SPACES if hasattr(space, n))


# calls that need no look at their operators: they compute their results from their arguments, and do nothing else
_ON_ONE = _named(  # of one tensor
    "abs all amax amin any argmax broadcast_to clone contiguous cos cumsum exp expand flatten gelu log logical_not "
    "mean movedim neg permute reciprocal relu reshape rsqrt sigmoid silu sin softmax split sqrt square squeeze sum "
    "swapaxes t tanh transpose unsqueeze view __invert__ __neg__"
)
_ON_SEVERAL = _named(
    "add cat div einsum embedding eq gather ge gt layer_norm le linear logical_and logical_or logical_xor lt "
    "masked_fill matmul maximum minimum mul ne pow rms_norm stack sub take_along_dim to "
    "__add__ __mul__ __sub__ __truediv__"
)
_BY_POSITION = (Tensor.__getitem__, Tensor.__setitem__)


class _Now(threading.local):
    recorder: Recorder | None = None


_now = _Now()


def one_call(function: Callable[P, R]) -> Callable[P, R]:
    """Decorator: in a recording, `function` is one call, so that it may read tensors on the host.

    It computes its results from its arguments and does nothing else.
    """
    return _taken(function, False)


def drawing(function: Callable[P, R]) -> Callable[P, R]:
    """Decorator like `one_call`, for a function that gives something else each time, and may write to a Variable."""
    return _taken(function, True)


def _taken(function: Callable[P, R], draws: bool) -> Callable[P, R]:
    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        recorder = _now.recorder
        if recorder is None:
            return function(*args, **kwargs)
        return recorder.take(function, args, kwargs, "draws" if draws else "one call")

    return call


def can_record() -> bool:
    """Whether nothing else takes the calls of torch at the moment."""
    return _now.recorder is None and torch._C._len_torch_function_stack() == 0


class Unsuited(Exception):
    """Why a step is not recorded."""


class _Ref(int):
    """A tensor's number in a recording."""

    __slots__ = ()


class _Call(NamedTuple):
    """One call of a function.

    Attributes:
        function: what is called.
        args, kwargs: its arguments, with numbers for tensors.
        used: the numbers in these.
        outs: the numbers of its results; None for one that is None.
        several: whether it gives a tuple or a list.
        pure: whether it does nothing else than compute its results from its arguments.
    """

    function: Callable[..., Any]
    args: Any
    kwargs: Any
    used: list[_Ref]
    outs: tuple[_Ref | None, ...]
    several: bool
    pure: bool


class _Traits(NamedTuple):
    """What is to be known of an operator.

    Attributes:
        reads: whether the host reads a value.
        random: whether it draws.
        dynamic: whether the shape of its result depends on values, or it changes that of its argument.
        dropout: the position of a dropout rate, without which it does not draw.
        written: positions of tensors that it writes to.
    """

    reads: bool
    random: bool
    dynamic: bool
    dropout: int | None
    written: tuple[int, ...]


@functools.cache
def _traits(func: Any) -> _Traits | None:
    """Traits of an operator; None of one that computes its result, and nothing else."""
    tags, arguments, Tag = func.tags, func._schema.arguments, torch.Tag
    found = _Traits(
        func is torch.ops.aten._local_scalar_dense.default or Tag.data_dependent_output in tags,
        Tag.nondeterministic_seeded in tags,
        Tag.dynamic_output_shape in tags or Tag.inplace_view in tags,
        next((i for i, a in enumerate(arguments) if a.name in ("dropout_p", "dropout")), None),
        tuple(i for i, a in enumerate(arguments) if a.alias_info is not None and a.alias_info.is_write),
    )
    return found if any(found[:3]) or found.written else None


class _Inspector(TorchDispatchMode):
    """Looks at the operators that a call consists of."""

    def __init__(self) -> None:
        super().__init__()
        self.clear()

    def clear(self) -> None:
        self.written: set[int] = set()  # addresses of storages
        self.reads = self.dynamic = self.random = False

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # else torch imports its compiler, and SymPy with that

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        traits = _traits(func)
        if traits is not None:
            self._look(traits, func, args, kwargs or {})
        return func(*args, **kwargs) if kwargs else func(*args)

    def _look(self, traits: _Traits, func: Any, args: Any, kwargs: Any) -> None:
        self.reads |= traits.reads
        at = traits.dropout
        self.random |= traits.random and (at is None or (args[at] if at < len(args) else 0.0) != 0.0)
        self.dynamic |= traits.dynamic and not _by_integers(func, args)
        for i in traits.written:
            x = args[i] if i < len(args) else kwargs.get(func._schema.arguments[i].name)
            self.written.update(_storage(t) for t in _tensors_in(x))


def _by_integers(func: Any, args: Any) -> bool:
    """Whether it is indexing by positions, which gives a shape that does not depend on them."""
    if func.overloadpacket not in (torch.ops.aten.index, torch.ops.aten.index_put, torch.ops.aten.index_put_):
        return False
    return all(t is None or t.dtype in (torch.int32, torch.int64) for t in args[1])


def _storage(x: Tensor) -> int:
    return x.untyped_storage()._cdata


def _tensors_in(x: Any) -> list[Tensor]:
    if isinstance(x, Tensor):
        return [x]
    if isinstance(x, (tuple, list)):
        return [t for v in x for t in _tensors_in(v)]
    return [t for v in x.values() for t in _tensors_in(v)] if isinstance(x, dict) else []


class Recorder(TorchFunctionMode):
    """The calls of torch in a block.

    Args:
        inputs: the tensors that differ from step to step.
        detailed: whether to look at what calls do with memory as well; else it is there to be compared with another.

    Attributes:
        count: the number of inputs.
        reason: why it cannot be repeated; None if it can.
        calls: the calls, in order.
        facts: shape and dtype of each tensor.
        memory: of each tensor the number of the first one that shares its memory.
        written: numbers, of those in `memory`, of what is written to.
        views: number of a result -> that of an argument that is the same view.
        others: number -> tensor that is neither an input nor a result of a call.
        given: of inputs and others what tells how they lie in memory, with the number of the first in the same memory.
        modes: whether gradients are taken, inference mode, and autocast.
        result: numbers of the block's results.
    """

    def __init__(self, inputs: Sequence[Tensor], detailed: bool = True) -> None:
        super().__init__()
        self.count, self.detailed = len(inputs), detailed
        self.reason: str | None = None
        self.calls: list[_Call] = []
        self.facts: list[tuple[torch.Size, torch.dtype]] = []
        self.memory: list[int] = []
        self.written: set[int] = set()
        self.views: dict[_Ref, _Ref] = {}
        self.others: dict[int, Tensor] = {}
        self.given: list[tuple[object, ...]] = []
        self.modes = torch.is_grad_enabled(), torch.is_inference_mode_enabled(), torch._C._is_any_autocast_enabled()
        self.result: list[_Ref] = []
        self._kf_known: dict[int, tuple[TensorWeakRef, _Ref]] = {}
        self._storages: list[int] = []  # of each number, while the tensor lives
        self._kf_kept: set[int] = set()  # memory of what functions that draw have given, and may keep
        self._held: dict[int, int] = {}  # storage of an input or another tensor -> the number for its memory
        self._inspector, self._busy, self._inputs = _Inspector(), False, inputs
        if len({id(x) for x in inputs}) < len(inputs):
            self.reason = "a tensor is given twice"
        for x in inputs:
            self._kf_add(x, None)

    def __enter__(self) -> Recorder:
        _now.recorder = self
        return super().__enter__()

    def __exit__(self, *exc: object) -> None:
        super().__exit__(*exc)
        _now.recorder = None

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in _STATIC:
            return func(*args, **kwargs) if kwargs else func(*args)
        return self.take(func, args, kwargs or {})

    def take(self, func: Any, args: Any, kwargs: Any, kind: str = "torch") -> Any:
        """Call a function and note it; `kind` is "one call" or "draws" for those that are taken as one call."""
        if self._busy or self.reason is not None:
            return func(*args, **kwargs)
        self._busy = True
        self._inspector.clear()
        try:
            if not self.detailed or kind != "torch" or _only_computes(func, args, kwargs):
                out = func(*args, **kwargs)
            else:
                with self._inspector:
                    out = func(*args, **kwargs)
            try:
                self._note(func, args, kwargs, out, kind)
            except Unsuited as reason:
                self.reason = f"`{getattr(func, '__name__', func)}` {reason}"
        finally:
            self._busy = False
        return out

    def _note(self, func: Any, args: Any, kwargs: Any, out: Any, kind: str) -> None:
        several = isinstance(out, (tuple, list))
        outs = list(out) if several else [out]
        for x in outs:
            if x is not None and not isinstance(x, Tensor):
                raise Unsuited("gives no tensor")
        used: list[_Ref] = []
        states = [v._value for v in args if isinstance(v, VariableBase)] if kind == "draws" else []
        given, named = self._numbers(args, used), self._numbers(kwargs, used)
        near = {self._storages[n]: self.memory[n] for n in used} if self.detailed else {}
        refs = tuple([None if x is None else self._number(x, near) for x in outs])
        pure = kind != "draws"
        if self.detailed:
            self._check(outs, func, kind)
            writes = {
                near[x] if x in near else self._held[x] for x in self._inspector.written if x in near or x in self._held
            }
            writes.update(self.memory[self._number(x, None)] for x in states)
            self.written |= writes
            pure = pure and not writes
            if kind == "draws":
                self._kf_kept.update(self.memory[r] for r in refs if r is not None)
            elif pure and refs[0] is not None and not several and refs[0] not in used:
                self._compare(outs[0], refs[0], (*args, *kwargs.values()))
        self.calls.append(_Call(func, given, named, used, refs, several, pure))

    def _check(self, outs: list[Any], func: Any, kind: str) -> None:
        """Raise Unsuited for what cannot be repeated."""
        seen = self._inspector
        if kind == "torch":
            if outs[0] is None and not seen.written:
                raise Unsuited("gives no tensor")
            if seen.dynamic or seen.random or (seen.reads and func not in _BY_POSITION):
                raise Unsuited("depends on values")
        if torch._C._is_any_autocast_enabled() or any(x is not None and x.grad_fn is not None for x in outs):
            raise Unsuited("runs with gradients or autocast")

    def _compare(self, out: Tensor, ref: _Ref, args: tuple[Any, ...]) -> None:
        """Find an argument that is the same view as the result, as it is of a reshape to the same shape."""
        for x in args:
            if isinstance(x, Tensor) and x.shape == out.shape and _interchangeable(out, x):
                number = self._kf_known[id(x)][1]
                self.views[ref] = self.views.get(number, number)

    def _numbers(self, x: Any, used: list[_Ref]) -> Any:
        """Arguments with numbers for tensors, which are added to those used."""
        kind = type(x)
        if kind is tuple or kind is list:
            return kind([self._numbers(v, used) for v in x])
        if isinstance(x, Tensor):
            number = self._number(x, None)
            used.append(number)
            return number
        if kind is dict:
            return {k: self._numbers(v, used) for k, v in x.items()} if x else x
        if kind is slice and any(isinstance(v, Tensor) for v in (x.start, x.stop, x.step)):
            raise Unsuited("depends on values")
        return x

    def _number(self, x: Tensor, near: dict[int, int] | None) -> _Ref:
        """The number of a tensor; a new one is the result of a call if `near` tells whose memory it may share."""
        known = self._kf_known.get(id(x))
        if known is not None and known[0]() is x:
            return known[1]
        if x.layout is not torch.strided:
            raise Unsuited("takes or gives a sparse tensor")
        if near is None:
            if torch._C._dispatch_keys(x).has(torch._C.DispatchKey.Python):
                raise Unsuited(f"takes a {type(x).__name__}")
            self.others[len(self.facts)] = x
        return self._kf_add(x, near)

    def _kf_add(self, x: Tensor, near: dict[int, int] | None) -> _Ref:
        number = _Ref(len(self.facts))
        self.facts.append((x.shape, x.dtype))
        if self.detailed or near is None:
            storage = _storage(x)
            memory = self._held if near is None or storage in self._held else near
            first = memory.setdefault(storage, number)
            self.memory.append(first)
            self._storages.append(storage)
            if near is None:
                self.given.append((number, first, x.stride(), x.device, x.requires_grad, x.is_conj(), x.is_neg()))
        self._kf_known[id(x)] = (TensorWeakRef(x), number)
        return number

    def finish(self, results: Sequence[object]) -> None:
        """Tell the block's results, after it."""
        if not all(isinstance(x, Tensor) for x in results):
            self.reason = "a result is no tensor"
        if self.reason is None:
            try:
                self.result = [self._number(x, None) for x in results if isinstance(x, Tensor)]
            except Unsuited as reason:
                self.reason = f"the step {reason}"
        if self.detailed and self.reason is None and self._escaped():
            gc.collect()
            if self._escaped():
                self.reason = "a tensor is kept outside of the results"
        self._kf_known.clear()
        self._inputs = ()

    def _escaped(self) -> bool:
        """Whether somebody has a tensor that is neither a result, nor shares memory with what may stay."""
        stays = {*self._kf_kept, *self._held.values(), *(self.memory[r] for r in self.result)}
        return any(self.memory[r] not in stays and ref() is not None for ref, r in self._kf_known.values())

    def same(self, other: Recorder) -> bool:
        """Whether both have the same calls, with the same tensors that are no inputs."""
        return self.alike(other) and all(
            x is other.others[n] or _equal(x, other.others[n]) for n, x in self.others.items()
        )

    def alike(self, other: Recorder) -> bool:
        """Whether both have the same calls, with tensors of the same shapes and dtypes."""
        return (
            self.facts == other.facts
            and self.result == other.result
            and self.modes == other.modes
            and self.others.keys() == other.others.keys()
            and len(self.calls) == len(other.calls)
            and all(_same(a[:6], b[:6]) for a, b in zip(self.calls, other.calls, strict=True))
        )


def _only_computes(func: Any, args: Any, kwargs: Any) -> bool:
    if "out" in kwargs:
        return False
    return func in _ON_SEVERAL or (func in _ON_ONE and not _tensors_in(args[1:]) and not _tensors_in(kwargs))


def _interchangeable(a: Tensor, b: Tensor) -> bool:
    """Whether two tensors are the same view of the same memory."""
    return (
        a.shape == b.shape
        and a.dtype is b.dtype
        and a.stride() == b.stride()
        and a.storage_offset() == b.storage_offset()
        and _storage(a) == _storage(b)
        and a.is_conj() == b.is_conj()
        and a.is_neg() == b.is_neg()
    )


def _equal(a: Tensor, b: Tensor) -> bool:
    """Whether two tensors are few numbers on the host, the same ones, like a constant made of an array."""
    few = a.numel() <= FEW and a.is_cpu and (a.shape, a.dtype, a.stride()) == (b.shape, b.dtype, b.stride())
    return few and str(a.tolist()) == str(b.tolist())


def _same(a: Any, b: Any) -> bool:
    """Whether two arguments are the same, by their values where they cannot change."""
    if a is b:
        return True
    if type(a) is not type(b):
        return False
    if isinstance(a, (tuple, list)):
        return len(a) == len(b) and all(map(_same, a, b))
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(_same(a[k], b[k]) for k in a)
    if isinstance(a, slice):
        return _same((a.start, a.stop, a.step), (b.start, b.stop, b.step))
    if isinstance(a, float):
        return repr(a) == repr(b)
    if isinstance(a, (int, str, complex, bytes, torch.dtype, torch.device, torch.Size)):
        return a == b
    if callable(a):  # methods are made anew each time that they are looked up
        return bool(a == b)
    return bool(hasattr(a, "__array_interface__") and a.dtype == b.dtype and a.tobytes() == b.tobytes())
