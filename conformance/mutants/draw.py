"""Which mutants there are, and drawing some: the same for the same code and seed."""

from __future__ import annotations

import ast
import copy
import functools
import pathlib
import random
import sys
import zlib
from collections import defaultdict
from collections.abc import Iterator
from typing import Any, NamedTuple

import kfront
from kfront.core.op import OPS

from ..ops.samples import table
from ..transforms.table import TRANSFORMS
from .changes import changes, inside

__all__ = ["SOURCE", "Mutant", "everything", "functions_of", "mutants", "ops_of", "paths_of"]

SOURCE = pathlib.Path(kfront.__file__).parent
# files of adapters that hold no ops: layers, steps, other formats, several devices
NO_OPS = (
    "step", "step_state", "native", "export", "foreign", "foreign_jax", "distribution", "mesh", "host", "pytree",
    "saved_model", "strategy", "strings", "litert", "variable", "foreach", "decoding", "__init__",
)  # fmt: skip
# what stands on a file, for functions that no op names
STAND_ON = {
    "random": ("uniform", "normal", "dropout", "random_bits", "randint"),
    "transforms": ("vjp", "jvp", "grad", "checkpoint", "vmap", "jit"),
}
OPS_AT_MOST = 8  # of those that use a function
OF_OPS = 2 / 5  # of the mutants, the others are of the adapters in equal shares


class Mutant(NamedTuple):
    """One change.

    Attributes:
        path: the file, relative to the package.
        function: the function that is changed, with its class.
        node: which of the function's nodes.
        change: which of the node's changes.
        statement: the line of its statement, counted from the function's first.
        kind: what is changed, in words.
        before: the expression.
        after: what stands in its place.
        group: the backend whose adapter it is of, or "ops".
        backend: where the cases are run.
    """

    path: str
    function: str
    node: int
    change: int
    statement: int
    kind: str
    before: str
    after: str
    group: str
    backend: str

    @property
    def key(self) -> str:
        """How `mutants.toml` names it."""
        return f"{self.path}:{self.function}: {self.before} -> {self.after}"

    @property
    def rank(self) -> int:
        """A number drawn by what it is: other changes of the code leave it as it is."""
        return zlib.crc32(f"{self.key} {self.node} {self.change}".encode())

    def tree(self) -> ast.Module:
        """The changed file.

        Raises:
            LookupError: if the code has changed since this was drawn.
        """
        tree = parsed(self.path)
        node, _ = list(inside(dict(functions_of(tree))[self.function]))[self.node]
        if ast.unparse(node) != self.before:
            raise LookupError(self.key)
        new = copy.deepcopy(
            list(changes(node, self.group != "numpy"))[self.change][1]
        )  # it holds parts of the old node
        return ast.fix_missing_locations(_Put(node, new).visit(tree))


class _Put(ast.NodeTransformer):
    """Puts one node in the place of another."""

    def __init__(self, old: ast.AST, new: ast.AST) -> None:
        self.old, self.new = old, new

    def visit(self, node: ast.AST) -> Any:
        """The new node where the old one stands."""
        return ast.copy_location(self.new, node) if node is self.old else self.generic_visit(node)


def parsed(path: str) -> ast.Module:
    """The tree of a file, made anew: it is changed in place."""
    return ast.parse((SOURCE / path).read_text(encoding="utf-8"))


