# Written by tools/stubs.py from the table in the module of the same name.
from kfront.regularizers.regularizers import (
    L1 as L1,
    L1 as l1,
    L1L2 as L1L2,
    L1L2 as l1_l2,
    L2 as L2,
    L2 as l2,
    OrthogonalRegularizer as OrthogonalRegularizer,
    OrthogonalRegularizer as orthogonal_regularizer,
    Regularizer as Regularizer,
    deserialize as deserialize,
    get as get,
    serialize as serialize,
)

__all__ = [
    "L1",
    "L1L2",
    "L2",
    "OrthogonalRegularizer",
    "Regularizer",
    "deserialize",
    "get",
    "l1",
    "l1_l2",
    "l2",
    "orthogonal_regularizer",
    "serialize",
]
