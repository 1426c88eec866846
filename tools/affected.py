"""Which tests and which rows of the conformance suite a change touches, for `nox -s quick`.

Nothing is listed by hand. Tests mirror packages: `src/kfront/layers/conv.py` is tested in `tests/layers/`. Imports tell
who else uses a module, one level deep. Names of changed definitions are those of rows: a changed `class Dense` touches
the rows of `Dense`, and a changed helper of a file touches the definitions there that use it.
"""

from __future__ import annotations

import ast
import functools
import re
import subprocess
from pathlib import Path
from typing import NamedTuple

__all__ = ["Change", "Selection", "Sources", "changed_names", "changes", "definitions", "select"]

# what an engine's packages are called
ENGINES = {"torch": {"torch"}, "jax": {"jax", "jaxlib", "flax", "optax"}, "tensorflow": {"tensorflow", "tf_keras"}}


class Change(NamedTuple):
    """A file that differs from the base.

    Attributes:
        path: relative to the root, with slashes.
        lines: numbers of changed lines; None for a file that is new or gone.
    """

    path: str
    lines: frozenset[int] | None


class Selection(NamedTuple):
    """What to run.

    Attributes:
        tests: test files, the nearest first.
        names: public names of changed definitions, by which tests of these files are put first.
        rows: names of rows of the conformance suite, those of changed definitions first.
        areas: areas of the suite that are run as a whole, as no row tells what of them is touched.
    """

    tests: list[str]
    names: list[str]
    rows: list[str]
    areas: list[str]


# ---- what changed --------------------------------------------------------------------------------------------------


def changes(root: Path, base: str = "main") -> list[Change]:
    """What differs from the commit at which this branch left `base`, work tree and new files included.

    Raises:
        SystemExit: if there is no such branch or commit, here or at the origin.
    """

    def git(*words: str, check: bool = True) -> str:
        return subprocess.run(["git", *words], cwd=root, capture_output=True, text=True, check=check).stdout.strip()

    starts = (git("merge-base", "HEAD", name, check=False) for name in (base, f"origin/{base}"))
    start = next(filter(None, starts), "")
    if not start:
        raise SystemExit(f"[quick] expected an engine, a branch or a commit, got {base!r}; name one, such as HEAD.")
    found = _from_diff(git("diff", "-U0", "--no-renames", "--no-color", "--no-ext-diff", start))
    new = git("ls-files", "--others", "--exclude-standard").splitlines()
    return found + [Change(path, None) for path in new]


def _from_diff(diff: str) -> list[Change]:
    """The changes of a diff without context."""
    found = []
    for part in re.split(r"^diff --git ", diff, flags=re.M)[1:]:
        old, new = re.findall(r"^(?:---|\+\+\+) (?:[ab]/)?(.*?)\t?$", part, flags=re.M)[:2] or ("", "")
        if not new:  # a binary file, or its mode
            continue
        lines: set[int] = set()
        for first, count in re.findall(r"^@@ -\S+ \+(\d+)(?:,(\d+))? @@", part, flags=re.M):
            lines |= set(range(int(first), int(first) + (int(count or 1) or 2)))  # a cut touches the lines around it
        gone, made = new == "/dev/null", old == "/dev/null"
        found.append(Change(old if gone else new, None if gone or made else frozenset(lines)))
    return found


class Definition(NamedTuple):
    """A function, class or constant at the top level of a file: its lines, and the names that it uses."""

    lines: frozenset[int]
    uses: frozenset[str]


def definitions(source: str) -> dict[str, Definition]:
    """The definitions of a file by name; lines of decorators are part of them."""
    found = {}
    tree = ast.parse(source)
    short = {a.asname for n in tree.body if isinstance(n, ast.ImportFrom) for a in n.names if a.asname}
    for node in tree.body:
        first = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", []))])
        lines = frozenset(range(first, (node.end_lineno or first) + 1))
        uses = frozenset(x.id for x in ast.walk(node) if isinstance(x, ast.Name)) | attributes(node, short)
        found |= dict.fromkeys(_names_of(node), Definition(lines, uses))
    return found


def attributes(tree: ast.AST, names: set[str]) -> set[str]:
    """What is read of modules of these names, as `add` in ``p.add``."""
    read = (n for n in ast.walk(tree) if isinstance(n, ast.Attribute) and isinstance(n.value, ast.Name))
    return {n.attr for n in read if n.value.id in names}


def _names_of(node: ast.stmt) -> list[str]:
    if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
        return [node.name]
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return [t.id for t in targets if isinstance(t, ast.Name) and t.id != "__all__"]


