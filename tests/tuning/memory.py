"""How much the memory of one process grows over many trials: ``python -m tests.tuning.memory FOLDER TRIALS``.

Memory in use: what is resident, but of the allocator's own only what it has handed out. The rest is free, and lies
between what is in use: where an engine compiles, it goes up and down by some MB from one trial to the next.
"""

from __future__ import annotations

import ctypes
import gc
import re
import sys
from pathlib import Path

from tests.tuning import digits

WARM = 40  # trials after which all code has been run, of every choice
HEAP = re.compile(r"\[heap\]\n(?:.*\n)*?Rss: +(\d+) kB")
FIELDS = "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost"


class Mallinfo(ctypes.Structure):
    """What the allocator says of itself."""

    _fields_ = [(name, ctypes.c_size_t) for name in FIELDS.split()]


def memory() -> tuple[float, float]:
    """Memory of this process in MB: in use, and resident. MALLOC_ARENA_MAX must be 1: all of the heap is one then."""
    gc.collect()
    libc = ctypes.CDLL(None)
    libc.malloc_trim(0)
    libc.mallinfo2.restype = Mallinfo
    resident = int(re.findall(r"VmRSS:\s+(\d+) kB", Path("/proc/self/status").read_text())[0])
    heap = sum(map(int, HEAP.findall(Path("/proc/self/smaps").read_text())))
    return (resident - heap) / 1000 + libc.mallinfo2().uordblks / 1e6, resident / 1000


def main(folder: str, trials: int) -> None:
    """Print what `trials` trials add."""
    digits.EPOCHS = 2
    search = digits.make(folder, batch_sizes=(32, 64))
    search.run(WARM, workers=0)
    used, resident = memory()
    for done in range(WARM, WARM + trials, 50):
        search.run(min(done + 50, WARM + trials), workers=0)
        now = memory()
        more = f"{now[0] - used:+.1f} MB in use, {now[1] - resident:+.1f} MB resident"
        print(f"{done + 50 - WARM} trials: {more}", file=sys.stderr, flush=True)
    print(f"{memory()[0] - used:.2f}")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
