from __future__ import annotations

import pytest
from conformance.upstream import ENGINES, PAGE, faults, mended, page

from kfront.backends import installed


@pytest.mark.sampled(3)
@pytest.mark.parametrize("engine", [e for e in ENGINES if e in installed()])
def test_every_fault_is_still_there(engine):
    assert mended(engine) == [], "the engine is mended: take the workaround and the program away"


@pytest.mark.parametrize("engine", ENGINES)
def test_programs_are_short_and_say_what_kfront_does(engine):
    for fault in faults(engine):
        assert len([line for line in fault.program.splitlines() if line.strip()]) <= 10, fault.path
        assert "kfront" not in fault.program, fault.path
        assert fault.title.endswith(".") and fault.workaround, fault.path


def test_the_page_is_of_today():
    def without_versions(text):
        return [line.rstrip("0123456789. ") if line.startswith("## ") else line for line in text.splitlines()]

    assert without_versions(PAGE.read_text(encoding="utf-8")) == without_versions(page())
