"""A file is the old one or the new one, whatever happens, and nothing is left beside it."""

from __future__ import annotations

import contextlib
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import kfront
from kfront.core import files
from kfront.core.errors import SavingError

ROOT = Path(__file__).parents[2]


def test_an_error_keeps_the_old_file(tmp_path):
    path = tmp_path / "f"
    path.write_bytes(b"old")
    with pytest.raises(ZeroDivisionError):
        with files.atomic_write(path) as file:
            file.write(b"new")
            1 / 0
    assert path.read_bytes() == b"old" and os.listdir(tmp_path) == ["f"]


def test_without_nameless_files(tmp_path, monkeypatch):
    monkeypatch.setattr(files.os, "O_TMPFILE", None, raising=False)
    test_an_error_keeps_the_old_file(tmp_path)
    with files.atomic_write(tmp_path / "f") as file:
        file.write(b"new")
    assert (tmp_path / "f").read_bytes() == b"new" and os.listdir(tmp_path) == ["f"]


def test_links_and_permissions_are_kept(tmp_path):
    (tmp_path / "real").write_bytes(b"old")
    (tmp_path / "real").chmod(0o640)
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with files.atomic_write(tmp_path / "link") as file:
        file.write(b"new")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "real").read_bytes() == b"new"
    assert (tmp_path / "real").stat().st_mode & 0o777 == 0o640


@contextlib.contextmanager
def limited_files(size):
    """Scope in which no file may grow beyond `size` bytes."""
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, old[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)
        signal.signal(signal.SIGXFSZ, handler)


SAVER = """
import sys, itertools, os, time
os.environ["KERAS_BACKEND"] = "numpy"
import numpy as np
import kfront
from tests.saving.test_atomic import FORMS, small_model
form, folder = sys.argv[1:]
model = small_model()
for _ in range(3):
    start = time.perf_counter()
    FORMS[form][0](model, os.path.join(folder, "warm"))
print(time.perf_counter() - start, flush=True)
for line in sys.stdin:  # each line asks for a process that saves until it is killed
    pid = os.fork()
    if pid == 0:
        for i in itertools.count(int(line)):
            for v in model.weights:
                v.assign(np.full(v.shape, i, v.dtype))
            FORMS[form][0](model, folder)
    print(pid, flush=True)
    os.waitpid(pid, 0)
    print("dead", flush=True)
"""
FORMS = {
    "archive": (lambda m, f: m.save(f"{f}/m.keras"), lambda m, f: kfront.saving.load_model(f"{f}/m.keras")),
    "folder": (lambda m, f: m.save(f"{f}/m", zipped=False), lambda m, f: kfront.saving.load_model(f"{f}/m")),
    "legacy": (lambda m, f: m.save(f"{f}/m.h5"), lambda m, f: kfront.saving.load_model(f"{f}/m.h5")),
    "weights": (lambda m, f: m.save_weights(f"{f}/m.weights.h5"), lambda m, f: _loaded(m, f"{f}/m.weights.h5")),
    "sharded": (
        lambda m, f: m.save_weights(f"{f}/m.weights.h5", max_shard_size=1e-3),
        lambda m, f: _loaded(m, f"{f}/m.weights.json"),
    ),
    "safetensors": (
        lambda m, f: m.save_weights(f"{f}/m.safetensors"),
        lambda m, f: _loaded(m, f"{f}/m.safetensors"),
    ),
}


def small_model():
    """Two megabytes in three layers."""
    layers = [kfront.layers.Dense(400, name=f"d{i}") for i in range(3)]
    return kfront.Sequential([kfront.Input((400,)), *layers], name="m")


def _loaded(model, path):
    model.load_weights(path)
    return model


KILLS = int(os.environ.get("KFRONT_TEST_KILLS", "60"))  # 200 and more in the long form


