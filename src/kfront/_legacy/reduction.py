"""How losses reduce their values."""

from __future__ import annotations

from kfront.core.errors import ArgumentError


class Reduction:
    """Names of reductions.

    Example:

    >>> Reduction.SUM in Reduction.all()
    True
    """

    AUTO, NONE, SUM, SUM_OVER_BATCH_SIZE = "auto", "none", "sum", "sum_over_batch_size"

    @classmethod
    def all(cls) -> tuple[str, ...]:
        """Every name."""
        return (cls.AUTO, cls.NONE, cls.SUM, cls.SUM_OVER_BATCH_SIZE)

    @classmethod
    def validate(cls, key: str) -> None:
        """Refuse what is no name of a reduction."""
        if key not in cls.all():
            raise ArgumentError(f"[Reduction] expected one of {cls.all()}, got {key!r}.")
