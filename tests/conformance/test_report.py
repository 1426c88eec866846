"""The report: what stands in the page and the badge, and that the page's script reads it."""

from __future__ import annotations

import json
import shutil
import subprocess
import time

import pytest
from conformance import report
from conformance.suite import Result

RESULTS = [
    Result("values", "add/f32:2x3, f32:3", "torch", "pass", 0.0012, ""),
    Result("values", "add/f32:2x3, f32:3", "jax", "fail", 0.02, "got </script><b>1 & 2</b>"),
    Result("inputs", "add", "jax", "xfail", 1.5, "the engine has none"),
    Result("layers", "Dense/values", "torch", "pass", 0.1, ""),
]


def embedded(page):
    start = page.index('type="application/json">') + len('type="application/json">')
    return json.loads(page[start : page.index("</script>", start)])


def test_the_page_holds_every_case():
    data = embedded(report.page(RESULTS, {"torch": "2.9"}))
    found = [
        (
            data["areas"][a],
            data["rows"][r],
            data["backends"][b],
            data["statuses"][s],
            data["labels"][n],
            data["messages"][m],
        )
        for r, a, b, s, _, n, m in data["cases"]
    ]
    assert found == [(r.area, r.row, r.backend, r.status, r.label, r.message) for r in RESULTS]
    assert [c[4] for c in data["cases"]] == [1, 20, 1500, 100] and data["versions"] == {"torch": "2.9"}


def test_the_page_is_alone_and_escaped():
    page = report.page(RESULTS, {})
    assert "</script><b>" not in page and page.count("</script>") == 2
    assert not any(word in page for word in ("http:", "https:", "src=", "<link", "@import", "url("))


def test_the_script_is_valid(tmp_path):
    node = shutil.which("node")
    if node is None:
        pytest.skip("node checks the script")
    page = report.page(RESULTS, {})
    script = tmp_path / "script.js"
    script.write_text(page[page.rindex("<script>") + 8 : page.rindex("</script>")])
    done = subprocess.run([node, "--check", str(script)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_large_reports_stay_small():
    many = [
        Result(f"area {i % 8}", f"op{i % 400}/f32:2x3, axis={i % 7}", f"engine {i % 4}", "pass", 0.001, "")
        for i in range(30000)
    ]
    start = time.perf_counter()
    page = report.page(many, {})
    assert len(page) < 1.5e6 and time.perf_counter() - start < 2


def test_badge_and_files(tmp_path):
    assert "1 failed" in report.badge(RESULTS) and "2 passed" in report.badge([RESULTS[0], RESULTS[3]])
    assert "no results" in report.badge([])
    report.write(RESULTS, tmp_path / "out", {})
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == [
        "badge.json",
        "badge.svg",
        "index.html",
        "report.html",
        "results.json",
    ]
    body = json.loads((tmp_path / "out" / "results.json").read_text())
    assert [Result(**r) for r in body["results"]] == RESULTS
