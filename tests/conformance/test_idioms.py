"""The machine of the table of idioms: what it compares, and what it takes for a failure."""

from __future__ import annotations

import pytest
from conformance.interop import idioms
from conformance.interop.idioms import Rows, alike

TABLES = {"torch": "torch"}  # engine -> package that its rows import


@pytest.mark.parametrize(
    ("got", "want"),
    [(1.0, 1.1), ("a", "b"), ([1], [1, 2]), ({"a": 1}, {"b": 1}), (None, 0), (True, 1.0), ([1.0], 1.0), (None, "a")],
)
def test_differences_are_seen(got, want, backend):
    alike(want, want)
    with pytest.raises(AssertionError):
        alike(got, want)


def test_the_own_layer_must_pass(backend):
    rows = Rows("group")

    @rows.of("what", (lambda: 1.0, lambda: 0.0))
    def _(x):
        return 1 / x

    with pytest.raises(RuntimeError, match="the engine's own fails: ZeroDivisionError"):
        idioms.check(backend.name, rows[0])


@pytest.mark.parametrize("engine", TABLES)
def test_names_are_unique(engine):
    pytest.importorskip(TABLES[engine])
    names = [row.name for row in idioms.table(engine)]
    assert len(set(names)) == len(names)
    assert not any(c in name for name in names for c in "*?[]")  # they mean something in xfail files
