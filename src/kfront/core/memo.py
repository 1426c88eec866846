"""Cache of inferred shapes and dtypes: an op infers the result of equal arguments once.

The key holds all that the result may depend on: the operands' shapes and dtypes (the values of Python numbers), the
other arguments with their types, the backend and floatx. A call with an argument that can change, or that runs code of
the user (functions, tensors, seed generators), has no key and is inferred each time.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

from kfront.core.dtypes import WEAK
from kfront.core.settings import floatx
from kfront.core.spec import Abstract
from kfront.core.state import state

_LIMIT = 256  # results of one op
_PLAIN = frozenset((*WEAK, str, type(None), type(Ellipsis)))


class _NoKey(Exception):
    """An argument whose value can change."""


def _frozen(x: Any) -> Any:
    kind = x.__class__
    if kind in _PLAIN:
        return kind, x  # 1, 1.0 and True are equal, but not the same argument
    if kind is Abstract:
        return x.dtype, x.sparse, *x.shape
    if kind is tuple or kind is list:
        return kind, *map(_frozen, x)
    if kind is dict:
        return kind, *((k, _frozen(v)) for k, v in x.items())
    if kind is slice:
        return kind, _frozen(x.start), _frozen(x.stop), _frozen(x.step)
    raise _NoKey


def key_of(operands: Any, static: tuple[object, ...]) -> tuple[object, ...] | None:
    """What the inference depends on; None where that is not known.

    Args:
        operands: `Abstract` values, Python numbers, None.
        static: the other arguments.
    """
    try:
        return state.backend, floatx(), *map(_frozen, operands), *map(_frozen, static)
    except _NoKey:
        return None


def fresh(x: Any) -> Any:
    """A copy of an inferred result, because masks and histories are attached to results."""
    kind = x.__class__
    if kind is Abstract:
        return Abstract(x.shape, x.dtype, x.sparse)
    return kind(map(fresh, x)) if kind is tuple or kind is list else x


def _lasting(x: Any) -> bool:
    if x.__class__ is tuple or x.__class__ is list:
        return all(map(_lasting, x))
    return x.__class__ is Abstract or x.__class__ in _PLAIN


def recalled(known: dict[object, object], key: object, infer: Callable[..., object], *args: object) -> Any:
    """The result for `key`: from `known`, or inferred and put there.

    Args:
        known: results of one op; emptied when it has grown too large.
        key: as from `key_of`; None to infer in any case.
        infer: computes it.
        *args: its arguments.
    """
    if key is None:
        return infer(*args)
    try:
        found = known.get(key)
    except TypeError:  # a size that is a tensor cannot be looked up
        found = None
    if found is not None:
        return fresh(found)
    out = infer(*args)
    if not _lasting(out):
        return out
    if len(known) >= _LIMIT:
        known.clear()
    with contextlib.suppress(TypeError):
        known[key] = out
    return fresh(out)
