"""Runs that are killed go on, on other meshes and engines; the long forms are in `nox -s distributed`."""

from __future__ import annotations

import pytest
from tests.distribution.checkpointed import Run, newest, same

from kfront import backends

torch_and_jax = pytest.mark.skipif(not {"torch", "jax"} <= {*backends.installed()}, reason="needs torch and JAX")


@torch_and_jax
def test_two_processes_of_torch_go_on_as_eight_devices_of_jax(tmp_path):
    with Run("torch") as alone, Run("torch", 2, mesh=[2], folder=str(tmp_path), kill=4) as killed:
        alone.wait()
        assert killed.wait() == [-9, -9] and killed.steps() == [(0, 0), (0, 1), (0, 2)]
    assert newest(tmp_path)[-1] in ("checkpoint-000003", "checkpoint-000004")
    with Run("jax", 1, 8, mesh=[2, 4], folder=str(tmp_path)) as rest:
        rest.wait()
        assert rest.steps()[0] in ((0, 3), (0, 4)) and len(rest.steps()) >= 14
        same(rest.result(), alone.result())
