"""Count what the rules of the house bound: lines of code, uses of `Any`, imports inside functions, and so on.

Usage: python tools/counts.py               prints every count beside its budget and its goal; 1 if a budget is passed
       python tools/counts.py --list NAME   prints where the counted things stand (NAME: the start of a row's name)

A budget is what the count may be at most today: `tests/test_house_rules.py` holds it, and it only ever falls. Only the
text of the package is read; nothing of it is imported.
"""

from __future__ import annotations

import ast
import functools
import io
import re
import sys
import tokenize
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src" / "kfront"
LONG_FILE, LONG_FUNCTION = 800, 40
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
DOCUMENTED = (*FUNCTIONS, ast.ClassDef, ast.Module)
NO_CODE = {
    tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENCODING,
    tokenize.ENDMARKER,
}  # fmt: skip


class Row(NamedTuple):
    """One thing that is counted: where it stands, how much of it there may be, and how little is wanted."""

    name: str
    places: Callable[[], list[str]]
    budget: int
    goal: int


@functools.cache
def files(folder: Path = SOURCE) -> tuple[Path, ...]:
    """The Python files of a folder."""
    return tuple(sorted(folder.rglob("*.py")))


@functools.cache
def parsed(path: Path) -> ast.Module:
    """The syntax tree of a file."""
    return ast.parse(path.read_text(encoding="utf-8"))


def where(path: Path, line: int) -> str:
    """`file:line`, the file relative to the package or else to the repository."""
    return f"{path.relative_to(SOURCE if path.is_relative_to(SOURCE) else ROOT)}:{line}"


def below(node: ast.AST, inside: bool = False) -> Iterator[tuple[ast.AST, bool]]:
    """Every node under `node` with whether a function holds it; what only type checkers read is left out."""
    for child in ast.iter_child_nodes(node):
        yield child, inside
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            for other in child.orelse:
                yield other, inside
                yield from below(other, inside)
        else:
            yield from below(child, inside or isinstance(child, (*FUNCTIONS, ast.Lambda)))


