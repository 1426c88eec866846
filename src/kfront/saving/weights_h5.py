"""Weights in HDF5, in Keras's layout: ``layers/dense/vars/0`` and so on, the optimizer's state too.

Loading first compares the whole file with the model, without reading data. If anything differs, nothing is loaded and
the error lists every difference; with `skip_mismatch` what differs is passed over and listed in a warning.
"""

from __future__ import annotations

import contextlib
import math
import warnings
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

import numpy as np

from kfront.backends import backend_scope
from kfront.core.dtypes import is_float, is_int, numpy_dtype
from kfront.core.errors import SavingError
from kfront.optimizers.base import Optimizer
from kfront.saving.hdf5 import Dataset, H5Reader, H5Writer, Store
from kfront.saving.walk import own_variables, walk

if TYPE_CHECKING:
    from kfront.core.variable import Variable
    from kfront.models.model import Model

Path = tuple[str, ...]
_OLD_LAYERS = "_layer_checkpoint_dependencies"  # name of "layers" in files of Keras before 3.0


class Item(NamedTuple):
    """What one object writes.

    Attributes:
        path: its place in the file.
        name: its name.
        arrays: pairs (name, array).
        size: bytes of the arrays, as far as that is known beforehand.
    """

    path: Path
    name: str
    arrays: Iterable[tuple[str, Any]]
    size: int = 0


def collect(model: object, found: list[tuple[Path, object]] | None = None, copy: bool = False) -> list[Item]:
    """All state of `model`, object by object.

    Args:
        model: a model or layer.
        found: what `walk` finds in the model, where that is known.
        copy: whether the values are copied now, so that the model may change; else they are read when asked for.
    """
    items = [_item(p, o) for p, o in (walk(model) if found is None else found)]
    return [i._replace(arrays=[(n, np.array(v)) for n, v in i.arrays]) for i in items] if copy else items


def _item(path: Path, obj: object) -> Item:
    own = own_variables(obj)
    name = str(getattr(obj, "name", ""))
    if own is None:
        return Item(path, name, _custom_values(obj))
    values = ((str(i), v._kf_backend.to_numpy(v._value)) for i, v in enumerate(own))
    return Item(path, name, values, sum(array_bytes(v.shape, v._dtype) for v in own))


def array_bytes(shape: Iterable[int], dtype: str) -> int:
    """Size of an array in memory."""
    return math.prod(shape) * numpy_dtype(dtype).itemsize


def write_items(items: Iterable[Item], writer: Any) -> None:
    """Write what `collect` gave.

    Args:
        items: the state.
        writer: an `H5Writer`, or what has its methods.
    """
    for item in items:
        group = writer.group((*item.path, "vars"))
        writer.text(group, "name", item.name)
        for name, value in item.arrays:
            writer.put(group, name, value)


def write_weights(model: Model, file: BinaryIO) -> None:
    """Write all state of `model` into an HDF5 file.

    Args:
        model: a model or layer.
        file: a seekable binary file, opened for reading and writing.
    """
    write_collected(collect(model), file)


def write_collected(items: Iterable[Item], file: BinaryIO) -> None:
    """The same for what `collect` gave."""
    writer = H5Writer(file)
    try:
        write_items(items, writer)
    finally:
        writer.close()


def _custom_values(obj: Any) -> Iterator[tuple[str, object]]:
    """Names and arrays that an object writes its own way."""
    store: dict[str, object] = {}
    obj.save_own_variables(store)
    for name, value in store.items():
        if not isinstance(name, str) or not name or "/" in name or name in (".", ".."):
            raise SavingError(
                f"[{getattr(obj, 'name', type(obj).__name__)}] expected `save_own_variables` to use plain names, got "
                f"{name!r}."
            )
        yield name, np.asarray(value)


def bytes_needed(model: Model) -> int:
    """An upper bound for the size of a weights file of this model: state, several slots each, names."""
    total, objects = 0, 0
    for _, obj in walk(model):
        objects += 1
        for v in own_variables(obj) or getattr(obj, "variables", ()):
            total += int(np.prod(v.shape, dtype=np.int64)) * 8
    return 8 * total + 65_536 * objects + (64 << 20)


class Difference:
    """One thing in which a file and a model differ."""

    __slots__ = ("got", "path", "variable", "wanted")

    def __init__(self, path: str, wanted: str, got: str, variable: str = "") -> None:
        self.path, self.wanted, self.got, self.variable = path, wanted, got, variable

    def __str__(self) -> str:
        of = f" ({self.variable})" if self.variable else ""
        return f"{self.path}{of}: expected {self.wanted}, got {self.got}"


