"""Processes of a run, forked from one that has imported the engines: each starts in a tenth of the time.

The one that forks must not compute gradients on torch, nor anything on JAX: threads do not survive a fork.
"""

from __future__ import annotations

import atexit
import contextlib
import importlib
import json
import multiprocessing
import os
import shutil
import socket
import sys
import tempfile
import threading
import time
import traceback
from pathlib import Path


def warm(*engines):
    """Import what the processes of these engines need."""
    import kfront

    for name in ("callbacks", "distribution", "layers", "optimizers", "saving.checkpoints"):
        importlib.import_module(f"kfront.{name}")
    for engine in engines:
        kfront.backends.get(engine)
    if "torch" in engines:  # the first step imports more
        importlib.import_module("kfront.backends.torch.distribution")  # with DTensor and the compiler: over a second
        with kfront.backend_scope("torch"):
            model = kfront.Sequential([kfront.Input((2,)), kfront.layers.Dense(1)])
            model.predict(kfront.ops.zeros((1, 2)), verbose=0)


def free_address():
    """Where the first process can listen."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{free.getsockname()[1]}"


@contextlib.contextmanager
def temporary():
    """A folder that is gone afterwards; processes that are forked meanwhile leave it alone when they end."""
    folder = tempfile.mkdtemp(prefix="run-")
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


class Run:
    """The processes of a run, which end with the block.

    Args:
        work: what each of them does with its job, a dict that has "count", "id" and "address" besides `job`.
        engine: which is current in them.
        count: how many there are.
        devices: of each process, on JAX.
        start: "fork", or "spawn" for processes with nothing from this one in their memory.
        **job: what `work` looks at.
    """

    def __init__(self, work, engine, count=1, devices=1, start="fork", **job):
        self.folder = tempfile.mkdtemp(prefix="run-")
        self.out = [Path(self.folder, str(i)) for i in range(count)]
        for path in self.out:
            path.touch()
        job |= {"count": count, "address": free_address()}
        own = [(work, engine, devices, {**job, "id": i}, self.out[i]) for i in range(count)]
        context = multiprocessing.get_context(start)
        self.processes = [context.Process(target=_child, args=given) for given in own]
        for p in self.processes:
            p.start()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.kill()
        shutil.rmtree(self.folder)

    def alive(self):
        """Whether one of them runs."""
        return any(p.is_alive() for p in self.processes)

    def kill(self, which=None):
        """SIGKILL to some, or all."""
        some = self.processes if which is None else [self.processes[i] for i in which]
        for p in some:
            p.kill()
        for p in some:
            p.join()

    def wait(self, seconds=600, which=None):
        """Wait for some, or all, to end by themselves; their exit codes."""
        end = time.monotonic() + seconds
        for i, p in enumerate(self.processes):
            if which is None or i in which:
                p.join(max(0.1, end - time.monotonic()))
                assert p.exitcode is not None, f"process {i} did not end within {seconds} seconds:\n{self.text(i)}"
        return [p.exitcode for p in self.processes]

    def text(self, i=0):
        """What a process has printed."""
        return self.out[i].read_text()

    def results(self, seconds=600):
        """The last line that each process has printed, as JSON, once all have ended well."""
        codes = self.wait(seconds)
        assert not any(codes), f"{codes}:\n" + "\n".join(self.text(i)[-4000:] for i in range(len(codes)))
        return [json.loads(self.text(i).strip().splitlines()[-1]) for i in range(len(codes))]


def _child(work, engine, devices, job, out):
    """A process of a run, which ends as one does that Python was started for."""
    with open(out, "w") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    os.environ["XLA_FLAGS"] = f"--xla_force_host_platform_device_count={devices}"
    code = 0
    try:
        import kfront

        kfront.config.set_backend(engine)
        work(job)
    except SystemExit as stop:
        code = stop.code or 0
    except BaseException as error:
        sys.last_value, code = error, 1
        traceback.print_exc()
    threading._shutdown()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    os._exit(code)
