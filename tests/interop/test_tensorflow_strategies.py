"""Models in the scopes of `tf.distribute` strategies, beside what Keras makes of them."""

from __future__ import annotations

import json
import os
import pathlib
import socket
import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip("tensorflow")

HERE = pathlib.Path(__file__).parent
WANTED = json.loads((HERE / "strategy_values.json").read_text())  # of Keras 3.15 on TensorFlow 2.21


def started(*arguments):
    """A process that runs the cases."""
    command = [sys.executable, str(HERE / "strategy_cases.py"), *map(str, arguments)]
    env = {**os.environ, "KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3"}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env)


def results(process):
    """What it has printed last."""
    out, errors = process.communicate(timeout=300)
    assert not process.returncode, errors[-2000:]
    return json.loads(out.strip().splitlines()[-1])


def check(got, want, place):
    """Nested numbers, and words."""
    if isinstance(want, dict):
        assert got.keys() == want.keys(), place
        for k in want:
            check(got[k], want[k], f"{place}/{k}")
    elif isinstance(want, list) and want and not isinstance(want[0], (int, float)):
        assert len(got) == len(want), place
        for i, (g, w) in enumerate(zip(got, want, strict=True)):
            check(g, w, f"{place}/{i}")
    elif isinstance(want, (str, bool)):
        assert got == want, place
    else:
        np.testing.assert_allclose(got, want, rtol=2e-4, atol=2e-5, err_msg=place)


GROUPS = (
    ("fit", "one row", "own step", "kinds"),
    ("statistics", "regularizer", "weights", "sum", "adam"),
    ("eager", "dataset", "loop", "files"),
)


@pytest.mark.sampled(3)
@pytest.mark.parametrize("group", GROUPS, ids=lambda group: group[0])
def test_two_replicas_do_what_they_do_with_keras(tmp_path, group):
    got = results(started("kfront", tmp_path / "m.keras", *group))
    check(got, {name: WANTED[name] for name in group}, "")


@pytest.mark.sampled(4, table="long")
@pytest.mark.slow
def test_two_workers_do_what_two_replicas_do():
    """Keras 3.15 fails in `fit` under this strategy, so that its MirroredStrategy is the measure."""
    with socket.socket() as one, socket.socket() as two:
        one.bind(("localhost", 0))
        two.bind(("localhost", 0))
        ports = one.getsockname()[1], two.getsockname()[1]
    workers = [started("worker", i, *ports) for i in range(2)]
    for got in map(results, workers):
        check(got, {name: WANTED[name] for name in got}, "")
        assert got.keys() == {"fit", "adam"}
