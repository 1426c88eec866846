"""Memory and time of many small calls: `predict` and `fit` of one step.

``python benchmarks/memory.py [--backend torch] [--calls 1000]`` prints the growth of resident memory in KiB per call,
measured over the last three quarters of the calls, and the median time of a call in microseconds.
"""

from __future__ import annotations

import argparse
import gc
import statistics
import time
from pathlib import Path

import numpy as np

import kfront
from kfront import layers


def resident() -> int:
    """Resident memory of this process in KiB."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1])


def main() -> None:
    """Run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--backend", default=kfront.config.backend())
    parser.add_argument("--calls", type=int, default=1000)
    given = parser.parse_args()
    x, y = np.ones((8, 64), "float32"), np.ones((8, 4), "float32")
    with kfront.backend_scope(given.backend):
        model = kfront.Sequential([layers.Input((64,)), layers.Dense(64, "relu"), layers.Dense(4)])
        model.compile("adam", "mse", metrics=["mae"])
        kinds = {
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
            for n in range(given.calls):
                if n == given.calls // 4:
                    gc.collect()
                    start = resident()
                began = time.perf_counter()
                call()
                times.append(time.perf_counter() - began)
            gc.collect()
            growth = (resident() - start) / (given.calls * 3 / 4)
            print(f"{given.backend:12} {name:26} {growth:8.3f} KiB/call {statistics.median(times) * 1e6:9.0f} us")


if __name__ == "__main__":
    main()
