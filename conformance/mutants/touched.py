"""Which cases run which statement: recorded once for each backend, by marks between statements.

A tracer would slow everything down, and does not see what compilers trace. A mark is a call of `set.add`.
"""

from __future__ import annotations

import ast
import builtins
import json
import pathlib
import zlib
from collections import defaultdict

from ..suite import Case, load_expected, run_case
from .draw import Mutant, functions_of, parsed, paths_of
from .patching import replaced

__all__ = ["Map", "record"]

MARK = "__touched__"
MOST = 400  # cases that are kept of one statement
SLOW = 8.0  # seconds; cases that take longer are not kept

Place = tuple[str, str, int]  # file, function, line of a statement counted from the function's first


def _digest(function: ast.FunctionDef) -> int:
    return zlib.crc32(ast.unparse(function).encode())


class Map:
    """The cases that run each statement.

    Args:
        path: the file that `record` has written.
    """

    def __init__(self, path: pathlib.Path) -> None:
        found = json.loads(path.read_text(encoding="utf-8"))
        self.seconds: dict[str, float] = {name: s for name, s in found["cases"]}
        names = list(self.seconds)
        self.lines = {key: [names[i] for i in places] for key, places in found["lines"].items()}
        self.digests: dict[str, int] = found["digests"]

    def cases_of(self, mutant: Mutant) -> list[str]:
        """The ids of cases that run the statement; none if the function has changed since."""
        function = dict(functions_of(parsed(mutant.path)))[mutant.function]
        if self.digests.get(f"{mutant.path}:{mutant.function}") != _digest(function):
            return []
        return self.lines.get(f"{mutant.path}:{mutant.function}:{mutant.statement}", [])


def _marked(tree: ast.Module, path: str, places: list[Place]) -> ast.Module:
    """The tree with a mark before each statement of its functions, numbered by `places`."""
    for name, function in functions_of(tree):
        for node in list(ast.walk(function)):
            for field in ("body", "orelse", "finalbody"):
                row = getattr(node, field, None)
                if isinstance(row, list):
                    marked: list[ast.stmt] = []
                    for statement in row:
                        call = ast.Call(ast.Name(MARK, ast.Load()), [ast.Constant(len(places))], [])
                        marked += [ast.copy_location(ast.Expr(call), statement), statement]
                        places.append((path, name, statement.lineno - function.lineno))
                    setattr(node, field, marked)
    return ast.fix_missing_locations(tree)


def record(backend: str, cases: list[Case], path: pathlib.Path) -> None:
    """Run the cases once, and write which statements each runs.

    Args:
        backend: where.
        cases: those that fail are left out.
        path: the file that is written.
    """
    places: list[Place] = []
    files = [*paths_of(backend), *paths_of("ops")]
    trees = {file: _marked(parsed(file), file, places) for file in files}
    expected = load_expected(backend)
    touched: set[int] = set()
    kept: list[tuple[str, float]] = []
    lines: dict[str, list[int]] = defaultdict(list)
    setattr(builtins, MARK, touched.add)
    try:
        with replaced(trees, lambda name: True):
            for case in cases:
                touched.clear()
                result = run_case(case, expected)
                if result.status != "pass" or result.seconds > SLOW:
                    continue
                for file, name, line in {places[i] for i in touched}:
                    row = lines[f"{file}:{name}:{line}"]
                    row += [len(kept)] if len(row) < MOST else []
                kept.append((case.id, round(result.seconds, 3)))
    finally:
        delattr(builtins, MARK)
    digests = {f"{file}:{n}": _digest(f) for file in files for n, f in functions_of(parsed(file))}
    text = json.dumps({"cases": kept, "lines": lines, "digests": digests})
    path.write_text(text, encoding="utf-8")
