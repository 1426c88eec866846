"""Write the `.pyi` files that type checkers and editors read for lazy namespaces, from the namespaces' own tables.

Usage: python tools/stubs.py            writes them
       python tools/stubs.py --check    exits with 1 when one is missing, out of date, or names what does not exist
"""

from __future__ import annotations

import importlib
import sys
from collections import defaultdict
from pathlib import Path

SOURCE = Path(__file__).parent.parent / "src"
sys.path.insert(0, str(SOURCE))

HEAD = "# Written by tools/stubs.py from the table in the module of the same name.\n"
WIDTH = 120


def lazy_modules() -> list[tuple[str, Path]]:
    """(module name, file) of every module that makes a lazy namespace."""
    found = []
    for path in sorted((SOURCE / "kfront").rglob("*.py")):
        parts = path.relative_to(SOURCE).with_suffix("").parts
        if path.stem == "lazy" or "lazy_namespace(" not in path.read_text(encoding="utf-8"):
            continue
        found.append((".".join(p for p in parts if p != "__init__"), path))
    return found


def stub(namespace: str, rows: dict[str, str]) -> str:
    """The text of a namespace's stub."""
    by_module: dict[str, list[str]] = defaultdict(list)
    for public, target in rows.items():
        module, _, inner = target.partition(":")
        if inner:
            by_module[module].append(f"{inner} as {public}")
        else:
            parent, _, child = module.rpartition(".")
            by_module[parent].append(f"{child} as {public}")
    lines = [HEAD]
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


def missing(namespace: str, rows: dict[str, str]) -> list[str]:
    """Names of the table that cannot be loaded."""
    module = importlib.import_module(namespace)
    bad = []
    for public in rows:
        try:
            getattr(module, public)
        except (ImportError, AttributeError) as e:
            bad.append(f"{namespace}.{public}: {e}")
    return bad


def main(check: bool) -> int:
    """Write or check all stubs."""
    from kfront.core.lazy import LAZY

    problems = []
    for name, path in lazy_modules():
        importlib.import_module(name)
        text, target = stub(name, LAZY[name]), path.with_suffix(".pyi")
        current = target.read_text(encoding="utf-8") if target.exists() else ""
        if current == text:
            pass
        elif check:
            problems.append(f"{target.relative_to(SOURCE)} is out of date: run `python tools/stubs.py`")
        else:
            target.write_text(text, encoding="utf-8")
            print(f"wrote {target.relative_to(SOURCE)}")
        problems += missing(name, LAZY[name])
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main("--check" in sys.argv[1:]))
