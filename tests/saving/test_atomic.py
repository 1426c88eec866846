"""A file is the old one or the new one, whatever happens, and nothing is left beside it."""

from __future__ import annotations

import os
import random
import resource
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import kfront
from kfront.core.errors import SavingError
from kfront.saving import atomic

WRITER = """
import sys, itertools
from kfront.saving.atomic import atomic_write
path = sys.argv[1]
print("ready", flush=True)
for i in itertools.count():
    with atomic_write(path) as file:
        for _ in range(64):
            file.write(bytes([i % 251]) * 65536)
"""


def test_an_error_keeps_the_old_file(tmp_path):
    path = tmp_path / "f"
    path.write_bytes(b"old")
    with pytest.raises(ZeroDivisionError):
        with atomic.atomic_write(path) as file:
            file.write(b"new")
            1 / 0
    assert path.read_bytes() == b"old" and os.listdir(tmp_path) == ["f"]


def test_without_nameless_files(tmp_path, monkeypatch):
    monkeypatch.setattr(atomic.os, "O_TMPFILE", None, raising=False)
    test_an_error_keeps_the_old_file(tmp_path)
    with atomic.atomic_write(tmp_path / "f") as file:
        file.write(b"new")
    assert (tmp_path / "f").read_bytes() == b"new" and os.listdir(tmp_path) == ["f"]


def test_links_and_permissions_are_kept(tmp_path):
    (tmp_path / "real").write_bytes(b"old")
    (tmp_path / "real").chmod(0o640)
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with atomic.atomic_write(tmp_path / "link") as file:
        file.write(b"new")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "real").read_bytes() == b"new"
    assert (tmp_path / "real").stat().st_mode & 0o777 == 0o640


def test_a_full_disk(tmp_path):
    """The system refuses to write on: the old file stays, and the error says so."""
    model = kfront.Sequential([kfront.Input((512,)), kfront.layers.Dense(1024)])
    model.save(tmp_path / "m.keras")
    before = (tmp_path / "m.keras").read_bytes()
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, old[1]))
    try:
        with pytest.raises(SavingError):
            model.save(tmp_path / "m.keras")
        with pytest.raises(SavingError):
            model.save_weights(tmp_path / "m.weights.h5")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)
        signal.signal(signal.SIGXFSZ, handler)
    assert (tmp_path / "m.keras").read_bytes() == before
    assert os.listdir(tmp_path) == ["m.keras"]
    np.testing.assert_array_equal(
        kfront.saving.load_model(tmp_path / "m.keras").get_weights()[0], model.get_weights()[0]
    )


@pytest.mark.parametrize("kills", [10])
def test_killed_at_random_moments(tmp_path, kills):
    path = tmp_path / "f"
    path.write_bytes(bytes([250]) * (64 * 65536))
    for i in range(kills):
        process = subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
        time.sleep(random.Random(i).uniform(0, 0.2))
        process.kill()
        process.wait()
        process.stdout.close()
        content = path.read_bytes()
        assert len(content) == 64 * 65536 and len(set(content)) == 1
    with atomic.atomic_write(path) as file:
        file.write(b"last")
    assert os.listdir(tmp_path) == ["f"]