def functions_of(tree: ast.Module) -> Iterator[tuple[str, ast.FunctionDef]]:
    """Functions and methods with their qualified names."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            yield node.name, node
        elif isinstance(node, ast.ClassDef):
            yield from ((f"{node.name}.{n.name}", n) for n in node.body if isinstance(n, ast.FunctionDef))


def paths_of(group: str) -> list[str]:
    """The files of an adapter or of `ops` that hold ops and are loaded."""
    folder = SOURCE / "ops" if group == "ops" else SOURCE / "backends" / group
    loaded = {getattr(module, "__file__", None) for module in list(sys.modules.values())}
    found = [p for p in sorted(folder.rglob("*.py")) if str(p) in loaded and p.stem not in NO_OPS]
    return [p.relative_to(SOURCE).as_posix() for p in found]


def everything(group: str, backends: list[str]) -> Iterator[Mutant]:
    """All mutants of an adapter, or of `ops` (on a backend drawn for each)."""
    for path in paths_of(group):
        for name, function in functions_of(parsed(path)):
            for i, (node, statement) in enumerate(inside(function)):
                for j, (kind, new) in enumerate(changes(node, group != "numpy")):
                    texts = ast.unparse(node), ast.unparse(ast.fix_missing_locations(ast.copy_location(new, node)))
                    if texts[0] != texts[1]:
                        at = statement.lineno - function.lineno
                        one = Mutant(path, name, i, j, at, kind, *texts, group, group)
                        able = [b for b in backends if b != "numpy" or kind != "lost gradient"] or backends
                        yield one if group != "ops" else one._replace(backend=able[one.rank % len(able)])


def mutants(how_many: int, seed: int, backends: list[str]) -> list[Mutant]:
    """Mutants drawn at random: each backend has an equal share, and `ops` two fifths."""
    out: list[Mutant] = []
    for group in (*backends, "ops"):
        share = round(how_many * (OF_OPS if group == "ops" else (1 - OF_OPS) / len(backends)))
        order = sorted(everything(group, backends), key=lambda m: random.Random(f"{seed} {m.rank}").random())
        out += order[:share]
    return out


# ---- which ops use a function ----------------------------------------------------------------------------------------


def _is_primitives(node: ast.expr) -> bool:
    """Whether it is the module that composed ops read primitives from."""
    return isinstance(node, ast.Name) and node.id == "p"


@functools.cache
def _users(folder: pathlib.Path) -> dict[str, set[str]]:
    """Top-level name -> the top-level names of the folder's files that mention it, and have or import it."""
    out: dict[str, set[str]] = defaultdict(set)
    for path in folder.rglob("*.py"):
        body = ast.parse(path.read_text(encoding="utf-8")).body
        own = {n.name for n in body if isinstance(n, (ast.FunctionDef, ast.ClassDef))}
        own |= {n.id for b in body if isinstance(b, ast.Assign) for t in b.targets for n in ast.walk(t)
                if isinstance(n, ast.Name)}  # fmt: skip
        own |= {a.asname or a.name for n in body if isinstance(n, ast.ImportFrom) for a in n.names}
        for node in body:
            names = [node.name] if isinstance(node, (ast.FunctionDef, ast.ClassDef)) else []
            mentioned = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)} & own
            mentioned |= {n.attr for n in ast.walk(node) if isinstance(n, ast.Attribute) and _is_primitives(n.value)}
            if isinstance(node, ast.Assign):
                names = [n.id for target in node.targets for n in ast.walk(target) if isinstance(n, ast.Name)]
            elif isinstance(node, ast.Expr):  # `f.defjvp(rule)`: whoever uses the one uses the other
                names = sorted(mentioned)
            for used in mentioned:
                out[used].update(names)
            for rule in getattr(node, "decorator_list", ()):  # `@f.defjvp`
                out[node.name].update(n.id for n in ast.walk(rule) if isinstance(n, ast.Name))
    return out


@functools.cache
def _subjects() -> set[str]:
    """What cases of ops are about: ops, functions made of several, and transforms."""
    return {*OPS, *table(), *TRANSFORMS}


def ops_of(mutant: Mutant) -> tuple[str, ...]:
    """The op that a function is, and those that use it, nearest first: in its adapter, then among composed ops."""
    name = mutant.function.partition(".")[0]
    folders = [SOURCE / "ops"] if mutant.group == "ops" else [SOURCE / "backends" / mutant.group, SOURCE / "ops"]
    found = [name] if name in _subjects() else []
    for folder in folders:
        users, seen, row = _users(folder), {*found, name}, [name, *found]
        while row and len(found) < OPS_AT_MOST:
            row = sorted({user for used in row for user in users.get(used, ())} - seen)
            seen.update(row)
            found += [one for one in row if one in _subjects() and one not in found]
    return tuple(found[:OPS_AT_MOST]) or STAND_ON.get(pathlib.PurePath(mutant.path).stem, ())
