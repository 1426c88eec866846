"""The survey of published packages: what it asks, and what it compares. `nox -s survey` runs it on packages."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from tests.interop.keras_tests.run import Row, rows
from tests.interop.packages import SURVEYED, Package
from tests.interop.survey.run import SIDE, TABLE, alike, compare, facts_of

PACKAGE = """
import keras

class Scale(keras.layers.Layer):
    \'\'\'Scales.

    ```python
    layer = Scale()
    y = layer(ops.ones((1, 2)))
    ```
    >>> y.shape
    (1, 2)
    >>> [keras.random.uniform((2,)), None, 0.125,
    ...  "text"]
    >>> missing
    \'\'\'
    def build(self, shape): self.scale = self.add_weight(shape[-1:], "ones", name="scale")
    def call(self, x): return x * self.scale

class Noise(keras.layers.Layer):
    def __init__(self, rate, **kwargs):
        super().__init__(**kwargs)
        self.seeds = keras.random.SeedGenerator()
    def call(self, x): return x + keras.random.normal(keras.ops.shape(x), seed=self.seeds)

class Picky(keras.losses.Loss):
    def __init__(self, number, **kwargs): raise ValueError("picky")

class Absolute(keras.losses.Loss):
    def call(self, y_true, y_pred): return keras.ops.abs(y_true - y_pred)

class _Hidden(Scale): pass
"""
TENSOR = {"tensor": "float32 [2]", "finite": 2, "size": 1.0, "mean": 0.5}


def test_a_side_makes_and_calls_the_public_classes(tmp_path):
    (tmp_path / "pack" / "tests").mkdir(parents=True)
    (tmp_path / "pack" / "__init__.py").write_text("")
    (tmp_path / "pack" / "parts.py").write_text(PACKAGE)
    (tmp_path / "pack" / "broken.py").write_text("import keras.no_such_module")
    (tmp_path / "pack" / "tests" / "__init__.py").write_text("raise SystemExit")
    scale = "layer = Scale()\ny = layer(ops.ones((1, 2)))\n"
    typed = 'y.shape\n[keras.random.uniform((2,)), None, 0.125,\n "text"]'
    code = tmp_path / "code"
    own = "from pack.parts import Scale\n"
    code.write_text(json.dumps({"one": own + scale, "both": own + scale + typed, "missing": "missing"}))
    facts = facts_of("kfront", "numpy", Package("pack", "pack"), tmp_path, code)
    assert facts["pack.parts imports"] is True and facts["pack.broken imports"]["error"] == "ModuleNotFoundError"
    assert {k.split()[0] for k in facts if " made" in k} == {
        f"pack.parts.{n}" for n in ["Scale", "Noise", "Picky", "Absolute"]
    }
    assert facts["pack.parts.Picky made"] == {"error": "ValueError", "message": "picky"}
    assert facts["pack.parts.Scale 2d"][0]["tensor"] == "float32 [2, 4]"
    assert facts["pack.parts.Scale 2d weights"] == [["scale", [4], "float32"]]
    assert facts["pack.parts.Scale 2d symbolic"] == ["(2, 4)"] and facts["pack.parts.Scale 2d again"] is True
    assert facts["pack.parts.Noise 1d"] == {"random": ['["float32 [4]"]']}
    assert facts["pack.parts.Absolute one_hot"][0]["size"] == pytest.approx(0.325)
    y = {"tensor": "float32 [1, 2]", "finite": 2, "size": 1.0, "mean": 1.25}
    assert facts["one"] == {"gives": [], "names": {"Scale": "type", "layer": ["Scale", [2]], "y": y}}
    random = [["tuple", 1, 2], ["list", "float32 [2]", None, 0.125, "text"]]
    assert facts["both"]["random"]["gives"] == random and facts["missing"]["error"] == "NameError"


def test_the_examples_of_docstrings_are_found(tmp_path):
    found = """
import json, sys, types
sys.argv[1:] = ["kfront"]
sys.path.insert(0, FOLDER)
from kfront.interop.as_keras import install_as_keras
install_as_keras()
import examples
package = types.ModuleType("pack")
exec(PACKAGE, package.__dict__)
print(json.dumps(examples.found_in([package], "pack")))
"""
    given = f"FOLDER, PACKAGE = {str(SIDE.parent)!r}, {PACKAGE!r}"
    env = {**os.environ, "KERAS_BACKEND": "numpy"}
    done = subprocess.run([sys.executable, "-c", given + found], env=env, capture_output=True, text=True)
    examples = json.loads(done.stdout)
    first, second = (
        "layer = Scale()\ny = layer(ops.ones((1, 2)))\n",
        'y.shape\n[keras.random.uniform((2,)), None, 0.125,\n "text"]\nmissing',
    )
    assert examples == {
        "pack.Scale example 0": first,
        "pack.Scale example 1": second,
        "pack.Scale examples": f"{first}\n{second}",
    }


@pytest.mark.parametrize(
    ("other", "same"),
    [
        ({}, True),
        ({"mean": 0.50001, "size": 1.00001}, True),
        ({"mean": 0.51}, False),
        ({"size": 1.01}, False),
        ({"finite": 1}, False),
        ({"tensor": "float16 [2]"}, False),
    ],
)
def test_tensors_are_alike_but_for_rounding(other, same):
    assert alike([TENSOR], [TENSOR | other]) is same


def test_other_facts_are_exact():
    random = {"random": ['["float32 [2]"]']}
    assert alike(random, dict(random)) and not alike(random, [TENSOR]) and not alike([TENSOR], random)
    assert not alike([TENSOR], [TENSOR, TENSOR]) and not alike([TENSOR], None) and alike({"mean": 1.0}, {"mean": 1.0})
    assert not alike({"mean": 1.0}, {"mean": 1.1})


def test_differences_explained_ones_and_what_fails_on_keras():
    failed = {"error": "ValueError", "message": "no"}
    theirs = {"p.A made": "Layer", "p.A 2d": [TENSOR], "p.A 3d": failed, "p.A 4d": [TENSOR], "p.A config": {}}
    ours = {"p.A made": "Layer", "p.A 2d": failed, "p.A 3d": [TENSOR], "p.A config": {"a": 1}}
    table = [Row("pack *.A config", ("torch",), "why"), Row("other *.A 2d", ("torch",), "why")]
    found = compare("pack", theirs, ours, table)
    assert (found.same, found.failing, found.explained) == (["p.A made"], ["p.A 3d"], {"p.A config": table[0]})
    assert found.unexplained == ["p.A 2d", "p.A 4d"]


@pytest.mark.parametrize("engine", ["torch", "jax", "tensorflow"])
def test_the_table_is_about_packages(engine):
    names = [row.pattern.partition(" ")[0] for row in rows(TABLE.read_text("utf-8"), engine)]
    assert set(names) <= {p.name for p in SURVEYED}
