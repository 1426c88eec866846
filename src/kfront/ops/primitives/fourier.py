"""Fourier transforms. Complex values come as pairs of real tensors."""

# pyright: reportReturnType=false
# (primitives have no body: each engine has its own)

from __future__ import annotations

import functools

from kfront.core import shapes, shapes_nn
from kfront.core.dtypes import at_least_single, result_type, to_float
from kfront.core.errors import ArgumentError, ShapeError
from kfront.core.op import in_front_of, op
from kfront.core.typing import Tensor, TensorLike
from kfront.ops.primitives.arguments import whole

_SHAPE_2D = functools.partial(shapes_nn.transform, rank=2)
_LENGTH = {"fft_length": whole("fft_length", 1, optional=True)}


def _pair_rule(*dtypes: object) -> tuple[object, object]:
    d = transform_dtype(*dtypes)
    return d, [d, d]


def _real_rule(*dtypes: object) -> tuple[object, object]:
    d = transform_dtype(*dtypes)
    return d, d


def transform_dtype(*dtypes: object) -> str:
    """The dtype in which a transform of real tensors is computed."""
    return at_least_single(to_float(result_type(*dtypes)))


@op(2, _pair_rule, shapes_nn.transform, name="fft", home="math", call_args=("x",), class_name="FFT")
def _fft(real: TensorLike, imag: TensorLike) -> tuple[Tensor, Tensor]: ...


@op(2, _pair_rule, _SHAPE_2D, name="fft2", home="math", call_args=("x",), class_name="FFT2")
def _fft2(real: TensorLike, imag: TensorLike) -> tuple[Tensor, Tensor]: ...


@op(2, _pair_rule, _SHAPE_2D, name="ifft2", home="math", call_args=("x",), class_name="IFFT2")
def _ifft2(real: TensorLike, imag: TensorLike) -> tuple[Tensor, Tensor]: ...


@op(dtype=_pair_rule, shape=shapes_nn.rfft, prepare=_LENGTH, home="math", class_name="RFFT")
def rfft(x: TensorLike, fft_length: int | None = None) -> tuple[Tensor, Tensor]:
    """Fourier transform of real signals along the last axis: the half of the spectrum that says it all.

    Args:
        x: tensor of shape (..., n).
        fft_length: length to which signals are cut or filled with zeros; n if None.

    Returns:
        Tuple (real, imaginary), floating, of shape (..., fft_length // 2 + 1).

    Example:

    >>> from kfront import ops
    >>> real, imaginary = ops.rfft(ops.array([1.0, 2.0, 3.0, 4.0]))
    >>> [round(float(v), 3) for v in real]
    [10.0, -2.0, -2.0]
    """


@op(
    2,
    _real_rule,
    shapes_nn.irfft,
    name="irfft",
    prepare=_LENGTH,
    home="math",
    call_args=("x",),
    class_name="IRFFT",
)
def irfft_of_parts(real: TensorLike, imag: TensorLike, fft_length: int | None = None) -> Tensor:
    """`kfront.ops.irfft` of the two parts of a complex tensor.

    Args:
        real: floating tensor of shape (..., m).
        imag: tensor of the same shape and dtype.
        fft_length: length of the result; 2 * (m - 1) if None.

    Returns:
        floating tensor of shape (..., fft_length).

    Example:

    >>> from kfront import ops
    >>> from kfront.ops.primitives.fourier import irfft_of_parts
    >>> x = irfft_of_parts(ops.array([10.0, -2.0, -2.0]), ops.array([0.0, 2.0, 0.0]))
    >>> ops.convert_to_numpy(x).round(4).tolist()
    [1.0, 2.0, 3.0, 4.0]
    """


def real_and_imaginary(name: str, x: object) -> tuple[Tensor, Tensor]:
    """The two parts of a complex tensor.

    Raises:
        ArgumentError: `x` is no pair.
        ShapeError: the parts have different shapes.
    """
    if not isinstance(x, (tuple, list)) or len(x) != 2:
        raise ArgumentError(f"[{name}] expected `x` to be a tuple (real, imaginary), got {type(x).__name__}.")
    real, imaginary = map(shapes.shape_of, x)
    if not shapes.may_be_equal(real, imaginary):
        raise ShapeError(f"[{name}] expected parts of one shape, got {real} and {imaginary}.")
    return x[0], x[1]


@in_front_of(_fft)
def fft(x: TensorLike) -> tuple[Tensor, Tensor]:
    """Fourier transform along the last axis.

    Args:
        x: tuple (real, imaginary) of tensors of shape (..., n).

    Returns:
        Tuple (real, imaginary) of the same shape, floating.

    Example:

    >>> from kfront import ops
    >>> real, imaginary = ops.fft((ops.array([1.0, 2.0, 3.0, 4.0]), ops.zeros(4)))
    >>> [round(float(v), 3) for v in real]
    [10.0, -2.0, -2.0, -2.0]
    """
    return _fft(*real_and_imaginary("fft", x))


@in_front_of(_fft2)
def fft2(x: TensorLike) -> tuple[Tensor, Tensor]:
    """Fourier transform along the last two axes.

    Args:
        x: tuple (real, imaginary) of tensors of shape (..., m, n).

    Returns:
        Tuple (real, imaginary) of the same shape, floating.

    Example:

    >>> from kfront import ops
    >>> real, imaginary = ops.fft2((ops.ones((2, 2)), ops.zeros((2, 2))))
    >>> float(real[0, 0])
    4.0
    """
    return _fft2(*real_and_imaginary("fft2", x))


@in_front_of(_ifft2)
def ifft2(x: TensorLike) -> tuple[Tensor, Tensor]:
    """Inverse of `fft2`.

    Args:
        x: tuple (real, imaginary) of tensors of shape (..., m, n).

    Returns:
        Tuple (real, imaginary) of the same shape, floating.

    Example:

    >>> from kfront import ops
    >>> real, imaginary = ops.ifft2((ops.ones((2, 2)), ops.zeros((2, 2))))
    >>> float(real[0, 0])
    1.0
    """
    return _ifft2(*real_and_imaginary("ifft2", x))


@in_front_of(irfft_of_parts)
def irfft(x: TensorLike, fft_length: int | None = None) -> Tensor:
    """Inverse of `rfft`.

    Args:
        x: tuple (real, imaginary) of tensors of shape (..., k).
        fft_length: length of the signals; 2 * (k - 1) if None.

    Returns:
        tensor of shape (..., fft_length), floating.

    Example:

    >>> from kfront import ops
    >>> signal = ops.irfft((ops.array([4.0, 0.0, 0.0]), ops.zeros(3)))
    >>> [float(v) for v in signal]
    [1.0, 1.0, 1.0, 1.0]
    """
    return irfft_of_parts(*real_and_imaginary("irfft", x), fft_length)
