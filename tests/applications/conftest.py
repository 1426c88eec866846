"""Models without the memory and time that their random weights would take."""

from __future__ import annotations

import numpy as np
import pytest

from kfront import backends
from kfront.core.dtypes import standardize
from kfront.core.naming import clear_names
from kfront.core.variable import Variable


@pytest.fixture
def no_values(monkeypatch):
    """Variables hold one zero each, shown in their shape: what is tested is what a model consists of."""

    plain = Variable._initial

    def initial(self, initializer, shape, dtype):
        if shape is None:
            return plain(self, initializer, shape, dtype)
        self._dtype = standardize(dtype)
        return np.broadcast_to(np.zeros((), self._dtype), tuple(shape))

    monkeypatch.setattr(Variable, "_initial", initial)
    clear_names()
    with backends.backend_scope("numpy"):
        yield
