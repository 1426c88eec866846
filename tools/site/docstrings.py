"""Docstrings of the house's form as Markdown: sections with a title at the margin, entries `name: text`."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator

# sections whose entries are a list; the others are prose or an example
LISTS = ("Args", "Raises", "Attributes")
TITLES = {"Args": "Arguments", "Example": "Example", "Examples": "Examples"}
SECTION = re.compile(r"^([A-Z][A-Za-z ]{2,20}):(?:[ ]+(.+))?$")
KNOWN = {*LISTS, *TITLES, "Returns", "Yields", "Reference", "References", "Input", "Output", "Call", "Note", "Notes"}
ENTRY = re.compile(r"^(\*{0,2}[\w.*]+(?:, \*{0,2}[\w.*]+)*)(?: \(([^)]+)\))?: ?(.*)$")
LINK = re.compile(r"(?<![<(\"'`\w/])(https?://[^\s)>,;]+[^\s)>,;.:])")


def _prose(text: str) -> str:
    """Markdown of plain text: addresses become links, double backticks single ones."""
    parts = re.split(r"(``?[^`]+``?)", text)
    return "".join(
        re.sub(r"^``(.+)``$", r"`\1`", part) if part.startswith("`") else _escape(LINK.sub(r"<\1>", part))
        for part in parts
    )


def _escape(text: str) -> str:
    """Stars, dollars and brackets as they are written."""
    return re.sub(r"(?<!\\)([*$\[\]]|(?<!\w)_|_(?!\w)|<(?!https?:))", r"\\\1", text)


def sections(docstring: str) -> Iterator[tuple[str, str]]:
    """(title, text) of each part of a docstring; the summary and free text have the title ""."""
    title, lines = "", []
    for line in docstring.splitlines():
        found = SECTION.match(line)
        if found and found[1] in KNOWN:
            yield title, "\n".join(lines)
            title, lines = found[1], [found[2]] if found[2] else []
        elif title and line and not line.startswith((" ", ">>>", "...")) and title in (*LISTS, "Returns", "Yields"):
            yield title, "\n".join(lines)
            title, lines = "", [line]
        else:
            lines.append(line)
    yield title, "\n".join(lines)


def _entries(text: str) -> Iterator[str]:
    """A list of `name: text` rows, which go on in indented lines."""
    rows: list[str] = []
    for line in textwrap.dedent(text).strip("\n").splitlines():
        if line.startswith(" ") and rows:
            rows[-1] += " " + line.strip()
        elif line.strip():
            rows.append(line)
    for row in rows:
        found = ENTRY.match(row)
        if not found:
            yield f"- {_prose(row)}"
            continue
        names = ", ".join(f"`{n}`" for n in found[1].split(", "))
        yield f"- {names}{f' ({found[2]})' if found[2] else ''}: {_prose(found[3])}"


def _blocks(text: str) -> Iterator[str]:
    """Prose, lists and examples in the order in which they stand."""
    for block in re.split(r"\n\s*\n", textwrap.dedent(text).strip("\n")):
        if not block.strip():
            continue
        plain = textwrap.dedent(block)
        if plain.startswith(">>>"):
            yield f"```pycon\n{plain}\n```"
        elif plain.startswith(("```", "|", "    ")) or block.startswith("    "):
            yield plain if plain.startswith(("```", "|")) else f"```text\n{plain}\n```"
        elif re.match(r"[-*] |\d+\. ", plain):
            yield _list(plain)
        else:
            yield _prose(plain)


def _list(text: str) -> str:
    return "\n".join(
        re.sub(r"^([-*] |\d+\. )?(.*)$", lambda m: f"{m[1] or ''}{_prose(m[2])}", line) for line in text.splitlines()
    )


def merged_examples(markdown: list[str]) -> list[str]:
    """Examples that follow each other directly are one block."""
    out: list[str] = []
    for block in markdown:
        if out and block.startswith("```pycon") and out[-1].startswith("```pycon"):
            out[-1] = out[-1].removesuffix("\n```") + "\n\n" + block.removeprefix("```pycon\n")
        else:
            out.append(block)
    return out


def markdown(docstring: str, heading: str = "##") -> str:
    """The whole docstring; section titles become headings, or bold words where `heading` is ""."""
    out: list[str] = []
    for title, text in sections(docstring):
        if not text.strip():
            continue
        if title:
            shown = TITLES.get(title, title)
            out.append(f"{heading} {shown}" if heading else f"**{shown}**")
        out += ["\n".join(_entries(text))] if title in LISTS else _blocks(text)
    return "\n\n".join(merged_examples(out))


def summary(docstring: str) -> str:
    """The first paragraph, on one line."""
    return " ".join(_prose(re.split(r"\n\s*\n", docstring.strip(), maxsplit=1)[0]).split())
