"""Ops on whole arrays: matrices, transforms, layers' sums. The error is that of the whole: the largest difference over
the largest element, in units of the dtype's epsilon. A small element among large ones has few digits in any algorithm.
"""

from __future__ import annotations

import functools
import zlib
from collections.abc import Callable
from typing import Any, NamedTuple

import ml_dtypes
import numpy as np
from mpmath import mp

import kfront

from ..ops.entry import FLOATS
from .measure import Errors
from .references import BITS

__all__ = ["WHOLE", "errors", "names"]

WIDE = ("float32", "float64")  # what linear algebra is computed in
TIMES = 6  # arrays of each kind
Exact = Any  # an array of mpmath numbers


class Whole(NamedTuple):
    """One op.

    Attributes:
        function: of the namespace `ops` and tensors; results that are unique.
        reference: of arrays of mpmath numbers.
        shapes: of the operands.
        dtypes: in which it is measured.
        made: makes of a square matrix one that the op takes.
    """

    function: Callable[..., Any]
    reference: Callable[..., Exact]
    shapes: tuple[tuple[int, ...], ...] = ((6, 6),)
    dtypes: tuple[str, ...] = WIDE
    made: Callable[[np.ndarray], np.ndarray] = lambda x: x


# ---- exact results -----------------------------------------------------------------------------------------------


def _array(m: Any) -> Exact:
    return np.array(m.tolist(), dtype=object)


def _matrix(x: Exact) -> Any:
    return mp.matrix(x.tolist())


def _each(function: Callable[[Any], Any]) -> Callable[[Exact], Exact]:
    return np.vectorize(function, otypes=[object])


_exp, _sqrt, _log = _each(mp.exp), _each(mp.sqrt), _each(mp.log)


def _softmax(x: Exact) -> Exact:
    y = _exp(x - x.max(-1, keepdims=True))
    return y / y.sum(-1, keepdims=True)


def _attention(q: Exact, k: Exact, v: Exact) -> Exact:
    """Of (batch, steps, heads, size)."""
    out = np.empty(q.shape, dtype=object)
    for b, h in np.ndindex(q.shape[0], q.shape[2]):
        out[b, :, h] = _softmax(q[b, :, h] @ k[b, :, h].T / mp.sqrt(q.shape[-1])) @ v[b, :, h]
    return out


def _conv(x: Exact, kernel: Exact) -> Exact:
    steps = x.shape[1] - kernel.shape[0] + 1
    views = [x[:, i : i + steps] @ kernel[i] for i in range(kernel.shape[0])]
    return functools.reduce(np.add, views)


def _fourier(x: Exact, sign: int = -1) -> Exact:
    """Along the last axis."""
    n = x.shape[-1]
    turns = [[mp.expjpi(mp.mpf(sign * 2 * ((i * j) % n)) / n) for j in range(n)] for i in range(n)]
    return x @ np.array(turns, dtype=object)


def _parts(z: Exact) -> Exact:
    return np.stack([_each(mp.re)(z), _each(mp.im)(z)])


def _complex(x: Exact) -> Exact:
    return x[0] + x[1] * mp.j


def _fourier2(x: Exact, sign: int = -1) -> Exact:
    return _fourier(_fourier(x, sign).swapaxes(-1, -2), sign).swapaxes(-1, -2)


def _cholesky(a: Exact) -> Exact:
    return _array(mp.cholesky(_matrix(a)))


def _inverse(a: Exact) -> Exact:
    return _array(mp.inverse(_matrix(a)))


def _solution(a: Exact, b: Exact) -> Exact:
    return _inverse(a) @ b


def _squares(a: Exact, b: Exact) -> Exact:
    """The solution of least squares."""
    return _inverse(a.T @ a) @ a.T @ b


def _upright(r: Exact) -> Exact:
    """The triangle of a QR decomposition with a positive diagonal."""
    return _cholesky(r.T @ r).T


def _normalized(x: Exact) -> Exact:
    mean = x.mean(-1, keepdims=True)
    return (x - mean) / _sqrt(((x - mean) ** 2).mean(-1, keepdims=True) + mp.mpf("0.001"))


def _singular(a: Exact) -> Exact:
    return np.array(sorted(mp.svd_r(_matrix(a), compute_uv=False), reverse=True), dtype=object)


