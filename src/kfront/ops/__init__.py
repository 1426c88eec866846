"""Tensor functions: the same names on every backend, with the signatures of `keras.ops`.

Each op is declared once, in the module of its family, and its declaration says in which namespaces it appears. Those
that NumPy has are in `kfront.ops.numpy` as well, those of neural networks in `kfront.ops.nn`, of linear algebra in
`kfront.ops.linalg`; those on images are in `kfront.ops.image` only.
"""

from __future__ import annotations

from kfront.core.op_registry import fill
from kfront.ops import (  # noqa: F401  (they declare the ops)
    arithmetic,
    blocks,
    control,
    create,
    elementwise,
    image,
    image_color,
    image_filter,
    image_resample,
    index,
    linalg,
    logic,
    matrix,
    nan,
    nn,
    nn_activation,
    nn_conv,
    nn_core,
    nn_ctc,
    numpy,
    random,
    reduce,
    rnn,
    segment,
    shape,
    signal,
    special,
    stats,
    vectorizing,
    windows,
)

__all__, __dir__ = fill(globals(), "image", "linalg", "nn", "numpy")
for _theme in (image, linalg, nn, numpy):
    _theme.__all__, _theme.__dir__ = fill(vars(_theme))  # type: ignore[attr-defined]
