"""Other code in running functions: a file is compiled anew, and its live functions get what came out."""

from __future__ import annotations

import ast
import builtins
import contextlib
import gc
import sys
import types
from collections.abc import Callable, Iterator

from ..mutations import forget
from .changes import WITHOUT_GRADIENT, without_gradient
from .draw import SOURCE

__all__ = ["replaced"]


def _codes(code: types.CodeType) -> Iterator[types.CodeType]:
    yield code
    for inner in code.co_consts:
        if isinstance(inner, types.CodeType):
            yield from _codes(inner)


def _by_place(tree: ast.Module, path: str) -> dict[tuple[str, int], types.CodeType]:
    """The code of all functions by name and line; lambdas of which several stand in one line are left out."""
    found: dict[tuple[str, int], types.CodeType] = {}
    twice = set()
    for code in _codes(compile(tree, path, "exec")):
        place = code.co_qualname, code.co_firstlineno
        twice |= {place} & found.keys()
        found[place] = code
    return {place: code for place, code in found.items() if place not in twice}


def _live(paths: set[str]) -> list[types.FunctionType]:
    return [o for o in gc.get_objects() if type(o) is types.FunctionType and o.__code__.co_filename in paths]


@contextlib.contextmanager
def replaced(trees: dict[str, ast.Module], chosen: Callable[[str], bool]) -> Iterator[int]:
    """In the block, functions run the code of the trees; gives how many there are.

    Args:
        trees: a changed tree for each file, relative to the package.
        chosen: whether a function is meant, by its qualified name.
    """
    setattr(builtins, WITHOUT_GRADIENT, without_gradient)
    new = {str(SOURCE / path): _by_place(tree, str(SOURCE / path)) for path, tree in trees.items()}
    old: dict[int, types.CodeType] = {}  # by the new one's id: what is made in the block gets it too
    changed = 0
    for one in _live({*new}):
        code = one.__code__
        wanted = new[code.co_filename].get((code.co_qualname, code.co_firstlineno))
        if wanted is not None and chosen(code.co_qualname) and wanted.co_freevars == code.co_freevars:
            pairs = list(_codes(wanted)), list(_codes(code))
            old.update(zip(map(id, pairs[0]), pairs[1] if len(pairs[0]) == len(pairs[1]) else [code], strict=False))
            one.__code__ = wanted
            changed += 1
    _clear()
    try:
        yield changed
    finally:
        for one in _live({*new}):
            one.__code__ = old.get(id(one.__code__), one.__code__)
        _clear()


def _clear() -> None:
    """Drop what was computed by the code before."""
    forget()
    for name, module in list(sys.modules.items()):
        if name.startswith(("kfront.backends.", "kfront.ops.")):
            for kept in list(vars(module).values()):
                if hasattr(type(kept), "cache_clear") and getattr(kept, "__module__", "") == name:
                    kept.cache_clear()
    if "torch" in sys.modules and "torch._dynamo" in sys.modules:
        sys.modules["torch._dynamo"].reset()
