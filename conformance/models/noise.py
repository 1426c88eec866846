"""Data that are a bit other, to see whether results jump."""

from __future__ import annotations

import numpy as np

__all__ = ["JUMP", "moved"]

NOISE = 1e-5  # of the largest number: how far each is moved
JUMP = 0.02  # results that change more than that, of the largest one, are not compared


def moved(x: np.ndarray, g: np.random.Generator) -> np.ndarray:
    """Other numbers near by; zeros, which masks are made of, stay zeros."""
    if x.dtype.kind != "f":
        return x
    return (x + NOISE * np.abs(x).max(initial=0.0) * g.uniform(-1, 1, x.shape) * (x != 0)).astype(x.dtype)
