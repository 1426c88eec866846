from __future__ import annotations

import logging

import pytest

from kfront import config
from kfront.core.errors import ArgumentError
from kfront.utils import Progbar


def test_a_file_gets_the_final_line_only(capsys):
    bar = Progbar(3)
    for i in range(3):
        bar.update(i + 1, [("loss", float(i))])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("3/3 ━") and lines[0].endswith("- loss: 1.0000")


def test_a_terminal_line_is_drawn_over(capsys, monkeypatch):
    bar = Progbar(2, interval=0)
    bar._live = True
    monkeypatch.setenv("NO_COLOR", "1")
    bar.update(1)
    bar.update(2)
    out = capsys.readouterr().out
    assert out.count("\r") == 2 and out.endswith("\n") and "\x1b" not in out


def test_averages_and_values_as_they_are(capsys):
    bar = Progbar(4, verbose=2, stateful_metrics=["acc"])
    bar.update(1, [("loss", 1.0), ("acc", 0.25)])
    bar.update(4, [("loss", 5.0), ("acc", 0.5)])  # three steps at once
    assert "loss: 4.0000 - acc: 0.5000" in capsys.readouterr().out


def test_stateless_metrics(capsys):
    bar = Progbar(2, verbose=2, stateless_metrics=["loss"])
    bar.add(1, [("loss", 1.0), ("lr", 1.0)])
    bar.add(1, [("loss", 2.0), ("lr", 1e-5)])
    assert "loss: 1.5000 - lr: 1.0000e-05" in capsys.readouterr().out
    with pytest.raises(ArgumentError):
        Progbar(2, stateful_metrics=[], stateless_metrics=[])


def test_silent(capsys):
    Progbar(1, verbose=0).update(1, [("loss", 1.0)])
    assert capsys.readouterr().out == ""


def test_unknown_target(capsys):
    bar = Progbar(None)
    bar.update(7, finalize=True)
    assert "7/Unknown" in capsys.readouterr().out


def test_values_are_read_only_when_drawn(capsys):
    class Lazy:
        reads = 0

        def __float__(self):
            Lazy.reads += 1
            return 2.0

    bar = Progbar(100)
    for i in range(99):
        bar.update(i + 1, [("loss", Lazy())])
    assert Lazy.reads == 0
    bar.update(100, [("loss", Lazy())])
    assert Lazy.reads == 100 and "loss: 2.0000" in capsys.readouterr().out


def test_logging_instead_of_output(capsys, caplog):
    config.disable_interactive_logging()
    with caplog.at_level(logging.INFO, logger="kfront"):
        Progbar(1).update(1)
    assert capsys.readouterr().out == ""
    assert "1/1" in caplog.text
