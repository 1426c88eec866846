"""Tensors on a mesh of processes: DTensors, and what kfront needs beside DTensor's own rules.

Every tensor that is computed from a batch or from a laid out Variable is a DTensor, which knows its place in the whole;
plain tensors are the same in all processes. So code means what it means on one device, and so do the numbers.

`install` puts forms of ops that take DTensors on the backend object when the first mesh is made; nothing of it is met
without one.
"""

from __future__ import annotations

import functools
import threading
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
import torch.distributed as dist
from torch.distributed.device_mesh import DeviceMesh
from torch.distributed.tensor import DTensor, Partial, Replicate, Shard

from kfront.backends.torch import random, step, transforms
from kfront.backends.torch.common import NOTHING, axes_of
from kfront.backends.torch.dtensors import Layout, Places, copies, move, of_part, on_mesh, place, settled, whole
from kfront.backends.torch.foreach import TorchForeach
from kfront.backends.torch.placed import gathering, undivided
from kfront.backends.torch.variable import TorchVariable
from kfront.backends.typing import Axes, Closure, Pair
from kfront.core import tree
from kfront.core.op import OPS
from kfront.core.state import distribution_on, state
from kfront.core.typing import AnyCallable, Nested, Seed, ShapeLike

if TYPE_CHECKING:
    from kfront.backends.base import Backend
    from kfront.core.variable import Variable
    from kfront.distribution.strategies import Distribution
    from kfront.models.model import Model

Tensor = torch.Tensor


class Feed:
    """Runs a step on batches as DTensors of which this process has its rows.

    A batch that cannot be divided, as the last one of an epoch often is, is computed by all processes along the axis.
    With `jit_compile` the model's forward pass is compiled, and its backward pass with it, after a first step as it is.

    Args:
        distribution: the current one.
        model: the model.
        kind: "train", "test" or "predict".
    """

    def __init__(self, distribution: Distribution, model: Model, kind: str) -> None:
        self.model, self.compiled, self.trains = model, None, kind == "train"
        self.jit, self.warm = model.jit_compile is True, False
        self.mesh: DeviceMesh = distribution.device_mesh.backend_mesh
        self.axis = list(distribution.device_mesh.axis_names).index(distribution.batch_dim_name)
        self.parts, self.shared = self.mesh.shape[self.axis], distribution.auto_shard_dataset
        self.rows = tuple(Shard(0) if i == self.axis else Replicate() for i in range(self.mesh.ndim))

    def __call__(self, run: Closure[Tensor], args: Nested[Tensor]) -> Nested[Tensor]:
        """What the step gives for a batch, as plain tensors."""
        leaves = [x for x in tree.flatten(args) if isinstance(x, Tensor) and x.ndim]
        if self.shared and any(len(x) % self.parts or not len(x) for x in leaves):
            undivided.axis = self.axis
        else:
            args = tree.map_structure(self._divided, args)
        try:
            with awaited:
                return tree.map_structure(whole, self._kf_run(run, args))
        finally:
            undivided.axis = None

    def _kf_run(self, run: Closure[Tensor], args: Nested[Tensor]) -> Nested[Tensor]:
        if not self.jit or not self.warm:
            self.warm = True  # layers and ops have worked out now what would break the graph
            return run(*args) if self.trains else _without_gradients(run, args)
        if self.compiled is None:
            self.compiled = torch.compile(self.model._call_impl, dynamic=False)
        fields = self.model.__dict__
        fields["_compiled_call_impl"], gathering.off = self.compiled, True
        try:
            return run(*args)
        except Exception as error:
            if not step.from_compiler(error):
                raise
            self.jit = False
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
            warnings.warn(f"[torch] the model runs eagerly, torch.compile failed: {reason}", stacklevel=2)
        finally:
            del fields["_compiled_call_impl"]
            gathering.off = False
        return run(*args)

    def _divided(self, x: object) -> object:
        if not isinstance(x, Tensor) or not x.ndim or x.layout is not torch.strided:
            return x
        if self.parts == 1:
            return on_mesh(x, self.mesh)
        if not self.shared:
            return of_part(x, (len(x) * self.parts, *x.shape[1:]), self.mesh, self.rows)
        n = len(x) // self.parts
        start = self.mesh.get_local_rank(self.axis) * n
        return of_part(x[start : start + n], x.shape, self.mesh, self.rows)


