"""The table: complex numbers, and the bytes of numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from .entry import Entry, floats, ints, tol

__all__ = ["entries"]

_EXACT = tol(0, 0)


def _complex(*shape: int) -> np.ndarray:
    return (floats(*shape) + 1j * floats(*shape)).astype("complex64")


def _joined(re: Any, im: Any) -> Any:
    y = np.empty(np.broadcast(re, im).shape, "complex128")
    y.real, y.imag = re, im
    return y


def _complex_numbers() -> list[Entry]:
    off = {"smooth": False}
    c = tol(8, 4)
    r, i, j, a, p = (
        Entry(n, fn, c, "fixed", **off)
        for n, fn in (
            ("real", np.real), ("imag", np.imag), ("conj", np.conj), ("angle", lambda x: np.angle(x * 1)), ("isreal", np.isreal),
        )
    )  # fmt: skip
    for e in (r, i, j, a, p):
        e(_complex(2, 3)).edge(floats(3))
    a.edge(ints(3))
    p.edge(np.array([1 + 0j, 1 + 2j], "complex64"))
    t = Entry("to_complex", _joined, c, "fixed", **off)
    t(floats(3), floats(3))
    cp = Entry("complex_parts", lambda x: (x.real, x.imag), c, "fixed", **off)
    cp(_complex(2, 2))
    po = Entry(
        "polar", lambda length, angle: _joined(length * np.cos(angle), length * np.sin(angle)), c, "fixed", **off
    )
    po(floats(3, low=0.1), floats(3))
    vc = Entry("view_as_complex", lambda x: x[..., 0] + 1j * x[..., 1], c, "fixed", **off)
    vc(floats(3, 2)).edge(floats(2, 2, 2))
    vr = Entry("view_as_real", lambda x: np.stack([x.real, x.imag], -1), c, "fixed", **off)
    vr(_complex(3))
    v = Entry("view", lambda x, dtype=None: x.view(dtype or x.dtype), _EXACT, "fixed", raw=True, **off)
    v(floats(2, 4), "int32").edge(floats(2, 4), "uint8").edge(ints(2, 4, low=0, dtype="uint8"), "int16").edge(ints(3))
    return [r, i, j, a, p, t, cp, po, vc, vr, v]


def entries() -> list[Entry]:
    """The entries of this file."""
    return [*_complex_numbers()]
