"""Write the table of docs/distribution.md that says how ops run on a mesh of torch's, from what the adapter registers.

``python tools/mesh_docs.py`` writes it, ``--check`` tells whether it is current.
"""

from __future__ import annotations

import sys
from pathlib import Path

import made_page  # beside it

from kfront.backends import get
from kfront.core.op import OPS

PAGE = Path(__file__).parents[1] / "docs" / "distribution.md"
_BEGIN, _END = "<!-- ops: python tools/mesh_docs.py -->\n", "<!-- end of ops -->"
_LETTERS = {"b": "rows of the batch", "h": "heads"}


def table() -> str:
    """The table: one row for all ops that run in the same way."""
    backend = get("torch")
    from kfront.backends.torch import mesh  # after the ops

    kernels = {kernel.op for kernel in backend.tuned_table} & {*OPS, *mesh.ROWS}  # the others are no ops
    rows: dict[str, list[str]] = {}
    for op in sorted({*mesh.ROWS, *mesh._OWN, *mesh._COMPOSED, *kernels}):
        if op in mesh.ROWS:
            letters = dict.fromkeys(c for c in mesh.ROWS[op][0][0] if c in _LETTERS)
            how = f"each process its {' and '.join(_LETTERS[c] for c in letters)}; what else is divided is gathered"
        elif op in mesh._OWN:
            how = "a form for DTensors"
        elif op in mesh._COMPOSED:
            how = "the op's body, on DTensors: statistics of the whole batch"
        else:
            how = "DTensor's rules; whole tensors in every process where it has none"
        rows.setdefault(how, []).append(f"`{op}`" + "*" * (op in kernels))
    lines = [f"| {', '.join(ops)} | {how} |" for how, ops in rows.items()]
    return "\n".join(["| ops (* with a kernel of kfront's own) | on a mesh |", "|---|---|", *lines]) + "\n"


def page() -> str:
    """The text of the page, with the table as it is now."""
    head, _, rest = PAGE.read_text(encoding="utf-8").partition(_BEGIN)
    return f"{head}{_BEGIN}{table()}{_END}{rest.partition(_END)[2]}"


if __name__ == "__main__":
    sys.exit(made_page.main(PAGE, page()))
