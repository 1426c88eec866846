"""What `nox -s quick` chooses for a change: by the mirror of packages, by imports, by the names of definitions."""

from __future__ import annotations

import subprocess
import textwrap
from pathlib import Path

import pytest
from tools import affected, quick
from tools.affected import Change, Sources, changed_names, changes, select

ROOT = Path(__file__).parents[2]
FILES = {
    "src/kfront/ops/reduce.py": '''
        import math

        __all__ = ["mean", "total"]

        def _scaled(x):
            return x * 2

        @op(dtype="same")
        def total(x):
            """Sum."""

        def mean(x):
            return _scaled(total(x))
        ''',
    "src/kfront/ops/primitives/arithmetic.py": "def add(x):\n    pass\n",
    "src/kfront/ops/primitives/__init__.py": "from kfront.ops.primitives.arithmetic import *\n",
    "src/kfront/ops/composed.py": """
        from kfront.ops import primitives as p

        def double(x):
            return p.add(x)

        def none(x):
            return x
        """,
    "src/kfront/layers/pool.py": """
        from kfront.ops.reduce import mean

        class Pool:
            def call(self, x):
                return mean(x)

        class Flat:
            pass
        """,
    "src/kfront/saving/guard.py": "def gate():\n    pass\n",
    "src/kfront/backends/jax/nn.py": "mean = 1\n",
    "src/kfront/backends/torch/mesh.py": "def lay_out():\n    pass\n",
    "src/kfront/backends/torch/distribution.py": "from kfront.backends.torch.mesh import lay_out\n\nplace = lay_out\n",
    "src/kfront/training/step.py": "def step():\n    pass\n",
    "tests/ops/test_reduce.py": "def test_mean():\n    pass\n",
    "tests/ops/test_other.py": "import helper\n",
    "tests/ops/helper.py": "",
    "tests/layers/test_pool.py": "",
    "tests/layers/test_flat.py": "",
    "tests/saving/test_files.py": "from kfront.saving import guard\n",
    "tests/security/test_gate.py": "def test():\n    from kfront.saving.guard import gate\n",
    "tests/backends/test_jax_adapter.py": "",
    "tests/backends/test_torch_adapter.py": "",
    "tests/training/test_on_tensorflow.py": "import pytest\ntf = pytest.importorskip('tensorflow')\n",
    "tests/training/test_fit.py": "",
    "tests/distribution/test_processes.py": "",
    "tests/test_house_rules.py": "",
    "conformance/ops/table.py": "ROWS = {\n    'mean': 1,\n    'total': 2,\n}\n",
    "conformance/training/curves.py": "from . import families\n",
    "conformance/training/families.py": "MODELS = 1\n",
    "docs/training.md": "",
}
PUBLIC = {"mean", "total", "Pool", "Flat", "add", "double"}
AREAS = {"values": ".ops.values", "training": ".training.curves"}


@pytest.fixture
def checkout(tmp_path):
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text).lstrip("\n"))
    return tmp_path


def git(folder, *words):
    identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
    return subprocess.run(["git", *identity, *words], cwd=folder, check=True, capture_output=True, text=True).stdout


def chosen(root, *found, engine="torch"):
    return select(Sources(root), list(found), engine, PUBLIC, AREAS)


def line_of(root, path, text):
    return frozenset({(root / path).read_text().splitlines().index(text) + 1})


def test_changes_are_those_since_the_branch_left(checkout):
    git(checkout, "init", "-q", "-b", "main")
    git(checkout, "add", ".")
    git(checkout, "commit", "-qm", "first")
    git(checkout, "switch", "-qc", "mine")
    (checkout / "src/kfront/saving/guard.py").write_text("def gate():\n    return 1\n")
    git(checkout, "commit", "-qam", "committed")
    (checkout / "tests/ops/helper.py").write_text("x = 1\n")
    (checkout / "src/kfront/training/step.py").unlink()
    (checkout / "new file.py").write_text("")
    git(checkout, "switch", "-q", "main")
    (checkout / "docs/training.md").write_text("of the others")
    git(checkout, "commit", "-qm", "theirs", "docs/training.md")
    git(checkout, "switch", "-q", "mine")
    assert changes(checkout) == [
        Change("src/kfront/saving/guard.py", frozenset({2})),
        Change("src/kfront/training/step.py", None),
        Change("tests/ops/helper.py", frozenset({1})),
        Change("new file.py", None),
    ]
    assert changes(checkout, "HEAD") == changes(checkout)[1:]
    with pytest.raises(SystemExit, match=r"\[quick\] expected an engine, a branch or a commit, got 'jaxx'"):
        changes(checkout, "jaxx")


