"""The whole programs of the pages "Coming from" run, and reach what they should."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

from kfront import backends

HERE = Path(__file__).parents[2] / "examples" / "coming_from"
# program: the engine it runs on here, what its result must exceed
PROGRAMS = {
    "keras3": ("tensorflow", 0.88),
    "tf_keras2": ("jax", 2.0),
    "pytorch": ("torch", 0.87),
    "jax_flax": ("jax", 0.87),
}


@pytest.mark.sampled(2)
@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_reaches_its_result(program):
    engine, least = PROGRAMS[program]
    pytest.importorskip(engine, reason=f"{engine} is not installed")
    pytest.importorskip("optax", reason="Optax is not installed")
    with backends.backend_scope(engine):
        assert runpy.run_path(str(HERE / f"{program}.py"))["main"]() > least


def test_each_program_is_tested_and_shown():
    assert {p.stem for p in HERE.glob("*.py")} == set(PROGRAMS)
    pages = HERE.parents[1] / "docs" / "coming_from"
    assert all(f"examples/coming_from/{p}.py" in (pages / f"{p}.md").read_text() for p in PROGRAMS)
