"""`vmap`, `jit` and `checkpoint`: a function over a batch, compiled, or recomputed to save memory."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Sequence
from typing import Any, overload

from kfront.core import tree
from kfront.core.errors import ArgumentError, ArgumentTypeError, ShapeError
from kfront.core.op_registry import ops
from kfront.core.operators import VariableBase
from kfront.core.typing import AnyCallable, Backend, P, R, Tensor
from kfront.transforms.arguments import as_now, check_callable, engine_of, is_layer, on_engine, split_tensors

_log = logging.getLogger("kfront")


# ---- batches ---------------------------------------------------------------------------------------------------------


def vmap(fn: Callable[P, R], in_axes: object = 0, out_axes: object = 0) -> Callable[P, R]:
    """A function over one example made a function over a batch of them, all computed at once.

    Args:
        fn: takes nested tensors, made of ops.
        in_axes: the axis of the batch in all arguments (an int), or for each argument a number, None for an argument
            that every example shares, or a structure of these.
        out_axes: the axis of the batch in the results, one number or a structure of them.

    Returns:
        A function of the positional arguments with the batch axis. Keyword arguments are shared.

    Raises:
        ShapeError: if an argument has no such axis, or the sizes differ.

    Example:

    >>> import kfront
    >>> from kfront import ops
    >>> tuple(kfront.vmap(ops.dot, in_axes=(0, None))(ops.ones((4, 3)), ops.ones((3,))).shape)
    (4,)
    """
    check_callable("vmap", fn)

    @functools.wraps(fn)
    def call(*args: Any, **kwargs: Any) -> Any:
        b = engine_of(args, kwargs)
        return on_engine(b, _vmap, b, fn, args, kwargs, in_axes, out_axes)

    return call


def _axes(name: str, axes: object, values: object) -> list[Any]:
    """One axis for each leaf of `values`."""
    if axes is None or isinstance(axes, int):
        return [axes] * len(tree.flatten(values))
    if isinstance(axes, (list, tuple)) and isinstance(values, (list, tuple)) and len(axes) == len(values):
        return [a for axis, v in zip(axes, values, strict=True) for a in _axes(name, axis, v)]
    if isinstance(axes, dict) and isinstance(values, dict) and set(axes) == set(values):
        pairs = tree.map_structure_up_to(dict.fromkeys(values), lambda _, v: _Held(v), dict.fromkeys(values), values)
        order = {id(h): k for k, h in pairs.items()}
        return [a for h in tree.flatten(pairs) for a in _axes(name, axes[order[id(h)]], h.value)]
    raise ArgumentError(f"[vmap] expected `{name}` to be an int, None, or structured as the values, got {axes!r}.")


class _Held:
    """Keeps `tree` from looking into a value."""

    def __init__(self, value: object) -> None:
        self.value = value


def _vmap(b: Backend, fn: AnyCallable, args: Any, kwargs: Any, in_axes: object, out_axes: object) -> Any:
    in_axes = list(in_axes) if isinstance(in_axes, tuple) else in_axes
    leaves, axes = tree.flatten(list(args)), _axes("in_axes", in_axes, list(args))
    mapped = [i for i, a in enumerate(axes) if a is not None and not (leaves[i] is None or is_layer(leaves[i]))]
    if not mapped:
        raise ArgumentError("[vmap] expected at least one argument with a batch axis, got none.")
    columns = []
    for i in mapped:
        x = leaves[i]._tensor if isinstance(leaves[i], VariableBase) else b.convert(leaves[i])
        rank = len(b.static_shape(x))
        if not -rank <= axes[i] < rank:
            raise ShapeError(f"[vmap] expected tensors with an axis {axes[i]}, got shape {b.static_shape(x)}.")
        columns.append(x if axes[i] in (0, -rank) else ops.moveaxis(x, axes[i], 0))
    sizes = {n for x in columns if (n := b.static_shape(x)[0]) is not None}
    if len(sizes) > 1:
        raise ShapeError(f"[vmap] expected one size of the batch, got {sorted(sizes)}.")
    seen: list[object] = []

    def one(rows: Any) -> Any:
        new = [b.convert(x) if _is_array(b, x) else x for x in leaves]
        for i, x in zip(mapped, rows, strict=True):
            new[i] = x
        out = fn(*tree.pack_sequence_as(list(args), new), **kwargs)
        seen[:] = [out]
        return [b.convert(x._tensor if isinstance(x, VariableBase) else x) for x in tree.flatten(out)]

    found = ops.vectorized_map(one, columns)
    moved = [
        x if a in (0, None) else ops.moveaxis(x, 0, a)
        for x, a in zip(found, _axes("out_axes", out_axes, seen[0]), strict=True)
    ]
    return tree.pack_sequence_as(seen[0], moved)


# ---- compiled functions ----------------------------------------------------------------------------------------------


@overload
def jit(fn: Callable[P, R], *, jit_compile: bool | str = "auto") -> Callable[P, R]: ...
@overload
def jit(fn: None = None, *, jit_compile: bool | str = "auto") -> Callable[[Callable[P, R]], Callable[P, R]]: ...
def jit(fn: AnyCallable | None = None, *, jit_compile: bool | str = "auto") -> Any:
    """A function compiled by the engine: `jax.jit`, a graph of TensorFlow, `torch.compile`.

    Variables that it reads and assigns, are read anew at each call and hold their new values
    afterwards. Arguments that are not tensors (numbers, strings, layers, None) are constants: other ones compile
    another version. Give numbers that change from call to call as arrays.

    Args:
        fn: takes and returns nested values; without it a decorator is returned.
        jit_compile: "auto" compiles as is best on the engine, and on torch where a C++ or CUDA compiler is found;
            False runs the function as it is (a plain graph on TensorFlow); True asks for XLA on TensorFlow.

    Returns:
        A function with the same arguments. What cannot be compiled runs uncompiled, with a warning.

    Raises:
        ArgumentTypeError: if an argument that is not a tensor cannot be hashed.

    Example:

    >>> import kfront
    >>> from kfront import ops
    >>> count = kfront.Variable(0)
    >>> @kfront.jit(jit_compile=False)
    ... def double(x):
    ...     count.assign_add(1)
    ...     return x * 2
    >>> float(double(ops.array(3.0))), int(count)
    (6.0, 1)
    """
    if fn is None:
        return functools.partial(jit, jit_compile=jit_compile)
    check_callable("jit", fn)
    if jit_compile not in (True, False, "auto"):
        raise ArgumentError(f'[jit] expected `jit_compile` to be True, False or "auto", got {jit_compile!r}.')
    return functools.wraps(fn)(_Compiled(fn, jit_compile))


_MANY = 16  # versions of one function for other constants, after which a warning is due


class _Compiled:
    """A function and its compiled versions, one for each structure and constants of the arguments."""

    def __init__(self, fn: AnyCallable, how: bool | str) -> None:
        self.fn, self.how = fn, how
        self.versions: dict[Any, Any] = {}

    def __get__(self, instance: object, owner: object = None) -> Any:
        return self if instance is None else functools.partial(self, instance)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        b = engine_of(args, kwargs)
        leaves = tree.flatten((args, kwargs))
        places = [i for i, x in enumerate(leaves) if _is_array(b, x)]
        tensors = [b.feed(leaves[i]) for i in places]
        constants = [None if _is_array(b, x) else x for x in leaves]
        key = (b.name, _form((args, kwargs)), tuple(places), tuple(_key(x) for x in constants))
        version = self.versions.get(key)
        if version is None:
            version = self.versions[key] = _Version(b, self, (args, kwargs), places, constants)
            if len(self.versions) == _MANY:
                name = getattr(self.fn, "__name__", "function")
                _log.warning(
                    "[jit] %s was compiled for %d sets of constants; give what changes as arrays.", name, _MANY
                )
        return on_engine(b, version, tensors)


def _is_array(b: Backend, x: Tensor) -> bool:
    return b.is_tensor(x) or type(x).__module__ == "numpy"


def _form(x: object) -> object:
    """The structure of nested values, hashable."""
    if isinstance(x, dict):
        return (type(x), *[(k, _form(v)) for k, v in x.items()])
    return (type(x), *[_form(v) for v in x]) if isinstance(x, (list, tuple)) else None


def _key(x: object) -> object:
    """A key that identifies a constant; layers and Variables are compared by identity."""
    if isinstance(x, VariableBase) or is_layer(x):
        return id(x)
    try:
        hash(x)
    except TypeError:
        raise ArgumentTypeError(
            f"[jit] expected arrays and hashable constants as arguments, got {type(x).__name__}."
        ) from None
    return type(x), x


class _Version:
    """A function for one structure and constants of its arguments: referenced so that their ids are not reused."""

    def __init__(
        self, b: Backend, owner: _Compiled, like: object, places: list[int], constants: Sequence[object]
    ) -> None:
        self.fn, self.places, self.constants = owner.fn, places, constants
        self.like = tree.map_structure(lambda _: None, like)
        self.b = b
        self.rebuild: Any = None
        self.step = b.compile_step(self.run, list, b.jit_default if owner.how == "auto" else owner.how)

    def run(self, tensors: list[Tensor]) -> Any:
        leaves = list(self.constants)
        for i, x in zip(self.places, tensors, strict=True):
            leaves[i] = x
        args, kwargs = tree.pack_sequence_as(self.like, leaves)
        found, self.rebuild = split_tensors(self.b, self.fn(*args, **kwargs))
        return found

    def __call__(self, tensors: list[Tensor]) -> Any:
        found = self.step(tensors)
        return self.rebuild(found)


# ---- memory ----------------------------------------------------------------------------------------------------------


def checkpoint(fn: Callable[P, R]) -> Callable[P, R]:
    """The same function, whose intermediate results are not kept for the gradient but recomputed for it.

    Random numbers and Variables are in the second run as they were in the first. On torch it saves memory inside
    `torch.compile` and in compiled training steps too; inside `vmap`, `jvp` and a compiled `grad`, which are transforms
    of `torch.func`, everything is kept, and the results are the same.

    Args:
        fn: takes and returns nested values.

    Returns:
        A function of the same arguments.

    Example:

    >>> import kfront
    >>> from kfront import ops
    >>> float(kfront.grad(kfront.checkpoint(lambda x: ops.sin(ops.sin(x))))(0.0))
    1.0

    Reference:
        Chen et al., "Training Deep Nets with Sublinear Memory Cost", 2016.
    """
    check_callable("checkpoint", fn)
    function: AnyCallable = fn

    @functools.wraps(fn)
    def call(*args: Any, **kwargs: Any) -> Any:
        b = engine_of(args, kwargs)
        leaves = tree.flatten((args, kwargs))
        places = [i for i, x in enumerate(leaves) if b.is_tensor(x)]
        seen: list[Any] = []

        def run(*tensors: object) -> list[Any]:
            new = list(leaves)
            for i, x in zip(places, tensors, strict=True):
                new[i] = x
            args_now, kwargs_now = tree.pack_sequence_as((args, kwargs), new)
            found, rebuild = split_tensors(b, function(*args_now, **kwargs_now))
            seen[:] = [rebuild]
            return found

        again = run if b.compiling() else as_now(run)
        found = on_engine(b, lambda: b.checkpoint(again, [leaves[i] for i in places]))
        return seen[0](found)

    return call
