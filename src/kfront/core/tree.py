"""Nested structures of dicts, lists, tuples and named tuples: flatten, map, pack.

Anything else, None included, is a leaf. Dicts are visited in the order of their sorted keys (an `OrderedDict` in its
own order), as JAX and Keras do.
"""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from kfront.core.errors import ArgumentError, ArgumentTypeError
from kfront.core.typing import Backend, Tensor

__all__ = [
    "MAP_TO_NONE",
    "assert_same_paths",
    "assert_same_structure",
    "flatten",
    "flatten_with_path",
    "is_nested",
    "lists_to_tuples",
    "map_shape_structure",
    "map_structure",
    "map_structure_up_to",
    "pack_sequence_as",
    "traverse",
]


class MAP_TO_NONE:
    """Returned by the function given to `traverse`: puts None at that place."""


def _keys(d: Mapping[Any, Any]) -> list[Any]:
    if isinstance(d, OrderedDict):
        return list(d)
    try:
        return sorted(d)
    except TypeError:
        return list(d)


def is_nested(structure: object) -> bool:
    """Whether `structure` is a dict, list, tuple or named tuple."""
    return isinstance(structure, (dict, list, tuple))


def _children(structure: Any) -> list[tuple[Any, Any]]:
    if isinstance(structure, dict):
        return [(k, structure[k]) for k in _keys(structure)]
    return list(enumerate(structure))


def _rebuild(like: object, values: list[Any]) -> Any:
    if isinstance(like, dict):
        pairs = dict(zip(_keys(like), values, strict=True))
        ordered = [(k, pairs[k]) for k in like]
        if isinstance(like, defaultdict):
            return type(like)(like.default_factory, ordered)
        return dict(ordered) if getattr(like, "_plain_copy", type(like) is dict) else type(like)(ordered)
    if isinstance(like, tuple):
        if hasattr(like, "_fields"):
            return type(like)(*values)
        return tuple(values) if type(like) is tuple else type(like)(values)
    return list(values)


def flatten(structure: object) -> list[Any]:
    """The leaves of a structure, in order."""
    out: list[Any] = []
    _flatten_into(structure, out)
    return out


def _flatten_into(structure: object, out: list[Any]) -> None:
    if isinstance(structure, dict):
        for k in _keys(structure):
            _flatten_into(structure[k], out)
    elif isinstance(structure, (list, tuple)):
        for x in structure:
            _flatten_into(x, out)
    else:
        out.append(structure)


def flatten_with_path(structure: object) -> list[tuple[tuple[Any, ...], Any]]:
    """Pairs (path of keys and positions, leaf)."""
    if not is_nested(structure):
        return [((), structure)]
    return [((k, *path), leaf) for k, sub in _children(structure) for path, leaf in flatten_with_path(sub)]


def map_structure(func: Callable[..., Any], *structures: Any, none_is_leaf: bool = True) -> Any:
    """Apply `func` leaf by leaf over structures of the same form.

    Args:
        func: called with one leaf of each structure.
        structures: at least one; all of the same form.
        none_is_leaf: when False, None stays None and `func` does not see it.

    Raises:
        ArgumentTypeError: if `func` is not callable.
        ArgumentError: if there is no structure, or they differ in form.
    """
    if not callable(func):
        raise ArgumentTypeError(f"[map_structure] expected a callable, got {func!r}.")
    if not structures:
        raise ArgumentError("[map_structure] expected at least one structure, got none.")
    first, *rest = structures
    for other in rest:
        assert_same_structure(first, other)
    return _map(func, structures, none_is_leaf)


def _map(func: Callable[..., Any], structures: tuple[Any, ...], none_is_leaf: bool) -> Any:
    first = structures[0]
    if isinstance(first, dict):
        keys = _keys(first)
        return _rebuild(first, [_map(func, tuple(s[k] for s in structures), none_is_leaf) for k in keys])
    if isinstance(first, (list, tuple)):
        return _rebuild(first, [_map(func, leaves, none_is_leaf) for leaves in zip(*structures, strict=True)])
    if first is None and not none_is_leaf:
        return None
    return func(*structures)


