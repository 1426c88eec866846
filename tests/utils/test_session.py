from __future__ import annotations

import random

import numpy as np
import pytest

import kfront
from kfront.core import naming
from kfront.core.errors import ArgumentError


def draws():
    b = kfront.backends.current()
    return random.random(), np.random.rand(), b.to_numpy(kfront.random.normal((3,))).tolist()


def test_seed_repeats_a_run(backend):
    kfront.utils.set_random_seed(7)
    first = draws()
    second = draws()
    kfront.utils.set_random_seed(7)
    assert draws() == first != second


def test_seed_covers_the_engine():
    torch = pytest.importorskip("torch", reason="the engine is not installed")
    with kfront.backend_scope("torch"):
        kfront.utils.set_random_seed(7)
        first = torch.rand(3)
        kfront.utils.set_random_seed(7)
        assert torch.equal(torch.rand(3), first)


@pytest.mark.parametrize("seed", [-1, 2**32, 1.5, None, True, "1"])
def test_wrong_seed(seed):
    with pytest.raises(ArgumentError, match="set_random_seed"):
        kfront.utils.set_random_seed(seed)


def test_clear_session_restarts_names():
    kfront.utils.clear_session()
    assert naming.auto_name("Dense") == "dense"
    assert naming.auto_name("Dense") == "dense_1"
    kfront.backend.clear_session(free_memory=False)
    assert naming.auto_name("Dense") == "dense"
