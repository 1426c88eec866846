"""Memory and time of many small calls, and the most memory that training takes.

``python benchmarks/memory.py [--backend torch] [--calls 1000]`` prints, for `predict`, `fit` of one step and others,
the growth of resident memory in KiB per call, measured over the last three quarters of the calls, and the median time
of a call in microseconds. ``--peak NAME`` prints the megabytes that training takes at most with "native" code,
"kfront" or "keras".
"""

from __future__ import annotations

import argparse
import gc
import importlib
import resource
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))


def resident() -> int:
    """Resident memory of this process in KiB."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1])


def growth(backend: str, calls: int) -> None:
    """Print what repeated calls add."""
    import kfront
    from kfront import layers

    x, y = np.ones((8, 64), "float32"), np.ones((8, 4), "float32")
    with kfront.backend_scope(backend):
        model = kfront.Sequential([layers.Input((64,)), layers.Dense(64, "relu"), layers.Dense(4)])
        model.compile("adam", "mse", metrics=["mae"])
        kinds: dict[str, Callable[[], Any]] = {
            "predict": lambda: model.predict(x, verbose=0),
            "predict, several batches": lambda: model.predict(x, batch_size=3, verbose=0),
            "evaluate": lambda: model.evaluate(x, y, verbose=0),
            "train_on_batch": lambda: model.train_on_batch(x, y),
            "fit of one step": lambda: model.fit(x, y, verbose=0),
            "fit with validation": lambda: model.fit(x, y, validation_data=(x, y), verbose=0),
        }
        for name, call in kinds.items():
            times: list[float] = []
            start = 0
            for n in range(calls):
                if n == calls // 4:
                    gc.collect()
                    start = resident()
                began = time.perf_counter()
                call()
                times.append(time.perf_counter() - began)
            gc.collect()
            each = (resident() - start) / (calls * 3 / 4)
            print(f"{backend:12} {name:26} {each:8.3f} KiB/call {statistics.median(times) * 1e6:9.0f} us")


def peak(name: str, backend: str) -> float:
    """Megabytes that two epochs of a wide MLP take at most, beyond what was there before the model."""
    from benchmarks import models

    x, y = models.data("wide", 2048)
    native = importlib.import_module(f"benchmarks.native_{backend}")
    api = None if name == "native" else importlib.import_module(name)
    if name == "kfront":
        api.config.set_backend(backend)  # type: ignore[union-attr]

    def epoch(kind: str, x: Any, y: Any) -> Callable[[], Any]:
        if api is None:
            return native.fit(native.build(kind), x, y, 256)
        model = getattr(models, kind)(api)
        return lambda: model.fit(x, y, batch_size=256, verbose=0)

    epoch("mlp", *models.data("mlp", 512))()  # what the engine takes once is none of the model's
    gc.collect()
    before = resident()
    run = epoch("wide", x, y)
    run()
    run()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 - before / 1024


def main() -> None:
    """Run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--backend", default="torch")
    parser.add_argument("--calls", type=int, default=1000)
    parser.add_argument("--peak", default="", choices=["", "native", "kfront", "keras"])
    given = parser.parse_args()
    if given.peak:
        print(peak(given.peak, given.backend))
    else:
        growth(given.backend, given.calls)


if __name__ == "__main__":
    main()