def _without_gradients(run: Closure[Tensor], args: Nested[Tensor]) -> Nested[Tensor]:
    """A step in which Variables stay as they are."""
    try:
        with gathering:
            return run(*args)
    finally:
        gathering.clear()


# ---- what goes by rows of the batch ---------------------------------------------------------------------------------


def rows_of(distribution: Distribution) -> Layout:
    """How a batch lies."""
    mesh, name = distribution.device_mesh.backend_mesh, distribution.batch_dim_name
    names = zip(distribution.device_mesh.axis_names, distribution.device_mesh.shape, strict=True)
    return Layout(mesh, tuple(Shard(0) if n == name and size > 1 else Replicate() for n, size in names))


def run_on_rows(rows: Layout, fn: AnyCallable) -> AnyCallable:
    """A function on this process's rows: it gets and reads plain tensors, and DTensors keep off its ops.

    Where an argument does not lie as a batch does it gets what it is given.
    """

    def run(*args: Any, **kwargs: Any) -> Any:
        given = [x for x in tree.flatten((args, kwargs)) if isinstance(x, Tensor)]
        fitting = all(type(x) is DTensor and x.placements == rows.places for x in given)
        if not given or not fitting or gathering.rows is not None or given[0].device_mesh != rows.mesh:  # type: ignore[attr-defined]
            return fn(*args, **kwargs)
        args, kwargs = tree.map_structure(_own_rows, (args, kwargs))
        gathering.rows = rows
        try:
            out = fn(*args, **kwargs)
        finally:
            gathering.rows = None
        return tree.map_structure(lambda x: _of_rows(x, rows), out)

    return run


def _own_rows(x: Any) -> Any:
    if type(x) is not DTensor:
        return x
    out, b = x.to_local(), state.backend
    mask = b.get_mask(x) if state.any_mask_seen else None
    if mask is not None:
        b.set_mask(out, _own_rows(mask))
    return out


def _of_rows(x: Any, rows: Layout) -> Any:
    if not isinstance(x, Tensor) or type(x) is DTensor:
        return x
    out, b = DTensor.from_local(x, rows.mesh, rows.places), state.backend
    mask = b.get_mask(x) if state.any_mask_seen else None
    if mask is not None:
        b.set_mask(out, _of_rows(mask, rows))
    return out


# ---- ops that run on parts -------------------------------------------------------------------------------------------


