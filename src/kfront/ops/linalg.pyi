# Written by tools/stubs.py from the declarations of ops.
from kfront.ops.matrix import (
    cholesky_inverse as cholesky_inverse,
    lstsq as lstsq,
    matrix_power as matrix_power,
    matrix_rank as matrix_rank,
    norm as norm,
    pinv as pinv,
)
from kfront.ops.primitives.linalg import (
    cholesky as cholesky,
    det as det,
    eig as eig,
    eigh as eigh,
    inv as inv,
    lu_factor as lu_factor,
    qr as qr,
    solve as solve,
    solve_triangular as solve_triangular,
    svd as svd,
)
from kfront.ops.vectorizing import jvp as jvp

__all__ = [
    "cholesky",
    "cholesky_inverse",
    "det",
    "eig",
    "eigh",
    "inv",
    "jvp",
    "lstsq",
    "lu_factor",
    "matrix_power",
    "matrix_rank",
    "norm",
    "pinv",
    "qr",
    "solve",
    "solve_triangular",
    "svd",
]
