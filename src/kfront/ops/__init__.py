"""Tensor functions: the same names on every backend, with the signatures of `keras.ops`.

Each op is declared once, in the module of its kind. `kfront.ops.numpy`, `kfront.ops.nn` and `kfront.ops.linalg` hold
the same functions by theme; those on images are in `kfront.ops.image`.
"""

from __future__ import annotations

from kfront.core.op_registry import publish
from kfront.ops import image, linalg, nn, numpy
from kfront.ops import random as _random  # noqa: F401
from kfront.ops import rnn as _rnn  # noqa: F401
from kfront.ops.blocks import rearrange
from kfront.ops.control import (
    associative_scan,
    cond,
    custom_gradient,
    fori_loop,
    map,
    scan,
    stop_gradient,
    switch,
    vectorized_map,
    while_loop,
)
from kfront.ops.create import convert_to_numpy, convert_to_tensor, dtype, is_tensor
from kfront.ops.elementwise import cast, erf, erfinv, rsqrt, saturate_cast
from kfront.ops.index import scatter, scatter_update, slice, slice_update
from kfront.ops.linalg import *  # noqa: F403
from kfront.ops.matrix import logdet
from kfront.ops.nn import *  # noqa: F403
from kfront.ops.numpy import *  # noqa: F403
from kfront.ops.reduce import in_top_k, logsumexp, top_k
from kfront.ops.segment import segment_max, segment_min, segment_prod, segment_sum
from kfront.ops.shape import shape, unstack
from kfront.ops.signal import extract_sequences, fft, fft2, ifft2, irfft, istft, rfft, stft
from kfront.ops.special import erfc, view_as_complex, view_as_real
from kfront.ops.stats import cdist

__all__ = [
    "associative_scan",
    "cast",
    "cdist",
    "cond",
    "convert_to_numpy",
    "convert_to_tensor",
    "custom_gradient",
    "dtype",
    "erf",
    "erfc",
    "erfinv",
    "extract_sequences",
    "fft",
    "fft2",
    "fori_loop",
    "ifft2",
    "image",
    "in_top_k",
    "irfft",
    "is_tensor",
    "istft",
    "linalg",
    "logdet",
    "logsumexp",
    "map",
    "nn",
    "numpy",
    "rearrange",
    "rfft",
    "rsqrt",
    "saturate_cast",
    "scan",
    "scatter",
    "scatter_update",
    "segment_max",
    "segment_min",
    "segment_prod",
    "segment_sum",
    "shape",
    "slice",
    "slice_update",
    "stft",
    "stop_gradient",
    "switch",
    "top_k",
    "unstack",
    "vectorized_map",
    "view_as_complex",
    "view_as_real",
    "while_loop",
]
__all__ += linalg.__all__
__all__ += nn.__all__
__all__ += numpy.__all__
publish({n: globals()[n] for n in __all__})


def __dir__() -> list[str]:
    return list(__all__)