class OnParts:
    """An op of plain tensors, run on the parts of DTensors that need nothing of each other.

    Args:
        fn: the op.
        takes: for each argument, a letter for each of its first dimensions: those with the same letter are divided
            alike, "-" and what follows is whole. A dimension of size 1 is not divided.
        gives: the same for the results; the last holds for all that follow.
    """

    def __init__(self, fn: AnyCallable, takes: Sequence[str], gives: Sequence[str]) -> None:
        self.fn, self.takes, self.gives = fn, takes, gives
        functools.update_wrapper(self, fn)

    def __call__(self, *args: object) -> object:
        if gathering.rows is not None:
            return self.fn(*args)
        first = next((x for x in tree.flatten(args) if type(x) is DTensor), None)
        return self.fn(*args) if first is None else self.run(first.device_mesh, args)

    def run(self, mesh: DeviceMesh, args: tuple[object, ...]) -> object:
        """The results as DTensors of this mesh."""
        takes = [*self.takes, *[""] * (len(args) - len(self.takes))]
        pairs = [(x, letters) for x, letters in zip(args, takes, strict=True) if isinstance(x, Tensor)]
        chosen = [self._letter(axis, mesh.shape[axis], pairs) for axis in range(mesh.ndim)]
        out = self.fn(*[self._local(x, t, mesh, chosen) for x, t in zip(args, takes, strict=True)])
        many = isinstance(out, (tuple, list))
        results = []
        for i, x in enumerate(out if many else (out,)):
            letters = self.gives[min(i, len(self.gives) - 1)]
            places = _divided(letters, chosen)
            shape = list(x.shape)
            for size, p in zip(mesh.shape, places, strict=True):
                if isinstance(p, Shard):
                    shape[p.dim] *= size
            results.append(of_part(x, shape, mesh, places))
        return type(out)(results) if many else results[0]

    def _letter(self, axis: int, size: int, pairs: list[tuple[Tensor, str]]) -> str | None:
        """Along which letter an axis of the mesh divides: as the first operand is, if it divides all the others."""
        x, letters = pairs[0]
        p = x.placements[axis] if type(x) is DTensor else Replicate()
        if not isinstance(p, Shard) or p.dim >= len(letters) or letters[p.dim] == "-":
            return None
        letter = letters[p.dim]
        for x, letters in pairs:
            n = x.shape[letters.index(letter)] if letter in letters else 1
            if n != 1 and n % size:
                return None
        return letter

    def _local(self, x: object, letters: str, mesh: DeviceMesh, chosen: list[str | None]) -> object:
        if isinstance(x, (list, tuple)) and any(isinstance(y, Tensor) for y in x):
            return type(x)(self._local(y, letters, mesh, chosen) for y in x)
        if not isinstance(x, Tensor):
            return x
        kept = "".join("-" if n == 1 else c for n, c in zip(x.shape, letters, strict=False))
        places = _divided(kept, chosen)
        sums = tuple(
            Partial() if p == Replicate() and c is not None else p for p, c in zip(places, chosen, strict=True)
        )
        return move(on_mesh(x, mesh), places).to_local(grad_placements=sums)


def _divided(letters: str, chosen: list[str | None]) -> Places:
    return tuple(Replicate() if c is None or c not in letters else Shard(letters.index(c)) for c in chosen)


# What a process computes from its own part of the batch alone; DTensor has no rule for these, or none for the backward
# pass, and the kernels with derivatives of kfront's own are none of torch's ops.
ROWS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    **dict.fromkeys(("biased_conv", "conv", "conv_transpose", "depthwise_conv", "separable_conv"), (("b",), ("b",))),
    **dict.fromkeys(("max_pool", "average_pool"), (("b",), ("b",))),
    "lstm_sequence": (("b", "b", "b", "", "", "", "b"), ("b",)),
    "gru_sequence": (("b", "b", "", "", "", "b"), ("b",)),
    "dot_product_attention": (("b-h", "b-h", "b-h", "bh", "bh"), ("b-h",)),
    "sparse_categorical_crossentropy": (("b", "b"), ("b",)),
}


def _else_whole(fn: AnyCallable) -> AnyCallable:
    """An op that runs on whole tensors, in every process, where DTensor has no rule for it."""
    on_all = OnParts(fn, (), ("",))

    @functools.wraps(fn)
    def run(*args: Any) -> Any:
        try:
            return fn(*args)
        except NotImplementedError as error:
            if "sharding strategy" not in str(error):
                raise
            return on_all(*args)

    return run


# ---- ops of their own for meshes -------------------------------------------------------------------------------------


def _mean(plain: Callable[..., Tensor]) -> Callable[..., Tensor]:
    def mean(x: Tensor, axis: Axes = None, keepdims: bool = False) -> Tensor:
        """Sums that are divided: DTensor cannot add a mean that is still to be made to a sum that is."""
        if type(x) is not DTensor or axis in NOTHING:
            return plain(x, axis, keepdims)
        count = 1
        for a in axes_of(axis, x.ndim):
            count *= x.shape[a]
        return torch.sum(x, axis, keepdims) / count if count else plain(x, axis, keepdims)

    return mean


