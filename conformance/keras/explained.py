"""The tables of differences that are meant, `explained*.toml`: a decision with its reason and what it covers."""

from __future__ import annotations

import fnmatch
import functools
import itertools
import pathlib
import re
import tomllib
from collections.abc import Collection
from typing import NamedTuple

from .normal import OFF

__all__ = ["Row", "reasons", "rows", "unneeded"]

HERE = pathlib.Path(__file__).parent
TABLES = tuple(f"explained{part}.toml" for part in ("", "_ops", "_inputs", "_numpy", "_tensorflow", "_jax"))


class Row(NamedTuple):
    """A pattern of a decision.

    Attributes:
        pattern: of ``kind/public name/tag/probe/fact``, with `*` and `?`.
        how: pattern of what differs, as the audit says it: ``Keras accepts, kfront raises *``.
        engines: where it may differ.
        reason: why.
        everywhere: whether it differs on each of them, not only on one.
    """

    pattern: str
    how: str
    engines: tuple[str, ...]
    reason: str
    everywhere: bool = True

    @property
    def name(self) -> str:
        """What tells it from other rows."""
        return self.pattern if self.how == "*" else f"{self.pattern} ({self.how})"

    @property
    def alone(self) -> tuple[str, str] | None:
        """The kind and the name that it is about, if it is about one."""
        kind, name, *_ = self.pattern.split("/")
        return None if set("*?") & {*kind, *name} else (kind, name)

    def matches(self, difference: str, text: str) -> bool:
        """Whether it covers a difference, and what differs: numbers that do only if it says so."""
        if OFF in text and self.how != "*" and OFF not in self.how:
            return False
        about = _expression(self.pattern).fullmatch(difference) is not None
        return about and _expression(self.how).fullmatch(text) is not None


@functools.cache
def _expression(pattern: str) -> re.Pattern[str]:
    return re.compile(fnmatch.translate(pattern.replace("[", "[[]")))


@functools.cache
def rows() -> tuple[Row, ...]:
    """All patterns, in order.

    Raises:
        ValueError: for a decision without a reason, or a pattern that is not of the form of `Row.pattern`.
    """
    from .audit import ENGINES

    out = []
    for decision in [d for name in TABLES for d in tomllib.loads((HERE / name).read_text())["decision"]]:
        if not decision.get("reason", "").strip():
            raise ValueError(f"expected a reason, got none for {decision}")
        for pattern in decision["covers"]:
            if pattern.count("/") < 2:
                raise ValueError(f"expected kind/name/probe, got {pattern!r}")
            engines, told = tuple(decision.get("engines", ENGINES)), "engines" in decision
            for one in spelt_out(pattern):
                out.append(Row(one, decision.get("how", "*"), engines, decision["reason"], told))
    return tuple(out)


def spelt_out(pattern: str) -> list[str]:
    """A pattern for each choice: ``a<b|c>`` is ``ab`` and ``ac``, each of which something must need."""
    parts = [part.split("|") if i % 2 else [part] for i, part in enumerate(re.split(r"<(.*?)>", pattern))]
    return ["".join(words) for words in itertools.product(*parts)]


@functools.cache
def _by_name() -> dict[tuple[str, str] | None, list[Row]]:
    """Rows by the kind and the name that they are about; under None those about several."""
    out: dict[tuple[str, str] | None, list[Row]] = {}
    for row in rows():
        out.setdefault(row.alone, []).append(row)
    return out


def reasons(engine: str, difference: str, text: str) -> list[Row]:
    """The rows that cover a difference on an engine."""
    kind, name, *_ = difference.split("/")
    about = (*_by_name().get((kind, name), ()), *_by_name().get(None, ()))
    return [r for r in about if engine in r.engines and r.matches(difference, text)]


def unneeded(engine: str, kind: str, name: str, used: Collection[Row]) -> list[str]:
    """Patterns about one name, of decisions about this engine, that none of its differences needs."""
    about = [r for r in rows() if r.everywhere and engine in r.engines and r.alone == (kind, name)]
    return [r.name for r in about if r not in used]
