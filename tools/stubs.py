"""Write the `.pyi` files that type checkers and editors read for namespaces that are filled when they are imported.

Those of lazy namespaces come from their own tables, those of `kfront.ops` from the declarations of ops.

Usage: python tools/stubs.py            writes them
       python tools/stubs.py --check    exits with 1 when one is missing, out of date, or names what does not exist
"""

from __future__ import annotations

import importlib
import re
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

SOURCE = Path(__file__).parent.parent / "src"
sys.path.insert(0, str(SOURCE))

LAZY_HEAD = "# Written by tools/stubs.py from the table in the module of the same name.\n"
OPS_HEAD = "# Written by tools/stubs.py from the declarations of ops.\n"
THEMES = ("image", "linalg", "nn", "numpy")
# what namespaces of ops hold besides them
EXTRAS = {
    "kfront.ops": {theme: f"kfront.ops.{theme}:" for theme in THEMES},
    "kfront.random": {"SeedGenerator": "kfront.core.rng:SeedGenerator"},
}
WIDTH = 120


def lazy_modules() -> Iterator[tuple[str, Path]]:
    """(module name, file) of every module that makes a lazy namespace; type checkers see no private ones."""
    for path in sorted((SOURCE / "kfront").rglob("*.py")):
        parts = path.relative_to(SOURCE).with_suffix("").parts
        private = any(p.startswith("_") and p != "__init__" for p in parts)
        if path.stem != "lazy" and not private and "lazy_namespace(" in path.read_text(encoding="utf-8"):
            yield ".".join(p for p in parts if p != "__init__"), path


def namespaces() -> Iterator[tuple[str, Path, str]]:
    """(module name, file of its stub, text of the stub) of every namespace."""
    from kfront.core.lazy import LAZY

    for name, path in lazy_modules():
        importlib.import_module(name)
        yield name, path.with_suffix(".pyi"), LAZY_HEAD + stub(LAZY[name])
    for name in (*EXTRAS, *(f"kfront.ops.{theme}" for theme in THEMES)):
        path = Path(importlib.import_module(name).__file__ or "")
        yield name, path.with_suffix(".pyi"), OPS_HEAD + stub(declared(name))


def declared(namespace: str) -> dict[str, str]:
    """The rows of a namespace of ops, as in the tables of lazy ones."""
    from kfront.core.op_registry import members

    rows = {name: f"{f.__module__}:{f.__name__}" for name, f in members(namespace).items()}
    return rows | EXTRAS.get(namespace, {})


def stub(rows: dict[str, str]) -> str:
    """The text of a stub but for its first line."""
    by_module: dict[str, list[str]] = defaultdict(list)
    for public, target in rows.items():
        module, _, inner = target.partition(":")
        if inner:
            by_module[module].append(f"{inner} as {public}")
        else:
            parent, _, child = module.rpartition(".")
            by_module[parent].append(f"{child} as {public}")
    lines = []
    for module in sorted(by_module):
        lines.append(_import(module, sorted(by_module[module])))
    entries = "".join(f'    "{n}",\n' for n in sorted(rows))
    lines.append(f"\n__all__ = [\n{entries}]\n")
    return "".join(lines)


def _import(module: str, items: list[str]) -> str:
    line = f"from {module} import {', '.join(items)}\n"
    if len(line) <= WIDTH + 1:
        return line
    return f"from {module} import (\n" + "".join(f"    {i},\n" for i in items) + ")\n"


def missing(namespace: str, text: str) -> list[str]:
    """Public names that a stub has and the module cannot load."""
    module = importlib.import_module(namespace)
    bad = []
    for public in re.findall(r'^    "(\w+)",$', text, re.MULTILINE):
        try:
            getattr(module, public)
        except (ImportError, AttributeError) as e:
            bad.append(f"{namespace}.{public}: {e}")
    return bad


def main(check: bool) -> int:
    """Write or check all stubs."""
    problems = []
    for name, target, text in namespaces():
        current = target.read_text(encoding="utf-8") if target.exists() else ""
        if current == text:
            pass
        elif check:
            problems.append(f"{target.relative_to(SOURCE)} is out of date: run `python tools/stubs.py`")
        else:
            target.write_text(text, encoding="utf-8")
            print(f"wrote {target.relative_to(SOURCE)}")
        problems += missing(name, text)
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main("--check" in sys.argv[1:]))
