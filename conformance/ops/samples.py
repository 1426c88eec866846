"""The table: one entry for every op, gathered from its parts."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from kfront import ops
from kfront.core.op_registry import CATALOG, OPS

from . import (
    table_complex,
    table_control,
    table_ctc,
    table_elementwise,
    table_image,
    table_layers,
    table_linalg,
    table_nn,
    table_options,
    table_rearranging,
    table_reduce,
    table_shape,
    table_signal,
    table_special_functions,
    table_statistics,
    table_transforms,
)
from .entry import Entry

__all__ = ["aliases", "function_of", "table"]

_PARTS = (
    *(table_elementwise, table_reduce, table_shape, table_linalg, table_nn),
    *(
        table_special_functions,
        table_complex,
        table_statistics,
        table_rearranging,
        table_layers,
        table_signal,
        table_ctc,
    ),
    *(table_image, table_control, table_transforms),
)


@functools.cache
def aliases() -> dict[str, str]:
    """Other names of a function -> its own: the same object, so covered by the entry of the own name."""
    return {alias: one.name for one in CATALOG for alias in one.aliases}


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
    table_options.add_to(out)
    return out


@functools.cache
def function_of(name: str) -> Callable[..., Any]:
    """What a user calls: the public function, or the op where there is none."""
    if name in table_control.CALLS:
        return table_control.CALLS[name]
    if name in dir(ops):
        return getattr(ops, name)
    return OPS[name].public if name in OPS else getattr(ops.image, name)
