"""`SymbolicScope`: says that shapes are being inferred, and nothing is computed."""

from __future__ import annotations

from kfront.core.state import state


class SymbolicScope:
    """Context manager around the inference of shapes; symbolic calls of layers run inside one.

    Code of your own that acts on its surroundings (counts calls, writes files) can ask `SymbolicScope.is_active()`.

    Example:

    >>> import kfront
    >>> with kfront.SymbolicScope():
    ...     print(kfront.SymbolicScope.is_active())
    True
    """

    __slots__ = ("_outer",)

    def __enter__(self) -> SymbolicScope:
        self._outer, state.symbolic = state.symbolic, True
        return self

    def __exit__(self, *exc: object) -> None:
        state.symbolic = self._outer

    @staticmethod
    def is_active() -> bool:
        """Whether this thread is inside such a scope."""
        return state.symbolic
