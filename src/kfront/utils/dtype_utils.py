"""Dtype questions in the form that code written for Keras asks them."""

from __future__ import annotations

from kfront.core import dtypes
from kfront.core.typing import DTypeLike


def standardize_dtype(dtype: DTypeLike) -> str:
    """The name of a dtype.

    Args:
        dtype: a name, a Python type, a NumPy dtype, an engine's dtype, or None for floatx.

    Raises:
        DTypeError: it is none of kfront's dtypes.

    Example:

    >>> import numpy as np
    >>> import kfront
    >>> kfront.backend.standardize_dtype(np.float16)
    'float16'
    """
    return dtypes.standardize(dtype)


def is_float_dtype(dtype: DTypeLike) -> bool:
    """Whether a dtype is a real floating-point dtype.

    Args:
        dtype: as for `standardize_dtype`.

    Returns:
        A bool.

    Example:

    >>> import kfront
    >>> kfront.backend.is_float_dtype("bfloat16"), kfront.backend.is_float_dtype("int8")
    (True, False)
    """
    return dtypes.is_float(dtypes.standardize(dtype))


def is_int_dtype(dtype: DTypeLike) -> bool:
    """Whether a dtype is an integer dtype; bool is none.

    Args:
        dtype: as for `standardize_dtype`.

    Returns:
        A bool.

    Example:

    >>> import kfront
    >>> kfront.backend.is_int_dtype("uint8"), kfront.backend.is_int_dtype("bool")
    (True, False)
    """
    return dtypes.is_int(dtypes.standardize(dtype))
