from __future__ import annotations

import pytest

from kfront.core.errors import DataError
from kfront.utils import pack_x_y_sample_weight, unpack_x_y_sample_weight


def test_pack():
    assert pack_x_y_sample_weight(1) == 1
    assert pack_x_y_sample_weight([1]) == ([1],)
    assert pack_x_y_sample_weight(1, 2) == (1, 2)
    assert pack_x_y_sample_weight(1, None, 3) == (1, None, 3)


@pytest.mark.parametrize(
    ("data", "out"),
    [
        (5, (5, None, None)),
        ({"a": 1}, ({"a": 1}, None, None)),
        ((1,), (1, None, None)),
        ([1, 2], (1, 2, None)),
        ((1, 2, 3), (1, 2, 3)),
    ],
)
def test_unpack(data, out):
    assert unpack_x_y_sample_weight(data) == out


@pytest.mark.parametrize("data", [(), (1, 2, 3, 4)])
def test_unpack_wrong_length(data):
    with pytest.raises(DataError, match=f"got {len(data)} elements"):
        unpack_x_y_sample_weight(data)
