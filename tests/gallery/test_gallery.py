"""Each program of the gallery reaches the result that its page states."""

from __future__ import annotations

import re
import runpy

import pytest
from tests.conftest import TRAINABLE
from tests.gallery.runs import BOUNDS, GALLERY, NEEDS

from kfront import backends


@pytest.mark.slow
@pytest.mark.sampled(56)
@pytest.mark.parametrize("engine", TRAINABLE)
@pytest.mark.parametrize("program", BOUNDS)
def test_a_program_reaches_its_result(program, engine, monkeypatch):
    monkeypatch.syspath_prepend(GALLERY)
    for library in ("sklearn", "matplotlib", *NEEDS.get(program, ())):
        pytest.importorskip(library, reason=f"{library} is not installed")
    from matplotlib import pyplot as plt

    with backends.backend_scope(engine):
        result = runpy.run_path(str(GALLERY / f"{program}.py"))["RESULT"]
    assert plt.get_fignums(), "a program of the gallery draws a picture"
    plt.close("all")
    least, most = BOUNDS[program]
    assert least <= result <= most


def test_each_program_states_its_result():
    programs = {p.stem: p.read_text(encoding="utf-8") for p in GALLERY.glob("*.py") if p.stem != "gallery_data"}
    assert set(programs) == set(BOUNDS)
    for name, text in programs.items():
        assert re.match(r'"""\n.+\n=+\n', text), f"{name} begins with a title"
        assert "\nResult: " in text and "\nRESULT = " in text, name
        assert "plt." in text or "from_predictions" in text, name
