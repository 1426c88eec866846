"""Programs written for Keras print the same on Keras and, unedited, on kfront under its alias.

Each file of `scripts` uses what one of Keras's guides covers; one whose name starts with an engine's runs there only.
Those for `tensorflow.keras` (`tf_keras_…`) run on every engine, and are compared with Keras on TensorFlow.
All programs of an engine run in one process for each side; what Keras printed is kept. `python -m kfront.as_keras
tests/programs/side.py out.json tests/programs/scripts/NAME.py` runs one alone.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from conformance.keras.answers import kept_answers
from tests.conftest import TRAINABLE, wanted

HERE = Path(__file__).parent
NAMES = sorted(p.stem for p in (HERE / "scripts").glob("*.py") if p.stem != "common")
NUMBER = re.compile(r"(?<![\w.])-?\d+\.\d+(?:e[-+]?\d+)?(?![\w.])")
# where two engines' libraries round otherwise, sums in float32 over a few steps of training agree to this
ATOL, RTOL = 3e-4, 1e-3

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(importlib.util.find_spec("keras") is None, reason="Keras is not installed"),
]


def _cases() -> list[tuple[str, str]]:
    return [(e, n) for n in NAMES for e in TRAINABLE if n.split("_")[0] in (e, *({n.split("_")[0]} - set(TRAINABLE)))]


CASES = _cases()


def _run(engine: str, side: str, names: list[str], result: Path) -> dict[str, Any]:
    """What programs print on one side, all of them in one process."""
    start = ["-m", "kfront.as_keras"] if side == "kfront" else []
    scripts = [str(HERE / "scripts" / f"{n}.py") for n in names]
    env = {
        **os.environ,
        "KERAS_BACKEND": engine,
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "XLA_FLAGS": "--xla_backend_optimization_level=0",  # the steps are too brief to optimize
    }
    command = [sys.executable, *start, str(HERE / "side.py"), str(result), *scripts]
    done = subprocess.run(command, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(result.read_text())


def _of_keras(engine: str, names: list[str], result: Path) -> dict[str, Any]:
    """What programs print on Keras: kept until Keras, the engine or a program changes."""
    version = importlib.import_module(engine).__version__
    common = [version, *((HERE / p).read_text(encoding="utf-8") for p in ("side.py", "scripts/common.py"))]
    kept = {}
    for name in names:
        text = "".join([*common, (HERE / "scripts" / f"{name}.py").read_text(encoding="utf-8")])
        kept[name] = kept_answers(engine) / "programs" / f"{name}-{hashlib.sha256(text.encode()).hexdigest()[:16]}.json"
    missing = [n for n in names if not kept[n].exists()]
    new = _run(engine, "Keras", missing, result) if missing else {}
    for name, printed in new.items():
        kept[name].parent.mkdir(parents=True, exist_ok=True)
        kept[name].write_text(json.dumps(printed))
    return {name: json.loads(path.read_text()) for name, path in kept.items()}


@pytest.fixture(scope="session")
def printed(tmp_path_factory, request):
    """What the wanted programs printed: by engine, then by side, then by name."""
    folder = tmp_path_factory.mktemp("programs")
    chosen = wanted(request.session, __file__, "program")
    runs = {}
    for engine in wanted(request.session, __file__, "engine"):
        names = [n for e, n in CASES if e == engine and n in chosen]
        older = [n for n in names if n.startswith("tf_keras_")]
        out = folder / f"{engine}_Keras.json"
        runs[engine, "Keras"] = _of_keras(engine, [n for n in names if n not in older], out)
        runs[engine, "Keras"] |= _of_keras("tensorflow", older, out)
        runs[engine, "kfront"] = _run(engine, "kfront", names, folder / f"{engine}_kfront.json")
    return runs


def _same(got: str, want: str) -> bool:
    if NUMBER.sub("#", got) != NUMBER.sub("#", want):
        return False
    pairs = zip(NUMBER.findall(got), NUMBER.findall(want), strict=True)
    return all(abs(float(x) - float(y)) <= ATOL + RTOL * abs(float(y)) for x, y in pairs)


@pytest.mark.sampled(12, by="program")
@pytest.mark.parametrize(("engine", "program"), CASES)
def test_a_program_prints_what_it_prints_on_keras(printed, engine, program):
    want, got = (printed[engine, side][program] for side in ("Keras", "kfront"))
    assert want["error"] == "", "the program fails on Keras"
    assert got["error"] == ""
    others = [f"\n  kfront {x}\n  Keras  {y}" for x, y in zip(got["lines"], want["lines"]) if not _same(x, y)]
    assert not others, "".join(others)
    assert len(got["lines"]) == len(want["lines"]) > 0
