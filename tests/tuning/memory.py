"""How much the memory of one process grows over many trials: ``python -m tests.tuning.memory FOLDER TRIALS``."""

from __future__ import annotations

import ctypes
import gc
import re
import sys
from pathlib import Path

WARM = 40  # trials after which all code has been run, of every choice


def resident() -> float:
    """Memory of this process, in MB."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)  # what is free, but kept by the allocator, does not grow with the trials
    found = re.search(r"VmRSS:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1]) / 1000


def main(folder: str, trials: int) -> None:
    """Print what `trials` trials add."""
    from tests.tuning import digits  # here: `resident` measures programs without kfront too

    digits.EPOCHS = 2
    search = digits.make(folder, batch_sizes=(32, 64))
    search.run(WARM, workers=0)
    before = resident()
    for done in range(WARM, WARM + trials, 50):
        search.run(min(done + 50, WARM + trials), workers=0)
        print(f"{done + 50 - WARM} trials: {resident() - before:+.1f} MB", file=sys.stderr, flush=True)
    print(f"{resident() - before:.2f}")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
