"""What every backend implements. The modules here import no other ops, only each other."""

from kfront.ops.primitives import (  # noqa: F401  (they declare the ops)
    arithmetic,
    control,
    creation,
    dtypes,
    elementary,
    fourier,
    indexing,
    linalg,
    logic,
    nn,
    random,
    reductions,
    shapes,
    sorting,
)
