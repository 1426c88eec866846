"""The rows of weight tables, and what they mean for a model: which tensor elsewhere holds which weights, and how."""

from __future__ import annotations

import itertools
import math
import operator
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from kfront.core.dtypes import numpy_dtype
from kfront.core.errors import ArgumentError, SavingError
from kfront.core.guard import shown
from kfront.layers.einsum_dense import EinsumDense
from kfront.layers.separable_conv import BaseDepthwiseConv
from kfront.optimizers.base import Optimizer
from kfront.saving.safetensors_parts import StoredTensor
from kfront.saving.state_dict import TORCH_NAMES
from kfront.saving.walk import own_variables, walk
from kfront.saving.weights_h5 import castable

if TYPE_CHECKING:
    from kfront.core.variable import Variable
    from kfront.models.model import Model

Shape = tuple[int, ...]
_LEAVES = {"bias": "bias", "scale": "weight", **TORCH_NAMES}  # of a weight here -> there
_BLOCK = 64, 256  # elements of a transposed copy that stay in the cache together


class WeightRule:
    """A row of a `WeightTable`: some weights of a model, and the tensors elsewhere that hold them.

    ``{i}`` stands for a number, the same on both sides. A layer's path means all its weights: ``kernel`` and ``gamma``
    are ``weight`` there, ``bias`` and ``beta`` are ``bias``, and so on by the names of torch. Kernels have torch's
    order of axes there (outputs, inputs, places) and no axes for heads.

    Args:
        ours: path of a weight (``norm_{i}/gamma``) or of a layer (``norm_{i}``) in the model; several that are parts
            of one tensor there; None for tensors that have no place here: they are left out.
        theirs: name of the tensor, or of the module that has it; several that are parts of one weight here. ``*``
            stands for anything where `ours` is None.
        transpose: False if axes have the same order there, True to turn weights that are no kernels too, or the order
            of their axes that gives those here. Kernels alone are turned if None.
        join: axis, of a weight here, along which the parts follow each other: -2 for heads.
        sizes: how large the parts there are, in proportion; equal if empty.
        tied: other names that the same tensor has there; a file may have it under one of them alone.
        shape: of the tensor there where it has other axes, with one -1 at most, such as ``(1, -1, 768)``.

    Raises:
        ArgumentError: the row means nothing.

    Example:

    >>> from kfront.saving import WeightRule
    >>> heads = [f"attention_{{i}}/{part}" for part in ("query", "key", "value")]
    >>> WeightRule(heads, "h.{i}.attn.c_attn", transpose=False, join=-2)
    WeightRule(attention_{i}/query, attention_{i}/key, attention_{i}/value <-> h.{i}.attn.c_attn)
    """

    def __init__(
        self,
        ours: str | Sequence[str] | None,
        theirs: str | Sequence[str],
        *,
        transpose: bool | Sequence[int] | None = None,
        join: int | None = None,
        sizes: Sequence[int] = (),
        tied: Sequence[str] = (),
        shape: Sequence[int] | None = None,
    ) -> None:
        self.ours, self.theirs = _texts(ours), _texts(theirs)
        self.transpose = transpose if transpose is None or isinstance(transpose, bool) else tuple(transpose)
        self.join, self.sizes, self.tied = join, tuple(sizes), _texts(tied)
        self.shape = None if shape is None else tuple(shape)
        self._check()
        number = iter(self.ours)
        self._pattern = re.compile(f"{_as_regex(next(number, '(none)'))}(?:/(?P<leaf>{'|'.join(_LEAVES)}))?")

    def _check(self) -> None:
        known = {n for text in self.ours[:1] for n in _holes(text)}
        unknown = sorted({n for text in (*self.theirs, *self.tied, *self.ours) for n in _holes(text)} - known)
        if not self.theirs or (unknown and self.ours):
            raise ArgumentError(f"[{self!r}] expected each number on both sides, got {unknown or 'no names'} on one.")
        if len(self.ours) > 1 < len(self.theirs):
            raise ArgumentError(f"[{self!r}] expected one weight here or one tensor there, got several of both.")
        if (len(self.ours) > 1 or len(self.theirs) > 1) != (self.join is not None) and self.ours:
            raise ArgumentError(f"[{self!r}] expected `join`, an axis, with several parts and only then.")
        if self.sizes and len(self.sizes) != len(self.theirs):
            raise ArgumentError(f"[{self!r}] expected a size for each of {self.theirs}, got {self.sizes}.")

    def __repr__(self) -> str:
        return f"WeightRule({', '.join(self.ours) or None} <-> {', '.join(self.theirs)})"


