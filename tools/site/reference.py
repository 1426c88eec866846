"""Write the pages of the API reference: one for each public object, one for each namespace.

Usage: python tools/site/reference.py FOLDER [EXAMPLES.json]

`EXAMPLES.json` is what tools/site/examples.py has written: the pages then tell on which engines their examples ran.
"""

from __future__ import annotations

import inspect
import json
import sys
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "src")]

from docstrings import markdown, summary
from public import Entry, entries, namespaces

ENGINES = {"numpy": "NumPy", "torch": "PyTorch", "jax": "JAX", "tensorflow": "TensorFlow"}
HEAD = "---\norphan: true\n---\n"


class _Text:
    """What is shown as it is written: annotations, which are strings, and names of functions."""

    def __init__(self, written: object) -> None:
        self.written = written

    def __repr__(self) -> str:
        return self.written if isinstance(self.written, str) else inspect.formatannotation(self.written)


def signature(value: object) -> str:
    """The signature with its types, as it is written in the source; "" where there is none."""
    try:
        found = inspect.signature(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return ""
    given = [
        p.replace(
            annotation=p.annotation if p.annotation is p.empty else _Text(p.annotation),
            default=_Text(p.default.__name__) if callable(p.default) and p.default is not p.empty else p.default,
        )
        for p in found.parameters.values()
    ]
    result = found.return_annotation
    result = found.empty if isinstance(value, type) or result is found.empty else _Text(result)
    return str(found.replace(parameters=given, return_annotation=result))


def file_name(entry: Entry, taken: dict[str, str]) -> str:
    """The page's name; `add` and `Add` are two files where file names have no case, too."""
    other = taken.setdefault(entry.name.casefold(), entry.name)
    return entry.name if other == entry.name else f"{entry.name}-{type(entry.value).__name__}"


class Reference:
    """The pages, and what they say of each other."""

    def __init__(self, results: dict[str, dict[str, str]]) -> None:
        self.results = results
        self.entries = entries()
        taken: dict[str, str] = {}
        self.files = {id(e.value): file_name(e, taken) for e in self.entries}
        self.by_name = {name: e for e in self.entries for name in (e.name, *e.others)}
        self.of_value = {id(e.value): e for e in self.entries}

    def link(self, entry: Entry, text: str = "") -> str:
        """A link to an object's page."""
        return f"[`{text or entry.name}`]({self.files[id(entry.value)]}.md)"

    def page(self, entry: Entry) -> str:
        """The page of an object."""
        path = entry.namespace.split(".")
        trail = " › ".join(f"[{p}]({'.'.join(path[: i + 1])}.md)" for i, p in enumerate(path))
        kind = "class" if isinstance(entry.value, type) else "function"
        parts = [f"{HEAD}# {entry.name}", f"{trail} › {entry.name.rpartition('.')[2]}"]
        parts.append(f"```{{py:{kind}}} {entry.name}{signature(entry.value)}\n```")
        if entry.others:
            parts.append("Also " + ", ".join(f"`{n}`" for n in entry.others) + ".")
        if bases := list(self.bases(entry)):
            parts.append("A " + ", ".join(self.link(b) for b in bases) + ", with its members.")
        parts += [markdown(entry.docstring), self.ran(entry), *self.members(entry)]
        return "\n\n".join(p for p in parts if p) + "\n"

    def bases(self, entry: Entry) -> Iterator[Entry]:
        """The nearest public base class."""
        if isinstance(entry.value, type):
            found = (self.of_value[id(b)] for b in entry.value.__mro__[1:] if id(b) in self.of_value)
            yield from list(found)[:1]

    def ran(self, entry: Entry) -> str:
        """On which engines the example ran."""
        row = self.results.get(entry.name)
        if not row or "none" in row.values():
            return ""
        yes = [shown for engine, shown in ENGINES.items() if row.get(engine) == "ran"]
        no = [shown for engine, shown in ENGINES.items() if engine in row and row[engine] != "ran"]
        text = f"The example ran on {', '.join(yes)}." if yes else ""
        return f"{text} It does not run on {', '.join(no)}.".strip() if no else text

    def members(self, entry: Entry) -> Iterator[str]:
        """Documented methods and properties that no public base has."""
        if not isinstance(entry.value, type):
            return
        inherited = {n for b in entry.value.__mro__[1:] if id(b) in self.of_value for n in dir(b)}
        shown = []
        for name in sorted(n for n in dir(entry.value) if not n.startswith("_")):
            owner = next((c for c in entry.value.__mro__ if name in vars(c)), object)
            value = inspect.getattr_static(entry.value, name)
            doc = inspect.cleandoc(getattr(value, "__doc__", None) or "")
            if owner.__module__.startswith("kfront") and doc and (name not in inherited or name in vars(entry.value)):
                shown.append(self._member(name, value, doc))
        if shown:
            yield "## Members"
            yield from shown

    def _member(self, name: str, value: object, doc: str) -> str:
        function = value.__func__ if isinstance(value, (classmethod, staticmethod)) else value
        call = signature(function) if inspect.isroutine(function) else ""
        first = "(self, " if "(self, " in call else "(cls, " if call.startswith("(cls, ") else "(self"
        call = call.replace(first, "(", 1) if not isinstance(value, staticmethod) else call
        return f"### {name}\n\n```python\n{name}{call}\n```\n\n{markdown(doc, heading='')}"

    def namespace(self, name: str, doc: str, below: list[str]) -> str:
        """The page of a namespace: its names with their summaries."""
        parts = [f"# {name}", markdown(doc)]
        if below:
            parts.append("Namespaces: " + ", ".join(f"[{n}]({n}.md)" for n in below) + ".")
        rows = [
            f"| {self.link(self.by_name[full], full.rpartition('.')[2])} | {_cell(summary(e.docstring))} |"
            for full, e in sorted(self.by_name.items(), key=lambda row: row[0])
            if full.rpartition(".")[0] == name
        ]
        if rows:
            parts.append("| name | |\n|---|---|\n" + "\n".join(rows))
        return "\n\n".join(parts) + "\n"

    def index(self, count: int, spaces: list[str]) -> str:
        """The page that leads to all namespaces."""
        ran = [
            f"{sum(r.get(e) == 'ran' for r in self.results.values()):,} on {s}"
            for e, s in ENGINES.items()
            if any(e in r for r in self.results.values())
        ]
        said = f" Of their examples ran: {', '.join(ran)}." if ran else ""
        tree = "\n".join(spaces)
        return (
            f"# API reference\n\n{count:,} public names of {len(self.entries):,} classes and functions; names of one "
            f"object share a page.{said} Types in signatures are those of `kfront.core.typing`.\n\n"
            f"```{{toctree}}\n:maxdepth: 1\n\n{tree}\n```\n"
        )

    def write(self, folder: Path) -> int:
        """Write all pages; how many."""
        folder.mkdir(parents=True, exist_ok=True)
        spaces = namespaces()
        for entry in self.entries:
            (folder / f"{self.files[id(entry.value)]}.md").write_text(self.page(entry), encoding="utf-8")
        for name, module in spaces.items():
            below = [n for n in spaces if n.rpartition(".")[0] == name]
            doc = inspect.cleandoc(module.__doc__ or "")
            (folder / f"{name}.md").write_text(self.namespace(name, doc, below), encoding="utf-8")
        (folder / "index.md").write_text(self.index(len(self.by_name), list(spaces)), encoding="utf-8")
        return len(self.entries) + len(spaces) + 1


def _cell(text: str) -> str:
    return text.replace("|", r"\|")


def main(folder: Path, results: Path | None) -> None:
    """Write the reference."""
    found = json.loads(results.read_text()) if results and results.exists() else {}
    print(f"{Reference(found).write(folder)} pages of the reference")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else None)