def _moments(plain: Callable[..., Pair[Tensor]]) -> Callable[..., Pair[Tensor]]:
    def moments(x: Tensor, axes: Axes, keepdims: bool = False, synchronized: bool = False) -> Pair[Tensor]:
        if type(x) is not DTensor:
            return plain(x, axes, keepdims, synchronized)
        kind = x.dtype
        b, x = state.backend, x.float() if kind is torch.float16 else x
        mean = settled(b.mean(x, axes, True))
        variance = settled(b.mean(torch.square(x - mean), axes, True))
        out = (mean, variance) if keepdims else (mean.squeeze(axes), variance.squeeze(axes))
        if kind is not torch.float16:
            return out
        ends = torch.finfo(kind)
        return out[0].clamp(ends.min, ends.max).to(kind), out[1].clamp(ends.min, ends.max).to(kind)

    return moments


def _var(plain: Callable[..., Tensor]) -> Callable[..., Tensor]:
    def var(x: Tensor, axis: Axes = None, keepdims: bool = False) -> Tensor:
        if type(x) is not DTensor or axis in NOTHING:
            return plain(x, axis, keepdims)
        return state.backend.moments(x, axes_of(axis, x.ndim), keepdims)[1]

    return var


def _std(plain: Callable[..., Tensor]) -> Callable[..., Tensor]:
    def std(x: Tensor, axis: Axes = None, keepdims: bool = False) -> Tensor:
        return torch.sqrt(state.backend.var(x, axis, keepdims)) if type(x) is DTensor else plain(x, axis, keepdims)

    return std


def _composed(plain: AnyCallable) -> AnyCallable:
    """The op's own body on DTensors, whose means are those of the whole batch."""
    body: AnyCallable = OPS[plain.__name__].body  # type: ignore[assignment]

    @functools.wraps(plain)
    def run(*args: Any) -> Any:
        return (body if any(type(x) is DTensor for x in args) else plain)(*args)

    return run