@contextlib.contextmanager
def saver(form, folder):
    """A program that forks processes which save without end; yields what starts one and kills it some saves later."""
    (folder / "warm").mkdir()
    command = [sys.executable, "-c", SAVER, form, str(folder)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    ask, answer = process.stdin, process.stdout
    assert ask is not None and answer is not None
    one_save = float(answer.readline())
    shutil.rmtree(folder / "warm")

    def kill_after(saves, number):
        ask.write(f"{number}\n")
        ask.flush()
        pid = int(answer.readline())
        time.sleep(saves * one_save)
        os.kill(pid, signal.SIGKILL)
        assert answer.readline() == "dead\n"

    try:
        yield kill_after
    finally:
        process.kill()
        process.wait()
        ask.close()
        answer.close()


@pytest.mark.parametrize("form", FORMS)
def test_killed_at_random_moments(tmp_path, form):
    """Whenever the program is killed, what is there is one whole save, and the next save leaves nothing else."""
    save, load = FORMS[form]
    with kfront.backend_scope("numpy"):
        model = small_model()
        model.set_weights([np.full(w.shape, 99.0, "float32") for w in model.get_weights()])
        save(model, tmp_path)
        seen = set()
        rng = random.Random(form)
        with saver(form, tmp_path) as kill_after:
            for i in range(-(-KILLS // len(FORMS))):
                longer = 1 if len(seen) > 1 else i + 1  # a busy machine saves slower than it did when it was asked
                kill_after(rng.uniform(0, 4) * longer, 1000 * i)
                found = load(small_model(), tmp_path)
                values = {float(v) for w in found.get_weights() for v in np.unique(w)}
                assert len(values) == 1
                seen |= values
        assert len(seen) > 1, "no save came to its end"
        before = set(os.listdir(tmp_path))
        save(model, tmp_path)
        left = {n for n in os.listdir(tmp_path) if n.startswith(".")}
        assert not left, before
        if form == "sharded":
            assert len(os.listdir(tmp_path)) == 4  # the list and three parts


@pytest.mark.parametrize("form", FORMS)
def test_what_a_killed_save_left_is_removed_by_the_next(tmp_path, form):
    """Files under the names that they have for a moment before they replace others; those of a live process stay."""
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    with kfront.backend_scope("numpy"):
        model = small_model()
        FORMS[form][0](model, tmp_path)
        names = os.listdir(tmp_path)
        other = ["m_00001-8a150eea.weights.h5"] if form == "sharded" else []
        for name in (*names, *other):
            for pid in (dead.pid, os.getppid()):
                (tmp_path / f".{name}.kfront-tmp-{pid}-d4d10474").write_bytes(b"half")
        (tmp_path / f".mine.kfront-tmp-{dead.pid}-d4d10474").write_bytes(b"of another file")
        FORMS[form][0](model, tmp_path)
    left = {n for n in os.listdir(tmp_path) if n.startswith(".")}
    alive = {f".{n}.kfront-tmp-{os.getppid()}-d4d10474" for n in (*names, *other)}
    assert left == alive | {f".mine.kfront-tmp-{dead.pid}-d4d10474"}


@pytest.mark.parametrize("size", [3, 4 << 20])
def test_the_space_of_a_replaced_file_is_given_back(tmp_path, size):
    path, held = tmp_path / "f", []
    for _ in range(2):
        with files.atomic_write(path) as file:
            file.write(bytes(size))
    files._freed.wait()
    for link in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            held.append(os.readlink(link))
    assert not [name for name in held if str(tmp_path) in name]
    assert path.stat().st_size == size


@pytest.mark.parametrize("form", FORMS)
def test_a_full_disk_in_every_form(tmp_path, form):
    """The system refuses to write on: the old save stays, and nothing else."""
    save, load = FORMS[form]
    with kfront.backend_scope("numpy"):
        model, other = small_model(), small_model()
        save(model, tmp_path)
        names = sorted(os.listdir(tmp_path))
        with limited_files(1 << 18), pytest.raises(SavingError):
            save(other, tmp_path)
        assert sorted(os.listdir(tmp_path)) == names
        for x, y in zip(load(small_model(), tmp_path).get_weights(), model.get_weights(), strict=True):
            np.testing.assert_array_equal(x, y)


def test_room_is_asked_for_before_anything_is_written(tmp_path):
    """A disk that has too little room says so at once; what was reserved for nothing is given back."""
    path = tmp_path / "f"
    with files.atomic_write(path, size=8 << 20) as file:
        file.write(b"new")
        reserved = os.fstat(file.fileno()).st_blocks * 512
    assert path.stat().st_size == 3 and path.stat().st_blocks * 512 <= 1 << 16
    if not reserved:
        pytest.skip("this file system reserves nothing")
    wrote = []
    with pytest.raises(SavingError, match="refused"), files.atomic_write(path, size=1 << 55) as file:
        wrote.append(file.write(b"newer"))
    assert not wrote and path.read_bytes() == b"new" and os.listdir(tmp_path) == ["f"]


def test_a_folder_with_other_files_is_not_replaced(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "diary.txt").write_text("dear diary")
    with pytest.raises(SavingError, match="holds others"):
        small_model().save(tmp_path / "mine", zipped=False)
    assert (tmp_path / "mine" / "diary.txt").read_text() == "dear diary"
