"""Published packages written for Keras run on kfront as they are: `nox -s packages` installs them; skipped without."""

from __future__ import annotations

import csv
import importlib.util
import os
import random
from pathlib import Path

import pytest
from tests.conftest import ENGINES
from tests.interop.packages import NEVER, PACKAGES, Package
from tests.interop.test_as_keras import run

PROGRAMS = Path(__file__).parent / "published"
TRAINABLE = [e for e in ENGINES if e != "numpy"]
COLUMNS = ["survived", "sex", "age", "n_siblings_spouses", "parch", "fare", "class", "deck", "embark_town", "alone"]


def folder_of(package: Package) -> Path:
    found = importlib.util.find_spec(package.module)
    if found is None or not found.submodule_search_locations:
        pytest.skip(f"{package.name} is not installed")
    return Path(next(iter(found.submodule_search_locations)))


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A folder of data sets, in which a table stands for one that packages download when their tests are imported."""
    folder, draw = tmp_path_factory.mktemp("keras"), random.Random(0)
    (folder / "datasets").mkdir()
    for name in ("train.csv", "eval.csv"):
        with open(folder / "datasets" / name, "w", newline="") as file:
            write = csv.writer(file)
            write.writerow(COLUMNS)
            for _ in range(300):
                numbers = draw.randint(0, 1), draw.choice(["male", "female"]), float(draw.randint(1, 80))
                more = draw.randint(0, 5), draw.randint(0, 4), round(draw.uniform(5, 500), 4)
                words = (
                    draw.choice(["First", "Second", "Third"]),
                    draw.choice("ABC"),
                    draw.choice(["Cherbourg", "York"]),
                )
                write.writerow([*numbers, *more, *words, draw.choice("yn")])
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("engine", TRAINABLE)
@pytest.mark.parametrize("package", PACKAGES, ids=lambda p: p.name)
def test_a_program(package, engine):
    folder_of(package)
    program = str(PROGRAMS / f"uses_{package.module}.py")
    run("-m", "kfront.as_keras", program, timeout=3600, KERAS_BACKEND=engine)  # XLA compiles a dozen models of KerasHub


@pytest.mark.slow
@pytest.mark.parametrize("engine", TRAINABLE)
@pytest.mark.parametrize("package", [p for p in PACKAGES if p.tests], ids=lambda p: p.name)
def test_its_own_tests(package, engine, home):
    folder = folder_of(package)
    without = [f"--ignore-glob=*{name}" for name in NEVER]
    chosen = ["-k", " and ".join(f"not {word}" for word in package.left_out)] if package.left_out else []
    where = [str(folder / t) for t in package.tests]
    alone = ("-c", os.devnull, "-p", "no:cacheprovider")  # not as pytest is set up here
    command = ("-m", "kfront.as_keras", "-m", "pytest", "-q", "--tb=short", *alone, *without, *chosen)
    done = run(*command, *where, timeout=7200, KERAS_BACKEND=engine, KERAS_HOME=str(home))
    assert " passed" in done.stdout.splitlines()[-1]


def test_every_program_belongs_to_a_package():
    assert {p.stem for p in PROGRAMS.glob("uses_*.py")} == {f"uses_{p.module}" for p in PACKAGES}