def test_names_are_those_of_changed_definitions_and_of_their_users(checkout):
    path = "src/kfront/ops/reduce.py"
    defined = affected.definitions((checkout / path).read_text())
    assert changed_names(defined, line_of(checkout, path, "    return x * 2")) == ["_scaled", "mean"]
    assert changed_names(defined, line_of(checkout, path, '@op(dtype="same")')) == ["total", "mean"]
    assert changed_names(defined, line_of(checkout, path, "import math")) == []
    assert changed_names(defined, None) == ["_scaled", "total", "mean"]


def test_an_op_touches_its_row_its_tests_and_the_layers_on_it(checkout):
    path = "src/kfront/ops/reduce.py"
    found = chosen(checkout, Change(path, line_of(checkout, path, "    return x * 2")))
    assert found.rows == ["mean", "Pool"] and found.names == ["mean"] and found.areas == []
    assert found.tests[0] == "tests/ops/test_reduce.py" and "tests/test_house_rules.py" in found.tests
    assert "tests/layers/test_pool.py" in found.tests and "tests/layers/test_flat.py" not in found.tests


def test_a_primitive_touches_what_is_composed_of_it(checkout):
    assert chosen(checkout, Change("src/kfront/ops/primitives/arithmetic.py", None)).rows == ["add", "double"]


def test_who_imports_a_module_is_tested(checkout):
    found = chosen(checkout, Change("src/kfront/saving/guard.py", None))
    assert {"tests/security/test_gate.py", "tests/saving/test_files.py"} <= set(found.tests) and not found.rows


def test_what_an_adapter_has_for_a_package_is_tested_with_the_package(checkout):
    tests = chosen(checkout, Change("src/kfront/backends/torch/mesh.py", None)).tests
    assert tests.index("tests/distribution/test_processes.py") < tests.index("tests/backends/test_torch_adapter.py")


def test_an_area_runs_as_a_whole_where_no_row_tells(checkout):
    assert chosen(checkout, Change("src/kfront/training/step.py", None)).areas == ["training"]
    assert chosen(checkout, Change("conformance/training/families.py", None)).areas == ["training"]
    lines = line_of(checkout, "conformance/ops/table.py", "    'mean': 1,")
    assert chosen(checkout, Change("conformance/ops/table.py", lines)).rows == ["mean"]


def test_other_engines_are_left_out(checkout):
    change = Change("src/kfront/backends/jax/nn.py", None)
    assert quick.engine_of([], [change]) == "jax" and quick.engine_of(["torch"], [change]) == "torch"
    assert "tests/backends/test_jax_adapter.py" in chosen(checkout, change, engine="jax").tests
    assert "tests/backends/test_torch_adapter.py" not in chosen(checkout, change, engine="jax").tests
    found = chosen(checkout, Change("src/kfront/training/step.py", None)).tests
    assert "tests/training/test_fit.py" in found and "tests/training/test_on_tensorflow.py" not in found


def test_tests_run_themselves_and_for_their_helpers(checkout):
    assert chosen(checkout, Change("tests/ops/test_reduce.py", None)).tests[0] == "tests/ops/test_reduce.py"
    assert chosen(checkout, Change("tests/ops/helper.py", None)).tests[0] == "tests/ops/test_other.py"
    assert chosen(checkout).tests == []


@pytest.mark.sampled(4, table="long")
def test_every_package_has_tests_or_rows():
    sources, public = Sources(ROOT), quick.public_names()
    without = []
    for path in {p.rpartition("/")[0]: p for p in filter(sources.text, sources.package)}.values():
        change = Change(path, None)
        found = select(sources, [change], quick.engine_of([], [change]), public, {})
        if not (found.rows or set(found.tests) - {"tests/test_house_rules.py"}):
            without.append(path)
    assert without == []
    assert affected.module_of("src/kfront/ops/__init__.py") == "kfront.ops"
