"""Nested structures of dicts, lists, tuples and named tuples: flatten, map, pack.

Anything else, None included, is a leaf. Dicts are visited in the order of their sorted keys (an `OrderedDict` in its
own order), as JAX and Keras do.
"""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeGuard

from kfront.core.errors import ArgumentError, ArgumentTypeError
from kfront.core.typing import AnyCallable


class MAP_TO_NONE:
    """What the function given to `traverse` returns to put None in the place of a node.

    Example:

    >>> from kfront import tree
    >>> tree.traverse(lambda x: tree.MAP_TO_NONE if x == 2 else None, [1, 2])
    [1, None]
    """


def is_dict(x: object) -> TypeGuard[dict[Any, Any]]:
    """Whether `x` is a dict to look into: a layer is a leaf, also where its engine's modules are dicts."""
    return isinstance(x, dict) and not hasattr(type(x), "_kf_tracked_kind")


def _keys(d: Mapping[Any, Any]) -> list[Any]:
    if isinstance(d, OrderedDict):
        return list(d)
    try:
        return sorted(d)
    except TypeError:
        return list(d)


def is_nested(structure: object) -> bool:
    """Whether an object is a structure and not a leaf.

    Args:
        structure: any object.

    Returns:
        True for a dict, list, tuple or named tuple.

    Example:

    >>> from kfront import tree
    >>> tree.is_nested([1]), tree.is_nested("text")
    (True, False)
    """
    return isinstance(structure, (list, tuple)) or (isinstance(structure, dict) and is_dict(structure))


def _children(structure: Any) -> list[tuple[object, object]]:
    if is_dict(structure):
        return [(k, structure[k]) for k in _keys(structure)]
    return list(enumerate(structure))


def _rebuild(like: object, values: list[Any]) -> Any:
    if is_dict(like):
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
    """The leaves of a structure, in order.

    Args:
        structure: nested dicts, lists and tuples, or a single leaf.

    Returns:
        List of leaves; those of a dict in the order of its sorted keys.

    Example:

    >>> from kfront import tree
    >>> tree.flatten({"b": [1, 2], "a": 0})
    [0, 1, 2]
    """
    out: list[Any] = []
    _flatten_into(structure, out)
    return out


def _flatten_into(structure: object, out: list[Any]) -> None:
    if is_dict(structure):
        for k in _keys(structure):
            _flatten_into(structure[k], out)
    elif isinstance(structure, (list, tuple)):
        for x in structure:
            _flatten_into(x, out)
    else:
        out.append(structure)


def flatten_with_path(structure: object) -> list[tuple[tuple[Any, ...], Any]]:
    """The leaves of a structure with their paths, in order.

    Args:
        structure: nested dicts, lists and tuples, or a single leaf.

    Returns:
        List of pairs (tuple of keys and positions, leaf).

    Example:

    >>> from kfront import tree
    >>> tree.flatten_with_path({"b": [1, 2], "a": 0})
    [(('a',), 0), (('b', 0), 1), (('b', 1), 2)]
    """
    if not is_nested(structure):
        return [((), structure)]
    return [((k, *path), leaf) for k, sub in _children(structure) for path, leaf in flatten_with_path(sub)]


def map_structure(func: Callable[..., object], *structures: object, none_is_leaf: bool = True) -> Any:
    """Apply `func` leaf by leaf over structures of the same form.

    Args:
        func: called with one leaf of each structure.
        structures: at least one; all of the same form.
        none_is_leaf: when False, None stays None and `func` does not see it.

    Returns:
        A structure of that form with the results as leaves.

    Raises:
        ArgumentTypeError: if `func` is not callable.
        ArgumentError: if there is no structure, or they differ in form.

    Example:

    >>> from kfront import tree
    >>> tree.map_structure(lambda x, y: x + y, {"a": 1, "b": [2]}, {"a": 10, "b": [20]})
    {'a': 11, 'b': [22]}
    """
    if not callable(func):
        raise ArgumentTypeError(f"[map_structure] expected a callable, got {func!r}.")
    if not structures:
        raise ArgumentError("[map_structure] expected at least one structure, got none.")
    first, *rest = structures
    for other in rest:
        assert_same_structure(first, other)
    return _map(func, structures, none_is_leaf)


def _map(func: AnyCallable, structures: tuple[Any, ...], none_is_leaf: bool) -> Any:
    first = structures[0]
    if is_dict(first):
        keys = _keys(first)
        return _rebuild(first, [_map(func, tuple(s[k] for s in structures), none_is_leaf) for k in keys])
    if isinstance(first, (list, tuple)):
        return _rebuild(first, [_map(func, leaves, none_is_leaf) for leaves in zip(*structures, strict=True)])
    if first is None and not none_is_leaf:
        return None
    return func(*structures)