def changed_names(defined: dict[str, Definition], lines: frozenset[int] | None) -> list[str]:
    """Names of changed definitions, then of those in the file that use one of them."""
    found = [n for n, d in defined.items() if lines is None or lines & d.lines]
    for name in found:  # which grows
        found += [n for n, d in defined.items() if name in d.uses and n not in found]
    return found


# ---- who uses what -------------------------------------------------------------------------------------------------


class Sources:
    """The files of a checkout, what they import, and what they define."""

    def __init__(self, root: Path) -> None:
        """Find the files of `root`; each is read when it is asked for."""
        self.root = root
        self.package = self._found("src/kfront", "*.py")
        self.tests = self._found("tests", "test_*.py")

    def _found(self, folder: str, pattern: str) -> list[str]:
        return sorted(p.relative_to(self.root).as_posix() for p in (self.root / folder).rglob(pattern))

    @functools.cache  # noqa: B019  (one object in a process)
    def text(self, path: str) -> str:
        """What a file holds; nothing if it is gone."""
        file = self.root / path
        return file.read_text(encoding="utf-8", errors="replace") if file.is_file() else ""

    @functools.cache  # noqa: B019
    def tree(self, path: str) -> ast.Module:
        """A file's syntax."""
        return ast.parse(self.text(path))

    @functools.cache  # noqa: B019
    def definitions(self, path: str) -> dict[str, Definition]:
        """What a file defines."""
        return definitions(self.text(path))

    @functools.cache  # noqa: B019
    def imports(self, path: str) -> dict[str, set[str]]:
        """Modules that a file imports, anywhere in it, and which of their names."""
        found: dict[str, set[str]] = {}
        home = path.removesuffix(".py").split("/")
        for node in ast.walk(self.tree(path)):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    found.setdefault(alias.name, set())
            elif isinstance(node, ast.ImportFrom):
                parts = [*home[: -node.level], node.module or ""] if node.level else [node.module or ""]
                module = ".".join(filter(None, parts))
                found.setdefault(module, set()).update(a.name for a in node.names)
                for alias in node.names:
                    whole = f"{module}.{alias.name}"
                    found.setdefault(whole, set())  # which may be a module
                    for part in self._joined(whole):
                        used = attributes(self.tree(path), {alias.asname or alias.name})
                        found.setdefault(part, set()).update(used)
        return found

    def _joined(self, module: str) -> list[str]:
        """The modules whose names a package has, all of them."""
        imported = self.imports(f"src/{module.replace('.', '/')}/__init__.py")
        return [part for part, names in imported.items() if "*" in names]

    def users(self, module: str, among: list[str]) -> list[str]:
        """Files that import a module."""
        words = module.split(".")[-2:]  # a cheap look before the file is parsed
        return [p for p in among if any(w in self.text(p) for w in words) and module in self.imports(p)]

    def mirrored(self, path: str) -> tuple[list[str], list[str]]:
        """Tests named as a file, and all of its package; where there are none, those of kfront as a whole."""
        folder, _, file = path.removeprefix("src/kfront/").rpartition("/")
        stem = folder.rpartition("/")[2] if file == "__init__.py" else file.removesuffix(".py")
        near = [t for t in self.tests if folder and t.startswith(f"tests/{folder.split('/')[0]}/")]
        words = {stem, stem.removesuffix("s"), f"{stem}s"}
        named = [t for t in near if words & set(t.rpartition("/")[2].removesuffix(".py").split("_"))]
        named += [t for t in self.tests if t.endswith(f"/test_{stem}.py")]
        if folder.startswith("backends/"):  # what an adapter has for a package is tested with the package
            named += [t for t in self.tests if t.startswith(f"tests/{stem}/")]
        return named, near or named or [t for t in self.tests if t.count("/") == 1]

    def needs(self, path: str) -> set[str]:
        """Engines without which a test file has nothing to run: those that its name or its first imports name."""
        first = [n for n in self.tree(path).body if isinstance(n, (ast.Import, ast.ImportFrom, ast.Assign, ast.Expr))]
        text = "\n".join(
            ast.unparse(n) for n in first if not isinstance(n, ast.Expr) or "importorskip" in ast.unparse(n)
        )
        words = set(path.rpartition("/")[2].removesuffix(".py").split("_"))
        words |= set(re.findall(r"^(?:import|from) (\w+)", text, flags=re.M))
        words |= set(re.findall(r"""importorskip\(['"](\w+)""", text))
        return {engine for engine, packages in ENGINES.items() if words & packages}


def module_of(path: str) -> str:
    """The name under which a file of the package or of the suite is imported."""
    return path.removeprefix("src/").removesuffix(".py").removesuffix("/__init__").replace("/", ".")