class _Plan:
    """What will be read into what, and what does not fit."""

    def __init__(self, model: Model, reader: H5Reader, skip: Sequence[object] = ()) -> None:
        self.reader = reader
        self.pairs: list[tuple[Any, Dataset]] = []
        self.custom: list[tuple[str, Any, Store]] = []
        self.differences: list[Difference] = []
        self.optimizers: list[Difference] = []
        self.visited: set[Path] = set()
        self.old_names = reader.group(("layers",)) is None and reader.group((_OLD_LAYERS,)) is not None
        _build_optimizers(model, reader)
        found = walk(model)
        read = {id(obj) for _, obj in (walk(model, skip) if skip else found)}
        there = lambda path: reader.group(self._kf_place(path)) is not None  # noqa: E731
        lacking = any(own_variables(obj) and not there(path) for path, obj in found)
        places = {id(obj): path for path, obj in walk(model, there=there)} if lacking else {}
        for path, obj in found:
            path = self._kf_place(places.get(id(obj), path))
            self.visited.update(path[:i] for i in range(len(path) + 1))
            if id(obj) in read:
                self._kf_add(path, obj)

    def _kf_place(self, path: Path) -> Path:
        return tuple(_OLD_LAYERS if p == "layers" else p for p in path) if self.old_names else path

    def _kf_add(self, path: Path, obj: object) -> None:
        here = (*path, "vars")
        own = own_variables(obj)
        if own is None:
            self._add_custom(here, obj)
            return
        names = self.reader.names(here)
        wanted = [str(i) for i in range(len(own))]
        found: list[Difference] = []
        pairs: list[tuple[Any, Dataset]] = []
        for name, v in zip(wanted, own, strict=True):
            data = self.reader.dataset((*here, name)) if name in names else None
            problem = compare("/".join((*here, name)), v, data)
            if problem is not None:
                found.append(problem)
            elif data is not None:
                pairs.append((v, data))
        known = set(wanted)
        for name in (n for n in names if n not in known):
            data = self.reader.dataset((*here, name))
            got = f"an array of shape {data.shape}" if data is not None else "something else"
            found.append(Difference("/".join((*here, name)), self._none(obj), got))
        if not found or (_is_optimizer(obj) and set(names) == set(wanted[: _before_slots(obj)])):
            self.pairs += pairs
        elif _is_optimizer(obj):
            self.optimizers += found if names else []
        else:
            self.differences += found

    def _none(self, obj: object) -> str:
        if not getattr(obj, "built", True):
            return f"nothing ({getattr(obj, 'name', 'it')} has no weights yet: call the model on data first)"
        return "nothing"

    def _add_custom(self, path: Path, obj: object) -> None:
        if self.reader.group(path) is None:
            if _wants_state(obj):
                name = getattr(obj, "name", type(obj).__name__)
                self.differences.append(Difference("/".join(path), f"the state of {name}", "nothing"))
            return
        self.custom.append(("/".join(path), obj, Store(self.reader, path)))

    def unused(self) -> list[str]:
        """Groups of the file that hold data for no object of the model."""
        out = []
        for path in sorted(self.visited):
            for name in self.reader.names(path)[:1000]:
                below = (*path, name)
                if name in ("vars", "optimizer") or below in self.visited or "optimizer" in path:
                    continue
                if self.reader.holds_data(below):
                    out.append("/".join(below))
        return out


def compare(path: str, variable: Variable, data: Any) -> Difference | None:
    """How the array of a file (with `shape` and `dtype`, None if there is none) differs from a variable."""
    shape, dtype = tuple(variable.shape), variable._dtype
    if data is None:
        return Difference(path, str(shape), "nothing", variable.path)
    if data.shape != shape:
        return Difference(path, str(shape), str(data.shape), variable.path)
    if not castable(data.dtype, dtype):
        return Difference(path, dtype, data.dtype, variable.path)
    return None


def castable(have: str, want: str) -> bool:
    """Whether values of one dtype may be cast to another: floats to floats, integers to integers, else the same."""
    kind = lambda d: "f" if is_float(d) else "i" if is_int(d) else d  # noqa: E731
    return kind(have) == kind(want)


def _is_optimizer(obj: object) -> bool:
    return isinstance(obj, Optimizer)


def _before_slots(optimizer: Any) -> int:
    """How many variables a file has of an optimizer saved before its first step; 0 if this one has taken a step."""
    if int(optimizer._iterations.numpy()):
        return 0
    return sum(v is optimizer._iterations or v is optimizer._learning_rate for v in optimizer.variables)


def _wants_state(obj: Any) -> bool:
    store: dict[str, object] = {}
    with contextlib.suppress(Exception):
        obj.save_own_variables(store)
    return bool(store)


def _build_optimizers(model: Model, reader: H5Reader) -> None:
    """An optimizer without slots is built when the file has some for it."""
    optimizer = getattr(model, "optimizer", None)
    if optimizer is None or not getattr(model, "built", False) or getattr(optimizer, "built", True):
        return
    if len(reader.names(("optimizer", "vars"))) > len(optimizer._variables) or reader.group(
        ("optimizer", "inner_optimizer")
    ):
        with backend_scope(model._kf_backend):
            optimizer.build(model.trainable_variables)


