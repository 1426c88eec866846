"""When a process of several fails, the others end and name it; `nox -s distributed` tries every way on both engines."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.distribution.checkpointed import free_address

from kfront import backends

HERE = Path(__file__).parent
WAYS = {  # what one process does -> what the others say, "{n}" being its rank
    "killed": "rank {n} of {count} has stopped",
    "stopped": "rank {n} of {count} has stopped",
    "raises": "rank {n} of {count} failed with ValueError: no more disk",
    "ends": "rank {n} of {count} has ended",
    "another call": "rank {n} of {count} calls evaluate where rank 0 takes step 7",
    "other seeds": "rank {n} of {count} differs from rank 0 (seeds",
    "other settings": "rank {n} of {count} differs from rank 0 (batches: 16 instead of 8, batch size: 4 instead of 8)",
    "other epochs": "rank {n} of {count} differs from rank 0 (epochs: 2 instead of 1)",
    "killed in an own loop": "rank {n} of {count} has stopped",
    "other sizes": "rank {n} of {count} does not do what rank 0 does",
    "other data": "rank {n} of {count} does not do what rank 0 does",
}


def ends(engine, way, count=2):
    """Run processes of which the last fails; the others must end and name it within 30 seconds of its failure."""
    env = {**os.environ, "XLA_FLAGS": "--xla_force_host_platform_device_count=1", "JAX_PLATFORMS": "cpu"}
    where = free_address()
    started = [
        subprocess.Popen(
            [sys.executable, HERE / "failing.py", engine, way, where, str(count), str(i)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=env,
        )
        for i in range(count)
    ]
    try:
        told = [p.communicate(timeout=150)[0] for p in started[:-1]]
    finally:
        for p in started:
            p.kill()
    wanted = WAYS[way].format(n=count - 1, count=count)
    for p, text in zip(started, told, strict=False):
        by_jax = engine == "jax" and f"stopped sending heartbeats):\n{count - 1}" in text  # it may come first
        assert p.returncode != 0 and (wanted in text or by_jax), text
        seconds = [json.loads(line)["seconds"] for line in text.splitlines() if line.startswith('{"seconds"')]
        assert not seconds or seconds[0] < 30, seconds  # a process that cannot raise ends without that line


@pytest.mark.skipif("torch" not in backends.installed(), reason="needs torch")
def test_a_killed_process_is_named():
    ends("torch", "killed")
