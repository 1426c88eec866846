"""The table: one entry for every op, gathered from its parts."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from . import (
    table_control,
    table_elementwise,
    table_image,
    table_linalg,
    table_more,
    table_nn,
    table_reduce,
    table_shape,
    table_transforms,
)
from .entry import Entry

__all__ = ["ALIASES", "function_of", "table"]

_PARTS = (
    *(table_elementwise, table_reduce, table_shape, table_linalg, table_nn),
    *(table_more, table_image, table_control, table_transforms),
)

# second names of one function: the same object, so covered by the entry of the first
ALIASES = {
    "absolute": "abs",
    "bitwise_left_shift": "left_shift",
    "bitwise_not": "bitwise_invert",
    "bitwise_right_shift": "right_shift",
    "conjugate": "conj",
    "hard_swish": "hard_silu",
    "swish": "silu",
    "true_divide": "divide",
}


@functools.cache
def table() -> dict[str, Entry]:
    """Entries by name.

    Raises:
        ValueError: if two entries have one name.
    """
    out: dict[str, Entry] = {}
    for part in _PARTS:
        for e in part.entries():
            if e.name in out:
                raise ValueError(f"expected one entry for each op, got two for {e.name!r}.")
            out[e.name] = e
    return out


@functools.cache
def function_of(name: str) -> Callable[..., Any]:
    """What a user calls: the public function, or the op where there is none."""
    from kfront import ops
    from kfront.core.op import OPS

    if name in table_control.CALLS:
        return table_control.CALLS[name]
    return getattr(ops, name) if name in dir(ops) else OPS[name].public