def imported_modules(path: Path) -> Iterator[list[str]]:
    """The modules of kfront that a file imports, anywhere in it: parts of their names below `kfront`."""
    for node, _ in below(parsed(path)):
        if isinstance(node, ast.Import):
            names = [a.name for a in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            inner = [SOURCE.parent.joinpath(*node.module.split("."), a.name) for a in node.names]
            names = [
                f"{node.module}.{p.name}" if p.is_dir() or p.with_suffix(".py").exists() else node.module for p in inner
            ]
        else:
            continue
        yield from (parts[1:] for name in names if (parts := name.split("."))[0] == "kfront")


def docstring(node: ast.AST) -> ast.Constant | None:
    """The node of a docstring."""
    body = getattr(node, "body", None)
    if not isinstance(node, DOCUMENTED) or not body or not isinstance(body[0], ast.Expr):
        return None
    value = body[0].value
    return value if isinstance(value, ast.Constant) and isinstance(value.value, str) else None


# ---- what is counted -------------------------------------------------------------------------------------------------


def code_lines(folder: Path = SOURCE) -> list[str]:
    """Lines that hold code: no blanks, no comments, no docstrings."""
    out = []
    for path in files(folder):
        lines: set[int] = set()
        for token in tokenize.generate_tokens(io.StringIO(path.read_text(encoding="utf-8")).readline):
            if token.type not in NO_CODE:
                lines.update(range(token.start[0], token.end[0] + 1))
        for node in ast.walk(parsed(path)):
            text = docstring(node)
            if text is not None:
                lines.difference_update(range(text.lineno, (text.end_lineno or text.lineno) + 1))
        out += [where(path, n) for n in sorted(lines)]
    return out


def uses_of_any() -> list[str]:
    """Uses of `typing.Any` in the code; its imports do not count."""
    return [
        where(path, node.lineno)
        for path in files()
        for node in ast.walk(parsed(path))
        if (isinstance(node, ast.Name) and node.id == "Any") or (isinstance(node, ast.Attribute) and node.attr == "Any")
    ]


def _inner_imports(own: bool) -> list[str]:
    out = []
    for path in files():
        for node, inside in below(parsed(path)):
            if inside and isinstance(node, (ast.Import, ast.ImportFrom)):
                first = node.names[0].name if isinstance(node, ast.Import) else (node.module or "")
                if (first.split(".")[0] == "kfront") is own:
                    out.append(f"{where(path, node.lineno)}: {ast.unparse(node)}")
    return out


def own_imports_in_functions() -> list[str]:
    """Imports of kfront's own modules inside functions."""
    return _inner_imports(own=True)


def other_imports_in_functions() -> list[str]:
    """Imports of libraries inside functions: right only for heavy or optional ones."""
    return _inner_imports(own=False)


def imports_without_reason() -> list[str]:
    """Imports inside functions that do not say why: by a comment there or above, or by `except ImportError`."""
    out = []
    for path in files():
        lines = path.read_text(encoding="utf-8").splitlines()
        told: set[int] = set()
        for node, _ in below(parsed(path)):
            if isinstance(node, ast.Try) and any("ImportError" in ast.unparse(h.type or node) for h in node.handlers):
                told.update(n.lineno for n in node.body)
        previous = 0
        for node, inside in below(parsed(path)):
            if inside and isinstance(node, (ast.Import, ast.ImportFrom)):
                near = "".join(lines[node.lineno - 2 : node.end_lineno])
                if "#" in near or node.lineno == previous + 1:
                    previous = node.end_lineno or node.lineno  # one comment is for the imports that follow it, too
                elif node.lineno not in told:
                    out.append(f"{where(path, node.lineno)}: {ast.unparse(node)}")
    return out


def long_files() -> list[str]:
    """Files that are too long to read at once."""
    folders = [ROOT / f for f in ("src", "tests", "conformance", "benchmarks", "examples", "tools")]
    counted = [(p, p.read_text(encoding="utf-8").count("\n")) for folder in folders for p in files(folder)]
    return [where(p, n) for p, n in counted if n > LONG_FILE]


def body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function's body without its docstring."""
    body = function.body[1:] if docstring(function) is not None and len(function.body) > 1 else function.body
    return (function.end_lineno or 0) - body[0].lineno + 1


def long_functions() -> list[str]:
    """Functions that are too long to read at once."""
    return [
        f"{where(path, node.lineno)}: {node.name} has {n} lines"
        for path in files()
        for node in ast.walk(parsed(path))
        if isinstance(node, FUNCTIONS) and (n := body_lines(node)) > LONG_FUNCTION
    ]


@functools.cache
def public_definitions() -> tuple[tuple[Path, ast.FunctionDef | ast.ClassDef], ...]:
    """Functions and classes with a public name: in the stub of a namespace, or in `__all__` of a module of ops."""
    wanted: dict[Path, set[str]] = {}
    for stub in sorted(SOURCE.rglob("*.pyi")):
        for node in parsed(stub).body:
            if isinstance(node, ast.ImportFrom) and node.module:
                home = ROOT / "src" / Path(*node.module.split("."))
                path = home / "__init__.py" if home.is_dir() else home.with_suffix(".py")
                wanted.setdefault(path, set()).update(a.name for a in node.names)
    for path in files(SOURCE / "ops"):
        wanted.setdefault(path, set()).update(_listed(path))
    found = []
    for path, names in sorted(wanted.items()):
        if path.exists():
            found += [
                (path, n)
                for n in parsed(path).body
                if isinstance(n, (*FUNCTIONS, ast.ClassDef))
                and n.name in names
                and not any(ast.unparse(d) == "overload" for d in n.decorator_list)
            ]
    return tuple(found)


def _listed(path: Path) -> set[str]:
    """The strings in a module's `__all__`, and the functions that it declares as ops."""
    names: set[str] = set()
    for node in parsed(path).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            names |= {n.value for n in ast.walk(node.value) if isinstance(n, ast.Constant) and isinstance(n.value, str)}
        elif isinstance(node, FUNCTIONS) and any(re.match(r"op\b", ast.unparse(d)) for d in node.decorator_list):
            names |= {node.name} if not node.name.startswith("_") else set()
    return names


def no_example() -> list[str]:
    """Public functions and classes whose docstring shows no example."""
    return [
        f"{where(path, node.lineno)}: {node.name}"
        for path, node in public_definitions()
        if ">>> " not in (ast.get_docstring(node) or "") and not _completed(node)
    ]


def no_raises() -> list[str]:
    """Public functions and classes that raise and do not say so."""
    return [
        f"{where(path, node.lineno)}: {node.name}"
        for path, node in public_definitions()
        if _raises(node) and "Raises:" not in (ast.get_docstring(node) or "") and not _completed(node)
    ]


def _completed(node: ast.FunctionDef | ast.ClassDef) -> bool:
    """Whether a decorator `documented` adds the sections that a family has in common, the example among them."""
    return any(ast.unparse(d).startswith(("documented(", "_described(")) for d in node.decorator_list)


def _raises(node: ast.FunctionDef | ast.ClassDef) -> bool:
    """Whether a function's body, or a class's `__init__`, raises an exception that it makes itself."""
    bodies = [node] if isinstance(node, FUNCTIONS) else [n for n in node.body if getattr(n, "name", "") == "__init__"]
    return any(isinstance(n, ast.Raise) and isinstance(n.exc, ast.Call) for b in bodies for n in ast.walk(b))


def attribute_in_place_of_a_type() -> list[str]:
    """Tests for an attribute `_is_…` where a type could be asked for."""
    return [
        where(path, node.lineno)
        for path in files()
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in ("hasattr", "getattr")
        and len(node.args) > 1
        and isinstance(node.args[1], ast.Constant)
        and str(node.args[1].value).startswith("_is_")
    ]


ROWS = (
    Row("lines of code", code_lines, 60_308, 47_000),
    Row("uses of Any", uses_of_any, 2_500, 2_500),
    Row("imports of kfront in functions", own_imports_in_functions, 18, 19),
    Row("imports of libraries in functions", other_imports_in_functions, 26, 26),
    Row("imports in functions without a reason", imports_without_reason, 0, 0),
    Row(f"files over {LONG_FILE} lines", long_files, 0, 0),
    Row(f"functions over {LONG_FUNCTION} lines", long_functions, 0, 0),
    Row("public names without an example", no_example, 0, 0),
    Row("public names that raise without `Raises`", no_raises, 0, 0),
    Row('`hasattr(x, "_is_…")`', attribute_in_place_of_a_type, 0, 0),
)


def main(arguments: list[str]) -> int:
    """Print the counts, or the places of one."""
    if arguments[:1] == ["--list"]:
        start = " ".join(arguments[1:])
        for row in ROWS:
            if row.name.startswith(start):
                print("\n".join(row.places()))
        return 0
    passed = 0
    print(f"{'':42}{'now':>8}{'budget':>8}{'goal':>8}")
    for row in ROWS:
        n = len(row.places())
        passed += n > row.budget
        print(f"{row.name:42}{n:>8,}{row.budget:>8,}{row.goal:>8,}{'  over its budget' if n > row.budget else ''}")
    return int(passed > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
