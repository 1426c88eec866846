"""Complex numbers. They are at home in few ops; where an engine has none, these raise `UnsupportedError`."""

from __future__ import annotations

from typing import Any

from kfront.core.dtypes import COMPLEX, floating, to_float
from kfront.core.errors import ShapeError
from kfront.core.op import op
from kfront.core.spec import Abstract, KerasTensor
from kfront.core.typing import Tensor, TensorLike
from kfront.ops import primitives as p
from kfront.ops.creation import zeros_like
from kfront.ops.primitives.arguments import missing


def _real_dtype(dtype: str) -> str:
    return {"complex64": "float32", "complex128": "float64"}.get(dtype, dtype)


@op(2, floating)
def to_complex(re: TensorLike, im: TensorLike) -> Tensor:
    """A complex tensor of its two parts. Not public; engines define it.

    Args:
        re: real parts, float32 or float64.
        im: imaginary parts, of the same shape.

    Returns:
        complex64 or complex128 tensor.

    Example:

    >>> from kfront import ops
    >>> from kfront.ops.complex_numbers import to_complex
    >>> ops.convert_to_numpy(to_complex(ops.array([1.0]), ops.array([2.0]))).tolist()
    [(1+2j)]
    """
    if isinstance(re, KerasTensor) or isinstance(im, KerasTensor):
        out = p.add(re, im)
        return Abstract(out.shape, "complex128" if out.dtype == "float64" else "complex64")
    return missing("to_complex")


@op()
def complex_parts(x: object) -> Any:
    """The parts of a complex tensor. Not public; engines define it.

    Args:
        x: complex tensor.

    Returns:
        Tuple (real, imaginary).

    Example:

    >>> from kfront import ops
    >>> from kfront.ops.complex_numbers import complex_parts
    >>> [float(part) for part in complex_parts(ops.array(1 + 2j))]
    [1.0, 2.0]
    """
    if isinstance(x, KerasTensor):
        return (Abstract(x.shape, _real_dtype(x.dtype)),) * 2
    return missing("complex_parts")


def _is_complex(x: TensorLike) -> bool:
    return p.dtype_of(x) in COMPLEX


@op(zeros="kept", home="numpy")
def real(x: Any) -> Tensor:
    """Real part.

    Args:
        x: tensor of any shape.

    Returns:
        tensor of the shape of `x`, real.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.real([1.0, 2.0])).tolist()
    [1.0, 2.0]
    """
    return complex_parts(x)[0] if _is_complex(x) else x


@op(zeros="kept", home="numpy")
def imag(x: TensorLike) -> Tensor:
    """Imaginary part; 0 for real tensors.

    Args:
        x: tensor of any shape.

    Returns:
        tensor of the shape of `x`, real.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.imag([1.0, 2.0])).tolist()
    [0.0, 0.0]
    """
    return complex_parts(x)[1] if _is_complex(x) else zeros_like(x)


@op(zeros="kept", home="numpy", aliases=("conjugate",), class_name="Conjugate")
def conj(x: Tensor) -> Tensor:
    """Complex conjugate; real tensors stay.

    Args:
        x: tensor of any shape.

    Returns:
        tensor of the shape and dtype of `x`.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.conj([1.0, 2.0])).tolist()
    [1.0, 2.0]
    """
    if not _is_complex(x):
        return x
    re, im = complex_parts(x)
    return to_complex(re, p.negative(im))


@op(fuse=True, home="numpy")
def angle(x: TensorLike) -> Tensor:
    """Angle in the complex plane, in radians.

    Args:
        x: tensor of any shape.

    Returns:
        tensor of the shape of `x`, floating.

    Example:

    >>> from kfront import ops
    >>> round(float(ops.angle(-1.0)), 4)
    3.1416
    """
    if _is_complex(x):
        re, im = complex_parts(x)
        return p.arctan2(im, re)
    x = p.cast(x, to_float(p.dtype_of(x)))
    return p.arctan2(zeros_like(x), x)


@op(home="numpy")
def isreal(x: TensorLike) -> Tensor:
    """Whether the imaginary part is 0.

    Args:
        x: tensor of any shape.

    Returns:
        bool tensor of the shape of `x`.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.isreal([1.0, 2.0])).tolist()
    [True, True]
    """
    return p.equal(imag(x), 0)


@op(2, floating, fuse=True, home="nn")
def polar(abs_: TensorLike, angle: TensorLike) -> Tensor:
    """Complex numbers from length and angle.

    Args:
        abs_: lengths, floating tensor.
        angle: angles in radians, of the same shape.

    Returns:
        complex64 or complex128 tensor.

    Example:

    >>> from kfront import ops
    >>> z = ops.polar(ops.array([2.0]), ops.array([0.0]))
    >>> float(ops.real(z)[0]), float(ops.imag(z)[0])
    (2.0, 0.0)
    """
    return to_complex(p.multiply(abs_, p.cos(angle)), p.multiply(abs_, p.sin(angle)))


@op(dtype=floating, home="math")
def view_as_complex(x: Tensor) -> Tensor:
    """Pairs (real, imaginary) in the last axis as complex numbers.

    Args:
        x: floating tensor of shape (..., 2); halves become float32.

    Returns:
        complex tensor of shape (...,).

    Raises:
        ShapeError: if the last axis is not of length 2.

    Example:

    >>> from kfront import ops
    >>> z = ops.view_as_complex(ops.array([[1.0, 2.0]]))
    >>> float(ops.real(z)[0]), float(ops.imag(z)[0])
    (1.0, 2.0)
    """
    if not len(x.shape) or x.shape[-1] not in (2, None):
        raise ShapeError(f"[view_as_complex] expected `x` of shape (..., 2), got {tuple(x.shape)}.")
    x = p.cast(x, "float32") if p.dtype_of(x) in ("float16", "bfloat16") else x
    return to_complex(p.get_item(x, (..., 0)), p.get_item(x, (..., 1)))


@op(home="math")
def view_as_real(x: TensorLike) -> Tensor:
    """Complex numbers as pairs (real, imaginary) in a new last axis.

    Args:
        x: complex tensor.

    Returns:
        tensor of shape x.shape + (2,), real.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.view_as_real(ops.view_as_complex(ops.array([[1.0, 2.0]])))).tolist()
    [[1.0, 2.0]]
    """
    return p.stack([real(x), imag(x)], -1)