def _eigenvalues(a: Exact) -> Exact:
    return np.array(sorted(mp.eigsy(_matrix(a), eigvals_only=True)), dtype=object)


# ---- matrices that ops take ------------------------------------------------------------------------------------------


def _positive(x: np.ndarray) -> np.ndarray:
    return x @ x.T + np.eye(len(x))


def _symmetric(x: np.ndarray) -> np.ndarray:
    return (x + x.T) / 2


def _regular(x: np.ndarray) -> np.ndarray:
    return x + 3 * np.eye(len(x)) if len(x) == x.shape[1] else x


def _first(ops: Any, r: Any) -> Any:
    """R of a QR decomposition, with a positive diagonal."""
    signs = ops.sign(ops.diagonal(r))
    return r * ops.expand_dims(signs, -1)


_SIGNAL = ((2, 16),)
WHOLE: dict[str, Whole] = {
    "categorical_crossentropy": Whole(
        lambda ops, x: ops.categorical_crossentropy(ops.eye(6, dtype=x.dtype), x, from_logits=True),
        lambda x: -_log(np.diag(_softmax(x))), dtypes=FLOATS,
    ),
    "binary_crossentropy": Whole(
        lambda ops, x: ops.binary_crossentropy(ops.eye(6, dtype=x.dtype), x, from_logits=True),
        lambda x: _log(1 + _exp(np.where(np.eye(6, dtype=bool), -x, x))), dtypes=FLOATS,
    ),
    "cholesky": Whole(lambda ops, x: ops.cholesky(x), _cholesky, made=_positive),
    "conv": Whole(lambda ops, x, k: ops.conv(x, k), _conv, ((2, 9, 5), (3, 5, 4)), FLOATS),
    "det": Whole(lambda ops, x: ops.det(x), lambda a: np.array(mp.det(_matrix(a)))),
    "dot_product_attention": Whole(
        lambda ops, q, k, v: ops.dot_product_attention(q, k, v), _attention, ((1, 5, 2, 4),) * 3, FLOATS
    ),
    "eigh values": Whole(lambda ops, x: ops.eigh(x)[0], _eigenvalues, made=_symmetric),
    "einsum": Whole(lambda ops, a, b: ops.einsum("ij,kj->ik", a, b), lambda a, b: a @ b.T, ((6, 40), (5, 40)), FLOATS),
    "fft": Whole(lambda ops, x: ops.stack(ops.fft((x[0], x[1]))), lambda x: _parts(_fourier(_complex(x))), _SIGNAL),
    "fft2": Whole(
        lambda ops, x: ops.stack(ops.fft2((x[0], x[1]))), lambda x: _parts(_fourier2(_complex(x))), ((2, 6, 8),)
    ),
    "ifft2": Whole(
        lambda ops, x: ops.stack(ops.ifft2((x[0], x[1]))),
        lambda x: _parts(_fourier2(_complex(x), 1) / 48), ((2, 6, 8),)
    ),
    "inv": Whole(lambda ops, x: ops.inv(x), _inverse, made=_regular),
    "irfft": Whole(
        lambda ops, x: ops.irfft(ops.rfft(x)), lambda x: x, ((2, 16),)
    ),
    "layer_normalization": Whole(
        lambda ops, x: ops.layer_normalization(x, epsilon=1e-3), _normalized, ((4, 40),), FLOATS
    ),
    "logdet": Whole(lambda ops, x: ops.logdet(x), lambda a: np.array(mp.log(mp.det(_matrix(a)))), made=_positive),
    "lstsq": Whole(lambda ops, a, b: ops.lstsq(a, b), _squares, ((8, 4), (8, 2))),
    "matmul": Whole(lambda ops, a, b: ops.matmul(a, b), lambda a, b: a @ b, ((6, 40), (40, 5)), FLOATS),
    "matrix_power": Whole(lambda ops, x: ops.matrix_power(x, 5), lambda a: a @ a @ a @ a @ a),
    "norm nuclear": Whole(lambda ops, x: ops.norm(x, "nuc"), lambda a: np.array(_singular(a).sum())),
    "norm spectral": Whole(lambda ops, x: ops.norm(x, 2), lambda a: np.array(_singular(a)[0])),
    "pinv": Whole(lambda ops, x: ops.pinv(x), lambda a: _inverse(a.T @ a) @ a.T, ((8, 4),)),
    "qr": Whole(lambda ops, x: _first(ops, ops.qr(x)[1]), _upright, ((8, 4),)),
    "rfft": Whole(lambda ops, x: ops.stack(ops.rfft(x)), lambda x: _parts(_fourier(x)[:, :9]), ((2, 16),)),
    "rms_normalization": Whole(
        lambda ops, x: ops.rms_normalization(x, epsilon=1e-3),
        lambda x: x / _sqrt((x**2).mean(-1, keepdims=True) + mp.mpf("0.001")), ((4, 40),), FLOATS,
    ),
    "slogdet": Whole(lambda ops, x: ops.slogdet(x)[1], lambda a: np.array(mp.log(abs(mp.det(_matrix(a)))))),
    "solve": Whole(lambda ops, a, b: ops.solve(a, b), _solution, ((6, 6), (6, 2))),
    "solve_triangular": Whole(
        lambda ops, a, b: ops.solve_triangular(a, b, lower=True),
        lambda a, b: _solution(np.tril(a), b), ((6, 6), (6, 2)), made=_regular,
    ),
    "svd values": Whole(lambda ops, x: ops.svd(x, compute_uv=False), _singular, ((8, 4),)),
    "tensordot": Whole(
        lambda ops, a, b: ops.tensordot(a, b, 2), lambda a, b: a.reshape(3, -1) @ b.reshape(-1, 4),
        ((3, 5, 6), (5, 6, 4)), FLOATS,
    ),
}  # fmt: skip