def _product(plain: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Sums over processes are made at once, as by hand: left to itself DTensor divides what follows as it likes."""

    @functools.wraps(plain)
    def run(*args: Any) -> Tensor:
        out = plain(*args)
        return settled(out) if type(out) is DTensor else out

    return run


def _linear(plain: Callable[..., Tensor]) -> Callable[..., Tensor]:
    def linear(x: Tensor, kernel: Tensor, bias: Tensor | None = None) -> Tensor:
        if type(x) is not DTensor and type(kernel) is not DTensor:
            return plain(x, kernel, bias)
        out = settled(torch.matmul(x, kernel))
        return out if bias is None else out + bias

    return linear


def _embedding(plain: Callable[..., Tensor]) -> Callable[..., Tensor]:
    def embedding(indices: Tensor, table: Tensor) -> Tensor:
        """A table divided by words is gathered; features come out whole."""
        if type(table) is not DTensor:
            return plain(indices, table)
        table = move(table, tuple(Replicate() if p == Shard(0) else p for p in table.placements))
        out = plain(indices, table)
        assert type(out) is DTensor
        return move(out, tuple(Replicate() if p == Shard(out.ndim - 1) else p for p in out.placements))

    return embedding


def _segment_sum(plain: Callable[..., Tensor]) -> Callable[..., Tensor]:
    def segment_sum(data: Tensor, segment_ids: Tensor, num_segments: int | None = None, sorted: bool = False) -> Tensor:
        """Each process adds up its rows; one exchange brings the sums together."""
        by_rows = type(data) is DTensor and all(p in (Shard(0), Replicate()) for p in data.placements)
        if not by_rows or num_segments is None:
            return plain(data, segment_ids, num_segments, sorted)
        mesh, places = data.device_mesh, data.placements  # type: ignore[attr-defined]
        ids = move(on_mesh(segment_ids, mesh), places).to_local()
        out = plain(data.to_local(), ids, num_segments, sorted)  # type: ignore[attr-defined]
        return settled(of_part(out, out.shape, mesh, tuple(Partial() if p == Shard(0) else p for p in places)))

    return segment_sum


class _Like(threading.local):
    """The tensor that random bits are drawn for at the moment."""

    now: Tensor | None = None


_drawn = _Like()


def _dropout(plain: Callable[..., Tensor]) -> Callable[..., Tensor]:
    def dropout(inputs: Tensor, rate: float, noise_shape: ShapeLike | None = None, seed: Seed = None) -> Tensor:
        """The mask of one device: its bits are computed by their place in the whole."""
        if type(inputs) is not DTensor and gathering.rows is None:
            return plain(inputs, rate, noise_shape, seed)
        inputs = settled(inputs) if type(inputs) is DTensor else inputs
        before = _drawn.now, state.portable_random
        _drawn.now, state.portable_random = inputs, True
        try:
            return OPS["dropout"].body(inputs, rate, noise_shape, seed)  # type: ignore[misc]
        finally:
            _drawn.now, state.portable_random = before

    return dropout


def _random_bits(plain: Callable[..., Tensor]) -> Callable[..., Tensor]:
    def random_bits(key: Tensor, shape: ShapeLike) -> Tensor:
        like = _drawn.now
        if like is None or tuple(shape) != tuple(like.shape):
            return plain(key, shape)
        if type(like) is not DTensor:  # rows
            mesh, places = gathering.rows  # type: ignore[misc]
            n = next((size for size, p in zip(mesh.shape, places, strict=True) if isinstance(p, Shard)), 1)
            whole = (shape[0] * n, *shape[1:])
            local, offset = place(whole, mesh, places)
            return random.bits_at(key, whole, offset, local)
        mesh, places = like.device_mesh, like.placements
        local, offset = place(shape, mesh, places)
        return of_part(random.bits_at(key, tuple(shape), offset, local), shape, mesh, places)

    return random_bits


_OWN = {
    **{"mean": _mean, "moments": _moments, "var": _var, "std": _std, "dropout": _dropout, "random_bits": _random_bits},
    **{"linear": _linear, "embedding": _embedding, "segment_sum": _segment_sum},
    **dict.fromkeys(("matmul", "einsum", "tensordot"), _product),
}
_COMPOSED = ("batch_normalization", "batch_normalization_train")


# ---- gradients, optimizers -------------------------------------------------------------------------------------------


def value_and_grad(
    fn: Callable[[], Pair[Tensor]], variables: Sequence[Variable], state: Sequence[Variable] = ()
) -> tuple[Nested[Tensor], Nested[Tensor], list[Tensor]]:
    """As `step.value_and_grad`, of the loss of all parts."""
    loss: Any = None

    def run() -> Pair[Tensor]:
        nonlocal loss
        if gathering.found is not None or gathering.off or torch.compiler.is_compiling():
            loss, aux = fn()
        else:
            with gathering:
                loss, aux = fn()
        part = loss  # its gradient is that of the sum, which is made with those of the metrics
        return part.to_local(grad_placements=copies(part.device_mesh)) if type(part) is DTensor else part, aux

    try:
        part, aux, gradients = step.value_and_grad(run, variables, state)
        if type(loss) is not DTensor:
            return part, aux, gradients
        return loss if step.nesting.depth else loss.detach(), aux, gradients
    finally:
        gathering.clear()


def vjp(fn: Closure[Tensor], holders: Sequence[Variable], once: bool = False) -> tuple[list[Tensor], list[Tensor], Any]:
    """As `transforms.vjp`, of whole results."""

    def run() -> Any:
        results, others = fn()
        return [whole(x) for x in results], others

    return transforms.vjp(run, holders, once)


def _part(x: Tensor) -> Tensor:
    return x._local_tensor if type(x) is DTensor else x


def _parts_like(xs: Any, like: Sequence[Tensor]) -> Any:
    """A second operand of a method of Foreach, as it goes with the parts of the first."""
    if not isinstance(xs, (list, tuple)):
        return whole(xs)
    return [
        whole(x) if type(y) is not DTensor else _part(move(on_mesh(x, y.device_mesh), y.placements)) if x.ndim else x
        for x, y in zip(xs, like, strict=True)
    ]


def _as_like(x: Tensor, like: Tensor) -> Tensor:
    return DTensor(x, like._spec, requires_grad=False) if type(like) is DTensor and type(x) is not DTensor else x


def _by_element(name: str) -> AnyCallable:
    """A method of TorchForeach on parts: what is done to each element needs no mesh."""
    method = getattr(TorchForeach, name)

    def run(self: MeshForeach, first: Sequence[Any], *args: Any, **kwargs: Any) -> Any:
        if self.inside:
            return method(self, first, *args, **kwargs)
        like = [x._value if isinstance(x, TorchVariable) else x for x in first]
        args = tuple(_parts_like(x, like) if isinstance(x, (Tensor, list, tuple)) else x for x in args)
        self.inside = True
        try:
            out = method(self, list(map(_part, first)), *args, **kwargs)
        finally:
            self.inside = False
        return out if out is None else [_as_like(x, y) for x, y in zip(out, like, strict=True)]

    return run


class MeshForeach(TorchForeach):
    """Functions on lists of DTensors: by element on the parts; norms are those of the whole.

    Attributes:
        inside: whether a method runs on parts at the moment, and what it calls gets and gives parts.
    """

    inside = False

    def values(self, variables: Sequence[Variable]) -> list[Tensor]:
        out = super().values(variables)
        return list(map(_part, out)) if self.inside else out

    def increment(self, variable: Variable, by: Tensor | float, times: Tensor | float = 1) -> None:
        if not awaited.take(variable, by, times):
            super().increment(variable, whole(by), whole(times))

    def in_place(self, variables: Sequence[Variable]) -> list[Tensor] | None:
        for v in variables:
            v._lay_out_like(v._reference)
        out = super().in_place(variables)
        return None if out is None else list(map(_part, out))

    def assign(self, variables: Sequence[Variable], values: Sequence[Tensor]) -> None:
        if any(type(v._value) is DTensor or type(x) is DTensor for v, x in zip(variables, values, strict=True)):
            for v, x in zip(variables, values, strict=True):
                v.assign(_as_like(x, v._value) if self.inside else x)
        else:
            super().assign(variables, values)

    def _squares(self, xs: Sequence[Tensor]) -> Tensor:
        """The sum of squares of each tensor; one exchange for all."""
        mesh = next((x.device_mesh for x in xs if type(x) is DTensor), None)
        squares = torch.stack(torch._foreach_norm(list(map(_part, xs)))).square()
        if mesh is None:
            return squares
        copies = [_copies(x, mesh) for x in xs]
        squares = squares / torch.tensor(copies, dtype=squares.dtype, device=squares.device)
        dist.all_reduce(squares)
        return squares

    def norms(self, xs: Sequence[Tensor]) -> list[Tensor]:
        return list(self._squares(xs).sqrt().unbind())

    def global_norm(self, xs: Sequence[Tensor]) -> Tensor:
        return self._squares(xs).sum().sqrt()

    def clip_norms(self, xs: Sequence[Tensor], most: float) -> list[Tensor]:
        return self.mul(xs, [most / n.clamp(min=most) for n in self.norms(xs)])

    def all_finite(self, xs: Sequence[Tensor]) -> Tensor:
        finite = torch.stack([x.isfinite().all() for x in map(_part, xs)]).all().to(torch.float32)
        if any(type(x) is DTensor for x in xs):
            dist.all_reduce(finite, dist.ReduceOp.MIN)
        return bool(finite) if finite.is_cpu and not torch.compiler.is_compiling() else finite > 0


def _copies(x: Tensor, mesh: DeviceMesh) -> float:
    """How many processes hold each element."""
    if type(x) is not DTensor:
        return float(mesh.size())
    out = 1.0
    for size, p in zip(mesh.shape, x.placements, strict=True):
        out *= size if p == Replicate() else 1
    return out


for _name in (
    *("add", "sub", "mul", "div", "pow", "maximum", "clip", "sqrt", "square", "abs", "neg", "sign"),
    *("zeros_like", "lerp", "addcmul", "addcdiv", "add_to", "mul_to", "maximum_to", "lerp_to", "lerp_square_to"),
    *("addcmul_to", "addcdiv_to"),
):
    setattr(MeshForeach, _name, _by_element(_name))


# ---- sums that metrics wait for -------------------------------------------------------------------------------------


class _Waiting(TorchVariable):
    """A Variable that sums over the processes are still to be added to: whoever looks at it has them made."""

    @property
    def _value(self) -> Any:
        awaited.settle()
        return self._value

    @_value.setter
    def _value(self, value: Any) -> None:
        awaited.settle()
        self._value = value


class _Awaited(threading.local):
    """What a step adds to metrics, the loss among them: one exchange brings the sums of all processes together.

    Attributes:
        sums: of the step that runs, those that are exchanged together: Variables, what this process adds to them, and
            how many times; None outside of steps.
    """

    sums: dict[tuple[DeviceMesh, Places, torch.dtype], list[tuple[Variable, Tensor, float]]] | None = None

    def take(self, variable: Variable, by: Any, times: Any) -> bool:
        """Whether the sum will be added later."""
        if self.sums is None or type(by) is not DTensor or type(times) is DTensor:
            return False
        open_sums = [p.is_partial("sum") for p in by.placements if p != Replicate()]
        if not open_sums or not all(open_sums) or type(variable) not in (TorchVariable, _Waiting):
            return False
        part = by._local_tensor.detach()
        self.sums.setdefault((by.device_mesh, by.placements, part.dtype), []).append((variable, part, times))
        variable.__class__ = _Waiting
        return True

    def settle(self) -> None:
        """Add what is waiting."""
        sums, self.sums = self.sums or {}, {}
        _wait_no_more(sums)
        for (mesh, places, _), some in sums.items():
            flat = torch.cat([part.reshape(-1) for _, part, _ in some])
            for axis, p in enumerate(places):
                if p.is_partial():
                    dist.all_reduce(flat, group=mesh.get_group(axis))
            for (v, part, times), total in zip(some, flat.split([part.numel() for _, part, _ in some]), strict=True):
                TorchForeach.increment(v._kf_backend.foreach, v, total.view(part.shape), times)

    def __enter__(self) -> None:
        self.sums = {}

    def __exit__(self, kind: object, *exc: object) -> None:
        if kind is None:
            self.settle()
        _wait_no_more(self.sums or {})
        self.sums = None


def _wait_no_more(sums: Mapping[object, Sequence[tuple[Variable, Tensor, float]]]) -> None:
    for some in sums.values():
        for v, _, _ in some:
            v.__class__ = TorchVariable


awaited = _Awaited()


# ---- the backend on a mesh -------------------------------------------------------------------------------------------


@functools.cache
def install(b: Backend) -> None:
    """Let a backend's ops take DTensors beside plain tensors, which count as copies."""
    DTensor._op_dispatcher._allow_implicit_replication = True
    b.types = b.types | {DTensor}
    for name in OPS:
        setattr(b, name, _else_whole(getattr(b, name)))
    for name, (takes, gives) in ROWS.items():
        if hasattr(b, name):
            setattr(b, name, OnParts(getattr(b, name), takes, gives))
    for name, make in _OWN.items():
        setattr(b, name, make(getattr(b, name)))
    for name in _COMPOSED:
        setattr(b, name, _composed(getattr(b, name)))
    b.value_and_grad, b.vjp = value_and_grad, vjp
    whole_step = b.compile_step
    b.compile_step = lambda fn, variables, jit: (
        fn if getattr(distribution_on(b), "splits_variables", False) else whole_step(fn, variables, jit)
    )  # `Feed` compiles the model instead
    fused = b.fused_sparse_crossentropy_mean
    if fused is not None:
        b.fused_sparse_crossentropy_mean = lambda target, output, from_logits: (
            None if type(output) is DTensor else fused(target, output, from_logits)
        )
    install_foreach(b)


@functools.cache
def install_foreach(b: Backend) -> None:
    """Let optimizers of a backend take DTensors."""
    fused = vars(b.foreach).get("adam")
    b.foreach = mine = MeshForeach(b)
    if fused is not None:
        mine.adam = lambda variables, grads, *more: fused.__func__(mine, variables, list(map(_part, grads)), *more)