def map_structure_up_to(shallow_structure: object, func: AnyCallable, *structures: Any) -> Any:
    """As `map_structure`, descending only as far as `shallow_structure` does.

    Args:
        shallow_structure: the form down to which structures are taken apart.
        func: called with the part of each structure at each leaf of `shallow_structure`.
        structures: at least one; each has `shallow_structure` as its outer form.

    Returns:
        A structure of the form of `shallow_structure` with the results as leaves.

    Raises:
        ArgumentError: a structure differs in form.

    Example:

    >>> from kfront import tree
    >>> tree.map_structure_up_to([None, None], len, [[1, 2, 3], "text"])
    [3, 4]
    """
    if not is_nested(shallow_structure):
        return func(*structures)
    _check_level(shallow_structure, structures)
    pairs = _children(shallow_structure)
    out = [map_structure_up_to(sub, func, *(s[k] for s in structures)) for k, sub in pairs]
    return _rebuild(shallow_structure, out)


def _check_level(a: Any, others: Iterable[Any]) -> None:
    for b in others:
        keys = set(a) == set(b) if is_dict(a) and is_dict(b) else None
        if not is_nested(b) or keys is False or (keys is None and len(a) != len(b)):
            raise ArgumentError(f"[tree] expected structures of the same form, got {a!r} and {b!r}.")


def assert_same_structure(a: object, b: Any, check_types: bool | None = None) -> None:
    """Raise ArgumentError unless `a` and `b` have the same form (leaves do not matter).

    Args:
        a: nested structure.
        b: nested structure.
        check_types: has no effect; `assert_same_paths` takes lists for tuples.

    Raises:
        ArgumentError: the forms differ.

    Example:

    >>> from kfront import tree
    >>> tree.assert_same_structure({"a": 1}, {"a": "text"})
    """
    if is_nested(a) != is_nested(b):
        raise ArgumentError(f"[tree] expected structures of the same form, got {a!r} and {b!r}.")
    if not is_nested(a):
        return
    same_kind = is_dict(a) == is_dict(b) and isinstance(a, list) == isinstance(b, list)
    if not same_kind:
        raise ArgumentError(f"[tree] expected structures of the same form, got {type(a)} and {type(b)}.")
    _check_level(a, (b,))
    for k, sub in _children(a):
        assert_same_structure(sub, b[k])


def assert_same_paths(a: object, b: object) -> None:
    """Raise ArgumentError unless the leaves of `a` and `b` have the same paths; a list and a tuple count as the same.

    Args:
        a: nested structure.
        b: nested structure.

    Raises:
        ArgumentError: a leaf of one has a path that no leaf of the other has.

    Example:

    >>> from kfront import tree
    >>> tree.assert_same_paths([1, 2], (3, 4))
    """
    pa, pb = ({p for p, _ in flatten_with_path(s)} for s in (a, b))
    if pa != pb:
        raise ArgumentError(f"[tree] expected the same paths; only in one of the two: {sorted(map(str, pa ^ pb))}.")


def pack_sequence_as(structure: object, flat_sequence: Iterable[object]) -> Any:
    """A structure of the form of `structure` with the leaves of `flat_sequence`.

    Args:
        structure: nested dicts, lists and tuples, or a single leaf.
        flat_sequence: as many leaves, in the order of `flatten`.

    Returns:
        The structure.

    Raises:
        ArgumentError: if the numbers of leaves differ.

    Example:

    >>> from kfront import tree
    >>> tree.pack_sequence_as({"a": 0, "b": [0, 0]}, [1, 2, 3])
    {'a': 1, 'b': [2, 3]}
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

    Returns:
        The structure with the replacements.

    Example:

    >>> from kfront import tree
    >>> tree.traverse(lambda x: x * 10 if isinstance(x, int) else None, [1, {"a": 2}])
    [10, {'a': 20}]
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
    """The same structure with every list turned into a tuple.

    Args:
        structure: any structure.

    Returns:
        The new structure.

    Example:

    >>> from kfront import tree
    >>> tree.lists_to_tuples([1, {"a": [2, 3]}])
    (1, {'a': (2, 3)})
    """
    if is_dict(structure):
        return _rebuild(structure, [lists_to_tuples(v) for _, v in _children(structure)])
    if isinstance(structure, (list, tuple)):
        values = [lists_to_tuples(v) for v in structure]
        return tuple(values) if isinstance(structure, list) else _rebuild(structure, values)
    return structure


def _is_shape(x: object) -> bool:
    return isinstance(x, (list, tuple)) and all(d is None or isinstance(d, int) for d in x)


def map_shape_structure(func: Callable[[Any], Any], structure: Any) -> Any:
    """As `map_structure` where the leaves are shapes.

    Args:
        func: called with each shape, a tuple of ints and None.
        structure: nested shapes; a list or tuple of ints and None is one shape, as is a `tf.TensorShape`.

    Returns:
        A structure of the same form with the results as leaves.

    Raises:
        ArgumentError: a leaf is no shape.

    Example:

    >>> from kfront import tree
    >>> tree.map_shape_structure(len, {"a": (None, 3), "b": (2,)})
    {'a': 2, 'b': 1}
    """
    if _is_shape(structure):
        return func(tuple(structure))
    if hasattr(structure, "as_list"):  # a TensorShape, which layers written for TensorFlow give
        return func(tuple(structure.as_list()))
    if is_nested(structure):
        return _rebuild(structure, [map_shape_structure(func, v) for _, v in _children(structure)])
    raise ArgumentError(f"[map_shape_structure] expected shapes, got {structure!r}.")
