"""An op is added by its declaration and one conformance entry: it is then everywhere that the declaration names."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

DECLARATION = '''

@op(2, floating, zeros="joined", fuse=True, home="nn", aliases=("halfway",), class_name="MidPoint")
def midpoint(x1: Any, x2: Any, share: float = 0.5) -> Any:
    """A point between two others."""
    return p.add(p.multiply(x1, 1.0 - share), p.multiply(x2, share))
'''

ENTRY = '''

_before_midpoint = entries


def entries() -> list[Entry]:
    """The entries of this file."""
    e = Entry("midpoint", lambda x, y, share=0.5: x * (1 - share) + y * share, tol(4, 4, 4), "float", like="divide")
    return [*_before_midpoint(), e(floats(2, 3), floats(2, 3))(floats(3), floats(3), 0.25)]
'''

CHECK = """
import numpy as np
import kfront
from kfront import ops
from conformance import coverage
from conformance.ops import inputs, specs, values

assert "midpoint" in ops.__all__ and "midpoint" in dir(ops.nn) and "midpoint" not in dir(ops.numpy)
assert ops.nn.midpoint is ops.midpoint is ops.halfway is ops.nn.halfway
x = kfront.Input((3,), name="a")
y = kfront.Input((3,), name="b")
model = kfront.Model([x, y], ops.midpoint(x, y, share=0.25))
text = model.to_json()
assert '"keras.src.ops.nn"' in text and '"MidPoint"' in text
again = kfront.models.model_from_json(text)
a, b = np.ones((1, 3), "float32"), np.full((1, 3), 5.0, "float32")
np.testing.assert_allclose(np.asarray(again.predict([a, b], verbose=0)), 2.0 * a)
areas = (coverage, values, specs, inputs)
rows = [c for area in areas for c in area.cases(["numpy"], False) if c.name.split("/")[0] == "midpoint"]
assert {c.area for c in rows} == {"coverage", "values", "specs", "inputs"}, rows
for case in rows:
    case.check()
print("seen")
"""

SPARSE = """
import numpy as np
from kfront import backends, ops
b = backends.current()
x = ops.convert_to_tensor(np.eye(2, dtype="float32"), sparse=True)
assert b.is_sparse(ops.midpoint(x, x))
assert (b.midpoint is ops.midpoint.op.body) == (b.name != "jax")
print("seen")
"""


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the package, of its suite and of its tools with one op more."""
    root = tmp_path_factory.mktemp("scratch")
    ignored = shutil.ignore_patterns("__pycache__")
    for folder in ("src/kfront", "conformance", "tools"):
        shutil.copytree(ROOT / folder, root / folder, ignore=ignored)
    for file, text in {"src/kfront/ops/arithmetic.py": DECLARATION, "conformance/ops/table_ctc.py": ENTRY}.items():
        with (root / file).open("a", encoding="utf-8") as out:
            out.write(text)
    return root


def run(root: Path, *command: str, engine: str = "numpy") -> str:
    """What a Python program prints that sees the copy."""
    env = {**os.environ, "KERAS_BACKEND": engine, "PYTHONPATH": os.pathsep.join([str(root / "src"), str(root)])}
    done = subprocess.run([sys.executable, *command], cwd=root, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]
    return done.stdout


def test_namespaces_files_and_rows(scratch: Path) -> None:
    assert run(scratch, "-c", CHECK).endswith("seen\n")


def test_stubs(scratch: Path) -> None:
    run(scratch, "tools/stubs.py")
    for stub in ("__init__", "nn"):
        text = (scratch / f"src/kfront/ops/{stub}.pyi").read_text(encoding="utf-8")
        assert "midpoint as midpoint" in text and "midpoint as halfway" in text
        assert '    "midpoint",\n' in text
    assert "midpoint" not in (scratch / "src/kfront/ops/numpy.pyi").read_text(encoding="utf-8")


@pytest.mark.parametrize("engine", ["torch", "jax"])
def test_sparse_operands_and_fusing(scratch: Path, engine: str) -> None:
    pytest.importorskip(engine)
    assert run(scratch, "-c", SPARSE, engine=engine).endswith("seen\n")
