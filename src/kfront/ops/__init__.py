"""Tensor functions: the same names on every backend, with the signatures of `keras.ops`.

Each op is declared once, and its declaration says in which namespaces it appears: in `primitives` if every backend
implements it, else in the module of its family, where it is composed of others. Those that NumPy has are in
`kfront.ops.numpy` as well, those of neural networks in `kfront.ops.nn`, of linear algebra in `kfront.ops.linalg`;
those on images are in `kfront.ops.image` only.
"""

from kfront.core.op_registry import fill
from kfront.ops import (  # noqa: F401  (they declare the ops)
    activations,
    arithmetic,
    attention,
    casting,
    complex_numbers,
    control,
    convolution,
    creation,
    ctc,
    diagonals,
    elementwise,
    encoding,
    image,
    image_color,
    image_common,
    image_filter,
    image_resample,
    integers,
    linalg,
    logic,
    losses,
    matrix,
    nan_reductions,
    nn,
    normalization,
    numpy,
    positions,
    primitives,
    random,
    rearranging,
    recurrent,
    reductions,
    searching,
    shapes,
    signal,
    statistics,
    vectorizing,
    window_functions,
)

__all__, __dir__ = fill(globals(), "image", "linalg", "nn", "numpy")
for _theme in (image, linalg, nn, numpy):
    _theme.__all__, _theme.__dir__ = fill(vars(_theme))  # type: ignore[attr-defined]