class Weight(NamedTuple):
    """A variable, and the layer that has it."""

    variable: Variable
    owner: object


def weights_of(model: Model) -> dict[str, Weight]:
    """Path -> variable and the layer that has it."""
    out: dict[str, Weight] = {}
    for _, owner in walk(model):
        if isinstance(owner, Optimizer):
            continue
        own = own_variables(owner)
        for v in owner._kf_state() if own is None else own:
            path = v.path.removeprefix(f"{model.name}/")  # it stands there where a model builds its own layers
            if path in out and out[path].variable is not v:
                raise SavingError(f"[WeightTable] expected a path for each weight, got {path} twice; name the layers.")
            out[path] = Weight(v, owner)
    return out


class Holder(NamedTuple):
    """A weight, or several that one tensor there holds, or one that several there hold.

    Attributes:
        rule: the row.
        paths: of the weights here.
        ours: the weights here.
        theirs: names there.
        tied: other names of it there.
        inputs: how many first axes of a weight here are one there, the other axes being one too; None if all stay.
        order: of axes here (once joined to such) in the tensor there.
        shape: of the tensor there, where that is not all.
    """

    rule: WeightRule
    paths: list[str]
    ours: list[Variable]
    theirs: list[str]
    tied: list[str]
    inputs: int | None
    order: Shape
    shape: Shape | None

    # -- shapes ----------------------------------------------------------------------------------------------------

    def _sizes(self, parts: int) -> list[int]:
        """How long the parts there are along the axis that is split, of one weight here."""
        shares = self.rule.sizes or (1,) * parts
        length = tuple(self.ours[0].shape)[self.rule.join or 0]
        return [length * share // sum(shares) for share in shares]

    def whole(self, part: int) -> Shape:
        """The shape that a part there has with the axes that weights have here."""
        shape, axis = list(self.ours[0].shape), self.rule.join
        if axis is not None:
            many = len(self.theirs) > 1
            shape[axis] = self._sizes(len(self.theirs))[part] if many else sum(v.shape[axis] for v in self.ours)
        return tuple(shape)

    def joined(self, part: int) -> Shape:
        """The same with the axes that are one there joined."""
        shape = self.whole(part)
        if self.inputs is None:
            return shape
        return tuple(math.prod(s) for s in (shape[: self.inputs], shape[self.inputs :]) if s)

    def there(self, part: int) -> Shape:
        """The shape of a tensor there, before `shape` of the row."""
        shape = self.joined(part)
        return tuple(shape[a] for a in self.order)

    def lacking(self, tensors: Mapping[str, StoredTensor]) -> list[str]:
        """What the checkpoint lacks: a line, or none."""
        lost = [name for name in self.present(tensors) if name not in tensors]
        return [f"{', '.join(self.paths)}: expected {', '.join(lost)}, got nothing"] if lost else []

    def wrong(self, tensors: Mapping[str, StoredTensor], claimed: set[str]) -> list[str]:
        """Lines on tensors that do not fit, once all are there.

        Args:
            tensors: of the checkpoint.
            claimed: names that a row has of its own: what is there need not be tied to another.
        """
        paths, names, out = ", ".join(self.paths), self.present(tensors), []
        for i, name in enumerate(names):
            found, want = tensors[name], self.there(i)
            if not _same_axes(found.shape, want):
                out.append(f"{paths}: expected {name} of shape {want}, got {found.shape}")
            elif not castable(found.dtype, self.ours[0]._dtype):
                out.append(f"{paths}: expected {name} of dtype {self.ours[0]._dtype}, got {found.dtype}")
        for other in (t for t in self.tied if t in tensors and t not in claimed):
            if not out and not _equal(tensors[names[0]], tensors[other]):
                out.append(f"{paths}: expected {other} to be tied to {names[0]}, got other values")
        return out

    def present(self, tensors: Mapping[str, StoredTensor]) -> list[str]:
        """The names under which the checkpoint has the tensors."""
        if len(self.theirs) > 1 or self.theirs[0] in tensors:
            return self.theirs
        return [next((t for t in self.tied if t in tensors), self.theirs[0])]

    # -- values ----------------------------------------------------------------------------------------------------

    def read(self, tensors: Mapping[str, StoredTensor]) -> Iterator[tuple[Variable, np.ndarray, list[StoredTensor]]]:
        """The weights with their values, and the tensors that are not needed once they are set."""
        used = [tensors[name] for name in self.present(tensors)]
        back = np.argsort(self.order)
        parts = [ordered(t.numpy().reshape(self.there(i)), back).reshape(self.whole(i)) for i, t in enumerate(used)]
        value = parts[0] if len(parts) == 1 else np.concatenate(parts, self.rule.join)
        if len(self.ours) == 1:
            yield self.ours[0], value, used
            return
        ends = list(itertools.accumulate(v.shape[self.rule.join or 0] for v in self.ours))
        for v, one in zip(self.ours, np.split(value, ends[:-1], self.rule.join or 0), strict=True):
            yield v, one, used if v is self.ours[-1] else []

    def write(self, part: int) -> np.ndarray:
        """The values of a tensor there."""
        values = [v._kf_backend.to_numpy(v._value) for v in self.ours]
        value = values[0] if len(values) == 1 else np.concatenate(values, self.rule.join)
        if len(self.theirs) > 1:
            ends = list(itertools.accumulate(self._sizes(len(self.theirs))))
            value = np.split(value, ends[:-1], self.rule.join or 0)[part]
        return ordered(value.reshape(self.joined(part)), self.order).reshape(self.shape or self.there(part))


class DerivedTensor:
    """A tensor there, made of weights here when it is asked for."""

    def __init__(self, holder: Holder, part: int, dtype: str | None) -> None:
        self.holder, self.part = holder, part
        own = holder.ours[0]._dtype
        self.dtype = numpy_dtype(dtype if dtype is not None and castable(own, dtype) else own)

    @property
    def shape(self) -> Shape:
        there, shape = self.holder.there(self.part), self.holder.shape
        return there if shape is None else np.broadcast_to(False, there).reshape(shape).shape

    def numpy(self) -> np.ndarray:
        return self.holder.write(self.part).astype(self.dtype, copy=False)


def holder_of(rule: WeightRule, path: str, weights: Mapping[str, Weight]) -> Holder | None:
    """What a row means for the weight of a path, if it names it (first)."""
    match = rule._pattern.fullmatch(path)
    if match is None:
        return None
    leaf, numbers = match["leaf"], {k: v for k, v in match.groupdict().items() if k != "leaf"}
    end = "" if leaf is None else f"/{leaf}"
    ours = [_filled(text, numbers) + end for text in rule.ours]
    lost = [text for text in ours if text not in weights]
    if lost:
        raise SavingError(f"[WeightTable] expected weights for {rule!r}, got no {', '.join(lost)} beside {path}.")
    end = "" if leaf is None else f".{_LEAVES[leaf]}"
    theirs, tied = ([_filled(text, numbers) + end for text in texts] for texts in (rule.theirs, rule.tied))
    variable, owner = weights[path]
    cut = sum(rule.sizes) or len(theirs)
    if rule.join is not None and not -len(variable.shape) <= rule.join < len(variable.shape):
        raise SavingError(f"[WeightTable] expected `join` of {rule!r} to be an axis of {path}, got {rule.join}.")
    if len(theirs) > 1 and variable.shape[rule.join or 0] % cut:
        raise SavingError(f"[WeightTable] expected {path} to be cut in {cut} parts for {rule!r}, got {variable.shape}.")
    inputs = _input_axes(variable, owner)
    rank = len(variable.shape) if inputs is None else 1 + (variable.name == "kernel")
    order, shape = _order(rule, variable.name, rank), rule.shape
    if isinstance(owner, BaseDepthwiseConv) and variable.name == "kernel":
        order, shape = (rank - 2, rank - 1, *range(rank - 2)), (-1, 1, *owner.kernel_size)
    return Holder(rule, ours, [weights[o].variable for o in ours], theirs, tied, inputs, order, shape)


def _input_axes(variable: Variable, owner: object) -> int | None:
    """How many first axes of a weight are joined to one there, the others too; None if its axes stay as they are."""
    if not isinstance(owner, EinsumDense):
        return None
    kernel, outputs = owner.equation.replace(" ", "").split(",")[1].split("->")
    summed = [letter not in outputs for letter in kernel]
    whole = summed == sorted(summed, reverse=True)
    return {"bias": 0, "kernel": sum(summed) if whole else None}.get(variable.name)


def _order(rule: WeightRule, name: str, rank: int) -> Shape:
    """The order in which a tensor there has the axes here."""
    if isinstance(rule.transpose, tuple):
        if sorted(rule.transpose) != list(range(rank)):
            raise SavingError(f"[WeightTable] expected {rule!r} to order {rank} axes, got transpose={rule.transpose}.")
        return tuple(int(a) for a in np.argsort(rule.transpose))
    turned = name.endswith("kernel") if rule.transpose is None else rule.transpose
    return (rank - 1, rank - 2, *range(rank - 2)) if turned and rank > 1 else tuple(range(rank))


def _texts(value: str | Sequence[str] | None) -> list[str]:
    texts = [] if value is None else [value] if isinstance(value, str) else list(value)
    if not all(isinstance(text, str) and text for text in texts):
        raise ArgumentError(f"[WeightRule] expected names, got {shown(value)}.")
    return texts


def _holes(text: str) -> list[str]:
    return re.findall(r"\{(\w+)\}", text)


def _as_regex(text: str) -> str:
    """A pattern in which ``{i}`` matches a number, the same everywhere."""
    out, seen = "", set()
    for i, part in enumerate(re.split(r"\{(\w+)\}", text)):
        if i % 2 == 0:
            out += re.escape(part)
        else:
            out += f"(?P={part})" if part in seen else rf"(?P<{part}>\d+)"
            seen.add(part)
    return out


def _filled(text: str, numbers: Mapping[str, str]) -> str:
    return re.sub(r"\{(\w+)\}", lambda hole: numbers[hole[1]], text)


def _same_axes(shape: Sequence[int], wanted: Sequence[int]) -> bool:
    """Whether one shape is the other with axes split, joined, or of length one."""
    cuts = [set(itertools.accumulate((n for n in s if n != 1), operator.mul)) for s in (shape, wanted)]
    return math.prod(shape) == math.prod(wanted) and (cuts[0] <= cuts[1] or cuts[1] <= cuts[0])


def _equal(one: StoredTensor, other: StoredTensor) -> bool:
    a, b = one.numpy(), other.numpy()
    return np.may_share_memory(a, b) or np.array_equal(a, b)


def ordered(value: np.ndarray, axes: Sequence[int] | np.ndarray) -> np.ndarray:
    """Axes in another order, in memory too."""
    order, last = [int(a) for a in axes], value.ndim - 1
    if value.ndim > 2 and order[-1] == 0:  # kernels of convolutions from there: outputs go behind the others first
        rows = _turned(value.reshape(len(value), -1)).reshape(*value.shape[1:], len(value))
        return np.ascontiguousarray(rows.transpose([*(a - 1 for a in order[:-1]), last]))
    if value.ndim > 2 and order[0] == last:  # and back
        rows = np.ascontiguousarray(value.transpose([*order[1:], last]))
        return _turned(rows.reshape(-1, rows.shape[-1])).reshape([value.shape[a] for a in order])
    if order == [1, 0]:
        return _turned(value)
    return np.ascontiguousarray(value.transpose(order)).reshape([value.shape[a] for a in order])


def _turned(matrix: np.ndarray) -> np.ndarray:
    """A transposed copy, made in blocks that fit the cache: NumPy's own takes ten times as long for large matrices."""
    rows, columns = matrix.shape
    out = np.empty((columns, rows), matrix.dtype)
    for i in range(0, rows, _BLOCK[0]):
        for j in range(0, columns, _BLOCK[1]):
            out[j : j + _BLOCK[1], i : i + _BLOCK[0]] = matrix[i : i + _BLOCK[0], j : j + _BLOCK[1]].T
    return out