def names() -> list[str]:
    """Every op that is measured as a whole."""
    return sorted(WHOLE)


# ---- measuring -----------------------------------------------------------------------------------------------------


def _operands(rng: np.random.Generator, shape: tuple[int, ...], group: str) -> np.ndarray:
    """Numbers of one size; or rows and columns that become smaller, down to a thousandth in the corner."""
    x = rng.uniform(-1, 1, shape)
    if group == "structured" and len(shape) > 1:
        x = x * np.logspace(0, -1.5, shape[-1]) * np.logspace(0, -1.5, shape[-2])[:, None]
    return x


@functools.cache
def _problems(name: str, dtype: str) -> dict[str, list[tuple[list[np.ndarray], Exact]]]:
    one = WHOLE[name]
    rng = np.random.default_rng(zlib.crc32(f"{name} {dtype}".encode()))
    out: dict[str, list[tuple[list[np.ndarray], Exact]]] = {"ordinary": [], "structured": []}
    for group, found in out.items():
        for _ in range(TIMES):
            args = [one.made(_operands(rng, shape, group)).astype(dtype) for shape in one.shapes]
            with mp.workprec(BITS):
                found.append((args, one.reference(*(_each(mp.mpf)(a.astype("float64")) for a in args))))
    return out


def _distance(got: np.ndarray, want: Exact, dtype: str) -> float:
    with mp.workprec(BITS):
        if not np.isfinite(got).all():
            return float("inf")
        largest = max(abs(v) for v in want.ravel().tolist())
        most = max(
            abs(mp.mpf(a) - b) for a, b in zip(got.astype("float64").ravel().tolist(), want.ravel(), strict=True)
        )
        return float(most / largest / mp.mpf(float(ml_dtypes.finfo(dtype).eps)))


def errors(name: str, dtype: str) -> Errors:
    """The largest and the mean error of an op on the current engine; nothing where it is not computed in the dtype."""
    one, out = WHOLE[name], {}
    for group, problems in _problems(name, dtype).items() if dtype in one.dtypes else ():
        found = []
        for args, want in problems:
            tensors = [kfront.ops.convert_to_tensor(a, dtype) for a in args]
            got = np.asarray(kfront.ops.convert_to_numpy(one.function(kfront.ops, *tensors)))
            assert got.shape == np.shape(want), f"{name}: shape {got.shape}, expected {np.shape(want)}"
            found.append(_distance(got, want, dtype))
        out[group] = (max(found), sum(found) / len(found))
    return out
