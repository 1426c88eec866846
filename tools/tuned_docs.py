"""Write docs/tuned_kernels.md from the tables of tuned kernels; every engine must be installed.

``python tools/tuned_docs.py`` writes the page, ``--check`` tells whether it is current.
"""

from __future__ import annotations

import sys
from pathlib import Path

import made_page  # beside it

from kfront.backends import get

PAGE = Path(__file__).parents[1] / "docs" / "tuned_kernels.md"
_HEAD = """# Tuned kernels

A tuned kernel computes what an engine runs slowly in another way: pooling on JAX's CPU backend as comparisons of whole
arrays, for instance. The numbers are those of the plain form up to rounding; dropout draws from another stream. All
others of an adapter's functions are the engine's own.

When you doubt a number, run the plain forms and compare:

```python
import kfront

kfront.config.set_tuned_kernels(False)  # or KFRONT_TUNED_KERNELS=0 in the environment
```

Call it before a model is compiled: compiled steps keep the form with which they were traced (on JAX they are traced
again). It concerns every backend and every thread. `None` returns to what the environment says.

`python -m benchmarks --engine jax --only tuned` times each kernel beside its plain form, values and gradients; other
rows that are named below are those of `python -m benchmarks --only <case> --parts <part>`. `python -m conformance
--plain` runs the conformance suite on the plain forms.

This page is written by `python tools/tuned_docs.py`.
"""


def page() -> str:
    """The text of the page."""
    parts = [_HEAD]
    for engine in ("torch", "jax", "tensorflow"):
        parts.append(f"\n## {engine}\n")
        for kernel in sorted(get(engine).tuned_table, key=lambda k: k.op):
            parts.append(
                f"- **{kernel.op}**: {kernel.reason}. Upstream: {kernel.issue}. Benchmark: `{kernel.benchmark}`. "
                f"Needed until: {kernel.until}."
            )
    return "\n".join(parts) + "\n"


if __name__ == "__main__":
    sys.exit(made_page.main(PAGE, page()))
