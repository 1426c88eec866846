"""`DerivedWeight`: a weight that is computed from Variables whenever it is read."""

from __future__ import annotations

import numpy as np

from kfront.core.operators import VariableBase
from kfront.core.typing import Tensor
from kfront.core.variable import Variable


class DerivedWeight(VariableBase):
    """Base of weights that are computed from Variables; subclasses define `value` and `shape`.

    Args:
        like: the Variable whose dtype and backend the weight has.
    """

    shape: tuple[int, ...]

    def __init__(self, like: Variable) -> None:
        self._like, self._kf_backend = like, like._kf_backend

    @property
    def value(self) -> Tensor:
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
        return np.array(self._kf_backend.to_numpy(self.value))
