"""What a Variable takes as its first value."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import kfront
from kfront.core.errors import ArgumentError


@pytest.mark.parametrize(
    ("name", "dtype", "expected"),
    [("ones", None, 1.0), ("zeros", "int32", 0), ("Ones", "float16", 1.0), ("ones", "bool", True)],
)
def test_an_initializer_by_name(name: str, dtype: str | None, expected: Any, backend: Any) -> None:
    v = kfront.Variable(name, shape=(2, 3), dtype=dtype, trainable=False)
    assert v.dtype == (dtype or "float32")
    np.testing.assert_array_equal(v.numpy(), np.full((2, 3), expected))


def test_a_random_initializer_by_name(backend: Any) -> None:
    values = kfront.Variable("glorot_uniform", shape=(4, 8)).numpy()
    assert 0 < np.abs(values).max() <= np.sqrt(6 / 12)


@pytest.mark.parametrize(("name", "shape"), [("ones", None), ("no_such_one", (2,))])
def test_names_that_say_too_little(name: str, shape: Any, backend: Any) -> None:
    with pytest.raises(ArgumentError):
        kfront.Variable(name, shape=shape)