def map_structure_up_to(shallow_structure: Any, func: Callable[..., Any], *structures: Any) -> Any:
    """As `map_structure`, descending only as far as `shallow_structure` does."""
    if not is_nested(shallow_structure):
        return func(*structures)
    _check_level(shallow_structure, structures)
    pairs = _children(shallow_structure)
    out = [map_structure_up_to(sub, func, *(s[k] for s in structures)) for k, sub in pairs]
    return _rebuild(shallow_structure, out)


def _check_level(a: Any, others: Iterable[Any]) -> None:
    for b in others:
        keys = set(a) == set(b) if isinstance(a, dict) and isinstance(b, dict) else None
        if not is_nested(b) or keys is False or (keys is None and len(a) != len(b)):
            raise ArgumentError(f"[tree] expected structures of the same form, got {a!r} and {b!r}.")


def assert_same_structure(a: object, b: Any, check_types: bool | None = None) -> None:
    """Raise ArgumentError unless `a` and `b` have the same form (leaves do not matter).

    Args:
        a: nested structure.
        b: nested structure.
        check_types: has no effect; `assert_same_paths` takes lists for tuples.
    """
    if is_nested(a) != is_nested(b):
        raise ArgumentError(f"[tree] expected structures of the same form, got {a!r} and {b!r}.")
    if not is_nested(a):
        return
    same_kind = isinstance(a, dict) == isinstance(b, dict) and isinstance(a, list) == isinstance(b, list)
    if not same_kind:
        raise ArgumentError(f"[tree] expected structures of the same form, got {type(a)} and {type(b)}.")
    _check_level(a, (b,))
    for k, sub in _children(a):
        assert_same_structure(sub, b[k])


def assert_same_paths(a: Tensor, b: Backend) -> None:
    """Raise ArgumentError unless the leaves of `a` and `b` have the same paths (list or tuple does not matter)."""
    pa, pb = ({p for p, _ in flatten_with_path(s)} for s in (a, b))
    if pa != pb:
        raise ArgumentError(f"[tree] expected the same paths; only in one of the two: {sorted(map(str, pa ^ pb))}.")


def pack_sequence_as(structure: object, flat_sequence: Iterable[Any]) -> Any:
    """A structure of the form of `structure` with the leaves of `flat_sequence`.

    Raises:
        ArgumentError: if the numbers of leaves differ.
    """
    flat = list(flat_sequence)
    if not is_nested(structure):
        if len(flat) != 1:
            raise ArgumentError(f"[pack_sequence_as] expected 1 leaf, got {len(flat)}.")
        return flat[0]
    wanted = len(flatten(structure))
    if wanted != len(flat):
        raise ArgumentError(f"[pack_sequence_as] expected {wanted} leaves, got {len(flat)}.")
    it = iter(flat)
    return _map(lambda _: next(it), (structure,), True)


def traverse(func: Callable[[Any], Any], structure: object, top_down: bool = True) -> Any:
    """Visit every node; a value that `func` returns replaces the node, None leaves it.

    Args:
        func: called with each node; `MAP_TO_NONE` puts None there.
        structure: any structure.
        top_down: whether parents come before their children (then children of a replaced node are not visited).
    """
    if top_down:
        new = func(structure)
        if new is not None:
            return None if new is MAP_TO_NONE else new
    if is_nested(structure):
        structure = _rebuild(structure, [traverse(func, sub, top_down) for _, sub in _children(structure)])
    if top_down:
        return structure
    new = func(structure)
    return structure if new is None else None if new is MAP_TO_NONE else new


def lists_to_tuples(structure: object) -> Any:
    """The same structure with every list turned into a tuple."""
    if isinstance(structure, dict):
        return _rebuild(structure, [lists_to_tuples(v) for _, v in _children(structure)])
    if isinstance(structure, (list, tuple)):
        values = [lists_to_tuples(v) for v in structure]
        return tuple(values) if isinstance(structure, list) else _rebuild(structure, values)
    return structure


def _is_shape(x: object) -> bool:
    return isinstance(x, (list, tuple)) and all(d is None or isinstance(d, int) for d in x)


def map_shape_structure(func: Callable[[Any], Any], structure: Any) -> Any:
    """As `map_structure` where the leaves are shapes (tuples of ints and None)."""
    if _is_shape(structure):
        return func(tuple(structure))
    if is_nested(structure):
        return _rebuild(structure, [map_shape_structure(func, v) for _, v in _children(structure)])
    raise ArgumentError(f"[map_shape_structure] expected shapes, got {structure!r}.")
