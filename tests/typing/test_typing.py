"""What type checkers see of the package: ordinary code passes pyright in strict mode, wrong calls are reported."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pyright")
pytestmark = pytest.mark.slow

HERE = Path(__file__).parent
SOURCE = HERE.parents[1] / "src"


def reports(folder: Path, texts: dict[str, str]) -> dict[str, list[dict[str, Any]]]:
    """What pyright in strict mode reports of files, by their names."""
    settings = {
        "typeCheckingMode": "strict",
        "pythonVersion": "3.11",
        "extraPaths": [str(SOURCE)],
        "reportMissingModuleSource": False,
    }
    (folder / "pyrightconfig.json").write_text(json.dumps(settings))
    for name, text in texts.items():
        (folder / name).write_text(text)
    command = [sys.executable, "-m", "pyright", "--outputjson", "--pythonpath", sys.executable, "-p", str(folder)]
    run = subprocess.run(command, capture_output=True, text=True)
    assert run.stdout.startswith("{"), run.stdout + run.stderr
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for one in json.loads(run.stdout)["generalDiagnostics"]:
        found[Path(one["file"]).name].append(one)
    return found


def public_names() -> list[tuple[str, str]]:
    """(module, name) of all that the stubs list."""
    return [
        (".".join(path.relative_to(SOURCE).with_suffix("").parts).removesuffix(".__init__"), name)
        for path in sorted(SOURCE.rglob("*.pyi"))
        for name in re.findall(r'^    "(\w+)",$', path.read_text(encoding="utf-8"), re.MULTILINE)
    ]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[dict[str, Any]]]:
    """The reports of one run over all files."""
    texts = {name: (HERE / name).read_text(encoding="utf-8") for name in ("user_code.py", "wrong_calls.py")}
    names = public_names()
    imports = "".join(f"import {module}\n" for module in sorted({m for m, _ in names}))
    revealed = "".join(f"reveal_type({module}.{name})\n" for module, name in names)
    texts["public.py"] = f"from typing import reveal_type\n{imports}{revealed}"
    return reports(tmp_path_factory.mktemp("typing"), texts)


def test_ordinary_code_has_no_unknown_types(found: dict[str, list[dict[str, Any]]]) -> None:
    assert [f"{1 + d['range']['start']['line']}: {d['message']}" for d in found["user_code.py"]] == []


def test_ordinary_code_runs(backend: Any) -> None:
    if not backend.trainable:
        pytest.skip("this engine does not train")
    import runpy

    runpy.run_path(str(HERE / "user_code.py"), run_name="__main__")


def test_wrong_calls_are_reported(found: dict[str, list[dict[str, Any]]]) -> None:
    lines = (HERE / "wrong_calls.py").read_text(encoding="utf-8").splitlines()
    expected = {(n, m.group(1)) for n, line in enumerate(lines) if (m := re.search(r"# (report\w+)$", line))}
    reported = {(d["range"]["start"]["line"], d.get("rule")) for d in found["wrong_calls.py"]}
    assert len(expected) >= 40
    assert [lines[n] for n, _ in sorted(expected - reported)] == []


def test_every_public_name_has_a_known_type(found: dict[str, list[dict[str, Any]]]) -> None:
    types = [d["message"] for d in found["public.py"] if d["message"].startswith("Type of")]
    assert len(types) >= len(public_names())
    assert [t for t in types if re.search(r'is "(Any|.*\bUnknown\b.*)"$', t)] == []
