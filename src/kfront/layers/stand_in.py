"""What stands where a layer reads its weight, when the weight is computed from other Variables."""

from __future__ import annotations

from typing import Any

import numpy as np

from kfront.core.operators import VariableBase

__all__ = ["StandIn"]


class StandIn(VariableBase):
    """A computed weight: subclasses define `value` and `shape`, and name the Variable whose dtype it has.

    Args:
        like: that Variable.
    """

    shape: Any

    def __init__(self, like: Any) -> None:
        self._like, self._backend = like, like._backend

    @property
    def value(self) -> Any:
        """The native tensor."""
        raise NotImplementedError(f"[{type(self).__name__}] expected the class to define `value`.")

    @property
    def dtype(self) -> str:
        """Dtype name."""
        return self._like.dtype

    def _autocast_now(self) -> bool:
        return self._like._autocast_now()

    def numpy(self) -> np.ndarray:
        """The value as a NumPy array."""
        return np.array(self._backend.to_numpy(self.value))
