"""Every sample is trained on once in an epoch; `nox -s distributed` counts on 1 to 4 processes, all kinds of data."""

from __future__ import annotations

import collections
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.distribution import counted
from tests.distribution.checkpointed import free_address

from kfront import backends

KINDS = ("arrays", "PyDataset", "loader", "sampler", "sampler in a batch sampler", "parts", "uneven parts")


def counts(engine, count, kinds, split=False):
    """Count in so many processes, on a mesh with `split`; the change of the weight for each kind of data."""
    job = {"engine": engine, "kinds": kinds, "count": count, "split": split, "address": free_address()}
    env = {**os.environ, "XLA_FLAGS": "--xla_force_host_platform_device_count=1", "JAX_PLATFORMS": "cpu"}
    script = Path(__file__).parent / "counted.py"
    started = [
        subprocess.Popen(
            [sys.executable, script, json.dumps({**job, "id": i})],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=env,
        )
        for i in range(count)
    ]
    try:
        ended = [p.communicate(timeout=240) for p in started]
    finally:
        for p in started:
            p.kill()
    assert all(p.returncode == 0 for p in started), "\n".join(err for _, err in ended)
    found = [json.loads(out.strip().splitlines()[-1]) for out, _ in ended]
    for kind in kinds:
        seen = collections.Counter(n for one in found for batch in one[kind]["seen"] for n in batch)
        assert seen == dict.fromkeys(range(counted.SAMPLES), 1), (engine, count, kind, seen)
        assert {one[kind]["mean"] for one in found} == {(counted.SAMPLES - 1) / 2}, (engine, count, kind, found)
        assert len({one[kind]["moved"] for one in found}) == 1, (engine, count, kind, found)
    return {kind: found[0][kind]["moved"] for kind in kinds}


@pytest.mark.skipif("torch" not in backends.installed(), reason="needs torch")
def test_each_sample_counts_once_in_two_processes():
    counts("torch", 2, KINDS)
