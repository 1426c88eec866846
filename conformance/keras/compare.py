"""Facts of both sides side by side."""

from __future__ import annotations

from collections.abc import Iterator

from .normal import different, of_errors
from .probing import Facts

__all__ = ["differences"]


def differences(theirs: Facts, ours: Facts, ill: bool = False) -> Iterator[tuple[str, str]]:
    """(fact, what differs). What only kfront has is no difference.

    Args:
        theirs: Keras's.
        ours: kfront's.
        ill: whether what was asked for is a mistake: then nothing may be taken that Keras fails at. Where it is
            none, and Keras fails without refusing it, there is nothing to compare with.
    """
    if "raises" in theirs or "raises" in ours:
        if not ill and not theirs.get("raises", {"planned": True})["planned"]:
            return
        if text := of_errors(theirs.get("raises"), ours.get("raises")):
            yield "raises", text
        return
    for fact, value in theirs.items():
        text = different(value, ours[fact]) if fact in ours else f"missing; Keras {str(value)[:120]}"
        if text:
            yield fact, text