# ---- what to run ---------------------------------------------------------------------------------------------------


class _Selected:
    """Tests by how near they are, rows in the order in which they come up, areas."""

    def __init__(self, sources: Sources, public: set[str], areas: dict[str, str]) -> None:
        self.sources, self.public, self.known_areas = sources, public, areas
        self.tests: dict[str, int] = {}
        self.names: dict[str, None] = {}
        self.rows: dict[str, int] = {}
        self.areas: set[str] = set()

    def test(self, paths: list[str], distance: int) -> None:
        for path in paths:
            self.tests[path] = min(distance, self.tests.get(path, distance))

    def row(self, names: list[str], distance: int) -> bool:
        """Note the names that are public; whether there are any."""
        found = [n for n in names if n in self.public]
        for name in found:
            self.rows[name] = min(distance, self.rows.get(name, distance))
        return bool(found)

    def of_package(self, change: Change) -> None:
        sources, path = self.sources, change.path
        module = module_of(path)
        names = changed_names(sources.definitions(path), change.lines)
        named, near = sources.mirrored(path)
        mention = re.compile(rf"\b({'|'.join(map(re.escape, names)) or '(?!)'})\b")
        self.names |= dict.fromkeys(n for n in names if not n.startswith("_"))
        self.test(named, 1)
        self.test(sources.users(module, sources.tests), 2)
        self.test([t for t in near if mention.search(sources.text(t))], 3)
        self.test(near, 5)
        rows = self.row(names, 0)
        for user in sources.users(module, sources.package):
            taken = sources.imports(user).get(module, set()) & set(names)
            if taken:
                close, package = sources.mirrored(user)
                self.test(close, 4)
                self.test([] if close else package, 6)
                rows |= self.row([n for n, d in sources.definitions(user).items() if d.uses & taken], 1)
        if not rows:  # what the package does as a whole
            self.areas |= {a for a, m in self.known_areas.items() if path.split("/")[2] in m.split(".")}

    def of_tests(self, path: str) -> None:
        """A test itself; of a file that helps tests, those of its folder that name it."""
        folder, _, file = path.rpartition("/")
        stem = file.removesuffix(".py")
        beside = [t for t in self.sources.tests if t.startswith(f"{folder}/")]
        own = [t for t in beside if t == path]
        self.test(
            own or [t for t in beside if stem == "conftest" or re.search(rf"\b{stem}\b", self.sources.text(t))], 0
        )

    def of_suite(self, change: Change) -> None:
        """Rows that changed lines name, and the areas of the module and of those that import it."""
        lines = self.sources.text(change.path).splitlines()
        kept = [text for i, text in enumerate(lines, 1) if change.lines is None or i in change.lines]
        self.row(re.findall(r"[A-Za-z]\w+", "\n".join(kept)), 0)
        stem = change.path.rpartition("/")[2].removesuffix(".py")
        for area, module in self.known_areas.items():
            file = f"conformance/{module.strip('.').replace('.', '/')}.py"
            if file == change.path or re.search(rf"import .*\b{stem}\b|\.{stem} import", self.sources.text(file)):
                self.areas.add(area)
        self.test([t for t in self.sources.tests if t.startswith("tests/conformance/")], 4)


def select(sources: Sources, found: list[Change], engine: str, public: set[str], areas: dict[str, str]) -> Selection:
    """What to run for some changes.

    Args:
        sources: the files.
        found: what changed.
        engine: the engine that tests run on beside NumPy; files that need another are left out.
        public: names that rows of the conformance suite may have.
        areas: area of the suite -> its module.

    Returns:
        The tests and rows, the nearest first.
    """
    chosen = _Selected(sources, public, areas)
    for change in found:
        top = change.path.partition("/")[0]
        if not change.path.endswith(".py"):
            continue
        if change.path.startswith("src/kfront/"):
            chosen.of_package(change)
        elif top == "tests":
            chosen.of_tests(change.path)
        elif top == "conformance":
            chosen.of_suite(change)
        else:
            chosen.test([t for t in sources.tests if t.startswith(f"tests/{top}/")], 1)
    if found:
        chosen.test(["tests/test_house_rules.py"], 3)
    others = ENGINES.keys() - {engine}
    tests = [t for t in chosen.tests if not sources.needs(t) & others]
    return Selection(
        sorted(tests, key=lambda t: (chosen.tests[t], t)),
        list(chosen.names),
        sorted(chosen.rows, key=lambda r: chosen.rows[r]),
        sorted(chosen.areas),
    )
