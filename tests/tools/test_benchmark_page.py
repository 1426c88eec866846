from __future__ import annotations

import json
from html.parser import HTMLParser

import pytest
from benchmarks.page import changes, page, read, write
from benchmarks.timing import Row, paired, quartiles

FAST = Row("fit mlp", "x", 0.80, 1.90, 1000.0, 1.1, (0.78, 0.82))
SLOW = FAST._replace(kfront=1.30, spread=(1.25, 1.40))
ALONE = Row("import after the engine", "ms", 90.0, None, 0.0, 150.0)


class Tags(HTMLParser):
    """The open tags, and the text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text = ""
        self.bars = 0
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.bars += tag == "rect"
        self.open += [tag] if tag not in ("meta",) else []

    def handle_startendtag(self, tag: str, attrs: object) -> None:
        self.bars += tag == "rect"

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def test_only_what_left_its_spread_is_told():
    assert [str(c) for c in changes({"torch": [FAST, ALONE]}, {"torch": [SLOW, ALONE]}) if c.slower] == [
        "torch: fit mlp: slower, 0.80 -> 1.30 x"
    ]
    assert [c.faster for c in changes({"torch": [SLOW]}, {"torch": [FAST]})] == [True]
    near = FAST._replace(kfront=0.84, spread=(0.81, 0.87))
    (change,) = changes({"torch": [FAST]}, {"torch": [near]})
    assert not change.slower and not change.faster


def test_rows_of_one_run_only_are_left_out():
    assert changes({"torch": [FAST]}, {"torch": [ALONE], "jax": [FAST]}) == []


def test_a_folder_is_read_back_and_gets_a_page(tmp_path):
    (tmp_path / "torch.json").write_text(json.dumps([FAST._asdict(), ALONE._asdict()]))
    assert read(tmp_path) == {"torch": [FAST, ALONE]} == read(tmp_path / "torch.json")
    text = write(tmp_path, []).read_text(encoding="utf-8")
    assert "fit mlp" in text and "import after the engine" in text


def test_results_of_earlier_versions_are_read(tmp_path):
    old = {k: v for k, v in FAST._asdict().items() if k != "spread"}
    (tmp_path / "jax.json").write_text(json.dumps([old]))
    assert read(tmp_path) == {"jax": [FAST._replace(spread=None)]}


def test_a_path_without_results_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"expected JSON results.*--out"):
        read(tmp_path)


def test_the_page_is_well_formed_and_escapes():
    odd = FAST._replace(name="a<b & c")
    tags = Tags(page({"torch": [odd, SLOW, ALONE]}, changes({"torch": [FAST]}, {"torch": [SLOW]})))
    assert tags.open == [] and "a<b & c" in tags.text and "slower, 0.80 -> 1.30 x" in tags.text
    assert tags.bars == 5  # three of kfront, two of Keras


def test_paired_timing_gives_quartiles():
    measured = paired({"native": lambda: sum(range(200)), "kfront": lambda: sum(range(2000))}, n=20, rounds=5)
    assert measured.spread is not None
    assert measured.spread[0] <= measured.ratios["kfront"] <= measured.spread[1]
    assert quartiles([1.0]) is None
