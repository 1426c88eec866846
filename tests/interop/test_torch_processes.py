"""`fit` over what `fully_shard` and DistributedDataParallel make of layers: two processes give what one gives."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys

import pytest

torch = pytest.importorskip("torch")


@pytest.mark.sampled(4, table="long")
@pytest.mark.slow
@pytest.mark.skipif(not torch.distributed.is_available(), reason="this build of torch has no torch.distributed")
def test_fit_in_two_processes(tmp_path):
    program = pathlib.Path(__file__).with_name("fit_in_processes.py")
    command = [sys.executable, str(program), str(tmp_path / "meeting"), "2"]
    with_output = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "env": {**os.environ}}
    running = [subprocess.Popen([*command, str(rank)], **with_output) for rank in range(2)]
    for process in running:
        out, errors = process.communicate(timeout=180)
        assert process.returncode == 0, errors
        assert json.loads(out.splitlines()[-1]) == {}, out
