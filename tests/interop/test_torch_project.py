"""The program of docs/torch_projects.md: every way of training gives the same losses."""

from __future__ import annotations

import numpy as np
import pytest

import kfront

pytest.importorskip("torch")


def test_the_ways_agree(capsys):
    import examples.torch_project as project  # it imports torch

    with kfront.backend_scope("torch"):
        losses = project.main()
    assert len(losses) == 3 and "fit" in capsys.readouterr().out
    first = next(iter(losses.values()))
    assert first[-1] < first[0]
    for values in losses.values():
        np.testing.assert_allclose(values, first, rtol=1e-4)
