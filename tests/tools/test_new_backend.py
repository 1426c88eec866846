"""The tutorial of docs/new_backend.md: its code is a backend that passes its first hundred rows."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "new_backend.md").read_text(encoding="utf-8")
ROWS = "add,multiply,maximum,exp,less,reshape,sum,square,softsign,leaky_relu,isclose,matmul"


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """The folder in which the tutorial's package is, as when installed."""
    folder = tmp_path_factory.mktemp("tutorial")
    for name, code in re.findall(r"```python\n# (tiny/\w+\.py)\n(.*?)```", PAGE, re.DOTALL):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(code)
    (project,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    points = tomllib.loads(project)["project"]["entry-points"]["kfront.backends"]
    info = folder / "tiny-0.1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: tiny\nVersion: 0.1\n")
    (info / "entry_points.txt").write_text("[kfront.backends]\n" + "".join(f"{n} = {p}\n" for n, p in points.items()))
    return folder


def run(folder, *words):
    path = os.pathsep.join([str(folder), str(ROOT / "src"), str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = {**os.environ, "PYTHONPATH": path, "KERAS_BACKEND": "tiny"}
    return subprocess.run([sys.executable, *words], env=environment, capture_output=True, text=True, timeout=300)


def test_it_passes_its_first_hundred_rows(tiny, tmp_path):
    out = tmp_path / "out"
    words = ["--backend", "tiny", "--areas", "values", "--rows", ROWS, "--out", str(out)]
    done = run(tiny, "-m", "conformance", *words)
    assert done.returncode == 1, done.stderr[-2000:]  # what is not written yet fails
    results = json.loads((out / "results.json").read_text())["results"]
    wrong = {r["name"].partition("/")[0] for r in results if r["status"] != "pass"}
    assert wrong == {"matmul"}, [r for r in results if r["status"] != "pass"][:3]
    assert sum(r["status"] == "pass" for r in results) >= 100
    assert all("expected an implementation in the adapter 'tiny', got none" in r["message"]
               for r in results if r["status"] != "pass")  # fmt: skip


def test_what_is_missing_is_an_error_at_the_end(tiny):
    code = "import tiny; tiny.TinyBackend.unfinished = False; import kfront.ops; kfront.ops.zeros(1)"
    done = run(tiny, "-c", code)
    assert "BackendError: [tiny] expected an implementation of every primitive" in done.stderr
    assert "matmul" in done.stderr and " add," not in done.stderr


def test_the_page_tells_every_option():
    from conformance.__main__ import _parser

    options = {o for action in _parser()._actions for o in action.option_strings}
    named = set(re.findall(r"`(--[a-z]+)", PAGE))
    assert named <= options
    assert {"--xfail", "--layers", "--jobs", "--out", "--resume", "--against", "--quick"} <= named
