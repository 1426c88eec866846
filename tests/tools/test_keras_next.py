"""`tools/keras_next.py`: what it finds missing, and which reasons it wants."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import pytest

TOOL = runpy.run_path(str(Path(__file__).parents[2] / "tools" / "keras_next.py"))


class Theirs:
    def __init__(self, a, b, *, c=None):
        pass

    def method(self, x, y=1):
        pass

    def other(self):
        pass


class Ours:
    def __init__(self, b, a, c=None, more=None):
        pass

    def method(self, x, z=1):
        pass


class Open:
    def __init__(self, a, **kwargs):
        pass

    def method(self, *args, **kwargs):
        pass

    other = method


def told(theirs, ours):
    described = TOOL["described"]
    return TOOL["differences"]({"n": described(theirs)}, {"n": described(ours)} if ours else {}).get("n", [])


def test_what_is_missing():
    assert told(Theirs, None) == ["missing"]
    assert told(Theirs, Theirs) == []
    assert told(Theirs, Open) == []
    assert told(Theirs, Ours) == [
        "order of arguments: a, b, c",
        "member `method`: argument `y`",
        "member `other`",
    ]
    assert told(lambda a, b: None, lambda a: None) == ["argument `b`"]


@pytest.mark.parametrize(
    ("name", "what", "key"),
    [
        ("layers.A", "missing", "layers.A"),
        ("layers.A", "member `build`: argument `x`", "layers.A"),
        ("layers.B", "member `build`: argument `x`", "*.build"),
        ("layers.B", "member `call`", None),
        ("layers.B", "argument `build`", None),
    ],
)
def test_reasons(monkeypatch, name, what, key):
    monkeypatch.setitem(TOOL["_reason"].__globals__, "KNOWN", {"layers.A": "a reason", "*.build": "another"})
    assert TOOL["_reason"](name, what) == key


def test_no_reason_is_kept_for_what_is_here(monkeypatch, capsys):
    """A run with one name on both sides: 1 for a name without a reason, and for a reason without a name."""
    space = TOOL["main"].__globals__
    read = iter([{"a": {}, "b": {}}, {}] * 2)
    monkeypatch.setitem(space, "read_surface", lambda package: next(read))
    monkeypatch.setattr(sys, "argv", ["keras_next.py"])
    monkeypatch.setitem(space, "KNOWN", {"a": "a reason", "b": "a reason"})
    assert TOOL["main"]() == 0
    monkeypatch.setitem(space, "KNOWN", {"a": "a reason", "c": "a reason"})
    assert TOOL["main"]() == 1
    said = capsys.readouterr().out
    assert "new: b: missing" in said and "to be taken out of `KNOWN`: c" in said