def read_weights(
    model: Model,
    file: BinaryIO,
    what: str,
    skip_mismatch: bool = False,
    strict_optimizer: bool = False,
    skip: Sequence[object] = (),
) -> None:
    """Read state that `write_weights` (or Keras) wrote.

    Args:
        model: a built model or layer.
        file: a seekable binary file.
        what: its name, for messages.
        skip_mismatch: whether objects that do not fit are passed over, with a warning that lists them.
        strict_optimizer: whether optimizer state that does not fit is an error too, rather than a warning.
        skip: objects of the model that keep what they have, with all that they hold.

    Raises:
        SavingError: the file does not fit the model; nothing was loaded.
    """
    read_from(model, H5Reader(file, what), what, skip_mismatch, strict_optimizer, skip)


def read_from(
    model: Model,
    reader: Any,
    what: str,
    skip_mismatch: bool,
    strict_optimizer: bool = False,
    skip: Sequence[object] = (),
) -> None:
    """`read_weights` from a reader, which is closed at the end."""
    try:
        plan = _Plan(model, reader, skip)
        report(model, what, plan.differences, plan.optimizers, plan.unused(), skip_mismatch, strict_optimizer)
        _carry_out(plan, skip_mismatch)
    finally:
        reader.close()


def report(
    model: Model,
    what: str,
    differences: list[Difference],
    optimizers: list[Difference],
    unused: list[str],
    skip_mismatch: bool,
    strict_optimizer: bool,
) -> None:
    """Report how a file and a model differ: an error, or warnings with `skip_mismatch`.

    Raises:
        SavingError: there are differences that may not be skipped.
    """
    problems = differences + (optimizers if strict_optimizer else [])
    name = getattr(model, "name", type(model).__name__)
    if problems and not skip_mismatch:
        raise SavingError(
            f"[load_weights] expected {what} to fit {name!r}, got {len(problems)} difference(s), so nothing was "
            f"loaded:\n{_listed(problems)}\nBuild the model as it was when it was saved, or pass "
            "`skip_mismatch=True` to load what fits."
        )
    if differences:
        _warn(f"{what} does not fit {name!r} everywhere; kept as they were:\n{_listed(differences)}")
    if optimizers:
        _warn(f"the optimizer state in {what} does not fit and was left out:\n{_listed(optimizers)}")
    if unused:
        _warn(f"{what} also holds data that {name!r} has no place for: {', '.join(unused[:20])}")


def _listed(problems: list[Difference]) -> str:
    lines = [f"  {p}" for p in problems[:20]]
    if len(problems) > 20:
        lines.append(f"  … and {len(problems) - 20} more")
    return "\n".join(lines)


def _warn(message: str) -> None:
    warnings.warn(f"[load_weights] {message}", stacklevel=5)


def _carry_out(plan: _Plan, skip_mismatch: bool) -> None:
    """Assign everything. What could still fail is done before the first plain assignment, and undone if it fails."""
    early = _read_early(plan.pairs)
    done: list[tuple[Any, np.ndarray]] = []
    skipped: list[Difference] = []
    for path, obj, store in plan.custom:
        before = [(v, v.numpy()) for v in getattr(obj, "variables", ())]
        done += before
        try:
            obj.load_own_variables(store)
        except Exception as error:
            name = getattr(obj, "name", type(obj).__name__)
            problem = Difference(path, f"what {name!r} accepts", f"{type(error).__name__}: {error}")
            for variable, value in before if skip_mismatch else done:
                variable.assign(value)
            if not skip_mismatch:
                raise SavingError(
                    f"[load_weights] expected {plan.reader.what} to fit, got a difference, so nothing was loaded:\n"
                    f"  {problem}\nBuild the model as it was when it was saved, or pass `skip_mismatch=True`."
                ) from error
            skipped.append(problem)
    if skipped:
        _warn(f"{plan.reader.what} does not fit everywhere; kept as they were:\n{_listed(skipped)}")
    _assign(early)


def assign_all(pairs: list[tuple[object, Dataset]]) -> None:
    """Give variables the values of datasets; what can fail is read before the first is assigned."""
    _assign(_read_early(pairs))


def _read_early(pairs: list[tuple[object, Dataset]]) -> list[tuple[object, Dataset, object]]:
    return [(v, d, None if d.in_place else d.read()) for v, d in pairs]


def _assign(pairs: list[tuple[Any, Dataset, Any]]) -> None:
    for variable, data, value in pairs:
        if value is None:
            variable.assign(data.read())
            data.let_go()
        else:
            variable.assign(value)
