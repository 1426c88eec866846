"""Arguments of ops that are of the wrong kind: looked for once a call has failed, so that calls that work pay nothing.

Each engine fails in its own way at `axis="wibble"`. What an op declares of its arguments tells better: operands are
tensors, and the others have annotations, of which `_KINDS` knows the usual ones.
"""

from __future__ import annotations

import contextlib
import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from kfront.core.errors import ArgumentError, ArgumentTypeError

__all__ = ["check", "check_count", "is_no_tensor", "is_whole", "settled"]


def is_whole(value: object) -> bool:
    """Whether a value is an int, or an array or tensor of one, as TensorFlow's graphs have for sizes."""
    if type(value) is int:  # first: the compiler of torch knows sizes as such, and no `ndim` of them
        return True
    if hasattr(type(value), "__index__"):
        return not getattr(value, "ndim", 0)
    return getattr(value, "ndim", None) == 0 and "int" in str(getattr(value, "dtype", ""))


def _real(value: object) -> bool:
    return hasattr(type(value), "__float__") or is_whole(value)


def is_no_tensor(value: object) -> bool:
    """Whether no engine makes a tensor of a value: None, text, dicts, classes, sequences of them."""
    if isinstance(value, (list, tuple)):
        return any(map(is_no_tensor, value))
    text = isinstance(value, np.ndarray) and value.dtype.kind in "USO"
    return text or value is None or isinstance(value, (str, bytes, dict, type))


def _each(test: Callable[[object], bool]) -> Callable[[object], bool]:
    """Whether a value is a sequence, no text, or an array whose items pass, or a tensor."""

    def check(value: Any) -> bool:
        if isinstance(value, (Sequence, np.ndarray)):
            return not isinstance(value, str) and all(map(test, value))
        return len(getattr(value, "shape", ())) == 1

    return check


_KINDS: dict[str, Callable[[object], bool]] = {
    "int": is_whole,
    "float": _real,
    "Scalar": _real,
    "str": lambda value: isinstance(value, str),
    "None": lambda value: value is None,
    "Sequence[int]": _each(is_whole),
    "Sequence[float]": _each(_real),
    "Sequence[Size]": _each(is_whole),
    "Axis": lambda value: value is None or is_whole(value) or _each(is_whole)(value),
    "Sizes": _each(lambda value: value is None or is_whole(value)),
    "TensorLike": lambda value: not is_no_tensor(value),
    "Tensor": lambda value: hasattr(value, "shape"),
}


def check_count(op: str, name: str, value: object, least: int | None = None) -> None:
    """Refuse what is no int where one is wanted, which an engine may round; a tensor of one is one.

    Raises:
        ArgumentTypeError: for another kind of value.
        ArgumentError: for an int below `least`.
    """
    if not is_whole(value) and (not hasattr(value, "shape") or getattr(value, "ndim", 0)):
        raise ArgumentTypeError(f"[{op}] expected `{name}` to be an int, got {value!r}.")
    if least is not None and isinstance(value, (int, np.integer)) and value < least:
        raise ArgumentError(f"[{op}] expected `{name}` to be at least {least}, got {value!r}.")


def _fits(annotation: str, value: object) -> bool:
    """Whether a value is of a kind that an annotation names; of others nothing is known."""
    return any(name not in _KINDS or _KINDS[name](value) for name in annotation.split(" | "))


def check(op: Any, operands: Sequence[object], static: Sequence[object]) -> None:
    """Refuse operands that cannot be tensors, and other arguments that their annotations do not allow.

    Args:
        op: the op.
        operands: the tensors that it was called with, in order.
        static: its other arguments, in order.

    Raises:
        ArgumentTypeError: for the first of them.
    """
    names = op.tensors * len(operands) if op.listed else op.tensors
    for name, value in zip(names, operands, strict=False):
        if is_no_tensor(value) and not (value is None and name in op.nullable):
            raise ArgumentTypeError(f"[{op.name}] expected `{name}` to be a tensor, got {value!r}.")
    for name, value in zip(op.static, static, strict=True):
        if not _fits(wanted := op.annotations.get(name, ""), value):
            raise ArgumentTypeError(f"[{op.name}] expected `{name}` to be of {wanted}, got {value!r}.")


def settled(op: Any, static: tuple[object, ...]) -> tuple[object, ...]:
    """The other arguments with plain values for what counts as such; the same tuple if there is nothing to change.

    True or False stands for what Python takes as one, an int for an array or tensor of one whose value is known.

    Args:
        op: the op.
        static: its other arguments, in order.

    Raises:
        ArgumentTypeError: if a value of a switch counts as neither.
    """
    out = []
    for name, value in zip(op.static, static, strict=True):
        wanted = op.annotations.get(name, "")
        if wanted == "bool" and not isinstance(value, bool):
            try:
                value = bool(value)
            except (TypeError, ValueError, RuntimeError):
                raise ArgumentTypeError(f"[{op.name}] expected `{name}` to be of bool, got {value!r}.") from None
        elif not isinstance(value, int) and {"int", "Axis"} & set(wanted.split(" | ")) and is_whole(value):
            with contextlib.suppress(TypeError):  # while an engine traces, it is not known
                value = operator.index(value)  # type: ignore[arg-type]
        out.append(value)
    return static if all(new is old for new, old in zip(out, static, strict=True)) else tuple(out)
